//! The place of one set of features, and what both kinds of file begin with.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// First field of a header; the digit is the format version.
pub(super) const MAGIC: &str = "fledge features 2";
/// How the names of finished files end.
pub(super) const FINISHED: &str = "features";
/// How the names of unfinished files end.
pub(super) const UNFINISHED: &str = "part";
/// The most bytes of a header that are looked at: names and a path.
pub(super) const HEADER_LIMIT: u64 = 64 << 10;
/// Bytes that are converted from or to numbers at a time.
pub(super) const CHUNK: usize = 1 << 20;

/// What kept features are of, for people; the key decides, not these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Where the pictures came from when their features were first taken.
    pub pictures: String,
    /// The network's name.
    pub network: String,
    /// The layer's name.
    pub layer: String,
    /// SHA-256 of the weights, or the seed of drawn ones.
    pub weights: String,
    /// How pictures were resized and scaled.
    pub preprocessing: String,
}

/// What both kinds of file begin with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) magic: String,
    pub(super) key: String,
    pub(super) facts: Facts,
    pub(super) count: u64,
    pub(super) dimensions: u64,
}

/// The place of one set of features.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(super) path: PathBuf,
    pub(super) header: Header,
}

impl Entry {
    /// Whether a file's header is that of this entry. Only the facts may differ: the same pictures
    /// may lie elsewhere by now.
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
