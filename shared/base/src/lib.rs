//! The foundation of fledge: files that are written whole or not at all, logs, random streams,
//! signals, threads, memory. It knows nothing of pictures, data sets or networks.
//!
//! | module | holds |
//! |---|---|
//! | [`fs`] | the only place that writes files: whole or not at all |
//! | [`frame`] | length- and CRC-framed bincode records |
//! | [`sealed`] | JSON files that carry the CRC of every one of their bytes |
//! | [`jsonl`] | append-only logs, one JSON object a line, torn tails repaired |
//! | [`rng`] | counter-based random streams, `(seed, purpose, step)` |
//! | [`mt19937`] | numpy's legacy generator, for the draws of others |
//! | [`log`] | tracing, progress bars on a terminal, plain lines elsewhere |
//! | [`cli`] | errors as one line, results on stdout, flags of other programs |
//! | [`direction`] | from A to B, or from B to A |
//! | [`protobuf`] | messages of protocol buffers, written |
//! | [`table`] | rows of text as aligned columns |
//! | [`process`] | the memory of this process, and how much more it may allocate |
//! | [`alloc`] | an allocator that tells of an allocation that fails |
//! | [`signal`] | Ctrl-C and other signals as flags between two steps |
//! | [`threads`] | the number of threads, and fallbacks if the system allows fewer |
//! | [`clock`] | the time of day, as logs note it |
#![cfg_attr(
    feature = "faults",
    doc = "| [`testing`] | what tests of all programs need: patience, signals, programs of text |"
)]
//!
//! ```
//! use fledge_base::{fs, rng};
//!
//! // The same number for the same seed, purpose and step, in any order.
//! let mut stream = rng::stream(7, "an example", 0);
//! let number = stream.below(1000);
//! assert_eq!(rng::stream(7, "an example", 0).below(1000), number);
//!
//! // A file is there whole or not at all.
//! let file = std::env::temp_dir().join(format!("fledge-example-{}", std::process::id()));
//! fs::write(&file, &number.to_le_bytes())?;
//! assert_eq!(fs::read(&file)?, number.to_le_bytes());
//! fs::remove(&file)?;
//! # Ok::<(), fs::FsError>(())
//! ```
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod alloc;
pub mod cli;
pub mod clock;
pub mod direction;
pub mod frame;
pub mod fs;
pub mod jsonl;
pub mod log;
pub mod mt19937;
pub mod process;
pub mod protobuf;
pub mod rng;
pub mod sealed;
pub mod signal;
mod stdout;
pub mod table;
#[cfg(feature = "faults")]
pub mod testing;
pub mod threads;

/// The README's example is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
