//! Errors of reading an archive or an entry.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::name::Name;
use fledge_base::fs::FsError;

/// The reason why an archive or an entry could not be read.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// The folder or file itself could not be read, or a scratch file could not be written.
    #[error(transparent)]
    File(#[from] FsError),
    /// It is neither a folder nor a zip or tar file, or the zip's directory is damaged.
    #[error("{path} is neither a folder nor a zip or tar file that can be read")]
    NoArchive {
        /// The archive.
        path: PathBuf,
        /// The error of the zip reader, or the actual kind of the file.
        source: io::Error,
    },
    /// A tar file, or its compression, is damaged or cut off.
    #[error("{path} is damaged")]
    Damaged {
        /// The archive.
        path: PathBuf,
        /// The check that failed.
        source: io::Error,
    },
    /// One entry could not be read.
    #[error("cannot read {name} in {path}")]
    Entry {
        /// The archive.
        path: PathBuf,
        /// The entry.
        name: Name,
        /// The error of the reader.
        source: io::Error,
    },
    /// An entry is larger than the reader allows.
    #[error("{name} in {path} has more than the {limit} bytes allowed")]
    TooLarge {
        /// The archive.
        path: PathBuf,
        /// The entry.
        name: Name,
        /// Upper bound in bytes.
        limit: u64,
    },
    /// No entry has the name that marks the root.
    #[error("{path} holds no {marker}, neither at its top nor in a folder below")]
    NoRoot {
        /// The archive.
        path: PathBuf,
        /// The name searched for.
        marker: String,
    },
    /// Several entries at the same depth have the name that marks the root.
    #[error(
        "{path} holds {marker} several times: {first} and {second}; name the folder that is meant"
    )]
    ManyRoots {
        /// The archive.
        path: PathBuf,
        /// The name searched for.
        marker: String,
        /// One place.
        first: Name,
        /// Another.
        second: Name,
    },
}
