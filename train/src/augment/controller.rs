//! Adjusts p, the probability of augmenting.

use serde::{Deserialize, Serialize};
use shared::nn::config::{AugmentConfig, ControllerName};

/// p and the totals of the running interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Controller {
    /// p.
    pub probability: f64,
    /// Reals judged real minus reals judged generated, in the running interval.
    signs: f64,
    /// Reals in the running interval.
    pictures: u64,
    /// Reals in the running interval that D judged once more, for a penalty.
    #[serde(default, skip_serializing_if = "is_zero")]
    again: u64,
    /// Steps of the running interval.
    steps: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// D's logits for the real pictures of one step, reduced to what the controller needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// Number of logits above 0.
    above: u64,
    /// Number of logits below 0.
    below: u64,
    /// Number of logits.
    pictures: u64,
    /// Number of further logits of the same pictures, which have signs but are no new pictures.
    #[serde(default, skip_serializing_if = "is_zero")]
    again: u64,
}

impl Observation {
    /// Counts the signs of these logits.
    #[must_use]
    pub fn of(logits_real: &[f64]) -> Self {
        let count =
            |holds: fn(f64) -> bool| logits_real.iter().filter(|&&l| holds(l)).count() as u64;
        Self {
            above: count(|l| l > 0.0),
            below: count(|l| l < 0.0),
            pictures: logits_real.len() as u64,
            again: 0,
        }
    }

    /// Counts the signs of these logits of pictures that are counted already, too.
    #[must_use]
    pub fn and_again(self, logits_real: &[f64]) -> Self {
        let more = Self::of(logits_real);
        Self {
            above: self.above + more.above,
            below: self.below + more.below,
            again: self.again + more.pictures,
            ..self
        }
    }
}

impl Controller {
    /// The state before the first step.
    #[must_use]
    pub fn new(config: &AugmentConfig) -> Self {
        Self { probability: config.probability, ..Self::default() }
    }

    /// Records a step. Where the device runs ahead of the host, this happens a few steps late
    /// (`readback::DEVICE_LAG`).
    /// `accuracy`: p += (share of logits above 0 − target_accuracy) / integration_steps.
    ///
    /// `sign`: after every `interval` steps, p += sign(mean sign − target_sign) · reals in them /
    /// (1000 · ramp_kimg), as in StyleGAN2-ADA's training loop; the mean includes logits of D's
    /// phase for penalties. p stays in [0, ceiling].
    pub fn observe(&mut self, config: &AugmentConfig, seen: Observation) {
        if seen.pictures == 0 {
            return;
        }
        let above = seen.above as f64;
        let moved = match config.controller() {
            ControllerName::Auto | ControllerName::Fixed => return,
            ControllerName::Accuracy => {
                (above / seen.pictures as f64 - config.target_accuracy) / config.integration_steps
            }
            ControllerName::Sign => {
                self.signs += above - seen.below as f64;
                self.pictures += seen.pictures;
                self.again += seen.again;
                self.steps += 1;
                if self.steps < config.interval {
                    return;
                }
                let pictures = self.pictures as f64;
                let mean = self.signs / (self.pictures + self.again) as f64;
                let direction = match mean - config.target_sign {
                    0.0 => 0.0,
                    difference => difference.signum(),
                };
                (self.signs, self.pictures, self.again, self.steps) = (0.0, 0, 0, 0);
                direction * pictures / (config.ramp_kimg * 1000.0)
            }
        };
        self.probability = (self.probability + moved).clamp(0.0, config.ceiling());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `above` of `of` logits lie above 0.
    fn logits(above: usize, of: usize) -> Observation {
        Observation::of(&(0..of).map(|i| if i < above { 0.7 } else { -0.2 }).collect::<Vec<_>>())
    }

    fn observed(config: &AugmentConfig, batches: &[Observation]) -> f64 {
        let mut controller = Controller::new(config);
        batches.iter().for_each(|batch| controller.observe(config, *batch));
        controller.probability
    }

    #[test]
    fn logits_of_a_penalty_have_signs_but_are_no_pictures() {
        let config = AugmentConfig {
            controller: ControllerName::Sign,
            interval: 1,
            ramp_kimg: 0.1,
            ..AugmentConfig::default()
        };
        // Nine of ten above, a mean sign of 0.8; with ten below it is −0.1.
        assert_eq!(observed(&config, &[logits(9, 10)]), 0.1);
        let again = logits(9, 10).and_again(&[-1.0; 10]);
        assert_eq!(observed(&AugmentConfig { probability: 0.5, ..config }, &[again]), 0.4);
    }

    #[test]
    fn accuracy_moves_by_the_difference_and_stays_in_its_bounds() {
        let controller = ControllerName::Accuracy;
        let at = |probability| AugmentConfig {
            probability,
            controller,
            max_probability: 0.8,
            ..AugmentConfig::default()
        };
        assert!((observed(&at(0.3), &[logits(8, 8)]) - 0.30015).abs() < 1e-12);
        assert!((observed(&at(0.3), &[logits(4, 8), logits(8, 8)]) - 0.2998).abs() < 1e-12);
        assert_eq!(observed(&at(0.0), &[logits(4, 8)]), 0.0);
        assert_eq!(observed(&at(0.79999), &[logits(8, 8)]), 0.8);
    }

    #[test]
    fn sign_moves_every_fourth_step_by_a_constant_for_each_real() {
        let config = AugmentConfig {
            controller: ControllerName::Sign,
            probability: 0.5,
            ..AugmentConfig::default()
        };
        let three = vec![logits(32, 32); 3];
        assert_eq!(observed(&config, &three), 0.5);
        // 128 of 500,000 reals, up where the mean sign is above 0.6 and down where it is below.
        assert!((observed(&config, &[logits(32, 32); 4]) - (0.5 + 128.0 / 500e3)).abs() < 1e-15);
        assert!((observed(&config, &[logits(24, 32); 4]) - (0.5 - 128.0 / 500e3)).abs() < 1e-15);
        // The mean is over all four: 0.6 corresponds to 102.4 of 128, so 103 move p up and 102 move
        // it down.
        let batches = |last| [three.clone(), vec![logits(last, 32)]].concat();
        assert!(observed(&config, &batches(7)) > 0.5 && observed(&config, &batches(6)) < 0.5);
    }

    #[test]
    fn fixed_stays_where_it_is() {
        let config = AugmentConfig {
            controller: ControllerName::Fixed,
            probability: 0.4,
            ..AugmentConfig::default()
        };
        assert_eq!(observed(&config, &[logits(8, 8); 9]), 0.4);
    }

    #[test]
    fn it_goes_on_in_the_middle_of_an_interval_from_what_was_saved() {
        let config = AugmentConfig {
            controller: ControllerName::Sign,
            probability: 0.1,
            ..AugmentConfig::default()
        };
        let mut one = Controller::new(&config);
        let mut other = Controller::new(&config);
        for above in [3, 32, 31, 30, 9, 32, 17, 2, 32] {
            one.observe(&config, logits(above, 32));
            other.observe(&config, logits(above, 32));
            let saved = serde_json::to_string(&other).expect("save");
            other = serde_json::from_str(&saved).expect("load");
            assert_eq!(one, other);
        }
    }
}
