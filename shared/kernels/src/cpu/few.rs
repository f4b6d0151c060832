//! Convolutions of few positions by a large kernel, as at the innermost levels of a U-Net: the
//! kernel has far more numbers than the pictures, and the product takes as long as reading it.
//!
//! The other algorithms lay the kernel out anew. Here the windows of the large picture become the
//! rows of a matrix instead (im2col; Chellapilla et al. 2006, "High performance convolutional neural
//! networks for document processing"), with columns in the order of the kernel, so that the
//! products read or write the kernel once, where it lies. Sums are in one order whatever the number
//! of threads.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::disjoint::Disjoint;
use super::geometry::Geometry;
use super::image::transpose;
use super::memory::Buffer;
use super::simd::arch;

/// Most positions: with more, a transform of the kernel pays for itself.
const POSITIONS: usize = 128;
/// Fewest numbers of a kernel.
const LARGE: usize = 1 << 16;
/// Columns of the kernel that a task goes through at once: some rows of them fit the first-level
/// cache.
const BLOCK: usize = 1024;
/// Rows of the kernel that a task takes with all windows.
const ROWS: usize = 8;

/// Returns true if this algorithm applies.
pub(super) fn applies(g: &Geometry) -> bool {
    positions(g) <= POSITIONS && g.cout * window(g) >= LARGE
}

/// Rows of the matrix of windows.
fn positions(g: &Geometry) -> usize {
    g.batch * g.oh * g.ow
}

/// Columns of the matrix of windows: [cin, kh, kw].
fn window(g: &Geometry) -> usize {
    g.cin * g.kernel[0] * g.kernel[1]
}

/// y = w ⋆ x: `x` [batch, h, w, cin], `weight` [cout, cin, kh, kw]; gives [batch, oh, ow, cout].
pub(super) fn forward(g: &Geometry, x: &[f32], weight: &[f32]) -> Buffer {
    let (positions, window) = (positions(g), window(g));
    let windows = windows(g, x);
    let mut turned = Buffer::zeros(g.cout * positions); // [cout, positions]
    let tasks = turned.par_chunks_mut(ROWS * positions).zip(weight.par_chunks(ROWS * window));
    tasks.for_each(|(sums, kernel)| {
        for first in (0..window).step_by(BLOCK) {
            let columns = first..window.min(first + BLOCK);
            let [a, b] = [kernel, &windows].map(|matrix| Columns {
                matrix,
                width: window,
                columns: columns.clone(),
            });
            arch().dispatch(Dots { a, b, sums: &mut *sums });
        }
    });
    let mut y = Buffer::any(g.cout * positions);
    transpose(&turned, g.cout, positions, &mut y);
    y
}

/// ∂L/∂x from `grad` = ∂L/∂y [batch, oh, ow, cout]; gives [batch, h, w, cin].
pub(super) fn input_gradient(g: &Geometry, grad: &[f32], weight: &[f32]) -> Buffer {
    let (positions, window) = (positions(g), window(g));
    let mut windows = Buffer::any(positions * window);
    let to = Disjoint::of(&mut windows);
    // All rows of a block together fit the first-level cache.
    let block = (8 * BLOCK / positions).clamp(BLOCK / 16, BLOCK);
    (0..window.div_ceil(block)).into_par_iter().for_each(|i| {
        let columns = i * block..window.min((i + 1) * block);
        let mut sums = vec![0.0; positions * columns.len()];
        let kernel = Columns { matrix: weight, width: window, columns: columns.clone() };
        arch().dispatch(Combine {
            factors: grad,
            steps: [g.cout, 1],
            of: kernel,
            sums: &mut sums,
            stride: columns.len(),
            at: 0,
        });
        for (position, sums) in sums.chunks(columns.len()).enumerate() {
            // SAFETY: these columns are of this task alone.
            let to = unsafe { to.take(position * window + columns.start, columns.len()) };
            to.copy_from_slice(sums);
        }
    });
    added(g, &windows)
}

