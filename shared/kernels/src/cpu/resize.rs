//! Doubling of channels-last pictures and its transpose, a row at a time.

use rayon::prelude::*;

use super::image::Image;
use super::memory::Buffer;
use crate::Upsample;

/// to ← Σ weight·from over `taps`; `row` returns a source's numbers.
fn mix<'a, const N: usize>(
    to: &mut [f32],
    taps: [(usize, f32); N],
    row: impl Fn(usize) -> &'a [f32],
) {
    let mut first = true;
    for (at, weight) in taps.into_iter().filter(|(_, weight)| *weight != 0.0) {
        let from = row(at);
        if first {
            to.iter_mut().zip(from).for_each(|(t, f)| *t = weight * f);
        } else {
            to.iter_mut().zip(from).for_each(|(t, f)| *t += weight * f);
        }
        first = false;
    }
}

/// [B, h, w, C] → [B, oh, ow, C], each axis by `taps` of its position and its source's extent.
fn separable<const N: usize>(
    x: &Image,
    [oh, ow]: [usize; 2],
    taps: impl Fn(usize, usize) -> [(usize, f32); N] + Sync,
) -> Buffer {
    let [batch, channels, h, w] = x.shape;
    let source = x.values();
    let mut y = Buffer::any(batch * oh * ow * channels);
    y.par_chunks_mut(ow * channels).enumerate().for_each_init(
        || vec![0.0; w * channels],
        |line, (row, y)| {
            let picture = &source[row / oh * h * w * channels..][..h * w * channels];
            mix(line, taps(row % oh, oh), |at| &picture[at * w * channels..][..w * channels]);
            for (column, y) in y.chunks_mut(channels).enumerate() {
                mix(y, taps(column, ow), |at| &line[at * channels..][..channels]);
            }
        },
    );
    y
}

/// Pictures of double the extent.
pub(super) fn double(x: &Image, mode: Upsample) -> Buffer {
    let [_, _, h, w] = x.shape;
    separable(x, [2 * h, 2 * w], |o, n| mode.sources(o, n / 2))
}

/// The transpose of [`double`].
pub(super) fn halve(g: &Image, mode: Upsample) -> Buffer {
    let [_, _, h, w] = g.shape;
    separable(g, [h / 2, w / 2], |i, n| mode.shown_by(i, n))
}
