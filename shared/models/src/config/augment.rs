//! Augmentation of D's input.
//!
//! ```
//! use fledge_models::config::{AugmentConfig, ControllerName, PipelineName};
//!
//! let augment = AugmentConfig { pipeline: PipelineName::Bgc, ..AugmentConfig::default() };
//! assert_eq!(augment.controller(), ControllerName::Sign);
//! assert_eq!(augment.ceiling(), 0.8);
//! ```

use fledge_base::cli::UsageError;
use serde::{Deserialize, Serialize};

/// The augmentation pipeline: a set of transforms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PipelineName {
    /// Pictures pass unchanged.
    None,
    /// Flip, shift, rotation and zoom of the Keras example.
    Keras,
    /// Left-right flip, quarter turns, shift by whole pixels (this and the following: Karras et al.
    /// 2020).
    Blit,
    /// Scaling, rotation, shift by any amount.
    Geom,
    /// Brightness, contrast, luma flip, hue, saturation.
    Color,
    /// Amplification of four frequency bands.
    Filter,
    /// Additive noise.
    Noise,
    /// A grey square.
    Cutout,
    /// blit and geom.
    Bg,
    /// blit, geom and color.
    Bgc,
    /// blit, geom, color and filter.
    Bgcf,
    /// blit, geom, color, filter and noise.
    Bgcfn,
    /// Every one of them.
    Bgcfnc,
    /// DiffAugment's colour, translation and cutout, on every picture (Zhao et al. 2020).
    Diffaugment,
}

impl PipelineName {
    /// Returns true if its transforms are applied with probability p.
    #[must_use]
    pub fn has_probability(self) -> bool {
        !matches!(self, Self::None | Self::Diffaugment)
    }
}

/// The rule that adapts p, the probability of augmentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ControllerName {
    /// As published with the pipeline: `accuracy` for keras, `sign` for the others.
    Auto,
    /// Moves p each step by the difference between D's accuracy on reals and its target (the Keras
    /// example).
    Accuracy,
    /// Moves p every few steps by a constant amount, up or down as the mean sign of D(real) lies
    /// above or below its target (Karras et al. 2020).
    Sign,
    /// Leaves p fixed.
    Fixed,
}

/// The unit that each coin of probability p decides for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Coins {
    /// As published with the pipeline: `picture` for keras, `transform` for the others.
    Auto,
    /// One coin per picture: all transforms or none.
    Picture,
    /// One coin per picture and transform.
    Transform,
}

/// Augmentation of real and generated pictures before D sees them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AugmentConfig {
    /// The transforms.
    pub pipeline: PipelineName,
    /// The rule that adapts p.
    pub controller: ControllerName,
    /// The unit that each coin of probability p decides for.
    pub coins: Coins,
    /// p at the first step; with the controller `fixed`, p throughout.
    pub probability: f64,
    /// Upper bound of p; 0 = 1 for keras, as published, and 0.8 for the others, whose transforms leak
    /// into the samples when they are certain. Above 1, p may grow beyond what has an effect, as
    /// in stylegan2-ada-pytorch, which has no bound.
    pub max_probability: f64,
    /// `accuracy`: target for the share of reals that D classifies as real.
    pub target_accuracy: f64,
    /// `accuracy`: number of steps in which p moves by the whole difference between accuracy and
    /// target.
    pub integration_steps: f64,
    /// `sign`: target for the mean sign of D's logits of reals.
    pub target_sign: f64,
    /// `sign`: steps between two changes of p.
    pub interval: u64,
    /// `sign`: thousands of reals in which p rises from 0 to 1 if it always moves up.
    pub ramp_kimg: f64,
}

impl Default for AugmentConfig {
    fn default() -> Self {
        Self {
            pipeline: PipelineName::None,
            controller: ControllerName::Auto,
            coins: Coins::Auto,
            probability: 0.0,
            max_probability: 0.0,
            target_accuracy: 0.85,
            integration_steps: 1000.0,
            target_sign: 0.6,
            interval: 4,
            ramp_kimg: 500.0,
        }
    }
}

/// The largest upper bound of p.
const LARGEST_BOUND: f64 = 1000.0;

