//! What a source contains, as one hash: the same for a folder and a zip of it, wherever they lie and in whatever order they are
//! listed; another for any changed byte or name.

use sha2::{Digest, Sha256};

/// SHA-256 of one file; `None` where it is absent or cannot be read.
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

/// The name under which a file goes into the hash: where there are several sources, with the source's number before it.
#[must_use]
pub fn name(source: Option<u32>, name: &[u8]) -> Vec<u8> {
    source.map_or_else(|| name.to_vec(), |source| [format!("{source}:").as_bytes(), name].concat())
}

/// The hash over all files that were used.
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
