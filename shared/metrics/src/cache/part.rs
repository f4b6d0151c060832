//! An unfinished file: the header of the finished one, then blocks that are appended as they are
//! ready. A block is the number of its rows (u32), the rows as f32, and CRC-32 of both, all
//! little-endian. A process that is killed leaves at most one block torn; the next one takes the
//! sound ones and goes on behind them. One process at a time has the file, by a lock.

use std::fs::{File, TryLockError};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::entry::{Entry, UNFINISHED};
use super::finished::{header, read_values};
use fledge_base::fs::{self, AppendFile, FsError};
use fledge_base::{cli, frame};

/// Bytes of a block beside its rows.
const OVERHEAD: u64 = 8;

/// An unfinished file that this process has.
#[derive(Debug)]
pub(super) struct Part {
    file: AppendFile,
}

/// What became of opening an unfinished file.
#[derive(Debug)]
pub(super) enum Opened {
    /// It is ours, with these numbers in it.
    Ours(Part, Vec<f32>),
    /// Another process works on it.
    Busy,
}

/// Where the unfinished file beside a finished one lies.
pub(super) fn path(finished: &Path) -> PathBuf {
    finished.with_extension(UNFINISHED)
}

impl Part {
    /// Opens or begins the unfinished file of `entry`.
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
        // Room for all rows: to grow later would take both the old and the new memory.
        let mut values = Vec::with_capacity(entry.count() * entry.dimensions());
        let sound = match header(&mut file.reader()) {
            Ok((found, used)) if entry.is_of(&found) => {
                sound_blocks(file.reader(), (used, length), entry, &mut values)
            }
            // An empty file is a new one.
            other => {
                if length > 0 {
                    let what = other.err().unwrap_or_else(|| "its header is another's".into());
                    tracing::warn!(
                        "{} is damaged ({what}); its features are computed again",
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

    /// Adds rows of `dimensions` numbers each.
    pub(super) fn append(&mut self, values: &[f32], dimensions: usize) -> fs::Result<()> {
        let rows = (values.len() / dimensions.max(1)) as u32;
        let mut block = Vec::with_capacity(4 * values.len() + OVERHEAD as usize);
        block.extend(rows.to_le_bytes());
        block.extend(values.iter().flat_map(|v| v.to_le_bytes()));
        block.extend(crc32fast::hash(&block).to_le_bytes());
        self.file.append(&block)
    }

    /// Removes the file: the finished one is there.
    pub(super) fn remove(self) -> fs::Result<()> {
        let path = self.file.path().to_owned();
        // Not every system removes a file that is open.
        drop(self);
        fs::remove(path)
    }
}

/// Reads the sound blocks between two places of the file into `values`; gives the place where they
/// end.
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
                    "{}: {what} after {rows} pictures; what is before it is used",
                    path.display()
                );
                break;
            }
        }
    }
    at
}

/// Reads one block of at most `most` rows; gives its length in the file.
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
    // Nothing is allocated that the file does not hold.
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

/// Pictures in an unfinished file, by the lengths of its blocks; nothing is checked.
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

/// Whether another process has the file at `path`.
pub(super) fn is_busy(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

/// Removes the unfinished file beside the finished one at `finished`, unless a process has it.
pub(super) fn remove_left(finished: &Path) {
    let path = path(finished);
    if path.exists() && !is_busy(&path) {
        fs::remove(&path).unwrap_or_else(|e| warn("an unfinished file stays", &e));
    }
}

/// Says what went wrong where that costs only time.
pub(super) fn warn(what: &str, error: &FsError) {
    tracing::warn!("{what}: {}", cli::one_line(error));
}
