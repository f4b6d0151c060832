//! A shard: fixed-size picture records that are memory-mapped. Layout, little-endian
//! (docs/FORMATS.md has the table):
//!
//! magic, version, header frame, records, index frame, offset of the index, end magic. A record is
//! the pixels (uint8, height × width × channels), label, source id, and a CRC-32 over the record's
//! number and everything before, so that two records that changed places are found as well. No byte
//! of the file is outside a check.
//!
//! It is not responsible for which shards make a data set ([`crate::dataset`]).
//!
//! ```
//! use fledge_data::shard::{Layout, Shard, ShardWriter};
//!
//! let path = std::env::temp_dir().join(format!("fledge-shard-example-{}.shard", std::process::id()));
//! let mut writer = ShardWriter::create(&path, Layout { height: 1, width: 2, channels: 3 })?;
//! writer.push(&[1, 2, 3, 4, 5, 6], Some(7), 0)?;
//! writer.finish()?;
//! let shard = Shard::open(&path)?;
//! assert_eq!((shard.record(0)?.pixels, shard.label(0)), (&[1, 2, 3, 4, 5, 6][..], Some(7)));
//! # drop(shard);
//! # fledge_base::fs::remove(&path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::Mmap;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use fledge_base::frame::{self, FrameError};
use fledge_base::fs::{AtomicFile, Feature, FsError};

/// The first bytes of every shard.
pub const MAGIC: [u8; 8] = *b"FLEDGESH";
/// The last bytes of every shard; a file that was cut off or appended to does not end in them.
pub const END_MAGIC: [u8; 8] = *b"FLEDGEND";
/// The version of the layout that this program writes and reads.
pub const VERSION: u32 = 1;
/// The stored label of a picture that has none.
pub const NO_LABEL: u32 = u32::MAX;

/// Magic and version, in bytes.
const PREFIX: usize = MAGIC.len() + 4;
/// The index's offset (u64) and the end magic, in bytes.
const TRAILER: usize = 8 + END_MAGIC.len();
/// Label (u32), source id (u64), CRC (u32): the bytes of a record beside its pixels.
const RECORD_EXTRA: usize = 4 + 8 + 4;
/// No side of a picture in a shard is longer; keeps the arithmetic on a damaged header far from
/// overflow.
const SIDE_LIMIT: u32 = 1 << 14;

/// The size of every record of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// Rows of a picture, in pixels.
    pub height: u32,
    /// Columns of a picture, in pixels.
    pub width: u32,
    /// Bytes of one pixel: 1 grey, 3 RGB.
    pub channels: u32,
}

impl Layout {
    /// Bytes of one picture.
    #[must_use]
    pub fn pixel_bytes(&self) -> usize {
        self.height as usize * self.width as usize * self.channels as usize
    }

    /// Bytes from the start of one record to the start of the next.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.pixel_bytes() + RECORD_EXTRA
    }

    /// Returns true if a shard may have this size: no side is 0 or so long that the arithmetic on
    /// it overflows.
    #[must_use]
    pub fn is_sane(&self) -> bool {
        (1..=SIDE_LIMIT).contains(&self.height)
            && (1..=SIDE_LIMIT).contains(&self.width)
            && (1..=4).contains(&self.channels)
    }
}

/// The index behind the records: their number and labels, so that classes are counted without
/// touching pixels.
#[derive(Debug, Serialize, Deserialize)]
struct Index {
    total: u64,
    labels: Vec<u32>,
}

