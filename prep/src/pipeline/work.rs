//! The work folder: prepared pictures wait in it, chunk after chunk, until all are there.
//!
//! A build that was killed resumes from it, and parts made on several machines can be joined.
//! `work.json` (sealed) describes the build; `chunk-000012` holds the pictures of a fixed range of
//! the plan.
//! A chunk is used as a whole or not at all: its frame and its pixels carry CRCs.
//! Chunks are not synced to disk; those torn by a power cut are prepared again.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use shared::cli::DataError;
use shared::dataset::Manifest;
use shared::frame;
use shared::fs;
use shared::sealed;
use shared::shard::Layout;

use super::error::BuildError;
use super::options::{BuildOptions, SplitRule};
use super::plan::Plan;
use super::prepare::PreparedPicture;
use super::record::PictureRecord;
use crate::dataset::fingerprint::{FileHash, hex};
use crate::source::Split;

/// The file that describes a work folder.
pub const WORK: &str = "work.json";
/// The first bytes of a chunk.
const MAGIC: [u8; 8] = *b"FLEDGECK";
/// Changes with the format of a chunk.
const VERSION: u32 = 2;
/// Magic and version, in bytes.
const PREFIX: usize = MAGIC.len() + 4;
/// Pictures of a chunk, which bounds the work that a kill loses …
const CHUNK_PICTURES: u64 = 512;
/// … and about so many bytes at most.
const CHUNK_BYTES: usize = 16 << 20;
const MEND: &str = "remove the folder and run `prep build --part` again";

/// The description of a build; it is the same for all parts but for their chunks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkManifest {
    /// The version of the chunks.
    pub version: u32,
    /// [`Plan::key`], in hexadecimal digits.
    pub key: String,
    /// [`Plan::stamp`], in hexadecimal digits; differs from machine to machine.
    pub stamp: String,
    /// The manifest as far as it is known before reading a picture.
    pub manifest: Manifest,
    /// Largest shard, in bytes.
    pub shard_bytes: u64,
    /// Names and hashes of the tables, for the fingerprint.
    pub tables: Vec<(String, FileHash)>,
    /// Bits within which pictures are near-duplicates and left out; `None`: they are kept.
    pub near_duplicates: Option<u32>,
    /// The splits are random, so that near-duplicates must not lie in different ones.
    pub drawn: bool,
    /// There are several sources, whose numbers precede names.
    pub numbered: bool,
    /// Number of pictures of the plan.
    pub pictures: u64,
    /// The first chunk of this part.
    pub first: u64,
    /// The chunk after its last one.
    pub end: u64,
}

impl WorkManifest {
    /// Number of pictures of every chunk but the last.
    #[must_use]
    pub fn chunk_pictures(layout: Layout) -> u64 {
        (CHUNK_BYTES as u64 / layout.pixel_bytes() as u64).clamp(1, CHUNK_PICTURES)
    }

    /// Returns whether arithmetic on it cannot overflow and the part lies within the plan.
    fn is_sane(&self) -> bool {
        let countable = self.pictures <= u64::from(u32::MAX) && self.manifest.layout().is_sane();
        countable && self.first <= self.end && self.end <= self.chunks()
    }

    /// Number of chunks of the whole plan.
    #[must_use]
    pub fn chunks(&self) -> u64 {
        self.pictures.div_ceil(Self::chunk_pictures(self.manifest.layout()))
    }

    /// Number of pictures of this part.
    #[must_use]
    pub fn taken(&self) -> u64 {
        (self.first..self.end)
            .map(|chunk| self.range(chunk))
            .map(|range| range.end - range.start)
            .sum()
    }

    /// The pictures of a chunk.
    #[must_use]
    pub fn range(&self, chunk: u64) -> std::ops::Range<u64> {
        let each = Self::chunk_pictures(self.manifest.layout());
        chunk * each..((chunk + 1) * each).min(self.pictures)
    }
}

/// The header of a chunk.
#[derive(Serialize, Deserialize)]
struct Header {
    key: String,
    chunk: u64,
    records: Vec<PictureRecord>,
    /// Bytes and CRC-32 of the pixels that follow.
    bytes: u64,
    crc32: u32,
}

