//! Who trains a run: one process at a time, by an advisory lock on the file `lock`. The system
//! gives it back however the process ends.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use super::run::{LOCK, Run, RunError};
use fledge_base::fs::{self, Lock};

/// How long another process may hold the lock before this one gives up: whoever only asks whether a
/// run is being trained holds it for a moment.
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
    /// Within a second, when another one does: its number is named where it is known. Where the
    /// file system has no locks, when a process that may be at work still has marked it.
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
        // Only for the message to others, so a full disk is no reason not to go on.
        let mut file = lock.file();
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Owner { _lock: lock })
    }

    /// Whether a process trains the run. Whoever is about to own it does not mind being asked.
    #[must_use]
    pub fn is_owned(&self) -> bool {
        Lock::is_taken(&self.file(LOCK))
    }

    /// The number of the process that trains the run; `None` when none does, or it is not known.
    #[must_use]
    pub fn holder(&self) -> Option<u32> {
        self.is_owned().then(|| noted(&self.file(LOCK))).flatten()
    }
}

/// The process that a lock file names.
fn noted(path: &Path) -> Option<u32> {
    String::from_utf8(fs::read_start(path, 32).ok()?).ok()?.trim().parse().ok()
}
