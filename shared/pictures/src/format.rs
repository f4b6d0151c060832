//! Detection of file formats by the first bytes, because suffixes are often wrong.

use super::PictureError;

/// The formats that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Png,
    Jpeg,
    Webp,
    Bmp,
    Gif,
    Tiff,
    Pnm,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::Webp => "WebP",
            Self::Bmp => "BMP",
            Self::Gif => "GIF",
            Self::Tiff => "TIFF",
            Self::Pnm => "PNM",
        }
    }
}

/// Lengths of the header that follows a BMP's file header, by version of the format.
const BMP_HEADERS: [u32; 7] = [12, 40, 52, 56, 64, 108, 124];

/// Formats that are not read, by their first bytes.
const OTHERS: [(&[u8], &str); 38] = [
    (b"\x89PNG\r\n\x1a\n\0\0\0\x04CgBI", "CgBI (Apple's variant of PNG)"),
    (b"\xff\xd8\xff\xf7", "JPEG-LS"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"II\xbc", "JPEG XR"),
    (b"8BPS", "PSD"),
    (b"gimp xcf", "XCF"),
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript"),
    (b"\0\0\x01\0", "ICO"),
    (b"icns", "ICNS"),
    (b"v/1\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"DDS ", "DDS"),
    (b"qoif", "QOI"),
    (b"SIMPLE  =", "FITS"),
    (b"II*\0\x10\0\0\0CR", "the raw format of a camera (CR2)"),
    (b"IIU\0", "the raw format of a camera (RW2)"),
    (b"IIRO", "the raw format of a camera (ORF)"),
    (b"IIRS", "the raw format of a camera (ORF)"),
    (b"MMOR", "the raw format of a camera (ORF)"),
    (b"FUJIFILMCCD-RAW", "the raw format of a camera (RAF)"),
    (b"FOVb", "the raw format of a camera (X3F)"),
    (b"\x1a\x45\xdf\xa3", "video (Matroska or WebM)"),
    (b"FLV\x01", "video (FLV)"),
    (b"\0\0\x01\xba", "video (MPEG)"),
    (b"\0\0\x01\xb3", "video (MPEG)"),
    (b"\x30\x26\xb2\x75", "video (WMV)"),
    (b"OggS", "video or sound (Ogg)"),
    (b"\x93NUMPY", "a NumPy array as a picture"),
    (b"PK\x03\x04", "a zip file as a picture"),
    (b"\x1f\x8b", "a gzipped file as a picture"),
    (
        b"version https://git-lfs",
        "a pointer of Git LFS in place of the file (git lfs pull fetches it)",
    ),
    (b"/annex/objects/", "a pointer of git-annex in place of the file (git annex get fetches it)"),
    (b"\x89HDF", "HDF5"),
    (b"PAR1", "Parquet"),
];

/// The brands of files in boxes (ISO/IEC 14496-12); the first that a file carries decides. `mif1`
/// and `msf1` are shared by HEIC and AVIF, so they come last.
const BRANDS: [(&[u8], &str); 24] = [
    (b"avif", "AVIF"),
    (b"avis", "AVIF"),
    (b"heic", "HEIC"),
    (b"heix", "HEIC"),
    (b"hevc", "HEIC"),
    (b"hevx", "HEIC"),
    (b"heim", "HEIC"),
    (b"heis", "HEIC"),
    (b"crx ", "the raw format of a camera (CR3)"),
    (b"mif1", "HEIC"),
    (b"msf1", "HEIC"),
    (b"jxl ", "JPEG XL"),
    (b"jp2 ", "JPEG 2000"),
    (b"qt  ", "video (QuickTime)"),
    (b"isom", "video (MP4)"),
    (b"iso2", "video (MP4)"),
    (b"iso4", "video (MP4)"),
    (b"iso5", "video (MP4)"),
    (b"iso6", "video (MP4)"),
    (b"mp41", "video (MP4)"),
    (b"mp42", "video (MP4)"),
    (b"avc1", "video (MP4)"),
    (b"M4V ", "video (MP4)"),
    (b"3gp4", "video (3GP)"),
];

/// The number of bytes of a text file that are searched for a tag.
const TEXT_BYTES: usize = 1024;

/// Tells the format.
///
/// # Errors
/// When it is one that is not read, which is named, or none that is known.
pub(super) fn of(bytes: &[u8]) -> Result<Format, PictureError> {
    if let Some(format) = other(bytes) {
        return Err(PictureError::UnsupportedFormat { format });
    }
    known(bytes).ok_or_else(|| PictureError::UnknownFormat { what: beginning(bytes) })
}

/// The name of a file's format, read or not, where its first bytes tell one.
#[must_use]
pub fn format_name(bytes: &[u8]) -> Option<&'static str> {
    other(bytes).or_else(|| known(bytes).map(Format::name))
}

/// Returns true if a file starts like a picture of a format that is read.
#[must_use]
pub fn is_read(bytes: &[u8]) -> bool {
    of(bytes).is_ok()
}

fn beginning(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        "it is empty, 0 bytes".into()
    } else if bytes.iter().all(|&b| b == 0) {
        format!("its {} bytes are all zero", bytes.len())
    } else {
        format!("it begins \"{}\"", bytes[..bytes.len().min(8)].escape_ascii())
    }
}

/// The format of a file that is read.
fn known(bytes: &[u8]) -> Option<Format> {
    let word = |at: usize| bytes.get(at..at + 4);
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some(Format::Png)
    } else if bytes.starts_with(&[0xff, 0xd8]) {
        Some(Format::Jpeg)
    } else if bytes.starts_with(b"RIFF") && word(8) == Some(b"WEBP") {
        Some(Format::Webp)
    } else if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
        Some(Format::Gif)
    } else if bytes.starts_with(b"BM")
        && word(14).is_some_and(|w| BMP_HEADERS.iter().any(|n| w == n.to_le_bytes()))
    {
        // Two letters alone would make a bitmap of many a text.
        Some(Format::Bmp)
    } else if [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"].iter().any(|magic| bytes.starts_with(*magic))
    {
        Some(Format::Tiff)
    } else {
        is_pnm(bytes).then_some(Format::Pnm)
    }
}

/// A letter and a digit would make a picture of many a text, so a number or a comment must follow
/// them.
fn is_pnm(bytes: &[u8]) -> bool {
    let Some((magic, rest)) = bytes.split_at_checked(2) else { return false };
    match magic {
        b"P7" => rest.starts_with(b"\n") && rest.windows(5).take(TEXT_BYTES).any(|w| w == b"WIDTH"),
        [b'P', b'1'..=b'6'] => {
            let next = rest.trim_ascii_start().first();
            rest.first().is_some_and(u8::is_ascii_whitespace)
                && next.is_some_and(|b| b.is_ascii_digit() || *b == b'#')
        }
        _ => false,
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
        let has = |wanted: &[u8]| brands.chunks_exact(4).any(|brand| brand == wanted);
        return BRANDS.iter().find(|(brand, _)| has(brand)).map(|(_, format)| *format);
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"AVI ") {
        return Some("video (AVI)");
    }
    if bytes.get(128..132) == Some(b"DICM") {
        return Some("DICOM");
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
