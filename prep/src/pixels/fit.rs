//! Squares with bars, and pictures side by side.

use shared::picture::{Canvas, Picture, Window};

use super::scale::{Resampling, crop_and_resize};

/// `window` of `picture` scaled to fit into a square of `side` pixels, between bars of the canvas's
/// background.
#[must_use]
pub fn fit(
    picture: &Picture,
    window: Window,
    side: u32,
    resampling: Resampling,
    canvas: &Canvas,
) -> Vec<u8> {
    let longer = window.width.max(window.height);
    let scaled = |extent: u32| {
        ((u64::from(side) * u64::from(extent) + u64::from(longer) / 2) / u64::from(longer)).max(1)
            as u32
    };
    let (width, height) = (scaled(window.width), scaled(window.height));
    let channels = canvas.channels;
    let pixels = crop_and_resize(picture, window, width, height, resampling);
    let bars =
        canvas.pixel().iter().copied().cycle().take((side * side * channels) as usize).collect();
    let mut square = Picture { width: side, height: side, channels, pixels: bars };
    let (left, top) = ((side - width) / 2, (side - height) / 2);
    square.paste(&Picture { width, height, channels, pixels }, left, top);
    square.pixels
}

/// Squares of `side` pixels joined from left to right; `channels` bytes a pixel.
#[must_use]
pub fn side_by_side(squares: &[Vec<u8>], side: u32, channels: u32) -> Vec<u8> {
    let row = side as usize * channels as usize;
    let rows = (0..side as usize)
        .flat_map(|y| squares.iter().flat_map(move |square| &square[y * row..][..row]));
    rows.copied().collect()
}
