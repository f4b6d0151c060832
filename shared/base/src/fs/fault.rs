//! Fault injection for tests: the n-th create, write, sync or rename fails as on a full disk, or a
//! file system lacks something.
//!
//! ```
//! # #[cfg(feature = "faults")] {
//! use fledge_base::fs::{self, fault};
//!
//! let file = std::env::temp_dir().join(format!("fledge-fault-example-{}", std::process::id()));
//! fault::fail_after(2);
//! assert!(fs::write(&file, b"a").is_err());
//! assert!(fault::stop() < 0, "an operation failed");
//! assert!(!file.exists());
//! # }
//! ```

#[cfg(feature = "faults")]
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU8, Ordering};

use super::feature::Feature;

/// From the first failing operation on all of them fail.
#[cfg(feature = "faults")]
const FROM: u8 = 0;
/// One operation fails.
#[cfg(feature = "faults")]
const ONCE: u8 = 1;
/// As [`FROM`], but the first failing write takes half of its bytes.
#[cfg(feature = "faults")]
const SHORT: u8 = 2;

#[cfg(feature = "faults")]
static REMAINING: AtomicI64 = AtomicI64::new(i64::MAX);
#[cfg(feature = "faults")]
static MODE: AtomicU8 = AtomicU8::new(FROM);

#[cfg(feature = "faults")]
fn fail(mode: u8, n: i64) {
    MODE.store(mode, Ordering::SeqCst);
    REMAINING.store(n, Ordering::SeqCst);
}

/// Lets `n` operations of this process succeed and every later one fail.
#[cfg(feature = "faults")]
pub fn fail_after(n: i64) {
    fail(FROM, n);
}

/// Lets `n` operations of this process succeed, the next one fail, and all others succeed: an error
/// that is passed over shows.
#[cfg(feature = "faults")]
pub fn fail_once_after(n: i64) {
    fail(ONCE, n);
}

/// Like [`fail_after`], but the first failing operation, if it is a write, still takes half of its
/// bytes, as a disk does that becomes full.
#[cfg(feature = "faults")]
pub fn fail_short_after(n: i64) {
    fail(SHORT, n);
}

/// Ends the failing and says how many operations were still allowed; below zero when one failed.
#[cfg(feature = "faults")]
pub fn stop() -> i64 {
    REMAINING.swap(i64::MAX, Ordering::SeqCst)
}

#[cfg(feature = "faults")]
pub(super) fn trip() -> std::io::Result<()> {
    allowed(REMAINING.fetch_sub(1, Ordering::SeqCst))
}

/// The number of `bytes` that may be written.
#[cfg(feature = "faults")]
pub(super) fn room(bytes: usize) -> std::io::Result<usize> {
    let remaining = REMAINING.fetch_sub(1, Ordering::SeqCst);
    if remaining == 0 && bytes > 1 && MODE.load(Ordering::SeqCst) == SHORT {
        return Ok(bytes / 2);
    }
    allowed(remaining).map(|()| bytes)
}

#[cfg(feature = "faults")]
fn allowed(remaining: i64) -> std::io::Result<()> {
    if remaining == 0 || remaining < 0 && MODE.load(Ordering::SeqCst) != ONCE {
        return Err(std::io::Error::new(
            std::io::ErrorKind::StorageFull,
            "no space left on device (injected)",
        ));
    }
    Ok(())
}

/// The error that each feature gives, by its number; 0 for none.
#[cfg(feature = "faults")]
static LACKED: [AtomicI32; Feature::ALL.len()] = [const { AtomicI32::new(0) }; Feature::ALL.len()];

/// Lets the system refuse everything of this process that needs `feature`, with the system's error
/// `errno`; 0 ends it.
#[cfg(feature = "faults")]
pub fn lack(feature: Feature, errno: i32) {
    LACKED[feature as usize].store(errno, Ordering::SeqCst);
}

#[cfg(feature = "faults")]
pub(super) fn lacked(feature: Feature) -> std::io::Result<()> {
    match LACKED[feature as usize].load(Ordering::SeqCst) {
        0 => Ok(()),
        errno => Err(std::io::Error::from_raw_os_error(errno)),
    }
}

#[cfg(not(feature = "faults"))]
#[expect(clippy::unnecessary_wraps, reason = "the twin with faults can fail")]
pub(super) fn lacked(_: Feature) -> std::io::Result<()> {
    Ok(())
}

#[cfg(not(feature = "faults"))]
#[expect(clippy::unnecessary_wraps, reason = "the twin with faults can fail")]
pub(super) fn trip() -> std::io::Result<()> {
    Ok(())
}

#[cfg(not(feature = "faults"))]
#[expect(clippy::unnecessary_wraps, reason = "the twin with faults can fail")]
pub(super) fn room(bytes: usize) -> std::io::Result<usize> {
    Ok(bytes)
}
