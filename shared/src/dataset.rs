//! A data set: `dataset.json` over its shards. `prep` writes it, every other stage reads it.
//!
//! The manifest is written last, so a folder that has one is whole. It is not responsible for where the pictures came from or
//! how they were cut.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::fs::{self, FsError};
use crate::sealed::{self, SealedError};
use crate::shard::{Layout, Record, Shard, ShardError};

/// The name of the manifest in a data set's folder.
pub const MANIFEST: &str = "dataset.json";
/// The version of the manifest that this program writes and reads.
pub const VERSION: u32 = 1;

const MEND: &str = "build the data set again with `prep build --force`";

/// Everything that is known about a data set but its pixels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of this format.
    pub version: u32,
    /// Height and width of every picture, in pixels.
    pub size: u32,
    /// Bytes of one pixel: 1 grey, 3 RGB.
    pub channels: u32,
    /// The classes' names; a label is an index into them. Empty if the source has none.
    pub classes: Vec<String>,
    /// How the pictures were cut and scaled.
    pub crop: Crop,
    /// Which pictures were taken.
    pub filter: Filter,
    /// How the pictures were divided into splits: `source`, or a seeded draw.
    pub division: Division,
    /// The layout of the source, such as `cub`.
    pub format: String,
    /// SHA-256 over the sorted names and bytes of all files of the source that were used.
    pub fingerprint: String,
    /// The splits in the order in which they were written.
    pub splits: Vec<SplitManifest>,
    /// How many pictures were refused, by reason; every reason is listed.
    pub rejects: BTreeMap<String, u64>,
    /// The other files of the folder.
    pub files: Vec<FileSummary>,
}

/// How the pictures were cut and scaled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crop {
    /// The rule: `bbox` (docs/CONVENTIONS.md) or `none`.
    pub rule: String,
    /// What was added to the box's longer side, as a fraction of it; 0 where no box is used.
    pub padding: f64,
    /// How the window was scaled: `area`.
    pub resampling: String,
}

/// Which pictures were taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// The classes that were asked for; empty: all.
    pub classes: Vec<String>,
    /// The memory one picture might take while it was decoded, in MiB.
    pub max_picture_mb: u64,
}

/// How the pictures were divided into `train` and `val`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "lowercase", deny_unknown_fields)]
pub enum Division {
    /// As the source says.
    Source,
    /// By a seeded draw.
    Draw {
        /// The part of all pictures that went to `val`.
        val_fraction: f64,
        /// The seed of the draw.
        seed: u64,
    },
}

/// One split and its shards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitManifest {
    /// `train` or `val`.
    pub name: String,
    /// Pictures in all its shards.
    pub records: u64,
    /// Its shards in order.
    pub shards: Vec<FileSummary>,
}

/// What the manifest notes about one file.
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
    /// What is noted about a file that is no shard.
    #[must_use]
    pub fn of(name: &str, content: &[u8]) -> Self {
        let crc32 = format!("{:08x}", crc32fast::hash(content));
        Self { name: name.to_owned(), records: None, bytes: content.len() as u64, crc32 }
    }
}

/// Why a data set was not accepted.
#[derive(Debug, Error)]
pub enum DatasetError {
    /// There is no manifest.
    #[error("{dir} is no finished data set: it has no {MANIFEST}; run `prep build SOURCE --out {dir}`")]
    Missing {
        /// The folder.
        dir: PathBuf,
    },
    /// The manifest is damaged or is something else.
    #[error(transparent)]
    Manifest(#[from] SealedError),
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] FsError),
    /// The manifest has another version.
    #[error("{path} has version {found}, this program reads version {VERSION}: {MEND}")]
    Version {
        /// The manifest.
        path: PathBuf,
        /// The version it names.
        found: u64,
    },
    /// A shard is damaged.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// A file is not the one that the manifest describes.
    #[error("{path} does not match {MANIFEST}: {what}; {MEND}")]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: String,
    },
    /// There is no such split.
    #[error("{dir} has no split {name:?}; it has {}", .splits.join(", "))]
    UnknownSplit {
        /// The folder.
        dir: PathBuf,
        /// What was asked for.
        name: String,
        /// What there is.
        splits: Vec<String>,
    },
    /// There is no such picture.
    #[error("{dir}: picture {index} of split {name:?} was asked for, it has {len}")]
    UnknownRecord {
        /// The folder.
        dir: PathBuf,
        /// The split.
        name: String,
        /// What was asked for.
        index: usize,
        /// How many there are.
        len: usize,
    },
}

