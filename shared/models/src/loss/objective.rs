//! A run's loss.
//!
//! ```
//! use fledge_models::loss::{self, LossConfig, LossName};
//!
//! let name = LossName::find("relativistic-hinge")?;
//! assert!(loss::of(&LossConfig { name, ..LossConfig::default() }).compares());
//! assert!(!loss::of(&LossConfig::default()).compares());
//! # Ok::<(), fledge_base::cli::UsageError>(())
//! ```

use burn::tensor::Tensor;

use super::config::{LossConfig, Reduction};
use super::labels::Labels;
use super::pair::{Loss, Parts};

/// A run's loss: one of [`LOSSES`](super::LOSSES), with the reduction of its parts to one number.
#[derive(Clone, Copy, Debug)]
pub struct Objective {
    loss: &'static dyn Loss,
    reduction: Reduction,
}

/// The loss that the settings select.
#[must_use]
pub fn of(config: &LossConfig) -> Objective {
    Objective { loss: config.name.row().loss, reduction: config.reduction }
}

impl Objective {
    /// The generator's loss, `[1]`, from D's logits of real and generated pictures, each [B, 1].
    /// Real logits matter only if the loss [compares](Objective::compares) both kinds; otherwise
    /// they may be `None`, which stands for logits 0.
    #[must_use]
    pub fn generator(&self, real: Option<Tensor<2>>, fake: Tensor<2>) -> Tensor<1> {
        debug_assert!(
            real.is_some() || !self.compares(),
            "{self:?} needs the logits of real pictures"
        );
        let real = real.unwrap_or_else(|| fake.zeros_like());
        self.reduce(self.loss.generator(real, fake))
    }

    /// The discriminator's loss, `[1]`, from its logits of real and generated pictures, each of
    /// shape [B, 1].
    #[must_use]
    pub fn discriminator(&self, real: Tensor<2>, fake: Tensor<2>, labels: &Labels) -> Tensor<1> {
        self.reduce(self.loss.discriminator(real, fake, labels))
    }

    /// Returns true if G's loss depends on D's logits of real pictures.
    #[must_use]
    pub fn compares(&self) -> bool {
        self.loss.compares()
    }

    fn reduce(&self, parts: Parts) -> Tensor<1> {
        match (parts, self.reduction) {
            (Parts(loss, None), _) => loss,
            (Parts(real, Some(fake)), Reduction::Mean) => (real + fake) * 0.5,
            (Parts(real, Some(fake)), Reduction::Sum) => real + fake,
        }
    }
}
