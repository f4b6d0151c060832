//! Which format a file has, by its first bytes; people have files lying about under a wrong suffix.

use super::PictureError;

/// The formats that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Png,
    Jpeg,
    Webp,
    Bmp,
    Gif,
}

/// Lengths of the header that follows a BMP's file header, by version of the format.
const BMP_HEADERS: [u32; 7] = [12, 40, 52, 56, 64, 108, 124];

/// Formats that are not read, by their first bytes.
const OTHERS: [(&[u8], &str); 11] = [
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"8BPS", "PSD"),
    (b"%PDF", "PDF"),
    (b"\0\0\x01\0", "ICO"),
];

/// The brands that HEIC files carry; `mif1` and `msf1` are shared with AVIF.
const HEIC_BRANDS: [&[u8]; 8] = [b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"];

/// How far into a text file its first tag is looked for.
const TEXT_BYTES: usize = 1024;

/// Tells the format.
///
/// # Errors
/// When it is one that is not read, which is named, or none that is known.
pub(super) fn of(bytes: &[u8]) -> Result<Format, PictureError> {
    let word = |at: usize| bytes.get(at..at + 4);
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Ok(Format::Png)
    } else if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        Ok(Format::Jpeg)
    } else if bytes.starts_with(b"RIFF") && word(8) == Some(b"WEBP") {
        Ok(Format::Webp)
    } else if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
        Ok(Format::Gif)
    } else if bytes.starts_with(b"BM") && word(14).is_some_and(|w| BMP_HEADERS.iter().any(|n| w == n.to_le_bytes())) {
        // Two letters alone would make a bitmap of many a text.
        Ok(Format::Bmp)
    } else if let Some(format) = other(bytes) {
        Err(PictureError::UnsupportedFormat { format })
    } else {
        Err(PictureError::UnknownFormat { begins: format!("\"{}\"", bytes[..bytes.len().min(8)].escape_ascii()) })
    }
}

/// The name of a format that is not read.
fn other(bytes: &[u8]) -> Option<&'static str> {
    if let Some((_, format)) = OTHERS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Some(format);
    }
    if bytes.get(4..8) == Some(b"ftyp") {
        // The main brand, a version, then the brands the file is compatible with.
        let length = bytes[..4].iter().fold(0, |n, &byte| n << 8 | usize::from(byte));
        let brands = &bytes[8..bytes.len().min(length.clamp(8, 256))];
        let has = |wanted: &[&[u8]]| brands.chunks_exact(4).any(|brand| wanted.contains(&brand));
        return if has(&[b"avif", b"avis"]) {
            Some("AVIF")
        } else if has(&HEIC_BRANDS) {
            Some("HEIC")
        } else {
            None
        };
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let text = text[..text.len().min(TEXT_BYTES)].to_ascii_lowercase();
    let holds = |tag: &[u8]| text.windows(tag.len()).any(|part| part == tag);
    match text.first() {
        Some(b'<') if holds(b"<!doctype html") || holds(b"<html") => Some("HTML"),
        Some(b'<') if holds(b"<svg") => Some("SVG"),
        _ => None,
    }
}
