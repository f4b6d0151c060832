//! The fingerprint of a source: one hash over the names and bytes of its files.
//!
//! It is the same for a folder and a zip of it, anywhere and in any order of listing; any changed
//! byte or name changes it.

use sha2::{Digest, Sha256};

/// SHA-256 of one file; `None` if it is missing or cannot be read.
pub type FileHash = Option<[u8; 32]>;

/// SHA-256 of bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The name of a file in the hash: of several sources, preceded by the number of its source.
#[must_use]
pub fn name(source: Option<u32>, name: &[u8]) -> Vec<u8> {
    source.map_or_else(|| name.to_vec(), |source| [format!("{source}:").as_bytes(), name].concat())
}

/// The hash over all used files.
#[must_use]
pub fn of_files(mut files: Vec<(Vec<u8>, FileHash)>) -> [u8; 32] {
    files.sort_unstable();
    let mut hash = Sha256::new();
    for (name, content) in &files {
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name);
        hash.update([u8::from(content.is_some())]);
        hash.update(content.unwrap_or_default());
    }
    hash.finalize().into()
}
