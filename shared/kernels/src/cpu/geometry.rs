//! The sizes of a convolution.

/// Sizes of one convolution from `x` [batch, h, w, cin] to `y` [batch, oh, ow, cout].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) batch: usize,
    pub(super) cin: usize,
    pub(super) h: usize,
    pub(super) w: usize,
    pub(super) cout: usize,
    pub(super) kernel: [usize; 2],
    pub(super) stride: usize,
    /// Zeros above and to the left.
    pub(super) padding: [usize; 2],
    pub(super) oh: usize,
    pub(super) ow: usize,
}

impl Geometry {
    /// Numbers per picture of `x`.
    pub(super) fn input_len(&self) -> usize {
        self.h * self.w * self.cin
    }

    /// Numbers per picture of `y`.
    pub(super) fn output_len(&self) -> usize {
        self.oh * self.ow * self.cout
    }
}
