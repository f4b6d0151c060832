//! The two products that all convolutions come down to, with accumulators in registers and sums in
//! one order whatever the partition of the work:
//!
//! - [`product`]: rows of `x`, each in a few contiguous segments, times a packed matrix (forward,
//!   input gradient);
//! - [`outer`]: Σ over positions of a row of `x` times a row of `g` (weight gradient).
//!
//! Vectors are 16 (AVX-512), 8 (AVX2 with FMA) or 4 (NEON) wide, detected at run time by `pulp`.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::memory::Buffer;
use super::simd::{arch, leaky_relu, load, store};

/// Vectors side by side in a tile, and in a panel.
const VECTORS: usize = 2;

/// Columns of a panel on this machine.
pub(super) fn panel_width() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    VECTORS * arch().dispatch(Lanes)
}

/// A matrix [depth, columns] split into panels of a few columns, each [depth, width] and
/// zero-padded.
#[derive(Clone, Copy)]
pub(super) struct Panels<'a> {
    pub(super) values: &'a [f32],
    pub(super) depth: usize,
    pub(super) columns: usize,
}

/// The memory of a packed matrix.
pub(super) struct Packed {
    values: Buffer,
    depth: usize,
    columns: usize,
}

impl Packed {
    /// The matrix whose element (k, column) is `source[rows[k] + columns[column]]`.
    pub(super) fn gather(source: &[f32], rows: &[usize], columns: &[usize]) -> Self {
        let (width, depth) = (panel_width(), rows.len());
        let mut values = Buffer::any(columns.len().div_ceil(width) * depth * width);
        values.par_chunks_mut((depth * width).max(1)).enumerate().for_each(|(panel, values)| {
            let columns = &columns[panel * width..columns.len().min((panel + 1) * width)];
            values.par_chunks_mut(64 * width).zip(rows.par_chunks(64)).for_each(
                |(values, rows)| {
                    for (values, &row) in values.chunks_mut(width).zip(rows) {
                        let source = &source[row..];
                        values[columns.len()..].fill(0.0);
                        values.iter_mut().zip(columns).for_each(|(v, &at)| *v = source[at]);
                    }
                },
            );
        });
        Self { values, depth, columns: columns.len() }
    }

    pub(super) fn panels(&self) -> Panels<'_> {
        Panels { values: &self.values, depth: self.depth, columns: self.columns }
    }
}

/// Rows of a matrix that need not be contiguous: row `r` is `segments` runs of `length` numbers,
/// `step` apart, from `starts[r]`.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) values: &'a [f32],
    pub(super) starts: &'a [usize],
    pub(super) segments: usize,
    pub(super) length: usize,
    pub(super) step: usize,
}

/// The destination of a product: row `r` goes to `starts[r]`, optionally after a bias and a leaky
/// ReLU.
pub(super) struct Target<'a> {
    pub(super) values: &'a mut [f32],
    pub(super) starts: &'a [usize],
    pub(super) finish: Option<(&'a [f32], f32)>,
}

/// `target` = `rows` · `panels`.
pub(super) fn product(rows: Rows<'_>, panels: Panels<'_>, target: Target<'_>) {
    assert_eq!(rows.segments * rows.length, panels.depth, "inner dimensions");
    assert!(
        panels.columns.div_ceil(panel_width()) * panel_width() * panels.depth
            <= panels.values.len(),
        "panels"
    );
    assert_eq!(rows.starts.len(), target.starts.len(), "rows");
    assert!(target.finish.is_none_or(|(bias, _)| bias.len() == panels.columns), "bias");
    // The kernel reads and writes without bounds checks; this is where they are made.
    if let (Some(last), Some(end)) = (rows.starts.iter().max(), target.starts.iter().max()) {
        assert!(
            last + rows.segments.saturating_sub(1) * rows.step + rows.length <= rows.values.len(),
            "a row ends outside"
        );
        assert!(end + panels.columns <= target.values.len(), "a result ends outside");
        arch().dispatch(Product { rows, panels, target });
    }
}

