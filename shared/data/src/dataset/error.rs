//! Why a data set is not accepted.

use std::path::PathBuf;

use thiserror::Error;

use crate::shard::ShardError;
use fledge_base::fs::FsError;
use fledge_base::sealed::SealedError;

/// The name of the manifest in a data set's folder.
pub const MANIFEST: &str = "dataset.json";
/// The newest version of the manifest, which data sets with held-out pictures of another size have.
/// Versions 1 to 3 are read as well, and [`PLAIN_VERSION`] is written for all other data sets.
pub const VERSION: u32 = 4;
/// The version of a data set whose splits are all stored in one size.
pub const PLAIN_VERSION: u32 = 3;
/// The remedy for a damaged data set.
pub(super) const MEND: &str = "build the data set again with `prep build --force`";

/// Why a data set was not accepted.
#[derive(Debug, Error)]
pub enum DatasetError {
    /// There is no manifest.
    #[error(
        "{dir} is not a finished data set: it has no {MANIFEST}; run `prep build SOURCE --out {dir}`"
    )]
    Missing {
        /// The folder.
        dir: PathBuf,
    },
    /// The manifest is damaged or is something else.
    #[error(transparent)]
    Manifest(#[from] SealedError),
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] FsError),
    /// The manifest has another version.
    #[error("{path} has version {found}, this program reads versions 1 to {VERSION}: {MEND}")]
    Version {
        /// The manifest.
        path: PathBuf,
        /// The version it names.
        found: u64,
    },
    /// A shard is damaged.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// A file is not the one that the manifest describes.
    #[error("{path} does not match {MANIFEST}: {what}; {MEND}")]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// The difference.
        what: String,
    },
    /// There is no such split.
    #[error("{dir} has no split {name:?}; it has {}", .splits.join(", "))]
    UnknownSplit {
        /// The folder.
        dir: PathBuf,
        /// The name or number requested.
        name: String,
        /// The splits of the data set.
        splits: Vec<String>,
    },
    /// There is no such picture.
    #[error("{dir}: there is no picture {index} in split {name:?}, which has {len}")]
    UnknownRecord {
        /// The folder.
        dir: PathBuf,
        /// The split.
        name: String,
        /// The name or number requested.
        index: usize,
        /// Their number.
        len: usize,
    },
}

impl DatasetError {
    /// Returns true if the data are damaged or unusable, rather than out of reach or requested
    /// wrongly.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            // A file that the manifest names and that is gone is damage; one that the system
            // refuses to read is not.
            Self::Manifest(SealedError::File(e))
            | Self::File(e)
            | Self::Shard(ShardError::File(e)) => e.source.kind() == std::io::ErrorKind::NotFound,
            Self::UnknownSplit { .. } | Self::UnknownRecord { .. } => false,
            Self::Missing { .. }
            | Self::Manifest(_)
            | Self::Version { .. }
            | Self::Shard(_)
            | Self::Mismatch { .. } => true,
        }
    }
}
