//! dataset → run: trains a GAN, and can be stopped and resumed at any step.
//!
//! | module | contents |
//! |---|---|
//! | [`args`], [`foreign`] | flags, and those of other trainers with their equivalents |
//! | [`data`] | loading of pictures |
//! | [`step`] | one training step: networks by role, tasks, gradients, optimizers |
//! | [`augment`] | adaptive discriminator augmentation |
//! | [`run`] | a run from its folder to its end |
//! | [`watch`] | monitoring of a running training |
//! | [`tell`] | reports on runs |
//! | [`check`] | comparison of a device with the CPU |
//!
//! `docs/WALK.md` follows a picture through these files, from the data set to the discriminator's
//! loss.
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
