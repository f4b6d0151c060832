//! Errors of a build.

use std::path::PathBuf;

use shared::archive::ArchiveError;
use shared::cli::{DataError, UsageError};
use shared::dataset::DatasetError;
use shared::fs::FsError;
use shared::picture::PictureError;
use shared::sealed::SealedError;
use shared::shard::ShardError;
use thiserror::Error;

use crate::dataset::folder::OutputError;
use crate::source::SourceError;

/// Errors of a build.
#[derive(Debug, Error)]
pub enum BuildError {
    /// A source cannot be read.
    #[error("{0}")]
    Archive(#[from] ArchiveError),
    /// A source cannot be listed.
    #[error("{0}")]
    Source(#[from] SourceError),
    /// The options do not fit the source.
    #[error("{0}")]
    Usage(#[from] UsageError),
    /// The folder must not be written.
    #[error("{0}")]
    Output(#[from] OutputError),
    /// Writing failed.
    #[error("{0}")]
    File(#[from] FsError),
    /// Writing a shard failed.
    #[error("{0}")]
    Shard(#[from] ShardError),
    /// A sealed file cannot be written or read.
    #[error("{0}")]
    Sealed(#[from] SealedError),
    /// The preview cannot be encoded.
    #[error("{0}")]
    Preview(#[from] PictureError),
    /// A data set cannot be read.
    #[error("{0}")]
    Dataset(#[from] DatasetError),
    /// A part of a build cannot be used.
    #[error("{path}")]
    Part {
        /// The file or folder.
        path: PathBuf,
        /// The problem, and how to mend it.
        source: DataError,
    },
    /// `--strict`, and the source holds unused files.
    #[error("--strict: the source holds unused files")]
    Unaccounted {
        /// The unused files.
        source: DataError,
    },
    /// No picture for training is left.
    #[error("the source gives no picture for training")]
    NothingLeft {
        /// The counts of rejects by reason.
        source: DataError,
    },
}
