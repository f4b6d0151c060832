//! One affine look-up per picture with bilinear sampling. The gradient of a pixel is gathered from
//! the results that sampled it, which the inverse of the map finds: no atomics, the same order of
//! additions every time.

use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::image::{Image, address, element, numbers, place_of, spread};
use crate::{Affine, Border, Lookups};

/// Numbers that describe the map of a picture: its six, the four of the inverse's matrix, half the
/// extent of the results that can sample a pixel along x and y, and the first and last pixel
/// (across the border, too) that is sampled along x and y.
const DESCRIPTION: usize = 16;

/// A determinant below this has no useful inverse: all results are then searched.
const SINGULAR: f64 = 1e-6;

/// The description of a map for results of `rows` × `columns`.
fn describe(map: &Affine, [rows, columns]: [usize; 2]) -> [f32; DESCRIPTION] {
    let [[a, b, c], [d, e, f]] = map.0;
    let determinant = a * e - b * d;
    let (inverse, half) = if determinant.abs() < SINGULAR {
        ([0.0; 4], [(rows + columns) as f64; 2])
    } else {
        let inverse = [e, -b, -d, a].map(|v| v / determinant);
        (inverse, [inverse[0].abs() + inverse[1].abs(), inverse[2].abs() + inverse[3].abs()])
    };
    let (last_x, last_y) = ((columns - 1) as f64, (rows - 1) as f64);
    let corners =
        [[0.0, 0.0], [last_x, 0.0], [0.0, last_y], [last_x, last_y]].map(|[x, y]| map.at(x, y));
    // One more on each side, because the device computes in f32.
    let first =
        |axis: usize| corners.iter().map(|p| p[axis]).fold(f64::INFINITY, f64::min).floor() - 1.0;
    let last = |axis: usize| {
        corners.iter().map(|p| p[axis]).fold(f64::NEG_INFINITY, f64::max).floor() + 2.0
    };
    let numbers = [a, b, c, d, e, f].into_iter().chain(inverse).chain(half).chain([
        first(0),
        last(0),
        first(1),
        last(1),
    ]);
    let mut description = [0.0; DESCRIPTION];
    description.iter_mut().zip(numbers).for_each(|(d, v)| *d = v as f32);
    description
}

/// The descriptions of all pictures' maps; the identity for pictures without one.
fn descriptions(lookups: &Lookups) -> Vec<f32> {
    lookups
        .maps
        .iter()
        .flat_map(|map| describe(&map.unwrap_or(Affine::IDENTITY), lookups.extent))
        .collect()
}

/// The non-negative remainder of i/n.
#[cube]
fn modulo(i: i32, n: i32) -> i32 {
    (i % n + n) % n
}

/// The pixel below `n` that is visible at `i`; −1 if there is none.
#[cube]
fn place(i: i32, n: i32, #[comptime] reflect: bool) -> i32 {
    if comptime!(reflect) {
        let r = modulo(i, 2 * n);
        select(r < n, r, 2 * n - 1 - r)
    } else {
        select(i >= 0 && i < n, i, i32::new(-1))
    }
}

/// The source position, along x and y, of the result at this column and row, by the map at
/// `maps[map]`.
#[cube]
fn looked_at(maps: &[f32], map: usize, column: usize, row: usize) -> (f32, f32) {
    let (x, y) = (f32::cast_from(column), f32::cast_from(row));
    (
        maps[map] * x + maps[map + 1] * y + maps[map + 2],
        maps[map + 3] * x + maps[map + 4] * y + maps[map + 5],
    )
}

/// y ← x looked up: y has `rows` rows of `columns` pixels, x `height` of `width`, both `channels`
/// channels.
#[cube(launch, address_type = "dynamic")]
fn look_up<F: Float>(
    x: &[F],
    maps: &[f32],
    y: &mut [F],
    channels: usize,
    rows: usize,
    columns: usize,
    height: usize,
    width: usize,
    #[comptime] reflect: bool,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= y.len() {
        terminate!();
    }
    let (channel, column, row, picture) = place_of(ABSOLUTE_POS, channels, columns, rows);
    let map = picture * comptime!(DESCRIPTION);
    let (sx, sy) = looked_at(maps, map, column, row);
    let (fx, fy) = (sx - sx.floor(), sy - sy.floor());
    let (x0, y0) = (i32::cast_from(sx.floor()), i32::cast_from(sy.floor()));
    let mut sum = f32::new(0.0);
    #[unroll]
    for dy in 0..2 {
        #[unroll]
        for dx in 0..2 {
            let at_x = place(x0 + dx, width as i32, reflect);
            let at_y = place(y0 + dy, height as i32, reflect);
            let by_x = if comptime!(dx == 0) { 1.0 - fx } else { fx };
            let by_y = if comptime!(dy == 0) { 1.0 - fy } else { fy };
            if at_x >= 0 && at_y >= 0 {
                let at = (picture * height + at_y as usize) * width + at_x as usize;
                sum += f32::cast_from(x[at * channels + channel]) * (by_y * by_x);
            }
        }
    }
    y[ABSOLUTE_POS] = F::cast_from(sum);
}

/// The period of the mirrored images of a pixel.
#[cube]
fn period(n: i32, #[comptime] reflect: bool) -> i32 {
    // Without reflection there is only one image: the next lies beyond everything.
    if comptime!(reflect) { 2 * n } else { i32::new(1 << 24) }
}

