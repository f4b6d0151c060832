//! Features of pictures, and KID, which `train` also measures. All other metrics are in `evaluate`.
//!
//! | module | holds |
//! |---|---|
//! | [`network`] | the trait of networks that give features |
//! | [`vgg16`], [`squeezenet`] | networks of torchvision, whole or in slices |
//! | [`lpips`] | the perceptual distance of two pictures |
//! | [`layers`], [`parameters`] | what these networks, and those of `evaluate`, are made of |
//! | [`inception`] | the FID InceptionV3 (2015-12-05) with its layers, from a state dict or drawn |
//! | [`state_dict`] | named tensors of a `.pth` or safetensors file |
//! | [`weights`] | the published weights, their paths and checksums |
//! | [`resize`] | resizing to a network's input, bit-exact to the references |
//! | [`source`], [`halves`] | sources of pictures, read in batches; one side of pairs |
//! | [`extract`] | pictures → features, decoding ahead of the network |
//! | [`cache`] | features on disk, keyed by content |
//! | [`features`] | one row of numbers per picture |
//! | [`kid`] | features → KID |
//! | [`direction`] | whether lower or higher is better, by metric |
//! | [`nearest`] | a picture's nearest neighbours in a split |
//!
//! Finding pictures on disk and printing results is the business of the program `evaluate`.

pub mod cache;
pub mod direction;
pub mod extract;
pub mod features;
pub mod halves;
pub mod inception;
pub mod kid;
pub mod layers;
pub mod lpips;
pub mod nearest;
pub mod network;
pub mod parameters;
pub mod resize;
pub mod source;
pub mod squeezenet;
pub mod state_dict;
pub mod vgg16;
pub mod weights;

/// The README's example is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
