//! What happens to a batch: steps, one after the other.

use std::fmt;

use burn::tensor::Tensor;
use shared::nn::ops::{Lookups, look_up};
use shared::nn::range::Range;

/// One step; all its numbers are drawn.
pub trait Step: fmt::Debug + Send + Sync {
    /// `x` [B, C, H, W] after the step, of the same shape.
    fn apply(&self, x: Tensor<4>) -> Tensor<4>;
}

impl Step for Lookups {
    fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        look_up(x, self.clone())
    }
}

/// What happens to a batch. The default does nothing.
#[derive(Debug, Default)]
pub struct Plan {
    steps: Vec<Box<dyn Step>>,
    /// Where pixels lie, if the steps count on [−1, 1].
    range: Option<Range>,
}

impl Plan {
    /// Steps that do the same in every range of pixels.
    #[must_use]
    pub fn in_any_range(steps: Vec<Box<dyn Step>>) -> Self {
        Self { steps, range: None }
    }

    /// Steps that count on pixels in [−1, 1], where 0 is grey, for pixels that lie in `range`.
    #[must_use]
    pub fn signed(steps: Vec<Box<dyn Step>>, range: Range) -> Self {
        Self { steps, range: Some(range) }
    }

    /// Whether nothing happens to any picture.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// `x` [B, C, H, W] after all steps; `x` itself where there are none. The gradient flows
    /// through.
    #[must_use]
    pub fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        let through = |x| self.steps.iter().fold(x, |x, step| step.apply(x));
        match self.range {
            Some(range) if !self.steps.is_empty() => range.from_signed(through(range.to_signed(x))),
            _ => through(x),
        }
    }
}
