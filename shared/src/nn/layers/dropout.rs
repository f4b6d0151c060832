//! Dropout whose mask is named, so that two passes over the same batch can share it and a resumed run repeats it.

use burn::tensor::{Tensor, TensorData};

use crate::rng::Stream;

/// Sets each value to 0 with probability `rate` and divides the others by 1 − rate (Srivastava et al. 2014, inverted).
///
/// # Shapes
/// `x` [B, N] gives the same.
#[must_use]
pub fn dropout(x: Tensor<2>, rate: f64, mask: &mut Stream) -> Tensor<2> {
    if rate == 0.0 {
        return x;
    }
    let shape = x.dims();
    let kept = (1.0 / (1.0 - rate)) as f32;
    let values: Vec<f32> = (0..shape[0] * shape[1]).map(|_| if mask.coin(rate) { 0.0 } else { kept }).collect();
    let mask = Tensor::from_data(TensorData::new(values, shape), &x.device().inner());
    x * mask
}