/// ∂L/∂w from `x` and `grad` = ∂L/∂y; gives [cout, cin, kh, kw].
pub(super) fn weight_gradient(g: &Geometry, x: &[f32], grad: &[f32]) -> Buffer {
    let window = window(g);
    let windows = windows(g, x);
    let mut dw = Buffer::zeros(g.cout * window);
    dw.par_chunks_mut(ROWS * window).enumerate().for_each(|(i, dw)| {
        // Block by block, so that the windows' part of a block is read from a cache.
        for at in (0..window).step_by(BLOCK) {
            let columns = at..window.min(at + BLOCK);
            let of = Columns { matrix: &windows, width: window, columns };
            let (factors, steps) = (&grad[i * ROWS..], [1, g.cout]);
            arch().dispatch(Combine { factors, steps, of, sums: &mut *dw, stride: window, at });
        }
    });
    dw
}

/// Where tap `k` of the window of position `o` lies along an axis of `n` pixels; `None`: outside.
fn at(g: &Geometry, o: usize, k: usize, padding: usize, n: usize) -> Option<usize> {
    (o * g.stride + k).checked_sub(padding).filter(|&i| i < n)
}

/// The windows of `x` [batch, h, w, cin]: [positions, cin·kh·kw].
fn windows(g: &Geometry, x: &[f32]) -> Buffer {
    let [kh, kw] = g.kernel;
    let taps = kh * kw;
    let mut windows = Buffer::any(positions(g) * window(g));
    windows.par_chunks_mut(window(g)).enumerate().for_each(|(position, window)| {
        let (picture, oy, ox) = (position / (g.oh * g.ow), position / g.ow % g.oh, position % g.ow);
        let x = &x[picture * g.input_len()..][..g.input_len()];
        for tap in 0..taps {
            let row = at(g, oy, tap / kw, g.padding[0], g.h);
            let column = at(g, ox, tap % kw, g.padding[1], g.w);
            let to = window[tap..].iter_mut().step_by(taps);
            match row.zip(column) {
                Some((row, column)) => {
                    let pixel = &x[(row * g.w + column) * g.cin..][..g.cin];
                    to.zip(pixel).for_each(|(to, from)| *to = *from);
                }
                None => to.for_each(|to| *to = 0.0),
            }
        }
    });
    windows
}

/// The sum of windows [positions, cin·kh·kw] where they lie: [batch, h, w, cin].
fn added(g: &Geometry, windows: &[f32]) -> Buffer {
    let (s, [kh, kw], [ph, pw]) = (g.stride, g.kernel, g.padding);
    let (taps, window) = (kh * kw, window(g));
    // The positions whose windows hold pixel `i` of an axis, each with the tap that lies there.
    let around = move |i: usize, k: usize, padding: usize, positions: usize| {
        (0..k).filter_map(move |tap| {
            let from = (i + padding).checked_sub(tap)?;
            (from % s == 0 && from / s < positions).then_some((from / s, tap))
        })
    };
    let mut x = Buffer::any(g.batch * g.input_len());
    x.par_chunks_mut(g.cin).enumerate().for_each(|(pixel, x)| {
        let (picture, row, column) = (pixel / (g.h * g.w), pixel / g.w % g.h, pixel % g.w);
        x.fill(0.0);
        for (oy, ky) in around(row, kh, ph, g.oh) {
            for (ox, kx) in around(column, kw, pw, g.ow) {
                let position = (picture * g.oh + oy) * g.ow + ox;
                let from = windows[position * window + ky * kw + kx..].iter().step_by(taps);
                x.iter_mut().zip(from).for_each(|(x, from)| *x += from);
            }
        }
    });
    x
}

/// Some columns of a matrix, which is stored row by row.
struct Columns<'a> {
    matrix: &'a [f32],
    /// Columns of the whole matrix.
    width: usize,
    columns: std::ops::Range<usize>,
}

impl<'a> Columns<'a> {
    fn rows(&self) -> usize {
        self.matrix.len() / self.width
    }

    /// Their part of a row.
    fn row(&self, i: usize) -> &'a [f32] {
        &self.matrix[i * self.width..][self.columns.clone()]
    }

    /// Their part of a row, as vectors and what is left.
    fn vectors<S: Simd>(&self, i: usize) -> (&'a [S::f32s], &'a [f32]) {
        S::as_simd_f32s(self.row(i))
    }
}

/// Adds a·bᵀ to `sums` [rows of a, rows of b].
struct Dots<'a> {
    a: Columns<'a>,
    b: Columns<'a>,
    sums: &'a mut [f32],
}

