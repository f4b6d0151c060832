//! GAN networks by family, with layers and their tangents, losses, settings, presets and tasks.
//!
//! | module | holds |
//! |---|---|
//! | [`parameter`] | named tensors of a network: weights and running statistics |
//! | [`init`] | weight initialisation |
//! | [`dual`] | values with their derivative along a direction |
//! | [`layers`] | convolution, linear, BatchNorm with its activation, attention, dropout, … |
//! | [`networks`] | a folder for each family, and the enums over them |
//! | [`graph`] | a generator as operations for other programs |
//! | [`loss`] | the losses of both networks |
//! | [`latent`] | latent vectors |
//! | [`range`] | the interval of pixel values |
//! | [`task`] | the roles of a run's networks, and the quantities that its steps measure |
//! | [`config`] | all settings: presets, TOML, `--set` |
//! | [`preset`] | the recipes, as rows of one table |
//! | [`run_config`], [`change`] | the settings of one run, and the differences between two |
//! | [`summary`] | the layer table |
//! | [`device`], [`devices`] | the compute device, or several |
//! | [`fusion`] | fusion of operations into one kernel |

pub mod change;
mod check;
pub mod config;
pub mod device;
pub mod devices;
pub mod dual;
pub mod fusion;
pub mod graph;
pub mod init;
pub mod latent;
pub mod layers;
pub mod loss;
pub mod networks;
pub mod parameter;
pub mod preset;
pub mod range;
pub mod run_config;
pub mod summary;
pub mod task;

/// The README's example is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
