//! Pictures → data set. The library below the program `prep`.
//!
//! | module | holds |
//! |---|---|
//! | [`args`] | flags, and the validated options that they become |
//! | [`cub`] | the layout of Caltech-UCSD Birds: which pictures, boxes, classes and splits a source has |
//! | [`crop`] | from a box to a window of whole pixels |
//! | [`area`] | area resampling as TensorFlow does it |
//! | [`build`] | a source becomes a data set |
//! | [`reject`] | why a picture was left out |
//! | [`fingerprint`] | what a source contains, as one hash |
//! | [`verify`] | every byte of a data set checked |
//! | [`sheet`] | some pictures of a data set on one sheet |
//! | [`export`] | a data set as PNG files |
//! | [`synth`] | a small drawn source for trying things out |
//! | [`output`] | folders that are replaced only on request |

pub mod area;
pub mod args;
pub mod build;
pub mod crop;
pub mod cub;
pub mod export;
pub mod fingerprint;
pub mod output;
pub mod reject;
pub mod sheet;
pub mod synth;
pub mod verify;
