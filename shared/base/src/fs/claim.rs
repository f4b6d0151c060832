//! Exclusive claims to a folder or file: one process at a time, by an advisory lock.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::error::Result;
use super::lock::Lock;
use super::operations::remove;

/// Proof that this process is the only one to write something, until it is dropped. The claim ends
/// with the process, however that ends; the file of one that was killed is used by the next.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    _lock: Lock,
}

impl Claim {
    /// Claims by the lock file `path`, which should end in [`super::TEMPORARY_SUFFIX`] and is gone
    /// at the end; `None` when another process has it.
    ///
    /// # Errors
    /// As [`Lock::take`].
    pub fn by(path: impl Into<PathBuf>) -> Result<Option<Self>> {
        let path = path.into();
        loop {
            let Some(lock) = Lock::take(&path)? else { return Ok(None) };
            // Else the owner before removed the file between our opening and locking it.
            if is_at(lock.file(), &path) {
                return Ok(Some(Self { path, _lock: lock }));
            }
        }
    }

    /// The lock file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // One that stays is used by the next.
        let _ = remove(&self.path);
    }
}

/// Returns true if `path` names the open `file`.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let identity = |meta: std::fs::Metadata| (meta.dev(), meta.ino());
    let there = std::fs::metadata(path).map(identity).ok();
    there.is_some() && file.metadata().map(identity).ok() == there
}

/// Elsewhere an open file cannot be removed.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}
