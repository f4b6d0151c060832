//! Signals as flags that a loop looks at between two steps.
//!
//! | signal | comes from | what it asks for |
//! |---|---|---|
//! | INT, TERM | Ctrl-C, `kill`, `timeout`, job schedulers | save and end, with 130 or 143 |
//! | HUP | a terminal that was closed | save and end, with 129 |
//! | XCPU | a limit of processor time | save and end, with 152 |
//! | USR1, USR2 | `sbatch --signal`, people | save, and work on |
//!
//! What was ignored when the program started stays ignored (`nohup`, `trap '' HUP`), but for INT
//! and TERM: shells start `… &` in a script with INT ignored. A signal that comes again ends the
//! program at once.
//!
//! ```
//! use fledge_base::signal::Stop;
//!
//! let stop = Stop::listen()?;
//! for step in 0..10 {
//!     if let Some(code) = stop.exit_code() {
//!         println!("saved after step {step}");
//!         std::process::exit(code.into());
//!     }
//! }
//! # Ok::<(), std::io::Error>(())
//! ```

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[cfg(unix)]
use signal_hook::consts::{SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU};
use signal_hook::consts::{SIGINT, SIGTERM};

/// A repetition within this time is the same signal: `timeout` sends its own to the program and
/// then to the group that it is in.
const SAME: Duration = Duration::from_millis(250);

/// A terminal that goes away sends HUP, and so do the shell in it, and the system again when that
/// shell has ended.
#[cfg(unix)]
const SAME_HANGUP: Duration = Duration::from_secs(2);

/// Flags that signals set: stop the process, or save.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    asked: Arc<Asked>,
}

#[derive(Debug, Default)]
struct Asked {
    /// The first signal that asks for the end; 0 for none.
    signal: AtomicUsize,
    save: AtomicBool,
}

impl Stop {
    /// Starts to listen for signals.
    ///
    /// # Errors
    /// When the system refuses the handlers.
    pub fn listen() -> io::Result<Self> {
        let stop = Self::default();
        let begun = Instant::now();
        stop.end_on(SIGINT, begun, Some(SAME))?;
        stop.end_on(SIGTERM, begun, Some(SAME))?;
        #[cfg(unix)]
        {
            // The limit of processor time sends its signal every second until a harder one ends the
            // process.
            for (signal, same) in [(SIGHUP, Some(SAME_HANGUP)), (SIGXCPU, None)] {
                if !is_ignored(signal) {
                    stop.end_on(signal, begun, same)?;
                }
            }
            for signal in [SIGUSR1, SIGUSR2] {
                if !is_ignored(signal) {
                    let asked = Arc::clone(&stop.asked);
                    // SAFETY: storing in an atomic is all it does, which a signal may interrupt
                    // anything for.
                    unsafe {
                        signal_hook::low_level::register(signal, move || {
                            asked.save.store(true, Ordering::SeqCst)
                        })
                    }?;
                }
            }
        }
        Ok(stop)
    }

    /// Takes `signal` for a wish to end; when it comes again, and not within `same`, the process
    /// ends at once.
    fn end_on(&self, signal: i32, begun: Instant, same: Option<Duration>) -> io::Result<()> {
        let asked = Arc::clone(&self.asked);
        // When it came first, in milliseconds after `begun`.
        let first = AtomicU64::new(u64::MAX);
        let hear = move || {
            let now = begun.elapsed().as_millis() as u64;
            let _ = asked.signal.compare_exchange(
                0,
                signal as usize,
                Ordering::SeqCst,
                Ordering::SeqCst,
            );
            if let (Err(first), Some(same)) =
                (first.compare_exchange(u64::MAX, now, Ordering::SeqCst, Ordering::SeqCst), same)
                && now - first > same.as_millis() as u64
            {
                crate::log::ended_at_once(name(signal));
                signal_hook::low_level::exit(128 + signal);
            }
        };
        // SAFETY: the handler reads the clock, compares atomics, writes to a file by its number and
        // ends the process: no memory is allocated, no lock taken.
        unsafe { signal_hook::low_level::register(signal, hear) }.map(drop)
    }

    /// Asks to stop as `signal` would; for tests.
    pub fn request(&self, signal: i32) {
        self.asked.signal.store(signal as usize, Ordering::SeqCst);
    }

    /// Asks to save as SIGUSR1 would; for tests.
    pub fn request_save(&self) {
        self.asked.save.store(true, Ordering::SeqCst);
    }

    /// The exit code to end with once the work is saved (130 for SIGINT, 143 for SIGTERM), if a
    /// signal came.
    #[must_use]
    pub fn exit_code(&self) -> Option<u8> {
        match self.asked.signal.load(Ordering::SeqCst) {
            0 => None,
            signal => Some(128 + signal as u8),
        }
    }

    /// Returns true once for each request to save.
    #[must_use]
    pub fn takes_save(&self) -> bool {
        self.asked.save.swap(false, Ordering::SeqCst)
    }

    /// Returns true if a request to save is pending.
    #[must_use]
    pub fn wants_save(&self) -> bool {
        self.asked.save.load(Ordering::SeqCst)
    }
}

/// The signal that an exit code tells of.
#[must_use]
pub fn name_of(code: u8) -> &'static str {
    name(i32::from(code) - 128)
}

fn name(signal: i32) -> &'static str {
    match signal {
        SIGINT => "SIGINT",
        SIGTERM => "SIGTERM",
        #[cfg(unix)]
        SIGHUP => "SIGHUP",
        #[cfg(unix)]
        SIGXCPU => "SIGXCPU",
        _ => "a signal",
    }
}

#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    // SAFETY: zeros are a valid value of this structure of numbers.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: without a new action the system only writes the present one, into a structure of its
    // own kind.
    let refused = unsafe { libc::sigaction(signal, std::ptr::null(), &mut action) } != 0;
    !refused && action.sa_sigaction == libc::SIG_IGN
}
