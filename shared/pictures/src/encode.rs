//! Pictures as files.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageResult};

use super::{Picture, PictureError};

/// A file that an encoder writes into memory.
type Encoded = Cursor<Vec<u8>>;

impl Picture {
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
    /// When the picture has no pixels, a number of channels that JPEG does not know, or a side
    /// above 65,535.
    pub fn to_jpeg(&self, quality: u8) -> Result<Vec<u8>, PictureError> {
        self.encode(|p, color, file| {
            JpegEncoder::new_with_quality(file, quality)
                .write_image(&p.pixels, p.width, p.height, color)
        })
    }

    /// The picture as a WebP file without loss.
    ///
    /// # Errors
    /// When the picture has no pixels, a number of channels that WebP does not know, or a side
    /// above 16,384.
    pub fn to_webp(&self) -> Result<Vec<u8>, PictureError> {
        self.encode(|p, color, file| {
            WebPEncoder::new_lossless(file).write_image(&p.pixels, p.width, p.height, color)
        })
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
        let unsupported =
            |what: String| PictureError::Encode { width: self.width, height: self.height, what };
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
}