impl Dots<'_> {
    /// Adds the products of A rows of `a` and B of `b`.
    #[inline(always)]
    fn tile<S: Simd, const A: usize, const B: usize>(&mut self, simd: S, [i, j]: [usize; 2]) {
        let a: [_; A] = std::array::from_fn(|k| self.a.vectors::<S>(i + k));
        let b: [_; B] = std::array::from_fn(|k| self.b.vectors::<S>(j + k));
        let mut sums = [[simd.splat_f32s(0.0); B]; A];
        for at in 0..a[0].0.len() {
            let b = b.map(|(vectors, _)| vectors[at]);
            for (sums, (vectors, _)) in sums.iter_mut().zip(a) {
                for (sum, b) in sums.iter_mut().zip(b) {
                    *sum = simd.mul_add_e_f32s(vectors[at], b, *sum);
                }
            }
        }
        let width = self.b.rows();
        for (k, (sums, (_, a))) in sums.into_iter().zip(a).enumerate() {
            for (l, (sum, (_, b))) in sums.into_iter().zip(b).enumerate() {
                let rest: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                self.sums[(i + k) * width + j + l] += simd.reduce_sum_f32s(sum) + rest;
            }
        }
    }
}

impl WithSimd for Dots<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (rows, columns) = (self.a.rows(), self.b.rows());
        for i in (0..rows).step_by(2) {
            for j in (0..columns).step_by(4) {
                if i + 2 <= rows && j + 4 <= columns {
                    self.tile::<S, 2, 4>(simd, [i, j]);
                    continue;
                }
                for i in i..rows.min(i + 2) {
                    (j..columns.min(j + 4)).for_each(|j| self.tile::<S, 1, 1>(simd, [i, j]));
                }
            }
        }
    }
}

/// Adds to each row r of `sums` the sum over all rows k of `of`, each times the factor at r·steps[0]
/// + k·steps[1].
struct Combine<'a> {
    factors: &'a [f32],
    steps: [usize; 2],
    of: Columns<'a>,
    /// Rows of `stride` numbers, of which those from `at` on are added to.
    sums: &'a mut [f32],
    stride: usize,
    at: usize,
}

impl Combine<'_> {
    /// Adds N rows of `of`, from `first` on, to all rows of `sums`, R at a time, which share what is
    /// read.
    #[inline(always)]
    fn add<S: Simd, const R: usize, const N: usize>(&mut self, simd: S, first: usize) {
        let width = self.of.columns.len();
        let of: [_; N] = std::array::from_fn(|k| self.of.vectors::<S>(first + k));
        for (i, rows) in self.sums.chunks_mut(R * self.stride).enumerate() {
            let factor = |r: usize, k: usize| {
                self.factors[(i * R + r) * self.steps[0] + (first + k) * self.steps[1]]
            };
            let mut rows = rows.chunks_mut(self.stride).map(|row| &mut row[self.at..][..width]);
            let together: [Option<&mut [f32]>; R] = std::array::from_fn(|_| rows.next());
            if together.iter().all(Option::is_some) {
                let factors = std::array::from_fn(|r| std::array::from_fn(|k| factor(r, k)));
                tile(simd, together.map(Option::unwrap_or_default), &of, &factors);
                continue;
            }
            for (r, row) in together.into_iter().flatten().enumerate() {
                tile(simd, [row], &of, &[std::array::from_fn(|k| factor(r, k))]);
            }
        }
    }
}

/// Adds the rows of `of` to those of `sums`, each with its factor.
#[inline(always)]
fn tile<S: Simd, const R: usize, const N: usize>(
    simd: S,
    sums: [&mut [f32]; R],
    of: &[(&[S::f32s], &[f32]); N],
    factors: &[[f32; N]; R],
) {
    let splat = factors.map(|row| row.map(|factor| simd.splat_f32s(factor)));
    let mut sums = sums.map(S::as_mut_simd_f32s);
    let count = sums[0].0.len();
    let vectors = of.map(|(vectors, _)| &vectors[..count]);
    for sums in &mut sums {
        let rest = &mut *sums.1;
        assert!(sums.0.len() == count && of.iter().all(|(_, row)| row.len() == rest.len()));
    }
    for at in 0..count {
        let read = vectors.map(|row| row[at]);
        for ((sums, _), factors) in sums.iter_mut().zip(splat) {
            // In a register: the compiler cannot know that sums and rows lie apart.
            let mut total = sums[at];
            for (row, factor) in read.into_iter().zip(factors) {
                total = simd.mul_add_e_f32s(row, factor, total);
            }
            sums[at] = total;
        }
    }
    for ((_, rest), factors) in sums.iter_mut().zip(factors) {
        for (at, sum) in rest.iter_mut().enumerate() {
            for ((_, row), factor) in of.iter().zip(factors) {
                *sum += row[at] * factor;
            }
        }
    }
}

