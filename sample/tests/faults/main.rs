//! Every file operation fails in turn, as on a full disk: alone, with all that follow, and after
//! half a write.
//!
//! Faults are switched on for the whole process, so these tests have a program of their own, and
//! run one at a time.
#![expect(clippy::unwrap_used, reason = "a test ends where the machine is not as expected")]

mod animations;
#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "the other test program uses all of it")]
mod common;
#[path = "../drawn/mod.rs"]
#[expect(dead_code, reason = "the other test program uses all of it")]
mod drawn;
mod export;
mod images;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Waits for the end of the other tests, and holds them off.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
