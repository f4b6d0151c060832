//! Features on disk, so that they are computed once. A file is named by what its features depend on: the pictures' pixels, the
//! resizing, the layer and the weights; a damaged one is computed again.
//!
//! | module | holds |
//! |---|---|
//! | `finished` | `KEY.features`: a [`fledge_base::frame`] with the header, the features as little-endian f32, CRC-32 of the features |
//! | `part` | `KEY.part`: what an extraction that is under way or was interrupted has so far, block by block |
//! | `keeper` | rows as they come from the network, kept in the part and at the end in the finished file |
//! | `inventory` | what lies in the folder, for people, and removing it |

mod finished;
mod inventory;
mod keeper;
mod part;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use self::inventory::{Kept, State};
pub(super) use self::keeper::Keeper;
use fledge_base::fs;

use super::features::Features;
use super::network::{FeatureNetwork, Layer};
use super::resize::Preprocessing;
use super::state_dict::hex;

/// First field of a header; the digit is the format version.
const MAGIC: &str = "fledge features 2";
/// How the names of finished files end.
const FINISHED: &str = "features";
/// How the names of unfinished files end.
const UNFINISHED: &str = "part";
/// The most bytes of a header that are looked at: names and a path.
const HEADER_LIMIT: u64 = 64 << 10;
/// Bytes that are converted from or to numbers at a time.
const CHUNK: usize = 1 << 20;

/// Where features are kept, if anywhere.
#[derive(Clone, Debug, Default)]
pub struct FeatureCache {
    folder: Option<PathBuf>,
}

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
struct Header {
    magic: String,
    key: String,
    facts: Facts,
    count: u64,
    dimensions: u64,
}

impl FeatureCache {
    /// In `features/` of the user's cache folder; off where there is none.
    #[must_use]
    pub fn standard() -> Self {
        Self { folder: fs::cache_folder().map(|f| f.join("features")) }
    }

    /// In this folder, which is created when the first features are kept.
    #[must_use]
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: Some(folder.into()) }
    }

    /// Keeps nothing.
    #[must_use]
    pub fn off() -> Self {
        Self::default()
    }

    pub(super) fn is_on(&self) -> bool {
        self.folder.is_some()
    }

    /// The place of the features that `network` gives of `count` pictures with this `content`; `pictures` tells people what
    /// they are.
    pub(super) fn entry(
        &self,
        (content, pictures, count): (&str, String, usize),
        preprocessing: Preprocessing,
        network: &dyn FeatureNetwork,
        layer: Layer,
    ) -> Option<Entry> {
        let folder = self.folder.as_ref()?;
        let weights = network.weights().identity();
        let mut hash = Sha256::new();
        for part in [MAGIC, content, &preprocessing.name(), network.name(), layer.name, &weights] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let key = hex(&hash.finalize());
        let facts = Facts {
            pictures,
            network: network.name().to_owned(),
            layer: layer.name.to_owned(),
            weights,
            preprocessing: preprocessing.name(),
        };
        Some(Entry {
            path: folder.join(format!("{}.{FINISHED}", &key[..32])),
            header: Header { magic: MAGIC.into(), key, facts, count: count as u64, dimensions: layer.dimensions as u64 },
        })
    }
}

/// The place of one set of features.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    path: PathBuf,
    header: Header,
}

impl Entry {
    /// What is kept there; `None` when there is nothing or it is damaged, which is logged.
    pub(super) fn read(&self) -> Option<Features> {
        if !self.path.exists() {
            return None;
        }
        match finished::read(&self.path, self) {
            Ok(features) => {
                // Left by a process that was killed between the last two steps.
                part::remove_left(&self.path);
                Some(features)
            }
            Err(what) => {
                tracing::warn!("{} is damaged ({what}); its features are computed again", self.path.display());
                None
            }
        }
    }

    /// Whether a file's header is that of this entry. Only the facts may differ: the same pictures may lie elsewhere by now.
    fn is_of(&self, header: &Header) -> bool {
        Header { facts: self.header.facts.clone(), ..header.clone() } == self.header
    }

    fn count(&self) -> usize {
        self.header.count as usize
    }

    fn dimensions(&self) -> usize {
        self.header.dimensions as usize
    }
}

#[cfg(test)]
mod tests;
