//! Averages over an epoch.

use serde::{Deserialize, Serialize};

/// What one step measures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepMetrics {
    /// The generator's loss.
    pub g_loss: f64,
    /// The discriminator's loss.
    pub d_loss: f64,
    /// Share of real pictures that D takes for real.
    pub real_accuracy: f64,
    /// Share of generated pictures that D takes for generated.
    pub generated_accuracy: f64,
}

/// Sums over the steps of an epoch so far; saved with a checkpoint, so that an interrupted epoch's averages are whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochSums {
    steps: u64,
    g_loss: f64,
    d_loss: f64,
    real_accuracy: f64,
    generated_accuracy: f64,
}

impl EpochSums {
    /// Counts one step.
    pub fn add(&mut self, step: &StepMetrics) {
        self.steps += 1;
        self.g_loss += step.g_loss;
        self.d_loss += step.d_loss;
        self.real_accuracy += step.real_accuracy;
        self.generated_accuracy += step.generated_accuracy;
    }

    /// The averages; not a number before the first step.
    #[must_use]
    pub fn mean(&self) -> StepMetrics {
        let n = self.steps as f64;
        StepMetrics {
            g_loss: self.g_loss / n,
            d_loss: self.d_loss / n,
            real_accuracy: self.real_accuracy / n,
            generated_accuracy: self.generated_accuracy / n,
        }
    }
}