/// Why a shard was not accepted or could not be written.
#[derive(Debug, Error)]
pub enum ShardError {
    /// It could not be opened, read or written.
    #[error(transparent)]
    File(#[from] FsError),
    /// It has another version of the layout.
    #[error(
        "{path} has shard version {found}, this program reads version {VERSION}: build the data set again with `prep build`"
    )]
    Version {
        /// The shard.
        path: PathBuf,
        /// The version it names.
        found: u32,
    },
    /// A frame of it does not hold.
    #[error("{path} is damaged in its {part}; build the data set again with `prep build --force`")]
    Frame {
        /// The shard.
        path: PathBuf,
        /// "header" or "index".
        part: &'static str,
        /// The check that failed.
        source: FrameError,
    },
    /// Its bytes contradict each other.
    #[error("{path} is damaged: {what}; build the data set again with `prep build --force`")]
    Damaged {
        /// The shard.
        path: PathBuf,
        /// The check that failed.
        what: String,
    },
    /// A record was asked for or given that does not fit.
    #[error("{path}: {what}")]
    Record {
        /// The shard.
        path: PathBuf,
        /// The number or size, and the expected one.
        what: String,
    },
}

fn damaged(path: &Path, what: impl Into<String>) -> ShardError {
    ShardError::Damaged { path: path.to_owned(), what: what.into() }
}

/// A writer that computes the CRC and the length of its bytes.
struct Summed<W> {
    inner: W,
    crc: crc32fast::Hasher,
    bytes: u64,
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.crc.update(&bytes[..n]);
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// A shard being written; nothing bears the final name before [`ShardWriter::finish`].
pub struct ShardWriter {
    path: PathBuf,
    layout: Layout,
    out: Summed<BufWriter<AtomicFile>>,
    labels: Vec<u32>,
}

/// The entry of a finished shard in a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardSummary {
    /// Pictures in it.
    pub records: u64,
    /// Length of the file.
    pub bytes: u64,
    /// CRC-32 of the whole file.
    pub crc32: u32,
}

impl ShardWriter {
    /// Starts the shard that will be called `path`.
    ///
    /// # Errors
    /// When the file cannot be created or the layout is beyond what the format holds.
    pub fn create(path: impl Into<PathBuf>, layout: Layout) -> Result<Self, ShardError> {
        let path = path.into();
        if !layout.is_sane() {
            return Err(ShardError::Record {
                path,
                what: format!("pictures of {layout:?} do not fit the format"),
            });
        }
        let file = BufWriter::with_capacity(1 << 20, AtomicFile::create(&path)?);
        let out = Summed { inner: file, crc: crc32fast::Hasher::new(), bytes: 0 };
        let mut writer = Self { path, layout, out, labels: Vec::new() };
        let header =
            frame::encode(&layout).map_err(|source| writer.frame_failed("header", source))?;
        writer.put(&[&MAGIC, &VERSION.to_le_bytes(), &header])?;
        Ok(writer)
    }

    /// Appends one picture. `source` is its number in the source.
    ///
    /// # Errors
    /// When the pixels have another size than the layout says, or writing fails.
    pub fn push(
        &mut self,
        pixels: &[u8],
        label: Option<u32>,
        source: u64,
    ) -> Result<(), ShardError> {
        if pixels.len() != self.layout.pixel_bytes() {
            let what = format!(
                "a picture has {} bytes, expected {}",
                pixels.len(),
                self.layout.pixel_bytes()
            );
            return Err(ShardError::Record { path: self.path.clone(), what });
        }
        let label = label.unwrap_or(NO_LABEL);
        let (label_bytes, source_bytes) = (label.to_le_bytes(), source.to_le_bytes());
        let crc = record_crc(self.labels.len() as u64, &[pixels, &label_bytes, &source_bytes]);
        self.put(&[pixels, &label_bytes, &source_bytes, &crc.to_le_bytes()])?;
        self.labels.push(label);
        Ok(())
    }

