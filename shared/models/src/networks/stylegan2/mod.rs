//! The networks of StyleGAN2 (Karras et al. 2020, "Analyzing and improving the image quality of
//! StyleGAN", arXiv:1912.04958) as in stylegan2-ada-pytorch (Karras et al. 2020, "Training
//! generative adversarial networks with limited data", arXiv:2006.06676), `training/networks.py`.
//! Weights have the names that they have there.
//!
//! | module | holds |
//! |---|---|
//! | [`settings`] | the settings of both networks, and the sizes they support |
//! | [`mapping`] | z and class → w |
//! | [`synthesis`] | a w for each layer → picture |
//! | [`generator`] | both, with style mixing in training |
//! | [`discriminator`] | picture → logit |

pub mod discriminator;
pub mod generator;
mod graph;
pub mod mapping;
pub mod settings;
mod summary;
pub mod synthesis;

pub use self::discriminator::Discriminator;
pub use self::generator::Generator;
pub use self::settings::{Architecture, DiscriminatorConfig, GeneratorConfig};
