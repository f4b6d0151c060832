//! Pixels as RGB.

use shared::picture::Picture;

/// The colours of a picture's pixels, row by row; grey becomes RGB.
pub fn pixels(picture: &Picture) -> impl Iterator<Item = [u8; 3]> + '_ {
    let n = picture.channels as usize;
    picture.pixels.chunks_exact(n).map(move |p| if n < 3 { [p[0]; 3] } else { [p[0], p[1], p[2]] })
}

/// The squared distance of two colours.
#[must_use]
pub fn distance(a: [u8; 3], b: [u8; 3]) -> u32 {
    a.iter().zip(b).map(|(&a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
}