impl WithSimd for Combine<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let rows = self.of.rows();
        let fours = rows / 4 * 4;
        (0..fours).step_by(4).for_each(|first| self.add::<S, 2, 4>(simd, first));
        (fours..rows).for_each(|first| self.add::<S, 2, 1>(simd, first));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers in [−1, 1) that look random.
    fn drawn(len: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 8_388_608.0 - 1.0
        };
        (0..len).map(next).collect()
    }

    /// The three products by their definition, in f64: y, ∂L/∂x, ∂L/∂w.
    fn defined(g: &Geometry, x: &[f32], w: &[f32], grad: &[f32]) -> [Vec<f64>; 3] {
        let mut y = vec![0.0; grad.len()];
        let (mut dx, mut dw) = (vec![0.0; x.len()], vec![0.0; w.len()]);
        let [kh, kw] = g.kernel;
        for p in 0..positions(g) {
            let (picture, oy, ox) = (p / (g.oh * g.ow), p / g.ow % g.oh, p % g.ow);
            for tap in 0..kh * kw {
                let row = at(g, oy, tap / kw, g.padding[0], g.h);
                let Some((row, column)) = row.zip(at(g, ox, tap % kw, g.padding[1], g.w)) else {
                    continue;
                };
                let pixel = ((picture * g.h + row) * g.w + column) * g.cin;
                for (c, o) in (0..g.cin).flat_map(|c| (0..g.cout).map(move |o| (c, o))) {
                    let weight = (o * g.cin + c) * kh * kw + tap;
                    let [xv, wv, gv] =
                        [x[pixel + c], w[weight], grad[p * g.cout + o]].map(f64::from);
                    y[p * g.cout + o] += xv * wv;
                    dx[pixel + c] += gv * wv;
                    dw[weight] += gv * xv;
                }
            }
        }
        [y, dx, dw]
    }

    #[test]
    fn all_three_products_are_as_defined() {
        for (batch, [h, w], [cin, cout], kernel, stride, padding) in [
            (1, [2, 2], [64, 65], 4, 2, [1, 1]),
            (3, [8, 4], [67, 63], 4, 2, [1, 1]),
            (2, [5, 7], [85, 87], 3, 1, [1, 1]),
            (1, [9, 6], [83, 89], 3, 2, [1, 0]),
            (2, [3, 3], [19, 72], 7, 1, [3, 3]),
        ] {
            let out = |n: usize, p: usize| (n + 2 * p - kernel) / stride + 1;
            let (oh, ow, kernel) = (out(h, padding[0]), out(w, padding[1]), [kernel; 2]);
            let g = Geometry { batch, cin, h, w, cout, kernel, stride, padding, oh, ow };
            assert!(applies(&g), "{g:?}");
            let x = drawn(batch * g.input_len(), 1);
            let weight = drawn(cout * window(&g), 2);
            let grad = drawn(positions(&g) * cout, 3);
            let found = [
                forward(&g, &x, &weight),
                input_gradient(&g, &grad, &weight),
                weight_gradient(&g, &x, &grad),
            ];
            for (found, defined) in found.iter().zip(defined(&g, &x, &weight, &grad)) {
                assert_eq!(found.len(), defined.len());
                let largest = defined.iter().fold(0.0f64, |most, v| most.max(v.abs()));
                // Some hundred terms in f32.
                let near = |(f, d): (&f32, &f64)| (f64::from(*f) - d).abs() < 1e-5 * largest;
                assert!(found.iter().zip(&defined).all(near), "{g:?}");
            }
        }
    }
}
