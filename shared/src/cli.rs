//! What the four programs share at their edge: how an error is printed and which exit code it gets.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | failed |
//! | 2 | wrong usage: another flag or value mends it |
//! | 3 | data damaged or unusable |
//! | 129, 130, 143, 152 | stopped by a signal (HUP, INT, TERM, XCPU) after saving |

pub mod foreign;
pub mod name;
mod parse;

use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::OnceLock;

use thiserror::Error;

pub use self::parse::{Program, no_settings, parse};
use crate::archive::ArchiveError;
use crate::dataset::DatasetError;
use crate::frame::FrameError;
use crate::sealed::SealedError;
use crate::shard::ShardError;

/// A request that cannot be carried out as it stands; the text names the flag that mends it.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// Data that are damaged or cannot be used as they are; the text says which and what to do. The innermost cause of a
/// library's own error.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct DataError(pub String);

/// How a program ended when it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All that was asked for is done.
    Done,
    /// The work found what it looked for and that is bad news (damaged files under `prep verify`): exit code 3.
    Damaged,
    /// A signal came and the state is saved; the exit code to end with.
    Stopped(u8),
}

/// A result that was to be printed on stdout, is nowhere else, and could not be written there.
#[derive(Debug, Error)]
#[error("the result could not be written to stdout, and is nowhere else")]
pub struct Unprinted(#[from] io::Error);

/// Notes what stdout is, before it can go away.
pub(crate) fn begin() {
    stdout_is_terminal();
}

fn stdout_is_terminal() -> bool {
    static TERMINAL: OnceLock<bool> = OnceLock::new();
    *TERMINAL.get_or_init(|| io::stdout().is_terminal())
}

/// Prints on stdout a result that is nowhere else. Whoever reads may stop reading, as `head` does, and a terminal may go away: that is no
/// failure.
///
/// # Errors
/// When it cannot be written for another reason, as to a full disk.
pub fn print(text: &str) -> Result<(), Unprinted> {
    let to_terminal = stdout_is_terminal();
    let print = || {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush())
    };
    match crate::log::above_bars(print) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe || to_terminal || is_of_a_gone_terminal(&e) => Ok(()),
        result => Ok(result?),
    }
}

/// Whether an error on stdout is that of a terminal that was gone before the program began, so that it could not be known for one.
#[cfg(unix)]
fn is_of_a_gone_terminal(error: &io::Error) -> bool {
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::FileTypeExt as _;

    let stdout = || io::stdout().as_fd().try_clone_to_owned().and_then(|fd| std::fs::File::from(fd).metadata());
    error.raw_os_error() == Some(libc::EIO) && stdout().is_ok_and(|meta| meta.file_type().is_char_device())
}

#[cfg(not(unix))]
fn is_of_a_gone_terminal(_: &io::Error) -> bool {
    false
}

/// Prints on stdout what was done. It is done however stdout fares: where it cannot be written, the log says so.
pub fn tell(text: &str) {
    if let Err(Unprinted(error)) = print(text) {
        tracing::warn!("stdout cannot be written ({error}); it was to say: {}", text.trim_end().replace('\n', "; "));
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

/// Prints an error as one line on stderr, notes where the log is copied to how the program ended, and gives its exit code. Where stderr is
/// gone, the code and the note tell all the same.
pub fn finish<E: AsRef<dyn Error + Send + Sync + 'static>>(program: &str, result: Result<Ending, E>) -> ExitCode {
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
            let _ = crate::log::above_bars(|| io::stderr().write_all(format!("{line}\n").as_bytes()));
            ExitCode::from(code_of(error))
        }
    }
}

fn code_of(error: &(dyn Error + 'static)) -> u8 {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<UsageError>() || matches!(error.downcast_ref(), Some(DatasetError::UnknownSplit { .. })) {
            return 2;
        }
        if is_damage(error) {
            return 3;
        }
        cause = error.source();
    }
    1
}

/// Whether this error says that data are damaged or unusable. A transparent wrapper hides what it wraps from the chain of
/// causes, so each is asked for itself.
#[must_use]
pub fn is_damage(error: &(dyn Error + 'static)) -> bool {
    if let Some(error) = error.downcast_ref::<DatasetError>() {
        return error.is_damage();
    }
    error.is::<DataError>()
        || error.is::<FrameError>()
        || matches!(error.downcast_ref(), Some(SealedError::Damaged { .. } | SealedError::Unexpected { .. }))
        || matches!(
            error.downcast_ref(),
            Some(ShardError::Version { .. } | ShardError::Frame { .. } | ShardError::Damaged { .. })
        )
        || matches!(error.downcast_ref::<ArchiveError>(), Some(error) if !matches!(error, ArchiveError::File(_)))
        || is_damaged_checkpoint(error)
}

#[cfg(feature = "nn")]
fn is_damaged_checkpoint(error: &(dyn Error + 'static)) -> bool {
    use std::io::ErrorKind::NotFound;

    use crate::nn::checkpoint::CheckpointError;
    match error.downcast_ref() {
        None | Some(CheckpointError::File(_)) => false,
        // A full disk is no damage, a checkpoint without its record is.
        Some(CheckpointError::Meta(SealedError::File(refused))) => refused.source.kind() == NotFound,
        Some(_) => true,
    }
}

#[cfg(not(feature = "nn"))]
const fn is_damaged_checkpoint(_: &(dyn Error + 'static)) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn exit_codes_tell_usage_damage_and_failure_apart() {
        let path = || PathBuf::from("birds64");
        let cut_off = || ShardError::Damaged { path: path(), what: "it is cut off".into() };
        let refused =
            || crate::fs::FsError { operation: "open", path: path(), source: io::Error::from(io::ErrorKind::PermissionDenied) };
        assert_eq!(code_of(&UsageError("use --force".into())), 2);
        assert_eq!(code_of(&DatasetError::UnknownSplit { dir: path(), name: "test".into(), splits: vec!["train".into()] }), 2);
        assert_eq!(code_of(&cut_off()), 3);
        assert_eq!(code_of(&DatasetError::Shard(cut_off())), 3);
        assert_eq!(code_of(&DatasetError::Missing { dir: path() }), 3);
        assert_eq!(code_of(&DatasetError::Shard(ShardError::File(refused()))), 1);
    }

    #[cfg(feature = "nn")]
    #[test]
    fn a_checkpoint_that_cannot_be_written_is_not_damaged_and_one_without_its_record_is() {
        use std::io::ErrorKind;

        use crate::nn::checkpoint::CheckpointError;
        let meta = |kind: ErrorKind| {
            let refused = crate::fs::FsError { operation: "write", path: "meta.json".into(), source: kind.into() };
            code_of(&CheckpointError::Meta(SealedError::File(refused)))
        };
        assert_eq!((meta(ErrorKind::StorageFull), meta(ErrorKind::NotFound)), (1, 3));
    }
}
