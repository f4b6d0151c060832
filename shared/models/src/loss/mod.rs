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
