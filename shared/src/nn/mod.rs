//! Tensor code: operations, layers, networks, devices, run folders, checkpoints.
//!
//! | module | holds |
//! |---|---|
//! | [`device`], [`devices`] | which device computes, or which ones |
//! | [`collective`] | sums over devices that compute together |
//! | [`ops`] | convolution, normalisation, … : fast ones of our own on the CPU |
//! | [`parameter`] | named tensors of a network: weights and running statistics |
//! | [`init`] | how weights are drawn |
//! | [`layers`] | convolution, linear, BatchNorm with its activation, attention, dropout, … |
//! | [`fusion`] | whether a device joins operations into one kernel |
//! | [`generator`], [`discriminator`] | the networks, and the derivative of the second along a direction |
//! | [`range`] | in which interval pixels lie |
//! | [`latent`] | latent vectors |
//! | [`loss`] | what both networks are trained on |
//! | [`summary`] | the layer table |
//! | [`config`] | everything that can be set for a run: presets, TOML, `--set` |
//! | [`preset`] | the recipes, as rows of one table |
//! | [`range`] | the interval in which pixels lie |
//! | [`run`] | the run folder: where its files are, which checkpoint is taken |
//! | [`owner`] | which process trains a run |
//! | [`checkpoint`] | one saved state, checked byte by byte |
//! | [`fit`] | what a network takes over of another one's checkpoint |
//! | [`sampler`] | pictures from a generator, by seed |

pub mod checkpoint;
pub mod config;
pub mod device;
pub mod devices;
pub mod discriminator;
pub mod fit;
pub mod fusion;
pub mod generator;
pub mod init;
pub mod latent;
pub mod layers;
pub mod loss;
pub mod owner;
pub mod parameter;
pub mod preset;
pub mod range;
pub mod run;
pub mod sampler;
mod signal;
pub mod summary;

pub use fledge_kernels as ops;
pub use fledge_kernels::collective;
