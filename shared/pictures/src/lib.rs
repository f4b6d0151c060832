//! 8-bit pictures: bounded decoding, PNG encoding, grids, captions, the kernels of resampling.
//!
//! It is not responsible for applying kernels or for where pictures lie.
#![forbid(unsafe_code)]

mod bmp;
mod canvas;
mod caption;
mod error;
mod exif;
mod file;
mod format;
mod gif;
pub mod kernel;
pub mod plot;
mod png;
mod pnm;
mod tiff;
mod turn;
mod vp8;
mod webp;

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageResult};

pub use canvas::Canvas;
pub use error::{Limits, PictureError};
pub use file::PictureFile;
pub use fledge_jpeg::Window;

/// The name of a file's format, read or not, where its first bytes tell one.
#[must_use]
pub fn format_name(bytes: &[u8]) -> Option<&'static str> {
    format::name(bytes)
}

/// Whether a file begins like a picture of a format that is read.
#[must_use]
pub fn is_read(bytes: &[u8]) -> bool {
    format::of(bytes).is_ok()
}

/// A file that an encoder writes into memory.
type Encoded = Cursor<Vec<u8>>;

/// A picture: rows from the top, pixels from the left, `channels` bytes a pixel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bytes of one pixel: 1 grey, 3 RGB.
    pub channels: u32,
    /// `height` × `width` × `channels` bytes.
    pub pixels: Vec<u8>,
}

impl Picture {
    /// A picture of one grey value.
    #[must_use]
    pub fn filled(width: u32, height: u32, channels: u32, value: u8) -> Self {
        Self { width, height, channels, pixels: vec![value; width as usize * height as usize * channels as usize] }
    }

    /// Decodes a file to RGB, upright: the EXIF orientation is applied, grey is repeated, a palette looked up, 16 bits rounded
    /// to 8, transparency laid over white, CMYK converted. [`PictureFile`] does it in two steps, for a window of the picture.
    ///
    /// # Errors
    /// When the bytes are in no format that is read, are damaged or cut off, or would take more memory than `limits` allow. A
    /// picture that claims too much is refused before anything is allocated for it.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, PictureError> {
        file::decode(bytes, limits, &Canvas::default())
    }

    /// The same without regard to opacity: the colours that are stored with it.
    ///
    /// # Errors
    /// As [`Picture::decode`].
    pub fn decode_opaque(bytes: &[u8], limits: &Limits) -> Result<Self, PictureError> {
        file::decode(bytes, limits, &Canvas::OPAQUE)
    }

    /// Bytes of one row.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.width as usize * self.channels as usize
    }

    /// The picture as a PNG file: always the same bytes for the same pixels.
    ///
    /// # Errors
    /// When the picture has no pixels or a number of channels that PNG does not know.
    pub fn to_png(&self) -> Result<Vec<u8>, PictureError> {
        self.encode_png(CompressionType::Default)
    }

    /// The picture as a PNG file that is a third larger and takes a tenth of the time.
    ///
    /// # Errors
    /// When the picture has no pixels or a number of channels that PNG does not know.
    pub fn to_png_quickly(&self) -> Result<Vec<u8>, PictureError> {
        self.encode_png(CompressionType::Fast)
    }

    /// The picture as a JPEG file of `quality` 1 to 100, without opacity.
    ///
    /// # Errors
    /// When the picture has no pixels, a number of channels that JPEG does not know, or a side above 65,535.
    pub fn to_jpeg(&self, quality: u8) -> Result<Vec<u8>, PictureError> {
        self.encode(|p, color, file| {
            JpegEncoder::new_with_quality(file, quality).write_image(&p.pixels, p.width, p.height, color)
        })
    }

    /// The picture as a WebP file without loss.
    ///
    /// # Errors
    /// When the picture has no pixels, a number of channels that WebP does not know, or a side above 16,384.
    pub fn to_webp(&self) -> Result<Vec<u8>, PictureError> {
        self.encode(|p, color, file| WebPEncoder::new_lossless(file).write_image(&p.pixels, p.width, p.height, color))
    }

    fn encode_png(&self, compression: CompressionType) -> Result<Vec<u8>, PictureError> {
        self.encode(|p, color, file| {
            let encoder = PngEncoder::new_with_quality(file, compression, FilterType::Adaptive);
            encoder.write_image(&p.pixels, p.width, p.height, color)
        })
    }

    fn encode(
        &self,
        write: impl FnOnce(&Self, ExtendedColorType, &mut Encoded) -> ImageResult<()>,
    ) -> Result<Vec<u8>, PictureError> {
        let unsupported = |what: String| PictureError::Encode { width: self.width, height: self.height, what };
        let color = match self.channels {
            1 => ExtendedColorType::L8,
            2 => ExtendedColorType::La8,
            3 => ExtendedColorType::Rgb8,
            4 => ExtendedColorType::Rgba8,
            n => return Err(unsupported(format!("{n} channels"))),
        };
        if self.pixels.is_empty() || self.pixels.len() != self.stride() * self.height as usize {
            return Err(unsupported(format!("{} bytes of pixels", self.pixels.len())));
        }
        let mut file = Encoded::default();
        write(self, color, &mut file).map_err(|e| unsupported(e.to_string()))?;
        Ok(file.into_inner())
    }

    /// The pixels of a window, which lies within the picture.
    #[must_use]
    pub fn cut(&self, window: Window) -> Self {
        let n = self.channels as usize;
        let columns = window.left as usize * n..(window.left + window.width) as usize * n;
        let rows = self.pixels.chunks_exact(self.stride().max(1)).skip(window.top as usize).take(window.height as usize);
        let pixels = rows.flat_map(|row| &row[columns.clone()]).copied().collect();
        Self { width: window.width, height: window.height, channels: self.channels, pixels }
    }

    /// Copies `other` so that its upper left corner lies at (`x`, `y`); what sticks out is cut off. Grey is repeated into RGB.
    pub fn paste(&mut self, other: &Self, x: u32, y: u32) {
        let (n, from) = (self.channels as usize, other.channels as usize);
        let columns = other.width.min(self.width.saturating_sub(x)) as usize;
        let rows = other.height.min(self.height.saturating_sub(y)) as usize;
        let stride = self.stride();
        for row in 0..rows {
            let source = &other.pixels[row * other.stride()..][..columns * from];
            let target = &mut self.pixels[(y as usize + row) * stride + x as usize * n..][..columns * n];
            if n == from {
                target.copy_from_slice(source);
            } else {
                for (to, pixel) in target.chunks_exact_mut(n).zip(source.chunks_exact(from)) {
                    to.iter_mut().enumerate().for_each(|(c, v)| *v = pixel[c.min(from - 1)]);
                }
            }
        }
    }

    /// Each pixel as a square of `factor` × `factor`; pixel art stays sharp.
    #[must_use]
    pub fn enlarge(&self, factor: u32) -> Self {
        let (n, factor) = (self.channels as usize, factor.max(1));
        let mut pixels = Vec::with_capacity(self.pixels.len() * (factor * factor) as usize);
        for row in self.pixels.chunks_exact(self.stride().max(1)) {
            let start = pixels.len();
            row.chunks_exact(n).for_each(|pixel| (0..factor).for_each(|_| pixels.extend_from_slice(pixel)));
            let end = pixels.len();
            (1..factor).for_each(|_| pixels.extend_from_within(start..end));
        }
        Self { width: self.width * factor, height: self.height * factor, channels: self.channels, pixels }
    }

    /// Writes `text` (ASCII; other characters become boxes) with its upper left corner at (`x`, `y`), each dot of a letter
    /// `scale` pixels wide. Letters are [`CAPTION_HEIGHT`] dots high; what sticks out is cut off.
    pub fn draw_text(&mut self, text: &str, x: u32, y: u32, scale: u32, color: [u8; 3]) {
        caption::draw(self, text, x, y, scale, color);
    }
}

