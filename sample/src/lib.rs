//! run → pictures that people look at. A picture follows from its seed alone: the same one at any batch size, beside any
//! others, in every run of the program on the CPU.
//!
//! | module | holds |
//! |---|---|
//! | [`args`] | flags → what each command is asked for |
//! | [`foreign`] | flags of other programs, with ours |
//! | [`source`] | the run, the checkpoint, how latent vectors are drawn |
//! | [`seeds`] | `0-63,100` → the seeds meant |
//! | [`choice`], [`given`] | seeds, or latent vectors from a file |
//! | [`grid`] | pictures side by side |
//! | [`images`], [`collection`] | many pictures in a folder or zip, resumable |
//! | [`compare`] | beside real pictures |
//! | [`timelapse`] | the sheets of a run, one after the other |
//! | [`walk`], [`path`], [`morph`] | paths through latent space, moving or in a row |
//! | [`sheet`], [`directions`] | what the principal directions of latent space do |
//! | [`truncation`] | several thresholds below each other |
//! | [`latents`] | latent vectors as a file |
//! | [`layout`] | rows and columns with words |
//! | [`still`] | a picture as a file |
//! | [`output`] | where a file goes, and who writes it |
//! | [`animation`] | frames as a file |
//! | [`export`] | the generator as a file for other programs |
#![forbid(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod animation;
pub mod args;
pub mod choice;
pub mod collection;
pub mod compare;
pub mod directions;
pub mod export;
pub mod foreign;
pub mod given;
pub mod grid;
pub mod images;
pub mod latents;
pub mod layout;
pub mod morph;
pub mod output;
pub mod path;
pub mod seeds;
pub mod sheet;
pub mod source;
pub mod still;
pub mod timelapse;
pub mod truncation;
pub mod walk;
