//! dataset → run: trains a GAN, and can be stopped and resumed at any step.
//!
//! | module | holds |
//! |---|---|
//! | [`args`], [`foreign`] | flags, and those of other trainers with ours |
//! | [`data`] | pictures on their way to a device |
//! | [`step`] | one training step: networks by role, tasks, gradients, optimizers |
//! | [`augment`] | adaptive discriminator augmentation |
//! | [`run`] | one run from its folder to its end |
//! | [`watch`] | what a run says while it goes |
//! | [`tell`] | what is told of runs afterwards |
//! | [`check`] | a device against the CPU |
//!
//! `docs/WALK.md` follows a picture from the data set to the discriminator's loss through these
//! files.
#![forbid(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod args;
pub mod augment;
pub mod check;
pub mod data;
pub mod foreign;
pub mod run;
pub mod step;
pub mod tell;
pub mod watch;
