//! Kernel Inception Distance: the unbiased squared MMD with the kernel (x·y/d + 1)³ (Bińkowski et al. 2018,
//! arXiv:1801.01401, section 4), in f64.
//!
//! Two estimators: the mean over random subsets, drawn exactly as torch-fidelity's `metric_kid.py` draws them, and
//! the mean over consecutive batches of a shuffled order, as the Keras example `gan_ada` does.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};
use rayon::prelude::*;

use super::features::{self, Features, FeaturesError};
use super::mt19937::RandomState;
use crate::rng;

/// How the subsets are drawn. The default is torch-fidelity's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subsets {
    /// How many subsets.
    pub count: usize,
    /// Pictures in each; shrunk to the smaller set if that has fewer.
    pub size: usize,
    /// Seed of numpy's legacy generator.
    pub seed: u32,
}

impl Default for Subsets {
    fn default() -> Self {
        Self { count: 100, size: 1000, seed: 2020 }
    }
}

/// How the batches are cut. The default is the Keras example's batch size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batches {
    /// Pictures in each; shrunk to the smaller set if that has fewer. An incomplete last batch is left out.
    pub size: usize,
    /// Seed of the order in which the pictures are taken.
    pub seed: u64,
}

impl Default for Batches {
    fn default() -> Self {
        Self { size: 128, seed: 0 }
    }
}

/// A KID with its spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kid {
    /// Mean over the subsets or batches. Slightly below 0 is a valid value: the estimate is unbiased.
    pub mean: f64,
    /// Standard deviation over the subsets or batches (divided by their number, as numpy does).
    pub std: f64,
    /// How many subsets or batches.
    pub subsets: usize,
    /// Pictures of each set in one subset or batch.
    pub subset_size: usize,
    /// The size that was asked for, when a set was too small for it.
    pub shrunk_from: Option<usize>,
}

/// The largest Gram matrices that are kept at once, in entries of f64: 1 GiB.
const POOLED_LIMIT: usize = 1 << 27;

/// KID over random subsets. `generated` is torch-fidelity's input 1: its subset is drawn first in every round.
///
/// # Errors
/// When the rows differ in length, are not finite, or a set has fewer than 2.
pub fn over_subsets(generated: &Features, real: &Features, subsets: Subsets) -> Result<Kid, FeaturesError> {
    features::check(generated, real, 2)?;
    let size = subsets.size.min(generated.count()).min(real.count()).max(2);
    let mut random = RandomState::new(subsets.seed);
    let draws: Vec<_> = (0..subsets.count)
        .map(|_| {
            let first = random.choice(generated.count(), size);
            (first, random.choice(real.count(), size))
        })
        .collect();
    Ok(summary(&estimates(generated, real, &draws), size, subsets.size))
}

/// KID over consecutive batches of both sets, each taken in a shuffled order: sets are often sorted by class, and a batch of
/// one class would raise the estimate.
///
/// # Errors
/// When the rows differ in length, are not finite, or a set has fewer than 2.
pub fn over_batches(generated: &Features, real: &Features, batches: Batches) -> Result<Kid, FeaturesError> {
    features::check(generated, real, 2)?;
    let size = batches.size.min(generated.count()).min(real.count()).max(2);
    let first = rng::stream(batches.seed, "kid batches of generated", 0).permutation(generated.count());
    let second = rng::stream(batches.seed, "kid batches of real", 0).permutation(real.count());
    let draws: Vec<_> = first.chunks_exact(size).zip(second.chunks_exact(size)).map(|(a, b)| (a.to_vec(), b.to_vec())).collect();
    Ok(summary(&estimates(generated, real, &draws), size, batches.size))
}

fn summary(estimates: &[f64], size: usize, asked: usize) -> Kid {
    let n = estimates.len() as f64;
    let mean = estimates.iter().sum::<f64>() / n;
    let variance = estimates.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    Kid { mean, std: variance.sqrt(), subsets: estimates.len(), subset_size: size, shrunk_from: (size != asked).then_some(asked) }
}

type Draw = (Vec<u32>, Vec<u32>);

