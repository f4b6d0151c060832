//! Kernel Inception Distance: the unbiased squared MMD with the kernel (x·y/d + 1)³ (Bińkowski et
//! al. 2018, arXiv:1801.01401, section 4).
//!
//! Two estimators: the mean over random subsets, drawn exactly as in torch-fidelity's
//! `metric_kid.py`, clean-fid or NVIDIA's StyleGAN repositories, and the mean over consecutive
//! batches of a shuffled order, as in the Keras example `gan_ada`.
//!
//! Products of rows, centred at their set's mean, are computed in f32, everything else in f64.
//! Rounding errors are around 1e-7 of such a product, have either sign and are averaged over all
//! pairs: values of some tenths agree with f64 to within 1e-8. Centring keeps this accuracy for a
//! mean far from 0 and for a set that repeats one picture.
//!
//! ```
//! use fledge_base::rng;
//! use fledge_metrics::features::Features;
//! use fledge_metrics::kid::{self, Batches};
//!
//! let drawn = |seed| Features::new(rng::stream(seed, "an example", 0).normals(256 * 8), 8);
//! let kid = kid::over_batches(&drawn(1), &drawn(2), Batches::default())?;
//! assert_eq!((kid.subsets, kid.subset_size), (2, 128));
//! # Ok::<(), fledge_metrics::features::FeaturesError>(())
//! ```

use std::ops::Range;

use faer::linalg::matmul::{matmul, triangular};
use faer::{Accum, MatMut, MatRef, Par};
use pulp::Arch;
use rayon::prelude::*;

use super::features::{self, Features, FeaturesError};
use fledge_base::mt19937::RandomState;
use fledge_base::rng;

/// The set whose subset is drawn first in every round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum First {
    /// The generated set: torch-fidelity with it as input 1, NVIDIA's StyleGAN repositories.
    #[default]
    Generated,
    /// The real set: clean-fid with the generated set as its first folder.
    Real,
}

/// Parameters of the random subsets. The default is that of torch-fidelity. The estimators of
/// clean-fid and of NVIDIA's StyleGAN repositories are the same with their own seed and [`First`];
/// they also shrink subsets, and omit the spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subsets {
    /// Number of subsets.
    pub count: usize,
    /// Pictures per subset; reduced to the size of the smaller set if that has fewer.
    pub size: usize,
    /// Seed of numpy's legacy generator.
    pub seed: u32,
    /// The set whose subset is drawn first.
    pub first: First,
}

impl Default for Subsets {
    fn default() -> Self {
        Self { count: 100, size: 1000, seed: 2020, first: First::Generated }
    }
}

/// Parameters of the batches. The default is the batch size of the Keras example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batches {
    /// Pictures per batch; reduced to the size of the smaller set if that has fewer. An incomplete
    /// last batch is omitted.
    pub size: usize,
    /// Seed of the shuffled order.
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
    /// Mean over the subsets or batches. Slightly below 0 is a valid value: the estimate is
    /// unbiased.
    pub mean: f64,
    /// Standard deviation over the subsets or batches (divided by their number, as numpy does).
    pub std: f64,
    /// Number of subsets or batches.
    pub subsets: usize,
    /// Pictures of each set in a subset or batch.
    pub subset_size: usize,
    /// The size requested, if a set was too small for it.
    pub shrunk_from: Option<usize>,
}

/// Upper bound of pooled Gram matrices, in entries of f64: 1 GiB.
const POOLED_LIMIT: usize = 1 << 27;

/// Rows of a large subset processed at once: two such blocks of 2048 dimensions and their products
/// take some 20 MB per core, however large the subset is.
const BLOCK: usize = 1024;