impl AugmentConfig {
    /// The controller, with `Auto` resolved.
    #[must_use]
    pub fn controller(&self) -> ControllerName {
        match self.controller {
            ControllerName::Auto if self.pipeline == PipelineName::Keras => {
                ControllerName::Accuracy
            }
            ControllerName::Auto => ControllerName::Sign,
            named => named,
        }
    }

    /// Upper bound of p, with 0 resolved.
    #[must_use]
    pub fn ceiling(&self) -> f64 {
        match self.max_probability {
            0.0 if self.pipeline == PipelineName::Keras => 1.0,
            0.0 => 0.8,
            given => given,
        }
    }

    /// Returns true if one coin decides for a whole picture.
    #[must_use]
    pub fn one_coin(&self) -> bool {
        match self.coins {
            Coins::Auto => self.pipeline == PipelineName::Keras,
            Coins::Picture => true,
            Coins::Transform => false,
        }
    }

    /// Checks that every value lies in its range.
    ///
    /// # Errors
    /// Names the first key whose value does not.
    pub fn validate(&self) -> Result<(), UsageError> {
        let require = |holds: bool, key: &str, value: f64, expected: &str| {
            if holds {
                return Ok(());
            }
            Err(UsageError(format!(
                "augment.{key} = {value}: expected {expected}; change it with --set augment.{key}=…"
            )))
        };
        let (p, most) = (self.probability, self.ceiling());
        require(
            (0.0..=LARGEST_BOUND).contains(&self.max_probability),
            "max_probability",
            self.max_probability,
            "0 ≤ value ≤ 1000",
        )?;
        require(
            (0.0..=most).contains(&p),
            "probability",
            p,
            &format!("0 ≤ value ≤ augment.max_probability = {most}"),
        )?;
        let accuracy = self.target_accuracy;
        require((0.0..1.0).contains(&accuracy), "target_accuracy", accuracy, "0 ≤ value < 1")?;
        let steps = self.integration_steps;
        require(steps >= 1.0 && steps.is_finite(), "integration_steps", steps, "at least 1")?;
        let sign = self.target_sign;
        require(sign > -1.0 && sign < 1.0, "target_sign", sign, "-1 < value < 1")?;
        require(self.interval > 0, "interval", self.interval as f64, "at least 1")?;
        require(
            self.ramp_kimg > 0.0 && self.ramp_kimg.is_finite(),
            "ramp_kimg",
            self.ramp_kimg,
            "a positive number",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_hold_and_each_value_out_of_its_range_is_named() {
        assert_eq!(AugmentConfig::default().validate().map_err(|e| e.to_string()), Ok(()));
        type Change = fn(&mut AugmentConfig);
        let set = |change: Change| {
            let mut config = AugmentConfig::default();
            change(&mut config);
            config.validate().expect_err("out of range").to_string()
        };
        let cases: [(&str, Change); 8] = [
            ("max_probability", |c| c.max_probability = 1500.0),
            ("probability", |c| c.probability = 0.9),
            ("probability", |c| c.probability = f64::NAN),
            ("target_accuracy", |c| c.target_accuracy = 1.0),
            ("integration_steps", |c| c.integration_steps = 0.0),
            ("target_sign", |c| c.target_sign = 1.0),
            ("interval", |c| c.interval = 0),
            ("ramp_kimg", |c| c.ramp_kimg = 0.0),
        ];
        for (key, change) in cases {
            let error = set(change);
            assert!(
                error.starts_with(&format!("augment.{key} = "))
                    && error.contains(&format!("--set augment.{key}=")),
                "{error}"
            );
        }
    }

    #[test]
    fn coins_are_thrown_as_each_pipeline_was_published_unless_told_otherwise() {
        let one = |pipeline, coins| {
            AugmentConfig { pipeline, coins, ..AugmentConfig::default() }.one_coin()
        };
        assert!(one(PipelineName::Keras, Coins::Auto) && !one(PipelineName::Bgc, Coins::Auto));
        assert!(
            !one(PipelineName::Keras, Coins::Transform) && one(PipelineName::Bgc, Coins::Picture)
        );
    }
}
