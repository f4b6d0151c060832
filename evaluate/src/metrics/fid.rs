//! Fréchet Inception Distance (Heusel et al. 2017, arXiv:1706.08500): |μ₁−μ₂|² + Tr(Σ₁ + Σ₂ −
//! 2(Σ₁Σ₂)^½), in f64.
//!
//! The root is never formed. With Σ₁ = F₁F₁ᵀ, Tr (Σ₁Σ₂)^½ is the sum of the roots of the
//! eigenvalues of F₁ᵀΣ₂F₁, and with Σ₂ = F₂F₂ᵀ the sum of the singular values of F₁ᵀF₂. F is the
//! matrix of centred rows if there are no more rows than dimensions, which avoids noise from zero
//! eigenvalues; otherwise the Cholesky factor, or a factor from an eigen decomposition if there is
//! none.

use faer::linalg::matmul::{matmul, triangular};
use faer::{Accum, Mat, MatRef, Par, Side};
use rayon::prelude::*;
use shared::metrics::features::{self, Features, FeaturesError};
use thiserror::Error;

/// With fewer pictures, a covariance of 2048 dimensions is singular and FID depends strongly on the
/// number.
pub const RELIABLE_COUNT: usize = 2048;

/// Rows accumulated at once: bounds their f64 copy to 64 MiB at 2048 dimensions.
const CHUNK: usize = 4096;

/// The divisor of a covariance of N rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Divisor {
    /// N−1, as in numpy's `cov`: torch-fidelity, pytorch-fid, clean-fid.
    #[default]
    Unbiased,
    /// N: NVIDIA's StyleGAN repositories.
    Count,
}

impl Divisor {
    fn of(self, count: usize) -> f64 {
        match self {
            Self::Unbiased => count as f64 - 1.0,
            Self::Count => count as f64,
        }
    }
}

/// Mean and covariance of a set of features.
#[derive(Clone, Debug)]
pub struct Gaussian {
    /// `[d]`
    pub mean: Vec<f64>,
    /// [d, d], both triangles.
    pub covariance: Mat<f64>,
}

/// Why numbers are not a mean and a covariance.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum GaussianError {
    /// Their sizes do not match.
    #[error("a mean of {mean} numbers does not match a covariance of {rows} × {columns}")]
    Shape {
        /// Length of the mean.
        mean: usize,
        /// Rows of the covariance.
        rows: usize,
        /// Columns of the covariance.
        columns: usize,
    },
    /// NaN or infinity.
    #[error("a number of the {what} is not finite")]
    NotFinite {
        /// "mean" or "covariance".
        what: &'static str,
    },
    /// The matrix is not symmetric, or a variance is negative.
    #[error("this is not a covariance: {what} at row {row}, column {column}")]
    NoCovariance {
        /// "it is not symmetric" or "a variance is below 0".
        what: &'static str,
        /// Row, from 0.
        row: usize,
        /// Column, from 0.
        column: usize,
    },
}

/// Tolerated asymmetry of a covariance that was stored in f32 or summed in another order, relative.
const SYMMETRIC: f64 = 1e-4;

impl Gaussian {
    /// From a mean `[d]` and a covariance `[d, d]`, row by row.
    ///
    /// # Errors
    /// When their sizes do not match, a number is not finite, or the covariance is not symmetric.
    pub fn new(mean: Vec<f64>, covariance: &[f64], columns: usize) -> Result<Self, GaussianError> {
        let (d, rows) = (mean.len(), covariance.len().checked_div(columns).unwrap_or(0));
        if d == 0 || rows != d || columns != d || rows * columns != covariance.len() {
            return Err(GaussianError::Shape { mean: d, rows, columns });
        }
        for (what, values) in [("mean", &mean[..]), ("covariance", covariance)] {
            if values.iter().any(|v| !v.is_finite()) {
                return Err(GaussianError::NotFinite { what });
            }
        }
        for row in 0..d {
            let variance = |i: usize| covariance[i * d + i];
            if variance(row) < 0.0 {
                return Err(GaussianError::NoCovariance {
                    what: "a variance is below 0",
                    row,
                    column: row,
                });
            }
            for column in 0..row {
                let apart = (covariance[row * d + column] - covariance[column * d + row]).abs();
                if apart > SYMMETRIC * (variance(row) * variance(column)).sqrt() {
                    return Err(GaussianError::NoCovariance {
                        what: "it is not symmetric",
                        row,
                        column,
                    });
                }
            }
        }
        Ok(Self { mean, covariance: MatRef::from_row_major_slice(covariance, d, d).to_owned() })
    }

