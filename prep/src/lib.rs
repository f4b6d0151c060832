//! Pictures → data set. The library below the program `prep`.
//!
//! | module | holds |
//! |---|---|
//! | [`args`] | flags, and the validated options that they become |
//! | [`source`] | what people have their pictures in: which pictures, boxes, classes and splits a source has |
//! | [`crop`] | from a box to a window of whole pixels |
//! | [`drawn`] | from boxes as an annotation has them to boxes in the upright picture |
//! | [`resample`] | a window of a picture scaled, as TensorFlow and Pillow do it |
//! | [`policy`] | which parts of a picture are taken |
//! | [`filter`] | which cuts are left out |
//! | [`similar`] | near-duplicates |
//! | [`build`] | a source becomes a data set |
//! | [`reject`] | why a picture was left out |
//! | [`fingerprint`] | what a source contains, as one hash |
//! | [`verify`] | every byte of a data set checked |
//! | [`sheet`] | some pictures of a data set on one sheet |
//! | [`crops`] | pictures before and after |
//! | [`export`] | a data set as PNG files |
//! | [`synth`] | a small drawn source for trying things out |
//! | [`output`] | folders that are replaced only on request |
//! | [`memory`] | how the system keeps memory that was given back |

pub mod args;
pub mod build;
pub mod crop;
pub mod crops;
pub mod drawn;
pub mod export;
pub mod filter;
pub mod fingerprint;
pub mod memory;
pub mod output;
pub mod policy;
pub mod reject;
pub mod resample;
pub mod sheet;
pub mod similar;
pub mod source;
pub mod synth;
pub mod verify;
