//! Why a source cannot be used.

use std::path::PathBuf;

use shared::archive::{Archive, ArchiveError};
use shared::cli::{DataError, UsageError};
use thiserror::Error;

/// Why a listing cannot be used.
#[derive(Debug, Error)]
pub enum SourceError {
    /// The archive could not be read, or is in no such layout.
    #[error("{0}")]
    Archive(#[from] ArchiveError),
    /// A file of annotations does not say what it should.
    #[error("{path}: {table}")]
    Table {
        /// The source.
        path: PathBuf,
        /// The file within it.
        table: String,
        /// What is wrong with it.
        source: DataError,
    },
    /// A line of a table does not say what it should.
    #[error("{path}: {table}, line {line}")]
    Line {
        /// The source.
        path: PathBuf,
        /// The table.
        table: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        source: DataError,
    },
    /// The source does not hold what was asked for.
    #[error("{path}")]
    Usage {
        /// The source.
        path: PathBuf,
        /// What is missing, and the flag that mends it.
        source: UsageError,
    },
}

impl SourceError {
    /// A line that does not say what it should.
    pub(crate) fn line(archive: &Archive, table: &str, line: usize, what: impl Into<String>) -> Self {
        Self::Line { path: archive.path().to_owned(), table: table.to_owned(), line, source: DataError(what.into()) }
    }

    /// A file of annotations that does not say what it should.
    pub(crate) fn table(archive: &Archive, table: &str, what: impl Into<String>) -> Self {
        Self::Table { path: archive.path().to_owned(), table: table.to_owned(), source: DataError(what.into()) }
    }

    /// The source does not hold what was asked for.
    pub(crate) fn usage(archive: &Archive, what: impl Into<String>) -> Self {
        Self::Usage { path: archive.path().to_owned(), source: UsageError(what.into()) }
    }
}

