//! Features on disk, so that the reals are computed once. A file is named by what its features depend on: the pictures'
//! pixels, the resizing, the layer and the weights; a damaged one is computed again.
//!
//! Layout: a [`frame`] with the header, the features as little-endian f32, CRC-32 of the features.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::features::Features;
use super::network::{FeatureNetwork, Layer};
use super::resize::Preprocessing;
use super::state_dict::hex;
use crate::{frame, fs};

/// First field of the header; the digit is the format version.
const MAGIC: &str = "fledge features 1";

/// A reader takes no larger file into memory (one million pictures at 2048 features).
const FILE_LIMIT: u64 = 8 << 30;

/// Folder of all that fledge keeps and can make again: `$XDG_CACHE_HOME/fledge`, else `~/.cache/fledge`.
/// `None` where neither variable is set.
#[must_use]
pub fn folder() -> Option<PathBuf> {
    let from = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let base = from("XDG_CACHE_HOME").filter(|p| p.is_absolute()).or_else(|| Some(from("HOME")?.join(".cache")))?;
    Some(base.join("fledge"))
}

/// Where features are kept, if anywhere.
#[derive(Clone, Debug, Default)]
pub struct FeatureCache {
    folder: Option<PathBuf>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    magic: String,
    key: String,
    count: u64,
    dimensions: u64,
}

impl FeatureCache {
    /// In `features/` of the user's cache folder; off where there is none.
    #[must_use]
    pub fn standard() -> Self {
        Self { folder: folder().map(|f| f.join("features")) }
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

    pub(super) fn entry(
        &self,
        content: &str,
        preprocessing: Preprocessing,
        network: &dyn FeatureNetwork,
        layer: Layer,
    ) -> Option<Entry> {
        let folder = self.folder.as_ref()?;
        let mut hash = Sha256::new();
        for part in [MAGIC, content, &preprocessing.name(), network.name(), layer.name, &network.weights().identity()] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let key = hex(&hash.finalize());
        Some(Entry { path: folder.join(format!("{}.features", &key[..32])), key, dimensions: layer.dimensions })
    }
}

/// The place of one set of features.
#[derive(Debug)]
pub(super) struct Entry {
    path: PathBuf,
    key: String,
    dimensions: usize,
}

impl Entry {
    /// What is kept there; `None` when there is nothing or it is damaged, which is logged.
    pub(super) fn read(&self) -> Option<Features> {
        if !self.path.exists() {
            return None;
        }
        match self.try_read() {
            Ok(features) => Some(features),
            Err(what) => {
                tracing::warn!("{} is damaged ({what}); its features are computed again", self.path.display());
                None
            }
        }
    }

    fn try_read(&self) -> Result<Features, String> {
        let bytes = fs::read_bounded(&self.path, FILE_LIMIT).map_err(|e| crate::cli::one_line(&e))?;
        let (header, used) = frame::decode::<Header>(&bytes).map_err(|e| e.to_string())?;
        if header.magic != MAGIC || header.key != self.key || header.dimensions != self.dimensions as u64 {
            return Err("its header is another's".into());
        }
        let (rest, crc) = bytes[used..].split_last_chunk::<4>().ok_or("it is cut off")?;
        if Some(rest.len() as u64) != header.count.checked_mul(header.dimensions * 4) {
            return Err(format!("it holds {} bytes of features", rest.len()));
        }
        if crc32fast::hash(rest) != u32::from_le_bytes(*crc) {
            return Err("checksum mismatch".into());
        }
        let values = rest.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
        Ok(Features::new(values, self.dimensions))
    }

    /// Keeps `features`; failing to is logged and costs only time.
    pub(super) fn write(&self, features: &Features) {
        if let Err(error) = self.try_write(features) {
            tracing::warn!("the features are not kept: {}", crate::cli::one_line(&error));
        }
    }

    fn try_write(&self, features: &Features) -> fs::Result<()> {
        fs::create_folder(self.path.parent().unwrap_or(Path::new(".")))?;
        let header = Header {
            magic: MAGIC.into(),
            key: self.key.clone(),
            count: features.count() as u64,
            dimensions: features.dimensions() as u64,
        };
        fs::write_with(&self.path, |file| {
            file.write_all(&frame::encode(&header).map_err(std::io::Error::other)?)?;
            let bytes: Vec<u8> = features.values().iter().flat_map(|v| v.to_le_bytes()).collect();
            file.write_all(&bytes)?;
            file.write_all(&crc32fast::hash(&bytes).to_le_bytes())
        })
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};

    use super::super::network::Weights;
    use super::*;

    const LAYER: Layer = Layer { name: "64", dimensions: 64 };

    /// Nothing but a name and weights.
    struct Named(Weights);

    impl Named {
        fn of(seed: u64) -> Self {
            Self(Weights::Random { seed })
        }
    }

    impl FeatureNetwork for Named {
        fn name(&self) -> &'static str {
            "named"
        }

        fn layers(&self) -> &'static [Layer] {
            &[LAYER]
        }

        fn weights(&self) -> &Weights {
            &self.0
        }

        fn device(&self) -> &Device {
            unreachable!("a cache computes nothing")
        }

        fn forward(&self, _: Tensor<4>, _: &[Layer]) -> Vec<Tensor<2>> {
            unreachable!("a cache computes nothing")
        }
    }

    #[test]
    fn every_changed_byte_and_truncation_is_computed_again() {
        let folder = std::env::temp_dir().join(format!("fledge-cache-{}", std::process::id()));
        let cache = FeatureCache::at(&folder);
        let entry = cache.entry("content", Preprocessing::TORCH_FIDELITY, &Named::of(1), LAYER).expect("an entry");
        assert!(entry.read().is_none());
        let features = Features::new((0..128).map(|v| v as f32 * 0.5).collect(), 64);
        entry.write(&features);
        assert_eq!(entry.read().as_ref(), Some(&features));
        let bytes = fs::read(&entry.path).expect("read");
        for i in (0..bytes.len()).chain([bytes.len()]) {
            let mut damaged = bytes.clone();
            match damaged.get_mut(i) {
                Some(byte) => *byte ^= 1,
                None => damaged.push(0),
            }
            fs::write(&entry.path, &damaged).expect("write");
            assert!(entry.read().is_none(), "byte {i}");
            fs::write(&entry.path, &bytes[..i.min(bytes.len() - 1)]).expect("write");
            assert!(entry.read().is_none(), "cut at {i}");
        }
        fs::remove(&folder).expect("clear");
    }

    #[test]
    fn another_picture_resize_layer_or_network_has_another_place() {
        let cache = FeatureCache::at("nowhere");
        let of = |content, preprocessing, layer, seed| {
            cache.entry(content, preprocessing, &Named::of(seed), layer).expect("an entry").path
        };
        let base = of("a", Preprocessing::TORCH_FIDELITY, LAYER, 1);
        for other in [
            of("b", Preprocessing::TORCH_FIDELITY, LAYER, 1),
            of("a", Preprocessing::KERAS_75, LAYER, 1),
            of("a", Preprocessing::TORCH_FIDELITY, Layer { name: "192", dimensions: 64 }, 1),
            of("a", Preprocessing::TORCH_FIDELITY, LAYER, 2),
        ] {
            assert_ne!(base, other);
        }
    }
}
