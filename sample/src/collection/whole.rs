//! Whether a PNG that lies there is one that was written here, to its last byte. Pictures are not synced one by one, so after a power
//! cut a name may bear a torn file.

use shared::picture::{Limits, Picture};

use super::manifest::Maker;

/// The chunk that ends a PNG.
const END: &[u8] = b"\0\0\0\0IEND\xae\x42\x60\x82";
/// Where the header has the extent: columns and rows, four bytes each, the highest first.
const EXTENT: std::ops::Range<usize> = 16..24;
/// Where it says of what kind the pixels are.
const COLOUR_TYPE: usize = 25;

/// Whether `png` begins as a picture of `maker` does.
pub(super) fn has_extent(png: &[u8], maker: &Maker) -> bool {
    let colour_type = if maker.channels == 1 { 0 } else { 2 };
    let side = (maker.size as u32).to_be_bytes();
    png.get(EXTENT) == Some(&[side, side].concat()) && png.get(COLOUR_TYPE) == Some(&colour_type)
}

/// Whether `png` is whole (the sum of every chunk is checked, and the pixels unpacked) and a picture of `maker`.
pub(super) fn is_whole(png: &[u8], maker: &Maker) -> bool {
    has_extent(png, maker) && png.ends_with(END) && Picture::decode(png, &Limits::default()).is_ok()
}

/// More bytes than the PNG of a picture of `maker` ever has: deflate adds 5 to 65,535 of incompressible data, the file under 100.
pub(super) fn most_bytes(maker: &Maker) -> u64 {
    2 * (maker.size * (maker.size * maker.channels + 1)) as u64 + 1024
}
