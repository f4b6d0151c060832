//! Schedule of a run: its length, batches, update order and weight averaging.
//!
//! ```
//! use fledge_models::config::ScheduleConfig;
//!
//! let schedule = ScheduleConfig { batch: 100, epochs: 3, ..ScheduleConfig::default() };
//! assert_eq!(schedule.last_step(50), 150);
//! assert_eq!(schedule.pictures_seen(150), 15_000.0);
//! ```

use fledge_base::cli::UsageError;
use fledge_kernels::Precision;
use serde::{Deserialize, Serialize};

use crate::check::{amount, positive, require, share};

/// Length, batches and update order of a run. Keys missing from older files have the value of
/// [`ScheduleConfig::default`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleConfig {
    /// Pictures per step.
    pub batch: usize,
    /// Precision of matrix products on GPUs: `f32`, `tf32` or `bf16`. The CPU always computes in
    /// f32.
    pub precision: Precision,
    /// Number of equal parts (micro-batches) of a batch; their gradients are accumulated before the
    /// weights are updated.
    pub accumulate: usize,
    /// In training, BatchNorm uses the statistics of a part over all devices instead of each
    /// device's own. A single device always has the whole part.
    pub sync_batch_norm: bool,
    /// D updates per step, each on its own batch.
    pub discriminator_steps: usize,
    /// G updates per step.
    pub generator_steps: usize,
    /// The weights at which each network's gradient is taken.
    pub order: Order,
    /// Alternating order: G's update reuses the latents of D's last one instead of drawing new
    /// ones.
    pub reuse_latents: bool,
    /// Passes over the data.
    pub epochs: u64,
    /// Length in steps; 0 = set by `kimg` or `epochs`.
    pub steps: u64,
    /// Length in thousands of real pictures; 0 = set by `epochs`.
    pub kimg: f64,
    /// Decay per step of the EMA of G's weights; 0 = no averaging, samples use the trained weights.
    pub ema: f64,
    /// Half-life of the EMA in thousands of pictures, instead of `ema`; 0 = use `ema`.
    pub ema_half_life_kimg: f64,
    /// Upper bound of the half-life as a fraction of the pictures seen; 0 = no bound (Karras et al.
    /// 2020, arXiv:2006.06676, use 0.05).
    pub ema_ramp_up: f64,
}

/// The weights at which each network's gradient is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Both gradients are taken at the same weights, on the same generated pictures; then both
    /// networks are updated.
    #[default]
    Simultaneous,
    /// D is updated first; G's gradient is taken through the updated D.
    Alternating,
    /// G is updated first; then D, on new pictures of the updated G. Penalties are updates of their
    /// own, every `penalty.interval` and `penalty.path_interval` steps, and the optimizers' rates
    /// and decays are corrected for these further updates (Karras et al. 2020, arXiv:1912.04958,
    /// appendix B, "lazy regularization").
    Phases,
}

impl Default for ScheduleConfig {
    /// 400 epochs of batches of 128, simultaneous, with the EMA of the Keras GAN-ADA example.
    fn default() -> Self {
        Self {
            batch: 128,
            precision: Precision::default(),
            accumulate: 1,
            sync_batch_norm: false,
            discriminator_steps: 1,
            generator_steps: 1,
            order: Order::default(),
            reuse_latents: false,
            epochs: 400,
            steps: 0,
            kimg: 0.0,
            ema: 0.99,
            ema_half_life_kimg: 0.0,
            ema_ramp_up: 0.0,
        }
    }
}

/// Upper bound of the epochs of a run: even with as many steps per epoch as a data set can hold
/// pictures, the step count does not overflow.
const MOST_EPOCHS: u64 = 1_000_000_000;
/// Upper bound of steps, and of thousands of pictures: the count of pictures seen does not
/// overflow.
const MOST_STEPS: u64 = 1_000_000_000_000;
/// Upper bound of pictures per step, and of updates per step.
const MOST_PICTURES: usize = 1_000_000;

impl ScheduleConfig {
    /// Real pictures per step: each update of D has its own batch.
    #[must_use]
    pub fn pictures_a_step(&self) -> u64 {
        (self.batch * self.discriminator_steps) as u64
    }

