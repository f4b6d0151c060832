//! Area resampling, equal to `tf.image.resize(method="area")`.
//!
//! Every target pixel is the mean of the source over its exact footprint, fractions of pixels
//! included, also when enlarging.
//! The order of operations and float32 follow TensorFlow's
//! `tensorflow/core/kernels/image/resize_area_op.cc`, so that the results agree to the last bit.
//!
//! One value is Σ_y (Σ_x pixel · column weight) · row weight, each sum in the order of the source,
//! times 1/(height scale · width scale).
//! That order is kept for every value.
//! The inner sums are computed once per source row for all target columns, because a row at the
//! border of two target rows counts in both.

use shared::picture::{Picture, Window};

use super::rows::line;

/// The source pixels below each target pixel along one axis, and their weights.
struct Footprints {
    /// Source pixels per target pixel.
    scale: f32,
    /// Number of weights of a footprint: that of the longest. Shorter ones end in zeros, which do
    /// not change a non-negative sum.
    taps: usize,
    /// The first source pixel of each.
    starts: Vec<usize>,
    /// `taps` of each.
    weights: Vec<f32>,
}

impl Footprints {
    /// The footprints of `target` pixels over `source` pixels.
    fn new(source: u32, target: u32) -> Self {
        let scale = source as f32 / target as f32;
        let edges: Vec<f32> = (0..=target).map(|i| i as f32 * scale).collect();
        let span = |edges: &[f32]| (edges[0] as usize, edges[1].ceil() as usize);
        let taps = edges.windows(2).map(span).map(|(start, end)| end - start).max().unwrap_or(0);
        let mut weights = Vec::with_capacity(target as usize * taps);
        for (i, edges) in edges.windows(2).enumerate() {
            let (from, to) = (edges[0], edges[1]);
            let (start, end) = span(edges);
            weights.extend((start..end).map(|pixel| {
                let pixel = pixel as f32;
                match (pixel < from, pixel + 1.0 > to) {
                    (true, true) => scale,
                    (true, false) => pixel + 1.0 - from,
                    (false, true) => to - pixel,
                    (false, false) => 1.0,
                }
            }));
            weights.resize((i + 1) * taps, 0.0);
        }
        Self { scale, taps, starts: edges.windows(2).map(|edges| span(edges).0).collect(), weights }
    }

    /// One beyond the last source pixel that any weight, zeros included, falls on.
    fn reach(&self) -> usize {
        self.starts.iter().max().map_or(0, |start| start + self.taps)
    }

    /// The first source pixel and the weights of each.
    fn iter(&self) -> impl Iterator<Item = (usize, &[f32])> {
        self.starts.iter().copied().zip(self.weights.chunks_exact(self.taps.max(1)))
    }
}

/// The window scaled: N channels, computed in L ≥ N lanes.
///
/// A mean v in [0, 255] becomes the byte ⌊clip(v/255, 0, 1)·255 + ½⌋, in float32, as in the
/// reference.
pub(super) fn scale<const N: usize, const L: usize>(
    picture: &Picture,
    window: Window,
    width: u32,
    height: u32,
) -> Vec<u8> {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the feature is detected on this machine.
        return unsafe { scale_with_vectors::<N, L>(picture, window, width, height) };
    }
    scale_any::<N, L>(picture, window, width, height)
}

/// The same code compiled for wider registers: the same operations on each value, none fused, so
/// the same bytes.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn scale_with_vectors<const N: usize, const L: usize>(
    picture: &Picture,
    window: Window,
    width: u32,
    height: u32,
) -> Vec<u8> {
    scale_any::<N, L>(picture, window, width, height)
}