    /// Fits all rows of `features`, at least 2.
    #[must_use]
    pub fn of(features: &Features, divisor: Divisor) -> Self {
        Self::of_rows(features, &every(features), divisor)
    }

    /// Fits the rows `rows` of `features`, at least 2.
    #[must_use]
    pub fn of_rows(features: &Features, rows: &[u32], divisor: Divisor) -> Self {
        let mean = mean(features, rows);
        let d = mean.len();
        let mut covariance = Mat::<f64>::zeros(d, d);
        let scale = 1.0 / divisor.of(rows.len());
        for rows in rows.chunks(CHUNK) {
            let centred = centred(features, rows, &mean);
            let x = MatRef::from_row_major_slice(&centred, rows.len(), d);
            add_square(&mut covariance, x.transpose(), scale);
        }
        mirror(&mut covariance);
        Self { mean, covariance }
    }
}

/// Mean and covariance of a set; with no more rows than dimensions, a root of the covariance.
#[derive(Clone, Debug)]
pub struct Moments {
    mean: Vec<f64>,
    trace: f64,
    covariance: Covariance,
}

#[derive(Clone, Debug)]
enum Covariance {
    /// [d, d]
    Whole(Mat<f64>),
    /// [d, n] with n ≤ d, whose product with its transpose is the covariance.
    Root(Mat<f64>),
}

impl Moments {
    /// The moments of all rows of `features`, at least 2.
    #[must_use]
    pub fn of(features: &Features, divisor: Divisor) -> Self {
        Self::of_rows(features, &every(features), divisor)
    }

    /// The moments of the rows `rows` of `features`, at least 2.
    #[must_use]
    pub fn of_rows(features: &Features, rows: &[u32], divisor: Divisor) -> Self {
        if rows.len() > features.dimensions() {
            return Gaussian::of_rows(features, rows, divisor).into();
        }
        let mean = mean(features, rows);
        let mut root = centred(features, rows, &mean);
        let scale = 1.0 / divisor.of(rows.len()).sqrt();
        root.iter_mut().for_each(|v| *v *= scale);
        let trace = root.iter().map(|v| v * v).sum();
        let root = MatRef::from_column_major_slice(&root, mean.len(), rows.len()).to_owned();
        Self { mean, trace, covariance: Covariance::Root(root) }
    }
}

impl From<Gaussian> for Moments {
    fn from(gaussian: Gaussian) -> Self {
        let trace = gaussian.covariance.diagonal().column_vector().iter().sum();
        Self { mean: gaussian.mean, trace, covariance: Covariance::Whole(gaussian.covariance) }
    }
}

/// A set with a decomposed covariance, for several distances.
#[derive(Clone, Debug)]
pub struct Reference {
    mean: Vec<f64>,
    trace: f64,
    /// [d, r], whose product with its transpose is the covariance.
    factor: Mat<f64>,
}

impl Reference {
    /// Decomposes the covariance of `moments`.
    ///
    /// # Errors
    /// When the eigen decomposition does not converge.
    pub fn new(moments: Moments) -> Result<Self, FeaturesError> {
        let factor = match moments.covariance {
            Covariance::Root(root) => root,
            Covariance::Whole(covariance) => factor(&covariance)?,
        };
        Ok(Self { mean: moments.mean, trace: moments.trace, factor })
    }

    /// The Fréchet distance to `other`.
    ///
    /// # Errors
    /// When the dimensions differ, or a decomposition does not converge.
    pub fn distance(&self, other: &Moments) -> Result<f64, FeaturesError> {
        if other.mean.len() != self.mean.len() {
            return Err(FeaturesError::Dimensions {
                generated: other.mean.len(),
                real: self.mean.len(),
            });
        }
        let rank = self.factor.ncols();
        let roots = match &other.covariance {
            // The covariance is zero.
            _ if rank == 0 => 0.0,
            Covariance::Root(root) => {
                let between = product(self.factor.transpose(), root.as_ref());
                let what = "singular value decomposition";
                between
                    .singular_values()
                    .map_err(|_| FeaturesError::NoConvergence { what })?
                    .iter()
                    .sum()
            }
            Covariance::Whole(covariance) => {
                let half = product(covariance.as_ref(), self.factor.as_ref());
                let symmetric = product(self.factor.transpose(), half.as_ref());
                let what = "eigen decomposition";
                let values = symmetric
                    .self_adjoint_eigenvalues(Side::Lower)
                    .map_err(|_| FeaturesError::NoConvergence { what })?;
                // Rounding leaves zero eigenvalues slightly below zero.
                values.iter().map(|v| v.max(0.0).sqrt()).sum::<f64>()
            }
        };
        let means: f64 = self.mean.iter().zip(&other.mean).map(|(a, b)| (a - b).powi(2)).sum();
        Ok(means + self.trace + other.trace - 2.0 * roots)
    }
}

