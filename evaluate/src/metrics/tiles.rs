//! All pairs of rows of two sets, tile by tile: f32 products with a bound of their rounding error,
//! passed to an [`Accumulator`] per row. [`super::pairs`] and [`super::balls`] screen them.
//!
//! Half a squared distance is |x−y|²/2 = |x|²/2 + |y|²/2 − x·y. The rows are first centred and
//! scaled by a power of two, which preserves distances up to the scale and makes products and bound
//! smaller. A worker needs two panels of [`TILE`] rows and two tiles.

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;
use shared::log::Progress;
use shared::metrics::features::Features;

/// Rows on each side of a tile: at 2048 dimensions a panel is 8 MiB, a tile 4 MiB.
const TILE: usize = 1024;

/// Minimum rows of a task.
const LEAST_ROWS: usize = 64;

/// Side of the squares in which a tile is transposed: two of them fit into the L1 cache.
const SQUARE: usize = 32;

/// 2⁻²⁴, half the distance from 1 to the next f32.
const UNIT: f64 = 1.0 / (1 << 24) as f64;

/// Generous allowance for roundings other than those of the products: centred rows, norms, sums. In
/// units.
const MORE_ROUNDINGS: f64 = 32.0;

/// Far below 1, the scale of the largest number, and far above products that underflow.
const UNDERFLOW: f64 = 1e-37;

/// Relative margin of a squared radius, for distances rounded to f32 before they are compared.
const ROUNDED: f64 = 1.0 / (1 << 21) as f64;

/// Centre and scale, shared by both sets.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    centre: Vec<f32>,
    /// A power of two: exact.
    scale: f64,
}

impl Frame {
    /// The mean of all rows, and a scale that makes the largest number about 1.
    pub(super) fn of(sets: &[&Features]) -> Self {
        let d = sets[0].dimensions();
        let mut sum = vec![0.0; d];
        let mut count = 0.0;
        for set in sets {
            for row in set.values().chunks_exact(d) {
                sum.iter_mut().zip(row).for_each(|(s, &v)| *s += f64::from(v));
            }
            count += set.count() as f64;
        }
        // In f32, so that a difference from it is exact in f64.
        let centre: Vec<f32> = sum.iter().map(|s| (s / count) as f32).collect();
        let far = |row: &[f32]| {
            row.iter()
                .zip(&centre)
                .map(|(&v, &c)| (f64::from(v) - f64::from(c)).abs())
                .fold(0.0, f64::max)
        };
        let largest = sets
            .iter()
            .map(|set| set.values().par_chunks_exact(d).map(far).reduce(|| 0.0, f64::max))
            .fold(0.0, f64::max);
        let scale = if largest > 0.0 { (-largest.log2().ceil()).exp2() } else { 1.0 };
        Self { centre, scale }
    }
}

/// The boundary of a ball.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ball {
    /// distance ≤ radius, in f64.
    Closed,
    /// distance < radius, both rounded to f32 like scikit-learn's distances of f32 rows.
    OpenSingle,
}

impl Ball {
    fn holds(self, squared: f64, squared_radius: f64) -> bool {
        match self {
            Self::Closed => squared <= squared_radius,
            Self::OpenSingle => (squared as f32).sqrt() < (squared_radius as f32).sqrt(),
        }
    }
}

/// The balls around a set's rows, as scaled half squares.
#[derive(Debug)]
pub(super) struct Balls {
    rule: Ball,
    squared_radii: Vec<f64>,
    /// Certainly inside below `inner`, certainly outside above `outer`.
    pub(super) inner: Vec<f32>,
    pub(super) outer: Vec<f32>,
    /// `lower − outer` and `upper − inner` of the row.
    pub(super) lower_reach: Vec<f32>,
    pub(super) upper_reach: Vec<f32>,
}

/// A set of rows with bounds of their half squared norms. For rows i and j of two sets with the f32
/// product p, |x−y|²/2 in scaled units lies between `lower[i] + lower[j] − p` and `upper[i] +
/// upper[j] − p`.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    features: &'a Features,
    frame: &'a Frame,
    pub(super) lower: Vec<f32>,
    pub(super) upper: Vec<f32>,
    pub(super) balls: Option<Balls>,
}

