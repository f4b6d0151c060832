//! The operations as functions of tensors on any device.

use std::sync::Arc;

use burn::backend::Dispatch;
use burn::tensor::activation::leaky_relu;
use burn::tensor::ops::{AvgPoolOptions, MaxPoolOptions};
use burn::tensor::{DType, FloatDType, Tensor, module};

use crate::activation::{Activation, Rectifier};
use crate::collective::Member;
use crate::cpu::pool::Pool;
use crate::cpu::{self, flex, lift};
use crate::operations::Operations;
use crate::padding::Padding;
use crate::precision::Precision;
use crate::resample::Resampling;
use crate::warp::{Affine, Border, Lookups};

/// Frees the memory that CPU operations keep for reuse: after large work that is not repeated soon.
pub fn release_memory() {
    cpu::release_memory();
}

/// The CPU's instruction set used by these operations: "AVX-512", "AVX2", "NEON" or "no SIMD".
#[must_use]
pub fn instructions() -> &'static str {
    cpu::instructions()
}

/// While the guard lives, this thread caches the results of convolutions and normalisations on the
/// CPU, and a second pass over the same tensors reuses them: one forward pass, recorded on two
/// graphs. Other devices recompute.
#[must_use]
pub fn remember() -> impl Drop {
    cpu::memo::Scope::open()
}

/// Cross-correlation of `x` with `weight`.
///
/// # Shapes
/// `x` [B, Cin, H, W], `weight` [Cout, Cin, kh, kw]. Gives [B, Cout, (H + padding − kh)/s + 1, (W +
/// padding − kw)/s + 1].
#[must_use]
pub fn conv2d(x: Tensor<4>, weight: Tensor<4>, stride: usize, padding: Padding) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::convolve(
        x.into_dispatch(),
        weight.into_dispatch(),
        stride,
        padding,
        Precision::current(),
    ))
}

/// [`conv2d`], then [`bias_act`]; fused if no gradient is required.
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
        && let (Some(x), Some(weight), Some(bias)) =
            (flex(x.clone()), flex(weight.clone()), flex(bias.clone()))
    {
        return lift(cpu::convolve_act(x, weight, bias, slope, stride, padding));
    }
    bias_act(conv2d(x, weight, stride, padding), bias, activation)
}

/// Transposed convolution: the gradient of a convolution with respect to its input.
///
/// # Shapes
/// `x` [B, Cin, H, W], `weight` [Cin, Cout, kh, kw]. Gives [B, Cout, (H − 1)·s + kh − padding, (W −
/// 1)·s + kw − padding].
#[must_use]
pub fn conv_transpose2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    stride: usize,
    padding: Padding,
) -> Tensor<4> {
    let ([_, _, h, w], [_, _, kh, kw]) = (x.dims(), weight.dims());
    let ([top, left], [bottom, right]) = (padding.before, padding.after);
    let output = [(h - 1) * stride + kh - top - bottom, (w - 1) * stride + kw - left - right];
    let (x, weight) = (x.into_dispatch(), weight.into_dispatch());
    Tensor::from_dispatch(Dispatch::convolve_transposed(
        x,
        weight,
        stride,
        padding,
        output,
        Precision::current(),
    ))
}

/// The matrix product of the last two axes: in f32, as PyTorch does by default; in TF32 if
/// convolutions use a lower precision.
///
/// # Shapes
/// `a` [.., M, K], `b` [.., K, N]; gives [.., M, N]. An axis before these may be 1 in one of them,
/// which then gets no gradient.
#[must_use]
pub fn matmul<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
    let [a, b] = [a, b].map(|x| full(x).into_dispatch());
    let precision =
        if Precision::current() == Precision::Bf16 { Precision::Tf32 } else { Precision::F32 };
    Tensor::from_dispatch(Dispatch::multiply(a, b, precision))
}

/// Converts to f32, for operations that need full precision.
#[must_use]
pub fn full<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    if x.dtype() == DType::F32 { x } else { x.cast(FloatDType::F32) }
}

/// activation(x + bias).
///
/// # Shapes
/// `x` [B, C, H, W], `bias` `[C]`; gives [B, C, H, W].
#[must_use]
pub fn bias_act(x: Tensor<4>, bias: Tensor<1>, activation: Activation) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::add_bias_act(
        x.into_dispatch(),
        bias.into_dispatch(),
        activation,
    ))
}

/// [`rectifier_tangent`] of a leaky ReLU.
#[must_use]
pub fn leaky_relu_tangent(t: Tensor<4>, y: Tensor<4>, slope: f32) -> Tensor<4> {
    rectifier_tangent(t, y, Rectifier::leaky(slope))
}

/// `t` times the derivative of the activation that gave `y`: propagates a direction. The gradient
/// flows to `t` alone, since the slope of a rectifier is constant almost everywhere.
///
/// # Shapes
/// `t` and `y` [B, C, H, W]; gives the same.
#[must_use]
pub fn rectifier_tangent(t: Tensor<4>, y: Tensor<4>, rectifier: Rectifier) -> Tensor<4> {
    let y = if y.is_autodiff() { y.inner() } else { y };
    let y = if t.is_autodiff() { y.autodiff() } else { y };
    let (t, y) = (t.into_dispatch(), y.into_dispatch());
    Tensor::from_dispatch(Dispatch::rectifier_tangent(t, y, rectifier))
}

/// Mean and biased variance of every channel of `x` [B, C, H, W] as [2, C]; no gradient flows
/// through them here, because [`normalize_train`] accounts for it.
#[must_use]
pub fn channel_moments(x: &Tensor<4>) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::moments(x.clone().inner().into_dispatch()))
}

