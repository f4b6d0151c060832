//! Our operations against burn's on the same numbers, over drawn shapes: on the CPU, or with the
//! feature `cubecl-cpu` on CubeCL's CPU runtime. burn's are always those of the CPU.

mod fused;
mod members;
mod references;
#[cfg(not(feature = "cubecl-cpu"))]
mod threads;

use std::sync::Arc;

use burn::tensor::activation::{leaky_relu, sigmoid, tanh};
use burn::tensor::ops::{AvgPoolOptions, ConvOptions, ConvTransposeOptions, MaxPoolOptions};
use burn::tensor::{Device, Tensor, module};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;
use crate::cpu::flex;
use fledge_base::testing::{relative_difference, torture};

/// The device under test.
pub(super) fn device() -> Device {
    #[cfg(feature = "cubecl-cpu")]
    return Device::cpu();
    #[cfg(not(feature = "cubecl-cpu"))]
    Device::flex()
}

fn drawn<const D: usize>(shape: [usize; D], seed: u64) -> Tensor<D> {
    let n = shape.iter().product();
    let values = fledge_base::rng::stream(seed, "ops test", 0).normals(n);
    Tensor::from_data(burn::tensor::TensorData::new(values, shape), &device())
}

/// Copies a tensor to the CPU.
pub(super) fn home<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    Tensor::from_data(x.into_data(), &Device::flex())
}

/// Largest difference relative to the largest value: both sides sum in f32, in another order.
fn difference<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> f64 {
    assert_eq!(a.dims(), b.dims());
    let [a, b] = [a, b].map(|x| home(x).into_data().iter::<f32>().collect::<Vec<_>>());
    relative_difference(a, b)
}

/// Result and gradients of a sum weighted so that every output has its own upstream gradient.
fn gradients<const N: usize>(
    inputs: [Tensor<4>; N],
    f: impl Fn([Tensor<4>; N]) -> Tensor<4>,
) -> (Tensor<4>, [Tensor<4>; N]) {
    let inputs = inputs.map(|t| t.autodiff().require_grad());
    let y = f(inputs.clone());
    let upstream = drawn(y.dims(), 99).to_device(&y.device().inner());
    let grads = (y.clone() * upstream.autodiff()).sum().backward();
    (y.inner(), inputs.map(|t| t.grad(&grads).expect("gradient")))
}

/// Sums of up to 7·7·48 products: rounding reaches a few 1e-6 of the largest.
const TOLERANCE: f64 = 2e-5;

fn same<const N: usize>(
    inputs: [Tensor<4>; N],
    ours: impl Fn([Tensor<4>; N]) -> Tensor<4>,
    burns: impl Fn([Tensor<4>; N]) -> Tensor<4>,
) {
    let (y, d) = gradients(inputs.clone(), ours);
    let (y2, d2) = gradients(inputs.map(home), burns);
    assert!(difference(y.clone(), y2.clone()) < TOLERANCE, "result: {}", difference(y, y2));
    for (i, (d, d2)) in d.into_iter().zip(d2).enumerate() {
        let off = difference(d, d2);
        assert!(off < TOLERANCE, "gradient of input {i}: {off}");
    }
}

/// One convolution.
#[derive(Clone, Copy, Debug)]
struct Case {
    batch: usize,
    channels: [usize; 2],
    kernel: [usize; 2],
    stride: usize,
    padding: [usize; 2],
    extent: [usize; 2],
}

fn convolve(c: Case, [x, w]: [Tensor<4>; 2]) -> Tensor<4> {
    conv2d(x, w, c.stride, Padding::both(c.padding))
}

fn transpose(c: Case, [x, w]: [Tensor<4>; 2]) -> Tensor<4> {
    conv_transpose2d(x, w, c.stride, Padding::both(c.padding))
}

