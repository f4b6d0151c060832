//! What the four programs share at their edge: how an error is printed and which exit code it gets.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | failed |
//! | 2 | wrong usage: another flag or value mends it |
//! | 3 | data damaged or unusable |
//! | 130, 143 | stopped by a signal after saving |

pub mod foreign;
pub mod name;
mod parse;

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

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

/// Prints a text of many lines on stdout. Whoever reads may stop reading, as `head` does: that is no failure.
///
/// # Errors
/// When stdout cannot be written for another reason.
pub fn print(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
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

/// Prints an error as one line on stderr, and where the log is copied to there, and gives the exit code of the program.
pub fn finish<E: AsRef<dyn Error + Send + Sync + 'static>>(program: &str, result: Result<Ending, E>) -> ExitCode {
    match result {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::Damaged) => ExitCode::from(3),
        Ok(Ending::Stopped(code)) => ExitCode::from(code),
        Err(error) => {
            let error: &(dyn Error + 'static) = error.as_ref();
            let line = format!("{}: {}", name::of(program), name::spoken(&one_line(error)));
            eprintln!("{line}");
            crate::log::last_words(&line);
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
        let refused = || crate::fs::FsError {
            operation: "open",
            path: path(),
            source: std::io::Error::from(std::io::ErrorKind::PermissionDenied),
        };
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
