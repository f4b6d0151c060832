//! A file that appears under its name whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use super::error::{Result, failed};
use super::fault;
use super::feature::Feature;
use super::lock::create_exclusively;
use super::names::TEMPORARY_SUFFIX;
use super::operations::{replace, sync, sync_folder_of};

/// A file being written under a temporary name; [`AtomicFile::commit`] gives it its final name,
/// drop removes it unless it is kept.
#[derive(Debug)]
pub struct AtomicFile {
    target: PathBuf,
    temporary: PathBuf,
    file: Option<File>,
    /// Set to keep the temporary file on drop.
    stays: bool,
    /// Bytes written since the last [`AtomicFile::sync_behind`].
    unsynced: usize,
    behind: Option<JoinHandle<io::Result<()>>>,
}

/// Bytes after which a file begins to be written to the disk while it still grows.
const SYNC_BEHIND: usize = 4 << 20;

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
        let temporary = target
            .with_file_name(format!(".{name}.{}-{serial}{TEMPORARY_SUFFIX}", std::process::id()));
        fault::trip().map_err(failed("create", &target))?;
        let file = create_exclusively(&temporary).map_err(failed("create", &target))?;
        Ok(Self { target, temporary, file: Some(file), stays: false, unsynced: 0, behind: None })
    }

    /// Goes on with the file that is called `temporary` and will be called `target`; nothing of it
    /// is lost, and it stays ([`Self::keep`]).
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn reopen(temporary: impl Into<PathBuf>, target: impl Into<PathBuf>) -> Result<Self> {
        let (temporary, target) = (temporary.into(), target.into());
        let opened = fault::trip().and_then(|()| OpenOptions::new().write(true).open(&temporary));
        let file = opened.map_err(failed("open", &temporary))?;
        Ok(Self { target, temporary, file: Some(file), stays: true, unsynced: 0, behind: None })
    }

    /// Cuts it off behind its first `length` bytes, where writing goes on.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn cut(&mut self, length: u64) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        fault::trip().and_then(|()| file.set_len(length))?;
        io::Seek::seek(file, io::SeekFrom::Start(length)).map(drop)
    }

    /// The temporary path, for another program to write to.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.temporary
    }

    /// Makes the written bytes durable and gives them the final name, replacing the file that had
    /// it.
    ///
    /// # Errors
    /// When syncing or renaming fails; the old file is then untouched and the temporary one is
    /// removed.
    pub fn commit(mut self) -> Result<()> {
        self.sync()?;
        // Windows does not rename a file that is open.
        drop(self.file.take());
        replace(&self.temporary, &self.target)?;
        self.stays = true;
        sync_folder_of(&self.target)
    }

    /// Makes the written bytes durable under the temporary name: what can still fail in committing
    /// is a name.
    ///
    /// # Errors
    /// When syncing fails.
    pub fn sync(&mut self) -> Result<()> {
        self.behind.take().map_or(Ok(()), joined).map_err(failed("sync", &self.target))?;
        // `File` has no buffer of its own; sync_all reports delayed write errors (full disk) that
        // close() swallows.
        self.file.as_ref().map_or(Ok(()), |file| sync(file, &self.target))
    }

    /// From now on it stays under its temporary name, whatever happens, until it is committed: for
    /// a reader that finds out what of it is whole ([`super::leftovers_of`]).
    pub fn keep(&mut self) {
        self.stays = true;
    }

    /// Syncs the bytes written so far on another thread, so that [`AtomicFile::commit`] need not
    /// wait for all of a large file.
    fn sync_behind(&mut self) -> io::Result<()> {
        if self.behind.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return Ok(());
        }
        self.unsynced = 0;
        // The system tells of an error only once, and perhaps here.
        self.behind.take().map_or(Ok(()), joined)?;
        // Without a second handle or a thread it is synced at the end all the same.
        if let Some(file) = self.file.as_ref().and_then(|file| file.try_clone().ok()) {
            let target = self.target.clone();
            let sync = move || Feature::SyncFile.attempt(&target, || file.sync_data()).map(drop);
            self.behind = crate::threads::spawn("sync", sync).ok();
        }
        Ok(())
    }
}

/// The result of a thread.
fn joined(thread: JoinHandle<io::Result<()>>) -> io::Result<()> {
    thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that syncs it panicked")))
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = fault::room(bytes.len())?;
        let n = self.file.as_mut().map_or(Ok(0), |f| f.write(&bytes[..room]))?;
        self.unsynced += n;
        if self.unsynced >= SYNC_BEHIND {
            self.sync_behind()?;
        }
        Ok(n)
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
        if !self.stays {
            drop(self.file.take());
            // Windows does not remove a file that is open.
            drop(self.behind.take().map(joined));
            // Nothing useful can be done about a failure here: the name is one no reader looks for.
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

/// Writes a whole file from parts like [`super::write()`], but does not wait until it is on the
/// disk: for what is checked when it is read and can be made again. After a power cut the name may
/// bear a torn file.
///
/// # Errors
/// When any step fails; the old content stays.
pub fn write_unsynced(path: impl AsRef<Path>, parts: &[&[u8]]) -> Result<()> {
    let path = path.as_ref();
    let mut file = AtomicFile::create(path)?;
    // To the file itself: what goes through `AtomicFile::write` is synced while it grows.
    if let Some(mut plain) = file.file.take() {
        let write = |part: &&[u8]| fault::trip().and_then(|()| plain.write_all(part));
        parts.iter().try_for_each(write).map_err(failed("write", path))?;
    }
    replace(&file.temporary, path)?;
    file.stays = true;
    Ok(())
}

/// Gives what is called `target` its temporary name back, after a commit whose last step failed: it
/// may have its name and yet not be on the disk.
///
/// # Errors
/// When it cannot be renamed.
pub fn withdraw(target: impl AsRef<Path>, temporary: impl AsRef<Path>) -> Result<()> {
    let target = target.as_ref();
    std::fs::rename(target, temporary).map_err(failed("rename", target))
}
