//! Who fills a folder or makes a file: one process at a time, by an advisory lock.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use super::{FsError, Result, open_append, remove};

/// Proof that this process is the only one to write something, until it is dropped. The claim ends with the process, however that ends;
/// the file of one that was killed is used by the next.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    _lock: File,
}

impl Claim {
    /// Claims by the lock file `path`, which should end in [`super::TEMPORARY_SUFFIX`] and is gone at the end; `None` when another
    /// process has it.
    ///
    /// # Errors
    /// When the lock file cannot be made, or the file system has no locks.
    pub fn by(path: impl Into<PathBuf>) -> Result<Option<Self>> {
        let path = path.into();
        loop {
            let lock = open_append(&path)?;
            match lock.try_lock() {
                Ok(()) if is_at(&lock, &path) => return Ok(Some(Self { path, _lock: lock })),
                // The owner before removed the file between our opening and locking it.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(source)) => return Err(FsError { operation: "lock", path, source }),
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

/// Whether `file` is what bears the name `path`.
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
