//! CIFAR-10 and CIFAR-100 (cs.toronto.edu/~kriz/cifar.html), the binary or the Python version.

mod batches;
mod binary;
mod pickle;
mod python;

use shared::archive::Archive;

use crate::source::{Listing, SourceError};

/// Returns whether the archive holds one of the versions.
#[must_use]
pub fn detect(archive: &Archive) -> bool {
    binary::detect(archive) || python::detect(archive)
}

/// Lists the pictures for training, then those for testing, numbered from 0.
///
/// # Errors
/// When a file between two others is missing, does not hold whole pictures, or has a label without
/// a name.
pub fn read(archive: &Archive) -> Result<Listing, SourceError> {
    if !binary::detect(archive) && python::detect(archive) {
        return python::read(archive);
    }
    binary::read(archive)
}
