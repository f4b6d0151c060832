//! Pictures become a data set.
//! The library below the program `prep`, in the order of the work:
//!
//! | module | responsible for |
//! |---|---|
//! | [`cli`] | flags, and the validated options that they become |
//! | [`source`] | what a source holds: pictures, boxes, classes, splits |
//! | [`crop`] | the part of a picture that is cropped |
//! | [`pixels`] | everything done to pixels: scaling, bars, luma |
//! | [`filter`] | leaving out crops |
//! | [`pipeline`] | from sources to a data set |
//! | [`dataset`] | the data set's folder: its files, rejects, checking, exporting |
//! | [`sheets`] | sheets of pictures |
//! | [`synth`] | a small drawn source to try things out |
//! | [`memory`] | returning freed memory to the system |
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod cli;
pub mod crop;
pub mod dataset;
pub mod filter;
pub mod memory;
pub mod pipeline;
pub mod pixels;
pub mod sheets;
pub mod source;
pub mod synth;