impl Case {
    fn inputs(self, transposed: bool) -> [Tensor<4>; 2] {
        let ([a, b], [kh, kw], [h, w]) = (self.channels, self.kernel, self.extent);
        let weight = if transposed { [a, b, kh, kw] } else { [b, a, kh, kw] };
        [drawn([self.batch, a, h, w], 1), drawn(weight, 2)]
    }

    fn equals_burns(self) {
        let Self { stride: s, padding, .. } = self;
        same(
            self.inputs(false),
            |i| convolve(self, i),
            |[x, w]| module::conv2d(x, w, None, ConvOptions::new([s, s], padding, [1, 1], 1)),
        );
    }

    fn transposed_equals_burns(self) {
        let Self { stride: s, padding, .. } = self;
        let options = ConvTransposeOptions::new([s, s], padding, [0, 0], [1, 1], 1);
        same(
            self.inputs(true),
            |i| transpose(self, i),
            |[x, w]| module::conv_transpose2d(x, w, None, options.clone()),
        );
    }
}

fn cases() -> impl Strategy<Value = Case> {
    // Fewer and more channels than a vector has lanes, and whole numbers of vectors.
    let channels = || prop::sample::select(vec![1usize, 3, 4, 7, 16, 17, 20, 32, 48]);
    (
        1usize..5,
        [channels(), channels()],
        [1usize..8, 1usize..8],
        1usize..4,
        [0usize..4, 0usize..4],
        [0usize..9, 0usize..9],
    )
        .prop_map(|(batch, channels, kernel, stride, padding, more)| {
            let padding = [0, 1].map(|i| padding[i].min(kernel[i] - 1));
            // As small as the kernel allows, and odd sizes.
            let extent = [0, 1].map(|i| kernel[i].saturating_sub(2 * padding[i]).max(1) + more[i]);
            Case { batch, channels, kernel, stride, padding, extent }
        })
}

/// Asymmetric padding: TensorFlow's `same`, or any.
fn paddings() -> impl Strategy<Value = (usize, usize, Padding)> {
    let any = (1usize..6, 1usize..4, [0usize..3, 0usize..3], [0usize..3, 0usize..3]).prop_map(
        |(kernel, stride, before, after)| {
            let below = |zeros: [usize; 2]| zeros.map(|n| n.min(kernel - 1));
            (kernel, stride, Padding { before: below(before), after: below(after) })
        },
    );
    let same = prop::sample::select(vec![(5usize, 2usize), (4, 1), (4, 2), (5, 1), (7, 2)]);
    prop_oneof![
        any,
        same.prop_map(|(kernel, stride)| (kernel, stride, Padding::same(kernel, stride)))
    ]
}

/// Zeros joined to `x` on each side.
fn with_zeros(x: Tensor<4>, padding: Padding) -> Tensor<4> {
    (2..4).fold(x, |x, axis| {
        let zeros = |n: usize| {
            let mut shape = x.dims();
            shape[axis] = n;
            let zeros = Tensor::<4>::zeros(shape, &x.device().inner());
            if x.is_autodiff() { zeros.autodiff() } else { zeros }
        };
        let sides = [zeros(padding.before[axis - 2]), x.clone(), zeros(padding.after[axis - 2])];
        Tensor::cat(sides.into_iter().filter(|part| part.dims()[axis] > 0).collect(), axis)
    })
}

/// The 4×4 kernels with stride 2 that use another algorithm if channels come in vectors.
fn halvings() -> impl Strategy<Value = Case> {
    let channels = || prop::sample::select(vec![3usize, 16, 32, 40, 48, 64]);
    (1usize..6, [channels(), channels()], [1usize..6, 1usize..6]).prop_map(
        |(batch, channels, half)| Case {
            batch,
            channels,
            kernel: [4, 4],
            stride: 2,
            padding: [1, 1],
            extent: half.map(|n| 2 * n),
        },
    )
}

