//! A picture's file in two steps: its header is read, and then, once its cost is agreed to, a
//! window of it decoded. A hostile file must cost neither memory nor time: what it claims is known
//! before a decoder allocates for it, and a panic of a decoder is an error of the file.

use std::panic::{AssertUnwindSafe, catch_unwind};

use fledge_jpeg::{Jpeg, Pixels};

use super::bmp::Bmp;
use super::error::damaged;
use super::format::{self, Format};
use super::gif::Gif;
use super::png::Png;
use super::pnm::Pnm;
use super::tiff::Tiff;
use super::turn::Turn;
use super::webp::Webp;
use super::{Canvas, Picture, PictureError, Window};

/// A picture's file of which the header was read and nothing decoded.
#[derive(Debug)]
pub struct PictureFile<'a> {
    kind: Kind<'a>,
    turn: Turn,
}

#[derive(Debug)]
enum Kind<'a> {
    Png(Png<'a>),
    Jpeg(Jpeg<'a>),
    Webp(Webp<'a>),
    Bmp(Bmp<'a>),
    Gif(Gif<'a>),
    Tiff(Tiff<'a>),
    Pnm(Pnm<'a>),
}

/// Runs a decoder; its panic is the file's fault.
fn guarded<T>(run: impl FnOnce() -> Result<T, PictureError>) -> Result<T, PictureError> {
    // AssertUnwindSafe: the closure only reads the file; whatever it built is lost with the panic.
    let outcome = catch_unwind(AssertUnwindSafe(run));
    outcome.unwrap_or_else(|_| Err(damaged("its data do not hold together, the decoder gave up")))
}

impl<'a> PictureFile<'a> {
    /// Tells the format by the first bytes and reads the header: extents, orientation, whether
    /// there is a colour profile.
    ///
    /// # Errors
    /// When the format is not read or the header is damaged.
    pub fn open(bytes: &'a [u8]) -> Result<Self, PictureError> {
        let format = format::of(bytes)?;
        let kind = guarded(|| {
            let kind = match format {
                Format::Png => Png::open(bytes).map(Kind::Png),
                Format::Jpeg => {
                    Jpeg::open(bytes).map(Kind::Jpeg).map_err(|error| error.to_string())
                }
                Format::Webp => Webp::open(bytes).map(Kind::Webp),
                Format::Bmp => Bmp::open(bytes).map(Kind::Bmp),
                Format::Gif => Gif::open(bytes).map(Kind::Gif),
                Format::Tiff => return Tiff::open(bytes).map(Kind::Tiff),
                Format::Pnm => Pnm::open(bytes).map(Kind::Pnm),
            };
            kind.map_err(damaged)
        })?;
        let turn = match &kind {
            Kind::Png(png) => png.turn(),
            Kind::Jpeg(jpeg) => jpeg.exif().map(Turn::of_exif).unwrap_or_default(),
            Kind::Webp(webp) => webp.turn(),
            Kind::Tiff(tiff) => tiff.turn(),
            Kind::Bmp(_) | Kind::Gif(_) | Kind::Pnm(_) => Turn::default(),
        };
        let file = Self { kind, turn };
        let (width, height) = file.stored_extents();
        if width == 0 || height == 0 {
            return Err(damaged(format!("it claims {width}x{height} pixels")));
        }
        Ok(file)
    }

    /// Columns and rows as they are stored, before the EXIF orientation is applied.
    #[must_use]
    pub fn stored_extents(&self) -> (u32, u32) {
        match &self.kind {
            Kind::Png(png) => (png.width(), png.height()),
            Kind::Jpeg(jpeg) => (jpeg.width(), jpeg.height()),
            Kind::Webp(webp) => (webp.width(), webp.height()),
            Kind::Bmp(bmp) => (bmp.width(), bmp.height()),
            Kind::Gif(gif) => (gif.width(), gif.height()),
            Kind::Tiff(tiff) => (tiff.width(), tiff.height()),
            Kind::Pnm(pnm) => (pnm.width(), pnm.height()),
        }
    }

    /// Maps a point of the stored picture, in pixels from its upper left corner, to the upright
    /// one.
    #[must_use]
    pub fn upright(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let (width, height) = self.stored_extents();
        self.turn.upright((x, y), (f64::from(width), f64::from(height)))
    }

    fn extents(&self) -> (u32, u32) {
        let (width, height) = self.stored_extents();
        self.turn.extents(width, height)
    }

    /// Columns of the upright picture: the EXIF orientation is applied.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.extents().0
    }

    /// Rows of the upright picture.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.extents().1
    }

    /// The window that is all of the upright picture.
    #[must_use]
    pub fn whole(&self) -> Window {
        Window::whole(self.width(), self.height())
    }

    /// Returns true if a colour profile (ICC) is embedded. It is not applied: samples are taken as
    /// sRGB.
    #[must_use]
    pub fn has_profile(&self) -> bool {
        match &self.kind {
            Kind::Png(png) => png.has_profile(),
            Kind::Jpeg(jpeg) => jpeg.has_profile(),
            Kind::Webp(webp) => webp.has_profile(),
            Kind::Bmp(bmp) => bmp.has_profile(),
            Kind::Gif(gif) => gif.has_profile(),
            Kind::Tiff(tiff) => tiff.has_profile(),
            Kind::Pnm(_) => false,
        }
    }

    /// Bytes that decoding `window` takes at its peak beside the file itself, the result included.
    #[must_use]
    pub fn memory(&self, window: Window) -> u64 {
        let (width, height) = self.stored_extents();
        let pixels = u64::from(window.width) * u64::from(window.height);
        let stored = self.turn.stored(window, width, height);
        let decoding = match &self.kind {
            Kind::Png(png) => png.memory(stored),
            // Grey is repeated when it is decoded.
            Kind::Jpeg(jpeg) => {
                jpeg.memory(stored).max(pixels * if jpeg.components() == 1 { 4 } else { 3 })
            }
            Kind::Webp(webp) => webp.memory(),
            Kind::Bmp(bmp) => bmp.memory(),
            Kind::Gif(gif) => gif.memory(stored),
            Kind::Tiff(tiff) => tiff.memory(stored),
            Kind::Pnm(pnm) => pnm.memory(),
        };
        // What is turned is copied.
        if self.turn.is_none() { decoding } else { decoding.max(6 * pixels) }
    }

    /// The pixels of `window` of the upright picture. Of an animation the first frame is taken.
    /// Samples of 16 bits are rounded to 8, a palette is looked up, CMYK converted, transparency
    /// laid over the background.
    ///
    /// # Errors
    /// When the file is damaged or cut off. What lies outside the window need not be looked at.
    ///
    /// # Panics
    /// When the window is empty or not within the picture, or the canvas has neither 1 nor 3
    /// channels.
    pub fn decode(&self, window: Window, canvas: &Canvas) -> Result<Picture, PictureError> {
        let ((width, height), (across, down)) = (self.stored_extents(), self.extents());
        let within = |first: u32, n: u32, all: u32| {
            n > 0 && first.checked_add(n).is_some_and(|end| end <= all)
        };
        let inside =
            within(window.left, window.width, across) && within(window.top, window.height, down);
        assert!(inside, "{window:?} does not lie within {across}x{down} pixels");
        assert!(
            matches!(canvas.channels, 1 | 3),
            "a picture of {} channels was asked for",
            canvas.channels
        );
        let stored = self.turn.stored(window, width, height);
        guarded(|| {
            let picture = match &self.kind {
                Kind::Tiff(tiff) => return Ok(self.turn.apply(tiff.decode(stored, canvas)?)),
                Kind::Png(png) => png.decode(stored, canvas),
                Kind::Jpeg(jpeg) => match jpeg.decode(stored) {
                    Ok(Pixels { width, height, channels, pixels }) => {
                        Ok(canvas.paint(Picture { width, height, channels, pixels }))
                    }
                    Err(error) => Err(error.to_string()),
                },
                Kind::Webp(webp) => webp.decode(stored, canvas),
                Kind::Bmp(bmp) => bmp.decode(stored, canvas),
                Kind::Gif(gif) => gif.decode(stored, canvas),
                Kind::Pnm(pnm) => pnm.decode(stored, canvas),
            };
            Ok(self.turn.apply(picture.map_err(damaged)?))
        })
    }
}
