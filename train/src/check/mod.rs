//! `train check`: compares a device's results with the CPU's. Golden files tie the CPU's numbers to
//! PyTorch and Keras; this ties a device to the CPU on the machine where it will train.
//!
//! | module | contents |
//! |---|---|
//! | [`command`] | flags and output |
//! | [`all`] | the list of all comparisons, and the loop over it |
//! | [`extent`] | extent of the comparison |
//! | [`case`] | one comparison: a name, a computation, its results |
//! | [`row`] | the deviation between two results, and the verdict |
//! | [`tolerance`] | the tolerances, with reasons |
//! | [`numbers`] | random tensors, and results with gradients |
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