/// The 3×3 kernels with stride 1 that use another algorithm if channels come in vectors.
fn sames() -> impl Strategy<Value = Case> {
    let channels = || prop::sample::select(vec![3usize, 16, 32, 40, 48, 64]);
    (1usize..6, [channels(), channels()], [1usize..7, 1usize..7]).prop_map(
        |(batch, channels, half)| Case {
            batch,
            channels,
            kernel: [3, 3],
            stride: 1,
            padding: [1, 1],
            extent: half.map(|n| 2 * n),
        },
    )
}

proptest! {
    // The same cases every time: the rounding difference between two orders of a sum varies from
    // draw to draw.
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        rng_seed: torture(RngSeed::Fixed(1), RngSeed::Random),
        ..ProptestConfig::default()
    })]

    #[test]
    fn convolution_and_its_gradients_equal_burns(case in cases()) {
        case.equals_burns();
    }

    #[test]
    fn transposed_convolution_and_its_gradients_equal_burns(case in cases()) {
        // The whole result must lie inside the kernels' reach.
        let big = |i: usize| (case.extent[i] - 1) * case.stride + case.kernel[i] > 2 * case.padding[i];
        prop_assume!(big(0) && big(1));
        case.transposed_equals_burns();
    }

    #[test]
    fn halving_doubling_and_their_gradients_equal_burns(case in halvings()) {
        case.equals_burns();
        case.transposed_equals_burns();
    }

    #[test]
    fn convolutions_that_keep_the_extent_and_their_gradients_equal_burns(case in sames()) {
        case.equals_burns();
        case.transposed_equals_burns();
    }

    #[test]
    fn uneven_zeros_equal_burns_convolution_of_a_picture_with_zeros_around_it(
        (kernel, stride, padding) in paddings(), batch in 1usize..3,
        channels in [prop::sample::select(vec![1usize, 3, 16, 20]), prop::sample::select(vec![1usize, 3, 16, 20])],
        extent in [2usize..9, 2usize..9],
    ) {
        let [a, b] = channels;
        let reach = |i: usize| extent[i] + padding.before[i] + padding.after[i] >= kernel;
        prop_assume!(reach(0) && reach(1));
        let inputs = || [drawn([batch, a, extent[0], extent[1]], 1), drawn([b, a, kernel, kernel], 2)];
        same(
            inputs(),
            |[x, w]| conv2d(x, w, stride, padding),
            |[x, w]| module::conv2d(with_zeros(x, padding), w, None, ConvOptions::new([stride; 2], [0, 0], [1, 1], 1)),
        );
        // Without a graph, bias and activation are part of the convolution.
        let ([x, w], bias) = (inputs(), drawn([b], 3));
        let apart = bias_act(conv2d(x.clone(), w.clone(), stride, padding), bias.clone(), Activation::LeakyRelu(0.2));
        // The convolution alone may use Winograd's algorithm, which rounds differently.
        let other = [(4, 2), (3, 1)].contains(&(kernel, stride));
        let tolerance = if other { TOLERANCE } else { 1e-6 };
        prop_assert!(difference(conv2d_act(x, w, bias, Activation::LeakyRelu(0.2), stride, padding), apart) < tolerance);
    }

    #[test]
    fn what_a_transposed_convolution_cuts_equals_slices_of_burns_whole_result(
        (kernel, stride, padding) in paddings(), batch in 1usize..3,
        channels in [prop::sample::select(vec![1usize, 3, 16, 20]), prop::sample::select(vec![1usize, 3, 16, 20])],
        extent in [1usize..7, 1usize..7],
    ) {
        let whole = extent.map(|n| (n - 1) * stride + kernel);
        prop_assume!((0..2).all(|i| whole[i] > padding.before[i] + padding.after[i]));
        let rows = padding.before[0]..whole[0] - padding.after[0];
        let columns = padding.before[1]..whole[1] - padding.after[1];
        let [a, b] = channels;
        same(
            [drawn([batch, a, extent[0], extent[1]], 1), drawn([a, b, kernel, kernel], 2)],
            |[x, w]| conv_transpose2d(x, w, stride, padding),
            |[x, w]| {
                let options = ConvTransposeOptions::new([stride; 2], [0, 0], [0, 0], [1, 1], 1);
                module::conv_transpose2d(x, w, None, options).slice([0..batch, 0..b, rows.clone(), columns.clone()])
            },
        );
    }

    #[test]
    fn doubling_and_halving_pictures_equal_matrix_products(
        shape in [1usize..4, 1usize..40, 1usize..9, 1usize..9],
        mode in prop::sample::select(vec![Upsample::Nearest, Upsample::Bilinear]),
    ) {
        same([drawn(shape, 1)], |[x]| upsample2(x, mode), |[x]| references::resized(x, mode, false));
        let even = [shape[0], shape[1], 2 * shape[2], 2 * shape[3]];
        same([drawn(even, 1)], |[x]| average_pool2(x), |[x]| references::resized(x, Upsample::Nearest, true) * 0.25);
        let options = AvgPoolOptions::new([2, 2]).with_stride([2, 2]);
        prop_assert!(difference(average_pool2(drawn(even, 1)), module::avg_pool2d(drawn(even, 1), options)) < 1e-6);
    }

    #[test]
    fn normalisation_and_its_gradients_equal_the_composed_formula(
        shape in [1usize..5, 1usize..50, 2usize..7, 2usize..7], slope in prop::sample::select(vec![0.0f32, 0.2, 1.0]), far in 0.0f32..30.0,
    ) {
        let channels = shape[1];
        let vectors = [drawn([1, channels, 1, 1], 3), drawn([1, channels, 1, 1], 4)];
        let [gamma, beta] = vectors;
        same(
            [drawn(shape, 1) * 2.0 + far, gamma, beta],
            |[x, g, b]| {
                let moments = channel_moments(&x);
                normalize_train(x, g.reshape([channels]), b.reshape([channels]), moments, 1e-3, slope)
            },
            |[x, g, b]| {
                let (mean, variance) = references::moments(x.clone());
                let x = (x - mean.reshape([1, channels, 1, 1])) / (variance.reshape([1, channels, 1, 1]) + 1e-3).sqrt();
                references::affine_act(x, g.reshape([channels]), b.reshape([channels]), slope)
            },
        );
    }

    #[test]
    fn bias_and_activation_equal_burns(shape in [1usize..4, 1usize..40, 1usize..6, 1usize..6], kind in 0usize..4) {
        let activation = [Activation::NONE, Activation::LeakyRelu(0.2), Activation::Sigmoid, Activation::Tanh][kind];
        let channels = shape[1];
        same(
            [drawn(shape, 1), drawn([1, channels, 1, 1], 2)],
            |[x, b]| bias_act(x, b.reshape([channels]), activation),
            |[x, b]| match activation {
                Activation::Rectify(_) => unreachable!("tested with the ends of layers"),
                Activation::LeakyRelu(slope) => leaky_relu(x + b, f64::from(slope)),
                Activation::Sigmoid => sigmoid(x + b),
                Activation::Tanh => tanh(x + b),
            },
        );
        // Without a graph, bias and activation are part of the convolution.
        let (x, w, b) = (drawn(shape, 1), drawn([5, channels, 1, 1], 2), drawn([5], 3));
        let apart = bias_act(conv2d(x.clone(), w.clone(), 1, Padding::both([0, 0])), b.clone(), activation);
        prop_assert!(difference(conv2d_act(x, w, b, activation, 1, Padding::both([0, 0])), apart) < 1e-6);
    }

    #[test]
    fn the_warp_equals_gathers(shape in [1usize..4, 1usize..5, 2usize..9, 2usize..9], numbers in [-2.0f64..2.0, -2.0f64..2.0, -9.0f64..9.0], extent in [2usize..12, 2usize..12], zeros: bool) {
        let [a, b, c] = numbers;
        let maps: Vec<_> = (0..shape[0]).map(|i| (i != 1).then_some(Affine([[a, b, c], [b - 1.0, a + 0.5, -c]]))).collect();
        let lookups = Lookups { maps, border: if zeros { Border::Zeros } else { Border::Reflect }, extent };
        same([drawn(shape, 1)], |[x]| look_up(x, lookups.clone()), |[x]| references::by_gathers(x, &lookups));
    }

    #[test]
    fn resampling_equals_matrices_and_gathers(shape in [1usize..4, 1usize..5, 2usize..9, 2usize..9], numbers in [-2.0f64..2.0, -2.0f64..2.0, -9.0f64..9.0], rate in 1usize..3) {
        let [a, b, c] = numbers;
        let extent = [shape[2] + 3, shape[3] + 1];
        // Any sums of three samples.
        let fir = |samples: usize, results: usize| {
            let result = |i: usize| [0, 1, 2].map(|k| ((i * 5 + k * 3) % samples, (i + 2 * k) as f32 * 0.1 - 0.3)).to_vec();
            Fir { samples, results: (0..results).map(result).collect() }
        };
        let maps: Vec<_> = (0..shape[0]).map(|_| Some(Affine([[a, b, c], [b - 1.0, a + 0.5, -c]]))).collect();
        let resampling = Arc::new(Resampling {
            up: [shape[2], shape[3]].map(|n| fir(n, rate * n + 2)),
            lookups: Lookups { maps, border: Border::Zeros, extent },
            down: [0, 1].map(|axis| fir(extent[axis], shape[2 + axis])),
        });
        // Absolute: where a look-up lies outside, everything is zero.
        let off = |a: Tensor<4>, b: Tensor<4>| (home(a) - home(b)).abs().max().into_scalar::<f32>();
        let (y, [d]) = gradients([drawn(shape, 1)], |[x]| resample(x, &resampling));
        let (y2, [d2]) = gradients([home(drawn(shape, 1))], |[x]| references::resampled(x, &resampling));
        prop_assert!(off(y, y2) < 1e-4 && off(d, d2) < 1e-4);
        let mut one = (*resampling).clone();
        one.lookups.maps[0] = None;
        let y = resample(drawn(shape, 1), &Arc::new(one));
        prop_assert!(off(y.narrow(0, 0, 1), drawn(shape, 1).narrow(0, 0, 1)) == 0.0);
    }

    #[test]
    fn pools_and_joining_equal_burns(shape in [1usize..3, 1usize..40, 3usize..9, 3usize..9], stride in 1usize..3, padding in 0usize..2) {
        let (x, other) = (drawn(shape, 1), drawn([shape[0], 5, shape[2], shape[3]], 2));
        let options = MaxPoolOptions::new([3, 3]).with_stride([stride; 2]).with_padding([padding; 2]);
        prop_assert!(difference(max_pool3(x.clone(), stride, padding), module::max_pool2d(x.clone(), options)) == 0.0);
        let options = AvgPoolOptions::new([3, 3]).with_stride([1, 1]).with_padding([1, 1]).with_count_include_pad(false);
        prop_assert!(difference(average_pool3(x.clone()), module::avg_pool2d(x.clone(), options)) < 1e-6);
        prop_assert!(difference(join(vec![x.clone(), other.clone()]), Tensor::cat(vec![x, other], 1)) == 0.0);
    }
}

