//! The data set's folder: its files, the pictures left out of it, checking and exporting it.
//!
//! The formats themselves are `shared::dataset` and `shared::shard`; what goes into a data set is
//! decided in [`crate::pipeline`].

pub mod export;
pub mod files;
pub mod fingerprint;
pub mod folder;
pub mod rejects;
pub mod split_writer;
pub mod verify;
