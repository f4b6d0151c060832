//! The result of decoding.

/// Decoded pixels: rows from the top, pixels from the left, `channels` bytes per pixel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bytes per pixel: 1 grey, 3 RGB.
    pub channels: u32,
    /// `height` × `width` × `channels` bytes.
    pub pixels: Vec<u8>,
}
