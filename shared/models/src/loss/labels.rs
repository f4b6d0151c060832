//! D's labels for each picture: 1 and 0, or soft, noisy or flipped.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use fledge_models::loss::Label;
//!
//! let logits = Tensor::<2>::zeros([4, 1], &Device::flex());
//! assert_eq!(Label::Same(0.9).beside(&logits).dims(), [1, 1]);
//! assert_eq!(Label::Each(vec![0.9; 4]).beside(&logits).dims(), [4, 1]);
//! ```

use burn::tensor::{Tensor, TensorData};

/// The labels that are meaningful for a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelRange {
    /// None: D learns without labels, which can be neither softened, drawn nor flipped.
    None,
    /// 0 to 1: the probability that a picture is real.
    Fractions,
    /// Any two numbers, as targets of the logits.
    Numbers,
}

/// The labels of one kind of picture.
#[derive(Clone, Debug, PartialEq)]
pub enum Label {
    /// One label for all.
    Same(f64),
    /// One label for each.
    Each(Vec<f32>),
}

/// The labels of a batch of real and a batch of generated pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Labels {
    /// Labels of the real pictures.
    pub real: Label,
    /// Labels of the generated pictures.
    pub fake: Label,
}

impl Labels {
    /// 1 for real pictures, 0 for generated ones.
    pub const PLAIN: Self = Self { real: Label::Same(1.0), fake: Label::Same(0.0) };
}

impl Label {
    /// The label as a tensor that broadcasts with `logits` [B, 1]: [1, 1] or [B, 1], on their
    /// device and untracked.
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
