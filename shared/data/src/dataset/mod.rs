//! A data set: `dataset.json` over its shards. `prep` writes it, every other stage reads it.
//!
//! The manifest is written last, so a folder that has one is whole. It is not responsible for where
//! the pictures came from or how they were cut.
//!
//! ```
//! use fledge_data::dataset::{Dataset, DatasetError};
//!
//! fn count(folder: &std::path::Path) -> Result<usize, DatasetError> {
//!     let dataset = Dataset::open(folder)?;
//!     let split = dataset.split("train")?;
//!     println!("{} pictures of {} pixels", split.len(), dataset.manifest().size);
//!     Ok(split.len())
//! }
//!
//! assert!(matches!(count("nowhere".as_ref()), Err(DatasetError::Missing { .. })));
//! ```

mod account;
mod error;
mod manifest;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

pub use self::account::{Account, EXAMPLES, Tally, Unused};
pub use self::error::{DatasetError, MANIFEST, PLAIN_VERSION, VERSION};
pub use self::manifest::{FileSummary, Manifest, SplitManifest, read_manifest};
use crate::shard::{Record, Shard};
use fledge_base::fs;
use fledge_pictures::{Picture, Window};

/// A data set opened for reading. Any thread may read any picture.
#[derive(Debug)]
pub struct Dataset {
    dir: PathBuf,
    manifest: Manifest,
    splits: Vec<Vec<Shard>>,
}

impl Dataset {
    /// Reads the manifest, maps the shards, and checks the structure of both. Each record's CRC is
    /// checked when it is first read.
    ///
    /// # Errors
    /// When there is no data set, or a file is damaged or is not the one that the manifest
    /// describes.
    pub fn open(dir: &Path) -> Result<Self, DatasetError> {
        let manifest = read_manifest(dir)?;
        let splits = manifest
            .splits
            .iter()
            .map(|split| open_split(dir, &manifest, split))
            .collect::<Result<_, _>>()?;
        Ok(Self { dir: dir.to_owned(), manifest, splits })
    }

    /// Its folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its manifest.
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
        let starts = shards
            .iter()
            .scan(0, |sum, shard| Some(std::mem::replace(sum, *sum + shard.len())))
            .collect();
        Ok(Split { dataset: self, name: &self.manifest.splits[at].name, shards, starts })
    }
}

fn open_split(
    dir: &Path,
    manifest: &Manifest,
    split: &SplitManifest,
) -> Result<Vec<Shard>, DatasetError> {
    let layout = manifest.layout_of(&split.name);
    let mut shards = Vec::with_capacity(split.shards.len());
    for summary in &split.shards {
        let path = dir.join(&summary.name);
        let shard = Shard::open(&path)?;
        let claim = (summary.bytes, summary.records, layout);
        let found = (shard.bytes(), Some(shard.len() as u64), shard.layout());
        if claim != found {
            return Err(DatasetError::Mismatch {
                path,
                what: format!("it has {found:?}, expected {claim:?}"),
            });
        }
        shards.push(shard);
    }
    let records: usize = shards.iter().map(Shard::len).sum();
    if records as u64 != split.records {
        let what = format!(
            "the shards of {:?} hold {records} pictures, expected {}",
            split.name, split.records
        );
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
        // The shard's own checks say where the damage lies, the manifest's sum that it is this
        // shard and no other.
        let shard = Shard::open(&path)?;
        shard.verify()?;
        return matches(path, summary, shard.bytes(), shard.crc32());
    }
    let bytes = fs::read_bounded(&path, summary.bytes)?;
    matches(path, summary, bytes.len() as u64, crc32fast::hash(&bytes))
}

fn matches(
    path: PathBuf,
    summary: &FileSummary,
    bytes: u64,
    crc32: u32,
) -> Result<(), DatasetError> {
    let crc32 = format!("{crc32:08x}");
    if bytes == summary.bytes && crc32 == summary.crc32 {
        return Ok(());
    }
    let what = format!(
        "it has {bytes} bytes and checksum {crc32}, expected {} and {}",
        summary.bytes, summary.crc32
    );
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

    /// Returns true if it holds no picture.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The middle of picture `i` in the size to learn from (all of it where there is no room for
    /// random crops; both halves of a pair): uint8, height × width × channels. What is measured and
    /// shown.
    ///
    /// # Errors
    /// When there is no such picture or its record is damaged.
    pub fn central(&self, i: usize) -> Result<Cow<'a, [u8]>, DatasetError> {
        let pixels = self.pixels(i)?;
        if self.room() == 0 {
            return Ok(Cow::Borrowed(pixels));
        }
        let start = self.room() / 2;
        Ok(Cow::Owned(self.window(pixels, start, start)))
    }

    /// The part of stored `pixels` in the size to learn from that begins at column `left` and row
    /// `top`; both at most [`Split::room`]. Both halves of a pair are cut alike and stay beside
    /// each other.
    #[must_use]
    pub fn window(&self, pixels: &[u8], left: u32, top: u32) -> Vec<u8> {
        let Manifest { size, channels, .. } = self.dataset.manifest;
        let stride = (self.stored() * channels) as usize;
        let columns = (left * channels) as usize..((left + size) * channels) as usize;
        // A row of a pair is two rows of its halves, one after the other.
        let halves = if self.dataset.manifest.paired { 2 } else { 1 };
        let (first, rows) = ((top * halves) as usize, (size * halves) as usize);
        let rows = pixels.chunks_exact(stride).skip(first).take(rows);
        rows.flat_map(|row| &row[columns.clone()]).copied().collect()
    }

    /// By how many pixels a crop may be shifted within a stored picture, in either direction.
    #[must_use]
    pub fn room(&self) -> u32 {
        self.stored() - self.dataset.manifest.size
    }

    /// Height and width of its stored pictures, in pixels.
    #[must_use]
    pub fn stored(&self) -> u32 {
        self.dataset.manifest.stored_in(self.name)
    }

    /// [`Split::central`] as a picture.
    ///
    /// # Errors
    /// When there is no such picture or its record is damaged.
    pub fn picture(&self, i: usize) -> Result<Picture, DatasetError> {
        let Manifest { size, channels, paired, .. } = self.dataset.manifest;
        let pixels = self.central(i)?.into_owned();
        let width = if paired { 2 * size } else { size };
        Ok(Picture { width, height: size, channels, pixels })
    }

    /// The two pictures of pair `i`, A and B, as [`Split::picture`] has them beside each other.
    ///
    /// # Errors
    /// When there is no such picture or its record is damaged.
    ///
    /// # Panics
    /// When the data set does not hold pairs.
    pub fn pair(&self, i: usize) -> Result<[Picture; 2], DatasetError> {
        assert!(self.dataset.manifest.paired, "a data set of single pictures has no pairs");
        let both = self.picture(i)?;
        let size = both.height;
        Ok([0, size].map(|left| both.cut(Window { left, top: 0, width: size, height: size })))
    }

    /// The stored pixels of picture `i`: uint8, height × width × channels. The CRC is checked the
    /// first time.
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