/// FID of two sets of features.
///
/// # Errors
/// When the rows differ in length, are not finite, a set has fewer than 2, or a decomposition does
/// not converge.
pub fn fid(generated: &Features, real: &Features, divisor: Divisor) -> Result<f64, FeaturesError> {
    features::check(generated, real, 2)?;
    distance(Moments::of(generated, divisor), Moments::of(real, divisor))
}

/// The Fréchet distance of two Gaussians.
///
/// # Errors
/// When the dimensions differ, or a decomposition does not converge.
pub fn frechet(generated: Gaussian, real: Gaussian) -> Result<f64, FeaturesError> {
    distance(generated.into(), real.into())
}

fn distance(generated: Moments, real: Moments) -> Result<f64, FeaturesError> {
    match &real.covariance {
        // Rows need no decomposition.
        Covariance::Root(_) => Reference::new(real)?.distance(&generated),
        Covariance::Whole(_) => Reference::new(generated)?.distance(&real),
    }
}

/// F with F·Fᵀ = Σ, [d, rank].
fn factor(covariance: &Mat<f64>) -> Result<Mat<f64>, FeaturesError> {
    if let Ok(cholesky) = covariance.llt(Side::Lower) {
        return Ok(cholesky.L().to_owned());
    }
    let what = "eigen decomposition";
    let eigen = covariance
        .self_adjoint_eigen(Side::Lower)
        .map_err(|_| FeaturesError::NoConvergence { what })?;
    let values: Vec<f64> = eigen.S().column_vector().iter().copied().collect();
    // numpy's bound for the rank of a matrix: smaller values are rounding errors of the largest.
    let least =
        values.iter().fold(0.0, |a: f64, b| a.max(b.abs())) * values.len() as f64 * f64::EPSILON;
    let kept: Vec<usize> = (0..values.len()).filter(|&i| values[i] > least).collect();
    Ok(Mat::from_fn(values.len(), kept.len(), |i, j| {
        eigen.U()[(i, kept[j])] * values[kept[j]].sqrt()
    }))
}

/// Adds `scale`·X·Xᵀ to the lower triangle of `sum`.
fn add_square(sum: &mut Mat<f64>, x: MatRef<'_, f64>, scale: f64) {
    use triangular::BlockStructure::{Rectangular, TriangularLower};
    let all_cores = Par::rayon(0);
    triangular::matmul(
        sum.as_mut(),
        TriangularLower,
        Accum::Add,
        x,
        Rectangular,
        x.transpose(),
        Rectangular,
        scale,
        all_cores,
    );
}

/// Copies the lower triangle to the upper.
fn mirror(matrix: &mut Mat<f64>) {
    for j in 0..matrix.ncols() {
        for i in 0..j {
            matrix[(i, j)] = matrix[(j, i)];
        }
    }
}

fn product(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> Mat<f64> {
    let mut out = Mat::zeros(a.nrows(), b.ncols());
    matmul(out.as_mut(), Accum::Replace, a, b, 1.0, Par::rayon(0));
    out
}

fn every(features: &Features) -> Vec<u32> {
    (0..features.count() as u32).collect()
}

fn mean(features: &Features, rows: &[u32]) -> Vec<f64> {
    let mut sum = vec![0.0; features.dimensions()];
    for &i in rows {
        sum.iter_mut().zip(features.row(i as usize)).for_each(|(s, &v)| *s += f64::from(v));
    }
    sum.iter_mut().for_each(|s| *s /= rows.len() as f64);
    sum
}

/// The rows minus the mean, one after the other.
fn centred(features: &Features, rows: &[u32], mean: &[f64]) -> Vec<f64> {
    let d = mean.len();
    let mut out = vec![0.0; rows.len() * d];
    out.par_chunks_exact_mut(d).zip(rows).for_each(|(out, &i)| {
        for ((out, &v), mean) in out.iter_mut().zip(features.row(i as usize)).zip(mean) {
            *out = f64::from(v) - mean;
        }
    });
    out
}
