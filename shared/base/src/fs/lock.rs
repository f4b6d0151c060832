//! Advisory locks: one process at a time writes, and its lock ends with it. Where the file system
//! has no locks, a file beside it, the mark, names the process that is at work; `--no-lock` passes
//! over the mark of one that is gone.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::{FsError, Result, failed};
use super::feature::Feature;
use super::names::TEMPORARY_SUFFIX;
use super::operations::{open_append, remove};
use super::read::read_start;

/// Set to ignore the locks and marks of other processes.
static FORGONE: AtomicBool = AtomicBool::new(false);

/// Ignores the locks and marks of others from now on: the caller knows that no other program is at
/// work (`--no-lock`).
pub fn forgo_locks() {
    FORGONE.store(true, Ordering::Relaxed);
}

/// The outcome of a request for a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// This process has it.
    Ours,
    /// Another one has it.
    Theirs,
    /// The file system has no locks, which is logged once.
    NoLocks,
}

/// Asks for the lock of an open file that is called `path`, without waiting.
///
/// # Errors
/// When the system refuses for another reason than that it has no locks.
pub fn try_lock(file: &File, path: &Path) -> Result<Asked> {
    ask(path, || file.try_lock())
}

fn ask(path: &Path, lock: impl FnOnce() -> std::result::Result<(), TryLockError>) -> Result<Asked> {
    let asked = Feature::Lock.attempt(path, || match lock() {
        Ok(()) => Ok(Asked::Ours),
        Err(TryLockError::WouldBlock) => Ok(Asked::Theirs),
        Err(TryLockError::Error(error)) => Err(error),
    });
    Ok(asked.map_err(failed("lock", path))?.unwrap_or(Asked::NoLocks))
}

/// The lock of a file, or its substitute, until it is dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
    mark: Option<PathBuf>,
}

impl Lock {
    /// Locks the file `path`, which is made where it is absent; `None` when another process has it.
    ///
    /// # Errors
    /// When the file cannot be made. Where there are no locks, when a process that may be at work
    /// still has marked it; the message names it and `--no-lock`.
    pub fn take(path: &Path) -> Result<Option<Self>> {
        let file = open_append(path)?;
        let forgone = FORGONE.load(Ordering::Relaxed);
        match try_lock(&file, path)? {
            Asked::Theirs if forgone => {
                tracing::warn!(
                    "{}: another process holds its lock, which is ignored (--no-lock)",
                    path.display()
                )
            }
            Asked::Theirs => return Ok(None),
            Asked::Ours => {}
            Asked::NoLocks => {
                let mark = mark_of(path);
                set(&mark, path, forgone)?;
                return Ok(Some(Self { file, mark: Some(mark) }));
            }
        }
        Ok(Some(Self { file, mark: None }))
    }

    /// The locked file.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Returns true if a process has locked or marked `path`.
    #[must_use]
    pub fn is_taken(path: &Path) -> bool {
        let Ok(file) = File::open(path) else { return false };
        match ask(path, || file.try_lock_shared()) {
            Ok(Asked::Theirs) => true,
            Ok(Asked::NoLocks) => Marked::read(&mark_of(path)).is_some_and(|by| by.may_run()),
            _ => false,
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(mark) = &self.mark {
            // One that stays names a process that is gone, which the next start finds out.
            let _ = remove(mark);
        }
    }
}

/// The file that stands in for the lock of `path`.
fn mark_of(path: &Path) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(match name.strip_suffix(TEMPORARY_SUFFIX) {
        Some(stem) => format!("{stem}.held{TEMPORARY_SUFFIX}"),
        None => format!("{name}.held"),
    })
}

/// Marks the thing that `path` locks as owned by this process.
fn set(mark: &Path, path: &Path, forgone: bool) -> Result<()> {
    if let Some(by) = Marked::read(mark) {
        if by.may_run() && !forgone {
            let why = format!(
                "this file system has no locks, and {by} has marked it with {}; wait for it to end, or pass over it with --no-lock if it \
                 runs no more",
                mark.display()
            );
            return Err(FsError {
                operation: "lock",
                path: path.to_owned(),
                source: io::Error::other(why),
            });
        }
        remove(mark)?;
    }
    let mut file = create_exclusively(mark).map_err(failed("create", mark))?;
    let text = format!("{} {}\n", std::process::id(), host());
    file.write_all(text.as_bytes()).map_err(failed("write", mark))
}

/// Creates a file that must not be there yet.
pub(super) fn create_exclusively(path: &Path) -> io::Result<File> {
    let exclusively = || OpenOptions::new().write(true).create_new(true).open(path);
    match Feature::Exclusive.attempt(path, exclusively)? {
        Some(file) => Ok(file),
        None => OpenOptions::new().write(true).create(true).truncate(true).open(path),
    }
}

/// The process that a mark names; without a number where the mark is cut off.
#[derive(Debug)]
struct Marked {
    process: Option<u32>,
    host: String,
}

impl Marked {
    fn read(mark: &Path) -> Option<Self> {
        let text = String::from_utf8_lossy(&read_start(mark, 1 << 10).ok()?).into_owned();
        let mut words = text.split_whitespace();
        Some(Self {
            process: words.next().and_then(|word| word.parse().ok()),
            host: words.collect::<Vec<_>>().join(" "),
        })
    }

    /// Returns true if it may still be running. Processes on other machines always may.
    fn may_run(&self) -> bool {
        self.host != host() || self.process.is_none_or(runs)
    }
}

impl std::fmt::Display for Marked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.process {
            Some(process) => write!(f, "process {process} on {}", self.host),
            None => write!(f, "a process"),
        }
    }
}

#[cfg(unix)]
fn runs(process: u32) -> bool {
    // SAFETY: no memory is passed, and signal 0 is none: the system only says whether there is such
    // a process.
    let answer = unsafe { libc::kill(process as libc::pid_t, 0) };
    answer == 0 || io::Error::last_os_error().raw_os_error() != Some(libc::ESRCH)
}

#[cfg(not(unix))]
fn runs(_: u32) -> bool {
    true
}

/// The name of this machine.
fn host() -> String {
    #[cfg(unix)]
    {
        let mut name = [0u8; 256];
        // SAFETY: the system writes at most as many bytes as the array has, which lives until the
        // call returns.
        let refused = unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len()) } != 0;
        let length = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        if refused { String::new() } else { String::from_utf8_lossy(&name[..length]).into_owned() }
    }
    #[cfg(not(unix))]
    std::env::var("COMPUTERNAME").unwrap_or_default()
}