/// KID over random subsets.
///
/// # Errors
/// If the rows differ in length, are not finite, or a set has fewer than 2.
pub fn over_subsets(
    generated: &Features,
    real: &Features,
    subsets: Subsets,
) -> Result<Kid, FeaturesError> {
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

/// KID over consecutive batches of both sets, each shuffled: sets are often sorted by class, and a
/// batch of one class would bias the estimate upwards.
///
/// # Errors
/// If the rows differ in length, are not finite, or a set has fewer than 2.
pub fn over_batches(
    generated: &Features,
    real: &Features,
    batches: Batches,
) -> Result<Kid, FeaturesError> {
    features::check(generated, real, 2)?;
    let size = batches.size.min(generated.count()).min(real.count()).max(2);
    let first =
        rng::stream(batches.seed, "kid batches of generated", 0).permutation(generated.count());
    let second = rng::stream(batches.seed, "kid batches of real", 0).permutation(real.count());
    let draws: Vec<_> = first
        .chunks_exact(size)
        .zip(second.chunks_exact(size))
        .map(|(a, b)| (a.to_vec(), b.to_vec()))
        .collect();
    Ok(summary(&estimates(generated, real, &draws), size, batches.size))
}

fn summary(estimates: &[f64], size: usize, asked: usize) -> Kid {
    let n = estimates.len() as f64;
    let mean = estimates.iter().sum::<f64>() / n;
    let variance = estimates.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    Kid {
        mean,
        std: variance.sqrt(),
        subsets: estimates.len(),
        subset_size: size,
        shrunk_from: (size != asked).then_some(asked),
    }
}

type Draw = (Vec<u32>, Vec<u32>);

/// One estimate per draw. Small sets: computes all kernel values once and sums by index. Large
/// sets: computes each subset's own.
fn estimates(generated: &Features, real: &Features, draws: &[Draw]) -> Vec<f64> {
    let (n, m) = (generated.count(), real.count());
    let pooled_entries = n * n + m * m + n * m;
    let drawn_entries: usize =
        draws.iter().map(|(a, b)| a.len() * a.len() + b.len() * b.len() + a.len() * b.len()).sum();
    if pooled_entries <= POOLED_LIMIT && pooled_entries <= drawn_entries {
        let every: Vec<u32> = (0..n.max(m) as u32).collect();
        let (x, y) = (Centred::of(generated, &every[..n]), Centred::of(real, &every[..m]));
        let kernels = [Kernel::of(&x, &x), Kernel::of(&y, &y), Kernel::of(&x, &y)];
        draws.par_iter().map(|(a, b)| pooled_estimate(&kernels, a, b)).collect()
    } else {
        // One draw per core; with fewer draws than cores, all cores on each.
        let par = if draws.len() < rayon::current_num_threads() { Par::rayon(0) } else { Par::Seq };
        let own = |tiles: &mut Tiles, (a, b): &Draw| {
            own_estimate(&Centred::of(generated, a), &Centred::of(real, b), BLOCK, tiles)
        };
        draws.par_iter().map_init(|| Tiles::new(par), own).collect()
    }
}

/// Σ_{i≠j} k(xᵢ,xⱼ)/(m(m−1)) + Σ_{i≠j} k(yᵢ,yⱼ)/(m(m−1)) − 2 Σ k(xᵢ,yⱼ)/m², from the sums over all
/// pairs i < j within each set and over all pairs between them, of `count` rows each.
fn unbiased(within: f64, between: f64, count: usize) -> f64 {
    let m = count as f64;
    2.0 * (within / (m * (m - 1.0)) - between / (m * m))
}

/// The estimate over rows `a` of the generated and `b` of the real set, equally many, from the
/// kernels within the generated set, within the real set, and between them.
fn pooled_estimate([generated, real, between]: &[Kernel; 3], a: &[u32], b: &[u32]) -> f64 {
    unbiased(generated.sum_within(a) + real.sum_within(b), between.sum(a, b), a.len())
}

/// The estimate over all rows of both sets, equally many, with two blocks of at most `block` rows
/// in memory.
fn own_estimate(x: &Centred<'_>, y: &Centred<'_>, block: usize, tiles: &mut Tiles) -> f64 {
    let [x_on_x, x_on_y] = x.along([&x.mean, &y.mean]);
    let [y_on_x, y_on_y] = y.along([&x.mean, &y.mean]);
    let within =
        [Uncentred::new([x, x], [&x_on_x, &x_on_x]), Uncentred::new([y, y], [&y_on_y, &y_on_y])];
    let between = Uncentred::new([x, y], [&x_on_y, &y_on_x]);
    let ranges =
        || (0..x.count()).step_by(block).map(|first| first..(first + block).min(x.count()));
    let blocks: Vec<(usize, Range<usize>)> =
        (0..2).flat_map(|set| ranges().map(move |range| (set, range))).collect();
    let mut sums = Sums::default();
    let gather = |(set, range): &(usize, Range<usize>), into: &mut Vec<f32>| {
        [x, y][*set].centred(range.clone(), into)
    };
    gather(&blocks[0], &mut tiles.rows);
    for (i, (set, rows)) in blocks.iter().enumerate() {
        sums.within += tiles.sum_below(within[*set].part(rows.clone(), rows.clone()));
        // The last block visited is the next outer block.
        for (other, columns) in blocks[i + 1..].iter().rev() {
            gather(&(*other, columns.clone()), &mut tiles.columns);
            if set == other {
                sums.within += tiles.sum(within[*set].part(rows.clone(), columns.clone()));
            } else {
                sums.between += tiles.sum(between.part(rows.clone(), columns.clone()));
            }
        }
        std::mem::swap(&mut tiles.rows, &mut tiles.columns);
    }
    unbiased(sums.within, sums.between, x.count())
}

/// Sums of kernels over pairs within the sets and between them.
#[derive(Default)]
struct Sums {
    within: f64,
    between: f64,
}

/// Buffers of a worker: two blocks of centred rows, and their products.
struct Tiles {
    rows: Vec<f32>,
    columns: Vec<f32>,
    products: Vec<f32>,
    par: Par,
}

impl Tiles {
    fn new(par: Par) -> Self {
        Self { rows: Vec::new(), columns: Vec::new(), products: Vec::new(), par }
    }

    /// The sum over all pairs of the two blocks.
    fn sum(&mut self, kernel: Uncentred<'_>) -> f64 {
        let (rows, columns) = (kernel.rows.len(), kernel.columns.len());
        multiply((&self.rows, rows), (&self.columns, columns), &mut self.products, self.par);
        self.products
            .chunks_exact(rows)
            .enumerate()
            .map(|(j, column)| kernel.sum(column, j, 0))
            .sum()
    }

    /// The sum over the pairs i > j of the first block with itself.
    fn sum_below(&mut self, kernel: Uncentred<'_>) -> f64 {
        use triangular::BlockStructure::{Rectangular, TriangularLower};
        let n = kernel.rows.len();
        let x = MatRef::from_row_major_slice(&self.rows, n, self.rows.len() / n);
        self.products.resize(n * n, 0.0);
        let below = MatMut::from_column_major_slice_mut(&mut self.products, n, n);
        triangular::matmul(
            below,
            TriangularLower,
            Accum::Replace,
            x,
            Rectangular,
            x.transpose(),
            Rectangular,
            1.0,
            self.par,
        );
        self.products
            .chunks_exact(n)
            .enumerate()
            .map(|(j, column)| kernel.sum(column, j, j + 1))
            .sum()
    }
}

/// All products with the first of `m` rows of `y`, then with the second, and so on.
fn multiply((x, n): (&[f32], usize), (y, m): (&[f32], usize), products: &mut Vec<f32>, par: Par) {
    let (x, y) = (
        MatRef::from_row_major_slice(x, n, x.len() / n),
        MatRef::from_row_major_slice(y, m, y.len() / m),
    );
    products.resize(n * m, 0.0);
    matmul(
        MatMut::from_column_major_slice_mut(products, n, m),
        Accum::Replace,
        x,
        y.transpose(),
        1.0,
        par,
    );
}

/// Some rows of a set, and their mean.
struct Centred<'a> {
    features: &'a Features,
    indices: &'a [u32],
    mean: Vec<f64>,
}

