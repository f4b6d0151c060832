//! The noise of a style-based generator.

use burn::tensor::{Tensor, TensorData};

use super::dropout::Masks;
use crate::parameter::Parameter;

/// The source of the noise that a pass adds to feature maps.
#[derive(Clone, Debug)]
pub enum Noise {
    /// Drawn from the pass's stream.
    Random,
    /// The layers' own constant noise.
    Constant,
    /// No noise.
    Off,
    /// These maps, [B or 1, 1, H, W], one for each layer in order.
    Given(Vec<Tensor<4>>),
}

impl Masks {
    /// Standard normal numbers of `shape`, in the manner of the masks; `None` without a stream.
    pub(super) fn normals(&mut self, shape: [usize; 4], like: &Parameter) -> Option<Tensor<4>> {
        let count: usize = shape.iter().product();
        let values = match self {
            Self::None => return None,
            Self::Batch(stream) => stream.normals(count),
            Self::Picture(streams) => {
                let each = count / shape[0];
                streams.iter_mut().take(shape[0]).flat_map(|s| s.normals(each)).collect()
            }
        };
        let device = like.flat().device().inner();
        Some(Tensor::from_data(TensorData::new(values, shape), &device))
    }
}
