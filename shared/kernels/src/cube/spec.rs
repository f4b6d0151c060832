//! Shape and element type of each operation's result, known before it runs, as fusion requires.

use std::sync::Arc;

use burn::backend::fusion::custom::TensorSpec;
use burn::tensor::{DType, Shape};

use crate::{Activation, Lookups, Padding, Precision, Upsample};

/// The element type of the feature map that a convolution returns.
pub(crate) fn feature_type(precision: Precision) -> DType {
    match precision {
        Precision::F32 | Precision::Tf32 => DType::F32,
        Precision::Bf16 => DType::BF16,
    }
}

fn spec<const D: usize>(shape: [usize; D], dtype: DType) -> TensorSpec {
    TensorSpec::new(Shape::from(shape), dtype)
}

pub(crate) fn convolve(
    x: &TensorSpec,
    weight: &TensorSpec,
    stride: &usize,
    padding: &Padding,
    precision: &Precision,
) -> TensorSpec {
    let ([batch, _, h, w], [outputs, _, kh, kw]) = (x.shape.dims::<4>(), weight.shape.dims::<4>());
    let [oh, ow] = padding.room([h, w], [kh, kw]).map(|n| n / stride + 1);
    spec([batch, outputs, oh, ow], feature_type(*precision))
}

pub(crate) fn convolve_transposed(
    x: &TensorSpec,
    weight: &TensorSpec,
    _stride: &usize,
    _padding: &Padding,
    [height, width]: &[usize; 2],
    precision: &Precision,
) -> TensorSpec {
    spec([x.shape[0], weight.shape[1], *height, *width], feature_type(*precision))
}

pub(crate) fn weight_gradient(
    x: &TensorSpec,
    g: &TensorSpec,
    [height, width]: &[usize; 2],
    _stride: &usize,
    _padding: &Padding,
    _precision: &Precision,
) -> TensorSpec {
    spec([g.shape[1], x.shape[1], *height, *width], DType::F32)
}

pub(crate) fn multiply(a: &TensorSpec, b: &TensorSpec, _precision: &Precision) -> TensorSpec {
    let last = a.shape.num_dims() - 1;
    let along = |i: usize| {
        if i == last {
            b.shape[i]
        } else if i + 1 == last {
            a.shape[i]
        } else {
            a.shape[i].max(b.shape[i])
        }
    };
    TensorSpec::new(Shape::from((0..=last).map(along).collect::<Vec<_>>()), a.dtype)
}

pub(crate) fn moments(x: &TensorSpec) -> TensorSpec {
    spec([2, x.shape[1]], DType::F32)
}

pub(crate) fn bias_act_backward(
    y: &TensorSpec,
    _grad: &TensorSpec,
    _activation: &Activation,
) -> (TensorSpec, TensorSpec) {
    (y.clone(), spec([y.shape[1]], DType::F32))
}

pub(crate) fn resize(x: &TensorSpec, _mode: &Upsample, transposed: &bool) -> TensorSpec {
    let [batch, channels, h, w] = x.shape.dims::<4>();
    let [h, w] = [h, w].map(|n| if *transposed { n / 2 } else { 2 * n });
    spec([batch, channels, h, w], x.dtype)
}

pub(crate) fn warp(x: &TensorSpec, lookups: &Arc<Lookups>) -> TensorSpec {
    let [rows, columns] = lookups.extent;
    spec([x.shape[0], x.shape[1], rows, columns], x.dtype)
}

pub(crate) fn warp_backward(
    grad: &TensorSpec,
    _lookups: &Arc<Lookups>,
    [height, width]: &[usize; 2],
) -> TensorSpec {
    spec([grad.shape[0], grad.shape[1], *height, *width], grad.dtype)
}