impl DatasetError {
    /// Whether the data are damaged or unusable, rather than out of reach or asked for wrongly.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            // A file that the manifest names and that is gone is damage; one that the system refuses to read is not.
            Self::Manifest(SealedError::File(e)) | Self::File(e) | Self::Shard(ShardError::File(e)) => {
                e.source.kind() == std::io::ErrorKind::NotFound
            }
            Self::UnknownSplit { .. } | Self::UnknownRecord { .. } => false,
            Self::Missing { .. } | Self::Manifest(_) | Self::Version { .. } | Self::Shard(_) | Self::Mismatch { .. } => true,
        }
    }
}

/// A data set opened for reading. Any thread may read any picture.
#[derive(Debug)]
pub struct Dataset {
    dir: PathBuf,
    manifest: Manifest,
    splits: Vec<Vec<Shard>>,
}

impl Dataset {
    /// Reads the manifest, maps the shards, and checks the structure of both. Each record's CRC is checked when it is first
    /// read.
    ///
    /// # Errors
    /// When there is no data set, or a file is damaged or is not the one that the manifest describes.
    pub fn open(dir: &Path) -> Result<Self, DatasetError> {
        let manifest = read_manifest(dir)?;
        let splits = manifest.splits.iter().map(|split| open_split(dir, &manifest, split)).collect::<Result<_, _>>()?;
        Ok(Self { dir: dir.to_owned(), manifest, splits })
    }

    /// Where it lies.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What is known about it.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The split of that name.
    ///
    /// # Errors
    /// When there is none; the error lists those there are.
    pub fn split(&self, name: &str) -> Result<Split<'_>, DatasetError> {
        let names = || self.manifest.splits.iter().map(|s| s.name.clone());
        let at = names().position(|n| n == name);
        let at = at.ok_or_else(|| DatasetError::UnknownSplit {
            dir: self.dir.clone(),
            name: name.to_owned(),
            splits: names().collect(),
        })?;
        let shards = &self.splits[at];
        let starts = shards.iter().scan(0, |sum, shard| Some(std::mem::replace(sum, *sum + shard.len()))).collect();
        Ok(Split { dataset: self, name: &self.manifest.splits[at].name, shards, starts })
    }
}

/// Reads and checks the manifest of the data set in `dir`, without its shards.
///
/// # Errors
/// When it is absent, damaged, or of another version.
pub fn read_manifest(dir: &Path) -> Result<Manifest, DatasetError> {
    let path = dir.join(MANIFEST);
    if !path.exists() {
        return Err(DatasetError::Missing { dir: dir.to_owned() });
    }
    // The version first: another version has other members, and saying so helps more than naming one of them.
    let value: serde_json::Value = sealed::read(&path, MEND)?;
    let unexpected = |what: String| SealedError::Unexpected { path: path.clone(), what };
    let found =
        value.get("version").and_then(serde_json::Value::as_u64).ok_or_else(|| unexpected("it names no version".into()))?;
    if found != u64::from(VERSION) {
        return Err(DatasetError::Version { path, found });
    }
    Ok(serde_json::from_value(value).map_err(|e| unexpected(e.to_string()))?)
}

