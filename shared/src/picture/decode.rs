//! Decoding within bounds. A hostile file must cost neither memory nor time: what it claims is checked before the decoder
//! allocates for it, and a panic of the decoder is an error of the file.

use std::any::Any;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder};
use thiserror::Error;

use super::{Picture, jpeg};

/// What a PNG may make its decoder allocate beside the pixels: a colour profile, metadata, two rows.
const PNG_EXTRA_BYTES: u64 = 8 << 20;
/// More scans than any encoder writes; each costs a pass over the whole picture.
const SCAN_LIMIT: u32 = 64;

/// What one picture may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Memory that the file and all that is allocated to decode it may take together.
    pub bytes: u64,
}

impl Default for Limits {
    /// 64 MiB: a JPEG of 15 megapixels, far above what training pictures have.
    fn default() -> Self {
        Self { bytes: 64 << 20 }
    }
}

/// Why a picture was not accepted.
#[derive(Debug, Error)]
pub enum PictureError {
    /// The bytes are not a picture in a format we know by its first bytes.
    #[error("not a picture (it begins {begins})")]
    UnknownFormat {
        /// The first bytes, escaped.
        begins: String,
    },
    /// A picture in a format that is not read.
    #[error("{format} is not read, only PNG and JPEG are")]
    UnsupportedFormat {
        /// The format.
        format: &'static str,
    },
    /// Decoding would take more memory than allowed.
    #[error("{width}x{height} pixels take {needed} MiB to decode, more than the {allowed} allowed")]
    TooLarge {
        /// Columns claimed.
        width: u32,
        /// Rows claimed.
        height: u32,
        /// What decoding takes at its peak, in MiB.
        needed: u64,
        /// What is allowed, in MiB.
        allowed: u64,
    },
    /// The file is damaged, cut off, or uses what the decoder does not know.
    #[error("damaged: {what}")]
    Damaged {
        /// What does not hold.
        what: String,
    },
    /// A picture that cannot be written as PNG.
    #[error("cannot encode a picture of {width}x{height} pixels: {what}")]
    Encode {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
        /// What is wrong with it.
        what: String,
    },
}

fn damaged(what: impl ToString) -> PictureError {
    PictureError::Damaged { what: what.to_string() }
}

/// Formats that people have lying about under a wrong suffix, by their first bytes.
const OTHERS: [(&[u8], &str); 7] = [
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"RIFF", "WebP"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
];

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Picture, PictureError> {
    // AssertUnwindSafe: the closure only reads `bytes`; whatever it built is lost with the panic.
    let decoded = catch_unwind(AssertUnwindSafe(|| {
        if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            decode_png(bytes, limits)
        } else if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
            decode_jpeg(bytes, limits)
        } else if let Some((_, format)) = OTHERS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
            Err(PictureError::UnsupportedFormat { format })
        } else {
            let begins = format!("\"{}\"", bytes[..bytes.len().min(8)].escape_ascii());
            Err(PictureError::UnknownFormat { begins })
        }
    }));
    decoded.unwrap_or_else(|panic| Err(damaged(format!("the decoder gave up: {}", panic_text(&*panic)))))
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no reason given")
}

/// Refuses a picture whose decoding would at its peak take more than allowed; `per_pixel` in bytes.
fn admit(width: u32, height: u32, per_pixel: u64, beside: u64, limits: &Limits) -> Result<(), PictureError> {
    if width == 0 || height == 0 {
        return Err(damaged(format!("it claims {width}x{height} pixels")));
    }
    let needed = (u64::from(width) * u64::from(height)).saturating_mul(per_pixel).saturating_add(beside);
    if needed > limits.bytes {
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        return Err(PictureError::TooLarge { width, height, needed: mib(needed), allowed: limits.bytes >> 20 });
    }
    Ok(())
}

