//! Leftovers of killed processes.

use std::path::{Path, PathBuf};

use super::error::{Result, failed};
use super::folder::recover_folder;
use super::names::{TEMPORARY_SUFFIX, folder_of, retired_from};
use super::operations::remove;

/// Cleans up the leftovers of killed processes in `folder` (not below it): temporary files are
/// removed, and a folder or file that lost its name while another was to take it gets it back
/// ([`recover_folder`]).
///
/// # Errors
/// When the folder cannot be listed or a file cannot be removed.
pub fn remove_leftovers(folder: impl AsRef<Path>) -> Result<()> {
    let folder = folder.as_ref();
    for entry in std::fs::read_dir(folder).map_err(failed("list", folder))? {
        let entry = entry.map_err(failed("list", folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        match retired_from(&name) {
            Some(target) => recover_folder(folder.join(target))?,
            None if name.ends_with(TEMPORARY_SUFFIX) => remove(entry.path())?,
            None => {}
        }
    }
    Ok(())
}

/// The temporary files that processes left that were killed, or stopped
/// ([`super::AtomicFile::keep`]), while they wrote the file `target`.
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
        let rest = found
            .strip_prefix('.')
            .and_then(|found| found.strip_prefix(&*name)?.strip_suffix(TEMPORARY_SUFFIX));
        // The numbers of the process and of the file.
        if rest.is_some_and(|rest| {
            rest.starts_with('.') && rest[1..].bytes().all(|b| b.is_ascii_digit() || b == b'-')
        }) {
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
