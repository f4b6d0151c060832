//! Affine look-up of channels-last pictures with bilinear sampling, and its exact transpose.

use rayon::prelude::*;

use super::image::Image;
use super::memory::Buffer;
use crate::{Affine, Border, Lookups};

/// Row `row` of the result, `y`, from a picture `source` of `extent` (height, width).
#[inline]
pub(super) fn look_up_row(
    source: &[f32],
    extent: [usize; 2],
    channels: usize,
    map: &Affine,
    border: Border,
    row: usize,
    y: &mut [f32],
) {
    for (column, y) in y.chunks_mut(channels).enumerate() {
        let taps = map.taps(column, row, extent, border);
        let [a, b, c, d] = taps.map(|(at, _)| &source[at * channels..][..channels]);
        for (i, y) in y.iter_mut().enumerate() {
            *y = a[i] * taps[0].1 + b[i] * taps[1].1 + c[i] * taps[2].1 + d[i] * taps[3].1;
        }
    }
}

/// Adds to `dx`, of `extent` (height, width), the contributions of the result's pixels with
/// gradient `g`, `columns` wide.
#[inline]
pub(super) fn look_up_transposed(
    dx: &mut [f32],
    extent: [usize; 2],
    channels: usize,
    map: &Affine,
    border: Border,
    columns: usize,
    g: &[f32],
) {
    for (i, g) in g.chunks(channels).enumerate() {
        for (at, weight) in map.taps(i % columns, i / columns, extent, border) {
            dx[at * channels..][..channels].iter_mut().zip(g).for_each(|(d, g)| *d += g * weight);
        }
    }
}

/// The map of a picture; `None` if the result is the picture itself.
fn map_of(lookups: &Lookups, picture: usize, extent: [usize; 2]) -> Option<Affine> {
    match lookups.maps[picture] {
        None if extent != lookups.extent => Some(Affine::IDENTITY),
        map => map,
    }
}

/// Looks up each picture of `x` through its own map.
pub(super) fn forward(x: &Image, lookups: &Lookups) -> Buffer {
    let [batch, channels, h, w] = x.shape;
    let [rows, columns] = lookups.extent;
    let source = x.values();
    let mut y = Buffer::any(batch * rows * columns * channels);
    y.par_chunks_mut(columns * channels).enumerate().for_each(|(line, y)| {
        let (picture, row) = (line / rows, line % rows);
        let source = &source[picture * h * w * channels..][..h * w * channels];
        match map_of(lookups, picture, [h, w]) {
            Some(map) => look_up_row(source, [h, w], channels, &map, lookups.border, row, y),
            None => y.copy_from_slice(&source[row * w * channels..][..w * channels]),
        }
    });
    y
}

/// The gradient of the pictures, of `extent` (height, width), from that of the result: each
/// output's gradient is distributed to its sources, picture by picture.
pub(super) fn backward(g: &Image, lookups: &Lookups, [h, w]: [usize; 2]) -> Buffer {
    let [batch, channels, rows, columns] = g.shape;
    let mut dx = Buffer::any(batch * h * w * channels);
    let pictures = dx
        .par_chunks_mut(h * w * channels)
        .zip(g.values().par_chunks(rows * columns * channels))
        .enumerate();
    pictures.for_each(|(picture, (dx, g))| match map_of(lookups, picture, [h, w]) {
        Some(map) => {
            dx.fill(0.0);
            look_up_transposed(dx, [h, w], channels, &map, lookups.border, columns, g);
        }
        None => dx.copy_from_slice(g),
    });
    dx
}
