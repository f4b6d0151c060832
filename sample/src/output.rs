//! Output files: checks of the destination, locks, and reports.

use std::path::{Path, PathBuf};

use anyhow::Result;
use shared::cli::UsageError;
use shared::fs::{self, Claim, TEMPORARY_SUFFIX};
use shared::nn::run::Run;

/// Checks the destination `out`, given by `flag`, of a file made from `run`.
///
/// # Errors
/// Those of [`check_file`] and [`check_outside`].
pub fn check(flag: &str, out: &Path, run: &Path) -> Result<(), UsageError> {
    check_file(flag, out)?;
    check_outside(flag, out, run)
}

/// Checks that `out` can be a file.
///
/// # Errors
/// When it is a folder, or its parent folder cannot exist.
pub fn check_file(flag: &str, out: &Path) -> Result<(), UsageError> {
    if out.is_dir() {
        return Err(refused(flag, out, "it is a folder; name a file"));
    }
    check_parent(flag, out)
}

/// Checks that `out` is not a part of `run`.
///
/// # Errors
/// When it is: writing it would replace a file of the run.
pub fn check_outside(flag: &str, out: &Path, run: &Path) -> Result<(), UsageError> {
    match Run::open(run) {
        Ok(run) if run.holds(out) => {
            Err(refused(flag, out, "it is a part of the run; choose another destination"))
        }
        // A missing run is reported when it is opened.
        _ => Ok(()),
    }
}

/// Checks that the parent folder of `out` exists or can be created, as [`claim_by`] does.
///
/// # Errors
/// When something else is in its place.
pub fn check_parent(flag: &str, out: &Path) -> Result<(), UsageError> {
    let above = out.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty());
    // A dangling link also prevents a folder.
    match above.into_iter().find(|above| above.symlink_metadata().is_ok()) {
        Some(place) if !place.is_dir() => Err(refused(
            flag,
            out,
            &format!("{} is not a folder; choose another destination", place.display()),
        )),
        _ => Ok(()),
    }
}

fn refused(flag: &str, out: &Path, why: &str) -> UsageError {
    UsageError(format!("{flag} {}: {why}", out.display()))
}

/// Locks `out` for this process by the lock file `lock`, and creates missing parent folders.
///
/// # Errors
/// When another process holds the lock, or the lock file or its folder cannot be created.
pub fn claim_by(flag: &str, out: &Path, lock: PathBuf) -> Result<Claim> {
    fs::create_folder_for(&lock)?;
    let busy = || {
        refused(
            flag,
            out,
            "another `sample` is writing it; wait for it, or choose another destination",
        )
    };
    Ok(Claim::by(lock)?.ok_or_else(busy)?)
}

/// Like [`claim_by`] with a lock file beside `out`; also removes leftovers of killed processes.
///
/// # Errors
/// Those of [`claim_by`], and when leftovers cannot be removed.
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

/// The name of the lock file beside or in `of`.
#[must_use]
pub fn lock_name(of: &str) -> String {
    format!(".{of}lock{TEMPORARY_SUFFIX}")
}

/// Prints the path of a written file, and logs its content and size.
pub fn report(out: &Path, bytes: u64, what: &str) {
    let size = match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..10_000_000 => format!("{:.0} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    };
    tracing::info!("{what}, {size}");
    shared::cli::tell(&format!("{}\n", out.display()));
}