fn decode_png(bytes: &[u8], limits: &Limits) -> Result<Picture, PictureError> {
    // Signature 8, chunk length 4, "IHDR" 4, width 4, height 4, depth 1, colour type 1.
    let header = bytes.get(12..26).filter(|h| h.starts_with(b"IHDR")).ok_or_else(|| damaged("its header is missing"))?;
    let word = |at: usize| header[at..at + 4].iter().fold(0u32, |word, &byte| word << 8 | u32::from(byte));
    let (depth, color) = (header[12], header[13]);
    // A palette may carry transparency; then it is expanded to four channels.
    let channels = match color {
        0 | 4 => 2,
        2 | 6 | 3 => 4,
        other => return Err(damaged(format!("it claims colour type {other}"))),
    };
    // Decoded, converted to RGB, and turned (the turned copy and the converted one never live together with the first).
    let per_pixel = channels * if depth == 16 { 2 } else { 1 } + 3;
    admit(word(4), word(8), per_pixel, bytes.len() as u64, limits)?;
    let mut bounds = image::Limits::no_limits();
    bounds.max_alloc = Some(PNG_EXTRA_BYTES);
    let mut decoder = PngDecoder::with_limits(Cursor::new(bytes), bounds).map_err(damaged)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    finish(decoder, orientation)
}

fn decode_jpeg(bytes: &[u8], limits: &Limits) -> Result<Picture, PictureError> {
    let survey = jpeg::survey(bytes).map_err(damaged)?;
    if survey.scans > SCAN_LIMIT {
        return Err(damaged(format!("it has {} scans, more than the {SCAN_LIMIT} allowed", survey.scans)));
    }
    // Progressive: 16-bit coefficients of every component until the end. Turned: a second copy.
    let coefficients = if survey.progressive { 2 * u64::from(survey.components) } else { 0 };
    let per_pixel = 3 + coefficients.max(if survey.exif { 3 } else { 0 });
    // The decoder holds a copy of the file.
    admit(survey.width, survey.height, per_pixel, 2 * bytes.len() as u64, limits)?;
    let mut decoder = JpegDecoder::new(Cursor::new(bytes)).map_err(damaged)?;
    let orientation =
        if survey.exif { decoder.orientation().unwrap_or(Orientation::NoTransforms) } else { Orientation::NoTransforms };
    finish(decoder, orientation)
}

fn finish(decoder: impl ImageDecoder, orientation: Orientation) -> Result<Picture, PictureError> {
    let ((width, height), color) = (decoder.dimensions(), decoder.color_type());
    let mut decoded = vec![0; usize::try_from(decoder.total_bytes()).map_err(damaged)?];
    decoder.read_image(&mut decoded).map_err(damaged)?;
    let pixels = to_rgb(decoded, color).ok_or_else(|| damaged(format!("it has pixels of kind {color:?}")))?;
    let rgb = image::RgbImage::from_raw(width, height, pixels).ok_or_else(|| damaged("its pixels do not fill its size"))?;
    let mut upright = DynamicImage::ImageRgb8(rgb);
    upright.apply_orientation(orientation);
    let rgb = upright.into_rgb8();
    Ok(Picture { width: rgb.width(), height: rgb.height(), channels: 3, pixels: rgb.into_raw() })
}

/// RGB of decoded pixels; 16-bit samples lie in the machine's order.
fn to_rgb(decoded: Vec<u8>, color: ColorType) -> Option<Vec<u8>> {
    // v·255/65535 = v/257, rounded.
    let wide = |pair: &[u8]| ((u32::from(u16::from_ne_bytes([pair[0], pair[1]])) + 128) / 257) as u8;
    Some(match color {
        ColorType::Rgb8 => decoded,
        ColorType::L8 => decoded.iter().flat_map(|&v| [v; 3]).collect(),
        ColorType::La8 => decoded.chunks_exact(2).flat_map(|p| [over_white(p[0], p[1]); 3]).collect(),
        ColorType::Rgba8 => decoded.chunks_exact(4).flat_map(|p| [0, 1, 2].map(|c| over_white(p[c], p[3]))).collect(),
        ColorType::L16 => decoded.chunks_exact(2).flat_map(|p| [wide(p); 3]).collect(),
        ColorType::La16 => decoded.chunks_exact(4).flat_map(|p| [over_white(wide(p), wide(&p[2..])); 3]).collect(),
        ColorType::Rgb16 => decoded.chunks_exact(2).map(wide).collect(),
        ColorType::Rgba16 => {
            decoded.chunks_exact(8).flat_map(|p| [0, 2, 4].map(|c| over_white(wide(&p[c..]), wide(&p[6..])))).collect()
        }
        _ => return None,
    })
}

/// `value` at opacity `alpha` over white, rounded. Colours hidden below full transparency are often black or random.
fn over_white(value: u8, alpha: u8) -> u8 {
    let (value, alpha) = (u32::from(value), u32::from(alpha));
    ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}
