//! The family `dcgan`. Generator: a dense layer, upsampling blocks, a last convolution.
//! Discriminator: downsampling blocks, one logit. Radford et al. 2016 (arXiv:1511.06434), with
//! residual blocks, self-attention, spectral normalisation, minibatch standard deviation and
//! classes as settings.
//!
//! | module | holds |
//! |---|---|
//! | [`generator`], [`discriminator`] | the networks and their settings |
//! | [`block`] | the building block of both |
//! | [`settings`] | the enumerated settings |
//! | `graph` | the generator as operations for other programs |
//! | `rules` | checks of settings against each other, and the sizes that the networks support |
//! | `summary` | their layers with shapes |

pub mod block;
pub mod discriminator;
pub mod generator;
mod graph;
mod rules;
pub mod settings;
mod summary;

pub use self::block::ConvBlock;
pub use self::discriminator::{Discriminator, DiscriminatorConfig};
pub use self::generator::{Generator, GeneratorConfig};
pub(crate) use self::rules::taking;
