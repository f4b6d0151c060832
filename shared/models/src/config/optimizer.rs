//! Settings of the optimizers, one set for each network.
//!
//! ```
//! use fledge_models::config::{OptimizerConfig, OptimizerName, OptimizersConfig};
//! use fledge_models::task::Part;
//!
//! let rmsprop = OptimizerConfig { name: OptimizerName::Rmsprop, ..OptimizerConfig::default() };
//! let optimizers = OptimizersConfig::both(rmsprop);
//! optimizers.validate()?;
//! assert_eq!(optimizers.of(Part::Discriminator).name, OptimizerName::Rmsprop);
//! # Ok::<(), fledge_base::cli::UsageError>(())
//! ```

use fledge_base::cli::UsageError;
use serde::{Deserialize, Serialize};

use crate::check::{above_zero, amount, require, share};
use crate::task::Part;

/// The optimizers of both networks. A version 1 file has one set of values for both.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizersConfig {
    /// The generator's.
    pub generator: OptimizerConfig,
    /// The discriminator's.
    pub discriminator: OptimizerConfig,
}

/// One network's optimizer. A rule reads only the values in its formula; missing keys have the
/// value of [`OptimizerConfig::default`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OptimizerConfig {
    /// The update rule.
    pub name: OptimizerName,
    /// The library convention, where libraries differ.
    pub convention: Convention,
    /// Step size, before the factor of the learning rate schedule.
    pub learning_rate: f64,
    /// Adam: decay of the first moment.
    pub beta_1: f64,
    /// Adam: decay of the second moment.
    pub beta_2: f64,
    /// Adam, RMSprop: keeps the divisor away from 0.
    pub epsilon: f64,
    /// RMSprop: decay of the mean square.
    pub rho: f64,
    /// RMSprop, SGD: decay of the velocity; 0 = no momentum.
    pub momentum: f64,
    /// SGD with momentum: use Nesterov's look-ahead step.
    pub nesterov: bool,
    /// Weight decay. PyTorch adds `weight_decay`·w to the gradient (AdamW: shrinks the weight by
    /// learning rate × `weight_decay` instead); Keras shrinks the weight with every rule.
    pub weight_decay: f64,
    /// Upper bound of the gradient's norm over all weights of the network; larger gradients are
    /// rescaled. 0 = no clipping.
    pub clip_norm: f64,
}

/// The optimizers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerName {
    /// Kingma & Ba 2015, arXiv:1412.6980.
    #[default]
    Adam,
    /// Loshchilov & Hutter 2019, arXiv:1711.05101: Adam with decoupled weight decay.
    Adamw,
    /// Hinton 2012, lecture 6e.
    Rmsprop,
    /// Gradient descent, with Polyak's or Nesterov's momentum on request.
    Sgd,
}

/// The library whose arithmetic an optimizer follows.
///
/// | | Keras | PyTorch |
/// |---|---|---|
/// | Adam's ε | added to √v before bias correction | added after |
/// | RMSprop's ε | added to v under the root | added to √v |
/// | momentum | the velocity holds steps: a changed rate affects new gradients | it holds gradients: a changed rate affects all |
/// | `weight_decay` | shrinks the weight, with every rule | added to the gradient; AdamW shrinks the weight |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Convention {
    /// `keras/src/optimizers/`.
    #[default]
    Keras,
    /// `torch/optim/`.
    Pytorch,
}

impl Default for OptimizerConfig {
    /// Adam with the values of the Keras GAN-ADA example.
    fn default() -> Self {
        Self {
            name: OptimizerName::default(),
            convention: Convention::default(),
            learning_rate: 2e-4,
            beta_1: 0.5,
            beta_2: 0.999,
            epsilon: 1e-7,
            rho: 0.9,
            momentum: 0.0,
            nesterov: false,
            weight_decay: 0.0,
            clip_norm: 0.0,
        }
    }
}

impl OptimizersConfig {
    /// The same optimizer for both networks.
    #[must_use]
    pub fn both(config: OptimizerConfig) -> Self {
        Self { generator: config.clone(), discriminator: config }
    }

    /// The optimizer of roles that use the settings of `part`.
    #[must_use]
    pub fn of(&self, part: Part) -> &OptimizerConfig {
        match part {
            Part::Generator | Part::Projector => &self.generator,
            Part::Discriminator => &self.discriminator,
        }
    }

    /// Checks that the values are valid.
    ///
    /// # Errors
    /// If one is not; the error names it.
    pub fn validate(&self) -> Result<(), UsageError> {
        self.generator.validate("optimizer.generator")?;
        self.discriminator.validate("optimizer.discriminator")
    }
}

impl OptimizerConfig {
    /// These values for an optimizer that takes one more update, for a penalty, in every
    /// `interval` steps: rate and decays to the power of k/(k + 1) (Karras et al. 2020,
    /// arXiv:1912.04958, appendix B).
    #[must_use]
    pub fn corrected(&self, interval: u64) -> Self {
        let share = interval as f64 / (interval + 1) as f64;
        Self {
            learning_rate: self.learning_rate * share,
            beta_1: self.beta_1.powf(share),
            beta_2: self.beta_2.powf(share),
            ..self.clone()
        }
    }

    /// Checks that the values are valid; `table` is their position in the settings.
    ///
    /// # Errors
    /// If one is not; the error names it.
    pub fn validate(&self, table: &str) -> Result<(), UsageError> {
        let key = |name: &str| format!("{table}.{name}");
        above_zero(self.learning_rate, &key("learning_rate"))?;
        share(self.beta_1, &key("beta_1"))?;
        share(self.beta_2, &key("beta_2"))?;
        above_zero(self.epsilon, &key("epsilon"))?;
        share(self.rho, &key("rho"))?;
        share(self.momentum, &key("momentum"))?;
        let possible = !self.nesterov || (self.name == OptimizerName::Sgd && self.momentum > 0.0);
        require(
            possible,
            &key("nesterov"),
            self.nesterov,
            "false unless the optimizer is sgd with a momentum",
        )?;
        amount(self.weight_decay, &key("weight_decay"))?;
        amount(self.clip_norm, &key("clip_norm"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_values_are_named_with_their_network() {
        let mut config = OptimizersConfig::default();
        config.discriminator.nesterov = true;
        let error = config.validate().expect_err("nesterov without sgd").to_string();
        assert!(error.contains("optimizer.discriminator.nesterov = true"), "{error}");
        config.discriminator = OptimizerConfig {
            name: OptimizerName::Sgd,
            momentum: 0.9,
            nesterov: true,
            ..Default::default()
        };
        assert!(config.validate().is_ok());
        config.generator.clip_norm = f64::INFINITY;
        assert!(
            config
                .validate()
                .expect_err("infinite")
                .to_string()
                .contains("optimizer.generator.clip_norm")
        );
    }
}
