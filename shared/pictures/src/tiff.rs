//! TIFF: the first picture of a file, decoded whole by the crate `tiff`. Grey, RGB and CMYK of up
//! to 16 bits, with or without opacity, in strips or tiles, packed with LZW, Deflate, PackBits,
//! JPEG or the methods of fax machines. Palettes are refused by name: the crate has none.

use std::io::Cursor;

use tiff::decoder::{BufferLayoutPreference, Decoder, DecodingResult, Limits};
use tiff::tags::{PhotometricInterpretation, SampleFormat, Tag};
use tiff::{ColorType, TiffError};

use super::canvas::Layout;
use super::error::{damaged, of_io};
use super::turn::Turn;
use super::{Canvas, Picture, PictureError, Window, exif};

/// Tables of the decompression, tags, and a strip of few rows.
const WORKING_BYTES: u64 = 1 << 20;
/// Values of one tag, in bytes: places of a million strips.
const TAG_BYTES: usize = 8 << 20;

/// A TIFF of which the first directory was read.
#[derive(Debug)]
pub(super) struct Tiff<'a> {
    bytes: &'a [u8],
    width: u32,
    height: u32,
    color: ColorType,
    /// Bits of a sample, and how many samples a pixel has.
    bits: u8,
    samples: u64,
    profile: bool,
    turn: Turn,
}

fn text(error: TiffError) -> PictureError {
    damaged(match error {
        TiffError::IoError(error) => of_io(&error),
        TiffError::UnsupportedError(_) => return not_read("TIFF with such compression or colours"),
        TiffError::LimitsExceeded => "it claims more than it holds".into(),
        _ => "its data do not hold together".into(),
    })
}

fn not_read(format: &'static str) -> PictureError {
    PictureError::UnsupportedFormat { format }
}

impl<'a> Tiff<'a> {
    /// Reads the first directory.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, PictureError> {
        if exif::is_raw(bytes) {
            return Err(not_read("the raw format of a camera (DNG, NEF, ARW)"));
        }
        let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(text)?;
        let (width, height) = decoder.dimensions().map_err(text)?;
        let photometric: Option<u16> =
            decoder.find_tag_unsigned(Tag::PhotometricInterpretation).map_err(text)?;
        if photometric == Some(PhotometricInterpretation::RGBPalette as u16) {
            return Err(not_read("TIFF with a palette"));
        }
        let color = decoder.colortype().map_err(text)?;
        let formats: Option<Vec<u16>> =
            decoder.find_tag_unsigned_vec(Tag::SampleFormat).map_err(text)?;
        let unsigned = |&format: &u16| SampleFormat::from_u16(format) == Some(SampleFormat::Uint);
        if formats.is_some_and(|formats| !formats.iter().all(unsigned)) {
            return Err(not_read("TIFF with signed or floating-point samples"));
        }
        let (bits, samples) = match color {
            ColorType::Gray(bits @ (1 | 2 | 4 | 8 | 16)) => (bits, 1),
            ColorType::GrayA(bits @ (8 | 16)) => (bits, 2),
            ColorType::RGB(bits @ (8 | 16)) => (bits, 3),
            ColorType::RGBA(bits @ (8 | 16)) => (bits, 4),
            ColorType::CMYK(bits @ 8) => (bits, 4),
            ColorType::YCbCr(_) | ColorType::Lab(_) => {
                return Err(not_read("TIFF with YCbCr or Lab colours"));
            }
            _ => return Err(not_read("TIFF with such colours")),
        };
        let profile = decoder.find_tag(Tag::IccProfile).is_ok_and(|tag| tag.is_some());
        Ok(Self { bytes, width, height, color, bits, samples, profile, turn: Turn::of_exif(bytes) })
    }

    pub(super) fn width(&self) -> u32 {
        self.width
    }

    pub(super) fn height(&self) -> u32 {
        self.height
    }

    pub(super) fn turn(&self) -> Turn {
        self.turn
    }

    pub(super) fn has_profile(&self) -> bool {
        self.profile
    }

    /// Bytes of all samples as they are decoded.
    fn decoded(&self) -> u64 {
        let row = (u64::from(self.width) * self.samples * u64::from(self.bits)).div_ceil(8);
        row.saturating_mul(u64::from(self.height))
    }

    /// Bytes that decoding `window` takes: all samples, once more for a strip that holds all of
    /// them, and the result.
    pub(super) fn memory(&self, window: Window) -> u64 {
        let row = u64::from(self.width) * 8;
        let result = 3 * u64::from(window.width) * u64::from(window.height);
        self.decoded().saturating_mul(2).saturating_add(result + row + WORKING_BYTES)
    }

    /// The pixels of `window`.
    pub(super) fn decode(&self, window: Window, canvas: &Canvas) -> Result<Picture, PictureError> {
        let mut limits = Limits::default();
        limits.decoding_buffer_size = usize::try_from(self.decoded()).unwrap_or(usize::MAX);
        limits.intermediate_buffer_size =
            limits.decoding_buffer_size.saturating_add(WORKING_BYTES as usize);
        limits.ifd_value_size = TAG_BYTES;
        let mut decoder = Decoder::new(Cursor::new(self.bytes)).map_err(text)?.with_limits(limits);
        let mut decoded = DecodingResult::U8(Vec::new());
        let layout = decoder.read_image_to_buffer(&mut decoded).map_err(text)?;
        let samples = Samples::new(self, decoded, &layout)?;
        let (colors, n) = (self.colors(), canvas.channels as usize);
        let mut picture = Picture::filled(window.width, window.height, canvas.channels, 0);
        let targets = picture.pixels.chunks_exact_mut(window.width as usize * n);
        for (y, target) in (window.top..).zip(targets) {
            for (x, target) in (window.left..).zip(target.chunks_exact_mut(n)) {
                let mut pixel = [0; 8];
                let used = &mut pixel[..colors.bytes()];
                self.pixel(&samples, (x as usize, y as usize), used);
                canvas.put_decoded(colors, used, target);
            }
        }
        Ok(picture)
    }

    /// The layout of [`Self::pixel`].
    fn colors(&self) -> Layout {
        match self.color {
            ColorType::CMYK(_) => Layout::RGB,
            _ => Layout { samples: self.samples as usize, wide: self.bits == 16 },
        }
    }

    fn pixel(&self, samples: &Samples, (x, y): (usize, usize), pixel: &mut [u8]) {
        let sample = |channel| samples.get(x, y, channel);
        match self.color {
            ColorType::CMYK(_) => {
                let ink = |channel| 255 - u32::from(sample(channel));
                for (channel, value) in pixel.iter_mut().enumerate() {
                    *value = ((ink(channel) * ink(3) + 127) / 255) as u8;
                }
            }
            _ if self.bits == 16 => {
                for (channel, pair) in pixel.as_chunks_mut().0.iter_mut().enumerate() {
                    *pair = sample(channel).to_be_bytes();
                }
            }
            _ => {
                let most = (1 << self.bits) - 1u16;
                for (channel, value) in pixel.iter_mut().enumerate() {
                    *value = (sample(channel) * (255 / most)) as u8;
                }
            }
        }
    }
}