/// A chunk.
#[derive(Debug)]
pub struct Chunk {
    /// The record of every picture.
    pub records: Vec<PictureRecord>,
    bytes: Vec<u8>,
    /// The offset of the pixels.
    first: usize,
}

/// A work folder.
#[derive(Debug)]
pub struct WorkFolder {
    path: PathBuf,
    /// The description of the build.
    pub work: WorkManifest,
}

impl WorkFolder {
    /// Opens or creates the folder for `work`. Chunks of the same build stay; those of another
    /// build are removed.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn resume(path: impl Into<PathBuf>, work: WorkManifest) -> Result<Self, BuildError> {
        let path = path.into();
        let there: Option<WorkManifest> = sealed::read(&path.join(WORK), MEND).ok();
        if there.as_ref() != Some(&work) {
            fs::remove(&path)?;
            let made = fs::create_folder(&path).map_err(BuildError::from);
            if let Err(error) = made.and_then(|()| Ok(sealed::write(&path.join(WORK), &work)?)) {
                // The first error is the one to report.
                let _ = fs::remove(&path);
                return Err(error);
            }
        }
        fs::remove_leftovers(&path)?;
        Ok(Self { path, work })
    }

    /// Opens a finished part.
    ///
    /// # Errors
    /// When the folder is no part, is damaged, or is of another version.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, BuildError> {
        let path = path.into();
        let work: WorkManifest = sealed::read(&path.join(WORK), MEND)?;
        let folder = Self { path, work };
        if folder.work.version != VERSION {
            return Err(folder.damaged(
                WORK,
                format!("it has version {}, this program reads {VERSION}", folder.work.version),
            ));
        }
        if !folder.work.is_sane() {
            return Err(folder.damaged(WORK, "its numbers are impossible".into()));
        }
        Ok(folder)
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The chunks that are missing or damaged, checked lazily.
    pub fn missing(&self) -> impl Iterator<Item = u64> {
        (self.work.first..self.work.end).filter(|&chunk| self.read(chunk).is_err())
    }

    /// Writes a chunk, and returns its records and the pixels of each picture's crops.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write(
        &self,
        chunk: u64,
        outcomes: Vec<PreparedPicture>,
    ) -> Result<(Vec<PictureRecord>, Vec<Vec<u8>>), BuildError> {
        let (records, pixels): (Vec<PictureRecord>, Vec<Vec<u8>>) =
            outcomes.into_iter().map(|o| (o.record, o.pixels)).unzip();
        let mut crc = crc32fast::Hasher::new();
        pixels.iter().for_each(|pixels| crc.update(pixels));
        let bytes = pixels.iter().map(|pixels| pixels.len() as u64).sum();
        let header =
            Header { key: self.work.key.clone(), chunk, records, bytes, crc32: crc.finalize() };
        let encoded =
            frame::encode(&header).map_err(|e| self.damaged(&name(chunk), e.to_string()))?;
        let start: [&[u8]; 3] = [&MAGIC, &VERSION.to_le_bytes(), &encoded];
        let parts: Vec<&[u8]> = start.into_iter().chain(pixels.iter().map(Vec::as_slice)).collect();
        fs::write_unsynced(self.path.join(name(chunk)), &parts)?;
        Ok((header.records, pixels))
    }

    /// Reads the records of a chunk without its pixels.
    ///
    /// # Errors
    /// When it is missing, truncated, damaged, or from another build.
    pub fn records(&self, chunk: u64) -> Result<Vec<PictureRecord>, BuildError> {
        let mut start = fs::read_start(self.path.join(name(chunk)), (PREFIX + 4) as u64)?;
        if let Some(length) = start
            .get(PREFIX..)
            .and_then(|bytes| bytes.first_chunk().copied())
            .map(u32::from_le_bytes)
        {
            start = fs::read_start(
                self.path.join(name(chunk)),
                (PREFIX + frame::OVERHEAD) as u64 + u64::from(length),
            )?;
        }
        Ok(self.header(chunk, &start)?.0.records)
    }

    /// Reads a chunk.
    ///
    /// # Errors
    /// When it is missing, truncated, damaged, or from another build.
    pub fn read(&self, chunk: u64) -> Result<Chunk, BuildError> {
        let bytes = fs::read(self.path.join(name(chunk)))?;
        let (header, first) = self.header(chunk, &bytes)?;
        let pixels = &bytes[first..];
        if pixels.len() as u64 != header.bytes || crc32fast::hash(pixels) != header.crc32 {
            return Err(self.damaged(&name(chunk), "its pixels are damaged".into()));
        }
        Ok(Chunk { records: header.records, bytes, first })
    }

    /// The header of a chunk, and the offset of its pixels.
    fn header(&self, chunk: u64, bytes: &[u8]) -> Result<(Header, usize), BuildError> {
        let damaged = |what: &str| self.damaged(&name(chunk), what.to_owned());
        if bytes.len() < PREFIX
            || bytes[..MAGIC.len()] != MAGIC
            || bytes[MAGIC.len()..PREFIX] != VERSION.to_le_bytes()
        {
            return Err(damaged("it is no chunk of this version"));
        }
        let (header, used) =
            frame::decode::<Header>(&bytes[PREFIX..]).map_err(|e| damaged(&e.to_string()))?;
        let splits = header.records.iter().filter_map(|r| r.split);
        let labels = header.records.iter().flat_map(|r| &r.crops).filter_map(|c| c.label);
        let classes = self.work.manifest.classes.len();
        if splits.max() >= Some(Split::ALL.len() as u8)
            || labels.max().is_some_and(|label| label as usize >= classes)
        {
            return Err(damaged("it names a split or a class that does not exist"));
        }
        let bytes: usize = sizes(&header.records, &self.work.manifest).sum();
        let fits = header.records.iter().map(|r| r.place).eq(self.work.range(chunk))
            && header.bytes == bytes as u64;
        if header.key != self.work.key || header.chunk != chunk || !fits {
            return Err(damaged("it is from another build"));
        }
        Ok((header, PREFIX + used))
    }

    fn damaged(&self, file: &str, what: String) -> BuildError {
        let path = self.path.join(file);
        BuildError::Part { path, source: DataError(format!("{what}; {MEND}")) }
    }
}

