//! Fallbacks where a file system lacks a feature. An error that says that it is lacking
//! ([`Feature::is_lacking`]) is logged once and passed over; every other error, of a full or a
//! broken disk above all, stays one.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};

use super::fault;
use super::feature::Feature;

impl Feature {
    /// Runs an operation that needs the feature at `path`; `None`, logged once, if the file system
    /// lacks it.
    ///
    /// # Errors
    /// When it fails for another reason.
    pub fn attempt<T>(
        self,
        path: &Path,
        act: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<Option<T>> {
        match fault::lacked(self).and_then(|()| act()) {
            Ok(done) => Ok(Some(done)),
            Err(error) if self.is_lacking(&error) => {
                self.tell(path, &error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Warns once in a process.
    fn tell(self, path: &Path, error: &io::Error) {
        static TOLD: AtomicU8 = AtomicU8::new(0);
        let bit = 1 << self as u8;
        if TOLD.fetch_or(bit, Ordering::Relaxed) & bit == 0 {
            tracing::warn!("{}: {} ({error})", path.display(), self.loss());
        }
    }
}
