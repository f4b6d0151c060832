//! Features of pictures, and KID, which `train` measures, too. Every other metric is in `evaluate`.
//!
//! | module | holds |
//! |---|---|
//! | [`network`] | what every network that gives features has in common |
//! | [`inception`] | the FID InceptionV3 (2015-12-05) with its layers, from a state dict or drawn |
//! | [`state_dict`] | named tensors of a `.pth` or safetensors file |
//! | [`weights`] | where the published weights are kept, and their checksum |
//! | [`resize`] | resizing to a network's input, exactly as the references do it |
//! | [`source`] | where pictures come from, one batch after the other |
//! | [`extract`] | pictures → features, decoding ahead of the network |
//! | [`cache`] | features on disk, keyed by content |
//! | [`features`] | one row of numbers a picture |
//! | [`kid`] | features → KID |
//! | [`direction`] | whether more or less of a metric is better |
//! | [`mt19937`] | numpy's legacy generator, whose draws decide the KID subsets |
//! | [`nearest`] | the pictures of a split that are nearest to a picture |
//!
//! It is not responsible for finding pictures on disk or for printing results: the program
//! `evaluate` is.

pub mod cache;
pub mod direction;
pub mod extract;
pub mod features;
pub mod inception;
pub mod kid;
pub mod mt19937;
pub mod nearest;
pub mod network;
pub mod resize;
pub mod source;
pub mod state_dict;
pub mod weights;

/// The README's example is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