#[test]
fn doubled_pixels_stand_where_keras_and_pytorch_put_them() {
    let x = Tensor::<4>::from_floats([[[[0.0, 4.0, 16.0]]]], &device());
    let row =
        |mode| upsample2(x.clone(), mode).into_data().iter::<f32>().take(6).collect::<Vec<_>>();
    assert_eq!(row(Upsample::Nearest), [0.0, 0.0, 4.0, 4.0, 16.0, 16.0]);
    assert_eq!(row(Upsample::Bilinear), [0.0, 1.0, 3.0, 7.0, 13.0, 16.0]);
}

#[test]
fn inference_by_the_batch_moments_equals_training() {
    let x: Tensor<4> = drawn([3, 20, 2, 2], 5);
    let moments = channel_moments(&x);
    let (gamma, beta) = (drawn([20], 1), drawn([20], 2));
    let a = normalize_train(x.clone(), gamma.clone(), beta.clone(), moments.clone(), 1e-3, 0.2);
    let b = normalize_with(
        x.autodiff(),
        gamma.autodiff(),
        beta.autodiff(),
        moments.autodiff(),
        1e-3,
        0.2,
    )
    .inner();
    assert!(difference(a, b) < 1e-6);
}

fn bits<const D: usize>(x: Tensor<D>) -> Vec<u32> {
    x.into_data().iter::<f32>().map(f32::to_bits).collect()
}

