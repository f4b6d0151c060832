//! How long, how much at a time, in which order, and which weights are averaged.

use fledge_base::cli::UsageError;
use fledge_kernels::Precision;
use serde::{Deserialize, Serialize};

use crate::check::{amount, positive, require, share};

/// How long, how much at a time and in which order. What an older file does not name has the value
/// of [`ScheduleConfig::default`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleConfig {
    /// Pictures a step.
    pub batch: usize,
    /// What GPUs multiply: `f32`, `tf32` or `bf16`. The CPU always computes in f32.
    pub precision: Precision,
    /// Parts of equal size that a batch goes through the networks in; their gradients are added up
    /// before weights move.
    pub accumulate: usize,
    /// BatchNorm in training goes by what all devices have of a part instead of each by its own.
    /// One device alone has all of it.
    pub sync_batch_norm: bool,
    /// D's updates a step, each on a batch of its own.
    pub discriminator_steps: usize,
    /// G's updates a step.
    pub generator_steps: usize,
    /// Which weights each network's gradient is taken at.
    pub order: Order,
    /// Alternating order: G's update takes the latents of D's last one instead of new ones.
    pub reuse_latents: bool,
    /// Passes over the data.
    pub epochs: u64,
    /// Steps after which to end instead; 0 = kimg or the epochs decide.
    pub steps: u64,
    /// Thousands of real pictures after which to end instead; 0 = the epochs decide.
    pub kimg: f64,
    /// Decay of the average of G's weights, a step; 0 = samples are made by the weights as they
    /// are.
    pub ema: f64,
    /// Thousands of pictures in which an old weight's part of the average halves, instead of `ema`;
    /// 0 = `ema` it is.
    pub ema_half_life_kimg: f64,
    /// The half life is at most so many times the pictures seen; 0 = it has no such limit (Karras
    /// et al. 2020, arXiv:2006.06676, has 0.05).
    pub ema_ramp_up: f64,
}

/// Which weights each network's gradient is taken at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Both at the same weights, on the same generated pictures; then both networks move.
    #[default]
    Simultaneous,
    /// D moves first; G's gradient is taken through the moved D.
    Alternating,
}

impl Default for ScheduleConfig {
    /// 400 epochs of batches of 128, simultaneous, with the average of the Keras example of
    /// GAN-ADA.
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

/// The most epochs of a run: with as many steps in each as pictures that fit into a data set, steps
/// can still be counted.
const MOST_EPOCHS: u64 = 1_000_000_000;
/// The most steps of a run, and thousands of pictures: so that pictures seen can still be counted.
const MOST_STEPS: u64 = 1_000_000_000_000;
/// The most pictures a step, and updates a step.
const MOST_PICTURES: usize = 1_000_000;

impl ScheduleConfig {
    /// Real pictures that a step takes: D has a batch of its own for each of its updates.
    #[must_use]
    pub fn pictures_a_step(&self) -> u64 {
        (self.batch * self.discriminator_steps) as u64
    }

    /// The step after which a run ends whose epochs have `per_epoch` steps.
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

    /// Real pictures that so many steps have taken.
    #[must_use]
    pub fn pictures_seen(&self, steps: u64) -> f64 {
        (steps * self.pictures_a_step()) as f64
    }

    /// Whether the values make sense together.
    ///
    /// # Errors
    /// If one does not; the error names it.
    pub fn validate(&self) -> Result<(), UsageError> {
        // BatchNorm over a batch of one has no variance to speak of.
        require(self.batch >= 2, "schedule.batch", self.batch, "at least 2")?;
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
        let whole = self.batch.is_multiple_of(self.accumulate) && self.batch / self.accumulate >= 2;
        let expected =
            format!("a divisor of schedule.batch = {} that leaves at least 2 pictures", self.batch);
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
                "1 in simultaneous order (or set schedule.order=alternating)",
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
        assert!(config(Order::Alternating).validate().is_ok());
        let error = config(Order::Simultaneous).validate().expect_err("simultaneous").to_string();
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
            let error = config.validate().expect_err(named).to_string();
            assert!(error.contains(named) && error.contains("at most"), "{error}");
        }
        assert!(
            ScheduleConfig { epochs: MOST_EPOCHS, steps: MOST_STEPS, ..least }.validate().is_ok()
        );
    }

    #[test]
    fn parts_of_a_batch_are_equal_and_hold_two_pictures() {
        let config =
            |accumulate| ScheduleConfig { batch: 12, accumulate, ..ScheduleConfig::default() };
        for (parts, fits) in
            [(1, true), (4, true), (6, true), (0, false), (5, false), (12, false), (24, false)]
        {
            assert_eq!(config(parts).validate().is_ok(), fits, "{parts}");
        }
    }
}