    /// Pictures so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Returns true if there is no picture yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Writes the index, makes the file durable and gives it its name.
    ///
    /// # Errors
    /// When writing fails; no file is left then.
    pub fn finish(mut self) -> Result<ShardSummary, ShardError> {
        let records = self.labels.len() as u64;
        let index = Index { total: records, labels: std::mem::take(&mut self.labels) };
        let index = frame::encode(&index).map_err(|source| self.frame_failed("index", source))?;
        let offset = self.out.bytes.to_le_bytes();
        self.put(&[&index, &offset, &END_MAGIC])?;
        let Summed { inner, crc, bytes } = self.out;
        // into_inner flushes; dropping a BufWriter would swallow the error.
        let file = inner.into_inner().map_err(|e| FsError {
            operation: "write",
            path: self.path,
            source: e.into_error(),
        })?;
        file.commit()?;
        Ok(ShardSummary { records, bytes, crc32: crc.finalize() })
    }

    fn put(&mut self, parts: &[&[u8]]) -> Result<(), ShardError> {
        let written = parts.iter().try_for_each(|part| self.out.write_all(part));
        Ok(written.map_err(|source| FsError {
            operation: "write",
            path: self.path.clone(),
            source,
        })?)
    }

    fn frame_failed(&self, part: &'static str, source: FrameError) -> ShardError {
        ShardError::Frame { path: self.path.clone(), part, source }
    }
}

fn record_crc(number: u64, parts: &[&[u8]]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&number.to_le_bytes());
    parts.iter().for_each(|part| crc.update(part));
    crc.finalize()
}

/// One picture of a shard; the pixels lie in the mapped file.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// uint8, height × width × channels.
    pub pixels: &'a [u8],
    /// The class, if the source has classes.
    pub label: Option<u32>,
    /// The picture's number in the source.
    pub source: u64,
}

/// The bytes of a shard.
#[derive(Debug)]
enum Bytes {
    Mapped(Mmap),
    /// The bytes in memory, if the file system has no memory maps.
    Read(Vec<u8>),
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Read(bytes) => bytes,
        }
    }
}

/// A shard opened for reading. Any thread may read any record.
#[derive(Debug)]
pub struct Shard {
    path: PathBuf,
    map: Bytes,
    layout: Layout,
    first: usize,
    labels: Vec<u32>,
    /// One bit a record: its CRC held once. The map is not read twice for that.
    checked: Vec<AtomicU64>,
}

impl Shard {
    /// Maps a shard and checks its structure: magics, version, header, index, and that the sizes
    /// add up. The records' CRCs are checked when they are first read, or all at once by
    /// [`Shard::verify`].
    ///
    /// # Errors
    /// When the file cannot be mapped or its structure does not hold.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, ShardError> {
        let path = path.into();
        let failed = |source| FsError { operation: "open", path: path.clone(), source };
        let file = File::open(&path).map_err(failed)?;
        // SAFETY: the map is read-only, and shards are only ever replaced by rename
        // (`fledge_base::fs`), which leaves the mapped file itself as it is. Someone who truncates
        // a shard in place while it is read gets a bus error, not wrong pictures.
        let map = || unsafe { Mmap::map(&file) }.map(Bytes::Mapped);
        let read = || std::fs::read(&path).map(Bytes::Read);
        let map = Feature::Map
            .attempt(&path, map)
            .and_then(|map| map.map_or_else(read, Ok))
            .map_err(failed)?;
        let (layout, first, labels) = structure(&path, &map)?;
        let checked = (0..labels.len().div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Ok(Self { path, map, layout, first, labels, checked })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The size of every record.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Pictures in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Returns true if it holds no picture.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Length of the file in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.map.len() as u64
    }

    /// CRC-32 of the whole file; reads all of it.
    #[must_use]
    pub fn crc32(&self) -> u32 {
        crc32fast::hash(&self.map)
    }

    /// The label of record `i`, from the index.
    #[must_use]
    pub fn label(&self, i: usize) -> Option<u32> {
        self.labels.get(i).copied().filter(|&label| label != NO_LABEL)
    }

