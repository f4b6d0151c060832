//! The user's cache folder.

use std::path::PathBuf;

/// Folder of all that fledge keeps and can make again: `$XDG_CACHE_HOME/fledge`, else
/// `~/.cache/fledge`. `None` where neither variable is set.
#[must_use]
pub fn cache_folder() -> Option<PathBuf> {
    let from = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let base = from("XDG_CACHE_HOME")
        .filter(|p| p.is_absolute())
        .or_else(|| Some(from("HOME")?.join(".cache")))?;
    Some(base.join("fledge"))
}
