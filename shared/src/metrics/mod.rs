//! Inception features, KID, FID, IS, and the protocols they are computed under.
//!
//! | module | holds |
//! |---|---|
//! | [`protocol`] | which resize, tap and estimator a published number was computed with, by name |
//! | [`inception`] | the FID InceptionV3 (2015-12-05) with its taps, from a state dict or drawn |
//! | [`weights`] | where the published weights are kept, and their checksum |
//! | [`resize`] | bilinear resizing exactly as TensorFlow 1 and Keras do it |
//! | [`source`] | where pictures come from, one batch after the other |
//! | [`extract`] | pictures → features, decoding ahead of the network |
//! | [`cache`] | features on disk, keyed by content |
//! | [`features`] | one row of numbers a picture |
//! | [`kid`], [`fid`], [`isc`] | features → numbers |
//! | [`mt19937`] | numpy's legacy generator, whose draws decide the KID subsets |
//! | [`nearest`] | the pictures of a split that are nearest to a picture |
//!
//! It is not responsible for finding pictures on disk or for printing results: the program `evaluate` is.

pub mod cache;
pub mod extract;
pub mod features;
pub mod fid;
pub mod inception;
pub mod isc;
pub mod kid;
pub mod mt19937;
pub mod nearest;
pub mod protocol;
pub mod resize;
pub mod source;
pub mod weights;
