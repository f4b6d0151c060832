//! The operations below the layers, so that a faster one replaces burn's on a device without a network noticing.
//!
//! On the CPU they are our own (`cpu`), with channels last in memory; elsewhere they are burn's.

mod cpu;
mod warp;

use std::sync::Arc;

use burn::backend::Dispatch;
use burn::tensor::activation::{leaky_relu, sigmoid, tanh};
use burn::tensor::ops::{AvgPoolOptions, ConvOptions, ConvTransposeOptions, MaxPoolOptions};
use burn::tensor::{Device, Tensor, module};
use cpu::pool::Pool;
use cpu::{CpuOps, flex, lift};

pub use warp::Affine;

/// What follows a bias.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// x where it is positive, else this slope times x: 0 is the ReLU, 1 leaves everything as it is.
    LeakyRelu(f32),
    /// 1/(1 + e⁻ˣ).
    Sigmoid,
    /// tanh x.
    Tanh,
}

impl Activation {
    /// Leaves everything as it is.
    pub const NONE: Self = Self::LeakyRelu(1.0);
    /// max(x, 0).
    pub const RELU: Self = Self::LeakyRelu(0.0);
}

/// Constants of one Adam update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamConstants {
    /// Learning rate times √(1−β₂ᵗ)/(1−β₁ᵗ).
    pub alpha: f64,
    /// Decay of the first moment.
    pub beta_1: f64,
    /// Decay of the second moment.
    pub beta_2: f64,
    /// What is added to the uncorrected root.
    pub epsilon: f64,
}

fn on_cpu<const D: usize>(x: &Tensor<D>) -> bool {
    x.device().inner() == Device::flex()
}

/// The CPU's instructions that these operations use: "AVX-512", "AVX2", "NEON" or "no SIMD".
#[must_use]
pub fn instructions() -> &'static str {
    cpu::instructions()
}

/// While the result lives, this thread keeps what convolutions and normalisations of the CPU give, and a second pass over the
/// same tensors finds it instead of computing it: one forward pass, recorded on two graphs. Other devices compute again.
#[must_use]
pub fn remember() -> impl Drop {
    cpu::memo::Scope::open()
}

/// Cross-correlation of `x` with `weight`.
///
/// # Shapes
/// `x` [B, Cin, H, W], `weight` [Cout, Cin, kh, kw]; `padding` is (rows, columns), zeros on both sides.
/// Gives [B, Cout, (H + 2·ph − kh)/s + 1, (W + 2·pw − kw)/s + 1].
#[must_use]
pub fn conv2d(x: Tensor<4>, weight: Tensor<4>, stride: usize, padding: [usize; 2]) -> Tensor<4> {
    if !on_cpu(&x) {
        return module::conv2d(x, weight, None, ConvOptions::new([stride, stride], padding, [1, 1], 1));
    }
    Tensor::from_dispatch(Dispatch::fast_conv2d(x.into_dispatch(), weight.into_dispatch(), stride, padding))
}

/// [`conv2d`], then [`bias_act`]; both at once where no gradient is asked for.
#[must_use]
pub fn conv2d_act(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Tensor<1>,
    activation: Activation,
    stride: usize,
    padding: [usize; 2],
) -> Tensor<4> {
    if let Activation::LeakyRelu(slope) = activation
        && let (Some(x), Some(weight), Some(bias)) = (flex(x.clone()), flex(weight.clone()), flex(bias.clone()))
    {
        return lift(cpu::convolve_act(x, weight, bias, slope, stride, padding));
    }
    bias_act(conv2d(x, weight, stride, padding), bias, activation)
}

/// Transposed convolution: the gradient of a convolution with respect to its input.
///
/// # Shapes
/// `x` [B, Cin, H, W], `weight` [Cin, Cout, kh, kw].
/// Gives [B, Cout, (H − 1)·s − 2·ph + kh, (W − 1)·s − 2·pw + kw].
#[must_use]
pub fn conv_transpose2d(x: Tensor<4>, weight: Tensor<4>, stride: usize, padding: [usize; 2]) -> Tensor<4> {
    if !on_cpu(&x) {
        let options = ConvTransposeOptions::new([stride, stride], padding, [0, 0], [1, 1], 1);
        return module::conv_transpose2d(x, weight, None, options);
    }
    let ([_, _, h, w], [_, _, kh, kw]) = (x.dims(), weight.dims());
    let output = [(h - 1) * stride + kh - 2 * padding[0], (w - 1) * stride + kw - 2 * padding[1]];
    let y = Dispatch::fast_conv_transpose2d(x.into_dispatch(), weight.into_dispatch(), stride, padding, output);
    Tensor::from_dispatch(y)
}

