//! The learning rate schedule.

use std::f64::consts::PI;

use shared::nn::config::{RateConfig, RateSchedule};

/// The learning rate's factor for the update after `step` steps, in a run of `last_step` steps, of
/// which `per_epoch` are an epoch.
///
/// Warm-up: (step + 1)/`warmup_steps`, so that the first update already moves and the
/// `warmup_steps`-th has the full rate; it multiplies the schedule's factor. From `start_step` on,
/// with s = step − `start_step`, n = `last_step` − `start_step` and the final factor f (PyTorch's
/// schedulers in brackets): linear 1 + (f − 1)·s/n (`LinearLR`); cosine f + (1 − f)(1 + cos πs/n)/2
/// (`CosineAnnealingLR`); cosine-restarts the same with s and n of the current period
/// (`CosineAnnealingWarmRestarts`); exponential decayˢ, at least f (`ExponentialLR`).
///
/// Linear-epochs: in epoch e, counted from 1, of n + m epochs, 1 − max(0, e − n)/(m + 1) with n =
/// `start_epoch` (`get_scheduler` of pytorch-CycleGAN-and-pix2pix, stepped at the end of an epoch).
#[must_use]
pub fn factor(config: &RateConfig, step: u64, last_step: u64, per_epoch: u64) -> f64 {
    let warmup = if step < config.warmup_steps {
        (step + 1) as f64 / config.warmup_steps as f64
    } else {
        1.0
    };
    let Some(since) = step.checked_sub(config.start_step) else { return warmup };
    // Beyond the last step, or if that lies before the start, the schedule has ended.
    let progress = match last_step.saturating_sub(config.start_step) {
        0 => 1.0,
        whole => (since as f64 / whole as f64).min(1.0),
    };
    let low = config.final_factor;
    let cosine = |progress: f64| low + (1.0 - low) * (1.0 + (PI * progress).cos()) / 2.0;
    let scheduled = match config.schedule {
        RateSchedule::Constant => 1.0,
        RateSchedule::Linear => 1.0 + (low - 1.0) * progress,
        RateSchedule::LinearEpochs => {
            let epochs = last_step.div_ceil(per_epoch.max(1));
            let epoch = (step / per_epoch.max(1) + 1).min(epochs.max(1));
            let falling = epochs.saturating_sub(config.start_epoch) + 1;
            1.0 - epoch.saturating_sub(config.start_epoch) as f64 / falling as f64
        }
        RateSchedule::Cosine => cosine(progress),
        RateSchedule::CosineRestarts => cosine(within_period(config, since as f64)),
        RateSchedule::Exponential => config.decay.powf(since as f64).max(low),
    };
    warmup * scheduled
}

/// The elapsed fraction of the current period, `since` steps after the first one began.
fn within_period(config: &RateConfig, since: f64) -> f64 {
    let (first, factor) = (config.period_steps as f64, config.period_factor);
    if factor == 1.0 {
        return since % first / first;
    }
    let (mut since, mut period) = (since, first);
    while since >= period {
        since -= period;
        period *= factor;
    }
    since / period
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_rises_stays_and_then_falls() {
        let config = RateConfig {
            schedule: RateSchedule::Linear,
            warmup_steps: 4,
            start_step: 10,
            final_factor: 0.5,
            ..RateConfig::default()
        };
        for (step, expected) in
            [(0, 0.25), (2, 0.75), (3, 1.0), (9, 1.0), (10, 1.0), (15, 0.75), (20, 0.5), (99, 0.5)]
        {
            assert!((factor(&config, step, 20, 1) - expected).abs() < 1e-12, "{step}");
        }
    }

    #[test]
    fn the_factor_falls_from_epoch_to_epoch_and_would_be_0_in_the_one_after_the_last() {
        let config = RateConfig {
            schedule: RateSchedule::LinearEpochs,
            start_epoch: 100,
            ..RateConfig::default()
        };
        let of_epoch = |epoch: u64| factor(&config, (epoch - 1) * 7 + 3, 200 * 7, 7);
        for (epoch, expected) in
            [(1, 1.0), (100, 1.0), (101, 1.0 - 1.0 / 101.0), (200, 1.0 / 101.0), (999, 1.0 / 101.0)]
        {
            assert!((of_epoch(epoch) - expected).abs() < 1e-12, "{epoch}");
        }
    }

    #[test]
    fn exponential_decay_stops_at_the_final_factor() {
        let config = RateConfig {
            schedule: RateSchedule::Exponential,
            decay: 0.5,
            final_factor: 0.2,
            ..RateConfig::default()
        };
        assert_eq!(
            [0, 1, 2, 3, 50].map(|step| factor(&config, step, 100, 1)),
            [1.0, 0.5, 0.25, 0.2, 0.2]
        );
    }
}