/// The running mean and variance, each `[C]`, after a batch with these moments [2, C]: (1 −
/// new)·running + new·batch's, the variance's times `correction`. No gradient.
#[must_use]
pub fn follow_moments(
    moments: Tensor<2>,
    [mean, variance]: [Tensor<1>; 2],
    new: f64,
    correction: f64,
) -> [Tensor<1>; 2] {
    let plain = |x: Tensor<1>| if x.is_autodiff() { x.inner() } else { x };
    let [mean, variance] = [mean, variance].map(|x| plain(x).into_dispatch());
    let parts = [1.0 - new as f32, new as f32, (new * correction) as f32];
    let (mean, variance) = Dispatch::follow(moments.into_dispatch(), mean, variance, parts);
    [Tensor::from_dispatch(mean), Tensor::from_dispatch(variance)]
}

/// Batch normalisation by the batch's own moments, then leaky ReLU with slope `slope` (0 = ReLU, 1
/// = none).
///
/// # Shapes
/// `x` [B, C, H, W]; `gamma`, `beta` `[C]`; `moments` = [`channel_moments`]`(x)` [2, C]. Gives [B,
/// C, H, W].
#[must_use]
pub fn normalize_train(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    batch_moments: Tensor<2>,
    epsilon: f32,
    slope: f32,
) -> Tensor<4> {
    norm_act(x, [gamma, beta], batch_moments, epsilon, slope, None)
}

/// Normalisation by the moments of `x` alone, or of the pictures of all members.
pub(crate) fn norm_act(
    x: Tensor<4>,
    [gamma, beta]: [Tensor<1>; 2],
    moments: Tensor<2>,
    epsilon: f32,
    slope: f32,
    member: Option<Member>,
) -> Tensor<4> {
    let (gamma, beta, moments) =
        (gamma.into_dispatch(), beta.into_dispatch(), moments.into_dispatch());
    Tensor::from_dispatch(Dispatch::norm_act(
        x.into_dispatch(),
        gamma,
        beta,
        moments,
        epsilon,
        slope,
        member,
    ))
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
    if !x.is_autodiff() {
        return normalize_train(x, gamma, beta, moments, epsilon, slope);
    }
    // The moments are constants here, so x gets no gradient through them: an affine map and the
    // slope.
    let channels = gamma.dims()[0];
    let [mean, variance]: [Tensor<2>; 2] =
        [moments.clone().narrow(0, 0, 1), moments.narrow(0, 1, 1)];
    let scale = gamma / (variance.reshape([channels]) + epsilon).sqrt();
    let shift = beta - mean.reshape([channels]) * scale.clone();
    let pre = full(x) * scale.reshape([1, channels, 1, 1]) + shift.reshape([1, channels, 1, 1]);
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
        None => module::max_pool2d(
            x,
            MaxPoolOptions::new([3, 3]).with_stride([stride; 2]).with_padding([padding; 2]),
        ),
    }
}

/// The mean of every 3×3 window around a pixel, over the pixels inside the picture; no gradient.
///
/// # Shapes
/// `x` [B, C, H, W] gives the same.
#[must_use]
pub fn average_pool3(x: Tensor<4>) -> Tensor<4> {
    let options = || {
        AvgPoolOptions::new([3, 3])
            .with_stride([1, 1])
            .with_padding([1, 1])
            .with_count_include_pad(false)
    };
    match flex(x.clone()) {
        Some(x) => lift(cpu::pool::pool(x, Pool::Average, 1, 1)),
        None => module::avg_pool2d(x, options()),
    }
}

/// Concatenates pictures of equal size along the channels; no gradient.
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

/// Looks up each picture through its own map, with reflected borders; `None` leaves it unchanged.
///
/// # Shapes
/// `x` [B, C, H, W], `maps` one for each picture; gives [B, C, H, W].
#[must_use]
pub fn warp(x: Tensor<4>, maps: &[Option<Affine>]) -> Tensor<4> {
    let [_, _, height, width] = x.dims();
    look_up(x, Lookups { maps: maps.to_vec(), border: Border::Reflect, extent: [height, width] })
}

/// Looks up each picture through its own map.
///
/// # Shapes
/// `x` [B, C, H, W], one map for each picture; gives [B, C, H', W'] of the extent in `lookups`.
#[must_use]
pub fn look_up(x: Tensor<4>, lookups: Lookups) -> Tensor<4> {
    let [batch, _, height, width] = x.dims();
    debug_assert_eq!(lookups.maps.len(), batch);
    if lookups.extent == [height, width] && lookups.maps.iter().all(Option::is_none) {
        return x;
    }
    Tensor::from_dispatch(Dispatch::warp(x.into_dispatch(), Arc::new(lookups)))
}

/// Filters each picture to another rate, looks it up there through its own map, and filters it
/// back.
///
/// # Shapes
/// `x` [B, C, H, W] gives the same.
#[must_use]
pub fn resample(x: Tensor<4>, resampling: &Arc<Resampling>) -> Tensor<4> {
    debug_assert_eq!(resampling.lookups.maps.len(), x.dims()[0]);
    Tensor::from_dispatch(Dispatch::filter_and_warp(x.into_dispatch(), Arc::clone(resampling)))
}

/// Runs `work` on one of the worker threads of the CPU operations. Each of hundreds of operations
/// per step then starts immediately; any other thread would have to wake the workers and be woken
/// again.
pub fn on_workers<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| work())
}
