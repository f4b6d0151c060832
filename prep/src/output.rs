//! Folders that a command fills: replaced only on request, never with files in them that something else wrote.

use std::path::{Path, PathBuf};

use shared::cli::UsageError;
use shared::fs::{self, Claim, FsError};
use thiserror::Error;

/// Why a folder must not be written.
#[derive(Debug, Error)]
pub enum OutputError {
    /// The system refused.
    #[error("{0}")]
    File(#[from] FsError),
    /// Something is there that would be lost.
    #[error("cannot write {path}")]
    Refused {
        /// The folder.
        path: PathBuf,
        /// Why, and the flag that mends it.
        source: UsageError,
    },
}

/// A refusal for `path` because of `why`.
pub fn refused(path: &Path, why: String) -> OutputError {
    OutputError::Refused { path: path.to_owned(), source: UsageError(why) }
}

/// The real path of an output folder whether or not it exists, and the folders above it made. A link to a folder is followed:
/// what it points to is replaced, not the link.
///
/// # Errors
/// When the folder above cannot be made, or the path is a file.
pub fn resolve(out: &Path) -> Result<PathBuf, OutputError> {
    let failed = |source| FsError { operation: "open", path: out.to_owned(), source };
    if out.exists() {
        if !out.is_dir() {
            return Err(refused(out, "it is a file; choose another --out".into()));
        }
        return Ok(out.canonicalize().map_err(failed)?);
    }
    let name = out.file_name().ok_or_else(|| refused(out, "it names no folder; choose another --out".into()))?;
    let parent = match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_folder(parent)?;
    Ok(parent.canonicalize().map_err(failed)?.join(name))
}

/// Makes this process the only one that builds `out`, whether or not it exists, until the claim is dropped.
///
/// # Errors
/// When another process has it, or the lock file beside it cannot be made.
pub fn claim(out: &Path) -> Result<Claim, OutputError> {
    let name = out.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let claim = Claim::by(out.with_file_name(format!(".{name}.lock{}", fs::TEMPORARY_SUFFIX)))?;
    claim.ok_or_else(|| refused(out, "another prep is building it; wait for it, or choose another --out".into()))
}

/// Whether `out` is absent or empty.
///
/// # Errors
/// When it cannot be listed.
pub fn is_free(out: &Path) -> Result<bool, OutputError> {
    Ok(entries(out)?.is_empty())
}

/// Checks that `out` holds nothing but what the command itself writes.
///
/// # Errors
/// When there is anything else; it is named.
pub fn holds_only(out: &Path, is_ours: impl Fn(&str) -> bool) -> Result<(), OutputError> {
    let is_foreign = |name: &&String| !is_ours(name) && !name.ends_with(fs::TEMPORARY_SUFFIX);
    match entries(out)?.iter().find(is_foreign) {
        Some(name) => Err(refused(out, format!("it holds {name}, which prep did not write; choose another --out"))),
        None => Ok(()),
    }
}

/// The names in `out`, sorted; none if it is absent.
///
/// # Errors
/// When it cannot be listed.
pub fn entries(out: &Path) -> Result<Vec<String>, FsError> {
    let failed = |source| FsError { operation: "list", path: out.to_owned(), source };
    if !out.exists() {
        return Ok(Vec::new());
    }
    let listed = std::fs::read_dir(out).map_err(failed)?;
    let mut names = Vec::new();
    for entry in listed {
        names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}
