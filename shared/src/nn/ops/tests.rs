//! Our CPU operations against burn's on the same numbers.

use burn::tensor::Distribution;

use super::*;

fn drawn<const D: usize>(shape: [usize; D], seed: u64) -> Tensor<D> {
    let n = shape.iter().product();
    let values = crate::rng::stream(seed, "ops test", 0).normals(n);
    Tensor::from_data(burn::tensor::TensorData::new(values, shape), &Device::flex())
}

/// Largest difference relative to the largest value: both sides sum in f32, in another order.
fn difference<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> f32 {
    assert_eq!(a.dims(), b.dims());
    let scale: f32 = b.clone().abs().max().into_scalar();
    let worst: f32 = (a - b).abs().max().into_scalar();
    worst / scale
}

fn gradients<const N: usize>(inputs: [Tensor<4>; N], f: impl Fn([Tensor<4>; N]) -> Tensor<4>) -> (Tensor<4>, [Tensor<4>; N]) {
    let inputs = inputs.map(|t| t.autodiff().require_grad());
    let y = f(inputs.clone());
    // A weighted sum, so that every output has its own upstream gradient.
    let upstream = drawn(y.dims(), 99);
    let grads = (y.clone() * upstream.autodiff()).sum().backward();
    (y.inner(), inputs.map(|t| t.grad(&grads).expect("gradient")))
}

#[test]
fn convolution_and_its_gradients_equal_burns() {
    // Kernel, stride, padding, extent: GAN blocks, Inception's asymmetric ones, and leftovers that no output reads.
    for (k, s, p, e, batch) in [
        ([4, 4], 2, [1, 1], [16, 16], 5),
        ([3, 3], 1, [1, 1], [9, 7], 3),
        ([1, 7], 1, [0, 3], [6, 8], 2),
        ([3, 3], 2, [0, 0], [8, 9], 4),
        ([1, 1], 1, [0, 0], [5, 5], 3),
        ([5, 5], 3, [2, 2], [11, 11], 1),
        ([4, 4], 2, [1, 1], [2, 2], 40),
    ] {
        let inputs = || [drawn([batch, 6, e[0], e[1]], 1), drawn([10, 6, k[0], k[1]], 2)];
        let (y, [dx, dw]) = gradients(inputs(), |[x, w]| conv2d(x, w, s, p));
        let (y2, [dx2, dw2]) = gradients(inputs(), |[x, w]| module::conv2d(x, w, None, ConvOptions::new([s, s], p, [1, 1], 1)));
        for d in [difference(y, y2), difference(dx, dx2), difference(dw, dw2)] {
            assert!(d < 1e-5, "kernel {k:?} stride {s}: {d}");
        }
    }
}

#[test]
fn transposed_convolution_and_its_gradients_equal_burns() {
    for (k, s, p, e, batch) in [([4, 4], 2, [1, 1], [4, 4], 9), ([7, 7], 2, [0, 0], [3, 5], 2), ([5, 5], 1, [0, 0], [6, 6], 2)] {
        let inputs = || [drawn([batch, 6, e[0], e[1]], 1), drawn([6, 3, k[0], k[1]], 2)];
        let (y, [dx, dw]) = gradients(inputs(), |[x, w]| conv_transpose2d(x, w, s, p));
        let options = ConvTransposeOptions::new([s, s], p, [0, 0], [1, 1], 1);
        let (y2, [dx2, dw2]) = gradients(inputs(), |[x, w]| module::conv_transpose2d(x, w, None, options.clone()));
        for d in [difference(y, y2), difference(dx, dx2), difference(dw, dw2)] {
            assert!(d < 1e-5, "kernel {k:?} stride {s}: {d}");
        }
    }
}

#[test]
fn normalisation_and_its_gradients_equal_the_composed_formula() {
    let shape = [4, 3, 5, 6];
    let (gamma, beta) = (drawn([1, 3, 1, 1], 3), drawn([1, 3, 1, 1], 4));
    for slope in [0.0, 0.2, 1.0] {
        let inputs = || [drawn(shape, 1) * 2.0 + 0.5, gamma.clone(), beta.clone()];
        let (y, d) = gradients(inputs(), |[x, g, b]| {
            let moments = channel_moments(&x);
            normalize_train(x, g.reshape([3]), b.reshape([3]), moments, 1e-3, slope)
        });
        let (y2, d2) = gradients(inputs(), |[x, g, b]| {
            let (mean, variance) = moments(x.clone());
            let x = (x - mean.reshape([1, 3, 1, 1])) / (variance.reshape([1, 3, 1, 1]) + 1e-3).sqrt();
            affine_act(x, g.reshape([3]), b.reshape([3]), slope)
        });
        assert!(difference(y, y2) < 1e-5);
        for (a, b) in d.into_iter().zip(d2) {
            assert!(difference(a, b) < 2e-5, "slope {slope}");
        }
    }
}

#[test]
fn inference_by_the_batch_moments_equals_training() {
    let x: Tensor<4> = Tensor::random([3, 4, 2, 2], Distribution::Default, &Device::flex());
    let moments = channel_moments(&x);
    let (gamma, beta) = (drawn([4], 1), drawn([4], 2));
    let a = normalize_train(x.clone(), gamma.clone(), beta.clone(), moments.clone(), 1e-3, 0.2);
    let b = normalize_with(x.autodiff(), gamma.autodiff(), beta.autodiff(), moments.autodiff(), 1e-3, 0.2).inner();
    assert!(difference(a, b) < 1e-6);
}
