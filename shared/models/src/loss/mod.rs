//! The losses, computed from logits: a table of them, with related losses in one file.
//!
//! | module | holds |
//! |---|---|
//! | [`pair`] | the losses of both networks as a pair |
//! | [`labels`] | D's labels |
//! | [`entropy`] | minimax and non-saturating |
//! | [`least_squares`] | on logits and on σ(logit) |
//! | [`hinge`], [`wasserstein`] | losses without labels |
//! | [`relativistic`] | losses that compare real with generated pictures |
//! | [`table`], [`name`] | all losses, and the name that selects one in the settings |
//! | [`config`] | the settings |
//! | [`objective`] | a run's loss |
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use fledge_models::loss::{self, Labels, LossConfig, LossName, Reduction};
//!
//! let name = LossName::find("hinge")?;
//! let config = LossConfig { name, reduction: Reduction::Mean, ..LossConfig::default() };
//! let objective = loss::of(&config);
//! let logits = || Tensor::<2>::zeros([4, 1], &Device::flex());
//! let loss = objective.discriminator(logits(), logits(), &Labels::PLAIN);
//! assert_eq!(loss.into_scalar::<f32>(), 1.0);
//! # Ok::<(), fledge_base::cli::UsageError>(())
//! ```

pub mod config;
pub mod entropy;
pub mod hinge;
pub mod labels;
pub mod least_squares;
pub mod name;
pub mod objective;
pub mod pair;
pub mod relativistic;
pub mod table;
pub mod wasserstein;

pub use config::{LossConfig, NoiseOn, Reduction};
pub use labels::{Label, LabelRange, Labels};
pub use name::LossName;
pub use objective::{Objective, of};
pub use pair::{Loss, Parts};
pub use table::{LOSSES, Row};

#[cfg(test)]
mod tests;