impl<'a> Centred<'a> {
    fn of(features: &'a Features, indices: &'a [u32]) -> Self {
        let mut mean = vec![0.0; features.dimensions()];
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for &i in indices {
                    mean.iter_mut()
                        .zip(features.row(i as usize))
                        .for_each(|(m, &v)| *m += f64::from(v));
                }
            },
        );
        mean.iter_mut().for_each(|m| *m /= indices.len() as f64);
        Self { features, indices, mean }
    }

    fn count(&self) -> usize {
        self.indices.len()
    }

    /// The rows in `range` minus the mean, rounded to f32, concatenated.
    fn centred(&self, range: Range<usize>, out: &mut Vec<f32>) {
        let d = self.mean.len();
        out.resize(range.len() * d, 0.0);
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for (out, &i) in out.chunks_exact_mut(d).zip(&self.indices[range]) {
                    let row = self.features.row(i as usize);
                    out.iter_mut()
                        .zip(row)
                        .zip(&self.mean)
                        .for_each(|((out, &v), m)| *out = (f64::from(v) - m) as f32);
                }
            },
        );
    }

    /// The products of every centred row with each of the means, divided by the dimensions; not
    /// rounded to f32.
    fn along<const N: usize>(&self, means: [&[f64]; N]) -> [Vec<f64>; N] {
        let (d, own) = (self.mean.len() as f64, means.map(|mean| dot(&self.mean, mean)));
        let mut along = [(); N].map(|()| Vec::with_capacity(self.count()));
        for &i in self.indices {
            let row = self.features.row(i as usize);
            for (along, (mean, own)) in along.iter_mut().zip(means.iter().zip(own)) {
                along.push((dot(row, mean) - own) / d);
            }
        }
        along
    }
}

