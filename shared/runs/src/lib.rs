//! Run folders: ownership, checkpoints, event files, and pictures from a run's generators.
//!
//! | module | holds |
//! |---|---|
//! | [`run`] | the run folder: its files, and the choice of a checkpoint |
//! | [`owner`] | the lock of the process that trains a run |
//! | [`checkpoint`] | one saved state, verified byte by byte |
//! | [`foreign`] | the networks of other programs, opened like a checkpoint |
//! | [`fit`] | initialising a network from another run's checkpoint |
//! | [`sampler`] | pictures from a generator, by seed |
//! | [`events`] | TensorBoard event files |

pub mod checkpoint;
pub mod events;
pub mod fit;
pub mod foreign;
pub mod owner;
pub mod run;
pub mod sampler;

/// The README's example is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
