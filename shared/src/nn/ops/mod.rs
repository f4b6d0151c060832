//! The operations below the layers, so that a faster one replaces burn's on a device without a network noticing.
//!
//! On the CPU the convolutions and the normalisation are our own (`cpu`); elsewhere they are burn's.

mod cpu;

use burn::backend::Dispatch;
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{Device, Tensor, module};
use cpu::CpuOps;

fn on_cpu<const D: usize>(x: &Tensor<D>) -> bool {
    x.device().inner() == Device::flex()
}

/// Cross-correlation of `x` with `weight`.
///
/// # Shapes
/// `x` [B, Cin, H, W], `weight` [Cout, Cin, kh, kw], `bias` `[Cout]`; `padding` is (rows, columns), zeros on both sides.
/// Gives [B, Cout, (H + 2·ph − kh)/s + 1, (W + 2·pw − kw)/s + 1].
#[must_use]
pub fn conv2d(x: Tensor<4>, weight: Tensor<4>, bias: Option<Tensor<1>>, stride: usize, padding: [usize; 2]) -> Tensor<4> {
    if !on_cpu(&x) {
        return module::conv2d(x, weight, bias, ConvOptions::new([stride, stride], padding, [1, 1], 1));
    }
    let y = Dispatch::fast_conv2d(x.into_dispatch(), weight.into_dispatch(), stride, padding);
    add_bias(Tensor::from_dispatch(y), bias)
}

/// Transposed convolution: the gradient of a convolution with respect to its input.
///
/// # Shapes
/// `x` [B, Cin, H, W], `weight` [Cin, Cout, kh, kw], `bias` `[Cout]`.
/// Gives [B, Cout, (H − 1)·s − 2·ph + kh, (W − 1)·s − 2·pw + kw].
#[must_use]
pub fn conv_transpose2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    stride: usize,
    padding: [usize; 2],
) -> Tensor<4> {
    if !on_cpu(&x) {
        let options = ConvTransposeOptions::new([stride, stride], padding, [0, 0], [1, 1], 1);
        return module::conv_transpose2d(x, weight, bias, options);
    }
    let ([_, _, h, w], [_, _, kh, kw]) = (x.dims(), weight.dims());
    let output = [(h - 1) * stride + kh - 2 * padding[0], (w - 1) * stride + kw - 2 * padding[1]];
    let y = Dispatch::fast_conv_transpose2d(x.into_dispatch(), weight.into_dispatch(), stride, padding, output);
    add_bias(Tensor::from_dispatch(y), bias)
}

fn add_bias(y: Tensor<4>, bias: Option<Tensor<1>>) -> Tensor<4> {
    match bias {
        None => y,
        Some(bias) => {
            let channels = bias.dims()[0];
            y + bias.reshape([1, channels, 1, 1])
        }
    }
}

/// Mean and biased variance of every channel of `x` [B, C, H, W] as [2, C]; no gradient flows through them here, because
/// [`normalize_train`] accounts for it.
#[must_use]
pub fn channel_moments(x: &Tensor<4>) -> Tensor<2> {
    let x = x.clone().inner();
    if on_cpu(&x) {
        return Tensor::from_dispatch(Dispatch::channel_moments(x.into_dispatch()));
    }
    let (mean, variance) = moments(x);
    Tensor::cat(vec![mean, variance], 0)
}

/// Batch normalisation by the batch's own moments, then leaky ReLU with slope `slope` (0 = ReLU, 1 = none).
///
/// # Shapes
/// `x` [B, C, H, W]; `gamma`, `beta` `[C]`; `moments` = [`channel_moments`]`(x)` [2, C]. Gives [B, C, H, W].
#[must_use]
pub fn normalize_train(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    batch_moments: Tensor<2>,
    epsilon: f32,
    slope: f32,
) -> Tensor<4> {
    if on_cpu(&x) {
        let y = Dispatch::norm_act(
            x.into_dispatch(),
            gamma.into_dispatch(),
            beta.into_dispatch(),
            batch_moments.into_dispatch(),
            epsilon,
            slope,
        );
        return Tensor::from_dispatch(y);
    }
    // The gradient must flow through the moments, so they are formed again inside the graph.
    let channels = gamma.dims()[0];
    let (mean, variance) = moments(x.clone());
    affine_act(
        (x - mean.reshape([1, channels, 1, 1])) / (variance.reshape([1, channels, 1, 1]) + epsilon).sqrt(),
        gamma,
        beta,
        slope,
    )
}

/// Normalisation by given moments (the running statistics), then leaky ReLU; for inference.
///
/// # Shapes
/// As [`normalize_train`].
#[must_use]
pub fn normalize_with(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    moments: Tensor<2>,
    epsilon: f32,
    slope: f32,
) -> Tensor<4> {
    if on_cpu(&x) && !x.is_autodiff() {
        return normalize_train(x, gamma, beta, moments, epsilon, slope);
    }
    let channels = gamma.dims()[0];
    let [mean, variance]: [Tensor<2>; 2] = [moments.clone().narrow(0, 0, 1), moments.narrow(0, 1, 1)];
    let scale = gamma / (variance.reshape([channels]) + epsilon).sqrt();
    let shift = beta - mean.reshape([channels]) * scale.clone();
    affine_act(x, scale, shift, slope)
}

/// Mean and biased variance, each [1, C], inside the graph.
fn moments(x: Tensor<4>) -> (Tensor<2>, Tensor<2>) {
    let [_, channels, _, _] = x.dims();
    let x: Tensor<2> = x.swap_dims(0, 1).reshape([channels as i64, -1]);
    let mean = x.clone().mean_dim(1);
    let variance = (x - mean.clone()).square().mean_dim(1);
    (mean.reshape([1, channels]), variance.reshape([1, channels]))
}

fn affine_act(x: Tensor<4>, scale: Tensor<1>, shift: Tensor<1>, slope: f32) -> Tensor<4> {
    let channels = scale.dims()[0];
    let pre = x * scale.reshape([1, channels, 1, 1]) + shift.reshape([1, channels, 1, 1]);
    burn::tensor::activation::leaky_relu(pre, f64::from(slope))
}

#[cfg(test)]
mod tests;
