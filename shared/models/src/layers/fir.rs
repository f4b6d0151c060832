//! Resampling with the binomial filter [1, 3, 3, 1] (Karras et al. 2020, "Analyzing and improving the
//! image quality of StyleGAN", appendix B; `upfirdn2d.py` of stylegan2-ada-pytorch).

use std::sync::Arc;

use fledge_kernels::{self as ops, Fir};

use crate::dual::Dual;

/// The filter along one axis; its sum is 1.
pub(crate) const TAPS: [f32; 4] = [0.125, 0.375, 0.375, 0.125];

/// One use of the filter: zeros inserted, zeros around, results kept, and the factor of the result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct FirUse {
    pub(crate) up: usize,
    pub(crate) down: usize,
    /// Before and after.
    pub(crate) padding: [isize; 2],
    pub(crate) gain: f32,
}

impl FirUse {
    /// Doubles a picture.
    pub(crate) const UP: Self = Self { up: 2, down: 1, padding: [2, 1], gain: 4.0 };
    /// Halves a picture.
    pub(crate) const DOWN: Self = Self { up: 1, down: 2, padding: [1, 1], gain: 1.0 };
    /// Follows a transposed 3×3 convolution of stride 2: 2n + 1 pixels become 2n.
    pub(crate) const AFTER_UP: Self = Self { up: 1, down: 1, padding: [1, 1], gain: 4.0 };
    /// Precedes a 3×3 convolution of stride 2: n pixels become n + 1.
    pub(crate) const BEFORE_DOWN: Self = Self { up: 1, down: 1, padding: [2, 2], gain: 1.0 };

    /// The filter along an axis of `extent` pixels.
    pub(crate) fn along(&self, extent: usize) -> Fir {
        let taps = TAPS.map(|tap| tap * self.gain.sqrt());
        Fir::resampling(extent, &taps, self.up, self.down, self.padding)
    }
}

impl Dual<4> {
    /// Applies the filter along both axes.
    pub(crate) fn filtered(self, fir: FirUse) -> Self {
        let [_, _, height, width] = self.dims();
        let filters = Arc::new([fir.along(height), fir.along(width)]);
        self.linear(|x| ops::filter(x, &filters))
    }
}
