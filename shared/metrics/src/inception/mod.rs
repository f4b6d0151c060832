//! The InceptionV3 in two variants: that of FID (2015-12-05), over whose features KID, FID and IS
//! are defined, and Keras'.
//!
//! | | [`Variant::Fid`] | [`Variant::Keras`] |
//! |---|---|---|
//! | trained by | Google, 1008 classes | Keras' ImageNet weights, 1000 classes, loaded without the classifier |
//! | pool branch of the last block | maximum | average |
//! | BatchNorm | with gamma | `scale=False`: no gamma |
//! | file | pytorch-fid's or torch-fidelity's | made by `tools/keras_inception.py`, which names it in its metadata |
//!
//! Weights are read from a state dict with pytorch-fid's names, `.pth` or safetensors, of any float
//! type, with BatchNorm separate (`*.conv.weight`, `*.bn.{weight,bias,running_mean,running_var}`)
//! or already folded (`*.conv.{weight,bias}`). Every key must be present and no others (except
//! `num_batches_tracked`). The FID file has no `AuxLogits.*`: a file that has them is of another
//! network and refused for its unused tensors.
//!
//! ```no_run
//! use burn::tensor::Device;
//! use fledge_metrics::inception::Inception;
//!
//! let network = Inception::load("inception.pth".as_ref(), &Device::flex())?;
//! # Ok::<(), fledge_metrics::state_dict::WeightsError>(())
//! ```

#[cfg(feature = "faults")]
mod drawn;
mod load;
mod network;
mod parameters;
mod variant;

use std::path::Path;

use burn::tensor::{Device, Tensor};

use self::load::{Drawn, FromStateDict};
use self::network::Network;
use super::network::{FeatureNetwork, Layer, Weights};
use super::state_dict::WeightsError;

#[cfg(feature = "faults")]
pub use self::drawn::write_drawn;
pub use self::variant::{
    KERAS_LAYERS, LAYERS, LOGITS_UNBIASED, POOL_64, POOL_192, POOL_768, POOL_2048, Variant,
};

/// The network on a device.
#[derive(Debug)]
pub struct Inception {
    network: Network,
    device: Device,
    weights: Weights,
}

impl Inception {
    /// Loads the weights of the FID InceptionV3 from `path` onto `device`, which must be without
    /// autodiff.
    ///
    /// # Errors
    /// If the file cannot be read or its tensors are not exactly those of this network.
    pub fn load(path: &Path, device: &Device) -> Result<Self, WeightsError> {
        Self::load_variant(Variant::Fid, path, device)
    }

    /// [`load`](Self::load) for either variant.
    ///
    /// # Errors
    /// As [`load`](Self::load), and if the file is of the other variant.
    pub fn load_variant(
        variant: Variant,
        path: &Path,
        device: &Device,
    ) -> Result<Self, WeightsError> {
        let mut parameters = FromStateDict::open(path, variant)?;
        let network = Network::new(variant, &mut parameters, device);
        let weights = parameters.finish()?;
        Ok(Self { network, device: device.clone(), weights })
    }

    /// An untrained FID InceptionV3 for smoke tests: deterministic by seed, but meaningless as a
    /// measure of quality.
    #[must_use]
    pub fn random(seed: u64, device: &Device) -> Self {
        Self::random_variant(Variant::Fid, seed, device)
    }

    /// [`random`](Self::random) for either variant.
    #[must_use]
    pub fn random_variant(variant: Variant, seed: u64, device: &Device) -> Self {
        let network = Network::new(variant, &mut Drawn { seed }, device);
        Self { network, device: device.clone(), weights: Weights::Random { seed } }
    }
}

impl Inception {
    /// The normalised features of every position at three depths (64, 192 and 768 channels), for
    /// distances between pictures; gradients reach `x`.
    ///
    /// # Shapes
    /// `x` [B, 3, H, W] scaled as for features, with H and W at least 75, gives three tensors [B,
    /// Cᵢ, Hᵢ, Wᵢ].
    #[must_use]
    pub fn maps(&self, x: Tensor<4>) -> Vec<Tensor<4>> {
        self.network.maps(x)
    }
}

impl FeatureNetwork for Inception {
    fn name(&self) -> &'static str {
        self.network.variant().name()
    }

    fn layers(&self) -> &'static [Layer] {
        self.network.variant().layers()
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
