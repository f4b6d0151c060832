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
//! | [`stylegan2`] | a mapping to styles, a synthesis that they modulate; residual blocks between filters |
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
pub mod stylegan2;
#[cfg(feature = "toys")]
pub mod toys;

pub use self::blueprint::Blueprint;
pub use self::family::{Discriminator, DiscriminatorConfig, Generator, GeneratorConfig};
pub use self::interface::{Input, Judgement, Sources, Takes};
pub use self::network::Network;

#[cfg(test)]
mod tests;
