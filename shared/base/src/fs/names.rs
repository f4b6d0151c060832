//! The temporary names of files and folders on their way to their final ones.

use std::path::{Path, PathBuf};

/// The suffix of temporary names; never part of a name that a reader looks for.
pub const TEMPORARY_SUFFIX: &str = ".fledge-tmp";

/// The temporary path of a folder that is being filled.
pub(super) fn staged_name(target: &Path) -> PathBuf {
    let name = target.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    target.with_file_name(format!(".{name}{TEMPORARY_SUFFIX}"))
}

/// The temporary path of a folder while another takes its name.
pub(super) fn retired_name(target: &Path) -> PathBuf {
    let name = target.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    target.with_file_name(format!(".{name}.old{TEMPORARY_SUFFIX}"))
}

/// The name of the folder that waits under `name`, if one does.
pub(super) fn retired_from(name: &str) -> Option<&str> {
    name.strip_prefix('.')?.strip_suffix(TEMPORARY_SUFFIX)?.strip_suffix(".old")
}

/// The folder that a path lies in.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
