//! The exponential moving average of the generator: all parameters and the running statistics of
//! BatchNorm.

use shared::nn::config::ScheduleConfig;
use shared::nn::ops;
use shared::nn::parameter::{Parameters, Purpose};

/// The decay of the average in a step of `batch` pictures, after `images_seen` real ones.
///
/// This is `ema`, or ½^(batch/half life) with the half life in pictures. A ramp-up limits the half
/// life to `ema_ramp_up` times the pictures seen, so that the average follows closely at first
/// (Karras et al. 2020, arXiv:2006.06676: `ema_rampup` in their training loop).
#[must_use]
pub fn decay(config: &ScheduleConfig, images_seen: f64, batch: usize) -> f64 {
    let ScheduleConfig { ema, ema_half_life_kimg, ema_ramp_up, .. } = *config;
    if ema_half_life_kimg == 0.0 && ema_ramp_up == 0.0 {
        return ema;
    }
    let batch = batch as f64;
    let half_life = if ema_half_life_kimg > 0.0 {
        ema_half_life_kimg * 1000.0
    } else {
        batch * 0.5f64.ln() / ema.ln()
    };
    let half_life =
        if ema_ramp_up > 0.0 { half_life.min(ema_ramp_up * images_seen) } else { half_life };
    // With a half life of zero, the average is the current value.
    0.5f64.powf(batch / half_life.max(1e-8))
}

/// average ← decay·average + (1 − decay)·current; the vectors of power iterations and buffers are
/// copied.
pub fn update(average: &mut dyn Parameters, current: &dyn Parameters, decay: f64) {
    let pairs = average
        .parameters_mut()
        .into_iter()
        .zip(current.parameters())
        .map(|((_, average), (_, current))| (average, current));
    let (copied, mut averaged): (Vec<_>, Vec<_>) = pairs.partition(|(average, _)| {
        matches!(average.purpose(), Purpose::Direction | Purpose::Buffer)
    });
    copied.into_iter().for_each(|(average, current)| average.set(current.flat()));
    let averages = averaged.iter_mut().map(|(average, _)| average.take()).collect();
    let values = averaged.iter().map(|(_, current)| current.flat()).collect();
    for ((average, _), value) in
        averaged.into_iter().zip(ops::moving_average(averages, values, decay))
    {
        average.set(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_and_statistics_are_averaged_and_directions_and_buffers_taken_over() {
        let device = burn::tensor::Device::flex();
        let network = |value| {
            [Purpose::Weight, Purpose::Statistic, Purpose::Direction, Purpose::Buffer]
                .map(|purpose| {
                    shared::nn::parameter::Parameter::filled(value, &[2], purpose, &device)
                })
                .to_vec()
        };
        let (mut average, current) = (network(1.0), network(3.0));
        update(&mut average, &current, 0.75);
        assert_eq!(average.iter().map(|p| p.to_vec()[0]).collect::<Vec<_>>(), [1.5, 1.5, 3.0, 3.0]);
    }

    #[test]
    fn half_of_an_old_weight_is_left_after_the_half_life() {
        let config = ScheduleConfig { ema_half_life_kimg: 10.0, ..ScheduleConfig::default() };
        let once = decay(&config, 0.0, 40);
        assert!((once.powi(10_000 / 40) - 0.5).abs() < 1e-12, "{once}");
    }

    #[test]
    fn a_ramp_up_bounds_the_half_life_by_the_pictures_seen() {
        let config = ScheduleConfig {
            ema_half_life_kimg: 10.0,
            ema_ramp_up: 0.05,
            ..ScheduleConfig::default()
        };
        assert_eq!(decay(&config, 0.0, 32), 0.0);
        assert!((decay(&config, 20_000.0, 32) - 0.5f64.powf(32.0 / 1000.0)).abs() < 1e-12);
        assert!((decay(&config, 1e9, 32) - 0.5f64.powf(32.0 / 10_000.0)).abs() < 1e-12);
    }

    #[test]
    fn a_decay_a_step_is_used_as_it_is_or_ramped_up_to() {
        let config = ScheduleConfig { ema: 0.99, ..ScheduleConfig::default() };
        assert_eq!(decay(&config, 0.0, 128), 0.99);
        let ramped = ScheduleConfig { ema_ramp_up: 0.05, ..config };
        assert!(decay(&ramped, 128.0, 128) < 1e-3);
        assert!((decay(&ramped, 1e9, 128) - 0.99).abs() < 1e-12);
    }
}
