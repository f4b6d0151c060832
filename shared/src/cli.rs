//! The command-line edge shared by the four programs ([`fledge_base::cli`]), with the exit code of
//! every error of the crates below.

use std::error::Error;
use std::process::ExitCode;

pub use fledge_base::cli::*;

use crate::archive::ArchiveError;
use crate::dataset::DatasetError;
#[cfg(feature = "nn")]
use crate::sealed::SealedError;
use crate::shard::ShardError;

/// Prints an error as one line on stderr and returns its exit code: 2 if another flag or value
/// fixes it, 3 if data are damaged, else 1.
pub fn finish<E: AsRef<dyn Error + Send + Sync + 'static>>(
    program: &str,
    result: Result<Ending, E>,
) -> ExitCode {
    fledge_base::cli::finish(program, result, code_of)
}

fn code_of(error: &(dyn Error + 'static)) -> u8 {
    code_by(error, |error| {
        let usage = matches!(error.downcast_ref(), Some(DatasetError::UnknownSplit { .. }));
        if usage { Some(2) } else { own_code(error).or_else(|| is_damage(error).then_some(3)) }
    })
}

/// Returns true if this error means that data are damaged or unusable. A transparent wrapper hides
/// its inner error from the chain of causes, so each wrapper is checked separately.
#[must_use]
pub fn is_damage(error: &(dyn Error + 'static)) -> bool {
    if let Some(error) = error.downcast_ref::<DatasetError>() {
        return error.is_damage();
    }
    own_code(error) == Some(3)
        || matches!(
            error.downcast_ref(),
            Some(
                ShardError::Version { .. } | ShardError::Frame { .. } | ShardError::Damaged { .. }
            )
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
        // A full disk is not damage; a checkpoint without its record is.
        Some(CheckpointError::Meta(SealedError::File(refused))) => {
            refused.source.kind() == NotFound
        }
        Some(_) => true,
    }
}

#[cfg(not(feature = "nn"))]
const fn is_damaged_checkpoint(_: &(dyn Error + 'static)) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn exit_codes_tell_usage_damage_and_failure_apart() {
        let path = || PathBuf::from("birds64");
        let cut_off = || ShardError::Damaged { path: path(), what: "it is cut off".into() };
        let refused = || crate::fs::FsError {
            operation: "open",
            path: path(),
            source: io::Error::from(io::ErrorKind::PermissionDenied),
        };
        assert_eq!(code_of(&UsageError("use --force".into())), 2);
        assert_eq!(
            code_of(&DatasetError::UnknownSplit {
                dir: path(),
                name: "test".into(),
                splits: vec!["train".into()]
            }),
            2
        );
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
            let refused = crate::fs::FsError {
                operation: "write",
                path: "meta.json".into(),
                source: kind.into(),
            };
            code_of(&CheckpointError::Meta(SealedError::File(refused)))
        };
        assert_eq!((meta(ErrorKind::StorageFull), meta(ErrorKind::NotFound)), (1, 3));
    }
}
