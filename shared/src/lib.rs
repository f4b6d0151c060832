//! What two stages of fledge need, and nothing that only one needs. It knows no stage.
//!
//! Six crates lie below, and their modules keep their names here: [`fledge_base`] (files, logs,
//! random streams, signals), [`fledge_pictures`] over `fledge_jpeg`, [`fledge_archives`],
//! [`fledge_data`] and, with the feature `nn`, `fledge_kernels` as `nn::ops`. A change in one of
//! them compiles only those again that stand on it.
//!
//! | module | holds |
//! |---|---|
//! | [`fs`] | the only place that writes files: whole or not at all |
//! | [`frame`] | length- and CRC-framed bincode records |
//! | [`sealed`] | JSON files that carry the CRC of every one of their bytes |
//! | [`jsonl`] | append-only logs, one JSON object a line, torn tails repaired |
//! | [`events`] | event files of TensorBoard |
//! | [`shard`] | fixed-size picture records that are memory-mapped |
//! | [`dataset`] | the manifest over the shards, and a reader of the whole |
//! | [`alloc`] | an allocator that tells of an allocation that fails |
//! | [`archive`] | a folder, a zip or a tar file read through one interface |
//! | [`picture`] | 8-bit pictures: bounded decoding, encoding, grids, captions |
//! | [`plot`] | line charts as pictures |
//! | [`npy`] | arrays of numpy |
//! | [`protobuf`] | messages of protocol buffers, written |
//! | [`table`] | rows of text as aligned columns |
//! | [`rng`] | counter-based random streams, `(seed, purpose, step)` |
//! | [`log`] | tracing, progress bars on a terminal, plain lines elsewhere |
//! | [`cli`] | what all four programs share at their edge: errors as one line, exit codes |
//! | [`process`] | the memory of this process, and what it may still take by the limit that holds |
//! | [`signal`] | Ctrl-C and other signals as flags between two steps |
//! | [`threads`] | how many threads compute, and what is done where there are fewer |
//! | [`clock`] | the time of day, as logs note it |
#![cfg_attr(
    feature = "nn",
    doc = "| [`nn`] | operations, layers, networks, augmentation, devices, run folders, checkpoints |"
)]
#![cfg_attr(
    feature = "faults",
    doc = "| [`testing`] | what tests of all programs need: patience, signals, programs of text |"
)]
#![cfg_attr(
    feature = "nn",
    doc = "| [`metrics`] | Inception features, KID, FID, and the protocols they are computed under |"
)]
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod cli;
#[cfg(feature = "nn")]
pub mod nn;

pub use fledge_archives as archive;
pub use fledge_archives::npy;
#[cfg(feature = "faults")]
pub use fledge_base::testing;
pub use fledge_base::{
    alloc, clock, frame, fs, jsonl, log, process, protobuf, rng, sealed, signal, table, threads,
};
pub use fledge_data::{dataset, shard};
#[cfg(feature = "nn")]
pub use fledge_metrics as metrics;
pub use fledge_pictures as picture;
pub use fledge_pictures::plot;
#[cfg(feature = "nn")]
pub use fledge_runs::events;
