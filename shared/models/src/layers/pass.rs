//! What a pass through a network is told besides its input.

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::dropout::Masks;
use crate::parameter::Moved;

/// Whether a network learns or is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Normalises by the batch and updates the running statistics.
    Train,
    /// Normalises by the running statistics.
    Infer,
}

/// The class of each picture of a batch.
#[derive(Clone, Debug)]
pub struct Classes {
    indices: Tensor<1, Int>,
}

impl Classes {
    /// Classes by index, on `device` (without autodiff).
    #[must_use]
    pub fn new(indices: &[u32], device: &Device) -> Self {
        let values: Vec<i32> = indices.iter().map(|&i| i as i32).collect();
        Self { indices: Tensor::from_data(TensorData::new(values, [indices.len()]), device) }
    }

    /// The row of `table` [classes, N] of each picture: [B, N].
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

/// A pass through a network: what the network is told besides its input, and what the pass moves.
#[derive(Debug)]
pub struct Pass<'a> {
    /// Whether the network learns.
    pub mode: Mode,
    /// The classes, for networks that are built by class.
    pub classes: Option<&'a Classes>,
    /// The stream that dropout draws from.
    pub masks: &'a mut Masks,
    /// Running statistics as passes in training moved them, this one and those that it follows.
    pub moved: Moved,
}

impl<'a> Pass<'a> {
    /// A pass that follows none.
    pub fn new(mode: Mode, classes: Option<&'a Classes>, masks: &'a mut Masks) -> Self {
        Self { mode, classes, masks, moved: Moved::default() }
    }
}
