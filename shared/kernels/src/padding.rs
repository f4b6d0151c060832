//! Zeros around a picture.

/// Rows above and columns to the left, rows below and columns to the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Padding {
    /// Rows above, columns to the left.
    pub before: [usize; 2],
    /// Rows below, columns to the right.
    pub after: [usize; 2],
}

impl Padding {
    /// The same on both sides: [rows, columns].
    #[must_use]
    pub const fn both(rows_columns: [usize; 2]) -> Self {
        Self { before: rows_columns, after: rows_columns }
    }

    /// TensorFlow's `same` for a square kernel and an extent that `stride` divides: kernel − stride
    /// zeros in all, the odd one at the end (`tensorflow/core/framework/common_shape_fns.cc`).
    #[must_use]
    pub const fn same(kernel: usize, stride: usize) -> Self {
        let total = kernel.saturating_sub(stride);
        Self { before: [total / 2; 2], after: [total - total / 2; 2] }
    }

    /// Height and width with the zeros, minus the kernel: the dividend of the stride.
    pub(super) fn room(self, extent: [usize; 2], kernel: [usize; 2]) -> [usize; 2] {
        std::array::from_fn(|i| extent[i] + self.before[i] + self.after[i] - kernel[i])
    }
}
