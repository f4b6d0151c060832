//! How much is compared.

/// How much is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Everything, published widths and sizes among it.
    Whole,
    /// One of each kind, small: what the tests repeat on the CPU.
    Small,
}
