//! Updates against the same formulas in burn's own operations.

use burn::tensor::TensorData;

use super::*;
use crate::Rule;
use crate::tests::{device, home};

/// [`update`] of one weight in operations of burn.
fn by_burn(update: Update, item: Vec<Tensor<1>>, mut g: Tensor<1>) -> Vec<Tensor<1>> {
    let mut item = item.into_iter();
    // `update` has counted the tensors.
    let mut next = || item.next().unwrap_or_else(|| g.zeros_like());
    let (mut w, kept) = (next(), (0..update.rule.kept()).map(|_| next()).collect::<Vec<_>>());
    let mut kept = kept.into_iter();
    if update.scale != 1.0 {
        g = g * update.scale;
    }
    if update.pull != 0.0 {
        g = g + w.clone() * update.pull;
    }
    if update.kept != 1.0 {
        w = w * update.kept;
    }
    match (update.rule, kept.next(), kept.next()) {
        (Rule::Adam { alpha, beta_1, beta_2, epsilon }, Some(m), Some(v)) => {
            let m = m.clone() + (g.clone() - m) * (1.0 - beta_1);
            let v = v.clone() + (g.square() - v) * (1.0 - beta_2);
            vec![w - m.clone() * alpha / (v.clone().sqrt() + epsilon), m, v]
        }
        (Rule::RmsProp { rho, inside, outside, momentum, gain, alpha }, Some(v), b) => {
            let v = v.clone() + (g.clone().square() - v) * (1.0 - rho);
            let d = g / ((v.clone() + inside).sqrt() + outside);
            let (w, b) = descend(w, b, d, momentum.unwrap_or_default(), false, gain, alpha);
            [Some(w), Some(v), b].into_iter().flatten().collect()
        }
        (Rule::Sgd { momentum, nesterov, gain, alpha }, b, _) => {
            let (w, b) = descend(w, b, g, momentum.unwrap_or_default(), nesterov, gain, alpha);
            [Some(w), b].into_iter().flatten().collect()
        }
        (_, first, second) => [Some(w), first, second].into_iter().flatten().collect(),
    }
}

/// The part of a rule that [`Rule::Sgd`] describes.
fn descend(
    w: Tensor<1>,
    b: Option<Tensor<1>>,
    d: Tensor<1>,
    momentum: f64,
    nesterov: bool,
    gain: f64,
    alpha: f64,
) -> (Tensor<1>, Option<Tensor<1>>) {
    let new = d * gain;
    let Some(b) = b else { return (w - new * alpha, None) };
    let b = b * momentum + new.clone();
    let step = if nesterov { b.clone() * momentum + new } else { b.clone() };
    (w - step * alpha, Some(b))
}

const N: usize = 50_001;

fn drawn(seed: u64) -> Tensor<1> {
    let values = fledge_base::rng::stream(seed, "update test", 0).normals(N);
    Tensor::from_data(TensorData::new(values, [N]), &device())
}

fn values(tensor: Tensor<1>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

const ADAM: Rule = Rule::Adam { alpha: 0.01, beta_1: 0.5, beta_2: 0.999, epsilon: 1e-7 };

/// Every rule with and without its optional states, with the gradient unchanged and scaled.
fn updates() -> Vec<Update> {
    let mut rules = vec![ADAM];
    for momentum in [None, Some(0.9)] {
        rules.push(Rule::RmsProp {
            rho: 0.9,
            inside: 1e-3,
            outside: 1e-2,
            momentum,
            gain: 0.7,
            alpha: 0.1,
        });
        rules.push(Rule::Sgd { momentum, nesterov: false, gain: 0.7, alpha: 0.1 });
    }
    rules.push(Rule::Sgd { momentum: Some(0.9), nesterov: true, gain: 0.7, alpha: 0.1 });
    let plain = rules.iter().map(|&rule| Update { rule, scale: 1.0, pull: 0.0, kept: 1.0 });
    plain
        .chain(rules.iter().map(|&rule| Update { rule, scale: 0.3, pull: 0.1, kept: 0.9 }))
        .collect()
}

#[test]
fn one_pass_gives_what_burns_operations_give() {
    for step in updates() {
        let item: Vec<Tensor<1>> = (0..=step.rule.kept() as u64)
            .map(|i| if i == 0 { drawn(0) } else { drawn(i).square() })
            .collect();
        // The items are also held here, so that a change in place would show.
        let found = update(step, vec![item.clone()], vec![drawn(9)]).remove(0);
        let expected = by_burn(step, item.iter().cloned().map(home).collect(), home(drawn(9)));
        assert_eq!(
            (found.len(), values(item[0].clone())),
            (expected.len(), values(drawn(0))),
            "{step:?}"
        );
        for (found, expected) in found.into_iter().zip(expected) {
            for (f, e) in values(found).into_iter().zip(values(expected)) {
                // A few roundings of numbers of about 1 each.
                assert!((f - e).abs() < 2e-6 * e.abs().max(1.0), "{step:?}: {f} {e}");
            }
        }
    }
}

#[cfg(not(feature = "cubecl-cpu"))]
#[test]
fn a_weight_that_nobody_else_holds_is_changed_where_it_lies() {
    let weight = cpu::own_flex(drawn(0) + 1.0);
    let at = weight.bytes().as_ptr();
    let step = Update {
        rule: Rule::Sgd { momentum: None, nesterov: false, gain: 1.0, alpha: 0.1 },
        ..updates()[0]
    };
    let after = update(step, vec![vec![lift(weight)]], vec![drawn(1)]).remove(0).remove(0);
    assert_eq!(cpu::own_flex(after).bytes().as_ptr(), at);
}

#[cfg(not(feature = "cubecl-cpu"))]
#[test]
fn the_norm_is_that_of_all_numbers_for_any_number_of_threads() {
    let tensors = [drawn(1), drawn(2) * 3.0, drawn(3).narrow(0, 5, 7)];
    let squares =
        tensors.iter().flat_map(|t| values(t.clone())).map(|x| f64::from(x).powi(2)).sum::<f64>();
    let found = norm(&tensors);
    assert!((found - squares.sqrt()).abs() < 1e-12 * found, "{found} {}", squares.sqrt());
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        assert_eq!(pool.install(|| norm(&tensors)), found);
    }
}
