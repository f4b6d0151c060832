//! 8-bit pictures: bounded decoding, PNG encoding, grids, captions, the kernels of resampling.
//!
//! It is not responsible for applying kernels or for where pictures lie.
#![forbid(unsafe_code)]

mod bmp;
mod canvas;
mod caption;
mod decode;
mod encode;
mod error;
mod exif;
mod file;
mod format;
mod gif;
mod grid;
pub mod kernel;
mod picture;
pub mod plot;
mod png;
mod pnm;
#[cfg(test)]
mod tests;
mod tiff;
mod turn;
mod vp8;
mod webp;

pub use self::canvas::Canvas;
pub use self::caption::{CAPTION_HEIGHT, caption_fitting, caption_width};
pub use self::error::{Limits, PictureError};
pub use self::file::PictureFile;
pub use self::format::{format_name, is_read};
pub use self::grid::grid;
pub use self::picture::Picture;
pub use fledge_jpeg::Window;

/// The README's example is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
