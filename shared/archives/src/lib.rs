//! A folder, a zip file or a tar file (gzipped or not) read through one interface: sorted names,
//! bounded reads, from any number of threads, in any order.
//!
//! Names are bytes, relative to the top, with `/` between their parts (`\` if no name has a `/`);
//! parts that are `.` or empty are left out. Links are followed within a packed folder, so that an
//! archive holds the same files packed and unpacked. Nothing is ever written under a name from an
//! archive, so a name that points elsewhere is harmless. Data without random access, a gzipped tar
//! or a compressed file of many pictures, are unpacked once to an unnamed scratch file. The content
//! of the files is other modules' business.
//!
//! Besides, [`arrays`] finds pictures in NumPy arrays, [`npy`] reads and writes these,
//! [`zip_writer`] writes a zip, and [`stylegan`] has the names and labels that NVIDIA's trainers
//! read. [`pickle`] reads Python's pickles without running them, and [`torch`] the tensors of
//! PyTorch's files by it.
#![forbid(unsafe_code)]

mod archive;
pub mod arrays;
mod error;
mod folder;
mod kind;
mod links;
mod name;
pub mod npy;
mod passed_over;
pub mod pickle;
mod shared_file;
mod stamp;
pub mod stylegan;
mod tar;
#[cfg(test)]
mod tests;
pub mod torch;
mod unpack;
mod zip;
pub mod zip_writer;

pub use self::archive::Archive;
pub use self::error::ArchiveError;
pub use self::name::{Name, PICTURE_SUFFIXES, is_picture};
pub use self::passed_over::{PassedOver, Why};

/// The README's example is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
