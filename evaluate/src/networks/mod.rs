//! Feature networks by name, the perceptual similarity of PPL, and their weights.
//!
//! | module | holds |
//! |---|---|
//! | [`dinov2`] | DINOv2 ViT-S/14 and ViT-B/14, the class token |
//! | [`weights`] | storing and downloading published weights |
//!
//! The InceptionV3 is in [`shared::metrics::inception`], because `train` measures KID with it; VGG16
//! and LPIPS are beside it, because `sample` projects pictures with them.

pub mod dinov2;
mod positions;
#[cfg(test)]
mod tests;
pub mod weights;

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use shared::cli::UsageError;
use shared::metrics::inception::{Inception, LOGITS_UNBIASED, POOL_2048, Variant};
use shared::metrics::network::{FeatureNetwork, Layer};
use shared::metrics::resize::Scale;
use shared::metrics::state_dict::WeightsError;
use shared::metrics::vgg16::{self, Vgg16};
use shared::metrics::weights::{self as published, Converted, Published};

use self::dinov2::{DinoV2, Size};

type Loaded = Result<Box<dyn FeatureNetwork>, WeightsError>;

/// A feature network, before its weights are read.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Its name; torch-fidelity's name if it has the network.
    pub name: &'static str,
    /// One line for tables.
    pub about: &'static str,
    /// Side of its square input in pixels.
    pub side: usize,
    /// The scaling of levels to its input.
    pub scale: Scale,
    /// Default layer of the Inception Score; `None` if the network has no classes.
    pub score_layer: Option<Layer>,
    /// Default layer of every other metric.
    pub layer: Layer,
    /// All layers.
    pub layers: &'static [Layer],
    /// Its stored weights; `None` if it is always untrained.
    pub stored: Option<StoredWeights>,
    load: fn(&Path, &Device) -> Loaded,
    draw: fn(u64, &Device) -> Box<dyn FeatureNetwork>,
}

