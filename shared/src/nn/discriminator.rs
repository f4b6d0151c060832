//! The discriminator of `gan-ada`: convolutions, each halving the extent, then dropout and one logit.

use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::generator::{BASE, KERNEL, doublings};
use super::layers::{BatchNorm, Conv2d, Linear, Mode, dropout};
use super::parameter::parameters;
use crate::rng::Stream;

/// How a discriminator is built.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiscriminatorConfig {
    /// Channels of every layer.
    pub width: usize,
    /// Share of the last features that dropout sets to 0 while training.
    pub dropout: f64,
    /// Slope of the leaky ReLU below zero.
    pub slope: f32,
}

/// One convolution with its normalisation and leaky ReLU.
#[derive(Clone, Debug)]
pub struct Down {
    /// Halves the extent.
    pub conv: Conv2d,
    /// Normalises, then leaky ReLU.
    pub norm: BatchNorm,
}

parameters!(Down { conv, norm });

/// Picture → logit: positive where it takes the picture for real.
#[derive(Clone, Debug)]
pub struct Discriminator {
    /// The blocks, down to 4×4.
    pub down: Vec<Down>,
    /// Features → logit.
    pub head: Linear,
    dropout: f64,
}

parameters!(Discriminator { down, head });

impl DiscriminatorConfig {
    /// A discriminator of `size`×`size`×`channels` pictures drawn by `seed`; `size` is a power of two of at least 8.
    #[must_use]
    pub fn init(&self, size: usize, channels: usize, seed: u64, device: &Device) -> Discriminator {
        let width = self.width;
        Discriminator {
            down: (0..doublings(size))
                .map(|i| {
                    let inputs = if i == 0 { channels } else { width };
                    Down {
                        conv: Conv2d::halving([inputs, width], KERNEL, None, seed, &format!("discriminator.down.{i}"), device),
                        norm: BatchNorm::keras(width, self.slope, device),
                    }
                })
                .collect(),
            head: Linear::new([width * BASE * BASE, 1], true, seed, "discriminator.head", device),
            dropout: self.dropout,
        }
    }
}

impl Discriminator {
    /// Logits in training: normalised by the batch, with the dropout mask drawn from `mask`.
    ///
    /// # Shapes
    /// `x` [B, C, size, size] gives [B, 1].
    pub fn forward(&mut self, mut x: Tensor<4>, mask: &mut Stream) -> Tensor<2> {
        for down in &mut self.down {
            x = down.norm.forward(down.conv.forward(x), Mode::Train); // [B, width, H/2, W/2]
        }
        self.head.forward(dropout(x.flatten(1, 3), self.dropout, mask))
    }
}