#[inline(always)]
fn scale_any<const N: usize, const L: usize>(
    picture: &Picture,
    window: Window,
    width: u32,
    height: u32,
) -> Vec<u8> {
    let (rows, columns) =
        (Footprints::new(window.height, height), Footprints::new(window.width, width));
    let scale = 1.0 / (rows.scale * columns.scale);
    let values = width as usize * N;
    let mut row_sums = RowSums::<N, L>::new(picture, window, &columns);
    let mut sums = vec![0f32; values];
    let mut bytes = vec![0; values * height as usize];
    for ((start, weights), bytes) in rows.iter().zip(bytes.chunks_exact_mut(values)) {
        sums.fill(0.0);
        for (y, &weight) in (start..).zip(weights).filter(|(_, weight)| **weight > 0.0) {
            // Rounding in float32 can put the end of the last footprint one pixel beyond the edge.
            let row = row_sums.of(y.min(window.height as usize - 1));
            sums.iter_mut().zip(row).for_each(|(sum, row)| *sum += row * weight);
        }
        for (byte, sum) in bytes.iter_mut().zip(&sums) {
            *byte = floor((sum * scale / 255.0).min(1.0) * 255.0 + 0.5);
        }
    }
    bytes
}

/// ⌊v⌋ of 0 ≤ v < 256, like `as u8`, but vectorized: `as u8` has to check each value.
#[inline(always)]
fn floor(v: f32) -> u8 {
    // It has no bits for fractions, so that adding it rounds, and the bits of the sum end in the
    // whole number.
    const WHOLE: f32 = (1 << 23) as f32;
    let rounded = v + WHOLE;
    // It never wraps, but in builds with overflow checks the check would cost more than the rest.
    rounded.to_bits().wrapping_sub(u32::from(rounded - WHOLE > v)) as u8
}

/// The sums along one source row, for all target columns.
///
/// The last row is kept, because a row below several target rows is asked for several times in a
/// row.
struct RowSums<'a, const N: usize, const L: usize> {
    picture: &'a Picture,
    window: Window,
    columns: &'a Footprints,
    row: Option<usize>,
    /// The source row, its last pixel repeated for footprints that end beyond it, padded for the
    /// lanes of the last pixel.
    line: Vec<f32>,
    /// A value per channel and target column, padded for the lanes of the last.
    sums: Vec<f32>,
    /// The columns' weights, each for all lanes.
    weights: Vec<[f32; L]>,
}

impl<'a, const N: usize, const L: usize> RowSums<'a, N, L> {
    fn new(picture: &'a Picture, window: Window, columns: &'a Footprints) -> Self {
        let line = vec![0.0; columns.reach().max(window.width as usize) * N + L - N];
        let weights = columns.weights.iter().map(|&weight| [weight; L]).collect();
        Self {
            picture,
            window,
            columns,
            row: None,
            line,
            sums: vec![0.0; columns.starts.len() * N + L - N],
            weights,
        }
    }

    /// The sums of the window's row `row`.
    #[inline(always)]
    fn of(&mut self, row: usize) -> &[f32] {
        if self.row != Some(row) {
            self.row = Some(row);
            self.load(row);
            let (line, starts, weights, sums) =
                (&self.line[..], &self.columns.starts[..], &self.weights[..], &mut self.sums[..]);
            // Loops of a constant length are unrolled.
            match self.columns.taps {
                1 => add_up::<N, L, 1>(line, starts, weights, sums),
                2 => add_up::<N, L, 2>(line, starts, weights, sums),
                3 => add_up::<N, L, 3>(line, starts, weights, sums),
                4 => add_up::<N, L, 4>(line, starts, weights, sums),
                5 => add_up::<N, L, 5>(line, starts, weights, sums),
                6 => add_up::<N, L, 6>(line, starts, weights, sums),
                7 => add_up::<N, L, 7>(line, starts, weights, sums),
                8 => add_up::<N, L, 8>(line, starts, weights, sums),
                taps => add_up_many::<N, L>(line, starts, weights.chunks_exact(taps.max(1)), sums),
            }
        }
        &self.sums
    }

