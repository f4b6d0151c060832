//! Folders that appear under their name whole or not at all.
#![expect(clippy::disallowed_methods, reason = "the bans in clippy.toml point to this module")]

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::byproduct::byproduct;
use super::error::{Result, failed};
use super::fault;
use super::lock::create_exclusively;
use super::names::{TEMPORARY_SUFFIX, retired_name, staged_name};
use super::operations::{create_folder, remove, rename_alone, sync_folder, sync_folder_of};

/// A folder being filled under a temporary name beside its final one; like [`super::AtomicFile`]
/// for a set of files that only mean something together (a checkpoint).
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
        let temporary = staged_name(&target);
        recover_folder(&target)?;
        create_folder(&temporary)?;
        Ok(Self { target, temporary, committed: false })
    }

    /// The temporary folder to write the files into until the commit.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.temporary
    }

    /// Writes one file of the folder, `name` being relative to it; the folder above the file must
    /// exist. Nobody sees it before the commit, so it needs no temporary name; and it is not synced
    /// by itself, which for thousands of small files takes longer than making them: only for what
    /// can be made again.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write_unsynced(&self, name: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
        let path = self.temporary.join(name);
        fault::trip()
            .and_then(|()| create_exclusively(&path)?.write_all(bytes))
            .map_err(failed("write", &path))
    }

    /// Gives the folder its final name. A folder that has the name already steps aside first and is
    /// removed when the new one is in place; if that fails, the old one gets its name back. Hidden
    /// files and what systems keep in a folder are nobody's of the folder's files and stay under
    /// the name.
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
        discard(&retired, &self.target)
    }
}

/// Cleans up after a process that was killed while it made the folder `target`. One that was killed
/// between the two renames of a commit left the old folder without its name: it gets it back.
///
/// # Errors
/// When the system refuses.
pub fn recover_folder(target: impl AsRef<Path>) -> Result<()> {
    let target = target.as_ref();
    remove(staged_name(target))?;
    let retired = retired_name(target);
    match (retired.exists(), target.exists()) {
        (false, _) => Ok(()),
        (true, true) => discard(&retired, target),
        (true, false) => rename_alone(&retired, target),
    }
}

/// Removes a folder so that it is there whole or not at all, whenever the process is killed: it
/// loses its name first. One that is absent is fine.
///
/// # Errors
/// When the system refuses.
pub fn remove_folder(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    if !path.exists() {
        return Ok(());
    }
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let nameless = path.with_file_name(format!(".{name}.gone{TEMPORARY_SUFFIX}"));
    remove(&nameless)?;
    rename_alone(path, &nameless)?;
    remove(&nameless)
}

/// Removes the folder `retired` whose place `target` has taken, but for hidden files and what
/// systems keep in a folder, which go along.
fn discard(retired: &Path, target: &Path) -> Result<()> {
    let entries = std::fs::read_dir(retired).into_iter().flatten().flatten();
    for name in entries.map(|entry| entry.file_name()) {
        let bytes = name.as_encoded_bytes();
        let stays = byproduct(bytes).is_some() && !bytes.ends_with(TEMPORARY_SUFFIX.as_bytes());
        if stays && std::fs::symlink_metadata(target.join(&name)).is_err() {
            rename_alone(&retired.join(&name), &target.join(&name))?;
        }
    }
    remove(retired)
}

impl Drop for AtomicFolder {
    fn drop(&mut self) {
        if !self.committed {
            let _ = std::fs::remove_dir_all(&self.temporary);
        }
    }
}
