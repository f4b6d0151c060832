//! The cache: a folder, or none.

use std::path::PathBuf;

use fledge_base::fs;
use sha2::{Digest, Sha256};

use super::entry::{Entry, FINISHED, Facts, Header, MAGIC};
use super::{finished, part};
use crate::features::Features;
use crate::network::{FeatureNetwork, Layer};
use crate::resize::Preprocessing;
use crate::state_dict::hex;

/// A cache of features, possibly disabled.
#[derive(Clone, Debug, Default)]
pub struct FeatureCache {
    pub(super) folder: Option<PathBuf>,
}

impl FeatureCache {
    /// The cache in `features/` of the user's cache folder; disabled if there is none.
    #[must_use]
    pub fn standard() -> Self {
        Self { folder: fs::cache_folder().map(|f| f.join("features")) }
    }

    /// The cache in this folder, which is created when features are first stored.
    #[must_use]
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: Some(folder.into()) }
    }

    /// A disabled cache.
    #[must_use]
    pub fn off() -> Self {
        Self::default()
    }

    pub(crate) fn is_on(&self) -> bool {
        self.folder.is_some()
    }

    /// The entry for the features of `count` pictures with this `content` by `network`; `pictures`
    /// describes them to people.
    pub(crate) fn entry(
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
            header: Header {
                magic: MAGIC.into(),
                key,
                facts,
                count: count as u64,
                dimensions: layer.dimensions as u64,
            },
        })
    }
}

impl Entry {
    /// Reads the stored features; `None` if there are none or they are damaged, which is logged.
    pub(crate) fn read(&self) -> Option<Features> {
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
                tracing::warn!(
                    "{} is damaged ({what}); recomputing its features",
                    self.path.display()
                );
                None
            }
        }
    }
}