impl<'a> Rows<'a> {
    /// `balls` holds the boundary rule and every row's squared radius.
    pub(super) fn new(
        features: &'a Features,
        frame: &'a Frame,
        balls: Option<(Ball, Vec<f64>)>,
    ) -> Self {
        let d = features.dimensions();
        // |fl(x·y) − x·y| ≤ d·u·|x||y| in any order of summation, and |x||y| ≤ |x|²/2 + |y|²/2.
        let relative = (d as f64 + MORE_ROUNDINGS) * UNIT;
        let halves: Vec<f64> = (0..features.count())
            .into_par_iter()
            .map(|i| frame.framed(features.row(i)).map(|v| f64::from(v).powi(2)).sum::<f64>() / 2.0)
            .collect();
        let lower: Vec<f32> =
            halves.iter().map(|h| (h * (1.0 - relative) - UNDERFLOW) as f32).collect();
        let upper: Vec<f32> =
            halves.iter().map(|h| (h * (1.0 + relative) + UNDERFLOW) as f32).collect();
        let mut set = Self { features, frame, lower, upper, balls: None };
        set.balls = balls.map(|(rule, squared_radii)| {
            let halved = |factor: f64| {
                squared_radii.iter().map(|&r| (set.halved(r) * factor) as f32).collect::<Vec<_>>()
            };
            let (inner, outer) = (halved(1.0 - ROUNDED), halved(1.0 + ROUNDED));
            let less = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a - b).collect();
            let (lower_reach, upper_reach) = (less(&set.lower, &outer), less(&set.upper, &inner));
            Balls { rule, squared_radii, inner, outer, lower_reach, upper_reach }
        });
        set
    }

    pub(super) fn count(&self) -> usize {
        self.features.count()
    }

    /// Reports if `other` is this set itself, so that its row i is row i here.
    pub(super) fn is(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }

    /// Half a squared distance, in scaled units.
    pub(super) fn halved(&self, squared: f64) -> f64 {
        squared * self.frame.scale * self.frame.scale / 2.0
    }

    /// The exact squared distance of row `i` to row `j` of `other`.
    pub(super) fn squared(&self, i: usize, other: &Self, j: usize) -> f64 {
        squared_distance(self.features.row(i), other.features.row(j))
    }

    /// Reports exactly if row `j` of `other` lies in the ball of row `i`; false without balls.
    pub(super) fn holds(&self, i: usize, other: &Self, j: usize) -> bool {
        self.balls.as_ref().is_some_and(|balls| {
            balls.rule.holds(self.squared(i, other, j), balls.squared_radii[i])
        })
    }

    fn panel(&self, rows: Range<usize>) -> Vec<f32> {
        rows.flat_map(|i| self.frame.framed(self.features.row(i))).collect()
    }
}

impl Frame {
    fn framed<'a>(&'a self, row: &'a [f32]) -> impl Iterator<Item = f32> + 'a {
        row.iter()
            .zip(&self.centre)
            .map(|(&v, &c)| ((f64::from(v) - f64::from(c)) * self.scale) as f32)
    }
}

/// The squared Euclidean distance of two rows, from the differences in f64.
#[must_use]
pub(super) fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    /// Parallel sums, for SIMD.
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    let (whole_a, rest_a) = a.as_chunks::<LANES>();
    let (whole_b, rest_b) = b.as_chunks::<LANES>();
    let square = |a: f32, b: f32| (f64::from(a) - f64::from(b)).powi(2);
    for (a, b) in whole_a.iter().zip(whole_b) {
        for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
            *sum += square(a, b);
        }
    }
    sums.iter().sum::<f64>() + rest_a.iter().zip(rest_b).map(|(&a, &b)| square(a, b)).sum::<f64>()
}

/// A row of a set, or the first of several.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) rows: &'a Rows<'a>,
    pub(super) first: usize,
}

/// Accumulates results of one row over the tiles.
pub(super) trait Accumulator: Send + Sync + Sized {
    /// The start value of a worker that sees a part of the other rows.
    fn part(&self) -> Self;

    /// Merges the result of a worker.
    fn merge(&mut self, part: Self);

    /// Scans the products of row `owner` with the rows from `other` on.
    fn scan(&mut self, owner: Place<'_>, other: Place<'_>, products: &[f32]);
}

