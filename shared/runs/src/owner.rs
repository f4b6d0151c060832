//! Ownership of a run: one process trains it at a time, by an advisory lock on the file `lock`. The
//! system releases the lock however the process ends.
//!
//! ```
//! use fledge_runs::run::Run;
//!
//! let folder = std::env::temp_dir().join(format!("fledge-owner-example-{}", std::process::id()));
//! let run = Run::create(&folder)?;
//! let owner = run.own()?;
//! assert!(run.is_owned());
//! drop(owner);
//! # fledge_base::fs::remove_folder(&folder)?;
//! # Ok::<(), fledge_runs::run::RunError>(())
//! ```

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use super::run::{LOCK, Run, RunError};
use fledge_base::fs::{self, Lock};

/// Time to wait for another process to release the lock: a process that only checks whether a run
/// is being trained holds it for a moment.
const PATIENCE: Duration = Duration::from_millis(300);

/// Proof that this process alone trains a run.
#[derive(Debug)]
pub struct Owner {
    _lock: Lock,
}

impl Run {
    /// Makes this process the only one that trains the run.
    ///
    /// # Errors
    /// Within a second, if another process trains it; its process ID is named if known. On a file
    /// system without locks, if the marker of a process that may still be running is present.
    pub fn own(&self) -> Result<Owner, RunError> {
        let path = self.file(LOCK);
        let begun = Instant::now();
        let lock = loop {
            match Lock::take(&path)? {
                Some(lock) => break lock,
                None if begun.elapsed() < PATIENCE => std::thread::sleep(PATIENCE / 20),
                None => {
                    return Err(RunError::Locked {
                        path: self.folder().to_owned(),
                        holder: noted(&path),
                    });
                }
            }
        };
        // The ID is only for other processes' messages, so a full disk is no reason to stop.
        let mut file = lock.file();
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Owner { _lock: lock })
    }

    /// Returns true if a process trains the run. Asking does not disturb a process that is about to
    /// own it.
    #[must_use]
    pub fn is_owned(&self) -> bool {
        Lock::is_taken(&self.file(LOCK))
    }

    /// ID of the process that trains the run; `None` if there is none or its ID is not known.
    #[must_use]
    pub fn holder(&self) -> Option<u32> {
        self.is_owned().then(|| noted(&self.file(LOCK))).flatten()
    }
}

/// The process ID in a lock file.
fn noted(path: &Path) -> Option<u32> {
    String::from_utf8(fs::read_start(path, 32).ok()?).ok()?.trim().parse().ok()
}
