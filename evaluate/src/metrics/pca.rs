//! Principal components of the union of several sets.

use faer::{Mat, Side};
use shared::metrics::features::{self, Features, FeaturesError};

use super::fid::{Divisor, Gaussian};

/// The principal components of some rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Pca {
    /// Mean of all rows, `[d]`.
    pub mean: Vec<f64>,
    /// Unit vectors, each `[d]`, by descending variance. The number farthest from 0 is positive in
    /// each.
    pub components: Vec<Vec<f64>>,
    /// The share of the variance along each.
    pub explained: Vec<f64>,
}

impl Pca {
    /// The first `count` components (at most the dimensions) of all rows of `sets`, which have
    /// names for errors.
    ///
    /// # Errors
    /// When the rows differ in length, are not finite, a set has fewer than 2, or the decomposition
    /// does not converge.
    pub fn of(sets: &[(&'static str, &Features)], count: usize) -> Result<Self, FeaturesError> {
        let d = sets.first().map_or(0, |(_, set)| set.dimensions());
        for &(name, set) in sets {
            if set.dimensions() != d {
                return Err(FeaturesError::Dimensions { generated: d, real: set.dimensions() });
            }
            features::check_one(name, set, 2)?;
        }
        let sets: Vec<(f64, Gaussian)> = sets
            .iter()
            .map(|(_, set)| (set.count() as f64, Gaussian::of(set, Divisor::Count)))
            .collect();
        let (mean, covariance) = together(&sets, d);
        let what = "eigen decomposition";
        let eigen = covariance
            .self_adjoint_eigen(Side::Lower)
            .map_err(|_| FeaturesError::NoConvergence { what })?;
        let total: f64 = (0..d).map(|i| covariance[(i, i)]).sum();
        // Eigenvalues ascend.
        let widest = || (0..d).rev().take(count);
        let components =
            widest().map(|j| upright(eigen.U().col(j).iter().copied().collect())).collect();
        let explained = widest()
            .map(|j| if total > 0.0 { eigen.S()[j].max(0.0) / total } else { 0.0 })
            .collect();
        Ok(Self { mean, components, explained })
    }

    /// Projects the rows of `set` on the components: [count, components].
    #[must_use]
    pub fn project(&self, set: &Features) -> Features {
        let along = |row: &[f32], component: &[f64]| -> f64 {
            row.iter()
                .zip(&self.mean)
                .zip(component)
                .map(|((&v, mean), c)| (f64::from(v) - mean) * c)
                .sum()
        };
        let rows = (0..set.count()).map(|i| set.row(i));
        let values = rows
            .flat_map(|row| self.components.iter().map(move |c| along(row, c) as f32))
            .collect();
        Features::new(values, self.components.len())
    }
}

/// Mean and covariance (divided by N) of the union of sets with counts, means and covariances.
fn together(sets: &[(f64, Gaussian)], d: usize) -> (Vec<f64>, Mat<f64>) {
    let total: f64 = sets.iter().map(|(n, _)| n).sum();
    let mean: Vec<f64> =
        (0..d).map(|i| sets.iter().map(|(n, g)| n / total * g.mean[i]).sum()).collect();
    let mut covariance = Mat::zeros(d, d);
    for (n, gaussian) in sets {
        let apart: Vec<f64> = gaussian.mean.iter().zip(&mean).map(|(a, b)| a - b).collect();
        for j in 0..d {
            for i in 0..d {
                covariance[(i, j)] +=
                    n / total * (gaussian.covariance[(i, j)] + apart[i] * apart[j]);
            }
        }
    }
    (mean, covariance)
}

fn upright(mut component: Vec<f64>) -> Vec<f64> {
    let largest = component.iter().fold(0.0, |a: f64, &b| if b.abs() > a.abs() { b } else { a });
    if largest < 0.0 {
        component.iter_mut().for_each(|v| *v = -*v);
    }
    component
}