#[test]
fn one_update_of_adam_and_of_the_average_equal_the_formulas() {
    let n = 50_001;
    let [w, m, v, g] = [1, 2, 3, 4].map(|seed| drawn([n], seed));
    let v = v.square();
    let adam = Rule::Adam { alpha: 0.01, beta_1: 0.5, beta_2: 0.999, epsilon: 1e-7 };
    let adam = Update { rule: adam, scale: 1.0, pull: 0.0, kept: 1.0 };
    // The weight is also held here, so that a change in place would show.
    let mut item =
        update(adam, vec![vec![w.clone(), m.clone(), v.clone()]], vec![g.clone()]).remove(0);
    let [w2, m2, v2]: [Tensor<1>; 3] = std::array::from_fn(|_| item.remove(0));
    let m3 = m.clone() * 0.5 + g.clone() * 0.5;
    let v3 = v * 0.999 + g.square() * 0.001;
    assert!(difference(m2, m3.clone()) < 1e-6);
    assert!(difference(v2, v3.clone()) < 1e-6);
    assert!(difference(w2.clone(), w.clone() - m3 * 0.01 / (v3.sqrt() + 1e-7)) < 1e-6);
    assert_eq!(bits(w.clone()), bits(drawn([n], 1)));
    let mean = moving_average(vec![w.clone()], vec![w2.clone()], 0.9).remove(0);
    assert!(difference(mean, w * 0.9 + w2 * 0.1) < 1e-6);
}

