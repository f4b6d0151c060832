//! Whole files decoded at once.

use super::{Canvas, Limits, Picture, PictureError, PictureFile};

impl Picture {
    /// Decodes a file to RGB, upright: the EXIF orientation is applied, grey is repeated, a palette
    /// looked up, 16 bits rounded to 8, transparency laid over white, CMYK converted.
    /// [`PictureFile`] does it in two steps, for a window of the picture.
    ///
    /// # Errors
    /// When the bytes are in no format that is read, are damaged or cut off, or would take more
    /// memory than `limits` allow. A picture that claims too much is refused before anything is
    /// allocated for it.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, PictureError> {
        decode(bytes, limits, &Canvas::default())
    }

    /// The same without regard to opacity: the colours that are stored with it.
    ///
    /// # Errors
    /// As [`Picture::decode`].
    pub fn decode_opaque(bytes: &[u8], limits: &Limits) -> Result<Self, PictureError> {
        decode(bytes, limits, &Canvas::OPAQUE)
    }
}

/// Opens a file and decodes all of it onto `canvas`, unless that takes more than allowed.
fn decode(bytes: &[u8], limits: &Limits, canvas: &Canvas) -> Result<Picture, PictureError> {
    let file = PictureFile::open(bytes)?;
    let needed = file.memory(file.whole()).saturating_add(bytes.len() as u64);
    if needed > limits.bytes {
        return Err(PictureError::TooLarge {
            width: file.width(),
            height: file.height(),
            needed: needed.div_ceil(1 << 20),
            allowed: limits.bytes >> 20,
        });
    }
    file.decode(file.whole(), canvas)
}
