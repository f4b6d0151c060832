//! The only place that writes files. A file that bears its final name is whole, at every moment and after every crash.
//!
//! A write goes to an exclusive temporary name in the same folder, is flushed and synced, renamed over the
//! final name, and the folder is synced, so that the rename survives a power cut. A temporary file is removed on
//! drop; one left by `kill -9` has the suffix [`TEMPORARY_SUFFIX`] and [`remove_leftovers`] clears it.
//!
//! It is not responsible for what is inside the files.
#![expect(clippy::disallowed_methods, reason = "the bans in clippy.toml point to this module")]

mod append;
mod atomic;
mod byproduct;
mod cache;
mod claim;
pub mod fault;
mod folder;
mod lacking;
mod lock;
mod mount;

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;

pub use self::append::AppendFile;
pub use self::atomic::{AtomicFile, withdraw, write_unsynced};
pub use self::byproduct::{Byproduct, byproduct};
pub use self::cache::cache_folder;
pub use self::claim::Claim;
pub use self::folder::{AtomicFolder, recover_folder, remove_folder};
pub use self::lacking::Feature;
pub use self::lock::{Asked, Lock, forgo_locks, try_lock};
pub use self::mount::is_mount_point;

/// How a temporary name ends; never part of a name that a reader looks for.
pub const TEMPORARY_SUFFIX: &str = ".fledge-tmp";

/// An operation on a path that the system refused.
#[derive(Debug, Error)]
#[error("cannot {operation} {path}")]
pub struct FsError {
    /// What was tried, as a verb: "write", "rename", …
    pub operation: &'static str,
    /// The file or folder concerned.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// The result of a file operation.
pub type Result<T> = std::result::Result<T, FsError>;

fn failed<'a>(operation: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> FsError + 'a {
    move |source| FsError { operation, path: path.to_owned(), source }
}

/// Writes a whole file: it holds either what it held before or `bytes`.
///
/// # Errors
/// When any step fails; the old content stays.
pub fn write(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let path = path.as_ref();
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes).map_err(failed("write", path))?;
    file.commit()
}

/// Writes a whole file through a buffered writer, for content that is produced piecewise.
///
/// # Errors
/// When `fill` or any step fails; the old content stays.
pub fn write_with(path: impl AsRef<Path>, fill: impl FnOnce(&mut io::BufWriter<AtomicFile>) -> io::Result<()>) -> Result<()> {
    let path = path.as_ref();
    let mut buffered = io::BufWriter::with_capacity(1 << 20, AtomicFile::create(path)?);
    fill(&mut buffered).map_err(failed("write", path))?;
    // into_inner flushes; dropping a BufWriter would swallow the error.
    let file = buffered.into_inner().map_err(|e| failed("write", path)(e.into_error()))?;
    file.commit()
}

/// Reads a whole file.
///
/// # Errors
/// When it cannot be opened or read; the path is named.
pub fn read(path: impl AsRef<Path>) -> Result<Vec<u8>> {
    let path = path.as_ref();
    std::fs::read(path).map_err(failed("read", path))
}

/// Reads at most `limit` bytes of a file and fails if there are more.
///
/// # Errors
/// When the file cannot be read or is larger than `limit`.
pub fn read_bounded(path: impl AsRef<Path>, limit: u64) -> Result<Vec<u8>> {
    let path = path.as_ref();
    let file = File::open(path).map_err(failed("read", path))?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(failed("read", path))?;
    if bytes.len() as u64 > limit {
        let too_large =
            io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than the {limit} bytes expected of it"));
        return Err(failed("read", path)(too_large));
    }
    Ok(bytes)
}

/// Reads at most the first `limit` bytes of a file.
///
/// # Errors
/// When the file cannot be read.
pub fn read_start(path: impl AsRef<Path>, limit: u64) -> Result<Vec<u8>> {
    let path = path.as_ref();
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)).map_err(failed("read", path))?;
    Ok(bytes)
}

