//! The operations of style-based networks against compositions of burn's.

use std::sync::Arc;

use burn::tensor::activation::leaky_relu;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Tensor, module};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::references::separable;
use super::{drawn, home, same};
use crate::{
    Fir, Padding, Rectifier, Style, beside, conv2d, filter, fork, normalize_each,
    rectifier_tangent, style, sum,
};
use fledge_base::testing::torture;

/// A layer's end on some pictures.
#[derive(Clone, Copy, Debug)]
struct End {
    batch: usize,
    channels: usize,
    extent: [usize; 2],
    /// Whether scale, noise and bias are there.
    parts: [bool; 3],
    /// One noise for all pictures.
    shared_noise: bool,
    rectifier: Rectifier,
}

fn ends() -> impl Strategy<Value = End> {
    let rectifiers = prop::sample::select(vec![
        Rectifier::NONE,
        Rectifier::leaky(0.2),
        Rectifier { slope: 0.2, gain: 1.5, bound: f32::INFINITY },
        Rectifier { slope: 0.2, gain: 1.5, bound: 1.0 },
    ]);
    let channels = prop::sample::select(vec![1usize, 3, 8, 16, 17, 40]);
    let parts = [any::<bool>(), any::<bool>(), any::<bool>()];
    (1usize..4, channels, [1usize..40, 1usize..40], parts, any::<bool>(), rectifiers).prop_map(
        |(batch, channels, extent, parts, shared_noise, rectifier)| End {
            batch,
            channels,
            extent,
            parts,
            shared_noise,
            rectifier,
        },
    )
}

impl End {
    /// Pictures, scale, noise, bias.
    fn inputs(self) -> [Tensor<4>; 4] {
        let Self { batch, channels, extent: [h, w], .. } = self;
        let noises = if self.shared_noise { 1 } else { batch };
        [
            drawn([batch, channels, h, w], 1),
            drawn([batch, channels, 1, 1], 2),
            drawn([noises, 1, h, w], 3),
            drawn([1, channels, 1, 1], 4),
        ]
    }

    fn ours(self, [x, scale, noise, bias]: [Tensor<4>; 4]) -> Tensor<4> {
        let ([by_scale, by_noise, by_bias], channels) = (self.parts, self.channels);
        let y = style(
            x,
            Style {
                scale: by_scale.then(|| scale.clone().reshape([self.batch, channels])),
                noise: by_noise.then(|| noise.clone()),
                bias: by_bias.then(|| bias.clone().reshape([channels])),
            },
            self.rectifier,
        );
        // Inputs that are left out have a gradient of zero.
        y + (scale.sum() + noise.sum() + bias.sum()).reshape([1, 1, 1, 1]) * 0.0
    }

    fn burns(self, [x, scale, noise, bias]: [Tensor<4>; 4]) -> Tensor<4> {
        let [by_scale, by_noise, by_bias] = self.parts.map(f64::from);
        let scale = scale * by_scale + (1.0 - by_scale);
        let Rectifier { slope, gain, bound } = self.rectifier;
        let y = leaky_relu(x * scale + noise * by_noise + bias * by_bias, f64::from(slope));
        let y = y * f64::from(gain);
        if bound.is_finite() { y.clamp(-bound, bound) } else { y }
    }
}

/// One use of a filter along an axis.
#[derive(Clone, Debug)]
struct Resample {
    samples: usize,
    taps: Vec<f32>,
    up: usize,
    down: usize,
    padding: [isize; 2],
}

fn resamples() -> impl Strategy<Value = Resample> {
    let taps = prop::collection::vec(-1f32..1.0, 1..7);
    (3usize..20, taps, 1usize..4, 1usize..4, [-2isize..5, -2isize..5])
        .prop_map(|(samples, taps, up, down, padding)| Resample {
            samples,
            taps,
            up,
            down,
            padding,
        })
        .prop_filter("the filter must fit", |r| {
            (r.samples * r.up) as isize + r.padding[0] + r.padding[1] >= r.taps.len() as isize
        })
}

impl Resample {
    fn fir(&self) -> Fir {
        Fir::resampling(self.samples, &self.taps, self.up, self.down, self.padding)
    }

    /// The definition, step by step.
    fn plain(&self, x: &[f32]) -> Vec<f32> {
        let mut stuffed = vec![0.0; x.len() * self.up];
        x.iter().enumerate().for_each(|(i, x)| stuffed[i * self.up] = *x);
        let [before, after] = self.padding;
        let zeros = |n: isize| vec![0.0; n.max(0) as usize];
        let (skip, drop) = ((-before).max(0) as usize, (-after).max(0) as usize);
        let padded =
            [zeros(before), stuffed[skip..stuffed.len() - drop].to_vec(), zeros(after)].concat();
        let reversed: Vec<f32> = self.taps.iter().rev().copied().collect();
        let all = padded.windows(reversed.len());
        let filtered = all.map(|window| window.iter().zip(&reversed).map(|(a, b)| a * b).sum());
        filtered.step_by(self.down).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        rng_seed: torture(RngSeed::Fixed(2), RngSeed::Random),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_end_of_a_layer_and_its_gradients_equal_burns(end in ends()) {
        same(end.inputs(), |inputs| end.ours(inputs), |inputs| end.burns(inputs));
    }

    #[test]
    fn a_resampling_filter_is_zeros_padding_convolution_and_every_nth(r in resamples()) {
        let x: Vec<f32> = (0..r.samples).map(|i| (i * i % 7) as f32 - 3.0).collect();
        let fir = r.fir();
        let sum = |taps: &Vec<(usize, f32)>| taps.iter().map(|&(i, f)| x[i] * f).sum::<f32>();
        let found: Vec<f32> = fir.results.iter().map(sum).collect();
        let expected = r.plain(&x);
        prop_assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            prop_assert!((found - expected).abs() < 1e-5, "{} {}", found, expected);
        }
        prop_assert_eq!(fir.transposed().transposed(), fir);
    }

