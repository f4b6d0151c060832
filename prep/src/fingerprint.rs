//! What a source contains, as one hash: the same for a folder and a zip of it, wherever they lie and in whatever order they are
//! listed; another for any changed byte or name.

use rayon::prelude::*;
use sha2::{Digest, Sha256};
use shared::archive::{Archive, Name};

/// SHA-256 of one file; `None` where it is absent or cannot be read.
pub type FileHash = Option<[u8; 32]>;

/// SHA-256 of a file's bytes.
#[must_use]
pub fn of_bytes(bytes: &[u8]) -> FileHash {
    Some(Sha256::digest(bytes).into())
}

/// The hash over all files that were used, as hexadecimal digits.
#[must_use]
pub fn of_files(mut files: Vec<(Name, FileHash)>) -> String {
    files.sort_unstable();
    let mut hash = Sha256::new();
    for (name, content) in &files {
        hash.update((name.0.len() as u64).to_le_bytes());
        hash.update(&name.0);
        hash.update([u8::from(content.is_some())]);
        hash.update(content.unwrap_or_default());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Hashes the files of those names below `root` without decoding them; `limit` bounds each read.
#[must_use]
pub fn of_archive(archive: &Archive, root: &[u8], names: Vec<Name>, limit: u64) -> Vec<(Name, FileHash)> {
    let hash = |name: Name| {
        let at = archive.find(&[root, &name.0].concat());
        let bytes = at.and_then(|at| archive.read(at, limit).ok());
        let content = bytes.and_then(|bytes| of_bytes(&bytes));
        (name, content)
    };
    names.into_par_iter().map(hash).collect()
}
