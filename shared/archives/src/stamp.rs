//! File metadata hashed to detect changes cheaply.

use sha2::{Digest, Sha256};

/// A stamp under construction.
pub(super) struct Stamp(Sha256);

impl Stamp {
    pub(super) fn new(kind: &str) -> Self {
        Self(Sha256::new_with_prefix(kind))
    }

    /// Adds a file with its length and modification time.
    pub(super) fn add(&mut self, name: &[u8], (length, modified): (u64, i128)) {
        self.0.update((name.len() as u64).to_le_bytes());
        self.0.update(name);
        self.0.update(length.to_le_bytes());
        self.0.update(modified.to_le_bytes());
    }

    pub(super) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}