/// The samples of a picture as the library gives them.
struct Samples {
    decoded: DecodingResult,
    bits: usize,
    /// Samples of one colour that stand beside each other.
    step: usize,
    /// Bytes of a row, and of one colour where each has a plane.
    row: usize,
    plane: usize,
}

impl Samples {
    fn new(
        tiff: &Tiff<'_>,
        decoded: DecodingResult,
        layout: &BufferLayoutPreference,
    ) -> Result<Self, PictureError> {
        let planes = layout.planes.max(1);
        let step = if planes > 1 { 1 } else { tiff.samples as usize };
        let row = layout.row_stride.map_or(0, usize::from);
        let plane = layout.plane_stride.map_or(0, usize::from);
        let samples = Self { decoded, bits: usize::from(tiff.bits), step, row, plane };
        let needed = (planes as u64 - 1) * plane as u64 + row as u64 * u64::from(tiff.height);
        let whole = planes == 1 || planes as u64 == tiff.samples;
        let row_needed = (u64::from(tiff.width) * step as u64 * u64::from(tiff.bits)).div_ceil(8);
        let there = match &samples.decoded {
            DecodingResult::U8(bytes) if tiff.bits <= 8 => bytes.len() as u64,
            DecodingResult::U16(words) if tiff.bits == 16 => 2 * words.len() as u64,
            _ => 0,
        };
        if !whole || there < needed || (row as u64) < row_needed {
            return Err(damaged("its samples are not laid out as its header says"));
        }
        Ok(samples)
    }

    fn get(&self, x: usize, y: usize, channel: usize) -> u16 {
        let (start, at) = if self.step == 1 {
            (channel * self.plane + y * self.row, x)
        } else {
            (y * self.row, x * self.step + channel)
        };
        match &self.decoded {
            DecodingResult::U16(words) => words[start / 2 + at],
            DecodingResult::U8(bytes) if self.bits == 8 => u16::from(bytes[start + at]),
            DecodingResult::U8(bytes) => {
                let bit = at * self.bits;
                let byte = u16::from(bytes[start + bit / 8]);
                byte >> (8 - self.bits - bit % 8) & ((1 << self.bits) - 1)
            }
            // Checked when the samples came.
            _ => 0,
        }
    }
}
