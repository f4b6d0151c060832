//! Where a file goes: whether there is a place for it, who writes it, and what is said of it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use shared::cli::UsageError;
use shared::fs::{self, Claim, TEMPORARY_SUFFIX};
use shared::nn::run::Run;

/// Says whether there is a place for the file `out` that `flag` names, before anything is made of `run` for it.
///
/// # Errors
/// As [`check_file`] and [`check_outside`].
pub fn check(flag: &str, out: &Path, run: &Path) -> Result<(), UsageError> {
    check_file(flag, out)?;
    check_outside(flag, out, run)
}

/// Says whether `out` can be a file.
///
/// # Errors
/// When it is a folder, or there can be none for it to lie in.
pub fn check_file(flag: &str, out: &Path) -> Result<(), UsageError> {
    if out.is_dir() {
        return Err(refused(flag, out, "it is a folder; name a file"));
    }
    check_parent(flag, out)
}

/// Says whether `out` would be anything but a part of `run`.
///
/// # Errors
/// When it would be one: what the run cannot do without would be replaced.
pub fn check_outside(flag: &str, out: &Path, run: &Path) -> Result<(), UsageError> {
    match Run::open(run) {
        Ok(run) if run.holds(out) => Err(refused(flag, out, "it would be a part of the run itself; name another place")),
        // That there is no such run is said by who opens it.
        _ => Ok(()),
    }
}

/// Says whether the folder that `out` is to lie in is there or can be made, which [`claim_by`] does.
///
/// # Errors
/// When something else is in its place.
pub fn check_parent(flag: &str, out: &Path) -> Result<(), UsageError> {
    let above = out.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty());
    // A link to nowhere is in the way of a folder, too.
    match above.into_iter().find(|above| above.symlink_metadata().is_ok()) {
        Some(place) if !place.is_dir() => {
            Err(refused(flag, out, &format!("{} is no folder; name another place", place.display())))
        }
        _ => Ok(()),
    }
}

fn refused(flag: &str, out: &Path, why: &str) -> UsageError {
    UsageError(format!("{flag} {}: {why}", out.display()))
}

/// Makes this process the only one that writes `out`, by the lock file `lock`; the folders above it are made where they are missing.
///
/// # Errors
/// When another one does, or the lock file or the folder for it cannot be made.
pub fn claim_by(flag: &str, out: &Path, lock: PathBuf) -> Result<Claim> {
    fs::create_folder_for(&lock)?;
    let busy = || refused(flag, out, "another sample is writing it; wait for it, or choose another");
    Ok(Claim::by(lock)?.ok_or_else(busy)?)
}

/// The same by a lock file beside `out`, and removes what those left that were killed while they wrote it.
///
/// # Errors
/// As [`claim_by`], and when what is left cannot be removed.
pub fn claim(flag: &str, out: &Path) -> Result<Claim> {
    let claim = claim_by(flag, out, lock_beside(out))?;
    fs::remove_leftovers_of(out)?;
    Ok(claim)
}

/// The lock file beside `out`.
#[must_use]
pub fn lock_beside(out: &Path) -> PathBuf {
    let name = out.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    out.with_file_name(lock_name(&format!("{name}.")))
}

/// The name of a lock file beside or in what it stands for.
#[must_use]
pub fn lock_name(of: &str) -> String {
    format!(".{of}lock{TEMPORARY_SUFFIX}")
}

/// Prints what was written where, and how large it is.
pub fn report(out: &Path, bytes: u64, what: &str) {
    let size = match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..10_000_000 => format!("{:.0} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    };
    tracing::info!("{what}, {size}");
    shared::cli::tell(&format!("{}\n", out.display()));
}
