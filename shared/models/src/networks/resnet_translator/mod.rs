//! The family `resnet-translator`: residual blocks at a quarter of a picture's extent (Johnson et al.
//! 2016, arXiv:1603.08155, in the form of Zhu et al. 2017, "Unpaired image-to-image translation using
//! cycle-consistent adversarial networks", arXiv:1703.10593; anti-aliased as in Park et al. 2020,
//! "Contrastive learning for unpaired image-to-image translation", arXiv:2007.15651).
//!
//! | module | holds |
//! |---|---|
//! | [`settings`] | the settings |
//! | [`generator`] | the network, and the features of its encoder |
//! | `graph` | the network as operations for other programs |

pub mod generator;
mod graph;
pub mod settings;

pub use self::generator::Generator;
pub use self::settings::GeneratorConfig;
pub(crate) use self::settings::HALVINGS;
