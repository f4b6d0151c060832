//! What two stages of fledge need, and nothing that only one needs. It knows no stage.
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
//! | [`signal`] | Ctrl-C and SIGTERM as a flag between two steps |
//! | [`clock`] | the time of day, as logs note it |
#![cfg_attr(feature = "nn", doc = "| [`nn`] | operations, layers, networks, augmentation, devices, run folders, checkpoints |")]
#![cfg_attr(feature = "faults", doc = "| [`testing`] | what tests of all programs need: patience, signals, programs of text |")]
#![cfg_attr(feature = "nn", doc = "| [`metrics`] | Inception features, KID, FID, and the protocols they are computed under |")]

pub mod alloc;
pub mod archive;
pub mod cli;
pub mod clock;
pub mod dataset;
pub mod events;
pub mod frame;
pub mod fs;
pub mod jsonl;
pub mod log;
#[cfg(feature = "nn")]
pub mod metrics;
#[cfg(feature = "nn")]
pub mod nn;
pub mod npy;
pub mod picture;
pub mod plot;
pub mod process;
pub mod protobuf;
pub mod rng;
pub mod sealed;
pub mod shard;
pub mod signal;
pub mod table;
#[cfg(feature = "faults")]
pub mod testing;
