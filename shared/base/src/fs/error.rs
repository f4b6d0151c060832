//! Errors of file operations.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// An operation on a path that the system refused.
#[derive(Debug, Error)]
#[error("cannot {operation} {path}")]
pub struct FsError {
    /// The operation, as a verb: "write", "rename", …
    pub operation: &'static str,
    /// The file or folder concerned.
    pub path: PathBuf,
    /// The error that the system returned.
    pub source: io::Error,
}

/// The result of a file operation.
pub type Result<T> = std::result::Result<T, FsError>;

pub(super) fn failed<'a>(
    operation: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> FsError + 'a {
    move |source| FsError { operation, path: path.to_owned(), source }
}