/// Dots from the top of a capital to the bottom of a `g`.
pub const CAPTION_HEIGHT: u32 = caption::HEIGHT;

/// How many dots wide `text` is when drawn by [`Picture::draw_text`] with scale 1.
#[must_use]
pub fn caption_width(text: &str) -> u32 {
    caption::width(text)
}

/// `text` if it is at most `dots` wide, else as many of its letters as fit with `..` behind them.
#[must_use]
pub fn caption_fitting(text: &str, dots: u32) -> String {
    if caption_width(text) <= dots {
        return text.to_owned();
    }
    let cut = |n: usize| text.chars().take(n).chain("..".chars()).collect::<String>();
    let count = (0..text.chars().count()).rev().find(|n| caption_width(&cut(*n)) <= dots);
    count.map_or_else(String::new, cut)
}

/// Lays pictures out in rows of `columns`, `padding` white pixels between and around them. The cells have the size of the
/// largest picture; the result is RGB if any picture is.
#[must_use]
pub fn grid(pictures: &[Picture], columns: usize, padding: u32) -> Picture {
    let largest = |side: fn(&Picture) -> u32| pictures.iter().map(side).max().unwrap_or(0);
    let (width, height) = (largest(|p| p.width), largest(|p| p.height));
    let columns = columns.clamp(1, pictures.len().max(1)) as u32;
    let rows = (pictures.len() as u32).div_ceil(columns);
    let (across, down) = (columns * (width + padding) + padding, rows * (height + padding) + padding);
    let mut sheet = Picture::filled(across, down, largest(|p| p.channels).max(1), 255);
    for (i, picture) in (0u32..).zip(pictures) {
        let (column, row) = (i % columns, i / columns);
        sheet.paste(picture, padding + column * (width + padding), padding + row * (height + padding));
    }
    sheet
}

#[cfg(test)]
mod tests;

/// The README's example is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
