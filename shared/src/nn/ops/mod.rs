//! The operations below the layers, so that a faster one replaces burn's on a device without a network noticing.
//!
//! On the CPU they are our own (`cpu`), with channels last in memory; elsewhere they are burn's.

mod cpu;
mod padding;
mod resample;
mod resize;
mod update;
mod warp;

use std::sync::Arc;

use burn::backend::Dispatch;
use burn::tensor::activation::{leaky_relu, sigmoid, tanh};
use burn::tensor::ops::{AvgPoolOptions, ConvOptions, ConvTransposeOptions, MaxPoolOptions};
use burn::tensor::{Device, Tensor, module};
use cpu::pool::Pool;
use cpu::{CpuOps, flex, lift};

pub use padding::Padding;
pub use resample::{Fir, Resampling};
pub use resize::{Upsample, average_pool2, upsample2};
pub use update::{Rule, Update, moving_average, norm, update};
pub use warp::{Affine, Border, Lookups};

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
/// `x` [B, Cin, H, W], `weight` [Cout, Cin, kh, kw]. Gives [B, Cout, (H + padding − kh)/s + 1, (W + padding − kw)/s + 1].
#[must_use]
pub fn conv2d(x: Tensor<4>, weight: Tensor<4>, stride: usize, padding: Padding) -> Tensor<4> {
    if on_cpu(&x) {
        return Tensor::from_dispatch(Dispatch::fast_conv2d(x.into_dispatch(), weight.into_dispatch(), stride, padding));
    }
    let (x, padding) = match padding.symmetric() {
        Some(padding) => (x, padding),
        None => {
            let ([top, left], [bottom, right]) = (padding.before, padding.after);
            (x.pad((left, right, top, bottom), 0.0), [0, 0])
        }
    };
    module::conv2d(x, weight, None, ConvOptions::new([stride, stride], padding, [1, 1], 1))
}

/// [`conv2d`], then [`bias_act`]; both at once where no gradient is asked for.
#[must_use]
pub fn conv2d_act(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Tensor<1>,
    activation: Activation,
    stride: usize,
    padding: Padding,
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
/// `x` [B, Cin, H, W], `weight` [Cin, Cout, kh, kw]. Gives [B, Cout, (H − 1)·s + kh − padding, (W − 1)·s + kw − padding].
#[must_use]
pub fn conv_transpose2d(x: Tensor<4>, weight: Tensor<4>, stride: usize, padding: Padding) -> Tensor<4> {
    let ([_, _, h, w], [_, _, kh, kw]) = (x.dims(), weight.dims());
    let ([top, left], [bottom, right]) = (padding.before, padding.after);
    let output = [(h - 1) * stride + kh - top - bottom, (w - 1) * stride + kw - left - right];
    if on_cpu(&x) {
        let y = Dispatch::fast_conv_transpose2d(x.into_dispatch(), weight.into_dispatch(), stride, padding, output);
        return Tensor::from_dispatch(y);
    }
    let options = |padding| ConvTransposeOptions::new([stride, stride], padding, [0, 0], [1, 1], 1);
    match padding.symmetric() {
        Some(padding) => module::conv_transpose2d(x, weight, None, options(padding)),
        None => {
            let whole = module::conv_transpose2d(x, weight, None, options([0, 0]));
            whole.narrow(2, top, output[0]).narrow(3, left, output[1])
        }
    }
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

/// `t` times the derivative of the activation that gave `y`: how a direction passes it. The gradient flows to `t` alone, since
/// the slope of a (leaky) ReLU is constant almost everywhere.
///
/// # Shapes
/// `t` and `y` [B, C, H, W]; gives the same.
#[must_use]
pub fn leaky_relu_tangent(t: Tensor<4>, y: Tensor<4>, slope: f32) -> Tensor<4> {
    let y = if y.is_autodiff() { y.inner() } else { y };
    if on_cpu(&t) {
        let y = if t.is_autodiff() { y.autodiff() } else { y };
        return Tensor::from_dispatch(Dispatch::leaky_tangent(t.into_dispatch(), y.into_dispatch(), slope));
    }
    t * (y.greater_elem(0.0).float() * (1.0 - slope) + slope)
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

/// Each picture looked up through its own map, borders reflected; `None` leaves it as it is.
///
/// # Shapes
/// `x` [B, C, H, W], `maps` one for each picture; gives [B, C, H, W].
#[must_use]
pub fn warp(x: Tensor<4>, maps: &[Option<Affine>]) -> Tensor<4> {
    let [_, _, height, width] = x.dims();
    look_up(x, Lookups { maps: maps.to_vec(), border: Border::Reflect, extent: [height, width] })
}

/// Each picture looked up through its own map.
///
/// # Shapes
/// `x` [B, C, H, W], one map for each picture; gives [B, C, H', W'] of the extent that `lookups` names.
#[must_use]
pub fn look_up(x: Tensor<4>, lookups: Lookups) -> Tensor<4> {
    let [batch, _, height, width] = x.dims();
    debug_assert_eq!(lookups.maps.len(), batch);
    if lookups.extent == [height, width] && lookups.maps.iter().all(Option::is_none) {
        return x;
    }
    if on_cpu(&x) {
        return Tensor::from_dispatch(Dispatch::fast_warp(x.into_dispatch(), Arc::new(lookups)));
    }
    warp::by_gathers(x, &lookups)
}

/// Each picture filtered to another rate, looked up there through its own map, and filtered back.
///
/// # Shapes
/// `x` [B, C, H, W] gives the same.
#[must_use]
pub fn resample(x: Tensor<4>, resampling: &Arc<Resampling>) -> Tensor<4> {
    debug_assert_eq!(resampling.lookups.maps.len(), x.dims()[0]);
    if on_cpu(&x) {
        return Tensor::from_dispatch(Dispatch::fast_resample(x.into_dispatch(), Arc::clone(resampling)));
    }
    resample::by_matrices(x, resampling)
}

#[cfg(test)]
mod tests;
