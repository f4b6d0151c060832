//! Networks: a folder for each family, and the enums over them.
//!
//! | module | holds |
//! |---|---|
//! | [`family`] | `Generator` and `Discriminator` of any family, with their settings |
//! | [`network`] | the network of any role |
//! | [`interface`] | inputs and outputs of networks |
//! | [`blueprint`] | the specification a network is built from |
//! | [`cond`] | class conditioning |
//! | [`dcgan`] | transposed or resized convolutions up, strided ones down |
//! | [`patchgan`] | judges the patches of a picture |
//! | [`projector`] | projects a generator's features, for contrastive learning |
//! | [`resnet_translator`] | translates pictures by residual blocks at a quarter of their extent |
//! | [`stylegan2`] | a mapping to styles, a synthesis that they modulate; residual blocks between filters |
//! | [`unet`] | translates pictures by an encoder and a decoder with skips |
#![cfg_attr(
    feature = "toys",
    doc = "| [`toys`] | two families for tests: one that grows, one that translates |"
)]

pub mod blueprint;
pub mod cond;
pub mod dcgan;
pub mod family;
pub mod interface;
pub mod network;
pub mod patchgan;
pub mod projector;
pub mod resnet_translator;
pub mod stylegan2;
#[cfg(feature = "toys")]
pub mod toys;
pub mod unet;

pub use self::blueprint::Blueprint;
pub use self::family::{Discriminator, DiscriminatorConfig, Generator, GeneratorConfig};
pub use self::interface::{Input, Judgement, Sources, Takes};
pub use self::network::Network;
pub use self::projector::Projector;

#[cfg(test)]
mod tests;
