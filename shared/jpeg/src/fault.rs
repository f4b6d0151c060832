//! Errors in coded data.

use thiserror::Error;

/// Errors in coded data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Fault {
    #[error("invalid Huffman code")]
    BadCode,
    #[error("a block has more than 64 coefficients")]
    TooManyCoefficients,
    #[error("its data end early")]
    EndsEarly,
    #[error("a restart marker is missing")]
    NoRestart,
    #[error("a table is malformed")]
    BadTable,
    #[error("a scan names a table that is not there")]
    NoTable,
    #[error("a component has no scan")]
    NoScan,
}

impl From<Fault> for String {
    fn from(fault: Fault) -> Self {
        fault.to_string()
    }
}