#[cfg(not(feature = "cubecl-cpu"))]
#[test]
fn a_second_pass_over_the_same_numbers_finds_the_first_ones_results() {
    let (x, w) = (drawn([2, 3, 8, 8], 1), drawn([16, 3, 4, 4], 2));
    let pass = |x: Tensor<4>| {
        let y = conv2d(x, w.clone(), 2, Padding::both([1, 1]));
        let moments = channel_moments(&y);
        normalize_train(
            y,
            Tensor::ones([16], &Device::flex()),
            Tensor::zeros([16], &Device::flex()),
            moments,
            1e-3,
            0.2,
        )
    };
    let at = |y: &Tensor<4>| flex(y.clone()).map(|y| y.bytes().as_ptr()).expect("on the CPU");
    let y = |x: &Tensor<4>| conv2d(x.clone(), w.clone(), 2, Padding::both([1, 1]));
    let (first, second, other) = {
        let _once = remember();
        let (first, second) = (y(&x), y(&x));
        assert_eq!(at(&first), at(&second), "computed again");
        let other = y(&(x.clone() * 2.0));
        assert_ne!(at(&first), at(&other));
        // Two graphs over one computation have the gradients of two computations.
        let (_, [once]) = gradients([x.clone()], |[x]| pass(x));
        let (_, [again]) = gradients([x.clone()], |[x]| pass(x));
        assert_eq!(bits(once), bits(again));
        (first, second, other)
    };
    assert_eq!(bits(first.clone()), bits(second));
    assert!(difference(other, first.clone() * 2.0) < 1e-6);
    let later = y(&x);
    assert_ne!(at(&first), at(&later), "kept beyond the scope");
    assert_eq!(bits(first), bits(later));
}
