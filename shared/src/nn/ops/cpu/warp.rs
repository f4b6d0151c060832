//! Affine look-up of channels-last pictures with bilinear sampling, and its exact transpose.

use rayon::prelude::*;

use super::image::Image;
use super::memory::Buffer;
use crate::nn::ops::Affine;

/// Each picture of `x` looked up through its own map; `None` leaves it as it is.
pub(super) fn forward(x: &Image, maps: &[Option<Affine>]) -> Buffer {
    let [_, channels, h, w] = x.shape;
    let source = x.values();
    let mut y = Buffer::any(source.len());
    y.par_chunks_mut(w * channels).enumerate().for_each(|(line, y)| {
        let (picture, row) = (line / h, line % h);
        let Some(map) = &maps[picture] else { return y.copy_from_slice(&source[line * w * channels..][..w * channels]) };
        let source = &source[picture * h * w * channels..][..h * w * channels];
        for (column, y) in y.chunks_mut(channels).enumerate() {
            let taps = map.taps(column, row, h, w);
            let [a, b, c, d] = taps.map(|(at, _)| &source[at * channels..][..channels]);
            for (i, y) in y.iter_mut().enumerate() {
                *y = a[i] * taps[0].1 + b[i] * taps[1].1 + c[i] * taps[2].1 + d[i] * taps[3].1;
            }
        }
    });
    y
}

/// The gradient of the pictures from that of the result: what each output showed gets its share, picture by picture.
pub(super) fn backward(g: &Image, maps: &[Option<Affine>]) -> Buffer {
    let [_, channels, h, w] = g.shape;
    let mut dx = Buffer::any(g.values().len());
    let len = h * w * channels;
    dx.par_chunks_mut(len).zip(g.values().par_chunks(len)).zip(maps).for_each(|((dx, g), map)| {
        let Some(map) = map else { return dx.copy_from_slice(g) };
        dx.fill(0.0);
        for (i, g) in g.chunks(channels).enumerate() {
            for (at, weight) in map.taps(i % w, i / w, h, w) {
                dx[at * channels..][..channels].iter_mut().zip(g).for_each(|(d, g)| *d += g * weight);
            }
        }
    });
    dx
}
