//! The FID InceptionV3 (2015-12-05): the network over whose features KID, FID and IS are defined.
//!
//! Weights are read from a state dict in pytorch-fid's names, `.pth` or safetensors, of any float type, with BatchNorm
//! apart (`*.conv.weight`, `*.bn.{weight,bias,running_mean,running_var}`) or folded already (`*.conv.{weight,bias}`).
//! Every key must be there and none besides (`num_batches_tracked` aside). The published file has no `AuxLogits.*`: a file
//! that has them is another network, and they are refused as unused.

#[cfg(feature = "faults")]
mod drawn;
mod load;
mod network;
mod state_dict;

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};

use self::load::{Drawn, FromStateDict};
use self::network::Network;
use self::state_dict::StateDict;
use super::features::Features;
use super::resize::{Resize, RgbPicture};
use crate::nn::device::on_workers;

#[cfg(feature = "faults")]
pub use self::drawn::write_drawn;
pub use self::state_dict::WeightsError;
pub(crate) use self::state_dict::hex;

/// Where features are taken from. The order is that of depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tap {
    /// After the first max pool, averaged: 64 features.
    Pool64,
    /// After the second max pool, averaged: 192 features.
    Pool192,
    /// Before Mixed_7a, averaged: 768 features.
    Pool768,
    /// The global average at the end: 2048 features, those of KID and FID.
    Pool2048,
    /// The classifier's output without its bias: 1008 logits, those of IS.
    LogitsUnbiased,
}

impl Tap {
    /// Numbers a picture.
    #[must_use]
    pub const fn dimensions(self) -> usize {
        match self {
            Self::Pool64 => 64,
            Self::Pool192 => 192,
            Self::Pool768 => 768,
            Self::Pool2048 => 2048,
            Self::LogitsUnbiased => 1008,
        }
    }

    /// torch-fidelity's name of the layer.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pool64 => "64",
            Self::Pool192 => "192",
            Self::Pool768 => "768",
            Self::Pool2048 => "2048",
            Self::LogitsUnbiased => "logits_unbiased",
        }
    }
}

/// The network on a device.
#[derive(Debug)]
pub struct Inception {
    network: Network,
    device: Device,
    weights: Weights,
}

/// Which numbers the network has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Weights {
    /// Those of a file with this SHA-256, in lower-case hexadecimal.
    File {
        /// Of all bytes of the file.
        sha256: String,
    },
    /// Untrained ones, drawn under this seed.
    Random {
        /// Seed of the draw.
        seed: u64,
    },
}

impl Weights {
    /// A name for cache keys: equal names mean equal features.
    #[must_use]
    pub fn identity(&self) -> String {
        match self {
            Self::File { sha256 } => sha256.clone(),
            Self::Random { seed } => format!("random-{seed}"),
        }
    }

    /// The file's SHA-256; none for drawn weights.
    #[must_use]
    pub fn sha256(&self) -> Option<&str> {
        match self {
            Self::File { sha256 } => Some(sha256),
            Self::Random { .. } => None,
        }
    }
}

impl Inception {
    /// Reads the weights of `path` onto `device`, which must be without autodiff.
    ///
    /// # Errors
    /// When the file cannot be read or its tensors are not exactly those of this network.
    pub fn load(path: &Path, device: &Device) -> Result<Self, WeightsError> {
        let state = StateDict::open(path)?;
        let weights = Weights::File { sha256: state.sha256().to_owned() };
        let mut parameters = FromStateDict::new(state);
        let network = Network::new(&mut parameters, device);
        parameters.finish()?;
        Ok(Self { network, device: device.clone(), weights })
    }

    /// An untrained network for smoke runs: the same for the same seed, and meaningless as a measure of quality.
    #[must_use]
    pub fn random(seed: u64, device: &Device) -> Self {
        Self { network: Network::new(&mut Drawn { seed }, device), device: device.clone(), weights: Weights::Random { seed } }
    }

    /// Which numbers it has.
    #[must_use]
    pub const fn weights(&self) -> &Weights {
        &self.weights
    }

    /// Features of resized and scaled pictures, one tensor [B, features] a tap.
    ///
    /// # Shapes
    /// `x` [B, 3, H, W], H and W at least 75, as [`Resize::batch`] makes it.
    #[must_use]
    pub fn forward(&self, x: Tensor<4>, taps: &[Tap]) -> Vec<Tensor<2>> {
        self.network.forward(x, taps)
    }

    /// Features of a batch that [`Resize::batch`] made, one set a tap.
    ///
    /// # Panics
    /// When `input` is not a whole number of pictures of `side` × `side`.
    #[must_use]
    pub fn features_of_input(&self, input: Vec<f32>, side: usize, taps: &[Tap]) -> Vec<Features> {
        let count = input.len() / (3 * side * side);
        let x = Tensor::from_data(TensorData::new(input, [count, 3, side, side]), &self.device);
        let rows = on_workers(|| self.forward(x, taps)).into_iter().zip(taps);
        rows.map(|(y, tap)| Features::new(y.into_data().iter::<f32>().collect(), tap.dimensions())).collect()
    }

    /// Features of a batch of pictures of any sizes, one set a tap.
    #[must_use]
    pub fn features(&self, pictures: &[RgbPicture], resize: Resize, taps: &[Tap]) -> Vec<Features> {
        if pictures.is_empty() {
            return taps.iter().map(|tap| Features::empty(tap.dimensions())).collect();
        }
        self.features_of_input(resize.batch(pictures), resize.side(), taps)
    }
}

#[cfg(test)]
mod tests;
