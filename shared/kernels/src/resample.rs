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
    /// Zeros inserted between samples, zeros around them, a filter, and every `down`-th result
    /// (`upfirdn2d.py` of stylegan2-ada-pytorch along one axis): `up` − 1 zeros follow each of
    /// `samples` samples, `padding` zeros stand before and after (negative: samples are cut off),
    /// and the convolution with `taps` is kept where it lies inside, at 0, `down`, 2·`down`, …
    ///
    /// ```
    /// use fledge_kernels::Fir;
    ///
    /// // Doubling with [1, 3, 3, 1]: the filter's sum is `up`.
    /// let double = Fir::resampling(4, &[0.25, 0.75, 0.75, 0.25], 2, 1, [2, 1]);
    /// assert_eq!(double.results.len(), 8);
    /// assert_eq!(double.results[3], [(1, 0.75), (2, 0.25)]);
    /// ```
    #[must_use]
    pub fn resampling(
        samples: usize,
        taps: &[f32],
        up: usize,
        down: usize,
        padding: [isize; 2],
    ) -> Self {
        let length = (samples * up) as isize + padding[0] + padding[1];
        let count = ((length - taps.len() as isize).max(-1) + down as isize) as usize / down;
        let result = |i: usize| {
            let reach = taps.iter().rev().enumerate().filter_map(|(k, &tap)| {
                let at = usize::try_from((i * down + k) as isize - padding[0]).ok()?;
                (at.is_multiple_of(up) && at / up < samples && tap != 0.0).then_some((at / up, tap))
            });
            reach.collect()
        };
        Self { samples, results: (0..count).map(result).collect() }
    }

    /// The transpose: each result's contribution to each sample.
    #[must_use]
    pub fn transposed(&self) -> Self {
        let mut results = vec![Vec::new(); self.samples];
        for (i, result) in self.results.iter().enumerate() {
            result.iter().for_each(|&(sample, factor)| results[sample].push((i, factor)));
        }
        Self { samples: self.results.len(), results }
    }

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
