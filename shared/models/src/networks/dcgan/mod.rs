//! The family `dcgan`: a dense layer, blocks that enlarge, a last convolution; blocks that shrink,
//! one logit. Radford et al. 2016 (arXiv:1511.06434), with residual blocks, self-attention,
//! spectral normalisation, minibatch deviation and classes as settings.
//!
//! | module | holds |
//! |---|---|
//! | [`generator`], [`discriminator`] | the networks and their settings |
//! | [`block`] | the block that both consist of |
//! | [`settings`] | words of the settings |
//! | `graph` | the generator as operations for other programs |
//! | `rules` | settings that go together, and sizes that they can make |
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
