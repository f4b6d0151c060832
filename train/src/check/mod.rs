//! `train check`: whether a device computes what the CPU computes. The CPU's numbers are held to
//! PyTorch's and Keras' by golden files; this compares a device with them on the machine where it
//! will train.
//!
//! | module | holds |
//! |---|---|
//! | [`command`] | flags, and what is printed |
//! | [`all`] | all comparisons, carried out |
//! | [`extent`] | how much is compared |
//! | [`case`] | one comparison: a name, a computation, what it gives |
//! | [`row`] | how far apart two results lie, and whether that is near enough |
//! | [`tolerance`] | how far is near enough, and why |
//! | [`numbers`] | drawn tensors, results with their gradients |
//! | [`operations`], [`layers`], [`networks`], [`losses`], [`penalties`], [`augmentations`], [`optimizers`], [`pictures`], [`steps`], [`features`] | what is compared |

pub mod all;
pub mod augmentations;
pub mod case;
pub mod command;
pub mod extent;
pub mod features;
pub mod layers;
pub mod losses;
pub mod networks;
pub mod numbers;
pub mod operations;
pub mod optimizers;
pub mod penalties;
pub mod pictures;
pub mod row;
pub mod steps;
pub mod tolerance;

pub use all::{cases, compare};
pub use case::{Case, Outputs};
pub use extent::Extent;
pub use row::{Row, Totals};
pub use tolerance::Precision;
