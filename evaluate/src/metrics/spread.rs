//! The standard error of a metric by the delete-half jackknife (Efron and Tibshirani 1993, section
//! 11.7; Shao and Wu 1989): the standard deviation of the value over random halves, drawn without
//! replacement, estimates the standard error of the value on all pictures, without any factor.
//! Drawing with replacement would repeat pictures, and a repeated picture is its own nearest
//! neighbour.

use shared::metrics::features::FeaturesError;
use shared::rng;

/// Half of the rows of both sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halves {
    /// Rows of the generated set.
    pub generated: Vec<u32>,
    /// Rows of the real set.
    pub real: Vec<u32>,
}

/// `repeats` draws of half of each set, rounded down.
#[must_use]
pub fn halves(generated_count: usize, real_count: usize, repeats: u64, seed: u64) -> Vec<Halves> {
    let half = |purpose, count: usize, repeat| {
        let mut rows = rng::stream(seed, purpose, repeat).permutation(count);
        rows.truncate(count / 2);
        rows
    };
    let draw = |repeat| Halves {
        generated: half("half of generated", generated_count, repeat),
        real: half("half of real", real_count, repeat),
    };
    (0..repeats).map(draw).collect()
}

/// The standard errors of `metrics` on `counts` generated and real pictures, from `repeats` (at
/// least 2) halves of both sets: the sample standard deviation over the halves.
///
/// # Errors
/// When `metrics` fail on a half.
pub fn spread<const N: usize>(
    counts: (usize, usize),
    repeats: u64,
    seed: u64,
    metrics: impl FnMut(&Halves) -> Result<[f64; N], FeaturesError>,
) -> Result<[f64; N], FeaturesError> {
    let halves = halves(counts.0, counts.1, repeats.max(2), seed);
    let all = halves.iter().map(metrics).collect::<Result<Vec<[f64; N]>, _>>()?;
    Ok(std::array::from_fn(|i| {
        deviation(&all.iter().map(|values| values[i]).collect::<Vec<f64>>())
    }))
}

fn deviation(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt()
}
