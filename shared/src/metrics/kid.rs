//! Kernel Inception Distance: the unbiased squared MMD with the kernel (x·y/d + 1)³ (Bińkowski et al. 2018,
//! arXiv:1801.01401, section 4).
//!
//! Two estimators: the mean over random subsets, drawn exactly as torch-fidelity's `metric_kid.py`, clean-fid or NVIDIA's StyleGAN
//! repositories draw them, and the mean over consecutive batches of a shuffled order, as the Keras example `gan_ada` does.
//!
//! The products of rows, centred at their set's mean, are in f32, everything else in f64. Rounding errors are around 1e-7 of such a
//! product, fall on both sides of 0 and are averaged over all pairs: values of some tenths are within 1e-8 of those in f64, and a
//! mean far from 0 or a set of one picture adds nothing.

use faer::linalg::matmul::{matmul, triangular};
use faer::{Accum, MatMut, MatRef, Par};
use pulp::Arch;
use rayon::prelude::*;

use super::features::{self, Features, FeaturesError};
use super::mt19937::RandomState;
use crate::rng;

/// Whose subset is drawn first in every round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum First {
    /// The generated set's: torch-fidelity with it as input 1, NVIDIA's StyleGAN repositories.
    #[default]
    Generated,
    /// The real set's: clean-fid with the generated set as its first folder.
    Real,
}

/// How the subsets are drawn. The default is torch-fidelity's. The estimators of clean-fid and of NVIDIA's StyleGAN repositories are
/// the same with their own seed and [`First`]; they shrink subsets, too, and leave out the spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subsets {
    /// How many subsets.
    pub count: usize,
    /// Pictures in each; shrunk to the smaller set if that has fewer.
    pub size: usize,
    /// Seed of numpy's legacy generator.
    pub seed: u32,
    /// Whose subset is drawn first.
    pub first: First,
}

impl Default for Subsets {
    fn default() -> Self {
        Self { count: 100, size: 1000, seed: 2020, first: First::Generated }
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

/// KID over random subsets.
///
/// # Errors
/// When the rows differ in length, are not finite, or a set has fewer than 2.
pub fn over_subsets(generated: &Features, real: &Features, subsets: Subsets) -> Result<Kid, FeaturesError> {
    features::check(generated, real, 2)?;
    let size = subsets.size.min(generated.count()).min(real.count()).max(2);
    let mut random = RandomState::new(subsets.seed);
    let draws: Vec<_> = (0..subsets.count)
        .map(|_| match subsets.first {
            First::Generated => {
                let first = random.choice(generated.count(), size);
                (first, random.choice(real.count(), size))
            }
            First::Real => {
                let first = random.choice(real.count(), size);
                (random.choice(generated.count(), size), first)
            }
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
        let every: Vec<u32> = (0..n.max(m) as u32).collect();
        let (x, y) = (Centred::of(generated, &every[..n]), Centred::of(real, &every[..m]));
        let kernels = [Kernel::of(&x, &x), Kernel::of(&y, &y), Kernel::of(&x, &y)];
        draws.par_iter().map(|(a, b)| pooled_estimate(&kernels, a, b)).collect()
    } else {
        let own = |(a, b): &Draw| own_estimate(&Centred::of(generated, a), &Centred::of(real, b));
        draws.par_iter().map(own).collect()
    }
}

/// Σ_{i≠j} k(xᵢ,xⱼ)/(m(m−1)) + Σ_{i≠j} k(yᵢ,yⱼ)/(m(m−1)) − 2 Σ k(xᵢ,yⱼ)/m², from the sums over all pairs i < j within each set and
/// over all pairs between them, of `count` rows each.
fn unbiased(within: f64, between: f64, count: usize) -> f64 {
    let m = count as f64;
    2.0 * (within / (m * (m - 1.0)) - between / (m * m))
}

/// The estimate over rows `a` of the generated and `b` of the real set, equally many, from the kernels within the generated set,
/// within the real set, and between them.
fn pooled_estimate([generated, real, between]: &[Kernel; 3], a: &[u32], b: &[u32]) -> f64 {
    unbiased(generated.sum_within(a) + real.sum_within(b), between.sum(a, b), a.len())
}

/// The estimate over all rows of both, equally many.
fn own_estimate(x: &Centred<'_>, y: &Centred<'_>) -> f64 {
    unbiased(x.sum_within() + y.sum_within(), x.sum_between(y), x.count())
}

/// Some rows of a set, minus their mean.
struct Centred<'a> {
    features: &'a Features,
    indices: &'a [u32],
    mean: Vec<f64>,
    /// Rounded to f32, row by row.
    rows: Vec<f32>,
}

impl<'a> Centred<'a> {
    fn of(features: &'a Features, indices: &'a [u32]) -> Self {
        let mut mean = vec![0.0; features.dimensions()];
        for &i in indices {
            mean.iter_mut().zip(features.row(i as usize)).for_each(|(m, &v)| *m += f64::from(v));
        }
        mean.iter_mut().for_each(|m| *m /= indices.len() as f64);
        let mut rows = Vec::with_capacity(indices.len() * mean.len());
        for &i in indices {
            rows.extend(features.row(i as usize).iter().zip(&mean).map(|(&v, m)| (f64::from(v) - m) as f32));
        }
        Self { features, indices, mean, rows }
    }

    fn count(&self) -> usize {
        self.indices.len()
    }

    fn rows(&self) -> MatRef<'_, f32> {
        MatRef::from_row_major_slice(&self.rows, self.count(), self.mean.len())
    }

    /// The product of every centred row with `mean`, divided by the dimensions; nothing is rounded to f32.
    fn along(&self, mean: &[f64]) -> Vec<f64> {
        let (d, own) = (mean.len() as f64, dot(&self.mean, mean));
        let product = |&i: &u32| (dot(self.features.row(i as usize), mean) - own) / d;
        self.indices.iter().map(product).collect()
    }

    /// What turns a product of centred rows into the kernel of the rows themselves.
    fn to_kernel(&self, other: &Self) -> Uncentred {
        let d = self.mean.len() as f64;
        let rows = self.along(&other.mean);
        let columns = if std::ptr::eq(self, other) { rows.clone() } else { other.along(&self.mean) };
        Uncentred { scale: 1.0 / d, constant: dot(&self.mean, &other.mean) / d + 1.0, rows, columns }
    }

    /// Σ k(xᵢ, xⱼ) over i < j.
    fn sum_within(&self) -> f64 {
        use triangular::BlockStructure::{Rectangular, TriangularLower};
        let n = self.count();
        let mut products = vec![0.0; n * n];
        let columns = MatMut::from_column_major_slice_mut(&mut products, n, n);
        let (x, y) = (self.rows(), self.rows().transpose());
        triangular::matmul(columns, TriangularLower, Accum::Replace, x, Rectangular, y, Rectangular, 1.0, Par::Seq);
        let kernel = self.to_kernel(self);
        products.chunks_exact(n).enumerate().map(|(j, column)| kernel.sum(column, j, j + 1)).sum()
    }

    /// Σ k(xᵢ, yⱼ).
    fn sum_between(&self, other: &Self) -> f64 {
        let kernel = self.to_kernel(other);
        let products = self.products(other, Par::Seq);
        products.chunks_exact(self.count()).enumerate().map(|(j, column)| kernel.sum(column, j, 0)).sum()
    }

    /// All products with the first row of `other`, then with the second, and so on.
    fn products(&self, other: &Self, par: Par) -> Vec<f32> {
        let mut products = vec![0.0; self.count() * other.count()];
        let columns = MatMut::from_column_major_slice_mut(&mut products, self.count(), other.count());
        matmul(columns, Accum::Replace, self.rows(), other.rows().transpose(), 1.0, par);
        products
    }
}

/// x·y/d + 1 = x̃·ỹ/d + x̃·μ_y/d + ỹ·μ_x/d + μ_x·μ_y/d + 1 with x̃ = x − μ_x and ỹ = y − μ_y.
struct Uncentred {
    scale: f64,
    constant: f64,
    rows: Vec<f64>,
    columns: Vec<f64>,
}

impl Uncentred {
    /// The kernels of the rows with row `j` of the other set, from the products of the centred ones.
    fn column(&self, products: &[f32], j: usize) -> impl Iterator<Item = f64> {
        let constant = self.constant + self.columns[j];
        products.iter().zip(&self.rows).map(move |(&product, &row)| self.kernel(product, row, constant))
    }

