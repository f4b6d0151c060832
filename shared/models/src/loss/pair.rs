//! A pair of losses: the generator's and the discriminator's.

use std::fmt::Debug;

use burn::tensor::Tensor;

use super::labels::Labels;

/// A pair of losses over logits [B, 1].
pub trait Loss: Debug + Sync {
    /// The generator's loss, from D's logits of its pictures and, if [`Loss::compares`], of the
    /// real ones.
    fn generator(&self, real: Tensor<2>, fake: Tensor<2>) -> Parts;

    /// The discriminator's loss, from its logits of real and generated pictures. A loss without
    /// labels ignores them.
    fn discriminator(&self, real: Tensor<2>, fake: Tensor<2>, labels: &Labels) -> Parts;

    /// Returns true if G's loss depends on D's logits of real pictures.
    fn compares(&self) -> bool {
        false
    }

    /// Returns true if D's loss is unbounded below unless D's slope is bounded by other means.
    fn needs_bound(&self) -> bool {
        false
    }

    /// D's and G's parts in f64, an independent implementation of the definition for the tests.
    /// `logits` and `labels` are of the real and the generated pictures.
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
