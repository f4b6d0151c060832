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

use std::path::Path;

use burn::tensor::{Device, Tensor};

use self::load::{Drawn, FromStateDict};
use self::network::Network;
use super::network::{FeatureNetwork, Layer, Weights};
use super::state_dict::{StateDict, WeightsError};

#[cfg(feature = "faults")]
pub use self::drawn::write_drawn;

/// The network on a device.
#[derive(Debug)]
pub struct Inception {
    network: Network,
    device: Device,
    weights: Weights,
}

/// After the first max pool, averaged: 64 features.
pub const POOL_64: Layer = Layer { name: "64", dimensions: 64 };
/// After the second max pool, averaged: 192 features.
pub const POOL_192: Layer = Layer { name: "192", dimensions: 192 };
/// Before Mixed_7a, averaged: 768 features.
pub const POOL_768: Layer = Layer { name: "768", dimensions: 768 };
/// The global average at the end: 2048 features, those of KID and FID.
pub const POOL_2048: Layer = Layer { name: "2048", dimensions: 2048 };
/// The classifier's output without its bias: 1008 logits, those of the Inception Score.
pub const LOGITS_UNBIASED: Layer = Layer { name: "logits_unbiased", dimensions: 1008 };

/// Every layer, by depth.
pub const LAYERS: [Layer; 5] = [POOL_64, POOL_192, POOL_768, POOL_2048, LOGITS_UNBIASED];

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
}

impl FeatureNetwork for Inception {
    fn name(&self) -> &'static str {
        "inception-v3-compat"
    }

    fn layers(&self) -> &'static [Layer] {
        &LAYERS
    }

    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn device(&self) -> &Device {
        &self.device
    }

    /// H and W are at least 75.
    fn forward(&self, x: Tensor<4>, layers: &[Layer]) -> Vec<Tensor<2>> {
        self.network.forward(x, layers)
    }
}

#[cfg(test)]
mod tests;
