//! Networks that give features, by name, and the similarity that PPL is made of.
//!
//! | module | holds |
//! |---|---|
//! | [`vgg16`] | VGG16, its classifier's second layer |
//! | [`dinov2`] | DINOv2 ViT-S/14 and ViT-B/14, the class token |
//! | [`squeezenet`] | SqueezeNet 1.1, for [`lpips`] alone |
//! | [`lpips`] | how different two pictures look |
//!
//! The InceptionV3 is in [`shared::metrics::inception`], because `train` measures KID with it. This module is not responsible for
//! where weights are kept or come from.

pub mod dinov2;
mod layers;
pub mod lpips;
mod parameters;
mod positions;
pub mod squeezenet;
pub mod vgg16;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use shared::cli::UsageError;
use shared::metrics::inception::{Inception, LOGITS_UNBIASED, POOL_2048, Variant};
use shared::metrics::network::{FeatureNetwork, Layer};
use shared::metrics::resize::Scale;
use shared::metrics::state_dict::WeightsError;
use shared::metrics::weights::{self, Converted, Published};

use self::dinov2::{DinoV2, Size};
use self::vgg16::Vgg16;

type Loaded = Result<Box<dyn FeatureNetwork>, WeightsError>;

/// What is known of a network before its weights are read.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// The name that users say; torch-fidelity's where it has the network.
    pub name: &'static str,
    /// One line for tables.
    pub about: &'static str,
    /// Side of its square input in pixels.
    pub side: usize,
    /// How levels become its input.
    pub scale: Scale,
    /// Where the Inception Score is taken unless told otherwise; none where there are no classes.
    pub score_layer: Option<Layer>,
    /// Where every other metric is taken unless told otherwise.
    pub layer: Layer,
    /// Every layer.
    pub layers: &'static [Layer],
    /// Where its weights are kept; none where it is always drawn.
    pub kept: Option<Kept>,
    load: fn(&Path, &Device) -> Loaded,
    draw: fn(u64, &Device) -> Box<dyn FeatureNetwork>,
}

/// Where a network's weights are kept.
#[derive(Clone, Copy, Debug)]
pub enum Kept {
    /// In a file that somebody published.
    Published(&'static Published),
    /// In a file that a script converts.
    Converted(&'static Converted),
}

impl Kept {
    /// The kept file.
    ///
    /// # Errors
    /// When it is not there: the text says how to get it.
    pub fn find(self) -> Result<PathBuf, UsageError> {
        match self {
            Self::Published(published) => published.find(),
            Self::Converted(converted) => converted.find(),
        }
    }
}

impl Known {
    /// Whether it is untrained, so that its numbers are no measure of quality.
    #[must_use]
    pub const fn is_drawn(&self) -> bool {
        self.kept.is_none()
    }

    /// Whether a protocol says how its input is made; other networks say so themselves, but for the filter.
    #[must_use]
    pub fn is_inception(&self) -> bool {
        [INCEPTION.name, KERAS_INCEPTION.name, RANDOM.name].contains(&self.name)
    }

    /// With the weights of a file, on `device`, which must be without autodiff.
    ///
    /// # Errors
    /// When the file does not hold exactly its weights.
    pub fn load(&self, weights: &Path, device: &Device) -> Result<Box<dyn FeatureNetwork>, WeightsError> {
        (self.load)(weights, device)
    }

    /// Untrained, the same for the same seed.
    #[must_use]
    pub fn draw(&self, seed: u64, device: &Device) -> Box<dyn FeatureNetwork> {
        (self.draw)(seed, device)
    }
}

// Layers are those of torch-fidelity's `get_default_feature_layer_for_metric`; that VGG16 and DINOv2 give an Inception Score there is
// kept, for what it is worth.

/// The FID InceptionV3.
pub static INCEPTION: Known = Known {
    name: Variant::Fid.name(),
    about: "InceptionV3 of 2015-12-05, that of FID, KID and IS",
    side: 299,
    scale: Scale::By128,
    score_layer: Some(LOGITS_UNBIASED),
    layer: POOL_2048,
    layers: Variant::Fid.layers(),
    kept: Some(Kept::Published(&weights::INCEPTION)),
    load: |path, device| Ok(Box::new(Inception::load(path, device)?)),
    draw: |seed, device| Box::new(Inception::random(seed, device)),
};

/// Keras' InceptionV3.
pub static KERAS_INCEPTION: Known = Known {
    name: Variant::Keras.name(),
    about: "Keras' InceptionV3 for ImageNet without its classifier, that of the Keras example gan_ada",
    side: 75,
    scale: Scale::By127,
    score_layer: None,
    layer: POOL_2048,
    layers: Variant::Keras.layers(),
    kept: Some(Kept::Converted(&weights::KERAS_INCEPTION)),
    load: |path, device| Ok(Box::new(Inception::load_variant(Variant::Keras, path, device)?)),
    draw: |seed, device| Box::new(Inception::random_variant(Variant::Keras, seed, device)),
};

/// torchvision's VGG16.
pub static VGG16: Known = Known {
    name: vgg16::NAME,
    about: "torchvision's VGG16, torch-fidelity's choice for precision and recall",
    side: vgg16::SIDE,
    scale: Scale::ImageNet,
    score_layer: Some(vgg16::FC2_RELU),
    layer: vgg16::FC2_RELU,
    layers: &vgg16::LAYERS,
    kept: Some(Kept::Published(&weights::VGG16)),
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
    kept: Some(Kept::Published(&weights::DINOV2_VIT_S_14)),
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
    kept: Some(Kept::Published(&weights::DINOV2_VIT_B_14)),
    load: |path, device| Ok(Box::new(DinoV2::load(Size::Base, path, device)?)),
    draw: |seed, device| Box::new(DinoV2::random(Size::Base, seed, device)),
};

static RANDOM: Known = Known {
    name: "random",
    about: "the FID InceptionV3 untrained: for smoke runs, no measure of quality",
    side: 299,
    scale: Scale::By128,
    score_layer: Some(LOGITS_UNBIASED),
    layer: POOL_2048,
    layers: Variant::Fid.layers(),
    kept: None,
    load: |path, device| Ok(Box::new(Inception::load(path, device)?)),
    draw: |seed, device| Box::new(Inception::random(seed, device)),
};

/// Every network.
pub static NETWORKS: [&Known; 6] = [&INCEPTION, &KERAS_INCEPTION, &VGG16, &DINOV2_S, &DINOV2_B, &RANDOM];

/// The network of this name.
///
/// # Errors
/// When there is none: the text has all names.
pub fn find(name: &str) -> Result<&'static Known, UsageError> {
    let names = || NETWORKS.map(|known| known.name).join(", ");
    NETWORKS
        .into_iter()
        .find(|known| known.name == name)
        .ok_or_else(|| UsageError(format!("no network is called {name}: expected one of {}", names())))
}
