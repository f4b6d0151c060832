//! Why nothing was built.

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

/// Why nothing was built.
#[derive(Debug, Error)]
pub enum BuildError {
    /// A source cannot be read.
    #[error("{0}")]
    Archive(#[from] ArchiveError),
    /// A listing cannot be used.
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
    /// What was just written cannot be read.
    #[error("{0}")]
    Dataset(#[from] DatasetError),
    /// A part that was made before cannot be used.
    #[error("{path}")]
    Part {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        source: DataError,
    },
    /// `--strict`, and the source holds what is not used.
    #[error("--strict: not everything in the source is used")]
    Unaccounted {
        /// What is not used.
        source: DataError,
    },
    /// No picture for training is left.
    #[error("the source gives no picture for training")]
    NothingLeft {
        /// How many pictures were rejected, and why.
        source: DataError,
    },
}
