//! A zip of files that are compressed already, written one after the other: whole under its name or not at all, and always the same
//! bytes for the same files.

use std::fmt;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use ::zip::CompressionMethod;
use ::zip::ZipWriter as Library;
use ::zip::write::SimpleFileOptions;

use crate::fs::{self, AtomicFile, FsError};

/// A zip being written under a temporary name.
pub struct ZipWriter {
    zip: Library<ZipFile>,
    out: PathBuf,
    /// Whether there is a file that loses its name.
    replaces: bool,
}

impl fmt::Debug for ZipWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZipWriter").field("out", &self.out).finish_non_exhaustive()
    }
}

impl ZipWriter {
    /// Starts the zip that will be called `out`.
    ///
    /// # Errors
    /// When the temporary file cannot be created beside it.
    pub fn create(out: &Path) -> Result<Self, FsError> {
        let zip = Library::new(ZipFile::new(AtomicFile::create(out)?));
        Ok(Self { zip, out: out.to_owned(), replaces: out.exists() })
    }

    /// Adds a file, as it is.
    ///
    /// # Errors
    /// When writing fails, or the name is too long.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), FsError> {
        // Without the time of day the same files give the same bytes.
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        let added = self.zip.start_file(name, stored).map_err(Into::into).and_then(|()| self.zip.write_all(bytes));
        added.map_err(|e| failed(&self.out, e))
    }

    /// Gives the zip its name once it is on the disk.
    ///
    /// # Errors
    /// When writing, syncing or renaming fails: then there is no such zip, or the one that was there before.
    pub fn commit(self) -> Result<(), FsError> {
        let (out, replaces) = (self.out.clone(), self.replaces);
        let committed = self.into_file()?.commit();
        if committed.is_err() && !replaces {
            // It may have its name already and yet not be on the disk. The first error is the one to report.
            let _ = fs::remove(out);
        }
        committed
    }

    /// Leaves what was added under the temporary name, for [`read_leftover`].
    ///
    /// # Errors
    /// When writing fails; nothing is left then.
    pub fn keep(self) -> Result<(), FsError> {
        self.into_file()?.keep();
        Ok(())
    }

    fn into_file(self) -> Result<AtomicFile, FsError> {
        let file = self.zip.finish().map_err(Into::into).and_then(ZipFile::into_file);
        file.map_err(|e| failed(&self.out, e))
    }
}

fn failed(out: &Path, source: io::Error) -> FsError {
    FsError { operation: "write", path: out.to_owned(), source }
}

/// Hands the files of a zip that a killed process left unfinished to `take`, in the order in which they were added, with their names.
/// It ends where `take` says false, at the first file that is torn (the sum of each is checked) or larger than `limit` bytes, or at the
/// end.
///
/// # Errors
/// When the zip cannot be opened, or `take` fails.
pub fn read_leftover<E: From<FsError>>(
    path: &Path,
    limit: u64,
    mut take: impl FnMut(&str, Vec<u8>) -> Result<bool, E>,
) -> Result<(), E> {
    let opened = std::fs::File::open(path);
    let mut file = BufReader::new(opened.map_err(|source| FsError { operation: "read", path: path.to_owned(), source })?);
    // Every fault of what is read means that nothing behind it can be trusted.
    while let Ok(Some(mut entry)) = ::zip::read::read_zipfile_from_stream(&mut file) {
        let mut bytes = Vec::new();
        let read = entry.by_ref().take(limit.saturating_add(1)).read_to_end(&mut bytes);
        if read.is_err() || bytes.len() as u64 > limit || bytes.len() as u64 != entry.size() {
            break;
        }
        let Ok(name) = entry.name().map(|name| name.into_owned()) else { break };
        drop(entry);
        if !take(&name, bytes)? {
            break;
        }
    }
    Ok(())
}

/// Where a zip is written. After an error it takes all that comes and keeps nothing of it: the library writes the end of a zip also
/// when that is given up, and would complain.
struct ZipFile {
    file: BufWriter<AtomicFile>,
    failed: bool,
    position: u64,
    end: u64,
}

impl ZipFile {
    fn new(file: AtomicFile) -> Self {
        Self { file: BufWriter::with_capacity(1 << 20, file), failed: false, position: 0, end: 0 }
    }

    /// The file, with everything in it.
    fn into_file(self) -> io::Result<AtomicFile> {
        if self.failed {
            return Err(io::Error::other("a write failed before"));
        }
        self.file.into_inner().map_err(io::IntoInnerError::into_error)
    }

    fn noted<T>(&mut self, outcome: io::Result<T>) -> io::Result<T> {
        if outcome.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted) {
            // The library takes it for granted to stand behind what it wrote.
            (self.failed, self.position) = (true, self.end);
        }
        outcome
    }
}

impl Write for ZipFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = if self.failed { Ok(bytes.len()) } else { self.file.write(bytes) };
        let written = self.noted(written)?;
        self.position += written as u64;
        self.end = self.end.max(self.position);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = if self.failed { Ok(()) } else { self.file.flush() };
        self.noted(flushed)
    }
}

impl Seek for ZipFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.end.checked_add_signed(by),
        };
        let position = position.ok_or(io::ErrorKind::InvalidInput)?;
        if !self.failed {
            let sought = self.file.seek(SeekFrom::Start(position));
            self.noted(sought)?;
        }
        self.position = position;
        Ok(position)
    }
}
