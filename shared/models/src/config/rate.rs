//! How the learning rates change over a run.

use fledge_base::cli::UsageError;
use serde::{Deserialize, Serialize};

use crate::check::{amount, fraction, positive, require};

/// The learning rates' factor over the steps of a run, for both networks; step counts are those of
/// the run, from 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateConfig {
    /// What the factor does from `start_step` on.
    pub schedule: RateSchedule,
    /// Steps over which it rises linearly from 0 to 1; 0 = it begins at 1.
    pub warmup_steps: u64,
    /// Until this step it stays at 1.
    pub start_step: u64,
    /// cosine-restarts: steps of the first period.
    pub period_steps: u64,
    /// cosine-restarts: each period is so many times as long as the one before.
    pub period_factor: f64,
    /// exponential: the factor of every step.
    pub decay: f64,
    /// Where linear, cosine and each period of cosine-restarts end, and below which exponential
    /// does not fall.
    pub final_factor: f64,
}

/// What the factor does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RateSchedule {
    /// It stays.
    #[default]
    Constant,
    /// A straight line to the last step.
    Linear,
    /// Half a cosine to the last step.
    Cosine,
    /// Half a cosine over and over (SGDR: Loshchilov & Hutter 2017, arXiv:1608.03983).
    CosineRestarts,
    /// A fixed factor every step.
    Exponential,
}

impl Default for RateConfig {
    /// Constant.
    fn default() -> Self {
        Self {
            schedule: RateSchedule::default(),
            warmup_steps: 0,
            start_step: 0,
            period_steps: 1000,
            period_factor: 1.0,
            decay: 1.0,
            final_factor: 0.0,
        }
    }
}

impl RateConfig {
    /// Whether the values make sense.
    ///
    /// # Errors
    /// If one does not; the error names it.
    pub fn validate(&self) -> Result<(), UsageError> {
        positive(self.period_steps, "rate.period_steps")?;
        amount(self.period_factor, "rate.period_factor")?;
        require(self.period_factor >= 1.0, "rate.period_factor", self.period_factor, "at least 1")?;
        require(self.decay > 0.0 && self.decay <= 1.0, "rate.decay", self.decay, "0 < value ≤ 1")?;
        fraction(self.final_factor, "rate.final_factor")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_that_cannot_end_is_refused() {
        for (config, key) in [
            (RateConfig { period_factor: 0.5, ..RateConfig::default() }, "rate.period_factor"),
            (RateConfig { period_steps: 0, ..RateConfig::default() }, "rate.period_steps"),
            (RateConfig { decay: 1.5, ..RateConfig::default() }, "rate.decay"),
            (RateConfig { final_factor: -0.1, ..RateConfig::default() }, "rate.final_factor"),
        ] {
            let error = config.validate().expect_err(key).to_string();
            assert!(error.contains(key), "{error}");
        }
    }
}