/// The terms that turn products of centred rows into kernels of the rows themselves: x·y/d + 1 =
/// x̃·ỹ/d + x̃·μ_y/d + ỹ·μ_x/d + μ_x·μ_y/d + 1 with x̃ = x − μ_x and ỹ = y − μ_y.
#[derive(Clone, Copy)]
struct Uncentred<'a> {
    scale: f64,
    constant: f64,
    rows: &'a [f64],
    columns: &'a [f64],
}

impl<'a> Uncentred<'a> {
    /// For two sets, given each set's products with the other's mean.
    fn new([x, y]: [&Centred<'_>; 2], [rows, columns]: [&'a [f64]; 2]) -> Self {
        let d = x.mean.len() as f64;
        Self { scale: 1.0 / d, constant: dot(&x.mean, &y.mean) / d + 1.0, rows, columns }
    }

    /// Restricts it to some rows and columns.
    fn part(self, rows: Range<usize>, columns: Range<usize>) -> Self {
        Self { rows: &self.rows[rows], columns: &self.columns[columns], ..self }
    }

    /// The kernels of the rows with row `j` of the other set, from the products of the centred
    /// ones.
    fn column(self, products: &[f32], j: usize) -> impl Iterator<Item = f64> {
        let constant = self.constant + self.columns[j];
        products
            .iter()
            .zip(self.rows)
            .map(move |(&product, &row)| self.kernel(product, row, constant))
    }

    /// The sum of the kernels of the rows from `first` on with row `j` of the other set, from the
    /// products of all rows.
    fn sum(self, products: &[f32], j: usize, first: usize) -> f64 {
        let constant = self.constant + self.columns[j];
        Arch::new().dispatch(
            #[inline(always)]
            || {
                lanes(&products[first..], &self.rows[first..], |&product, &row| {
                    self.kernel(product, row, constant)
                })
            },
        )
    }

    #[inline(always)]
    fn kernel(self, product: f32, row: f64, constant: f64) -> f64 {
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

/// The sum of `term` over the pairs of two equally long slices, in lanes that vectorise.
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
    /// Kernels with the first row of the second set, then with the second, and so on.
    values: Vec<f64>,
    rows: usize,
}

impl Kernel {
    fn of(x: &Centred<'_>, y: &Centred<'_>) -> Self {
        let ([on_x, on_y], rows) =
            ([y.along([&x.mean]), x.along([&y.mean])].map(|[along]| along), x.count());
        let kernel = Uncentred::new([x, y], [&on_y, &on_x]);
        let matrix = |set: &Centred<'_>| {
            let mut values = Vec::new();
            set.centred(0..set.count(), &mut values);
            values
        };
        let mut products = Vec::new();
        multiply((&matrix(x), rows), (&matrix(y), y.count()), &mut products, Par::rayon(0));
        let columns = products.par_chunks_exact(rows).enumerate();
        Self {
            values: columns.flat_map_iter(|(j, column)| kernel.column(column, j)).collect(),
            rows,
        }
    }

    /// Σ k over all pairs of the rows `a` and the columns `b`.
    fn sum(&self, a: &[u32], b: &[u32]) -> f64 {
        let column = |&j: &u32| &self.values[j as usize * self.rows..(j as usize + 1) * self.rows];
        b.iter().map(column).map(|column| a.iter().map(|&i| column[i as usize]).sum::<f64>()).sum()
    }

    /// Σ k over all pairs of the rows `a` of one set.
    fn sum_within(&self, a: &[u32]) -> f64 {
        a.iter()
            .enumerate()
            .map(|(j, column)| self.sum(&a[..j], std::slice::from_ref(column)))
            .sum()
    }
}

#[cfg(test)]
#[path = "kid_tests.rs"]
mod tests;
