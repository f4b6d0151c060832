//! Fréchet Inception Distance (Heusel et al. 2017, arXiv:1706.08500): |μ₁−μ₂|² + Tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½), with means and
//! covariances (N−1) in f64.
//!
//! The root is never formed: Tr (Σ₁Σ₂)^½ is the sum of the square roots of the eigenvalues of Σ₁^½ Σ₂ Σ₁^½, which is
//! symmetric. With Σᵢ = XᵢᵀXᵢ/(nᵢ−1) it is also the sum of the singular values of X₁X₂ᵀ/√((n₁−1)(n₂−1)), which is
//! much smaller, and free of the noise of zero eigenvalues, when there are fewer pictures than dimensions.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par, Side};

use shared::metrics::features::{self, Features, FeaturesError};

/// Below this many pictures a covariance of 2048 dimensions is singular and FID depends strongly on the number.
pub const RELIABLE_COUNT: usize = 2048;

/// Rows that are centred and accumulated at once: bounds the f64 copy to 64 MiB at 2048 dimensions.
const CHUNK: usize = 4096;

/// Mean and covariance of a set of features.
#[derive(Clone, Debug)]
pub struct Gaussian {
    /// `[d]`
    pub mean: Vec<f64>,
    /// [d, d], divided by N−1.
    pub covariance: Mat<f64>,
}

impl Gaussian {
    /// Fits the rows of `features`, of which there are at least 2.
    #[must_use]
    pub fn of(features: &Features) -> Self {
        let d = features.dimensions();
        let mean = mean(features);
        let mut covariance = Mat::<f64>::zeros(d, d);
        let scale = 1.0 / (features.count() as f64 - 1.0);
        for rows in features.values().chunks(CHUNK * d) {
            let rows = centred(rows, &mean);
            let x = MatRef::from_row_major_slice(&rows, rows.len() / d, d);
            matmul(covariance.as_mut(), Accum::Add, x.transpose(), x, scale, Par::rayon(0));
        }
        Self { mean, covariance }
    }
}

/// FID of two sets of features.
///
/// # Errors
/// When the rows differ in length, are not finite, a set has fewer than 2, or a decomposition does not converge.
pub fn fid(generated: &Features, real: &Features) -> Result<f64, FeaturesError> {
    features::check(generated, real, 2)?;
    let d = generated.dimensions();
    if generated.count() > d || real.count() > d {
        return frechet(&Gaussian::of(generated), &Gaussian::of(real));
    }
    let (mean_1, mean_2) = (mean(generated), mean(real));
    let (x_1, x_2) = (centred(generated.values(), &mean_1), centred(real.values(), &mean_2));
    let (n_1, n_2) = (generated.count() as f64 - 1.0, real.count() as f64 - 1.0);
    let trace = |x: &[f64], n: f64| x.iter().map(|v| v * v).sum::<f64>() / n;
    let mut cross = Mat::<f64>::zeros(generated.count(), real.count());
    matmul(
        cross.as_mut(),
        Accum::Replace,
        MatRef::from_row_major_slice(&x_1, generated.count(), d),
        MatRef::from_row_major_slice(&x_2, real.count(), d).transpose(),
        1.0 / (n_1 * n_2).sqrt(),
        Par::rayon(0),
    );
    let roots = cross.singular_values().map_err(|_| FeaturesError::NoConvergence { what: "singular value decomposition" })?;
    Ok(square_distance(&mean_1, &mean_2) + trace(&x_1, n_1) + trace(&x_2, n_2) - 2.0 * roots.iter().sum::<f64>())
}

/// The Fréchet distance of two Gaussians of the same dimension.
///
/// # Errors
/// When the eigen decomposition does not converge.
pub fn frechet(a: &Gaussian, b: &Gaussian) -> Result<f64, FeaturesError> {
    let no_convergence = |_| FeaturesError::NoConvergence { what: "eigen decomposition" };
    let d = a.mean.len();
    let eigen = a.covariance.self_adjoint_eigen(Side::Lower).map_err(no_convergence)?;
    // Σ₁^½ Σ₂ Σ₁^½ has the eigenvalues of Λ^½ Uᵀ Σ₂ U Λ^½: no need to rotate back.
    let mut half = eigen.U().to_owned();
    for (j, column) in half.col_iter_mut().enumerate() {
        let root = eigen.S()[j].max(0.0).sqrt();
        column.iter_mut().for_each(|v| *v *= root);
    }
    let mut product = Mat::<f64>::zeros(d, d);
    matmul(product.as_mut(), Accum::Replace, &b.covariance, &half, 1.0, Par::rayon(0));
    let mut symmetric = Mat::<f64>::zeros(d, d);
    matmul(symmetric.as_mut(), Accum::Replace, half.transpose(), &product, 1.0, Par::rayon(0));
    let eigenvalues = symmetric.self_adjoint_eigenvalues(Side::Lower).map_err(no_convergence)?;
    // Rounding leaves zero eigenvalues slightly below zero.
    let root: f64 = eigenvalues.iter().map(|v| v.max(0.0).sqrt()).sum();
    let trace = |m: &Mat<f64>| (0..d).map(|i| m[(i, i)]).sum::<f64>();
    Ok(square_distance(&a.mean, &b.mean) + trace(&a.covariance) + trace(&b.covariance) - 2.0 * root)
}

fn mean(features: &Features) -> Vec<f64> {
    let mut sum = vec![0.0; features.dimensions()];
    for row in features.values().chunks_exact(features.dimensions()) {
        sum.iter_mut().zip(row).for_each(|(s, &v)| *s += f64::from(v));
    }
    sum.iter_mut().for_each(|s| *s /= features.count() as f64);
    sum
}

fn centred(rows: &[f32], mean: &[f64]) -> Vec<f64> {
    rows.chunks_exact(mean.len()).flat_map(|row| row.iter().zip(mean).map(|(&v, m)| f64::from(v) - m)).collect()
}

fn square_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}
