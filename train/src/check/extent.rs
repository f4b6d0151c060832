//! Extent of the comparison.

/// Extent of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Everything, including published widths and sizes.
    Whole,
    /// One of each kind, small: the subset that the tests run on the CPU.
    Small,
}
