//! The operations below the layers as a trait of backends: [`super::cpu`] implements them for the
//! CPU, [`super::cube`] for GPUs, and [`super::autodiff`] records each with the inputs of its
//! gradients.

use std::sync::Arc;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};

#[cfg(feature = "cubecl")]
use super::cube::spec;
use super::{Activation, Lookups, Padding, Precision, Rectifier, Resampling, Upsample};
use crate::collective::Member;

/// The operations; each is documented at its function in [`super`]. Those marked so are not
/// differentiable: they are the gradients of others.
#[backend_extension(Flex, Cube: cfg(feature = "cubecl"), Fusion: cfg(feature = "cubecl"), Autodiff)]
pub(crate) trait Operations: Backend {
    /// [`super::conv2d`].
    #[fusion(meta = spec::convolve)]
    fn convolve(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
        padding: Padding,
        precision: Precision,
    ) -> FloatTensor<Self>;

    /// [`super::conv_transpose2d`]: the input gradient of the convolution whose input is [B, Cout,
    /// h, w].
    #[fusion(meta = spec::convolve_transposed)]
    fn convolve_transposed(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
        padding: Padding,
        output: [usize; 2],
        precision: Precision,
    ) -> FloatTensor<Self>;

    /// Gradient of a convolution's weight, f32, from its input `x` and its output's gradient `g`.
    /// Not differentiable.
    #[fusion(meta = spec::weight_gradient)]
    fn weight_gradient(
        x: FloatTensor<Self>,
        g: FloatTensor<Self>,
        kernel: [usize; 2],
        stride: usize,
        padding: Padding,
        precision: Precision,
    ) -> FloatTensor<Self>;

    /// [`super::matmul`].
    #[fusion(meta = spec::multiply)]
    fn multiply(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        precision: Precision,
    ) -> FloatTensor<Self>;

    /// Mean and biased variance of every channel, [2, C], f32. Not differentiable:
    /// [`Operations::norm_act`] accounts for it.
    #[fusion(meta = spec::moments)]
    fn moments(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The running mean and variance after a batch, see [`super::follow_moments`]. Not
    /// differentiable.
    #[fusion(meta = |_, mean, variance, _| (mean.clone(), variance.clone()))]
    fn follow(
        moments: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        parts: [f32; 3],
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// Normalisation by the moments of `x`, or of the pictures of all members, and leaky ReLU.
    #[fusion(meta = |x, _, _, _, _, _, _| x.clone())]
    fn norm_act(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        epsilon: f32,
        slope: f32,
        member: Option<Member>,
    ) -> FloatTensor<Self>;

    /// Gradients of x, gamma and beta of [`Operations::norm_act`] if the moments are those of `x`
    /// alone. Not differentiable.
    #[fusion(meta = |x, gamma, beta, _, _, _, _| (x.clone(), gamma.clone(), beta.clone()))]
    fn norm_act_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        epsilon: f32,
        slope: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// The sums that these gradients are computed from, [2, C], f32: with g the gradient before the
    /// activation, Σg and Σg·(x − mean) of every channel. Not differentiable.
    #[fusion(meta = |x, _, _, _, _, _, _| spec::moments(x))]
    fn norm_act_sums(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        epsilon: f32,
        slope: f32,
    ) -> FloatTensor<Self>;

    /// [`Operations::norm_act_backward`] for moments of the pictures of all members. `sums` [4, C]:
    /// this member's [`Operations::norm_act_sums`], for the gradients of gamma and beta, then those
    /// of all, for x. `numbers` are ε, the slope, and the number of pixels per channel over all
    /// members. Not differentiable.
    #[fusion(meta = |x, gamma, beta, _, _, _, _| (x.clone(), gamma.clone(), beta.clone()))]
    fn norm_act_backward_of_all(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        sums: FloatTensor<Self>,
        numbers: [f32; 3],
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// [`super::bias_act`].
    #[fusion(meta = |x, _, _| x.clone())]
    fn add_bias_act(
        x: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        activation: Activation,
    ) -> FloatTensor<Self>;

    /// Gradients of x and, f32, of the bias of [`Operations::add_bias_act`] from its result `y`.
    /// Not differentiable.
    #[fusion(meta = spec::bias_act_backward)]
    fn bias_act_backward(
        y: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        activation: Activation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// [`super::rectifier_tangent`].
    #[fusion(meta = |t, _, _| t.clone())]
    fn rectifier_tangent(
        t: FloatTensor<Self>,
        y: FloatTensor<Self>,
        rectifier: Rectifier,
    ) -> FloatTensor<Self>;

    /// [`super::upsample2`] or, if `transposed`, its gradient.
    #[fusion(meta = spec::resize)]
    fn resize(x: FloatTensor<Self>, mode: Upsample, transposed: bool) -> FloatTensor<Self>;

    /// [`super::look_up`].
    #[fusion(meta = spec::warp)]
    fn warp(x: FloatTensor<Self>, lookups: Arc<Lookups>) -> FloatTensor<Self>;

    /// Gradient of x, of `extent` (height, width), of [`Operations::warp`]. Not differentiable.
    #[fusion(meta = spec::warp_backward)]
    fn warp_backward(
        grad: FloatTensor<Self>,
        lookups: Arc<Lookups>,
        extent: [usize; 2],
    ) -> FloatTensor<Self>;

    /// [`super::resample`].
    #[fusion(meta = |x, _| x.clone())]
    fn filter_and_warp(x: FloatTensor<Self>, resampling: Arc<Resampling>) -> FloatTensor<Self>;

    /// Gradient of x of [`Operations::filter_and_warp`]. Not differentiable.
    #[fusion(meta = |x, _| x.clone())]
    fn filter_and_warp_backward(
        grad: FloatTensor<Self>,
        resampling: Arc<Resampling>,
    ) -> FloatTensor<Self>;
}
