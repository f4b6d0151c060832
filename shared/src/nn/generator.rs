//! The generator of `gan-ada`: a dense layer to 4×4, then transposed convolutions, each doubling the extent.

use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::layers::{BatchNorm, ConvTranspose2d, Linear, Mode};
use super::ops::Activation;
use super::parameter::parameters;

/// Height and width after the dense layer.
pub const BASE: usize = 4;

/// Kernel of every (transposed) convolution.
pub(super) const KERNEL: usize = 4;

/// How a generator is built.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratorConfig {
    /// Length of the latent vector.
    pub latent: usize,
    /// Channels of every hidden layer.
    pub width: usize,
}

/// One transposed convolution with its normalisation and ReLU.
#[derive(Clone, Debug)]
pub struct Up {
    /// Doubles the extent.
    pub conv: ConvTranspose2d,
    /// Normalises, then ReLU.
    pub norm: BatchNorm,
}

parameters!(Up { conv, norm });

/// z → picture in [0, 1].
#[derive(Clone, Debug)]
pub struct Generator {
    /// latent → width·4·4.
    pub dense: Linear,
    /// Over the dense layer's features, then ReLU.
    pub norm: BatchNorm,
    /// Hidden blocks.
    pub up: Vec<Up>,
    /// To the picture's channels, with bias and sigmoid.
    pub out: ConvTranspose2d,
    latent: usize,
}

parameters!(Generator { dense, norm, up, out });

impl GeneratorConfig {
    /// A generator of `size`×`size`×`channels` pictures drawn by `seed`; `size` is a power of two of at least 8.
    #[must_use]
    pub fn init(&self, size: usize, channels: usize, seed: u64, device: &Device) -> Generator {
        let (width, features) = (self.width, self.width * BASE * BASE);
        Generator {
            dense: Linear::new([self.latent, features], false, seed, "generator.dense", device),
            norm: BatchNorm::keras(features, 0.0, device),
            up: (0..doublings(size) - 1)
                .map(|i| Up {
                    conv: ConvTranspose2d::doubling([width, width], KERNEL, None, seed, &format!("generator.up.{i}"), device),
                    norm: BatchNorm::keras(width, 0.0, device),
                })
                .collect(),
            out: ConvTranspose2d::doubling([width, channels], KERNEL, Some(Activation::Sigmoid), seed, "generator.out", device),
            latent: self.latent,
        }
    }
}

/// How often the base must double to reach `size`.
pub(super) fn doublings(size: usize) -> usize {
    (size / BASE).ilog2() as usize
}

impl Generator {
    /// Length of the latent vector.
    #[must_use]
    pub fn latent(&self) -> usize {
        self.latent
    }

    /// # Shapes
    /// `z` [B, latent] gives [B, C, size, size] in [0, 1].
    pub fn forward(&mut self, z: Tensor<2>, mode: Mode) -> Tensor<4> {
        let batch = z.dims()[0];
        let x = self.norm.forward_features(self.dense.forward(z), mode); // [B, width·16]
        let mut x = x.reshape([batch as i64, -1, BASE as i64, BASE as i64]); // [B, width, 4, 4]
        for up in &mut self.up {
            x = up.norm.forward(up.conv.forward(x), mode); // [B, width, 2H, 2W]
        }
        self.out.forward(x)
    }
}
