//! [`Operations`] on the CPU. No module above [`super`] depends on them.
//!
//! | module | holds |
//! |---|---|
//! | [`kernel`] | the two matrix products below every convolution, in SIMD |
//! | [`conv`] | convolutions of any kernel and stride |
//! | [`winograd`] | convolutions of 4×4 with stride 2 and of 3×3, in about half of the multiplications |
//! | [`few`] | convolutions of few positions by a large kernel |
//! | [`norm`], [`act`], [`fused`], [`warp`], [`resample`], [`resize`], [`pool`] | the operations between them |
//! | [`update`] | optimizers and averages, in place |
//! | [`memo`] | a cache of results for a second pass over the same numbers |
//! | [`simd`], [`image`], [`memory`], [`disjoint`] | vectors over slices; tensors with channels last; reused memory; memory shared by tasks |

mod act;
mod conv;
mod disjoint;
mod few;
mod fused;
mod geometry;
mod image;
mod kernel;
pub(super) mod memo;
mod memory;
mod norm;
pub(super) mod pool;
mod resample;
mod resize;
mod simd;
pub(super) mod update;
mod warp;
mod winograd;

use std::sync::Arc;

use burn::backend::ops::FloatTensorOps;
use burn::backend::{BackendTensor, DispatchTensorKind, Flex};
use burn::tensor::{Device, Tensor};
use burn_flex::FlexTensor;

use self::geometry::Geometry;
use self::image::{Image, Values, dims};
use self::memo::{Operation, recall};
use self::memory::Buffer;
use self::norm::Norm;
use super::operations::Operations;
use super::{Activation, Lookups, Padding, Precision, Rectifier, Resampling, Upsample};
use crate::collective::Member;

pub(super) use self::memory::release as release_memory;

/// The instruction set that these operations use, by its usual name.
pub(super) fn instructions() -> &'static str {
    simd::name(simd::arch())
}

/// Returns true if `x` is on the CPU, with or without autodiff.
pub(super) fn on_cpu<const D: usize>(x: &Tensor<D>) -> bool {
    x.device().inner() == Device::flex()
}

/// The tensor below `x`, if it is on the CPU without autodiff.
pub(super) fn flex<const D: usize>(x: Tensor<D>) -> Option<FlexTensor> {
    match x.into_dispatch().kind {
        DispatchTensorKind::Flex(BackendTensor::Float(x)) => Some(x),
        _ => None,
    }
}

/// The tensor below `x`, which is on the CPU; its autodiff graph is dropped.
pub(super) fn own_flex<const D: usize>(x: Tensor<D>) -> FlexTensor {
    let x = if x.is_autodiff() { x.inner() } else { x };
    flex(x).unwrap_or_else(|| unreachable!("the caller looked at the device"))
}

/// The tensor above `x`.
pub(super) fn lift<const D: usize>(x: FlexTensor) -> Tensor<D> {
    Tensor::from_dispatch(burn::backend::DispatchTensor {
        kind: DispatchTensorKind::Flex(BackendTensor::Float(x)),
        autodiff: Default::default(),
    })
}

/// The convolution of `x` [batch, cin, h, w] with `weight` [cout, cin, kh, kw].
fn geometry(x: &FlexTensor, weight: &FlexTensor, stride: usize, padding: Padding) -> Geometry {
    let ([batch, cin, h, w], [cout, _, kh, kw]) = (dims(x), dims(weight));
    let [oh, ow] = padding.room([h, w], [kh, kw]).map(|n| n / stride + 1);
    Geometry { batch, cin, h, w, cout, kernel: [kh, kw], stride, padding: padding.before, oh, ow }
}

fn convolve(
    x: FlexTensor,
    weight: FlexTensor,
    stride: usize,
    padding: Padding,
    finish: Option<(&[f32], f32)>,
) -> FlexTensor {
    let g = geometry(&x, &weight, stride, padding);
    let y = g.forward(Image::of(x).values(), Values::of(weight).slice(), finish);
    Image::tensor(y, [g.batch, g.cout, g.oh, g.ow])
}

