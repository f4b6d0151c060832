//! Doubling and halving of pictures; each result gathers its sources.

use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::image::{Image, address, element, place_of, spread};
use crate::Upsample;

/// Source `k` of the doubled pixel `o`, of `n` source pixels, and its weight.
#[cube]
fn source(o: usize, k: usize, n: usize, #[comptime] bilinear: bool) -> (usize, f32) {
    let near = o / 2;
    if comptime!(bilinear) {
        if k == 0 {
            (near, f32::new(0.75))
        } else {
            let before = select(near == 0, near, near - select(near == 0, 0, 1));
            let behind = min(near + 1, n - 1);
            (select(o == 2 * near, before, behind), f32::new(0.25))
        }
    } else {
        (near, f32::new(1.0))
    }
}

/// The `k`-th doubled pixel to which pixel `i` of `n` contributes, and the weight.
#[cube]
fn shown_by(i: usize, k: usize, n: usize, #[comptime] bilinear: bool) -> (usize, f32) {
    if comptime!(bilinear) {
        // 2i − 1, 2i, 2i + 1, 2i + 2; at the border the repeated pixel is this one again.
        let at = select(2 * i + k == 0, 0, 2 * i + k - select(2 * i + k == 0, 0, 1));
        (min(at, 2 * n - 1), select(k == 0 || k == 3, f32::new(0.25), f32::new(0.75)))
    } else {
        (2 * i + k, f32::new(1.0))
    }
}

/// y ← x doubled, or the transpose of doubling; `width` vectors make a pixel, and y has `rows` rows
/// of `columns` pixels.
#[cube(launch, address_type = "dynamic")]
fn scale<F: Float, N: Size>(
    x: &[Vector<F, N>],
    y: &mut [Vector<F, N>],
    width: usize,
    rows: usize,
    columns: usize,
    source_rows: usize,
    source_columns: usize,
    #[comptime] bilinear: bool,
    #[comptime] transposed: bool,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= y.len() {
        terminate!();
    }
    let (channel, column, row, picture) = place_of(ABSOLUTE_POS, width, columns, rows);
    let taps = comptime!(match (bilinear, transposed) {
        (false, false) => 1usize,
        (true, true) => 4,
        _ => 2,
    });
    let mut sum = Vector::<f32, N>::new(0.0);
    #[unroll]
    for a in 0..taps {
        #[unroll]
        for b in 0..taps {
            let (at_row, by_row) = if comptime!(transposed) {
                shown_by(row, a, rows, bilinear)
            } else {
                source(row, a, source_rows, bilinear)
            };
            let (at_column, by_column) = if comptime!(transposed) {
                shown_by(column, b, columns, bilinear)
            } else {
                source(column, b, source_columns, bilinear)
            };
            let at = (picture * source_rows + at_row) * source_columns + at_column;
            sum += Vector::<f32, N>::cast_from(x[at * width + channel])
                * Vector::new(by_row * by_column);
        }
    }
    y[ABSOLUTE_POS] = Vector::cast_from(sum);
}

/// [`crate::upsample2`], or with `transposed` its gradient.
pub(super) fn resize(x: &Image, mode: Upsample, transposed: bool) -> Image {
    let extent = x.extent.map(|n| if transposed { n / 2 } else { 2 * n });
    let y = x.room(extent, x.channels, x.data.dtype);
    let (vector, client) = (x.vector(), &x.data.client);
    let (count, dim) = spread(client, y.positions() * y.channels / vector);
    scale::launch(
        client,
        count,
        dim,
        address(&[&x.data, &y.data]),
        vector,
        x.arg(),
        y.arg(),
        x.channels / vector,
        y.extent[0],
        y.extent[1],
        x.extent[0],
        x.extent[1],
        mode == Upsample::Bilinear,
        transposed,
        element(&x.data),
    );
    y
}
