//! Resampling by a kernel, equal in every byte to Pillow (`src/libImaging/Resample.c`).
//!
//! When shrinking, the kernel is as wide as the footprint of a target pixel, so that no source
//! pixel is skipped.
//! Weights are normalised in f64 and rounded to 22 bits; columns are resampled first, to 8 bits,
//! then rows.

use shared::picture::kernel::{Kernel, Weights, columns_first};
use shared::picture::{Picture, Window};

use super::rows::line;

/// Fractional bits of a weight: 32 less 8 for the pixel and 2 for sign and overshoot, as in Pillow.
const PRECISION: u32 = 32 - 8 - 2;
/// The start of every sum: one half in units of the result, so that truncating rounds, plus a power
/// of two so large that the last bits of the f64 are the integer added to it.
/// Weights are integers and their sums stay below 2³¹, so that f64 is exact; it is used because the
/// baseline instructions of x86-64 multiply f64 faster than i32.
const START: f64 = (3u64 << 51) as f64 + (1u64 << (PRECISION - 1)) as f64;
/// Values computed at a time: whole pixels of 1, 3 and 4 channels, and no more than the registers
/// hold.
const LANES: usize = 12;

/// The kernel's weights as integers, in units of 2 to the power of minus [`PRECISION`].
fn whole_weights(source: u32, target: u32, kernel: &Kernel) -> Weights {
    let mut weights = kernel.weights(source, target);
    let one = f64::from(1 << PRECISION);
    weights.values.iter_mut().for_each(|v| *v = (*v * one + 0.5f64.copysign(*v)).trunc());
    weights
}

/// The sum of `line` times the weights, for each target pixel: rounded and clipped.
fn sums(weights: &Weights, line: &[[f64; LANES]]) -> impl Iterator<Item = [u8; LANES]> {
    weights.iter().map(move |(start, weights)| {
        let mut sums = [START; LANES];
        for (values, &weight) in line[start..].iter().zip(weights) {
            for c in 0..LANES {
                sums[c] += values[c] * weight;
            }
        }
        sums.map(|sum| ((sum.to_bits() as i32) >> PRECISION).clamp(0, 255) as u8)
    })
}

/// The window scaled: N channels.
pub(super) fn scale<const N: usize>(
    picture: &Picture,
    window: Window,
    width: u32,
    height: u32,
    kernel: &Kernel,
) -> Vec<u8> {
    let rows: Vec<&[u8]> =
        (0..window.height as usize).map(|row| line(picture, window, row)).collect();
    // An axis that keeps its length is skipped: with these kernels its weights would be 1 and
    // zeros.
    let across = (width != window.width).then(|| whole_weights(window.width, width, kernel));
    let down = (height != window.height).then(|| whole_weights(window.height, height, kernel));
    match (across, down) {
        (None, None) => rows.concat(),
        (Some(across), None) => along_rows::<N>(&rows, &across),
        (None, Some(down)) => along_columns(&rows, &down),
        (Some(across), Some(down))
            if columns_first((window.width, window.height), (width, height)) =>
        {
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

/// Resamples every row; several rows at a time.
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
        for (x, pixels) in sums(weights, &line).enumerate() {
            for (bytes, pixel) in bytes.chunks_exact_mut(length).zip(pixels.as_chunks::<N>().0) {
                bytes[x * N..][..N].copy_from_slice(pixel);
            }
        }
    }
    bytes
}

/// Resamples every column; several columns at a time.
fn along_columns(rows: &[&[u8]], weights: &Weights) -> Vec<u8> {
    let length = rows.first().map_or(0, |row| row.len());
    let mut bytes = vec![0; weights.spans.len() * length];
    let mut line = vec![[0f64; LANES]; rows.len()];
    for start in (0..length).step_by(LANES) {
        let end = length.min(start + LANES);
        for (to, row) in line.iter_mut().zip(rows) {
            to.iter_mut().zip(&row[start..end]).for_each(|(to, &byte)| *to = f64::from(byte));
        }
        for (bytes, values) in bytes.chunks_exact_mut(length).zip(sums(weights, &line)) {
            bytes[start..end].copy_from_slice(&values[..end - start]);
        }
    }
    bytes
}
