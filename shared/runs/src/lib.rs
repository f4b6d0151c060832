//! Run folders: who owns one, its checkpoints, its event files, and pictures of its generators.
//!
//! | module | holds |
//! |---|---|
//! | [`run`] | the run folder: its files, and the checkpoint that is taken |
//! | [`owner`] | the process that trains a run |
//! | [`checkpoint`] | one saved state, checked byte by byte |
//! | [`fit`] | the layers that a network takes over from another one's checkpoint |
//! | [`sampler`] | pictures from a generator, by seed |
//! | [`events`] | event files of TensorBoard |

pub mod checkpoint;
pub mod events;
pub mod fit;
pub mod owner;
pub mod run;
pub mod sampler;

/// The README's example is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
