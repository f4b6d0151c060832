//! Data sets, as `prep` writes them and all programs read them: pictures as fixed-size records in
//! memory-mapped shards, and the manifest over them.
//!
//! | module | holds |
//! |---|---|
//! | [`shard`] | fixed-size picture records that are memory-mapped |
//! | [`dataset`] | the manifest over the shards, the account of the source, and a reader of the whole |

pub mod dataset;
pub mod shard;

/// The README's example is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
