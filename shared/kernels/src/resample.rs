//! A picture at another rate, looked up there, and back: FIR filters along both axes, an affine
//! look-up, FIR filters again.

use super::warp::Lookups;

/// A linear filter along an axis: each result is a sum of a few samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Fir {
    /// Number of input samples.
    pub samples: usize,
    /// For each result its samples and their factors.
    pub results: Vec<Vec<(usize, f32)>>,
}

impl Fir {
    /// The filter as a matrix, results × samples.
    #[must_use]
    pub fn dense(&self) -> Vec<f32> {
        let mut values = vec![0.0; self.results.len() * self.samples];
        for (row, result) in values.chunks_mut(self.samples).zip(&self.results) {
            result.iter().for_each(|&(sample, factor)| row[sample] += factor);
        }
        values
    }
}

/// Filters to another rate, one look-up per picture, and filters back to the original extent.
#[derive(Clone, Debug, PartialEq)]
pub struct Resampling {
    /// Along columns (the axis of height) and along rows (the axis of width).
    pub up: [Fir; 2],
    /// The look-ups in the output of the first filters. A picture without a map is returned
    /// unchanged.
    pub lookups: Lookups,
    /// Along height and width of the look-up's result, back to the extent of the picture.
    pub down: [Fir; 2],
}
