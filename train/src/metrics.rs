//! Averages over an epoch.

use serde::{Deserialize, Serialize};

/// What one step measures, or averages of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StepMetrics {
    /// The generator's loss.
    pub g_loss: f64,
    /// The discriminator's loss, penalties included.
    pub d_loss: f64,
    /// The penalties alone.
    pub penalty: f64,
    /// Share of real pictures that D takes for real.
    pub real_accuracy: f64,
    /// Share of generated pictures that D takes for generated.
    pub generated_accuracy: f64,
    /// Mean probability with which D takes real pictures for real, σ of its logits: D(x).
    pub d_real: f64,
    /// The same of generated pictures, in D's turn: D(G(z)) before D moved.
    pub d_fake: f64,
    /// The same in G's turn.
    pub d_fooled: f64,
    /// Norm of G's gradient before it was clipped; 0 where nothing is clipped.
    pub g_norm: f64,
    /// Norm of D's gradient likewise.
    pub d_norm: f64,
}

impl StepMetrics {
    /// `f` of each pair of values.
    fn zip(&self, other: &Self, f: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            g_loss: f(self.g_loss, other.g_loss),
            d_loss: f(self.d_loss, other.d_loss),
            penalty: f(self.penalty, other.penalty),
            real_accuracy: f(self.real_accuracy, other.real_accuracy),
            generated_accuracy: f(self.generated_accuracy, other.generated_accuracy),
            d_real: f(self.d_real, other.d_real),
            d_fake: f(self.d_fake, other.d_fake),
            d_fooled: f(self.d_fooled, other.d_fooled),
            g_norm: f(self.g_norm, other.g_norm),
            d_norm: f(self.d_norm, other.d_norm),
        }
    }
}

/// Sums over the steps of an epoch so far; saved with a checkpoint, so that an interrupted epoch's averages are whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochSums {
    steps: u64,
    #[serde(flatten)]
    sums: StepMetrics,
}

impl EpochSums {
    /// Counts one step.
    pub fn add(&mut self, step: &StepMetrics) {
        self.steps += 1;
        self.sums = self.sums.zip(step, |a, b| a + b);
    }

    /// Whether no step was counted yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps == 0
    }

    /// The averages; not a number before the first step.
    #[must_use]
    pub fn mean(&self) -> StepMetrics {
        let n = self.steps as f64;
        self.sums.zip(&self.sums, |a, _| a / n)
    }
}
