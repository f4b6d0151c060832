//! A JPEG decoder that decodes a window of a picture, at the cost of little more than that window,
//! to exactly the pixels of libjpeg-turbo with its default settings, as Pillow and TensorFlow use
//! it.
//!
//! It reads 8-bit Huffman-coded files, sequential or progressive, with 1, 3 or 4 components and any
//! sampling factors. It accepts bytes between segments and a missing end marker, as libjpeg does. A
//! file that lacks data, or whose codes do not hold, is an error. [`Jpeg::memory`] bounds what
//! [`Jpeg::decode`] allocates, and a header that claims more blocks than its bytes can hold is
//! refused before anything is allocated for them.
//!
//! It neither turns the picture upright nor applies colour profiles: it hands out the EXIF block
//! and says whether there is a profile.
//!
//! ```no_run
//! use fledge_jpeg::{Jpeg, Window};
//!
//! let file = std::fs::read("bird.jpg")?;
//! let jpeg = Jpeg::open(&file)?;
//! let middle = Window { left: jpeg.width() / 4, top: jpeg.height() / 4, width: jpeg.width() / 2, height: jpeg.height() / 2 };
//! let picture = jpeg.decode(middle)?;
//! assert_eq!(picture.pixels.len() as u32, middle.width * middle.height * picture.channels);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bits;
mod color;
mod decode;
mod fault;
mod header;
mod huffman;
mod idct;
mod instructions;
mod pixels;
mod progressive;
mod runs;
mod scan;
mod skips;
mod upsample;
mod window;

use thiserror::Error;

use self::decode::Plan;
use self::header::Header;
use self::instructions::{Avx2, Baseline};

pub use self::pixels::Pixels;
pub use self::window::Window;

/// The reason why a file cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Error(String);

/// A JPEG file whose markers have been read.
#[derive(Debug)]
pub struct Jpeg<'a> {
    header: Header<'a>,
}

impl<'a> Jpeg<'a> {
    /// Walks the markers to the end of the image.
    ///
    /// # Errors
    /// If the file is cut off, is of an unsupported kind, or claims more blocks than its bytes can
    /// hold.
    pub fn open(bytes: &'a [u8]) -> Result<Self, Error> {
        Header::read(bytes).map(|header| Self { header }).map_err(Error)
    }

    /// Columns, as stored.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.header.frame.width
    }

    /// Rows, as stored.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.header.frame.height
    }

    /// 1, 3 or 4.
    #[must_use]
    pub fn components(&self) -> u32 {
        self.header.frame.components.len() as u32
    }

    /// The EXIF block, which has the format of a TIFF file and may give an orientation.
    #[must_use]
    pub fn exif(&self) -> Option<&'a [u8]> {
        self.header.exif
    }

    /// Returns true if an ICC profile is embedded.
    #[must_use]
    pub fn has_profile(&self) -> bool {
        self.header.profile
    }

    /// Peak allocation of decoding `window` in bytes, result included.
    #[must_use]
    pub fn memory(&self, window: Window) -> u64 {
        Plan::new(&self.header, window).memory(&self.header)
    }

    /// The pixels of `window`, which lies within the stored picture: one channel of a grey file,
    /// else RGB.
    ///
    /// # Errors
    /// If the window does not lie within the picture, or the part of the file that it needs is
    /// damaged.
    pub fn decode(&self, window: Window) -> Result<Pixels, Error> {
        let right = u64::from(window.left) + u64::from(window.width);
        let bottom = u64::from(window.top) + u64::from(window.height);
        if window.width == 0
            || window.height == 0
            || right > self.width().into()
            || bottom > self.height().into()
        {
            return Err(Error(format!(
                "{window:?} does not lie within its {}x{} pixels",
                self.width(),
                self.height()
            )));
        }
        let plan = Plan::new(&self.header, window);
        let decoded = match Avx2::find() {
            Some(avx2) => plan.decode_with_avx2(&self.header, avx2),
            None => plan.decode(&self.header, Baseline),
        };
        decoded.map_err(Error)
    }
}

#[cfg(test)]
mod tests;

/// The README's example is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
