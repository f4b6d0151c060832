//! Dropout with named masks, so that two passes over the same batch can share a mask and a resumed
//! run repeats it.

use burn::tensor::{Tensor, TensorData};

use fledge_base::rng::Stream;

/// The source of a pass's dropout masks.
#[derive(Clone, Debug)]
pub enum Masks {
    /// No dropout.
    None,
    /// One stream for the whole batch.
    Batch(Box<Stream>),
    /// One stream per picture, so that a picture's mask does not depend on the rest of the batch.
    Picture(Vec<Stream>),
}

impl Masks {
    /// Draws inverted dropout factors for values of `shape`: 0 with probability `rate`, else 1/(1 −
    /// rate) (Srivastava et al. 2014); `None` if nothing is dropped.
    pub fn draw<const D: usize>(
        &mut self,
        shape: [usize; D],
        rate: f64,
        like: &Tensor<D>,
    ) -> Option<Tensor<D>> {
        if rate == 0.0 {
            return None;
        }
        let kept = (1.0 / (1.0 - rate)) as f32;
        let count: usize = shape.iter().product();
        let draw = |stream: &mut Stream, n: usize| -> Vec<f32> {
            (0..n).map(|_| if stream.coin(rate) { 0.0 } else { kept }).collect()
        };
        let values = match self {
            Self::None => return None,
            Self::Batch(stream) => draw(stream, count),
            Self::Picture(streams) => {
                streams.iter_mut().take(shape[0]).flat_map(|s| draw(s, count / shape[0])).collect()
            }
        };
        let mask = Tensor::<D>::from_data(TensorData::new(values, shape), &like.device().inner());
        Some(if mask.dtype() == like.dtype() { mask } else { mask.cast(like.dtype()) })
    }
}

/// Sets each value of `x` to 0 with probability `rate` and divides the others by 1 − rate.
#[must_use]
pub fn dropout<const D: usize>(x: Tensor<D>, rate: f64, masks: &mut Masks) -> Tensor<D> {
    match masks.draw(x.dims(), rate, &x) {
        None => x,
        Some(mask) => x * mask,
    }
}
