//! Pooling and concatenation of channels-last pictures, for inference.

use std::ops::Range;

use burn_flex::FlexTensor;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::image::Image;
use super::memory::Buffer;
use super::simd::{arch, load, store};

/// The reduction of a 3×3 window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pool {
    /// The largest value.
    Max,
    /// The mean over the pixels inside the picture.
    Average,
}

/// One window of a picture [h, w, channels], and the destination of its result.
struct Window<'a> {
    picture: &'a [f32],
    w: usize,
    rows: Range<usize>,
    columns: Range<usize>,
    pool: Pool,
    y: &'a mut [f32],
}

impl WithSimd for Window<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let channels = self.y.len();
        let share = simd.splat_f32s(1.0 / (self.rows.len() * self.columns.len()) as f32);
        for c in (0..channels).step_by(S::F32_LANES) {
            let mut found =
                simd.splat_f32s(if self.pool == Pool::Max { f32::NEG_INFINITY } else { 0.0 });
            for r in self.rows.clone() {
                for q in self.columns.clone() {
                    let x = load(simd, &self.picture[(r * self.w + q) * channels..][..channels], c);
                    found = if self.pool == Pool::Max {
                        simd.max_f32s(x, found)
                    } else {
                        simd.add_f32s(x, found)
                    };
                }
            }
            store(
                simd,
                self.y,
                c,
                if self.pool == Pool::Max { found } else { simd.mul_f32s(found, share) },
            );
        }
    }
}

/// 3×3 windows, `stride` apart; the `padding` outside the picture is excluded.
pub(crate) fn pool(x: FlexTensor, pool: Pool, stride: usize, padding: usize) -> FlexTensor {
    let x = Image::of(x);
    let [batch, channels, h, w] = x.shape;
    let [oh, ow] = [h, w].map(|n| (n + 2 * padding - 3) / stride + 1);
    let source = x.values();
    let mut y = Buffer::any(batch * oh * ow * channels);
    y.par_chunks_mut(ow * channels).enumerate().for_each(|(row, line)| {
        let picture = &source[row / oh * h * w * channels..][..h * w * channels];
        let around = |o: usize, n: usize| {
            (o * stride).saturating_sub(padding)..(o * stride + 3 - padding).min(n)
        };
        for (ox, y) in line.chunks_mut(channels).enumerate() {
            arch().dispatch(Window {
                picture,
                w,
                rows: around(row % oh, h),
                columns: around(ox, w),
                pool,
                y,
            });
        }
    });
    Image::tensor(y, [batch, channels, oh, ow])
}

/// Concatenates pictures of equal size along the channels.
pub(crate) fn join(parts: Vec<FlexTensor>) -> FlexTensor {
    let parts: Vec<Image> = parts.into_iter().map(Image::of).collect();
    let [batch, _, h, w] = parts[0].shape;
    let channels = parts.iter().map(|p| p.shape[1]).sum();
    let mut y = Buffer::any(batch * h * w * channels);
    y.par_chunks_mut(w * channels).enumerate().for_each(|(row, line)| {
        for (x, pixel) in line.chunks_mut(channels).enumerate() {
            let mut at = 0;
            for part in &parts {
                let width = part.shape[1];
                pixel[at..at + width]
                    .copy_from_slice(&part.values()[(row * w + x) * width..][..width]);
                at += width;
            }
        }
    });
    Image::tensor(y, [batch, channels, h, w])
}
