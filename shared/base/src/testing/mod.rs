//! Helpers for the tests of all four programs.
//!
//! ```
//! use fledge_base::fs;
//! use fledge_base::testing::{Scratch, wait_until};
//!
//! let scratch = Scratch::new("testing");
//! let file = scratch.path("file");
//! std::thread::scope(|scope| {
//!     scope.spawn(|| fs::write(&file, b"there"));
//!     assert!(wait_until(|| file.exists()));
//! });
//! ```

mod numbers;
mod scratch;
mod skip;

use std::path::Path;
use std::time::{Duration, Instant};

use crate::cli::Program;
use crate::cli::foreign::folded;
use crate::cli::name::PROGRAMS;

pub use self::numbers::{largest_difference, relative_difference};
pub use self::scratch::Scratch;
pub use self::skip::skip;

/// The extent of a test: `usual`, or `full` under `FLEDGE_TORTURE` (`make torture`).
pub fn torture<T>(usual: T, full: T) -> T {
    if std::env::var_os("FLEDGE_TORTURE").is_some() { full } else { usual }
}

/// Waits until `holds`, at most as long as one waits before one believes that it hangs; says
/// whether it does.
pub fn wait_until(mut holds: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(120) {
        if holds() {
            return true;
        }
        std::thread::sleep(Duration::from_micros(300));
    }
    false
}

/// Checks a program's table of foreign flags: what it answers is `accepted` behind one of the
/// command lines `bases`, a name stands for one thing, and the program's commands are those that
/// texts are searched for.
///
/// # Panics
/// When one of these does not hold.
pub fn check_foreign(
    program: &Program,
    command: &clap::Command,
    bases: &[&[&str]],
    accepted: impl Fn(&[&str]) -> bool,
) {
    for row in program.foreign.iter().filter(|row| !row.ours.is_empty()) {
        let typed = row.typed(None);
        let line = |base: &[&str]| {
            base.iter()
                .copied()
                .chain(typed.split_whitespace())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let any = bases
            .iter()
            .any(|base| accepted(&line(base).iter().map(String::as_str).collect::<Vec<_>>()));
        assert!(any, "{typed}");
    }
    let mut names: Vec<&str> = program.foreign.iter().flat_map(|row| row.theirs).copied().collect();
    names.iter().for_each(|name| assert_eq!(folded(name), *name));
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    let known = PROGRAMS.iter().find(|(name, _)| *name == program.name).expect("a program").1;
    assert_eq!(command.get_subcommands().map(clap::Command::get_name).collect::<Vec<_>>(), known);
}

#[cfg(unix)]
pub use self::unix::*;

#[cfg(unix)]
mod unix {
    use std::ffi::CString;
    use std::io::{self, Write};
    use std::os::fd::{FromRawFd, OwnedFd};
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command, Stdio};

    pub use libc::{SIGHUP, SIGINT, SIGSTOP, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU};

    use super::Path;

    fn done(answer: libc::c_int) -> io::Result<()> {
        if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Sends a signal to a child, which is no error where the child has ended and was not waited
    /// for.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn send(child: &Child, signal: i32) -> io::Result<()> {
        // SAFETY: no memory is passed; the number is the child's until it is waited for.
        done(unsafe { libc::kill(child.id() as libc::pid_t, signal) })
    }

    /// Stops a child where it is; says whether it was still there. It is to be waited for either
    /// way.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn stop(child: &Child) -> io::Result<bool> {
        send(child, SIGSTOP)?;
        // SAFETY: zeros are a valid value of this structure of numbers.
        let mut told: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let either = libc::WSTOPPED | libc::WEXITED | libc::WNOWAIT;
        // SAFETY: `told` is written to, and lives until the call returns.
        done(unsafe { libc::waitid(libc::P_PID, child.id(), &mut told, either) })?;
        Ok(told.si_code == libc::CLD_STOPPED)
    }

    /// A pseudo-terminal: the side of the window and the side of the program. It closes when the
    /// former is dropped.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn open_terminal() -> io::Result<(OwnedFd, OwnedFd)> {
        let (mut window, mut inside) = (0, 0);
        let size = libc::winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let (no_name, no_modes) = (std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: the numbers are written to, and the size is read, until the call returns; a name
        // and modes are not asked for.
        done(unsafe { libc::openpty(&mut window, &mut inside, no_name, no_modes, &size) })?;
        // SAFETY: nobody else knows the two numbers.
        Ok(unsafe { (OwnedFd::from_raw_fd(window), OwnedFd::from_raw_fd(inside)) })
    }

    /// Lets a program have a terminal for its outputs.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn in_terminal(command: &mut Command, inside: &OwnedFd) -> io::Result<()> {
        command.env("TERM", "xterm").stdout(inside.try_clone()?).stderr(inside.try_clone()?);
        Ok(())
    }

    /// Starts a program with `signal` ignored, as `nohup` and `trap ''` do.
    pub fn ignoring(command: &mut Command, signal: i32) {
        let ignore = move || {
            // SAFETY: no handler runs: the signal is ignored.
            let refused = unsafe { libc::signal(signal, libc::SIG_IGN) } == libc::SIG_ERR;
            if refused { Err(io::Error::last_os_error()) } else { Ok(()) }
        };
        // SAFETY: between fork and exec it only makes one call of the system.
        unsafe { command.pre_exec(ignore) };
    }

    /// Makes a named pipe.
    ///
    /// # Errors
    /// When the system refuses, or the path holds a zero byte.
    pub fn make_pipe(path: &Path) -> io::Result<()> {
        let path = CString::new(path.as_os_str().as_bytes())?;
        // SAFETY: the string ends with a zero byte and lives until the call returns.
        done(unsafe { libc::mkfifo(path.as_ptr(), 0o600) })
    }

    /// Writes a program of text, and makes it executable. Another process writes it: a file that
    /// this one had open might be open still in a child that another test is starting, and the
    /// system executes no file that is open for writing ("text file busy").
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_program(path: &Path, text: &str) -> io::Result<()> {
        let mut shell = Command::new("sh");
        shell.args(["-c", "cat > \"$0\" && chmod 755 \"$0\""]).arg(path).stdin(Stdio::piped());
        let mut shell = shell.spawn()?;
        // The pipe is closed here, so that the shell comes to its end.
        shell.stdin.take().map_or(Ok(()), |mut to| to.write_all(text.as_bytes()))?;
        let status = shell.wait()?;
        if status.success() {
            Ok(())
        } else {
            Err(io::Error::other(format!("{} was not written: {status}", path.display())))
        }
    }
}
