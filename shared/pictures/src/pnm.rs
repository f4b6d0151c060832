//! PNM: the portable bitmaps, greymaps and pixmaps of Netpbm, as text or binary, and PAM; decoded
//! whole by the crate `image`.

use std::io::Cursor;

use image::codecs::pnm::PnmDecoder;
use image::{ColorType, ImageDecoder};

use super::canvas::Layout;
use super::error::of_image;
use super::{Canvas, Picture, Window};

/// The header, and buffers.
const WORKING_BYTES: u64 = 64 << 10;

/// A PNM of which the header was read.
#[derive(Debug)]
pub(super) struct Pnm<'a> {
    bytes: &'a [u8],
    width: u32,
    height: u32,
    layout: Layout,
}

impl<'a> Pnm<'a> {
    /// Reads the header.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, String> {
        let decoder = PnmDecoder::new(Cursor::new(bytes)).map_err(of_image)?;
        let (width, height) = decoder.dimensions();
        let layout = |samples, wide| Layout { samples, wide };
        let layout = match decoder.color_type() {
            ColorType::L8 => layout(1, false),
            ColorType::La8 => layout(2, false),
            ColorType::Rgb8 => layout(3, false),
            ColorType::Rgba8 => layout(4, false),
            ColorType::L16 => layout(1, true),
            ColorType::La16 => layout(2, true),
            ColorType::Rgb16 => layout(3, true),
            ColorType::Rgba16 => layout(4, true),
            _ => return Err("it has samples of a kind that is not read".into()),
        };
        Ok(Self { bytes, width, height, layout })
    }

    pub(super) fn width(&self) -> u32 {
        self.width
    }

    pub(super) fn height(&self) -> u32 {
        self.height
    }

    fn pixel_count(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Bytes that decoding takes: all samples, and all pixels in colour.
    pub(super) fn memory(&self) -> u64 {
        self.pixel_count()
            .saturating_mul(self.layout.bytes() as u64 + 3)
            .saturating_add(WORKING_BYTES)
    }

    /// The pixels of `window`.
    pub(super) fn decode(&self, window: Window, canvas: &Canvas) -> Result<Picture, String> {
        // Eight pixels of a bitmap are the most that a byte holds.
        if self.pixel_count() > 8 * self.bytes.len() as u64 {
            return Err(format!(
                "it claims {}x{} pixels, which its bytes cannot hold",
                self.width, self.height
            ));
        }
        let decoder = PnmDecoder::new(Cursor::new(self.bytes)).map_err(of_image)?;
        let mut samples =
            vec![0; usize::try_from(decoder.total_bytes()).map_err(|_| "it is too large")?];
        decoder.read_image(&mut samples).map_err(of_image)?;
        if self.layout.wide {
            samples
                .as_chunks_mut()
                .0
                .iter_mut()
                .for_each(|pair| *pair = u16::from_ne_bytes(*pair).to_be_bytes());
        }
        Ok(canvas.window(&samples, self.layout, self.width, window))
    }
}