    /// Record `i`. Its CRC is checked the first time.
    ///
    /// # Errors
    /// When there is no such record or its CRC does not hold.
    pub fn record(&self, i: usize) -> Result<Record<'_>, ShardError> {
        if i >= self.len() {
            let what = format!("there is no record {i}, it has {}", self.len());
            return Err(ShardError::Record { path: self.path.clone(), what });
        }
        let start = self.first + i * self.layout.stride();
        let bytes = &self.map[start..start + self.layout.stride()];
        let (body, crc) = bytes.split_at(bytes.len() - 4);
        let (pixels, extra) = body.split_at(self.layout.pixel_bytes());
        let word = |b: &[u8]| b.iter().rev().fold(0u64, |word, &byte| word << 8 | u64::from(byte));
        let (label, source) = (word(&extra[..4]) as u32, word(&extra[4..]));
        let (cell, bit) = (&self.checked[i / 64], 1 << (i % 64));
        // Relaxed is enough: the bit guards no other memory, and two threads that check the same
        // record do no harm.
        if cell.load(Ordering::Relaxed) & bit == 0 {
            let (stored, computed) = (word(crc) as u32, record_crc(i as u64, &[body]));
            if stored != computed {
                let what = format!(
                    "checksum mismatch in record {i} (stored {stored:08x}, computed {computed:08x})"
                );
                return Err(damaged(&self.path, what));
            }
            if label != self.labels[i] {
                let what =
                    format!("record {i} has label {label}, the index says {}", self.labels[i]);
                return Err(damaged(&self.path, what));
            }
            cell.fetch_or(bit, Ordering::Relaxed);
        }
        Ok(Record { pixels, label: (label != NO_LABEL).then_some(label), source })
    }

    /// Checks every record.
    ///
    /// # Errors
    /// The first record whose CRC does not hold.
    pub fn verify(&self) -> Result<(), ShardError> {
        (0..self.len()).try_for_each(|i| self.record(i).map(|_| ()))
    }
}

/// Checks everything of a shard but its records; gives the layout, where the records begin, and the
/// labels.
fn structure(path: &Path, map: &[u8]) -> Result<(Layout, usize, Vec<u32>), ShardError> {
    let frame_failed = |part, source| ShardError::Frame { path: path.to_owned(), part, source };
    if map.len() < PREFIX + TRAILER {
        return Err(damaged(path, format!("it is cut off after {} bytes", map.len())));
    }
    if map[..MAGIC.len()] != MAGIC {
        return Err(damaged(path, "it does not begin like a shard"));
    }
    let version =
        map[MAGIC.len()..PREFIX].iter().rev().fold(0u32, |word, &byte| word << 8 | u32::from(byte));
    if version != VERSION {
        return Err(ShardError::Version { path: path.to_owned(), found: version });
    }
    let (body, trailer) = map.split_at(map.len() - TRAILER);
    let (offset, end) = trailer.split_at(8);
    if end != END_MAGIC {
        return Err(damaged(path, "it does not end like a shard: it was cut off or appended to"));
    }
    let (layout, used) =
        frame::decode::<Layout>(&body[PREFIX..]).map_err(|e| frame_failed("header", e))?;
    if !layout.is_sane() {
        return Err(damaged(path, format!("its header claims pictures of {layout:?}")));
    }
    let offset = offset.iter().rev().fold(0u64, |word, &byte| word << 8 | u64::from(byte));
    let first = PREFIX + used;
    let at = usize::try_from(offset).ok().filter(|at| (first..=body.len()).contains(at));
    let at = at.ok_or_else(|| {
        damaged(path, format!("its index is said to begin at byte {offset} of {}", map.len()))
    })?;
    let (index, used) =
        frame::decode::<Index>(&body[at..]).map_err(|e| frame_failed("index", e))?;
    let records = index.labels.len();
    if at + used != body.len()
        || index.total != records as u64
        || (at - first) != records * layout.stride()
    {
        return Err(damaged(path, "its sizes do not add up"));
    }
    Ok((layout, first, index.labels))
}

#[cfg(test)]
#[path = "shard_tests.rs"]
mod tests;
