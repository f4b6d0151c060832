//! Files that only grow: logs, whose readers repair a torn tail.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::error::{Result, failed};
use super::fault;
use super::feature::Feature;
use super::operations::open_append;

/// A log opened for appending.
#[derive(Debug)]
pub struct AppendFile {
    path: PathBuf,
    file: File,
}

impl AppendFile {
    /// Opens the file, creating it if needed.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let file = open_append(&path)?;
        Ok(Self { path, file })
    }

    /// Its name.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open file, positioned at its beginning until something is read.
    #[must_use]
    pub fn reader(&self) -> &File {
        &self.file
    }

    /// Adds `bytes` at the end.
    ///
    /// # Errors
    /// When the system refuses; a partial write is undone if possible.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let mut written = 0;
        while written < bytes.len() {
            let rest = &bytes[written..];
            match fault::room(rest.len()).and_then(|room| self.file.write(&rest[..room])) {
                Ok(n) if n > 0 => written += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                refused => {
                    // Half a line would spoil the one that comes after it.
                    if let (Ok(facts), true) = (self.file.metadata(), written > 0) {
                        let _ = self.file.set_len(facts.len().saturating_sub(written as u64));
                    }
                    let error = refused.err().unwrap_or_else(|| io::ErrorKind::WriteZero.into());
                    return Err(failed("append to", &self.path)(error));
                }
            }
        }
        Ok(())
    }

    /// Truncates the file to its first `bytes`.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn truncate(&mut self, bytes: u64) -> Result<()> {
        fault::trip()
            .and_then(|()| self.file.set_len(bytes))
            .map_err(failed("cut off the end of", &self.path))
    }

    /// Makes the written bytes durable.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn sync(&self) -> Result<()> {
        let sync = || Feature::SyncFile.attempt(&self.path, || self.file.sync_data());
        fault::trip().and_then(|()| sync()).map(drop).map_err(failed("sync", &self.path))
    }
}
