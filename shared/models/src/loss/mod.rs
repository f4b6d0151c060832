//! The losses, from logits: a table of them, each in a file with others of its kind.
//!
//! | module | holds |
//! |---|---|
//! | [`pair`] | a loss of both networks |
//! | [`labels`] | the labels that D is given |
//! | [`entropy`] | minimax and non-saturating |
//! | [`least_squares`] | on logits and on σ(logit) |
//! | [`hinge`], [`wasserstein`] | those without labels |
//! | [`relativistic`] | those that compare real with generated pictures |
//! | [`table`], [`name`] | all of them, and the name by which settings choose |
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
