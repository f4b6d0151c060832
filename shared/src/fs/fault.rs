//! Fault injection for tests: the n-th create, write, sync or rename fails as on a full disk.

#[cfg(feature = "faults")]
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

#[cfg(feature = "faults")]
static REMAINING: AtomicI64 = AtomicI64::new(i64::MAX);
#[cfg(feature = "faults")]
static ONLY_ONE: AtomicBool = AtomicBool::new(false);

/// Lets `n` operations of this process succeed and every later one fail.
#[cfg(feature = "faults")]
pub fn fail_after(n: i64) {
    ONLY_ONE.store(false, Ordering::SeqCst);
    REMAINING.store(n, Ordering::SeqCst);
}

/// Lets `n` operations of this process succeed, the next one fail, and all others succeed: an error that is passed over shows.
#[cfg(feature = "faults")]
pub fn fail_once_after(n: i64) {
    ONLY_ONE.store(true, Ordering::SeqCst);
    REMAINING.store(n, Ordering::SeqCst);
}

/// Ends the failing and says how many operations were still allowed; below zero when one failed.
#[cfg(feature = "faults")]
pub fn stop() -> i64 {
    REMAINING.swap(i64::MAX, Ordering::SeqCst)
}

#[cfg(feature = "faults")]
pub(super) fn trip() -> std::io::Result<()> {
    let remaining = REMAINING.fetch_sub(1, Ordering::SeqCst);
    if remaining == 0 || remaining < 0 && !ONLY_ONE.load(Ordering::SeqCst) {
        return Err(std::io::Error::new(std::io::ErrorKind::StorageFull, "no space left on device (injected)"));
    }
    Ok(())
}

#[cfg(not(feature = "faults"))]
#[expect(clippy::unnecessary_wraps, reason = "the twin with faults can fail")]
pub(super) fn trip() -> std::io::Result<()> {
    Ok(())
}
