//! A pair of losses: the generator's and the discriminator's.

use std::fmt::Debug;

use burn::tensor::Tensor;

use super::labels::Labels;

/// A pair of losses over logits [B, 1].
pub trait Loss: Debug + Sync {
    /// What the generator lowers, from D's logits of its pictures and, if [`Loss::compares`], of
    /// the real ones.
    fn generator(&self, real: Tensor<2>, fake: Tensor<2>) -> Parts;

    /// What the discriminator lowers, from its logits of real and generated pictures. A loss
    /// without labels ignores them.
    fn discriminator(&self, real: Tensor<2>, fake: Tensor<2>, labels: &Labels) -> Parts;

    /// Whether G's loss depends on D's logits of real pictures.
    fn compares(&self) -> bool {
        false
    }

    /// Whether D's loss falls without end unless something bounds how steep D is.
    fn needs_bound(&self) -> bool {
        false
    }

    /// The parts of D's loss and those of G's in f64, written anew from the definition: what the
    /// tests compare with. `logits` and `labels` are those of the real and of the generated
    /// pictures.
    #[cfg(test)]
    fn formula(&self, logits: [&[f64]; 2], labels: [&[f64]; 2]) -> [Vec<f64>; 2];
}

/// A loss of one part, or of two: one for the real and one for the generated pictures. Each is a
/// mean over a batch, `[1]`.
#[derive(Clone, Debug)]
pub struct Parts(pub(super) Tensor<1>, pub(super) Option<Tensor<1>>);

impl Parts {
    /// A loss of one part.
    #[must_use]
    pub fn one(loss: Tensor<1>) -> Self {
        Self(loss, None)
    }

    /// A loss of two parts.
    #[must_use]
    pub fn two(real: Tensor<1>, fake: Tensor<1>) -> Self {
        Self(real, Some(fake))
    }
}
