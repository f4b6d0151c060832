//! Doubling and halving of pictures.

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use crate::operations::Operations;
use crate::upsample::Upsample;

/// Doubles the extent of pictures.
///
/// # Shapes
/// `x` [B, C, H, W] gives [B, C, 2H, 2W].
#[must_use]
pub fn upsample2(x: Tensor<4>, mode: Upsample) -> Tensor<4> {
    scale(x, mode, false)
}

/// The mean of every 2×2 window; height and width are even.
///
/// # Shapes
/// `x` [B, C, H, W] gives [B, C, H/2, W/2].
#[must_use]
pub fn average_pool2(x: Tensor<4>) -> Tensor<4> {
    scale(x, Upsample::Nearest, true) * 0.25
}

/// Doubling or, if `transposed`, its transpose.
fn scale(x: Tensor<4>, mode: Upsample, transposed: bool) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::resize(x.into_dispatch(), mode, transposed))
}