struct Product<'a> {
    rows: Rows<'a>,
    panels: Panels<'a>,
    target: Target<'a>,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let width = VECTORS * S::F32_LANES;
        for first in (0..self.panels.columns).step_by(width) {
            if self.panels.columns - first > S::F32_LANES {
                self.panel::<S, 2>(simd, first)
            } else {
                self.panel::<S, 1>(simd, first)
            }
        }
    }
}

impl Product<'_> {
    /// The columns from `first`, at most V vectors of them.
    #[inline(always)]
    fn panel<S: Simd, const V: usize>(&mut self, simd: S, first: usize) {
        let (mut row, rows) = (0, self.rows.starts.len());
        // Twelve rows of two vectors fill 24 of 32 registers; with 16 registers, six rows do.
        while row < rows {
            let many = S::REGISTER_COUNT >= 32;
            row += match rows - row {
                12.. if many => self.tile::<S, 12, V>(simd, row, first),
                8.. if many => self.tile::<S, 8, V>(simd, row, first),
                6.. => self.tile::<S, 6, V>(simd, row, first),
                4.. => self.tile::<S, 4, V>(simd, row, first),
                2.. => self.tile::<S, 2, V>(simd, row, first),
                _ => self.tile::<S, 1, V>(simd, row, first),
            };
        }
    }

    /// R rows from `row` times V vectors of columns from `first`. Returns R.
    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize>(
        &mut self,
        simd: S,
        row: usize,
        first: usize,
    ) -> usize {
        let Rows { values, starts, segments, length, step } = self.rows;
        let width = VECTORS * S::F32_LANES;
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        let starts: [*const f32; R] = std::array::from_fn(|r| values[starts[row + r]..].as_ptr());
        let mut panel = self.panels.values[first * self.panels.depth..].as_ptr();
        for segment in 0..segments {
            for k in segment * step..segment * step + length {
                // SAFETY: `product` checked that rows end inside `values`; the panel has
                // segments·length rows of `width`.
                unsafe {
                    let columns: [S::f32s; V] =
                        std::array::from_fn(|v| load_at(simd, panel.add(v * S::F32_LANES)));
                    panel = panel.add(width);
                    for (sums, start) in sums.iter_mut().zip(starts) {
                        let x = simd.splat_f32s(*start.add(k));
                        for (sum, column) in sums.iter_mut().zip(columns) {
                            *sum = simd.mul_add_e_f32s(x, column, *sum);
                        }
                    }
                }
            }
        }
        let there = (self.panels.columns - first).min(V * S::F32_LANES);
        for (r, sums) in sums.into_iter().enumerate() {
            let target = &mut self.target.values[self.target.starts[row + r] + first..][..there];
            for (v, mut sum) in sums.into_iter().enumerate() {
                if let Some((bias, slope)) = self.target.finish {
                    sum = leaky_relu(
                        simd,
                        simd.add_f32s(sum, load(simd, bias, first + v * S::F32_LANES)),
                        slope,
                    );
                }
                store(simd, target, v * S::F32_LANES, sum);
            }
        }
        R
    }
}

/// # Safety
/// A whole vector must be readable at `at`.
#[inline(always)]
unsafe fn load_at<S: Simd>(_: S, at: *const f32) -> S::f32s {
    // SAFETY: the caller's.
    unsafe { at.cast::<S::f32s>().read_unaligned() }
}

/// Positions over which [`outer`] sums: `counts` of them in three nested levels, the distance from
/// one to the next in `x` at each level, and the distance from any one to the next in `g`.
#[derive(Clone, Copy)]
pub(super) struct Positions {
    pub(super) counts: [usize; 3],
    pub(super) steps: [usize; 3],
    pub(super) step_g: usize,
}

/// A matrix of sums [rows, columns] whose rows are `step` apart.
pub(super) struct Sums<'a> {
    pub(super) values: &'a mut [f32],
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) step: usize,
}

