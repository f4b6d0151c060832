//! The context of a pass through a network, besides its input.

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::dropout::Masks;
use super::noise::Noise;
use crate::parameter::{Moved, Parameter};

/// Training or inference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Normalises by the batch and updates the running statistics.
    Train,
    /// Normalises by the running statistics.
    Infer,
}

/// The class of each picture in a batch.
#[derive(Clone, Debug)]
pub struct Classes {
    indices: Tensor<1, Int>,
}

impl Classes {
    /// Creates classes from indices, on `device` (without autodiff).
    #[must_use]
    pub fn new(indices: &[u32], device: &Device) -> Self {
        let values: Vec<i32> = indices.iter().map(|&i| i as i32).collect();
        Self { indices: Tensor::from_data(TensorData::new(values, [indices.len()]), device) }
    }

    /// The classes of the first `count` pictures.
    #[must_use]
    pub fn first(&self, count: usize) -> Self {
        Self { indices: self.indices.clone().narrow(0, 0, count) }
    }

    /// The row of `table` [classes, N] for each picture: [B, N].
    #[must_use]
    pub fn rows(&self, table: Tensor<2>) -> Tensor<2> {
        let indices = if table.is_autodiff() {
            self.indices.clone().autodiff()
        } else {
            self.indices.clone()
        };
        table.select(0, indices)
    }

    /// One-hot rows, [B, classes].
    #[must_use]
    pub fn one_hot(&self, classes: usize, device: &Device) -> Tensor<2> {
        self.rows(Tensor::eye(classes, device))
    }
}

/// The context of one pass: mode, classes and masks, and the running statistics that the pass
/// updates.
#[derive(Debug)]
pub struct Pass<'a> {
    /// Training or inference.
    pub mode: Mode,
    /// The classes, for class-conditional networks.
    pub classes: Option<&'a Classes>,
    /// The stream that dropout and noise draw from.
    pub masks: &'a mut Masks,
    /// Whether the BatchNorm of a translator normalises by the running statistics in inference,
    /// instead of by those of each picture as its sources test: false at first.
    pub running: bool,
    /// The noise of style-based generators: random in training, else constant.
    pub noise: Noise,
    /// Running statistics as updated by training passes: this one and those before it.
    pub moved: Moved,
}

impl<'a> Pass<'a> {
    /// A pass with no passes before it.
    pub fn new(mode: Mode, classes: Option<&'a Classes>, masks: &'a mut Masks) -> Self {
        let noise = if mode == Mode::Train { Noise::Random } else { Noise::Constant };
        Self { mode, classes, masks, running: false, noise, moved: Moved::default() }
    }
}

impl Pass<'_> {
    /// The noise of the next layer, [B or 1, 1, H, W], before its strength; `constant` [H, W] is the
    /// layer's own.
    pub(crate) fn noise(&mut self, constant: &Parameter, batch: usize) -> Option<Tensor<4>> {
        let (height, width) = (constant.shape()[0], constant.shape()[1]);
        match &mut self.noise {
            Noise::Off => None,
            Noise::Constant => Some(constant.tensor::<2>().reshape([1, 1, height, width])),
            Noise::Random => self.masks.normals([batch, 1, height, width], constant),
            Noise::Given(maps) => (!maps.is_empty()).then(|| maps.remove(0)),
        }
    }
}
