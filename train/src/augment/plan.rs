//! The augmentation of a batch: a sequence of steps.

use std::fmt;

use burn::tensor::Tensor;
use shared::nn::ops::{Lookups, look_up};
use shared::nn::range::Range;

/// One step, with all its random numbers already drawn.
pub trait Step: fmt::Debug + Send + Sync {
    /// Applies the step to `x` [B, C, H, W] and keeps its shape.
    fn apply(&self, x: Tensor<4>) -> Tensor<4>;

    /// Applies the linear part alone, to a direction in the pictures. A step that adds something
    /// must say so here.
    fn linear(&self, t: Tensor<4>) -> Tensor<4> {
        self.apply(t)
    }
}

impl Step for Lookups {
    fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        look_up(x, self.clone())
    }
}

/// The augmentation of a batch. The default changes nothing.
#[derive(Debug, Default)]
pub struct Plan {
    steps: Vec<Box<dyn Step>>,
    /// Range of the pixels, if the steps expect [−1, 1].
    range: Option<Range>,
}

impl Plan {
    /// Steps that work in any range of pixels.
    #[must_use]
    pub fn in_any_range(steps: Vec<Box<dyn Step>>) -> Self {
        Self { steps, range: None }
    }

    /// Steps that expect pixels in [−1, 1], where 0 is grey, applied to pixels in `range`.
    #[must_use]
    pub fn signed(steps: Vec<Box<dyn Step>>, range: Range) -> Self {
        Self { steps, range: Some(range) }
    }

    /// True if no picture changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Applies all steps to `x` [B, C, H, W]; returns `x` itself if there are none. Differentiable.
    #[must_use]
    pub fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        let through = |x| self.steps.iter().fold(x, |x, step| step.apply(x));
        match self.range {
            Some(range) if !self.steps.is_empty() => range.from_signed(through(range.to_signed(x))),
            _ => through(x),
        }
    }

    /// Applies the linear parts of all steps to `t` [B, C, H, W], a direction in the pictures: the
    /// derivative of [`Plan::apply`] along it.
    #[must_use]
    pub fn linear(&self, t: Tensor<4>) -> Tensor<4> {
        self.steps.iter().fold(t, |t, step| step.linear(t))
    }
}
