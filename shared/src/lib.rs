//! Code shared by at least two stages of fledge. It depends on no stage.
//!
//! Six crates lie below, and their modules keep their names here: [`fledge_base`] (files, logs,
//! random streams, signals), [`fledge_pictures`] over `fledge_jpeg`, [`fledge_archives`],
//! [`fledge_data`] and, with the feature `nn`, `fledge_kernels` as `nn::ops`. A change in one of
//! them recompiles only its dependents.
//!
//! | module | holds |
//! |---|---|
//! | [`fs`] | the only place that writes files: whole or not at all |
//! | [`frame`] | length- and CRC-framed bincode records |
//! | [`sealed`] | JSON files with a CRC over every byte |
//! | [`jsonl`] | append-only logs, one JSON object a line, torn tails repaired |
//! | [`events`] | TensorBoard event files |
//! | [`shard`] | memory-mapped shards of fixed-size picture records |
//! | [`dataset`] | the manifest over the shards, and a reader for the data set |
//! | [`alloc`] | an allocator that reports failed allocations |
//! | [`archive`] | a folder, a zip or a tar file read through one interface |
//! | [`picture`] | 8-bit pictures: bounded decoding, encoding, grids, captions |
//! | [`plot`] | line charts as pictures |
//! | [`npy`] | numpy arrays |
//! | [`direction`] | the direction of a translation |
//! | [`protobuf`] | writing protocol buffer messages |
//! | [`table`] | rows of text as aligned columns |
//! | [`rng`] | counter-based random streams, `(seed, purpose, step)` |
//! | [`mt19937`] | numpy's legacy generator, for the draws of others |
//! | [`log`] | tracing, progress bars on a terminal, plain lines elsewhere |
//! | [`cli`] | the programs' command-line edge: errors as one line, exit codes |
//! | [`process`] | memory use of this process, and the memory left below its limit |
//! | [`signal`] | Ctrl-C and other signals as flags, polled between steps |
//! | [`threads`] | the number of compute threads, and fallbacks if the system allows fewer |
//! | [`clock`] | the time of day, as written to logs |
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
    alloc, clock, direction, frame, fs, jsonl, log, mt19937, process, protobuf, rng, sealed,
    signal, table, threads,
};
pub use fledge_data::{dataset, shard};
#[cfg(feature = "nn")]
pub use fledge_metrics as metrics;
pub use fledge_pictures as picture;
pub use fledge_pictures::plot;
#[cfg(feature = "nn")]
pub use fledge_runs::events;
