//! Resampling of channels-last pictures, each within a thread's cache: only the part of a picture
//! that its look-up reads is brought to the higher rate. The backward pass is the exact transpose,
//! step by step.

use std::ops::Range;

use rayon::prelude::*;

use super::image::Image;
use super::memory::Buffer;
use super::warp::{look_up_row, look_up_transposed};
use crate::{Affine, Fir, Resampling};

/// Height, width, channels.
type Shape = [usize; 3];

/// Samples `range` of the result of a filter along the first axis of `x` [samples, stride].
fn filter(fir: &Fir, range: Range<usize>, x: &[f32], stride: usize) -> Vec<f32> {
    let mut y = vec![0.0; range.len() * stride];
    for (y, result) in y.chunks_mut(stride).zip(&fir.results[range]) {
        for &(sample, factor) in result {
            y.iter_mut().zip(&x[sample * stride..][..stride]).for_each(|(y, x)| *y += factor * x);
        }
    }
    y
}

/// The transpose of [`filter`].
fn filter_transposed(fir: &Fir, range: Range<usize>, g: &[f32], stride: usize) -> Vec<f32> {
    let mut dx = vec![0.0; fir.samples * stride];
    for (g, result) in g.chunks(stride).zip(&fir.results[range]) {
        for &(sample, factor) in result {
            dx[sample * stride..][..stride].iter_mut().zip(g).for_each(|(d, g)| *d += factor * g);
        }
    }
    dx
}

/// [height, width, channels] as [width, height, channels].
fn turned(x: &[f32], [height, width, channels]: Shape) -> Vec<f32> {
    let mut y = vec![0.0; x.len()];
    for (row, x) in x.chunks(width * channels).enumerate() {
        for (column, pixel) in x.chunks(channels).enumerate() {
            y[(column * height + row) * channels..][..channels].copy_from_slice(pixel);
        }
    }
    y
}

/// The view of a picture that a look-up reads.
struct Seen {
    rows: Range<usize>,
    columns: Range<usize>,
    /// The look-up in that part.
    map: Affine,
}

impl Seen {
    /// `None` if the look-up lies outside altogether.
    fn of(map: &Affine, resampling: &Resampling) -> Option<Self> {
        let [bottom, right] = resampling.lookups.extent.map(|n| n as f64 - 1.0);
        let corners =
            [(0.0, 0.0), (right, 0.0), (0.0, bottom), (right, bottom)].map(|(x, y)| map.at(x, y));
        let along = |axis: usize, n: usize| {
            let places = corners.map(|corner| corner[axis]);
            // One more than bilinear sampling needs, for corners that rounding moves across an
            // integer.
            let first = places.iter().copied().fold(f64::MAX, f64::min).floor() - 1.0;
            let last = places.iter().copied().fold(f64::MIN, f64::max).floor() + 2.0;
            let range =
                first.clamp(0.0, n as f64) as usize..(last + 1.0).clamp(0.0, n as f64) as usize;
            (!range.is_empty()).then_some(range)
        };
        let (columns, rows) =
            (along(0, resampling.up[1].results.len())?, along(1, resampling.up[0].results.len())?);
        let map = Affine([[1.0, 0.0, -(columns.start as f64)], [0.0, 1.0, -(rows.start as f64)]])
            .after(map);
        Some(Self { rows, columns, map })
    }
}

/// Resamples one picture [H, W, C] into `y` [H, W, C].
fn picture(x: &[f32], y: &mut [f32], shape: Shape, map: &Affine, r: &Resampling) {
    let Some(Seen { rows, columns, map }) = Seen::of(map, r) else { return y.fill(0.0) };
    let [height, width, channels] = shape;
    let (extent, [high, wide]) = ([rows.len(), columns.len()], r.lookups.extent);
    let x = filter(&r.up[1], columns, &turned(x, shape), height * channels);
    let x =
        filter(&r.up[0], rows, &turned(&x, [extent[1], height, channels]), extent[1] * channels);
    let mut seen = vec![0.0; high * wide * channels];
    for (row, line) in seen.chunks_mut(wide * channels).enumerate() {
        look_up_row(&x, extent, channels, &map, r.lookups.border, row, line);
    }
    let x = filter(&r.down[0], 0..height, &seen, wide * channels);
    let x = filter(&r.down[1], 0..width, &turned(&x, [height, wide, channels]), height * channels);
    y.copy_from_slice(&turned(&x, [width, height, channels]));
}

/// The transpose of [`picture`].
fn picture_transposed(g: &[f32], dx: &mut [f32], shape: Shape, map: &Affine, r: &Resampling) {
    let Some(Seen { rows, columns, map }) = Seen::of(map, r) else { return dx.fill(0.0) };
    let [height, width, channels] = shape;
    let (extent, [high, wide]) = ([rows.len(), columns.len()], r.lookups.extent);
    let g = filter_transposed(&r.down[1], 0..width, &turned(g, shape), height * channels);
    let g = filter_transposed(
        &r.down[0],
        0..height,
        &turned(&g, [wide, height, channels]),
        wide * channels,
    );
    debug_assert_eq!(g.len(), high * wide * channels);
    let mut seen = vec![0.0; extent[0] * extent[1] * channels];
    look_up_transposed(&mut seen, extent, channels, &map, r.lookups.border, wide, &g);
    let g = filter_transposed(&r.up[0], rows, &seen, extent[1] * channels);
    let g = filter_transposed(
        &r.up[1],
        columns,
        &turned(&g, [height, extent[1], channels]),
        height * channels,
    );
    dx.copy_from_slice(&turned(&g, [width, height, channels]));
}

/// Applies `of` to every picture that has a map, and copies the others.
fn each(
    x: &Image,
    r: &Resampling,
    of: impl Fn(&[f32], &mut [f32], Shape, &Affine, &Resampling) + Sync,
) -> Buffer {
    let [_, channels, height, width] = x.shape;
    let len = height * width * channels;
    let mut y = Buffer::any(x.values().len());
    y.par_chunks_mut(len).zip(x.values().par_chunks(len)).zip(&r.lookups.maps).for_each(
        |((y, x), map)| match map {
            Some(map) => of(x, y, [height, width, channels], map, r),
            None => y.copy_from_slice(x),
        },
    );
    y
}

/// Resamples each picture of `x` by its own map.
pub(super) fn forward(x: &Image, resampling: &Resampling) -> Buffer {
    each(x, resampling, picture)
}

/// The gradient of the pictures from that of the result.
pub(super) fn backward(g: &Image, resampling: &Resampling) -> Buffer {
    each(g, resampling, picture_transposed)
}
