//! Single operations of the file system, each counted by [`fault`] and without what the file system
//! lacks.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::byproduct::byproduct;
use super::error::{Result, failed};
use super::fault;
use super::feature::Feature;
use super::names::{TEMPORARY_SUFFIX, folder_of, retired_name};

/// Creates a folder and those above it; one that exists is fine.
///
/// # Errors
/// When the system refuses.
pub fn create_folder(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    fault::trip()
        .and_then(|()| std::fs::create_dir_all(path))
        .map_err(failed("create folder", path))
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

/// Returns true if `folder` may be filled: it is absent, or empty except for hidden files and what
/// systems keep beside files ([`byproduct`()]), which stay ([`super::AtomicFolder::commit`]).
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
        if byproduct(entry.map_err(failed("list", folder))?.file_name().as_encoded_bytes())
            .is_none()
        {
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

/// Renames without making the new name durable.
pub(super) fn rename_alone(from: &Path, to: &Path) -> Result<()> {
    fault::trip().and_then(|()| std::fs::rename(from, to)).map_err(failed("rename to", to))
}

/// Removes a folder with everything in it, or a file; a missing one is fine.
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

/// Bytes that may still be written to the disk that `path` is on; `None` where the system does not
/// say.
#[must_use]
pub fn free_bytes(path: impl AsRef<Path>) -> Option<u64> {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let path = std::ffi::CString::new(path.as_ref().as_os_str().as_bytes()).ok()?;
        // SAFETY: all numbers of which the structure consists may be zero.
        let mut told: libc::statvfs = unsafe { std::mem::zeroed() };
        // SAFETY: the path ends with a zero byte, and the system writes into a structure of its own
        // kind.
        let refused = unsafe { libc::statvfs(path.as_ptr(), &mut told) } != 0;
        (!refused).then(|| told.f_bavail as u64 * told.f_frsize as u64)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// Makes the bytes written to the open file `path` durable.
///
/// # Errors
/// When the system refuses.
pub fn sync(file: &File, path: &Path) -> Result<()> {
    let sync = || Feature::SyncFile.attempt(path, || file.sync_all());
    fault::trip().and_then(|()| sync()).map(drop).map_err(failed("sync", path))
}

/// Opens a file for appending, creating it if needed; for logs whose reader repairs a torn tail
/// ([`crate::jsonl`]).
///
/// # Errors
/// When it cannot be opened.
pub fn open_append(path: impl AsRef<Path>) -> Result<File> {
    let path = path.as_ref();
    fault::trip()
        .and_then(|()| OpenOptions::new().create(true).append(true).read(true).open(path))
        .map_err(failed("open", path))
}

/// Opens an empty file for reading and writing that has no name any more and is gone when it is
/// closed, in the system's folder for temporary files; for data that are too large for memory and
/// can be recomputed.
///
/// # Errors
/// When it cannot be created; the folder is named, and the variable that moves it.
pub fn scratch_file() -> Result<File> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let folder = std::env::temp_dir();
    let failed =
        failed("create a scratch file (the variable TMPDIR names another place) in", &folder);
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

/// Gives `from` the name `to`. A file takes the place of another one in one step, or, where the
/// file system has no such step, after the other one stepped aside ([`super::remove_leftovers`]
/// gives it its name back after a kill in between).
pub(super) fn replace(from: &Path, to: &Path) -> Result<()> {
    let rename = |from: &Path, to: &Path| std::fs::rename(from, to);
    let at_once = || {
        if to.is_dir() {
            // Where folders differ, a refusal is a refusal.
            return rename(from, to).map(Some);
        }
        Feature::Replace.attempt(to, || rename(from, to))
    };
    let in_two_steps = || {
        let retired = retired_name(to);
        match rename(to, &retired) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return rename(from, to),
            stepped_aside => stepped_aside?,
        }
        rename(from, to).inspect_err(|_| drop(rename(&retired, to)))?;
        std::fs::remove_file(&retired)
    };
    let replaced =
        fault::trip().and_then(|()| at_once()).and_then(|done| done.map_or_else(in_two_steps, Ok));
    replaced.map_err(failed("rename to", to))
}

/// Makes the name of a file or folder durable.
pub(super) fn sync_folder_of(path: &Path) -> Result<()> {
    sync_folder(folder_of(path))
}

/// Makes the names in a folder durable.
#[cfg(unix)]
pub(super) fn sync_folder(folder: &Path) -> Result<()> {
    let sync = || Feature::SyncFolder.attempt(folder, || File::open(folder)?.sync_all());
    fault::trip().and_then(|()| sync()).map(drop).map_err(failed("sync folder", folder))
}

/// Makes the names in a folder durable.
#[cfg(not(unix))]
pub(super) fn sync_folder(_folder: &Path) -> Result<()> {
    // Windows offers no handle to a folder that could be flushed; NTFS journals the rename.
    Ok(())
}
