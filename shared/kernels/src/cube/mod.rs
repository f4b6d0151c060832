//! [`Operations`] on devices programmed through CubeCL. Pictures have channels last in memory, as
//! burn's convolutions also require here.
//!
//! | module | holds |
//! |---|---|
//! | [`conv`] | convolutions of either direction and their weights' gradient, by burn's matrix products |
//! | [`columns`], [`gemm`] | the same in strict f32 and in bfloat16 with f32 sums |
//! | [`act`], [`norm`] | bias and activation, batch normalisation and the leaky ReLU after it: one pass each |
//! | [`sums`] | sums over all positions of a picture, channel by channel |
//! | [`warp`], [`fir`], [`resize`] | look-ups, filters, doubling and halving; the gradients are gathered, never scattered |
//! | [`update`] | optimizers and averages of many weights in one launch |
//! | [`image`] | tensors with channels last, and launches over them |
//! | [`spec`] | shape and element type of each operation's result, for fusion |
//!
//! No sum depends on timing: the same numbers give the same results.

mod act;
mod columns;
mod conv;
mod fir;
mod gemm;
mod image;
mod norm;
mod resize;
pub(super) mod spec;
mod sums;
pub(super) mod update;
mod warp;

use std::sync::Arc;

use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;

use self::conv::Convolution;
use self::image::Image;
use self::norm::Norm;
use super::operations::Operations;
use super::{Activation, Lookups, Padding, Precision, Rectifier, Resampling, Upsample};
use crate::collective::Member;

impl Operations for CubeBackend {
    fn convolve(
        x: CubeTensor,
        weight: CubeTensor,
        stride: usize,
        padding: Padding,
        precision: Precision,
    ) -> CubeTensor {
        Convolution { stride, padding, precision }.forward(x, weight)
    }

    fn convolve_transposed(
        x: CubeTensor,
        weight: CubeTensor,
        stride: usize,
        padding: Padding,
        output: [usize; 2],
        precision: Precision,
    ) -> CubeTensor {
        Convolution { stride, padding, precision }.transposed(x, weight, output)
    }

    fn weight_gradient(
        x: CubeTensor,
        g: CubeTensor,
        kernel: [usize; 2],
        stride: usize,
        padding: Padding,
        precision: Precision,
    ) -> CubeTensor {
        Convolution { stride, padding, precision }.weight_gradient(x, g, kernel)
    }

    fn multiply(a: CubeTensor, b: CubeTensor, precision: Precision) -> CubeTensor {
        columns::multiply(a, b, precision)
    }

    fn moments(x: CubeTensor) -> CubeTensor {
        norm::moments(&Image::of(x))
    }

    fn follow(
        moments: CubeTensor,
        mean: CubeTensor,
        variance: CubeTensor,
        parts: [f32; 3],
    ) -> (CubeTensor, CubeTensor) {
        norm::follow(moments, mean, variance, parts)
    }

    fn norm_act(
        x: CubeTensor,
        gamma: CubeTensor,
        beta: CubeTensor,
        moments: CubeTensor,
        epsilon: f32,
        slope: f32,
        _: Option<Member>,
    ) -> CubeTensor {
        Norm::new([gamma, beta, moments], epsilon, slope).forward(&Image::of(x)).tensor()
    }

    fn norm_act_backward(
        x: CubeTensor,
        gamma: CubeTensor,
        beta: CubeTensor,
        moments: CubeTensor,
        grad: CubeTensor,
        epsilon: f32,
        slope: f32,
    ) -> (CubeTensor, CubeTensor, CubeTensor) {
        let (dx, d_gamma, d_beta) = Norm::new([gamma, beta, moments], epsilon, slope)
            .backward(&Image::of(x), &Image::of(grad));
        (dx.tensor(), d_gamma, d_beta)
    }

    fn norm_act_sums(
        x: CubeTensor,
        gamma: CubeTensor,
        beta: CubeTensor,
        moments: CubeTensor,
        grad: CubeTensor,
        epsilon: f32,
        slope: f32,
    ) -> CubeTensor {
        Norm::new([gamma, beta, moments], epsilon, slope).sums(&Image::of(x), &Image::of(grad))
    }

    fn norm_act_backward_of_all(
        x: CubeTensor,
        gamma: CubeTensor,
        beta: CubeTensor,
        moments: CubeTensor,
        grad: CubeTensor,
        sums: CubeTensor,
        [epsilon, slope, n]: [f32; 3],
    ) -> (CubeTensor, CubeTensor, CubeTensor) {
        let norm = Norm::new([gamma, beta, moments], epsilon, slope);
        let (dx, d_gamma, d_beta) = norm.backward_of_all(&Image::of(x), &Image::of(grad), sums, n);
        (dx.tensor(), d_gamma, d_beta)
    }

    fn add_bias_act(x: CubeTensor, bias: CubeTensor, activation: Activation) -> CubeTensor {
        act::forward(&Image::of(x), bias, activation).tensor()
    }

    fn bias_act_backward(
        y: CubeTensor,
        grad: CubeTensor,
        activation: Activation,
    ) -> (CubeTensor, CubeTensor) {
        let (dx, d_bias) = act::backward(&Image::of(y), &Image::of(grad), activation);
        (dx.tensor(), d_bias)
    }

    fn rectifier_tangent(t: CubeTensor, y: CubeTensor, rectifier: Rectifier) -> CubeTensor {
        act::scaled(&Image::of(y), &Image::of(t), Activation::Rectify(rectifier)).tensor()
    }

    fn resize(x: CubeTensor, mode: Upsample, transposed: bool) -> CubeTensor {
        resize::resize(&Image::of(x), mode, transposed).tensor()
    }

    fn warp(x: CubeTensor, lookups: Arc<Lookups>) -> CubeTensor {
        warp::forward(&Image::of(x), &lookups).tensor()
    }

    fn warp_backward(grad: CubeTensor, lookups: Arc<Lookups>, extent: [usize; 2]) -> CubeTensor {
        warp::backward(&Image::of(grad), &lookups, extent).tensor()
    }

    fn filter_and_warp(x: CubeTensor, resampling: Arc<Resampling>) -> CubeTensor {
        fir::forward(&Image::of(x), &resampling).tensor()
    }

    fn filter_and_warp_backward(grad: CubeTensor, resampling: Arc<Resampling>) -> CubeTensor {
        fir::backward(&Image::of(grad), &resampling).tensor()
    }
}
