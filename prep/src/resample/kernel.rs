//! Resampling by a kernel as Pillow does it (`src/libImaging/Resample.c`), equal in every byte: the kernel is as wide as the
//! footprint of a target pixel when shrinking, so that nothing is skipped; weights are normalised in f64 and rounded to 22 bits;
//! columns first, to 8 bits, then rows.

use std::f64::consts::PI;

use shared::picture::{Picture, Window};

use super::line;

/// Bits behind the point in a weight: 32 less 8 for the pixel and 2 for sign and overshoot, as in Pillow.
const PRECISION: u32 = 32 - 8 - 2;
/// What a sum starts with: a half in those bits, so that cutting them off rounds; and in f64 a number so large that its last bits
/// are the whole number that was added to it. Weights are whole numbers and their sums stay below 2³¹, so that f64 is exact; it
/// is used because the base instructions of x86-64 multiply f64 faster than i32.
const START: f64 = (3u64 << 51) as f64 + (1u64 << (PRECISION - 1)) as f64;
/// Values that are computed at a time: whole pixels of 1, 3 and 4 channels, and no more than there are registers for.
const LANES: usize = 12;

/// A function around 0, and how far it reaches.
pub(super) struct Kernel {
    support: f64,
    value: fn(f64) -> f64,
}

/// 1 - |x|.
pub(super) const BILINEAR: Kernel = Kernel { support: 1.0, value: |x| (1.0 - x.abs()).max(0.0) };
/// Keys, "Cubic convolution interpolation for digital image processing" (1981), with a = -½.
pub(super) const BICUBIC: Kernel = Kernel { support: 2.0, value: cubic };
/// sinc(x) · sinc(x/3).
pub(super) const LANCZOS: Kernel = Kernel { support: 3.0, value: lanczos };

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

/// For each target pixel along one axis, the source pixels that count and their weights.
struct Weights {
    /// First source pixel of each, and how many.
    spans: Vec<(usize, usize)>,
    /// Weights of all, one after the other.
    values: Vec<f64>,
}

impl Weights {
    fn new(source: u32, target: u32, kernel: &Kernel) -> Self {
        let scale = f64::from(source) / f64::from(target);
        let widened = scale.max(1.0);
        let support = kernel.support * widened;
        let mut weights = Self { spans: Vec::with_capacity(target as usize), values: Vec::new() };
        let mut exact = Vec::new();
        for i in 0..target {
            let center = (f64::from(i) + 0.5) * scale;
            let start = (center - support + 0.5).max(0.0) as usize;
            let end = ((center + support + 0.5) as usize).min(source as usize);
            let inverse = 1.0 / widened;
            exact.clear();
            exact.extend((start..end).map(|x| (kernel.value)((x as f64 - center + 0.5) * inverse)));
            let total: f64 = exact.iter().sum();
            let one = f64::from(1 << PRECISION);
            weights.values.extend(exact.iter().map(|v| {
                let v = if total == 0.0 { *v } else { v / total };
                (v * one + 0.5f64.copysign(v)).trunc()
            }));
            weights.spans.push((start, end - start));
        }
        weights
    }

    /// The sum of `line` times the weights, for each target pixel: without its fraction, and clipped.
    fn sums(&self, line: &[[f64; LANES]]) -> impl Iterator<Item = [u8; LANES]> {
        let mut rest = &self.values[..];
        self.spans.iter().map(move |&(start, len)| {
            let (weights, later) = rest.split_at(len);
            rest = later;
            let mut sums = [START; LANES];
            for (values, &weight) in line[start..].iter().zip(weights) {
                for c in 0..LANES {
                    sums[c] += values[c] * weight;
                }
            }
            sums.map(|sum| ((sum.to_bits() as i32) >> PRECISION).clamp(0, 255) as u8)
        })
    }
}

/// The window scaled: N channels.
pub(super) fn scale<const N: usize>(picture: &Picture, window: Window, width: u32, height: u32, kernel: &Kernel) -> Vec<u8> {
    let rows: Vec<&[u8]> = (0..window.height as usize).map(|row| line(picture, window, row)).collect();
    // An axis that keeps its length is left alone; with these kernels its weights would be 1 and zeros anyhow.
    let across = (width != window.width).then(|| Weights::new(window.width, width, kernel));
    let down = (height != window.height).then(|| Weights::new(window.height, height, kernel));
    match (across, down) {
        (None, None) => rows.concat(),
        (Some(across), None) => along_rows::<N>(&rows, &across),
        (None, Some(down)) => along_columns(&rows, &down),
        (Some(across), Some(down)) if columns_first(window, width, height) => {
            let flat = along_columns(&rows, &down);
            let rows: Vec<&[u8]> = flat.chunks_exact(window.width as usize * N).collect();
            along_rows::<N>(&rows, &across)
        }
        (Some(across), Some(down)) => {
            let narrow = along_rows::<N>(&rows, &across);
            let rows: Vec<&[u8]> = narrow.chunks_exact(width as usize * N).collect();
            along_columns(&rows, &down)
        }
    }
}

/// Whether columns become shorter before rows do. That shows, because the first pass rounds to bytes. This is the rule of Pillow
/// 13: the height shrinks, and by more than twice as many pixels as the width. Before that version rows always came first.
fn columns_first(window: Window, width: u32, height: u32) -> bool {
    let (across, down) = (i64::from(window.width) - i64::from(width), i64::from(window.height) - i64::from(height));
    down > 0 && down > 2 * across
}

/// Each row becomes as long as there are weights. Several rows are computed at a time.
fn along_rows<const N: usize>(rows: &[&[u8]], weights: &Weights) -> Vec<u8> {
    let length = weights.spans.len() * N;
    let mut bytes = vec![0; rows.len() * length];
    let mut line = vec![[0f64; LANES]; rows.first().map_or(0, |row| row.len() / N)];
    for (rows, bytes) in rows.chunks(LANES / N).zip(bytes.chunks_mut(LANES / N * length)) {
        for (i, row) in rows.iter().enumerate() {
            for (to, pixel) in line.iter_mut().zip(row.as_chunks::<N>().0) {
                (0..N).for_each(|c| to[i * N + c] = f64::from(pixel[c]));
            }
        }
        for (x, pixels) in weights.sums(&line).enumerate() {
            for (bytes, pixel) in bytes.chunks_exact_mut(length).zip(pixels.as_chunks::<N>().0) {
                bytes[x * N..][..N].copy_from_slice(pixel);
            }
        }
    }
    bytes
}

/// Each column becomes as long as there are weights. Several columns are computed at a time.
fn along_columns(rows: &[&[u8]], weights: &Weights) -> Vec<u8> {
    let length = rows.first().map_or(0, |row| row.len());
    let mut bytes = vec![0; weights.spans.len() * length];
    let mut line = vec![[0f64; LANES]; rows.len()];
    for start in (0..length).step_by(LANES) {
        let end = length.min(start + LANES);
        for (to, row) in line.iter_mut().zip(rows) {
            to.iter_mut().zip(&row[start..end]).for_each(|(to, &byte)| *to = f64::from(byte));
        }
        for (bytes, values) in bytes.chunks_exact_mut(length).zip(weights.sums(&line)) {
            bytes[start..end].copy_from_slice(&values[..end - start]);
        }
    }
    bytes
}
