//! Run → pictures for people. A seed's picture is always the same: at any batch size, beside any
//! others, in every run of the program on the CPU.
//!
//! | module | holds |
//! |---|---|
//! | [`args`] | the command line |
//! | [`export`] | the generator as a file for other programs |
//! | [`translation`] | pictures into pictures, of any size |
//! | [`collections`] | many pictures in a folder or zip, resumable |
//! | [`projection`] | the styles and noise with which a generator makes a given picture |
//! | [`animations`] | frames as an animation: walks and time-lapses |
//! | [`stills`] | pictures side by side as one picture |
//! | [`latents`] | latent vectors: by seed, from a file, along paths and directions |
//! | [`source`] | the run, its checkpoint, and how latent vectors are drawn |
//! | [`output`] | checking, locking and reporting an output file |
//!
//! Each depends only on those below it in this table.
#![forbid(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod animations;
pub mod args;
pub mod collections;
pub mod export;
pub mod latents;
pub mod output;
pub mod projection;
pub mod source;
pub mod stills;
pub mod translation;
