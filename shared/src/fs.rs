//! The only place that writes files. A file that bears its final name is whole, at every moment and after every crash.
//!
//! A write goes to an exclusive temporary name in the same folder, is flushed and synced, renamed over the
//! final name, and the folder is synced, so that the rename survives a power cut. A temporary file is removed on
//! drop; one left by `kill -9` has the suffix [`TEMPORARY_SUFFIX`] and [`remove_leftovers`] clears it.
//!
//! It is not responsible for what is inside the files.
#![expect(clippy::disallowed_methods, reason = "the bans in clippy.toml point to this module")]

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;

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

/// A file being written under a temporary name; [`AtomicFile::commit`] gives it its final name, drop removes it.
#[derive(Debug)]
pub struct AtomicFile {
    target: PathBuf,
    temporary: PathBuf,
    file: Option<File>,
    committed: bool,
}

impl AtomicFile {
    /// Starts the file that will be called `target`. The folder must exist.
    ///
    /// # Errors
    /// When the temporary file cannot be created beside the target.
    pub fn create(target: impl Into<PathBuf>) -> Result<Self> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let target = target.into();
        let name = target.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let serial = COUNTER.fetch_add(1, Ordering::Relaxed);
        let temporary = target.with_file_name(format!(".{name}.{}-{serial}{TEMPORARY_SUFFIX}", std::process::id()));
        fault::trip().map_err(failed("create", &target))?;
        let file = OpenOptions::new().write(true).create_new(true).open(&temporary).map_err(failed("create", &target))?;
        Ok(Self { target, temporary, file: Some(file), committed: false })
    }

    /// Makes the written bytes durable and gives them the final name, replacing what had it.
    ///
    /// # Errors
    /// When syncing or renaming fails; the old file is then untouched and the temporary one is removed.
    pub fn commit(mut self) -> Result<()> {
        if let Some(file) = self.file.take() {
            // `File` has no buffer of its own; sync_all reports delayed write errors (full disk) that close() swallows.
            fault::trip().and_then(|()| file.sync_all()).map_err(failed("sync", &self.target))?;
        }
        fault::trip().and_then(|()| std::fs::rename(&self.temporary, &self.target)).map_err(failed("rename to", &self.target))?;
        self.committed = true;
        sync_folder_of(&self.target)
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        fault::trip()?;
        self.file.as_mut().map_or(Ok(0), |f| f.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl io::Seek for AtomicFile {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        self.file.as_mut().map_or(Ok(0), |f| f.seek(to))
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if !self.committed {
            drop(self.file.take());
            // Nothing useful can be done about a failure here: the name is one no reader looks for.
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
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

/// Creates a folder and those above it; one that exists is fine.
///
/// # Errors
/// When the system refuses.
pub fn create_folder(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    fault::trip().and_then(|()| std::fs::create_dir_all(path)).map_err(failed("create folder", path))
}

/// Renames a file or folder within one file system and makes the new name durable.
///
/// # Errors
/// When the system refuses; a folder cannot replace one that is not empty.
pub fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<()> {
    let (from, to) = (from.as_ref(), to.as_ref());
    fault::trip().and_then(|()| std::fs::rename(from, to)).map_err(failed("rename to", to))?;
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

/// Removes the temporary files that a killed process left in `folder` (not below it).
///
/// # Errors
/// When the folder cannot be listed or a file cannot be removed.
pub fn remove_leftovers(folder: impl AsRef<Path>) -> Result<()> {
    let folder = folder.as_ref();
    for entry in std::fs::read_dir(folder).map_err(failed("list", folder))? {
        let entry = entry.map_err(failed("list", folder))?;
        if entry.file_name().to_string_lossy().ends_with(TEMPORARY_SUFFIX) {
            remove(entry.path())?;
        }
    }
    Ok(())
}

/// Opens a file for appending, creating it if needed; for logs whose reader repairs a torn tail ([`crate::jsonl`]).
///
/// # Errors
/// When it cannot be opened.
pub fn open_append(path: impl AsRef<Path>) -> Result<File> {
    let path = path.as_ref();
    fault::trip().and_then(|()| OpenOptions::new().create(true).append(true).read(true).open(path)).map_err(failed("open", path))
}

/// A folder being filled under a temporary name beside its final one; like [`AtomicFile`] for a set of files that only
/// mean something together (a checkpoint).
#[derive(Debug)]
pub struct AtomicFolder {
    target: PathBuf,
    temporary: PathBuf,
    committed: bool,
}

impl AtomicFolder {
    /// Starts the folder that will be called `target`.
    ///
    /// # Errors
    /// When the temporary folder cannot be created.
    pub fn create(target: impl Into<PathBuf>) -> Result<Self> {
        let target = target.into();
        let name = target.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let temporary = target.with_file_name(format!(".{name}{TEMPORARY_SUFFIX}"));
        remove(&temporary)?;
        // Killed between the two renames of a commit: the old folder is still whole and gets its name back.
        let retired = retired_name(&target);
        if retired.exists() {
            if target.exists() { remove(&retired)? } else { rename_alone(&retired, &target)? }
        }
        create_folder(&temporary)?;
        Ok(Self { target, temporary, committed: false })
    }

    /// Where to write the folder's files meanwhile.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.temporary
    }

    /// Writes one file of the folder, `name` being relative to it; the folder above the file must exist. Nobody sees it before the
    /// commit, so it needs no temporary name; and it is not synced by itself, which for thousands of small files takes longer than
    /// making them: only for what can be made again.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write_unsynced(&self, name: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
        let path = self.temporary.join(name);
        fault::trip()
            .and_then(|()| OpenOptions::new().write(true).create_new(true).open(&path)?.write_all(bytes))
            .map_err(failed("write", &path))
    }

    /// Gives the folder its final name. A folder that has the name already steps aside first and is removed when the new
    /// one is in place; if that fails, the old one gets its name back.
    ///
    /// # Errors
    /// When syncing or renaming fails; the folder has what it had before.
    pub fn commit(mut self) -> Result<()> {
        sync_folder(&self.temporary)?;
        let retired = retired_name(&self.target);
        let replaces = self.target.exists();
        if replaces {
            remove(&retired)?;
            rename_alone(&self.target, &retired)?;
        }
        let placed = rename_alone(&self.temporary, &self.target);
        if let Err(error) = placed.and_then(|()| sync_folder_of(&self.target)) {
            // Best effort, in the reverse order; the first error is the one to report.
            let _ = std::fs::rename(&self.target, &self.temporary);
            if replaces {
                let _ = std::fs::rename(&retired, &self.target);
            }
            return Err(error);
        }
        self.committed = true;
        remove(&retired)
    }
}

/// Where a folder waits while another takes its name.
fn retired_name(target: &Path) -> PathBuf {
    let name = target.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    target.with_file_name(format!(".{name}.old{TEMPORARY_SUFFIX}"))
}

fn rename_alone(from: &Path, to: &Path) -> Result<()> {
    fault::trip().and_then(|()| std::fs::rename(from, to)).map_err(failed("rename to", to))
}

impl Drop for AtomicFolder {
    fn drop(&mut self) {
        if !self.committed {
            let _ = std::fs::remove_dir_all(&self.temporary);
        }
    }
}

fn sync_folder_of(path: &Path) -> Result<()> {
    sync_folder(match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    })
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> Result<()> {
    fault::trip().and_then(|()| File::open(folder)?.sync_all()).map_err(failed("sync folder", folder))
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> Result<()> {
    // Windows offers no handle to a folder that could be flushed; NTFS journals the rename.
    Ok(())
}

/// Fault injection for tests: the n-th create, write, sync or rename fails as on a full disk.
pub mod fault {
    #[cfg(feature = "faults")]
    use std::sync::atomic::{AtomicI64, Ordering};

    #[cfg(feature = "faults")]
    static REMAINING: AtomicI64 = AtomicI64::new(i64::MAX);

    /// Lets `n` operations of this process succeed and every later one fail.
    #[cfg(feature = "faults")]
    pub fn fail_after(n: i64) {
        REMAINING.store(n, Ordering::SeqCst);
    }

    /// Ends the failing and says how many operations were still allowed; below zero when one failed.
    #[cfg(feature = "faults")]
    pub fn stop() -> i64 {
        REMAINING.swap(i64::MAX, Ordering::SeqCst)
    }

    #[cfg(feature = "faults")]
    pub(super) fn trip() -> std::io::Result<()> {
        if REMAINING.fetch_sub(1, Ordering::SeqCst) <= 0 {
            return Err(std::io::Error::new(std::io::ErrorKind::StorageFull, "no space left on device (injected)"));
        }
        Ok(())
    }

    #[cfg(not(feature = "faults"))]
    #[expect(clippy::unnecessary_wraps, reason = "the twin with faults can fail")]
    pub(super) fn trip() -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("fledge-fs-{}-{name}", std::process::id()));
        remove(&folder).expect("clear scratch");
        create_folder(&folder).expect("make scratch");
        folder
    }

    #[test]
    fn a_dropped_file_leaves_the_old_one_and_nothing_else() {
        let folder = scratch("dropped");
        write(folder.join("a"), b"old").expect("write");
        let mut file = AtomicFile::create(folder.join("a")).expect("create");
        file.write_all(b"half of the ne").expect("write");
        drop(file);
        assert_eq!(read(folder.join("a")).expect("read"), b"old");
        assert_eq!(std::fs::read_dir(&folder).expect("list").count(), 1);
        remove(&folder).expect("clear");
    }

    #[test]
    fn a_bounded_read_refuses_a_larger_file() {
        let folder = scratch("bounded");
        write(folder.join("a"), &[7; 100]).expect("write");
        assert_eq!(read_bounded(folder.join("a"), 100).expect("fits").len(), 100);
        assert!(read_bounded(folder.join("a"), 99).is_err());
        remove(&folder).expect("clear");
    }

    #[test]
    fn an_uncommitted_folder_disappears() {
        let folder = scratch("folder");
        let staged = AtomicFolder::create(folder.join("step-1")).expect("create");
        write(staged.path().join("x"), b"1").expect("write");
        drop(staged);
        assert_eq!(std::fs::read_dir(&folder).expect("list").count(), 0);
        remove(&folder).expect("clear");
    }
}
