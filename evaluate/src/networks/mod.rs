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

use std::path::Path;

use burn::tensor::Device;
use shared::metrics::inception::{Inception, LOGITS_UNBIASED, POOL_2048, Variant};
use shared::metrics::network::{FeatureNetwork, Layer};
use shared::metrics::resize::Scale;
use shared::metrics::state_dict::WeightsError;
use thiserror::Error;

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
    load: Option<fn(&Path, &Device) -> Loaded>,
    draw: fn(u64, &Device) -> Box<dyn FeatureNetwork>,
}

/// Every network. Layers are those of torch-fidelity's `get_default_feature_layer_for_metric`; that VGG16 and DINOv2 give an
/// Inception Score there is kept, for what it is worth.
pub const NETWORKS: [Known; 6] = [
    Known {
        name: Variant::Fid.name(),
        about: "InceptionV3 of 2015-12-05, that of FID, KID and IS",
        side: 299,
        scale: Scale::By128,
        score_layer: Some(LOGITS_UNBIASED),
        layer: POOL_2048,
        load: Some(|path, device| Ok(Box::new(Inception::load(path, device)?))),
        draw: |seed, device| Box::new(Inception::random(seed, device)),
    },
    Known {
        name: Variant::Keras.name(),
        about: "Keras' InceptionV3 for ImageNet without its classifier, that of the Keras example gan_ada",
        side: 75,
        scale: Scale::By127,
        score_layer: None,
        layer: POOL_2048,
        load: Some(|path, device| Ok(Box::new(Inception::load_variant(Variant::Keras, path, device)?))),
        draw: |seed, device| Box::new(Inception::random_variant(Variant::Keras, seed, device)),
    },
    Known {
        name: vgg16::NAME,
        about: "torchvision's VGG16, torch-fidelity's choice for precision and recall",
        side: vgg16::SIDE,
        scale: Scale::ImageNet,
        score_layer: Some(vgg16::FC2_RELU),
        layer: vgg16::FC2_RELU,
        load: Some(|path, device| Ok(Box::new(Vgg16::load(path, device)?))),
        draw: |seed, device| Box::new(Vgg16::random(seed, device)),
    },
    Known {
        name: Size::Small.name(),
        about: "DINOv2 ViT-S/14",
        side: dinov2::SIDE,
        scale: Scale::ImageNet,
        score_layer: Some(Size::Small.layer()),
        layer: Size::Small.layer(),
        load: Some(|path, device| Ok(Box::new(DinoV2::load(Size::Small, path, device)?))),
        draw: |seed, device| Box::new(DinoV2::random(Size::Small, seed, device)),
    },
    Known {
        name: Size::Base.name(),
        about: "DINOv2 ViT-B/14",
        side: dinov2::SIDE,
        scale: Scale::ImageNet,
        score_layer: Some(Size::Base.layer()),
        layer: Size::Base.layer(),
        load: Some(|path, device| Ok(Box::new(DinoV2::load(Size::Base, path, device)?))),
        draw: |seed, device| Box::new(DinoV2::random(Size::Base, seed, device)),
    },
    Known {
        name: "random",
        about: "the FID InceptionV3 untrained: for smoke runs, no measure of quality",
        side: 299,
        scale: Scale::By128,
        score_layer: Some(LOGITS_UNBIASED),
        layer: POOL_2048,
        load: None,
        draw: |seed, device| Box::new(Inception::random(seed, device)),
    },
];

/// Why there is no network.
#[derive(Debug, Error)]
pub enum NetworkError {
    /// Nobody knows the name.
    #[error("no network is called {0}: expected one of {names}", names = names())]
    Unknown(String),
    /// It is always drawn.
    #[error("the network {0} has no weights to read: leave --weights out")]
    NoWeights(&'static str),
    /// The file does not hold its weights.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

fn names() -> String {
    NETWORKS.map(|known| known.name).join(", ")
}

/// The network of this name.
///
/// # Errors
/// When there is none: the text has all names.
pub fn find(name: &str) -> Result<&'static Known, NetworkError> {
    const { &NETWORKS }.iter().find(|known| known.name == name).ok_or_else(|| NetworkError::Unknown(name.to_owned()))
}

/// The network of this name with the weights of a file, on `device`, which must be without autodiff.
///
/// # Errors
/// When there is no such network, or the file does not hold exactly its weights.
pub fn load(name: &str, weights: &Path, device: &Device) -> Result<Box<dyn FeatureNetwork>, NetworkError> {
    let known = find(name)?;
    let load = known.load.ok_or(NetworkError::NoWeights(known.name))?;
    Ok(load(weights, device)?)
}

/// The network of this name untrained, the same for the same seed: for smoke runs, no measure of quality.
///
/// # Errors
/// When there is no such network.
pub fn random(name: &str, seed: u64, device: &Device) -> Result<Box<dyn FeatureNetwork>, NetworkError> {
    Ok((find(name)?.draw)(seed, device))
}