    /// The last step of a run with `per_epoch` steps per epoch.
    #[must_use]
    pub fn last_step(&self, per_epoch: u64) -> u64 {
        if self.steps > 0 {
            self.steps
        } else if self.kimg > 0.0 {
            ((self.kimg * 1000.0 / self.pictures_a_step() as f64).ceil() as u64).max(1)
        } else {
            self.epochs.saturating_mul(per_epoch)
        }
    }

    /// Real pictures seen after `steps` steps.
    #[must_use]
    pub fn pictures_seen(&self, steps: u64) -> f64 {
        (steps * self.pictures_a_step()) as f64
    }

    /// Checks that the values are valid together, for networks that need `least` pictures at a time.
    ///
    /// # Errors
    /// If one is not; the error names it.
    pub fn validate(&self, least: usize) -> Result<(), UsageError> {
        let expected = format!("at least {least}");
        require(self.batch >= least, "schedule.batch", self.batch, &expected)?;
        let most = |most: u64| format!("at most {most}");
        require(
            self.batch <= MOST_PICTURES,
            "schedule.batch",
            self.batch,
            &most(MOST_PICTURES as u64),
        )?;
        require(self.epochs <= MOST_EPOCHS, "schedule.epochs", self.epochs, &most(MOST_EPOCHS))?;
        require(self.steps <= MOST_STEPS, "schedule.steps", self.steps, &most(MOST_STEPS))?;
        require(self.kimg <= MOST_STEPS as f64, "schedule.kimg", self.kimg, &most(MOST_STEPS))?;
        positive(self.accumulate, "schedule.accumulate")?;
        let whole =
            self.batch.is_multiple_of(self.accumulate) && self.batch / self.accumulate >= least;
        let expected = format!(
            "a divisor of schedule.batch = {} that leaves at least {least} pictures",
            self.batch
        );
        require(whole, "schedule.accumulate", self.accumulate, &expected)?;
        for (key, steps) in [
            ("schedule.discriminator_steps", self.discriminator_steps),
            ("schedule.generator_steps", self.generator_steps),
        ] {
            positive(steps, key)?;
            require(steps <= MOST_PICTURES, key, steps, &most(MOST_PICTURES as u64))?;
            let possible = steps == 1 || self.order == Order::Alternating;
            require(
                possible,
                key,
                steps,
                "1 unless schedule.order = alternating (--set schedule.order=alternating)",
            )?;
        }
        positive(self.epochs, "schedule.epochs")?;
        amount(self.kimg, "schedule.kimg")?;
        share(self.ema, "schedule.ema")?;
        amount(self.ema_half_life_kimg, "schedule.ema_half_life_kimg")?;
        amount(self.ema_ramp_up, "schedule.ema_ramp_up")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_updates_a_step_need_the_alternating_order() {
        let config =
            |order| ScheduleConfig { order, discriminator_steps: 5, ..ScheduleConfig::default() };
        assert!(config(Order::Alternating).validate(2).is_ok());
        let error = config(Order::Simultaneous).validate(2).expect_err("simultaneous").to_string();
        assert!(
            error.contains("schedule.discriminator_steps = 5")
                && error.contains("schedule.order=alternating"),
            "{error}"
        );
    }

    #[test]
    fn what_could_not_be_counted_is_refused_with_the_most_there_can_be() {
        let least = ScheduleConfig::default();
        for (config, named) in [
            (
                ScheduleConfig { epochs: u64::MAX, ..least.clone() },
                "schedule.epochs = 18446744073709551615: expected at most 1000000000",
            ),
            (ScheduleConfig { steps: u64::MAX, ..least.clone() }, "schedule.steps"),
            (ScheduleConfig { kimg: 1e300, ..least.clone() }, "schedule.kimg"),
            (ScheduleConfig { batch: usize::MAX, ..least.clone() }, "schedule.batch"),
        ] {
            let error = config.validate(2).expect_err(named).to_string();
            assert!(error.contains(named) && error.contains("at most"), "{error}");
        }
        assert!(
            ScheduleConfig { epochs: MOST_EPOCHS, steps: MOST_STEPS, ..least }.validate(2).is_ok()
        );
    }

    #[test]
    fn parts_of_a_batch_are_equal_and_hold_two_pictures() {
        let config =
            |accumulate| ScheduleConfig { batch: 12, accumulate, ..ScheduleConfig::default() };
        for (parts, fits) in
            [(1, true), (4, true), (6, true), (0, false), (5, false), (12, false), (24, false)]
        {
            assert_eq!(config(parts).validate(2).is_ok(), fits, "{parts}");
        }
    }
}
