//! Limits on the cost of one picture, and the errors of decoding.

use thiserror::Error;

/// Limits on the cost of one picture.
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
    #[error("not a picture ({what})")]
    UnknownFormat {
        /// The first bytes, escaped, or that there are none.
        what: String,
    },
    /// A picture in a format that is not read.
    #[error("{format} is not read; PNG, JPEG, WebP, BMP, GIF, TIFF and PNM are")]
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
        /// The peak memory of decoding, in MiB.
        needed: u64,
        /// The limit, in MiB.
        allowed: u64,
    },
    /// The file is damaged, cut off, or uses what the decoder does not know.
    #[error("damaged: {what}")]
    Damaged {
        /// The check that failed.
        what: String,
    },
    /// A picture that cannot be written as PNG.
    #[error("cannot encode a picture of {width}x{height} pixels: {what}")]
    Encode {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
        /// The defect.
        what: String,
    },
}

/// Translates an error of a decoder library into words about the file.
pub(super) fn of_image(error: image::ImageError) -> String {
    use image::ImageError;
    match error {
        ImageError::Unsupported(_) => "it is of a variant that is not read".into(),
        ImageError::Limits(_) => "it claims more than it holds".into(),
        ImageError::IoError(error) => of_io(&error),
        _ => "its data do not hold together".into(),
    }
}

/// The same of an error while bytes are read that are in memory.
pub(super) fn of_io(error: &std::io::Error) -> String {
    let early = error.kind() == std::io::ErrorKind::UnexpectedEof;
    if early { "its data end early".into() } else { "its data do not hold together".into() }
}

/// The error of a damaged file.
pub(super) fn damaged(what: impl ToString) -> PictureError {
    PictureError::Damaged { what: what.to_string() }
}
