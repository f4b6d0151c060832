//! Nearest neighbours between all rows of two sets of features, in bounded memory.
//!
//! The pairs are screened tile by tile with products in f32 (`super::tiles`) and a bound of their
//! rounding error. If the bound leaves a decision open, the distance is computed from the
//! differences in f64. The results are those of f64 arithmetic on every pair, at the cost of an f32
//! matrix product.

use rayon::prelude::*;
use shared::metrics::features::Features;

use super::tiles::{self, Accumulator, Frame, Place, Rows};

/// Candidates kept beyond `k`, so that the screen need not order near ties.
const SPARE: usize = 8;

/// Values screened at once.
const SCREENED: usize = 64;

/// A row near another row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour {
    /// Index of the row.
    pub row: u32,
    /// Squared Euclidean distance, in f64 from the differences.
    pub squared: f64,
}

impl Neighbour {
    /// Euclidean distance.
    #[must_use]
    pub fn distance(self) -> f64 {
        self.squared.sqrt()
    }
}

/// The nearest `k` rows of every row.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbours {
    k: usize,
    all: Vec<Neighbour>,
}

impl Neighbours {
    /// The neighbours of row `i`, nearest first; ties in order of their rows.
    #[must_use]
    pub fn of(&self, i: usize) -> &[Neighbour] {
        &self.all[i * self.k..(i + 1) * self.k]
    }

    /// Every row's squared distance to its k-th neighbour.
    #[must_use]
    pub fn squared_radii(&self) -> Vec<f64> {
        self.all.chunks_exact(self.k).map(|row| row[self.k - 1].squared).collect()
    }

    /// Every row's nearest neighbour.
    pub fn nearest(&self) -> impl Iterator<Item = Neighbour> {
        self.all.chunks_exact(self.k).map(|row| row[0])
    }
}

/// The `k` nearest other rows of every row of `set`, with k ≥ 1, more than `k` rows, all finite.
#[must_use]
pub fn nearest_within(set: &Features, k: usize) -> Neighbours {
    let frame = Frame::of(&[set]);
    let set_rows = Rows::new(set, &frame, None);
    let mut rows = vec![Candidates::new(k); set.count()];
    tiles::within(&set_rows, &mut rows, "distances within a set");
    finished(&set_rows, &set_rows, rows, k)
}

/// The `k` nearest rows in `among` of every row in `of`, with k ≥ 1, at least `k` rows in `among`,
/// all finite and of one length.
#[must_use]
pub fn nearest(of: &Features, among: &Features, k: usize) -> Neighbours {
    let frame = Frame::of(&[of, among]);
    let (of, among) = (Rows::new(of, &frame, None), Rows::new(among, &frame, None));
    let mut rows = vec![Candidates::new(k); of.count()];
    tiles::between(&among, None, &of, &mut rows, "distances between two sets");
    finished(&of, &among, rows, k)
}

fn finished(of: &Rows<'_>, among: &Rows<'_>, rows: Vec<Candidates>, k: usize) -> Neighbours {
    let all = rows
        .par_iter()
        .enumerate()
        .flat_map_iter(|(i, row)| row.finished(of, i, among, k))
        .collect();
    Neighbours { k, all }
}

/// Candidates for the nearest rows, by a lower bound of half the squared distance.
#[derive(Clone, Debug)]
struct Candidates {
    kept: Vec<(f32, u32)>,
    limit: usize,
    /// Rows at or beyond it are dropped.
    bound: f32,
}

impl Candidates {
    fn new(k: usize) -> Self {
        Self { kept: Vec::with_capacity(k + SPARE), limit: k + SPARE, bound: f32::INFINITY }
    }

    fn offer(&mut self, half: f32, row: u32) {
        if half >= self.bound {
            return;
        }
        if self.kept.len() < self.limit {
            self.kept.push((half, row));
        } else if let Some(worst) = self.kept.iter_mut().max_by(|a, b| a.0.total_cmp(&b.0)) {
            *worst = (half, row);
        }
        if self.kept.len() == self.limit {
            self.bound = self
                .kept
                .iter()
                .fold(f32::NEG_INFINITY, |worst, &(half, _)| worst.max(half))
                .min(self.bound);
        }
    }

    /// The `k` nearest rows, exactly. Dropped rows are at least `bound` away; if that is not
    /// conclusive, all distances are computed.
    fn finished(&self, of: &Rows<'_>, i: usize, among: &Rows<'_>, k: usize) -> Vec<Neighbour> {
        let measured = |rows: &mut dyn Iterator<Item = u32>| {
            let mut near: Vec<Neighbour> = rows
                .map(|row| Neighbour { row, squared: of.squared(i, among, row as usize) })
                .collect();
            near.sort_unstable_by(|a, b| a.squared.total_cmp(&b.squared).then(a.row.cmp(&b.row)));
            near.truncate(k);
            near
        };
        let near = measured(&mut self.kept.iter().map(|&(_, row)| row));
        let farthest = near[near.len() - 1].squared;
        // Nothing is nearer than 0, and any of several copies will do.
        if farthest == 0.0 || (of.halved(farthest) as f32) < self.bound {
            return near;
        }
        let itself = of.is(among).then_some(i as u32);
        measured(&mut (0..among.count() as u32).filter(|&row| Some(row) != itself))
    }
}

impl Accumulator for Candidates {
    fn part(&self) -> Self {
        Self { kept: Vec::with_capacity(self.limit), ..*self }
    }

    fn merge(&mut self, part: Self) {
        part.kept.into_iter().for_each(|(half, row)| self.offer(half, row));
    }

    fn scan(&mut self, owner: Place<'_>, other: Place<'_>, products: &[f32]) {
        let own = owner.rows.lower[owner.first];
        let itself = owner.rows.is(other.rows).then_some(owner.first);
        let lower = &other.rows.lower[other.first..other.first + products.len()];
        for (chunk, (products, lower)) in
            products.chunks(SCREENED).zip(lower.chunks(SCREENED)).enumerate()
        {
            let bound = self.bound - own;
            if !products.iter().zip(lower).fold(false, |any, (p, l)| any | (l - p < bound)) {
                continue;
            }
            for (at, (p, l)) in products.iter().zip(lower).enumerate() {
                let row = other.first + chunk * SCREENED + at;
                if l - p < self.bound - own && Some(row) != itself {
                    self.offer(l - p + own, row as u32);
                }
            }
        }
    }
}