/// Creates a folder and those above it; one that exists is fine.
///
/// # Errors
/// When the system refuses.
pub fn create_folder(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    fault::trip().and_then(|()| std::fs::create_dir_all(path)).map_err(failed("create folder", path))
}

/// Creates the folders above a file or folder that a user named, where they are missing.
///
/// # Errors
/// When the system refuses.
pub fn create_folder_for(path: impl AsRef<Path>) -> Result<()> {
    match folder_of(path.as_ref()) {
        folder if folder.is_dir() => Ok(()),
        folder => create_folder(folder),
    }
}

/// Whether `folder` may be filled: it is absent, or empty but for hidden files and what systems keep beside files ([`byproduct`()]), which stay
/// ([`AtomicFolder::commit`]).
///
/// # Errors
/// When it cannot be listed.
pub fn is_vacant(folder: impl AsRef<Path>) -> Result<bool> {
    let folder = folder.as_ref();
    let listed = match std::fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(e) => return Err(failed("list", folder)(e)),
    };
    for entry in listed {
        if byproduct(entry.map_err(failed("list", folder))?.file_name().as_encoded_bytes()).is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Renames a file or folder within one file system and makes the new name durable.
///
/// # Errors
/// When the system refuses; a folder cannot replace one that is not empty.
pub fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<()> {
    let (from, to) = (from.as_ref(), to.as_ref());
    replace(from, to)?;
    sync_folder_of(to)
}

/// Removes a folder with everything in it, or a file; what is absent is fine.
///
/// # Errors
/// When the system refuses.
pub fn remove(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let removed = match std::fs::symlink_metadata(path) {
        Ok(m) if m.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(e) => Err(e),
    };
    match removed {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(e)),
        _ => Ok(()),
    }
}