    /// Puts the window's row `row` into the line.
    #[inline(always)]
    fn load(&mut self, row: usize) {
        let source = line(self.picture, self.window, row);
        let (within, beyond) = self.line.split_at_mut(source.len());
        within.iter_mut().zip(source).for_each(|(to, &byte)| *to = f32::from(byte));
        beyond
            .iter_mut()
            .zip(source[source.len() - N..].iter().cycle())
            .for_each(|(to, &byte)| *to = f32::from(byte));
    }
}

/// For every footprint of K pixels, the sum of `line` times its weights.
// Inlined into its caller it would run out of registers and be a third slower.
#[inline(never)]
fn add_up<const N: usize, const L: usize, const K: usize>(
    line: &[f32],
    starts: &[usize],
    weights: &[[f32; L]],
    sums: &mut [f32],
) {
    let (weights, _) = weights.as_chunks::<K>();
    for (i, (&start, weights)) in starts.iter().zip(weights).enumerate() {
        let pixels = &line[start * N..][..(K - 1) * N + L];
        let mut sum = [0f32; L];
        for c in 0..L {
            sum[c] = pixels[c] * weights[0][c];
        }
        for k in 1..K {
            for c in 0..L {
                sum[c] += pixels[k * N + c] * weights[k][c];
            }
        }
        // The lanes beyond the channels are overwritten by the next column.
        sums[i * N..][..L].copy_from_slice(&sum);
    }
}