impl Chunk {
    /// The pixels of each crop that has some, in order.
    pub fn pixels<'a>(&'a self, manifest: &'a Manifest) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = &self.bytes[self.first..];
        sizes(&self.records, manifest).map(move |size| {
            let (crop, after) = rest.split_at(size);
            rest = after;
            crop
        })
    }
}

/// The number of bytes of each crop that has pixels, in order.
fn sizes<'a>(
    records: &'a [PictureRecord],
    manifest: &'a Manifest,
) -> impl Iterator<Item = usize> + 'a {
    records.iter().flat_map(move |record| {
        let bytes = record.layout(manifest).pixel_bytes();
        record.crops.iter().filter(|crop| crop.pixels).map(move |_| bytes)
    })
}

fn name(chunk: u64) -> String {
    format!("chunk-{chunk:06}")
}

/// The description of a build from a plan.
#[must_use]
pub fn describe(plan: &Plan, options: &BuildOptions) -> WorkManifest {
    let mut work = WorkManifest {
        version: VERSION,
        key: hex(&plan.key()),
        stamp: hex(&plan.stamp()),
        manifest: plan.manifest.clone(),
        shard_bytes: options.shard_bytes,
        tables: plan.table_hashes().into_iter().map(|(name, hash)| (hex(&name), hash)).collect(),
        near_duplicates: options.filters.near_duplicates,
        drawn: matches!(plan.split_rule, SplitRule::Draw { .. }),
        numbered: plan.sources.len() > 1,
        pictures: plan.pictures.len() as u64,
        first: 0,
        end: 0,
    };
    let chunks = work.chunks();
    let (part, of) = options.part.unwrap_or((1, 1));
    let bound = |part: u32| (u128::from(chunks) * u128::from(part) / u128::from(of)) as u64;
    (work.first, work.end) = (bound(part - 1), bound(part));
    work
}