/// activation(x + bias).
///
/// # Shapes
/// `x` [B, C, H, W], `bias` `[C]`; gives [B, C, H, W].
#[must_use]
pub fn bias_act(x: Tensor<4>, bias: Tensor<1>, activation: Activation) -> Tensor<4> {
    if on_cpu(&x) {
        return Tensor::from_dispatch(Dispatch::fast_bias_act(x.into_dispatch(), bias.into_dispatch(), activation));
    }
    let channels = bias.dims()[0];
    let x = x + bias.reshape([1, channels, 1, 1]);
    match activation {
        Activation::NONE => x,
        Activation::LeakyRelu(slope) => leaky_relu(x, f64::from(slope)),
        Activation::Sigmoid => sigmoid(x),
        Activation::Tanh => tanh(x),
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
    leaky_relu(pre, f64::from(slope))
}

/// The largest value of every 3×3 window; no gradient.
///
/// # Shapes
/// `x` [B, C, H, W]; gives [B, C, (H + 2·padding − 3)/stride + 1, …].
#[must_use]
pub fn max_pool3(x: Tensor<4>, stride: usize, padding: usize) -> Tensor<4> {
    match flex(x.clone()) {
        Some(x) => lift(cpu::pool::pool(x, Pool::Max, stride, padding)),
        None => module::max_pool2d(x, MaxPoolOptions::new([3, 3]).with_stride([stride; 2]).with_padding([padding; 2])),
    }
}

/// The mean of every 3×3 window around a pixel, over the pixels that are there; no gradient.
///
/// # Shapes
/// `x` [B, C, H, W] gives the same.
#[must_use]
pub fn average_pool3(x: Tensor<4>) -> Tensor<4> {
    let options = || AvgPoolOptions::new([3, 3]).with_stride([1, 1]).with_padding([1, 1]).with_count_include_pad(false);
    match flex(x.clone()) {
        Some(x) => lift(cpu::pool::pool(x, Pool::Average, 1, 1)),
        None => module::avg_pool2d(x, options()),
    }
}

/// Pictures of equal size joined along the channels; no gradient.
///
/// # Shapes
/// Each [B, Cᵢ, H, W]; gives [B, ΣCᵢ, H, W].
#[must_use]
pub fn join(parts: Vec<Tensor<4>>) -> Tensor<4> {
    match parts.iter().cloned().map(flex).collect() {
        Some(parts) => lift(cpu::pool::join(parts)),
        None => Tensor::cat(parts, 1),
    }
}

/// Each picture looked up through its own map; `None` leaves it as it is.
///
/// # Shapes
/// `x` [B, C, H, W], `maps` one for each picture; gives [B, C, H, W].
#[must_use]
pub fn warp(x: Tensor<4>, maps: &[Option<Affine>]) -> Tensor<4> {
    if maps.iter().all(Option::is_none) {
        return x;
    }
    if on_cpu(&x) {
        return Tensor::from_dispatch(Dispatch::fast_warp(x.into_dispatch(), Arc::from(maps)));
    }
    warp::by_gathers(x, maps)
}

/// One Adam update of many flat weights, as Keras computes it: m ← m + (1−β₁)(g−m), v ← v + (1−β₂)(g²−v),
/// w ← w − α·m/(√v + ε). `items` are w, m and v, in place where nobody else holds them; `gradients` one an item.
#[must_use]
pub fn adam(items: Vec<[Tensor<1>; 3]>, gradients: Vec<Tensor<1>>, constants: AdamConstants) -> Vec<[Tensor<1>; 3]> {
    debug_assert_eq!(items.len(), gradients.len());
    if items.iter().all(|[w, ..]| on_cpu(w)) {
        let items = items.into_iter().map(|item| item.map(cpu::own_flex)).collect();
        let gradients = gradients.into_iter().map(cpu::own_flex).collect();
        return cpu::update::adam(items, gradients, constants).into_iter().map(|item| item.map(lift)).collect();
    }
    let AdamConstants { alpha, beta_1, beta_2, epsilon } = constants;
    let update = |([w, m, v], g): ([Tensor<1>; 3], Tensor<1>)| {
        let m = m.clone() + (g.clone() - m) * (1.0 - beta_1);
        let v = v.clone() + (g.square() - v) * (1.0 - beta_2);
        [w - m.clone() * alpha / (v.clone().sqrt() + epsilon), m, v]
    };
    items.into_iter().zip(gradients).map(update).collect()
}

/// average ← decay·average + (1 − decay)·current for many flat tensors, in place where nobody else holds them.
#[must_use]
pub fn moving_average(averages: Vec<Tensor<1>>, current: Vec<Tensor<1>>, decay: f64) -> Vec<Tensor<1>> {
    debug_assert_eq!(averages.len(), current.len());
    if averages.iter().all(on_cpu) {
        let [averages, current] = [averages, current].map(|list| list.into_iter().map(cpu::own_flex).collect());
        return cpu::update::average(averages, current, decay).into_iter().map(lift).collect();
    }
    averages.into_iter().zip(current).map(|(a, c)| a * decay + c * (1.0 - decay)).collect()
}

#[cfg(test)]
mod tests;
