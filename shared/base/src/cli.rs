//! The boundary of the four programs: printing results and errors, and exit codes.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | failed |
//! | 2 | wrong usage: another flag or value mends it |
//! | 3 | data damaged or unusable |
//! | 129, 130, 143, 152 | stopped by a signal (HUP, INT, TERM, XCPU) after saving |
//!
//! ```
//! use fledge_base::cli::{DataError, UsageError, code_by, one_line, own_code};
//!
//! let error = UsageError("--size 0: at least 1 is needed".into());
//! assert_eq!(one_line(&error), "--size 0: at least 1 is needed");
//! assert_eq!(code_by(&error, own_code), 2);
//! assert_eq!(code_by(&DataError("a.shard is damaged".into()), own_code), 3);
//! ```

pub mod foreign;
pub mod name;
mod parse;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use thiserror::Error;

pub use self::parse::{Program, no_settings, parse};
use crate::frame::FrameError;
use crate::sealed::SealedError;
use crate::stdout;

/// A request that cannot be carried out as it stands; the text names the flag that mends it.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// Data that are damaged or unusable; the text names them and the remedy. The innermost cause of a
/// library's own error.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct DataError(pub String);

/// The outcome of a program that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All that was asked for is done.
    Done,
    /// The work is done and found damage (damaged files under `prep verify`): exit code 3.
    Damaged,
    /// A signal came and the state is saved; the exit code to end with.
    Stopped(u8),
}

/// A result that was to be printed on stdout, is nowhere else, and could not be written there.
#[derive(Debug, Error)]
#[error("the result could not be written to stdout and is lost")]
pub struct Unprinted(#[from] io::Error);

/// Prints on stdout a result that is nowhere else. Whoever reads may stop reading, as `head` does,
/// and a terminal may go away: that is no failure.
///
/// # Errors
/// When it cannot be written for another reason, as to a full disk.
pub fn print(text: &str) -> Result<(), Unprinted> {
    let to_terminal = stdout::is_terminal();
    let print = || {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush())
    };
    match crate::log::above_bars(print) {
        Err(e)
            if e.kind() == io::ErrorKind::BrokenPipe
                || to_terminal
                || stdout::is_of_a_gone_terminal(&e) =>
        {
            Ok(())
        }
        result => Ok(result?),
    }
}

/// Prints a result on stdout that is also stored elsewhere. A failure to print is only logged.
pub fn tell(text: &str) {
    if let Err(Unprinted(error)) = print(text) {
        tracing::warn!("cannot write to stdout ({error}): {}", text.trim_end().replace('\n', "; "));
    }
}

/// The error and its causes as one line.
#[must_use]
pub fn one_line(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Transparent wrappers repeat the text of what they wrap.
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

/// Prints an error as one line on stderr, notes where the log is copied to how the program ended,
/// and gives its exit code, for an error by `code_of`. Where stderr is gone, the code and the note
/// tell all the same.
pub fn finish<E: AsRef<dyn Error + Send + Sync + 'static>>(
    program: &str,
    result: Result<Ending, E>,
    code_of: impl FnOnce(&(dyn Error + 'static)) -> u8,
) -> ExitCode {
    match result {
        Ok(Ending::Done) => {
            crate::log::ended("done");
            ExitCode::SUCCESS
        }
        Ok(Ending::Damaged) => ExitCode::from(3),
        Ok(Ending::Stopped(code)) => {
            crate::log::ended(&format!("stopped by {}", crate::signal::name_of(code)));
            ExitCode::from(code)
        }
        Err(error) => {
            let error: &(dyn Error + 'static) = error.as_ref();
            let line = format!("{}: {}", name::of(program), name::spoken(&one_line(error)));
            crate::log::last_words(&line);
            // There is nowhere to tell that this cannot be told.
            let _ =
                crate::log::above_bars(|| io::stderr().write_all(format!("{line}\n").as_bytes()));
            ExitCode::from(code_of(error))
        }
    }
}

/// The exit code of an error by itself, without regard to its causes: 2 for [`UsageError`], 3 for
/// what this crate calls damaged.
#[must_use]
pub fn own_code(error: &(dyn Error + 'static)) -> Option<u8> {
    let damaged = error.is::<DataError>()
        || error.is::<FrameError>()
        || matches!(
            error.downcast_ref(),
            Some(SealedError::Damaged { .. } | SealedError::Unexpected { .. })
        );
    if error.is::<UsageError>() { Some(2) } else { damaged.then_some(3) }
}

/// The exit code of an error by the outermost of it and its causes that `own` knows, else 1.
pub fn code_by(
    error: &(dyn Error + 'static),
    own: impl Fn(&(dyn Error + 'static)) -> Option<u8>,
) -> u8 {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(code) = own(error) {
            return code;
        }
        cause = error.source();
    }
    1
}