/// Convolution, bias and leaky ReLU in one pass, for inference.
pub(super) fn convolve_act(
    x: FlexTensor,
    weight: FlexTensor,
    bias: FlexTensor,
    slope: f32,
    stride: usize,
    padding: Padding,
) -> FlexTensor {
    convolve(x, weight, stride, padding, Some((Values::of(bias).slice(), slope)))
}

impl Operations for Flex {
    fn convolve(
        x: FlexTensor,
        weight: FlexTensor,
        stride: usize,
        padding: Padding,
        _: Precision,
    ) -> FlexTensor {
        recall(Operation::Convolution { stride, padding }, [x, weight], |[x, weight]| {
            convolve(x, weight, stride, padding, None)
        })
    }

    fn convolve_transposed(
        x: FlexTensor,
        weight: FlexTensor,
        stride: usize,
        padding: Padding,
        output: [usize; 2],
        _: Precision,
    ) -> FlexTensor {
        let ([batch, cout, oh, ow], [_, cin, kh, kw]) = (dims(&x), dims(&weight));
        let [h, w] = output;
        let g = Geometry {
            batch,
            cin,
            h,
            w,
            cout,
            kernel: [kh, kw],
            stride,
            padding: padding.before,
            oh,
            ow,
        };
        Image::tensor(
            g.input_gradient(Image::of(x).values(), Values::of(weight).slice()),
            [batch, cin, h, w],
        )
    }

    fn weight_gradient(
        x: FlexTensor,
        g: FlexTensor,
        kernel: [usize; 2],
        stride: usize,
        padding: Padding,
        _: Precision,
    ) -> FlexTensor {
        let ([batch, cin, h, w], [_, cout, oh, ow]) = (dims(&x), dims(&g));
        let geometry =
            Geometry { batch, cin, h, w, cout, kernel, stride, padding: padding.before, oh, ow };
        let gradient = geometry.weight_gradient(Image::of(x).values(), Image::of(g).values());
        Values::tensor(gradient, [cout, cin, kernel[0], kernel[1]])
    }

    fn multiply(a: FlexTensor, b: FlexTensor, _: Precision) -> FlexTensor {
        Self::float_matmul(a, b)
    }

    fn moments(x: FlexTensor) -> FlexTensor {
        recall(Operation::Moments, [x], |[x]| {
            let x = Image::of(x);
            Values::tensor(norm::moments(x.values(), x.shape[1]), [2, x.shape[1]])
        })
    }

    fn follow(
        moments: FlexTensor,
        mean: FlexTensor,
        variance: FlexTensor,
        parts: [f32; 3],
    ) -> (FlexTensor, FlexTensor) {
        let [moments, mean, variance] = [moments, mean, variance].map(Values::of);
        let (means, variances) = moments.slice().split_at(mean.slice().len());
        let [kept, new, corrected] = parts;
        let after = |running: &Values, batch: &[f32], new: f32| {
            let mut after = Buffer::any(batch.len());
            let numbers = after.iter_mut().zip(running.slice().iter().zip(batch));
            numbers.for_each(|(after, (running, batch))| *after = running * kept + batch * new);
            Values::tensor(after, [batch.len()])
        };
        (after(&mean, means, new), after(&variance, variances, corrected))
    }

    fn norm_act(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        moments: FlexTensor,
        epsilon: f32,
        slope: f32,
        _: Option<Member>,
    ) -> FlexTensor {
        recall(
            Operation::Norm { epsilon, slope },
            [x, gamma, beta, moments],
            |[x, gamma, beta, moments]| {
                let (x, parts) = (Image::of(x), [gamma, beta, moments].map(Values::of));
                let norm = Norm::of(&parts, epsilon, slope);
                Image::tensor(norm.forward(x.values()), x.shape)
            },
        )
    }