/// Clears up what a killed process left in `folder` (not below it): temporary files are removed, and a folder or file that lost its
/// name while another was to take it gets it back ([`recover_folder`]).
///
/// # Errors
/// When the folder cannot be listed or a file cannot be removed.
pub fn remove_leftovers(folder: impl AsRef<Path>) -> Result<()> {
    let folder = folder.as_ref();
    for entry in std::fs::read_dir(folder).map_err(failed("list", folder))? {
        let entry = entry.map_err(failed("list", folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        match folder::retired_from(&name) {
            Some(target) => recover_folder(folder.join(target))?,
            None if name.ends_with(TEMPORARY_SUFFIX) => remove(entry.path())?,
            None => {}
        }
    }
    Ok(())
}

/// The temporary files that processes left that were killed, or stopped ([`AtomicFile::keep`]), while they wrote the file `target`.
///
/// # Errors
/// When the folder cannot be listed.
pub fn leftovers_of(target: impl AsRef<Path>) -> Result<Vec<PathBuf>> {
    let target = target.as_ref();
    let folder = folder_of(target);
    let name = target.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let mut leftovers = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed("list", folder))? {
        let entry = entry.map_err(failed("list", folder))?;
        let found = entry.file_name().to_string_lossy().into_owned();
        let rest = found.strip_prefix('.').and_then(|found| found.strip_prefix(&*name)?.strip_suffix(TEMPORARY_SUFFIX));
        // The numbers of the process and of the file.
        if rest.is_some_and(|rest| rest.starts_with('.') && rest[1..].bytes().all(|b| b.is_ascii_digit() || b == b'-')) {
            leftovers.push(entry.path());
        }
    }
    Ok(leftovers)
}

/// Removes the temporary files that killed processes left while they wrote the file `target`.
///
/// # Errors
/// When the folder cannot be listed or a file cannot be removed.
pub fn remove_leftovers_of(target: impl AsRef<Path>) -> Result<()> {
    leftovers_of(target)?.into_iter().try_for_each(remove)
}

/// Bytes that may still be written to the disk that `path` is on; `None` where the system does not say.
#[must_use]
pub fn free_bytes(path: impl AsRef<Path>) -> Option<u64> {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let path = std::ffi::CString::new(path.as_ref().as_os_str().as_bytes()).ok()?;
        // SAFETY: all numbers of which the structure consists may be zero.
        let mut told: libc::statvfs = unsafe { std::mem::zeroed() };
        // SAFETY: the path ends with a zero byte, and the system writes into a structure of its own kind.
        let refused = unsafe { libc::statvfs(path.as_ptr(), &mut told) } != 0;
        (!refused).then(|| told.f_bavail as u64 * told.f_frsize as u64)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// Makes what is written to the open file that is called `path` durable.
///
/// # Errors
/// When the system refuses.
pub fn sync(file: &File, path: &Path) -> Result<()> {
    let sync = || Feature::SyncFile.attempt(path, || file.sync_all());
    fault::trip().and_then(|()| sync()).map(drop).map_err(failed("sync", path))
}

/// Opens a file for appending, creating it if needed; for logs whose reader repairs a torn tail ([`crate::jsonl`]).
///
/// # Errors
/// When it cannot be opened.
pub fn open_append(path: impl AsRef<Path>) -> Result<File> {
    let path = path.as_ref();
    fault::trip().and_then(|()| OpenOptions::new().create(true).append(true).read(true).open(path)).map_err(failed("open", path))
}

/// Opens an empty file for reading and writing that has no name any more and is gone when it is closed, in the system's folder for
/// temporary files; for what is too large for memory and can be made again.
///
/// # Errors
/// When it cannot be created; the folder is named, and the variable that moves it.
pub fn scratch_file() -> Result<File> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let folder = std::env::temp_dir();
    let failed = failed("create a scratch file (the variable TMPDIR names another place) in", &folder);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // FILE_FLAG_DELETE_ON_CLOSE: Windows does not unlink what is open.
    #[cfg(windows)]
    std::os::windows::fs::OpenOptionsExt::custom_flags(&mut options, 0x0400_0000);
    let open = || loop {
        let serial = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("fledge-{}-{serial}{TEMPORARY_SUFFIX}", std::process::id()));
        match options.open(&path) {
            // Left by a process that had this number once and was killed between the two steps.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
            Ok(file) => {
                #[cfg(unix)]
                std::fs::remove_file(&path)?;
                return Ok(file);
            }
        }
    };
    fault::trip().and_then(|()| open()).map_err(failed)
}

/// Gives `from` the name `to`. A file takes the place of another one in one step, or, where the file system has no such step, after the
/// other one stepped aside ([`remove_leftovers`] gives it its name back after a kill in between).
fn replace(from: &Path, to: &Path) -> Result<()> {
    let rename = |from: &Path, to: &Path| std::fs::rename(from, to);
    let at_once = || {
        if to.is_dir() {
            // Where folders differ, a refusal is a refusal.
            return rename(from, to).map(Some);
        }
        Feature::Replace.attempt(to, || rename(from, to))
    };
    let in_two_steps = || {
        let retired = folder::retired_name(to);
        match rename(to, &retired) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return rename(from, to),
            stepped_aside => stepped_aside?,
        }
        rename(from, to).inspect_err(|_| drop(rename(&retired, to)))?;
        std::fs::remove_file(&retired)
    };
    let replaced = fault::trip().and_then(|()| at_once()).and_then(|done| done.map_or_else(in_two_steps, Ok));
    replaced.map_err(failed("rename to", to))
}

fn sync_folder_of(path: &Path) -> Result<()> {
    sync_folder(folder_of(path))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> Result<()> {
    let sync = || Feature::SyncFolder.attempt(folder, || File::open(folder)?.sync_all());
    fault::trip().and_then(|()| sync()).map(drop).map_err(failed("sync folder", folder))
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> Result<()> {
    // Windows offers no handle to a folder that could be flushed; NTFS journals the rename.
    Ok(())
}

#[cfg(test)]
#[path = "fs_tests.rs"]
mod tests;
