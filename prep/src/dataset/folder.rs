//! Output folders: replaced only on request, and never if they hold files that `prep` did not
//! write.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use shared::cli::UsageError;
use shared::fs::{self, Claim, FsError};
use thiserror::Error;

/// Errors of an output folder.
#[derive(Debug, Error)]
pub enum OutputError {
    /// The system refused.
    #[error("{0}")]
    File(#[from] FsError),
    /// It holds something that would be lost.
    #[error("cannot write {path}")]
    Refused {
        /// The folder.
        path: PathBuf,
        /// The reason, and the flag that mends it.
        source: UsageError,
    },
}

/// Refuses `path`, with the reason.
pub fn refused(path: &Path, why: String) -> OutputError {
    OutputError::Refused { path: path.to_owned(), source: UsageError(why) }
}

/// The real path of a folder that need not exist, resolved through its existing ancestors; `None`
/// if there is none.
#[must_use]
pub fn real(out: &Path) -> Option<PathBuf> {
    if let Ok(real) = out.canonicalize() {
        return Some(real);
    }
    let parent =
        out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The folder above may be missing too.
    let parent = if parent == out { None } else { real(parent) };
    Some(parent?.join(out.file_name()?))
}

/// Checks, before any work, that a finished folder can be renamed to `out`.
///
/// # Errors
/// When `out` is a mount point.
pub fn check(out: &Path) -> Result<(), OutputError> {
    if fs::is_mount_point(out) {
        let below = out.join("data");
        let what =
            format!("it is a mount point, which cannot be replaced; use --out {}", below.display());
        return Err(refused(out, what));
    }
    Ok(())
}

/// The real path of an output folder, which need not exist; its parent folders are created.
/// A link to a folder is followed: its target is replaced, not the link.
///
/// # Errors
/// When the parent cannot be created, the path is a file, or it is a mount point.
pub fn resolve(out: &Path) -> Result<PathBuf, OutputError> {
    let failed = |source| FsError { operation: "open", path: out.to_owned(), source };
    check(out)?;
    if out.exists() {
        if !out.is_dir() {
            return Err(refused(out, "it is a file; choose another --out".into()));
        }
        return Ok(out.canonicalize().map_err(failed)?);
    }
    let name = out
        .file_name()
        .ok_or_else(|| refused(out, "it names no folder; choose another --out".into()))?;
    let parent = match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_folder(parent)?;
    Ok(parent.canonicalize().map_err(failed)?.join(name))
}

/// Makes this process the only one that writes `out`, which need not exist, until the claim is
/// dropped.
///
/// # Errors
/// When another process has claimed it, or its parent folder is not writable.
pub fn claim(out: &Path) -> Result<Claim, OutputError> {
    let name = out.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let claim = Claim::by(out.with_file_name(format!(".{name}.lock{}", fs::TEMPORARY_SUFFIX))).map_err(|error| {
        match error.source.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                let above = out.parent().unwrap_or(out).display();
                let why = error.source;
                refused(
                    out,
                    format!(
                        "it is written beside its final place first, and {above} is not writable ({why}); choose another --out"
                    ),
                )
            }
            _ => error.into(),
        }
    })?;
    claim.ok_or_else(|| {
        refused(out, "another prep is building it; wait for it, or choose another --out".into())
    })
}

/// Returns whether `out` is missing or empty, apart from hidden and system files.
///
/// # Errors
/// When it cannot be listed.
pub fn is_free(out: &Path) -> Result<bool, OutputError> {
    Ok(entries(out)?.iter().all(|name| fs::byproduct(name.as_bytes()).is_some()))
}

/// Checks that `out` holds only files that the command itself writes; hidden and system files are
/// allowed and stay.
///
/// # Errors
/// When there is any other file; it is named.
pub fn holds_only(out: &Path, is_ours: impl Fn(&str) -> bool) -> Result<(), OutputError> {
    let is_foreign = |name: &&String| {
        !is_ours(name)
            && !name.ends_with(fs::TEMPORARY_SUFFIX)
            && fs::byproduct(name.as_bytes()).is_none()
    };
    match entries(out)?.iter().find(is_foreign) {
        Some(name) => Err(refused(
            out,
            format!("it holds {name}, which prep did not write; choose another --out"),
        )),
        None => Ok(()),
    }
}

/// The names in `out`, sorted; empty if it is missing.
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
