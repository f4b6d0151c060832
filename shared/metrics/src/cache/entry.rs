//! The identity and path of one set of features, and the header shared by both kinds of file.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// First field of a header; the digit is the format version.
pub(super) const MAGIC: &str = "fledge features 2";
/// Extension of finished files.
pub(super) const FINISHED: &str = "features";
/// Extension of unfinished files.
pub(super) const UNFINISHED: &str = "part";
/// Upper bound of a header's length in bytes: names and a path.
pub(super) const HEADER_LIMIT: u64 = 64 << 10;
/// Bytes converted from or to numbers at a time.
pub(super) const CHUNK: usize = 1 << 20;

/// A description of the stored features for people; only the key decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Origin of the pictures when their features were first extracted.
    pub pictures: String,
    /// The network's name.
    pub network: String,
    /// The layer's name.
    pub layer: String,
    /// SHA-256 of the weights, or the seed of drawn ones.
    pub weights: String,
    /// Resizing and scaling of the pictures.
    pub preprocessing: String,
}

/// Header of both kinds of file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) magic: String,
    pub(super) key: String,
    pub(super) facts: Facts,
    pub(super) count: u64,
    pub(super) dimensions: u64,
}

/// The identity and path of one set of features.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(super) path: PathBuf,
    pub(super) header: Header,
}

impl Entry {
    /// Returns true if a file's header belongs to this entry. The facts may differ: the same
    /// pictures may have moved.
    pub(super) fn is_of(&self, header: &Header) -> bool {
        Header { facts: self.header.facts.clone(), ..header.clone() } == self.header
    }

    pub(super) fn count(&self) -> usize {
        self.header.count as usize
    }

    pub(super) fn dimensions(&self) -> usize {
        self.header.dimensions as usize
    }
}
