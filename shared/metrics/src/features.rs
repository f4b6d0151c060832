//! Features of pictures, one row of numbers per picture.
//!
//! ```
//! use fledge_metrics::features::Features;
//!
//! let features = Features::new(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3);
//! assert_eq!(features.count(), 2);
//! assert_eq!(features.row(1), [4.0, 5.0, 6.0]);
//! ```

use thiserror::Error;

/// Features of a set of pictures: `count` rows of `dimensions` numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    values: Vec<f32>,
    dimensions: usize,
}

/// A reason why two sets of features give no metric.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FeaturesError {
    /// The rows come from different layers.
    #[error(
        "the two sets have rows of {generated} and of {real} features; take both from the same layer"
    )]
    Dimensions {
        /// Row length of the generated set.
        generated: usize,
        /// Row length of the real set.
        real: usize,
    },
    /// A covariance or an unbiased estimate needs at least two pictures.
    #[error("the {set} set has {count} pictures; at least {least} are needed")]
    TooFew {
        /// "generated" or "real".
        set: &'static str,
        /// Pictures in the set.
        count: usize,
        /// Pictures needed.
        least: usize,
    },
    /// The set has too few pictures for the k-th neighbour of a picture.
    #[error(
        "the {set} set has {count} pictures, none with {neighbour} neighbours: take more pictures or fewer --neighbours"
    )]
    NoNeighbour {
        /// "generated" or "real".
        set: &'static str,
        /// Pictures in the set.
        count: usize,
        /// The neighbour requested.
        neighbour: usize,
    },
    /// A picture's row contains NaN or infinity.
    #[error("the features of the {set} set are not finite, first in picture {picture}")]
    NotFinite {
        /// "generated" or "real".
        set: &'static str,
        /// Index of the picture, from 0.
        picture: usize,
    },
    /// A matrix decomposition did not converge.
    #[error("the {what} did not converge on these features")]
    NoConvergence {
        /// "eigen decomposition" or "singular value decomposition".
        what: &'static str,
    },
}

impl Features {
    /// Features from consecutive rows in `values`; an incomplete last row is dropped.
    #[must_use]
    pub fn new(mut values: Vec<f32>, dimensions: usize) -> Self {
        let whole = values.len().checked_div(dimensions).unwrap_or(0) * dimensions;
        values.truncate(whole);
        Self { values, dimensions }
    }

    /// An empty set with `dimensions` numbers per row.
    #[must_use]
    pub fn empty(dimensions: usize) -> Self {
        Self { values: Vec::new(), dimensions }
    }

    /// Number of pictures.
    #[must_use]
    pub fn count(&self) -> usize {
        self.values.len().checked_div(self.dimensions).unwrap_or(0)
    }

    /// Numbers per picture.
    #[must_use]
    pub const fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// All numbers, row by row.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The numbers of picture `i`.
    #[must_use]
    pub fn row(&self, i: usize) -> &[f32] {
        &self.values[i * self.dimensions..(i + 1) * self.dimensions]
    }

    /// Appends the rows of `more`, which must come from the same layer.
    pub fn append(&mut self, more: &Self) {
        debug_assert_eq!(self.dimensions, more.dimensions, "rows of one layer");
        self.values.extend_from_slice(&more.values);
    }
}

/// Checks that the two sets can be compared: rows of one length, at least `least` of them, all
/// finite.
///
/// # Errors
/// If they cannot; the error names the set and the picture.
pub fn check(generated: &Features, real: &Features, least: usize) -> Result<(), FeaturesError> {
    if generated.dimensions != real.dimensions {
        return Err(FeaturesError::Dimensions {
            generated: generated.dimensions,
            real: real.dimensions,
        });
    }
    check_one("generated", generated, least)?;
    check_one("real", real, least)
}

/// Checks that one set, called `set` in errors, has at least `least` rows, all finite.
///
/// # Errors
/// If it has not.
pub fn check_one(
    set: &'static str,
    features: &Features,
    least: usize,
) -> Result<(), FeaturesError> {
    if features.count() < least {
        return Err(FeaturesError::TooFew { set, count: features.count(), least });
    }
    match features.values.iter().position(|v| !v.is_finite()) {
        Some(at) => Err(FeaturesError::NotFinite { set, picture: at / features.dimensions }),
        None => Ok(()),
    }
}
