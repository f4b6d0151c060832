//! BMP: all kinds that the crate `image` knows, decoded whole, the window cut out of it in place.

use std::io::Cursor;

use image::codecs::bmp::BmpDecoder;
use image::{ColorType, ImageDecoder};

use super::canvas::Layout;
use super::error::of_image;
use super::{Canvas, Picture, Window};

/// Palettes and a row.
const WORKING_BYTES: u64 = 64 << 10;

/// A BMP of which the header was read.
#[derive(Debug)]
pub(super) struct Bmp<'a> {
    bytes: &'a [u8],
    width: u32,
    height: u32,
    layout: Layout,
    profile: bool,
}

impl<'a> Bmp<'a> {
    /// Reads the headers and checks that the file holds what they claim.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, String> {
        let decoder = BmpDecoder::new(Cursor::new(bytes)).map_err(of_image)?;
        let (width, height) = decoder.dimensions();
        let layout = match decoder.color_type() {
            ColorType::Rgb8 => Layout::RGB,
            ColorType::Rgba8 => Layout::RGBA,
            _ => return Err("it has pixels of a kind that is not read".into()),
        };
        // The colour space of the headers of versions 4 and 5.
        let profile = matches!(bytes.get(70..74), Some(b"DEBM" | b"KNIL"))
            && matches!(bytes.get(14), Some(108 | 124));
        Ok(Self { bytes, width, height, layout, profile })
    }

    pub(super) fn width(&self) -> u32 {
        self.width
    }

    pub(super) fn height(&self) -> u32 {
        self.height
    }

    pub(super) fn has_profile(&self) -> bool {
        self.profile
    }

    /// Bytes that decoding takes: all pixels, and one stored row.
    pub(super) fn memory(&self) -> u64 {
        let row = 4 * u64::from(self.width);
        u64::from(self.width) * u64::from(self.height) * self.layout.bytes() as u64
            + row
            + WORKING_BYTES
    }

    /// The bytes that a file must hold for the pixels it claims. Runs of equal pixels may end
    /// wherever they like.
    fn check(&self) -> Result<(), String> {
        let word = |at: usize| {
            self.bytes.get(at..at + 4).map_or(0, |w| u32::from_le_bytes([w[0], w[1], w[2], w[3]]))
        };
        // The oldest header has 16-bit fields and neither runs nor masks.
        let (bits, compression) =
            if word(14) == 12 { (word(24) & 0xffff, 0) } else { (word(28) & 0xffff, word(30)) };
        if matches!(compression, 1 | 2) {
            return Ok(());
        }
        let claimed = u64::from(self.width) * u64::from(bits) / 8 * u64::from(self.height)
            + u64::from(word(10));
        if claimed > self.bytes.len() as u64 {
            return Err(format!(
                "its {}x{} pixels need {claimed} bytes, it has {}",
                self.width,
                self.height,
                self.bytes.len()
            ));
        }
        Ok(())
    }

    /// The pixels of `window`.
    pub(super) fn decode(&self, window: Window, canvas: &Canvas) -> Result<Picture, String> {
        self.check()?;
        let decoder = BmpDecoder::new(Cursor::new(self.bytes)).map_err(of_image)?;
        let mut pixels =
            vec![0; usize::try_from(decoder.total_bytes()).map_err(|error| error.to_string())?];
        decoder.read_image(&mut pixels).map_err(of_image)?;
        if self.layout == Layout::RGBA {
            fill_if_invisible(&mut pixels);
        }
        let pixels = canvas.cut(pixels, self.layout, self.width, window);
        Ok(Picture {
            width: window.width,
            height: window.height,
            channels: canvas.channels,
            pixels,
        })
    }
}

/// Makes a picture opaque that is nowhere visible: many programs announce opacity and leave its
/// bytes zero.
fn fill_if_invisible(rgba: &mut [u8]) {
    let (pixels, _) = rgba.as_chunks_mut::<4>();
    if pixels.iter().all(|pixel| pixel[3] == 0) {
        pixels.iter_mut().for_each(|pixel| pixel[3] = 255);
    }
}
