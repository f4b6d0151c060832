//! Resampling kernels as Pillow has them (`src/libImaging/Resample.c`, `precompute_coeffs`): as
//! wide as the footprint of a target pixel when shrinking, so that nothing is skipped. Weights are
//! in f64; the caller rounds as the mode of the picture asks.
//!
//! ```
//! use fledge_pictures::kernel::Kernel;
//!
//! // Half the pixels: each target is a sum of source pixels whose weights sum to 1.
//! let weights = Kernel::BILINEAR.weights(8, 4);
//! assert_eq!(weights.iter().count(), 4);
//! assert!(weights.iter().all(|(_, factors)| (factors.iter().sum::<f64>() - 1.0).abs() < 1e-12));
//! ```

use std::f64::consts::PI;

/// A function around 0, and how far it reaches.
#[derive(Clone, Copy, Debug)]
pub struct Kernel {
    support: f64,
    value: fn(f64) -> f64,
}

/// For each target pixel along one axis, the source pixels that count and their weights, which add
/// up to 1.
#[derive(Clone, Debug)]
pub struct Weights {
    /// First source pixel of each, and how many.
    pub spans: Vec<(usize, usize)>,
    /// Weights of all, one after the other.
    pub values: Vec<f64>,
}

impl Kernel {
    /// 1 - |x|.
    pub const BILINEAR: Self = Self { support: 1.0, value: |x| (1.0 - x.abs()).max(0.0) };
    /// Keys, "Cubic convolution interpolation for digital image processing" (1981), with a = -½.
    pub const BICUBIC: Self = Self { support: 2.0, value: cubic };
    /// sinc(x) · sinc(x/3).
    pub const LANCZOS: Self = Self { support: 3.0, value: lanczos };

    /// The weights that scale `source` pixels to `target`; both at least 1.
    #[must_use]
    pub fn weights(&self, source: u32, target: u32) -> Weights {
        let scale = f64::from(source) / f64::from(target);
        let widened = scale.max(1.0);
        let (support, inverse) = (self.support * widened, 1.0 / widened);
        let mut weights =
            Weights { spans: Vec::with_capacity(target as usize), values: Vec::new() };
        for i in 0..target {
            let center = (f64::from(i) + 0.5) * scale;
            let start = (center - support + 0.5).max(0.0) as usize;
            let end = ((center + support + 0.5) as usize).min(source as usize);
            let first = weights.values.len();
            weights
                .values
                .extend((start..end).map(|x| (self.value)((x as f64 - center + 0.5) * inverse)));
            let own = &mut weights.values[first..];
            let total: f64 = own.iter().sum();
            if total != 0.0 {
                own.iter_mut().for_each(|v| *v /= total);
            }
            weights.spans.push((start, end - start));
        }
        weights
    }
}

impl Weights {
    /// First source pixel and weights of each target pixel.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &[f64])> {
        let mut rest = &self.values[..];
        self.spans.iter().map(move |&(start, len)| {
            let (own, later) = rest.split_at(len);
            rest = later;
            (start, own)
        })
    }
}

fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    match x.abs() {
        x if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
        x if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
        _ => 0.0,
    }
}

fn lanczos(x: f64) -> f64 {
    if (-3.0..3.0).contains(&x) { sinc(x) * sinc(x / 3.0) } else { 0.0 }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { libm::sin(x * PI) / (x * PI) }
}

/// Returns true if columns are resampled before rows, from (width, height) `from` to `to`. The
/// order matters, because the first pass rounds. This is the rule of Pillow 13: the height shrinks,
/// and by more than twice as many pixels as the width. Before that version rows always came first.
#[must_use]
pub fn columns_first(from: (u32, u32), to: (u32, u32)) -> bool {
    let (across, down) = (i64::from(from.0) - i64::from(to.0), i64::from(from.1) - i64::from(to.1));
    down > 0 && down > 2 * across
}