/// Scans all pairs of rows of `set`, each row with itself included. Every product is computed once.
pub(super) fn within<A: Accumulator>(set: &Rows<'_>, rows: &mut [A], title: &str) {
    let blocks = rows.len().div_ceil(TILE) as u64;
    let progress = Progress::new(title, blocks * (blocks + 1) / 2);
    for first in (0..set.count()).step_by(TILE) {
        let end = (first + TILE).min(set.count());
        let place = Place { rows: set, first };
        let panel = set.panel(first..end);
        let (head, tail) = rows.split_at_mut(end);
        let block = &mut head[first..];
        let tile = products(&panel, &panel, end - first, Par::rayon(0));
        block.par_iter_mut().zip(tile.par_chunks(end - first)).enumerate().for_each(
            |(i, (row, products))| {
                row.scan(Place { rows: set, first: first + i }, place, products);
            },
        );
        progress.add(1);
        strip(place, &panel, Some(block), Place { rows: set, first: end }, tail, TILE, &progress);
    }
}

/// Scans all rows of `a` for every row of `b`, and with `rows_a` also all rows of `b` for every row
/// of `a`.
pub(super) fn between<A: Accumulator>(
    a: &Rows<'_>,
    mut rows_a: Option<&mut [A]>,
    b: &Rows<'_>,
    rows_b: &mut [A],
    title: &str,
) {
    // Enough tasks for all workers, even for few rows.
    let step = rows_b.len().div_ceil(rayon::current_num_threads()).clamp(LEAST_ROWS, TILE);
    let progress =
        Progress::new(title, (a.count().div_ceil(TILE) * rows_b.len().div_ceil(step)) as u64);
    for first in (0..a.count()).step_by(TILE) {
        let end = (first + TILE).min(a.count());
        let block = rows_a.as_deref_mut().map(|rows| &mut rows[first..end]);
        strip(
            Place { rows: a, first },
            &a.panel(first..end),
            block,
            Place { rows: b, first: 0 },
            rows_b,
            step,
            &progress,
        );
    }
}

/// Scans the tiles of the rows at `a`, given as a panel, with all `rows_b`, which begin at `b`, in
/// tasks of `step` rows.
fn strip<A: Accumulator>(
    a: Place<'_>,
    panel_a: &[f32],
    rows_a: Option<&mut [A]>,
    b: Place<'_>,
    rows_b: &mut [A],
    step: usize,
    progress: &Progress,
) {
    let kept = rows_a.as_deref();
    let work = |(task, rows_b): (usize, &mut [A])| {
        let b = Place { first: b.first + task * step, ..b };
        let count = panel_a.len() / a.rows.features.dimensions();
        let tile =
            products(panel_a, &b.rows.panel(b.first..b.first + rows_b.len()), count, Par::Seq);
        scan_all(rows_b, b, a, &tile, count);
        let parts = kept.map(|rows| {
            let mut parts: Vec<A> = rows.iter().map(Accumulator::part).collect();
            scan_all(&mut parts, a, b, &transposed(&tile, count), rows_b.len());
            parts
        });
        progress.add(1);
        parts
    };
    let parts: Vec<Option<Vec<A>>> = rows_b.par_chunks_mut(step).enumerate().map(work).collect();
    if let Some(rows) = rows_a {
        for parts in parts.into_iter().flatten() {
            rows.iter_mut().zip(parts).for_each(|(row, part)| row.merge(part));
        }
    }
}

fn scan_all<A: Accumulator>(
    rows: &mut [A],
    owner: Place<'_>,
    other: Place<'_>,
    tile: &[f32],
    others: usize,
) {
    for (i, (row, products)) in rows.iter_mut().zip(tile.chunks(others)).enumerate() {
        row.scan(Place { first: owner.first + i, ..owner }, other, products);
    }
}

/// The products of all `count` rows of panel `a` with the first row of `b`, then with the second,
/// and so on.
fn products(a: &[f32], b: &[f32], count: usize, par: Par) -> Vec<f32> {
    let d = a.len() / count;
    let others = b.len() / d;
    let mut tile = vec![0.0; count * others];
    let columns = MatMut::from_column_major_slice_mut(&mut tile, count, others);
    let (a, b) =
        (MatRef::from_row_major_slice(a, count, d), MatRef::from_row_major_slice(b, others, d));
    matmul(columns, Accum::Replace, a, b.transpose(), 1.0, par);
    tile
}

/// Transposes lines of `length`.
fn transposed(tile: &[f32], length: usize) -> Vec<f32> {
    let lines = tile.len() / length;
    let mut out = vec![0.0; tile.len()];
    for top in (0..lines).step_by(SQUARE) {
        for left in (0..length).step_by(SQUARE) {
            for i in top..(top + SQUARE).min(lines) {
                for j in left..(left + SQUARE).min(length) {
                    out[j * lines + i] = tile[i * length + j];
                }
            }
        }
    }
    out
}