/// One estimate a draw. Small sets: all kernel values once, then sums by index. Large sets: each subset's own.
fn estimates(generated: &Features, real: &Features, draws: &[Draw]) -> Vec<f64> {
    let (n, m) = (generated.count(), real.count());
    let pooled_entries = n * n + m * m + n * m;
    let drawn_entries: usize = draws.iter().map(|(a, b)| a.len() * a.len() + b.len() * b.len() + a.len() * b.len()).sum();
    if pooled_entries <= POOLED_LIMIT && pooled_entries <= drawn_entries {
        let all = Kernels::of(&widen(generated, None), &widen(real, None), generated.dimensions());
        draws.par_iter().map(|(a, b)| all.estimate(a, b)).collect()
    } else {
        draws
            .iter()
            .map(|(a, b)| {
                let kernels = Kernels::of(&widen(generated, Some(a)), &widen(real, Some(b)), generated.dimensions());
                let every: Vec<u32> = (0..a.len() as u32).collect();
                kernels.estimate(&every, &every)
            })
            .collect()
    }
}

/// Rows in f64, all or those of `indices`.
fn widen(features: &Features, indices: Option<&[u32]>) -> Vec<f64> {
    match indices {
        None => features.values().iter().map(|&v| f64::from(v)).collect(),
        Some(indices) => indices.iter().flat_map(|&i| features.row(i as usize)).map(|&v| f64::from(v)).collect(),
    }
}

/// Kernel values of every pair; column-major, so that a column is a slice.
struct Kernels {
    generated: Mat<f64>,
    real: Mat<f64>,
    cross: Mat<f64>,
}

impl Kernels {
    fn of(generated: &[f64], real: &[f64], dimensions: usize) -> Self {
        let x = MatRef::from_row_major_slice(generated, generated.len() / dimensions, dimensions);
        let y = MatRef::from_row_major_slice(real, real.len() / dimensions, dimensions);
        Self { generated: kernel(x, x), real: kernel(y, y), cross: kernel(x, y) }
    }

    /// The unbiased estimate over rows `a` of the generated and `b` of the real set, equally many:
    /// Σ_{i≠j} k(xᵢ,xⱼ)/(m(m−1)) + Σ_{i≠j} k(yᵢ,yⱼ)/(m(m−1)) − 2 Σ k(xᵢ,yⱼ)/m².
    fn estimate(&self, a: &[u32], b: &[u32]) -> f64 {
        let m = a.len() as f64;
        let within = (pairs(&self.generated, a, a) + pairs(&self.real, b, b)
            - a.iter().map(|&i| self.generated[(i as usize, i as usize)]).sum::<f64>()
            - b.iter().map(|&i| self.real[(i as usize, i as usize)]).sum::<f64>())
            / (m * (m - 1.0));
        within - 2.0 * pairs(&self.cross, a, b) / (m * m)
    }
}

/// (X·Yᵀ/d + 1)³ of all rows of X with all rows of Y.
fn kernel(x: MatRef<'_, f64>, y: MatRef<'_, f64>) -> Mat<f64> {
    let mut k = Mat::<f64>::zeros(x.nrows(), y.nrows());
    matmul(k.as_mut(), Accum::Replace, x, y.transpose(), 1.0 / x.ncols() as f64, Par::rayon(0));
    for column in k.col_iter_mut() {
        for v in column.iter_mut() {
            *v = (*v + 1.0).powi(3);
        }
    }
    k
}

/// The sum of `k[i, j]` over i in `rows` and j in `columns`.
fn pairs(k: &Mat<f64>, rows: &[u32], columns: &[u32]) -> f64 {
    columns
        .iter()
        .map(|&j| {
            let column = k.col_as_slice(j as usize);
            rows.iter().map(|&i| column[i as usize]).sum::<f64>()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_of_all_pairs_and_of_each_subset_give_the_same_estimates() {
        let drawn = |seed, n: usize| Features::new(rng::stream(seed, "kid test", 0).normals(n * 16), 16);
        let (generated, real) = (drawn(1, 60), drawn(2, 70));
        let mut random = RandomState::new(7);
        let draws: Vec<Draw> = (0..30).map(|_| (random.choice(60, 25), random.choice(70, 25))).collect();
        // 30 draws of 3·25² kernel values are more than the 60² + 70² + 60·70 of all pairs; one draw is less.
        let pooled = estimates(&generated, &real, &draws);
        for (draw, pooled) in draws.iter().zip(pooled) {
            let separate = estimates(&generated, &real, std::slice::from_ref(draw))[0];
            assert!((separate - pooled).abs() < 1e-12, "{separate} against {pooled}");
        }
    }
}
