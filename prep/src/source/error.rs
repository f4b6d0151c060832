//! Errors of a source.

use std::path::PathBuf;

use shared::archive::{Archive, ArchiveError};
use shared::cli::{DataError, UsageError};
use thiserror::Error;

/// Errors of opening and listing a source.
#[derive(Debug, Error)]
pub enum SourceError {
    /// The archive cannot be read, or is not in this layout.
    #[error("{0}")]
    Archive(#[from] ArchiveError),
    /// An annotation file is malformed.
    #[error("{path}: {table}")]
    Table {
        /// The source.
        path: PathBuf,
        /// The file within it.
        table: String,
        /// The problem.
        source: DataError,
    },
    /// A line of a table is malformed.
    #[error("{path}: {table}, line {line}")]
    Line {
        /// The source.
        path: PathBuf,
        /// The table.
        table: String,
        /// The line, from 1.
        line: usize,
        /// The problem.
        source: DataError,
    },
    /// The source does not fit the flags.
    #[error("{path}")]
    Usage {
        /// The source.
        path: PathBuf,
        /// The problem, and the flag that mends it.
        source: UsageError,
    },
}

impl SourceError {
    /// An error in a line.
    pub(crate) fn line(
        archive: &Archive,
        table: &str,
        line: usize,
        what: impl Into<String>,
    ) -> Self {
        Self::Line {
            path: archive.path().to_owned(),
            table: table.to_owned(),
            line,
            source: DataError(what.into()),
        }
    }

    /// An error in an annotation file.
    pub(crate) fn table(archive: &Archive, table: &str, what: impl Into<String>) -> Self {
        Self::Table {
            path: archive.path().to_owned(),
            table: table.to_owned(),
            source: DataError(what.into()),
        }
    }

    /// The source does not fit the flags.
    pub(crate) fn usage(archive: &Archive, what: impl Into<String>) -> Self {
        Self::Usage { path: archive.path().to_owned(), source: UsageError(what.into()) }
    }
}
