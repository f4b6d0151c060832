//! The family `unet`: a picture is halved to a single pixel and doubled back, and the features of
//! every extent on the way down join those on the way up (Ronneberger et al. 2015, arXiv:1505.04597,
//! in the form of Isola et al. 2017, "Image-to-image translation with conditional adversarial
//! networks", arXiv:1611.07004, and its `pytorch-CycleGAN-and-pix2pix`).
//!
//! | module | holds |
//! |---|---|
//! | [`settings`] | the settings |
//! | [`generator`] | the network |
//! | `graph` | the network as operations for other programs |

pub mod generator;
mod graph;
pub mod settings;

pub use self::generator::Generator;
pub use self::settings::GeneratorConfig;