/// The name identifies a network.
impl PartialEq for Known {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// The stored file of a network's weights.
#[derive(Clone, Copy, Debug)]
pub enum StoredWeights {
    /// A published file.
    Published(&'static Published),
    /// A file that a script converts.
    Converted(&'static Converted),
}

impl StoredWeights {
    /// The path of the file.
    ///
    /// # Errors
    /// When it does not exist; the text says how to get it.
    pub fn find(self) -> Result<PathBuf, UsageError> {
        match self {
            Self::Published(published) => published.find(),
            Self::Converted(converted) => converted.find(),
        }
    }
}

impl Known {
    /// Reports if the network is untrained: its numbers are no measure of quality.
    #[must_use]
    pub const fn is_untrained(&self) -> bool {
        self.stored.is_none()
    }

    /// Reports if the protocol defines size and scale of its input; other networks define their
    /// own.
    #[must_use]
    pub fn is_inception(&self) -> bool {
        [&INCEPTION, &KERAS_INCEPTION, &RANDOM].contains(&self)
    }

    /// Loads the weights of a file onto `device`, which must be without autodiff.
    ///
    /// # Errors
    /// When the file does not contain exactly the network's weights.
    pub fn load(
        &self,
        weights: &Path,
        device: &Device,
    ) -> Result<Box<dyn FeatureNetwork>, WeightsError> {
        (self.load)(weights, device)
    }

    /// Draws an untrained network, the same for the same seed.
    #[must_use]
    pub fn draw(&self, seed: u64, device: &Device) -> Box<dyn FeatureNetwork> {
        (self.draw)(seed, device)
    }
}

// The layers are those of torch-fidelity's `get_default_feature_layer_for_metric`, including its
// Inception Score over VGG16 and DINOv2.

/// The FID InceptionV3.
pub static INCEPTION: Known = Known {
    name: Variant::Fid.name(),
    about: "InceptionV3 of 2015-12-05, the network of FID, KID and IS",
    side: 299,
    scale: Scale::By128,
    score_layer: Some(LOGITS_UNBIASED),
    layer: POOL_2048,
    layers: Variant::Fid.layers(),
    stored: Some(StoredWeights::Published(&published::INCEPTION)),
    load: |path, device| Ok(Box::new(Inception::load(path, device)?)),
    draw: |seed, device| Box::new(Inception::random(seed, device)),
};

/// Keras' InceptionV3.
pub static KERAS_INCEPTION: Known = Known {
    name: Variant::Keras.name(),
    about: "Keras' InceptionV3 for ImageNet without its classifier, used by the Keras example gan_ada",
    side: 75,
    scale: Scale::By127,
    score_layer: None,
    layer: POOL_2048,
    layers: Variant::Keras.layers(),
    stored: Some(StoredWeights::Converted(&published::KERAS_INCEPTION)),
    load: |path, device| Ok(Box::new(Inception::load_variant(Variant::Keras, path, device)?)),
    draw: |seed, device| Box::new(Inception::random_variant(Variant::Keras, seed, device)),
};

/// torchvision's VGG16.
pub static VGG16: Known = Known {
    name: vgg16::NAME,
    about: "torchvision's VGG16, torch-fidelity's default for precision and recall",
    side: vgg16::SIDE,
    scale: Scale::ImageNet,
    score_layer: Some(vgg16::FC2_RELU),
    layer: vgg16::FC2_RELU,
    layers: &vgg16::LAYERS,
    stored: Some(StoredWeights::Published(&published::VGG16)),
    load: |path, device| Ok(Box::new(Vgg16::load(path, device)?)),
    draw: |seed, device| Box::new(Vgg16::random(seed, device)),
};

static DINOV2_S: Known = Known {
    name: Size::Small.name(),
    about: "DINOv2 ViT-S/14",
    side: dinov2::SIDE,
    scale: Scale::ImageNet,
    score_layer: Some(Size::Small.layer()),
    layer: Size::Small.layer(),
    layers: &[Size::Small.layer()],
    stored: Some(StoredWeights::Published(&published::DINOV2_VIT_S_14)),
    load: |path, device| Ok(Box::new(DinoV2::load(Size::Small, path, device)?)),
    draw: |seed, device| Box::new(DinoV2::random(Size::Small, seed, device)),
};

static DINOV2_B: Known = Known {
    name: Size::Base.name(),
    about: "DINOv2 ViT-B/14",
    layer: Size::Base.layer(),
    layers: &[Size::Base.layer()],
    score_layer: Some(Size::Base.layer()),
    side: dinov2::SIDE,
    scale: Scale::ImageNet,
    stored: Some(StoredWeights::Published(&published::DINOV2_VIT_B_14)),
    load: |path, device| Ok(Box::new(DinoV2::load(Size::Base, path, device)?)),
    draw: |seed, device| Box::new(DinoV2::random(Size::Base, seed, device)),
};

static RANDOM: Known = Known {
    name: "random",
    about: "the FID InceptionV3 untrained: for smoke tests, no measure of quality",
    side: 299,
    scale: Scale::By128,
    score_layer: Some(LOGITS_UNBIASED),
    layer: POOL_2048,
    layers: Variant::Fid.layers(),
    stored: None,
    load: |path, device| Ok(Box::new(Inception::load(path, device)?)),
    draw: |seed, device| Box::new(Inception::random(seed, device)),
};

/// Every network.
pub static NETWORKS: [&Known; 6] =
    [&INCEPTION, &KERAS_INCEPTION, &VGG16, &DINOV2_S, &DINOV2_B, &RANDOM];

/// The network with this name.
///
/// # Errors
/// When there is none; the text lists all names.
pub fn find(name: &str) -> Result<&'static Known, UsageError> {
    let names = || NETWORKS.map(|known| known.name).join(", ");
    NETWORKS
        .into_iter()
        .find(|known| known.name == name)
        .ok_or_else(|| UsageError(format!("unknown network {name}: expected one of {}", names())))
}
