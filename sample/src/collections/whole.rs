//! Checks that an existing PNG is intact. Pictures are not synced one by one, so a power cut may
//! leave torn files.

use shared::picture::{Limits, Picture};

use super::manifest::Maker;

/// The chunk that ends a PNG.
const END: &[u8] = b"\0\0\0\0IEND\xae\x42\x60\x82";
/// Bytes of the header with width and height, four bytes each, big-endian.
const EXTENT: std::ops::Range<usize> = 16..24;
/// Byte of the header with the colour type.
const COLOUR_TYPE: usize = 25;

/// Reports if `png` has the header of a picture by `maker`.
pub(super) fn has_extent(png: &[u8], maker: &Maker) -> bool {
    let colour_type = if maker.channels == 1 { 0 } else { 2 };
    let side = (maker.size as u32).to_be_bytes();
    png.get(EXTENT) == Some(&[side, side].concat()) && png.get(COLOUR_TYPE) == Some(&colour_type)
}

/// Reports if `png` is intact, by checksums and decoding, and a picture by `maker`.
pub(super) fn is_whole(png: &[u8], maker: &Maker) -> bool {
    has_extent(png, maker) && png.ends_with(END) && Picture::decode(png, &Limits::default()).is_ok()
}

/// An upper bound of a PNG by `maker`: deflate adds 5 bytes to 65,535 incompressible ones, the file
/// under 100.
pub(super) fn most_bytes(maker: &Maker) -> u64 {
    2 * (maker.size * (maker.size * maker.channels + 1)) as u64 + 1024
}