    /// The sum of the kernels of the rows from `first` on with row `j` of the other set.
    fn sum(&self, products: &[f32], j: usize, first: usize) -> f64 {
        let constant = self.constant + self.columns[j];
        Arch::new().dispatch(
            #[inline(always)]
            || lanes(&products[first..], &self.rows[first..], |&product, &row| self.kernel(product, row, constant)),
        )
    }

    #[inline(always)]
    fn kernel(&self, product: f32, row: f64, constant: f64) -> f64 {
        let sum = f64::from(product) * self.scale + (row + constant);
        sum * sum * sum
    }
}

/// The product of two rows in f64.
fn dot<T: Copy + Into<f64>>(a: &[T], b: &[f64]) -> f64 {
    Arch::new().dispatch(
        #[inline(always)]
        || lanes(a, b, |&a, &b| a.into() * b),
    )
}

/// The sum of `term` over the pairs of two equally long slices, in lanes that the processor adds at once.
#[inline(always)]
fn lanes<A, B>(a: &[A], b: &[B], term: impl Fn(&A, &B) -> f64) -> f64 {
    const LANES: usize = 16;
    let (whole_a, rest_a) = a.as_chunks::<LANES>();
    let (whole_b, rest_b) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (a, b) in whole_a.iter().zip(whole_b) {
        for i in 0..LANES {
            sums[i] += term(&a[i], &b[i]);
        }
    }
    sums.iter().sum::<f64>() + rest_a.iter().zip(rest_b).map(|(a, b)| term(a, b)).sum::<f64>()
}

/// The kernels of all pairs of two sets.
struct Kernel {
    /// Those with the first row of the second set, then with the second, and so on.
    values: Vec<f64>,
    rows: usize,
}

impl Kernel {
    fn of(x: &Centred<'_>, y: &Centred<'_>) -> Self {
        let (kernel, rows) = (x.to_kernel(y), x.count());
        let products = x.products(y, Par::rayon(0));
        let columns = products.par_chunks_exact(rows).enumerate();
        Self { values: columns.flat_map_iter(|(j, column)| kernel.column(column, j)).collect(), rows }
    }

    /// Σ k over all pairs of the rows `a` and the columns `b`.
    fn sum(&self, a: &[u32], b: &[u32]) -> f64 {
        let column = |&j: &u32| &self.values[j as usize * self.rows..(j as usize + 1) * self.rows];
        b.iter().map(column).map(|column| a.iter().map(|&i| column[i as usize]).sum::<f64>()).sum()
    }

    /// Σ k over all pairs of the rows `a`, where both sets are the same.
    fn sum_within(&self, a: &[u32]) -> f64 {
        a.iter().enumerate().map(|(j, column)| self.sum(&a[..j], std::slice::from_ref(column))).sum()
    }
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
            // The rows are centred at other means, so the products in f32 differ.
            assert!((separate - pooled).abs() < 1e-7, "{separate} against {pooled}");
        }
    }
}
