//! Pillow's bicubic resizing of f32 pictures (`src/libImaging/Resample.c`, the `32bpc` functions):
//! weights and sums in f64, rounded to f32 after each of the two passes. Sums run from the first
//! pixel to the last, so the result is bit-exact.

use super::picture::{RGB, RgbPicture};
use fledge_pictures::kernel::{Kernel, Weights, columns_first};

/// Lines resized at a time: as many sums as fit the registers.
const LANES: usize = 12;

/// Resizes `picture`, whose levels map to `levels`, into `out` [3, side, side], clipped to the
/// values of levels 0 and 255.
pub(super) fn resize(picture: &RgbPicture, side: usize, levels: &[f32; 256], out: &mut [f32]) {
    let (width, height) = (picture.width, picture.height);
    // One line per row and channel: [height, 3, width].
    let mut lines = vec![0.0f32; height * RGB * width];
    for (row, lines) in
        picture.pixels.chunks_exact(width * RGB).zip(lines.chunks_exact_mut(RGB * width))
    {
        for (x, pixel) in row.chunks_exact(RGB).enumerate() {
            (0..RGB).for_each(|channel| {
                lines[channel * width + x] = levels[usize::from(pixel[channel])]
            });
        }
    }
    let weights = |source: usize| {
        (source != side).then(|| Kernel::BICUBIC.weights(source as u32, side as u32))
    };
    let (across, down) = (weights(width), weights(height));
    let lines = if columns_first((width as u32, height as u32), (side as u32, side as u32)) {
        along_rows(along_columns(lines, RGB * width, down.as_ref()), width, across.as_ref())
    } else {
        along_columns(along_rows(lines, width, across.as_ref()), RGB * side, down.as_ref())
    }; // [side, 3, side]
    for (channel, plane) in out.chunks_exact_mut(side * side).enumerate() {
        for (to, row) in plane.chunks_exact_mut(side).zip(lines.chunks_exact(RGB * side)) {
            let line = &row[channel * side..][..side];
            to.iter_mut().zip(line).for_each(|(to, v)| *to = v.clamp(levels[0], levels[255]));
        }
    }
}

/// Resizes each line of `length` values to the number of weights; without weights, returns the
/// lines unchanged.
fn along_rows(lines: Vec<f32>, length: usize, weights: Option<&Weights>) -> Vec<f32> {
    let Some(weights) = weights else { return lines };
    let side = weights.spans.len();
    let mut resized = vec![0.0f32; lines.len() / length * side];
    // Several lines interleaved, position by position.
    let mut beside = vec![[0f64; LANES]; length];
    for (lines, resized) in lines.chunks(LANES * length).zip(resized.chunks_mut(LANES * side)) {
        for (lane, line) in lines.chunks_exact(length).enumerate() {
            beside.iter_mut().zip(line).for_each(|(to, v)| to[lane] = f64::from(*v));
        }
        for (i, (start, weights)) in weights.iter().enumerate() {
            let mut sums = [0f64; LANES];
            for (values, &weight) in beside[start..].iter().zip(weights) {
                for lane in 0..LANES {
                    sums[lane] += values[lane] * weight;
                }
            }
            resized
                .iter_mut()
                .skip(i)
                .step_by(side)
                .zip(sums)
                .for_each(|(to, sum)| *to = sum as f32);
        }
    }
    resized
}

/// Resizes the number of rows, each of `length` values, to the number of weights; without weights,
/// returns the rows unchanged.
fn along_columns(rows: Vec<f32>, length: usize, weights: Option<&Weights>) -> Vec<f32> {
    let Some(weights) = weights else { return rows };
    let mut resized = vec![0.0f32; weights.spans.len() * length];
    let mut sums = vec![0f64; length];
    for ((start, weights), to) in weights.iter().zip(resized.chunks_exact_mut(length)) {
        sums.fill(0.0);
        for (row, &weight) in rows[start * length..].chunks_exact(length).zip(weights) {
            sums.iter_mut().zip(row).for_each(|(sum, v)| *sum += f64::from(*v) * weight);
        }
        to.iter_mut().zip(&sums).for_each(|(to, sum)| *to = *sum as f32);
    }
    resized
}