fn open_split(dir: &Path, manifest: &Manifest, split: &SplitManifest) -> Result<Vec<Shard>, DatasetError> {
    let layout = Layout { height: manifest.size, width: manifest.size, channels: manifest.channels };
    let mut shards = Vec::with_capacity(split.shards.len());
    for summary in &split.shards {
        let path = dir.join(&summary.name);
        let shard = Shard::open(&path)?;
        let claim = (summary.bytes, summary.records, layout);
        let found = (shard.bytes(), Some(shard.len() as u64), shard.layout());
        if claim != found {
            return Err(DatasetError::Mismatch { path, what: format!("it has {found:?} where {claim:?} is noted") });
        }
        shards.push(shard);
    }
    let records: usize = shards.iter().map(Shard::len).sum();
    if records as u64 != split.records {
        let what = format!("the shards of {:?} hold {records} pictures, {} are noted", split.name, split.records);
        return Err(DatasetError::Mismatch { path: dir.join(MANIFEST), what });
    }
    Ok(shards)
}

/// Checks every byte of one file that the manifest names.
///
/// # Errors
/// When it is absent, or its bytes are not those that were written.
pub fn verify_file(dir: &Path, summary: &FileSummary) -> Result<(), DatasetError> {
    let path = dir.join(&summary.name);
    if summary.records.is_some() {
        // The shard's own checks say where the damage lies, the manifest's sum that it is this shard and no other.
        let shard = Shard::open(&path)?;
        shard.verify()?;
        return matches(path, summary, shard.bytes(), shard.crc32());
    }
    let bytes = fs::read_bounded(&path, summary.bytes)?;
    matches(path, summary, bytes.len() as u64, crc32fast::hash(&bytes))
}

fn matches(path: PathBuf, summary: &FileSummary, bytes: u64, crc32: u32) -> Result<(), DatasetError> {
    let crc32 = format!("{crc32:08x}");
    if bytes == summary.bytes && crc32 == summary.crc32 {
        return Ok(());
    }
    let what = format!("it has {bytes} bytes and checksum {crc32} where {} and {} are noted", summary.bytes, summary.crc32);
    Err(DatasetError::Mismatch { path, what })
}

/// One split of a data set.
#[derive(Clone, Debug)]
pub struct Split<'a> {
    dataset: &'a Dataset,
    name: &'a str,
    shards: &'a [Shard],
    starts: Vec<usize>,
}

impl<'a> Split<'a> {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Pictures in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(Shard::len).sum()
    }

    /// Whether it holds no picture.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The pixels of picture `i`: uint8, height × width × channels. The CRC is checked the first time.
    ///
    /// # Errors
    /// When there is no such picture or its record is damaged.
    pub fn pixels(&self, i: usize) -> Result<&'a [u8], DatasetError> {
        Ok(self.record(i)?.pixels)
    }

    /// The class of picture `i`, if it has one.
    #[must_use]
    pub fn label(&self, i: usize) -> Option<u32> {
        let (shard, i) = self.locate(i)?;
        shard.label(i)
    }

    /// Picture `i` with its label and its number in the source.
    ///
    /// # Errors
    /// When there is no such picture or its record is damaged.
    pub fn record(&self, i: usize) -> Result<Record<'a>, DatasetError> {
        let (shard, at) = self.locate(i).ok_or_else(|| DatasetError::UnknownRecord {
            dir: self.dataset.dir.clone(),
            name: self.name.to_owned(),
            index: i,
            len: self.len(),
        })?;
        Ok(shard.record(at)?)
    }

    /// Checks every record.
    ///
    /// # Errors
    /// The first record whose CRC does not hold.
    pub fn verify(&self) -> Result<(), DatasetError> {
        Ok(self.shards.iter().try_for_each(Shard::verify)?)
    }

    fn locate(&self, i: usize) -> Option<(&'a Shard, usize)> {
        let at = self.starts.partition_point(|&start| start <= i).checked_sub(1)?;
        let (shard, i) = (&self.shards[at], i - self.starts[at]);
        (i < shard.len()).then_some((shard, i))
    }
}
