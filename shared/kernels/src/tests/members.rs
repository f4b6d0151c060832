//! Shares of a batch on several devices against the whole batch on one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use super::*;
use crate::collective::{Member, PeerGone};

/// Leaves when its thread ends, so that a failing test does not wait forever.
struct Leaving(Member);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// The results of normalisation: the moments, the result, and the gradients of x, gamma and beta.
type Given = (Tensor<2>, Tensor<4>, [Tensor<4>; 3]);

/// The results for `x` with the upstream gradient `upstream`, alone or together with others.
fn given([x, upstream]: [Tensor<4>; 2], slope: f32, member: Option<&Member>) -> Given {
    let channels = x.dims()[1];
    let moments = match member {
        None => channel_moments(&x),
        Some(member) => together::channel_moments(&x, member),
    };
    let vectors = [drawn([1, channels, 1, 1], 3), drawn([1, channels, 1, 1], 4)];
    let [gamma, beta] = vectors;
    let inputs = [x, gamma, beta].map(|t| t.autodiff().require_grad());
    let [x, gamma, beta] = inputs.clone();
    let (gamma, beta) = (gamma.reshape([channels]), beta.reshape([channels]));
    let y = match member {
        None => normalize_train(x, gamma, beta, moments.clone(), 1e-3, slope),
        Some(member) => together::normalize(x, gamma, beta, moments.clone(), 1e-3, slope, member),
    };
    let gradients = (y.clone() * upstream.autodiff()).sum().backward();
    (moments, y.inner(), inputs.map(|t| t.grad(&gradients).expect("gradient")))
}

/// The results of equal shares of `x`, each on its own thread: the moments of each, the
/// concatenated results, the sums of gamma's and beta's gradients.
fn shared(whole: &[Tensor<4>; 2], slope: f32, members: usize) -> (Vec<Tensor<2>>, Given) {
    let size = whole[0].dims()[0] / members;
    let threads: Vec<_> = Member::of(&vec![device(); members])
        .into_iter()
        .map(|member| {
            let own = whole.clone().map(|x| x.narrow(0, member.index() * size, size));
            thread::spawn(move || {
                let leaving = Leaving(member);
                given(own, slope, Some(&leaving.0))
            })
        })
        .collect();
    let shares: Vec<Given> = threads.into_iter().map(|t| t.join().expect("a share")).collect();
    let moments: Vec<_> = shares.iter().map(|s| s.0.clone()).collect();
    let joined = |of: &dyn Fn(&Given) -> Tensor<4>| Tensor::cat(shares.iter().map(of).collect(), 0);
    let sum = |i: usize| joined(&|s| s.2[i].clone()).sum_dim(0);
    let gradients = [joined(&|s| s.2[0].clone()), sum(1), sum(2)];
    (moments.clone(), (moments[0].clone(), joined(&|s| s.1.clone()), gradients))
}

#[test]
fn shares_that_are_normalised_together_have_results_and_gradients_of_the_whole() {
    for (members, slope) in [(2, 1.0), (2, 0.2), (3, 0.0), (4, 0.2)] {
        let shape = [12, 20, 5, 3];
        // The shares lie apart from each other, and all of them far from zero.
        let places: Vec<f32> = (0..12).map(|i| 30.0 + (i * members / 12) as f32).collect();
        let places = Tensor::<1>::from_floats(places.as_slice(), &device()).reshape([12, 1, 1, 1]);
        let whole = [drawn(shape, 1) * 2.0 + places, drawn(shape, 2)];
        let (moments, y, gradients) = given(whole.clone(), slope, None);
        let (of_each, together) = shared(&whole, slope, members);
        for found in of_each {
            assert_eq!(bits(found), bits(together.0.clone()), "the members have other moments");
        }
        let size = 12 / members;
        let of_share = channel_moments(&whole[0].clone().narrow(0, 0, size));
        assert!(
            difference(of_share, moments.clone()) > 1e-3,
            "a share has the moments of the whole"
        );
        assert!(difference(together.0, moments) < TOLERANCE);
        assert!(difference(together.1, y) < TOLERANCE);
        for (i, (found, expected)) in together.2.into_iter().zip(gradients).enumerate() {
            let off = difference(found, expected);
            assert!(off < TOLERANCE, "{members} members, slope {slope}, gradient {i}: {off}");
        }
    }
}

#[test]
fn what_is_shared_with_nobody_is_normalised_as_alone_but_for_rounding() {
    let whole = [drawn([4, 20, 3, 3], 1), drawn([4, 20, 3, 3], 2)];
    let (moments, y, gradients) = given(whole.clone(), 0.2, None);
    let (_, together) = shared(&whole, 0.2, 1);
    assert_eq!((bits(together.0), bits(together.1)), (bits(moments), bits(y)));
    for (found, expected) in together.2.into_iter().zip(gradients) {
        assert!(difference(found, expected) < 1e-6);
    }
}

#[test]
fn a_backward_pass_whose_peer_has_left_ends_and_leaves_others_as_they_are() {
    let mut members = Member::of(&[device(), device()]);
    let (leaves, stays) = (members.remove(1), members.remove(0));
    let x = drawn([4, 3, 2, 2], 1);
    let moments = |member: &Member| together::channel_moments(&drawn([4, 3, 2, 2], 1), member);
    let peer = thread::spawn(move || {
        let _ = moments(&leaves);
        leaves.leave();
    });
    let found = catch_unwind(AssertUnwindSafe(|| given([x.clone(), x.clone()], 0.2, Some(&stays))));
    assert!(found.expect_err("nobody else came").is::<PeerGone>());
    peer.join().expect("a clean end");
    let (_, y, _) = given([x.clone(), x], 0.2, None);
    assert!(y.abs().max().into_scalar::<f32>() > 0.0);
}
