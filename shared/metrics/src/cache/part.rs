//! An unfinished file: the header of the finished one, followed by blocks appended as they become
//! ready. A block is its number of rows (u32), the rows as f32, and a CRC-32 of both, all
//! little-endian. A killed process leaves at most one torn block; the next process keeps the sound
//! blocks and continues after them. A lock grants the file to one process at a time.

use std::fs::{File, TryLockError};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::entry::{Entry, UNFINISHED};
use super::finished::{header, read_values};
use fledge_base::fs::{self, AppendFile, FsError};
use fledge_base::{cli, frame};

/// Bytes of a block besides its rows.
const OVERHEAD: u64 = 8;

/// An unfinished file owned by this process.
#[derive(Debug)]
pub(super) struct Part {
    file: AppendFile,
}

/// Result of opening an unfinished file.
#[derive(Debug)]
pub(super) enum Opened {
    /// Owned by this process; the numbers are its contents.
    Ours(Part, Vec<f32>),
    /// Owned by another process.
    Busy,
}

/// Path of the unfinished file for a finished one.
pub(super) fn path(finished: &Path) -> PathBuf {
    finished.with_extension(UNFINISHED)
}

impl Part {
    /// Opens or creates the unfinished file of `entry`.
    pub(super) fn open(entry: &Entry) -> fs::Result<Opened> {
        let path = path(&entry.path);
        fs::create_folder(path.parent().unwrap_or(Path::new(".")))?;
        let mut file = AppendFile::open(&path)?;
        match file.reader().try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Opened::Busy),
            Err(TryLockError::Error(source)) => {
                return Err(FsError { operation: "lock", path, source });
            }
        }
        let failed = |source| FsError { operation: "read", path: path.clone(), source };
        let length = file.reader().metadata().map_err(failed)?.len();
        // Reserved for all rows: growing later would need the old and the new memory at once.
        let mut values = Vec::with_capacity(entry.count() * entry.dimensions());
        let sound = match header(&mut file.reader()) {
            Ok((found, used)) if entry.is_of(&found) => {
                sound_blocks(file.reader(), (used, length), entry, &mut values)
            }
            // An empty file is a new one.
            other => {
                if length > 0 {
                    let what =
                        other.err().unwrap_or_else(|| "its header belongs to another set".into());
                    tracing::warn!(
                        "{} is damaged ({what}); recomputing its features",
                        path.display()
                    );
                }
                0
            }
        };
        if sound < length {
            file.truncate(sound)?;
        }
        if sound == 0 {
            let header = frame::encode(&entry.header).map_err(io::Error::other);
            file.append(&header.map_err(|source| FsError {
                operation: "write",
                path: path.clone(),
                source,
            })?)?;
        }
        Ok(Opened::Ours(Self { file }, values))
    }

    /// Appends rows of `dimensions` numbers each.
    pub(super) fn append(&mut self, values: &[f32], dimensions: usize) -> fs::Result<()> {
        let rows = (values.len() / dimensions.max(1)) as u32;
        let mut block = Vec::with_capacity(4 * values.len() + OVERHEAD as usize);
        block.extend(rows.to_le_bytes());
        block.extend(values.iter().flat_map(|v| v.to_le_bytes()));
        block.extend(crc32fast::hash(&block).to_le_bytes());
        self.file.append(&block)
    }

    /// Removes the file, once the finished one exists.
    pub(super) fn remove(self) -> fs::Result<()> {
        let path = self.file.path().to_owned();
        // Not every system can remove an open file.
        drop(self);
        fs::remove(path)
    }
}

/// Reads the sound blocks in a range of the file into `values`; returns the offset where they end.
fn sound_blocks(
    file: &File,
    (mut at, length): (u64, u64),
    entry: &Entry,
    values: &mut Vec<f32>,
) -> u64 {
    let path = path(&entry.path);
    let mut reader = BufReader::new(file);
    while at < length {
        let rows = values.len() / entry.dimensions().max(1);
        match read_block(&mut reader, length - at, entry.count() - rows, entry.dimensions(), values)
        {
            Ok(bytes) => at += bytes,
            Err(what) => {
                values.truncate(rows * entry.dimensions());
                tracing::warn!(
                    "{}: {what} after {rows} pictures; using the pictures before it",
                    path.display()
                );
                break;
            }
        }
    }
    at
}

/// Reads one block of at most `most` rows; returns its length in the file.
fn read_block(
    file: &mut impl Read,
    left: u64,
    most: usize,
    dimensions: usize,
    values: &mut Vec<f32>,
) -> Result<u64, &'static str> {
    let torn = |_: io::Error| "a block is cut off";
    let mut word = [0; 4];
    file.read_exact(&mut word).map_err(torn)?;
    let rows = u32::from_le_bytes(word) as usize;
    if rows == 0 || rows > most {
        return Err("a block is damaged");
    }
    let bytes = 4 * (rows * dimensions) as u64 + OVERHEAD;
    // Never allocates more than the file holds.
    if bytes > left {
        return Err("a block is cut off");
    }
    let mut crc = crc32fast::Hasher::new();
    crc.update(&word);
    read_values(file, rows * dimensions, values, &mut crc).map_err(torn)?;
    file.read_exact(&mut word).map_err(torn)?;
    if crc.finalize() != u32::from_le_bytes(word) {
        return Err("a block is damaged");
    }
    Ok(bytes)
}

/// Number of pictures in an unfinished file, from the lengths of its blocks; nothing is verified.
pub(super) fn rows(
    file: &mut (impl Read + Seek),
    (mut at, length): (u64, u64),
    dimensions: u64,
) -> u64 {
    let mut rows = 0;
    let mut word = [0; 4];
    while file.seek(SeekFrom::Start(at)).is_ok() && file.read_exact(&mut word).is_ok() {
        let of_block = u64::from(u32::from_le_bytes(word));
        let end =
            dimensions.checked_mul(4 * of_block).and_then(|bytes| at.checked_add(bytes + OVERHEAD));
        match end.filter(|end| *end <= length) {
            Some(end) => (at, rows) = (end, rows + of_block),
            None => break,
        }
    }
    rows
}

/// Returns true if another process owns the file at `path`.
pub(super) fn is_busy(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

/// Removes the unfinished file belonging to `finished`, unless a process owns it.
pub(super) fn remove_left(finished: &Path) {
    let path = path(finished);
    if path.exists() && !is_busy(&path) {
        fs::remove(&path).unwrap_or_else(|e| warn("an unfinished file was not removed", &e));
    }
}

/// Logs an error that costs only time.
pub(super) fn warn(what: &str, error: &FsError) {
    tracing::warn!("{what}: {}", cli::one_line(error));
}
