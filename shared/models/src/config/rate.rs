//! Learning rate schedules.
//!
//! ```
//! use fledge_models::config::{RateConfig, RateSchedule};
//!
//! let rate = RateConfig {
//!     schedule: RateSchedule::Cosine,
//!     warmup_steps: 500,
//!     ..RateConfig::default()
//! };
//! rate.validate()?;
//! # Ok::<(), fledge_base::cli::UsageError>(())
//! ```

use fledge_base::cli::UsageError;
use serde::{Deserialize, Serialize};

use crate::check::{amount, fraction, positive, require};

/// The factor on both networks' learning rates over the steps of a run. Steps are counted from the
/// start of the run, from 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateConfig {
    /// The shape of the schedule from `start_step` on.
    pub schedule: RateSchedule,
    /// Steps over which the factor rises linearly from 0 to 1; 0 = no warm-up.
    pub warmup_steps: u64,
    /// Step up to which the factor stays at 1.
    pub start_step: u64,
    /// linear-epochs: epochs with the factor 1.
    pub start_epoch: u64,
    /// cosine-restarts: steps of the first period.
    pub period_steps: u64,
    /// cosine-restarts: ratio of each period's length to that of the one before.
    pub period_factor: f64,
    /// exponential: factor per step.
    pub decay: f64,
    /// Final factor of linear, cosine and each period of cosine-restarts, and lower bound of
    /// exponential.
    pub final_factor: f64,
}

/// The shape of a learning rate schedule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RateSchedule {
    /// Constant.
    #[default]
    Constant,
    /// Linear decay to the last step.
    Linear,
    /// Constant for `start_epoch` epochs, then linear decay from epoch to epoch, which the epoch after
    /// the last would end at 0.
    LinearEpochs,
    /// Half a cosine to the last step.
    Cosine,
    /// Half a cosine, repeated (SGDR: Loshchilov & Hutter 2017, arXiv:1608.03983).
    CosineRestarts,
    /// A fixed factor per step.
    Exponential,
}

impl Default for RateConfig {
    /// Constant.
    fn default() -> Self {
        Self {
            schedule: RateSchedule::default(),
            warmup_steps: 0,
            start_step: 0,
            start_epoch: 0,
            period_steps: 1000,
            period_factor: 1.0,
            decay: 1.0,
            final_factor: 0.0,
        }
    }
}

impl RateConfig {
    /// Checks that the values are valid.
    ///
    /// # Errors
    /// If one is not; the error names it.
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