/// `sums`[m][n] += Σ over positions of `x`[position][m] · `g`[position][n]. The sum over the
/// positions is formed separately and then added, so that long sums lose little precision.
pub(super) fn outer(x: &[f32], g: &[f32], positions: Positions, sums: Sums<'_>) {
    let Positions { counts, steps, step_g } = positions;
    if counts.contains(&0) || sums.rows == 0 {
        return;
    }
    let last: usize = counts.iter().zip(steps).map(|(count, step)| (count - 1) * step).sum();
    assert!(sums.rows + last <= x.len(), "a position ends outside x");
    assert!(
        (counts.iter().product::<usize>() - 1) * step_g + sums.columns <= g.len(),
        "a position ends outside g"
    );
    assert!(
        (sums.rows - 1) * sums.step + sums.columns <= sums.values.len(),
        "a sum stands outside"
    );
    arch().dispatch(Outer { x, g, positions, sums });
}

struct Outer<'a> {
    x: &'a [f32],
    g: &'a [f32],
    positions: Positions,
    sums: Sums<'a>,
}

impl WithSimd for Outer<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let mut first = 0;
        while first < self.sums.columns {
            let left = self.sums.columns - first;
            first += if left >= 2 * S::F32_LANES {
                self.panel::<S, 2, true>(simd, first)
            } else if left >= S::F32_LANES {
                self.panel::<S, 1, true>(simd, first)
            } else {
                self.panel::<S, 1, false>(simd, first)
            };
        }
    }
}

impl Outer<'_> {
    /// V vectors of columns from `first`, the last of them possibly not WHOLE. Returns their number
    /// of columns.
    #[inline(always)]
    fn panel<S: Simd, const V: usize, const WHOLE: bool>(
        &mut self,
        simd: S,
        first: usize,
    ) -> usize {
        let mut row = 0;
        while row < self.sums.rows {
            let many = S::REGISTER_COUNT >= 32;
            row += match self.sums.rows - row {
                // Two tiles of eight are faster than twelve and four.
                16 if many => self.tile::<S, 8, V, WHOLE>(simd, row, first),
                12.. if many => self.tile::<S, 12, V, WHOLE>(simd, row, first),
                8.. if many => self.tile::<S, 8, V, WHOLE>(simd, row, first),
                6.. => self.tile::<S, 6, V, WHOLE>(simd, row, first),
                4.. => self.tile::<S, 4, V, WHOLE>(simd, row, first),
                2.. => self.tile::<S, 2, V, WHOLE>(simd, row, first),
                _ => self.tile::<S, 1, V, WHOLE>(simd, row, first),
            };
        }
        V * S::F32_LANES
    }

    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize, const WHOLE: bool>(
        &mut self,
        simd: S,
        row: usize,
        first: usize,
    ) -> usize {
        let Positions { counts, steps, step_g } = self.positions;
        let there = (self.sums.columns - first).min(V * S::F32_LANES);
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        let x = self.x[row..].as_ptr();
        let mut g = self.g[first..].as_ptr();
        for i in 0..counts[0] {
            for j in 0..counts[1] {
                // SAFETY: `outer` checked that every position ends inside `x` and `g`; a partial
                // vector of `g` is read from a slice of just its remaining numbers.
                unsafe {
                    let mut x = x.add(i * steps[0] + j * steps[1]);
                    for _ in 0..counts[2] {
                        let columns: [S::f32s; V] = std::array::from_fn(|v| {
                            let at = g.add(v * S::F32_LANES);
                            if WHOLE {
                                load_at(simd, at)
                            } else {
                                simd.partial_load_f32s(std::slice::from_raw_parts(at, there))
                            }
                        });
                        for (r, sums) in sums.iter_mut().enumerate() {
                            let x = simd.splat_f32s(*x.add(r));
                            for (sum, column) in sums.iter_mut().zip(columns) {
                                *sum = simd.mul_add_e_f32s(x, column, *sum);
                            }
                        }
                        x = x.wrapping_add(steps[2]);
                        g = g.wrapping_add(step_g);
                    }
                }
            }
        }
        for (r, sums) in sums.into_iter().enumerate() {
            let target = &mut self.sums.values[(row + r) * self.sums.step + first..][..there];
            for (v, sum) in sums.into_iter().enumerate() {
                let sum = simd.add_f32s(load(simd, target, v * S::F32_LANES), sum);
                store(simd, target, v * S::F32_LANES, sum);
            }
        }
        R
    }
}