    fn norm_act_backward(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        moments: FlexTensor,
        grad: FlexTensor,
        epsilon: f32,
        slope: f32,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let (x, grad, parts) =
            (Image::of(x), Image::of(grad), [gamma, beta, moments].map(Values::of));
        let norm = Norm::of(&parts, epsilon, slope);
        let (dx, d_gamma, d_beta) = norm.backward(x.values(), grad.values());
        let channels = x.shape[1];
        (
            Image::tensor(dx, x.shape),
            Values::tensor(d_gamma, [channels]),
            Values::tensor(d_beta, [channels]),
        )
    }

    fn norm_act_sums(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        moments: FlexTensor,
        grad: FlexTensor,
        epsilon: f32,
        slope: f32,
    ) -> FlexTensor {
        let (x, grad, parts) =
            (Image::of(x), Image::of(grad), [gamma, beta, moments].map(Values::of));
        let norm = Norm::of(&parts, epsilon, slope);
        Values::tensor(norm.sums(x.values(), grad.values()), [2, x.shape[1]])
    }

    fn norm_act_backward_of_all(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        moments: FlexTensor,
        grad: FlexTensor,
        sums: FlexTensor,
        [epsilon, slope, n]: [f32; 3],
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let (x, grad, sums, parts) = (
            Image::of(x),
            Image::of(grad),
            Values::of(sums),
            [gamma, beta, moments].map(Values::of),
        );
        let norm = Norm::of(&parts, epsilon, slope);
        let (dx, d_gamma, d_beta) =
            norm.backward_of_all(x.values(), grad.values(), sums.slice(), n);
        let channels = x.shape[1];
        (
            Image::tensor(dx, x.shape),
            Values::tensor(d_gamma, [channels]),
            Values::tensor(d_beta, [channels]),
        )
    }

    fn add_bias_act(x: FlexTensor, bias: FlexTensor, activation: Activation) -> FlexTensor {
        let bias = Values::of(bias);
        Image::of(x).update(|x| act::forward(x, bias.slice(), activation))
    }

    fn bias_act_backward(
        y: FlexTensor,
        grad: FlexTensor,
        activation: Activation,
    ) -> (FlexTensor, FlexTensor) {
        let (y, grad) = (Image::of(y), Image::of(grad));
        let (dx, d_bias) = act::backward(y.values(), grad.values(), y.shape[1], activation);
        (Image::tensor(dx, y.shape), Values::tensor(d_bias, [y.shape[1]]))
    }

    fn rectifier_tangent(t: FlexTensor, y: FlexTensor, rectifier: Rectifier) -> FlexTensor {
        let (y, t) = (Image::of(y), Image::of(t));
        Image::tensor(act::tangent(y.values(), t.values(), rectifier), y.shape)
    }

    fn resize(x: FlexTensor, mode: Upsample, transposed: bool) -> FlexTensor {
        let x = Image::of(x);
        let [batch, channels, h, w] = x.shape;
        if transposed {
            return Image::tensor(resize::halve(&x, mode), [batch, channels, h / 2, w / 2]);
        }
        Image::tensor(resize::double(&x, mode), [batch, channels, 2 * h, 2 * w])
    }

    fn warp(x: FlexTensor, lookups: Arc<Lookups>) -> FlexTensor {
        let (x, [rows, columns]) = (Image::of(x), lookups.extent);
        Image::tensor(warp::forward(&x, &lookups), [x.shape[0], x.shape[1], rows, columns])
    }

    fn warp_backward(grad: FlexTensor, lookups: Arc<Lookups>, extent: [usize; 2]) -> FlexTensor {
        let grad = Image::of(grad);
        Image::tensor(
            warp::backward(&grad, &lookups, extent),
            [grad.shape[0], grad.shape[1], extent[0], extent[1]],
        )
    }

    fn filter_and_warp(x: FlexTensor, resampling: Arc<Resampling>) -> FlexTensor {
        let x = Image::of(x);
        Image::tensor(resample::forward(&x, &resampling), x.shape)
    }

    fn filter_and_warp_backward(grad: FlexTensor, resampling: Arc<Resampling>) -> FlexTensor {
        let grad = Image::of(grad);
        Image::tensor(resample::backward(&grad, &resampling), grad.shape)
    }
}
