//! What D is told about each picture: 1 and 0, or softer, noisy or exchanged.

use burn::tensor::{Tensor, TensorData};

/// Which labels a loss gives a meaning to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelRange {
    /// D learns without labels, so that they can be neither softened, drawn nor exchanged.
    None,
    /// 0 to 1: how likely a picture is real.
    Fractions,
    /// Any two numbers that logits may aim at.
    Numbers,
}

/// The labels of one kind of picture.
#[derive(Clone, Debug, PartialEq)]
pub enum Label {
    /// The same for all.
    Same(f64),
    /// One for each.
    Each(Vec<f32>),
}

/// The labels of the batches of real and of generated pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Labels {
    /// Those of the real ones.
    pub real: Label,
    /// Those of the generated ones.
    pub fake: Label,
}

impl Labels {
    /// 1 for real pictures, 0 for generated ones.
    pub const PLAIN: Self = Self { real: Label::Same(1.0), fake: Label::Same(0.0) };
}

impl Label {
    /// As a tensor that goes with `logits` [B, 1]: [1, 1] or [B, 1], on their device and without a
    /// graph.
    #[must_use]
    pub fn beside(&self, logits: &Tensor<2>) -> Tensor<2> {
        let values = match self {
            Self::Same(value) => vec![*value as f32],
            Self::Each(values) => values.clone(),
        };
        let count = values.len();
        Tensor::from_data(TensorData::new(values, [count, 1]), &logits.device())
    }
}