    #[test]
    fn filters_and_their_gradients_equal_dense_matrices(
        vertical in resamples(), horizontal in resamples(), channels in 1usize..20,
    ) {
        let firs = Arc::new([vertical.fir(), horizontal.fir()]);
        let x = drawn([2, channels, vertical.samples, horizontal.samples], 5);
        same([x], |[x]| filter(x, &firs), |[x]| separable(x, &firs));
    }
}

#[test]
fn sums_and_forks_and_their_gradients_equal_burns() {
    let inputs = || [drawn([3, 17, 9, 5], 1), drawn([3, 17, 9, 5], 2)];
    same(inputs(), |[a, b]| sum(a, b), |[a, b]| a + b);
    // Channels last on one side alone, and a tensor that is used elsewhere.
    let weight = || drawn([17, 17, 1, 1], 3);
    let convolved = |a: Tensor<4>| conv2d(a, weight(), 1, Padding::both([0, 0]));
    let burns = |a: Tensor<4>| {
        let options = ConvOptions::new([1, 1], [0, 0], [1, 1], 1);
        module::conv2d(a, home(weight()), None, options)
    };
    same(inputs(), |[a, b]| sum(convolved(a), b.clone()) * b, |[a, b]| (burns(a) + b.clone()) * b);
    same(
        inputs(),
        |[a, b]| {
            let [one, two] = fork(a);
            sum(one * b.clone(), convolved(two))
        },
        |[a, b]| a.clone() * b + burns(a),
    );
}

#[test]
fn each_picture_is_normalised_by_itself_and_the_gradients_equal_burns() {
    for (channels, slope) in [(3, 1.0), (16, 0.0), (17, 0.2)] {
        let inputs = [
            drawn([3, channels, 6, 5], 1),
            drawn([1, channels, 1, 1], 2),
            drawn([1, channels, 1, 1], 3),
        ];
        let ours = |[x, gamma, beta]: [Tensor<4>; 3]| {
            let [gamma, beta] = [gamma, beta].map(|row| row.reshape([channels]));
            normalize_each(x, gamma, beta, 1e-5, slope)
        };
        let burns = |[x, gamma, beta]: [Tensor<4>; 3]| {
            let mean = |x: Tensor<4>| x.mean_dim(3).mean_dim(2);
            let centred = x.clone() - mean(x);
            let deviation = (mean(centred.clone().square()) + 1e-5).sqrt();
            leaky_relu(centred / deviation * gamma + beta, f64::from(slope))
        };
        same(inputs, ours, burns);
    }
}

#[test]
fn channels_beside_each_other_and_their_gradients_equal_burns() {
    for (wide, narrow) in [(3, 16), (17, 1)] {
        let inputs = [drawn([2, wide, 5, 4], 1), drawn([2, narrow, 5, 4], 2)];
        same(inputs, |[a, b]| beside(a, b), |[a, b]| Tensor::cat(vec![a, b], 1));
    }
}

#[test]
fn a_rectifier_keeps_what_is_not_a_number() {
    let rectifier = Rectifier { slope: 0.2, gain: 1.5, bound: 2.0 };
    for channels in [1, 16] {
        let x = drawn([1, channels, 2, 2], 1) * f32::NAN;
        let y = home(style(x.clone(), Style::default(), rectifier));
        assert!(y.into_data().iter::<f32>().all(f32::is_nan));
        let y =
            home(crate::bias_act(x, drawn([channels], 2), crate::Activation::Rectify(rectifier)));
        assert!(y.into_data().iter::<f32>().all(f32::is_nan));
    }
}

#[test]
fn the_tangent_of_a_clamped_rectifier_is_zero_at_its_bound() {
    let rectifier = Rectifier { slope: 0.5, gain: 2.0, bound: 1.0 };
    let device = super::device();
    let x = Tensor::<4>::from_data([[[[0.25f32, 0.5, 3.0, -0.25, -1.0, -7.0]]]], &device);
    let y = style(x.clone(), Style::default(), rectifier);
    let t = home(rectifier_tangent(x.ones_like(), y, rectifier));
    assert_eq!(t.into_data().iter::<f32>().collect::<Vec<_>>(), [2.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
}