/// [`add_up`] for footprints of any length.
fn add_up_many<'a, const N: usize, const L: usize>(
    line: &[f32],
    starts: &[usize],
    weights: impl Iterator<Item = &'a [[f32; L]]>,
    sums: &mut [f32],
) {
    for (i, (&start, weights)) in starts.iter().zip(weights).enumerate() {
        let mut sum = [0f32; L];
        for (pixel, weight) in line[start * N..].windows(L).step_by(N).zip(weights) {
            for c in 0..L {
                sum[c] += pixel[c] * weight[c];
            }
        }
        sums[i * N..][..L].copy_from_slice(&sum);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::scale::tests::drawn;
    use super::super::scale::{Resampling, crop_and_resize};
    use super::*;

    fn area(picture: &Picture, window: Window, width: u32, height: u32) -> Vec<u8> {
        crop_and_resize(picture, window, width, height, Resampling::Area)
    }

    fn grey(width: u32, pixels: &[u8]) -> Picture {
        Picture { width, height: pixels.len() as u32 / width, channels: 1, pixels: pixels.to_vec() }
    }

    /// The first pixel below each target pixel, and the weights.
    fn plain_footprints(source: u32, target: u32) -> (f32, Vec<(usize, Vec<f32>)>) {
        let scale = source as f32 / target as f32;
        let footprint = |i: u32| {
            let (from, to) = (i as f32 * scale, (i + 1) as f32 * scale);
            let part = |pixel: usize| {
                let pixel = pixel as f32;
                match (pixel < from, pixel + 1.0 > to) {
                    (true, true) => scale,
                    (true, false) => pixel + 1.0 - from,
                    (false, true) => to - pixel,
                    (false, false) => 1.0,
                }
            };
            let (start, end) = (from.floor() as usize, to.ceil() as usize);
            (start, (start..end).map(part).collect())
        };
        (scale, (0..target).map(footprint).collect())
    }

    /// TensorFlow's loops, unchanged: target row, target column, source row, source column,
    /// channel.
    fn plain(picture: &Picture, window: Window, width: u32, height: u32) -> Vec<u8> {
        let n = picture.channels as usize;
        let (height_scale, rows) = plain_footprints(window.height, height);
        let (width_scale, columns) = plain_footprints(window.width, width);
        let scale = 1.0 / (height_scale * width_scale);
        let mut bytes = Vec::new();
        for (first_row, row_weights) in &rows {
            for (first_column, column_weights) in &columns {
                for channel in 0..n {
                    let mut sum = 0f32;
                    for (y, row_weight) in (*first_row..).zip(row_weights) {
                        let y = y.min(window.height as usize - 1) + window.top as usize;
                        let mut row_sum = 0f32;
                        for (x, weight) in (*first_column..).zip(column_weights) {
                            let x = x.min(window.width as usize - 1) + window.left as usize;
                            row_sum +=
                                f32::from(picture.pixels[y * picture.stride() + x * n + channel])
                                    * weight;
                        }
                        sum += row_sum * row_weight;
                    }
                    bytes.push(((sum * scale / 255.0).clamp(0.0, 1.0) * 255.0 + 0.5) as u8);
                }
            }
        }
        bytes
    }

    #[test]
    fn halving_takes_the_mean_of_four() {
        let picture = grey(4, &[0, 10, 20, 30, 10, 20, 30, 41, 0, 0, 255, 255, 0, 0, 255, 255]);
        assert_eq!(area(&picture, Window::whole(4, 4), 2, 2), [10, 30, 0, 255]);
    }

    #[test]
    fn fractions_of_pixels_count_by_their_part() {
        // Three columns to two: the middle one belongs half to each.
        let picture = grey(3, &[0, 90, 180, 0, 90, 180, 0, 90, 180]);
        assert_eq!(area(&picture, Window::whole(3, 3), 2, 2), [30, 150, 30, 150]);
    }

    #[test]
    fn only_the_window_counts() {
        let picture = grey(3, &[1, 1, 1, 1, 7, 9, 1, 3, 5]);
        let window = Window { left: 1, top: 1, width: 2, height: 2 };
        assert_eq!(area(&picture, window, 2, 2), [7, 9, 3, 5]);
        assert_eq!(area(&picture, window, 1, 1), [6]);
    }

    #[test]
    fn a_byte_that_is_not_scaled_stays_itself_in_the_arithmetic_too() {
        // `crop_and_resize` copies a window of the target size instead of scaling it.
        let picture = grey(16, &(0..=255).collect::<Vec<u8>>());
        assert_eq!(scale::<1, 1>(&picture, Window::whole(16, 16), 16, 16), picture.pixels);
    }

    #[test]
    fn every_window_of_usual_sizes_equals_the_plain_loops() {
        let picture = drawn(260, 5, 3);
        // To 49 pixels, rounding puts the end of some last footprints beyond the edge.
        let (start, weights) = &plain_footprints(7, 49).1[48];
        assert_eq!(start + weights.len(), 8);
        for (side, size) in (1..=260).flat_map(|side| [(side, 64), (side, 49)]) {
            let window = Window { left: 260 - side, top: 0, width: side, height: 5 };
            assert_eq!(
                area(&picture, window, size, 3),
                plain(&picture, window, size, 3),
                "{side} columns to {size}"
            );
        }
    }

    #[test]
    fn the_floor_of_a_mean_is_that_of_a_cast() {
        for whole in 0..256u32 {
            for part in 0..1000u32 {
                let v = whole as f32 + part as f32 / 1000.0;
                for v in [v.next_down().max(0.0), v, v.next_up()] {
                    assert_eq!(u32::from(floor(v)), u32::from(v as u8), "{v}");
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]
        #[test]
        fn any_window_equals_the_plain_loops(
            (width, height) in (1u32..90, 1u32..90), at in any::<[u16; 4]>(), to in (1u32..50, 1u32..50),
            channels in prop::sample::select(vec![1u32, 3, 4]),
        ) {
            let picture = drawn(width, height, channels);
            let (left, top) = (u32::from(at[0]) % width, u32::from(at[1]) % height);
            let (columns, rows) = (1 + u32::from(at[2]) % (width - left), 1 + u32::from(at[3]) % (height - top));
            let window = Window { left, top, width: columns, height: rows };
            let expected = plain(&picture, window, to.0, to.1);
            prop_assert_eq!(area(&picture, window, to.0, to.1), expected);
        }
    }
}
