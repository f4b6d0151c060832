//! `dataset.json`: everything that is known about a data set but its pixels.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::account::Account;
use super::error::{DatasetError, MANIFEST, MEND};
use crate::shard::Layout;
use fledge_base::sealed::{self, SealedError};

/// The split that is learned from.
const TRAIN: &str = "train";

/// Everything that is known about a data set but its pixels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of this format.
    pub version: u32,
    /// Height and width of a picture to learn from, in pixels.
    pub size: u32,
    /// Height and width of the stored pictures: above `size` there is room for random crops.
    pub stored: u32,
    /// Height and width of the stored pictures of all splits but `train`; `None`: `stored`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out: Option<u32>,
    /// Bytes of one pixel: 1 grey, 3 RGB.
    pub channels: u32,
    /// Every record holds two pictures beside each other, twice as wide as high.
    pub paired: bool,
    /// The classes' names; a label is an index into them. Empty if the source has none.
    pub classes: Vec<String>,
    /// The selection, crop and size of the pictures: the flags of `prep build` with their values.
    pub settings: BTreeMap<String, Value>,
    /// The layout of the source, such as `cub`; several joined by `+`.
    pub format: String,
    /// SHA-256 over the sorted names and bytes of all files of the source that were used.
    pub fingerprint: String,
    /// The splits in the order in which they were written.
    pub splits: Vec<SplitManifest>,
    /// The number of rejected pictures, by reason; every reason is listed.
    pub rejects: BTreeMap<String, u64>,
    /// The account of the files of each source; empty in files of earlier versions.
    #[serde(default)]
    pub account: Vec<Account>,
    /// The other files of the folder.
    pub files: Vec<FileSummary>,
}

impl Manifest {
    /// The size of every record for training.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.layout_of(TRAIN)
    }

    /// The size of every record of the split of that name.
    #[must_use]
    pub fn layout_of(&self, split: &str) -> Layout {
        let height = self.stored_in(split);
        let width = if self.paired { height.saturating_mul(2) } else { height };
        Layout { height, width, channels: self.channels }
    }

    /// Height and width of the stored pictures of the split of that name, in pixels.
    #[must_use]
    pub fn stored_in(&self, split: &str) -> u32 {
        if split == TRAIN { self.stored } else { self.held_out.unwrap_or(self.stored) }
    }

    /// SHA-256 over the settings and the entry of the split of that name, in hexadecimal digits:
    /// with the same fingerprint of the source it is another where pictures were chosen, cut or
    /// divided otherwise.
    ///
    /// The checksums of shards alone would not tell: a record ends in a CRC of its own, and what
    /// went before such a CRC no longer shows in one over the whole file.
    #[must_use]
    pub fn content(&self, split: &str) -> String {
        let split = self.splits.iter().find(|known| known.name == split);
        // Maps are in the order of their keys, so that equal ones give equal bytes.
        let text = serde_json::json!([self.settings, split]).to_string();
        Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The setting of that name as text; `-` where the data set does not know it.
    #[must_use]
    pub fn setting(&self, name: &str) -> String {
        match self.settings.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => "-".into(),
        }
    }
}

/// One split and its shards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitManifest {
    /// `train`, `val` or `test`.
    pub name: String,
    /// Pictures in all its shards.
    pub records: u64,
    /// Its shards in order.
    pub shards: Vec<FileSummary>,
}

/// The entry of one file in the manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSummary {
    /// The name within the folder.
    pub name: String,
    /// Pictures in it, if it is a shard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
    /// Its length.
    pub bytes: u64,
    /// CRC-32 of all its bytes, as eight hexadecimal digits.
    pub crc32: String,
}

impl FileSummary {
    /// The entry of a file that is no shard.
    #[must_use]
    pub fn of(name: &str, content: &[u8]) -> Self {
        let crc32 = format!("{:08x}", crc32fast::hash(content));
        Self { name: name.to_owned(), records: None, bytes: content.len() as u64, crc32 }
    }
}

/// The manifest of version 1: pictures were stored in the size to learn from, and what is
/// `settings` now stood in three members.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestV1 {
    version: u32,
    size: u32,
    channels: u32,
    classes: Vec<String>,
    crop: BTreeMap<String, Value>,
    filter: BTreeMap<String, Value>,
    division: BTreeMap<String, Value>,
    format: String,
    fingerprint: String,
    splits: Vec<SplitManifest>,
    rejects: BTreeMap<String, u64>,
    files: Vec<FileSummary>,
}

impl From<ManifestV1> for Manifest {
    fn from(old: ManifestV1) -> Self {
        let renamed = |name: String| match name.as_str() {
            "rule" => "crop".to_owned(),
            "by" => "split".to_owned(),
            _ => name,
        };
        let settings = old.crop.into_iter().chain(old.filter).chain(old.division);
        Self {
            version: old.version,
            size: old.size,
            stored: old.size,
            held_out: None,
            channels: old.channels,
            paired: false,
            classes: old.classes,
            settings: settings.map(|(name, value)| (renamed(name), value)).collect(),
            format: old.format,
            fingerprint: old.fingerprint,
            splits: old.splits,
            rejects: old.rejects,
            account: Vec::new(),
            files: old.files,
        }
    }
}

/// Reads and checks the manifest of the data set in `dir`, without its shards.
///
/// # Errors
/// When it is absent, damaged, or of a version that is not known.
pub fn read_manifest(dir: &Path) -> Result<Manifest, DatasetError> {
    let path = dir.join(MANIFEST);
    if !path.exists() {
        return Err(DatasetError::Missing { dir: dir.to_owned() });
    }
    // The version first: another version has other members, and saying so helps more than naming
    // one of them.
    let value: Value = sealed::read(&path, MEND)?;
    let unexpected = |what: String| SealedError::Unexpected { path: path.clone(), what };
    let found = value
        .get("version")
        .and_then(Value::as_u64)
        .ok_or_else(|| unexpected("it names no version".into()))?;
    let read = match found {
        1 => serde_json::from_value::<ManifestV1>(value).map(Manifest::from),
        // Version 2 is version 3 without an account, version 3 is version 4 without `held_out`.
        2..=4 => serde_json::from_value(value),
        _ => return Err(DatasetError::Version { path, found }),
    };
    let manifest: Manifest = read.map_err(|e| unexpected(e.to_string()))?;
    let Manifest { size, stored, channels, .. } = manifest;
    let held_out = manifest.held_out.unwrap_or(stored);
    if size == 0 || !(size..=stored).contains(&held_out) || !manifest.layout().is_sane() {
        let what = format!(
            "it notes pictures of {size} pixels stored in {stored} (held-out ones in {held_out}), with {channels} channels"
        );
        return Err(unexpected(what).into());
    }
    Ok(manifest)
}