/// The first image of pixel `p` of `n` from `first` on, mirrored if `turned`; without reflection
/// the pixel itself.
#[cube]
fn first_image(
    p: i32,
    n: i32,
    first: i32,
    #[comptime] turned: bool,
    #[comptime] reflect: bool,
) -> i32 {
    if comptime!(reflect) {
        let image = if comptime!(turned) { 2 * n - 1 - p } else { p };
        first + modulo(image - first, 2 * n)
    } else {
        p
    }
}

/// The first integer from `centre` − `half` on, clamped to 0..n. Rounded outwards.
#[cube]
fn low(centre: f32, half: f32, n: f32) -> usize {
    usize::cast_from(clamp((centre - half - 0.01).ceil(), f32::new(0.0), n))
}

/// One more than the last integer up to `centre` + `half`, clamped to 0..n.
#[cube]
fn high(centre: f32, half: f32, n: f32) -> usize {
    usize::cast_from(clamp((centre + half + 0.01).floor() + 1.0, f32::new(0.0), n))
}

/// The weight of a pixel at `q` in a look-up at `s`, along one axis.
#[cube]
fn share(s: f32, q: f32) -> f32 {
    max(1.0 - (s - q).abs(), f32::new(0.0))
}

/// dx ← the gradient `g` of the results, gathered for each pixel of x.
#[cube(launch, address_type = "dynamic")]
fn look_up_backward<F: Float>(
    g: &[F],
    maps: &[f32],
    dx: &mut [F],
    channels: usize,
    rows: usize,
    columns: usize,
    height: usize,
    width: usize,
    #[comptime] reflect: bool,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= dx.len() {
        terminate!();
    }
    let (channel, ix, iy, picture) = place_of(ABSOLUTE_POS, channels, width, height);
    let map = picture * comptime!(DESCRIPTION);
    let (first_x, last_x) = (i32::cast_from(maps[map + 12]), i32::cast_from(maps[map + 13]));
    let (first_y, last_y) = (i32::cast_from(maps[map + 14]), i32::cast_from(maps[map + 15]));
    let mut sum = f32::new(0.0);
    // Every position at which the pixel is visible: itself and, across reflecting borders, its
    // images of either orientation.
    let orientations = comptime!(if reflect { 2 } else { 1 });
    #[unroll]
    for turn_y in 0..orientations {
        let mut q_y =
            first_image(iy as i32, height as i32, first_y, comptime!(turn_y == 1), reflect);
        while q_y <= last_y {
            #[unroll]
            for turn_x in 0..orientations {
                let mut q_x =
                    first_image(ix as i32, width as i32, first_x, comptime!(turn_x == 1), reflect);
                while q_x <= last_x {
                    let (px, py) = (f32::cast_from(q_x), f32::cast_from(q_y));
                    let (tx, ty) = (px - maps[map + 2], py - maps[map + 5]);
                    let centre_x = maps[map + 6] * tx + maps[map + 7] * ty;
                    let centre_y = maps[map + 8] * tx + maps[map + 9] * ty;
                    let from_x = low(centre_x, maps[map + 10], f32::cast_from(columns));
                    let to_x = high(centre_x, maps[map + 10], f32::cast_from(columns));
                    let from_y = low(centre_y, maps[map + 11], f32::cast_from(rows));
                    let to_y = high(centre_y, maps[map + 11], f32::cast_from(rows));
                    for row in from_y..to_y {
                        for column in from_x..to_x {
                            let (sx, sy) = looked_at(maps, map, column, row);
                            let weight = share(sx, px) * share(sy, py);
                            let at = (picture * rows + row) * columns + column;
                            sum += f32::cast_from(g[at * channels + channel]) * weight;
                        }
                    }
                    q_x += period(width as i32, reflect);
                }
            }
            q_y += period(height as i32, reflect);
        }
    }
    dx[ABSOLUTE_POS] = F::cast_from(sum);
}

/// [`crate::look_up`].
pub(super) fn forward(x: &Image, lookups: &Lookups) -> Image {
    let y = x.room(lookups.extent, x.channels, x.data.dtype);
    let client = &x.data.client;
    let (count, dim) = spread(client, y.positions() * y.channels);
    look_up::launch(
        client,
        count,
        dim,
        address(&[&x.data, &y.data]),
        x.arg(),
        numbers(&x.data, &descriptions(lookups)),
        y.arg(),
        x.channels,
        y.extent[0],
        y.extent[1],
        x.extent[0],
        x.extent[1],
        lookups.border == Border::Reflect,
        element(&x.data),
    );
    y
}

/// The gradient of the pictures, of `extent`, from that of the look-up's result.
pub(super) fn backward(g: &Image, lookups: &Lookups, extent: [usize; 2]) -> Image {
    let dx = g.room(extent, g.channels, g.data.dtype);
    let client = &g.data.client;
    let (count, dim) = spread(client, dx.positions() * dx.channels);
    look_up_backward::launch(
        client,
        count,
        dim,
        address(&[&g.data, &dx.data]),
        g.arg(),
        numbers(&g.data, &descriptions(lookups)),
        dx.arg(),
        g.channels,
        g.extent[0],
        g.extent[1],
        extent[0],
        extent[1],
        lookups.border == Border::Reflect,
        element(&g.data),
    );
    dx
}
