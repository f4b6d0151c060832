//! A zip of already compressed files, written one after the other: whole under its name or not at
//! all, and always the same bytes for the same files.
//!
//! ```
//! use fledge_archives::Archive;
//! use fledge_archives::zip_writer::ZipWriter;
//!
//! let path = std::env::temp_dir().join(format!("fledge-zip-example-{}.zip", std::process::id()));
//! let mut zip = ZipWriter::create(&path)?;
//! zip.add("a.txt", b"one")?;
//! zip.commit()?;
//! assert_eq!(Archive::open(&path)?.read(0, 100)?, b"one");
//! # fledge_base::fs::remove(&path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use ::zip::CompressionMethod;
use ::zip::ZipWriter as Library;
use ::zip::write::SimpleFileOptions;

use fledge_base::fs::{self, AtomicFile, FsError};

/// A zip being written under a temporary name.
pub struct ZipWriter {
    zip: Library<ZipFile>,
    out: PathBuf,
    temporary: PathBuf,
    /// Set if an existing file is replaced.
    replaces: bool,
    /// Set to keep the temporary file after an error.
    stays: bool,
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
    /// If the temporary file cannot be created beside it.
    pub fn create(out: &Path) -> Result<Self, FsError> {
        Ok(Self::of(AtomicFile::create(out)?, out, false))
    }

    /// [`ZipWriter::create`], except that the temporary file is kept, whatever happens, until it is
    /// committed: [`read_leftover`] finds the part of it that is whole.
    ///
    /// # Errors
    /// If the temporary file cannot be created beside it.
    pub fn resumable(out: &Path) -> Result<Self, FsError> {
        let mut file = AtomicFile::create(out)?;
        file.keep();
        Ok(Self::of(file, out, true))
    }

    /// Resumes an earlier temporary file. The files at its beginning must be added again, with the
    /// same bytes: they are not rewritten, until [`Self::go_on`].
    ///
    /// # Errors
    /// If the temporary file cannot be opened.
    pub fn resume(temporary: &Path, out: &Path) -> Result<Self, FsError> {
        let zip = Self::of(AtomicFile::reopen(temporary, out)?, out, true);
        if let Some(file) = zip.zip.get_ref() {
            file.there.store(u64::MAX, Relaxed);
        }
        Ok(zip)
    }

    /// Files are written again from here on; the first of them truncates the rest of the old file.
    /// Returns true if the files added fill the first `end` bytes, as found by [`read_leftover`]: a
    /// zip by another version of the library may differ, and must be copied.
    #[must_use]
    pub fn go_on(&mut self, end: u64) -> bool {
        let Some(file) = self.zip.get_ref().filter(|file| file.position == end) else {
            return false;
        };
        file.there.store(end, Relaxed);
        true
    }

    fn of(file: AtomicFile, out: &Path, stays: bool) -> Self {
        let temporary = file.path().to_owned();
        Self {
            zip: Library::new(ZipFile::new(file)),
            out: out.to_owned(),
            temporary,
            replaces: out.exists(),
            stays,
        }
    }

    /// The temporary path until the commit.
    #[must_use]
    pub fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// Adds a file unchanged.
    ///
    /// # Errors
    /// If writing fails, or the name is too long.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), FsError> {
        // Without the time of day the same files give the same bytes.
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        let added = self
            .zip
            .start_file(name, stored)
            .map_err(Into::into)
            .and_then(|()| self.zip.write_all(bytes));
        added.map_err(|e| failed(&self.out, e))
    }

    /// Renames the zip to its final name once it is on disk.
    ///
    /// # Errors
    /// If writing, syncing or renaming fails: then there is no such zip, or still the previous one.
    pub fn commit(self) -> Result<(), FsError> {
        let (out, temporary, replaces, stays) =
            (self.out.clone(), self.temporary.clone(), self.replaces, self.stays);
        let committed = self.into_file()?.commit();
        if committed.is_err() && !replaces && out.exists() {
            // It has its name already but may not be on disk. The first error is the one to report.
            let _ = if stays { fs::withdraw(&out, &temporary) } else { fs::remove(&out) };
        }
        committed
    }

    /// Abandons an incomplete zip: it is kept under its temporary name if it is resumable.
    ///
    /// # Errors
    /// If writing fails: the files added last are then incomplete.
    pub fn leave(self) -> Result<(), FsError> {
        self.into_file().map(drop)
    }

    fn into_file(self) -> Result<AtomicFile, FsError> {
        let file = self.zip.finish().map_err(Into::into).and_then(ZipFile::into_file);
        file.map_err(|e| failed(&self.out, e))
    }
}

fn failed(out: &Path, source: io::Error) -> FsError {
    FsError { operation: "write", path: out.to_owned(), source }
}

/// Passes the files of an unfinished zip from a killed process to `take`, in the order in which
/// they were added, with their names. Stops if `take` returns false, at the first file that is torn
/// (the checksum of each is verified) or larger than `limit` bytes, or at the end. Returns the end
/// of the last file passed.
///
/// # Errors
/// If the zip cannot be opened, or `take` fails.
pub fn read_leftover<E: From<FsError>>(
    path: &Path,
    limit: u64,
    mut take: impl FnMut(&str, Vec<u8>) -> Result<bool, E>,
) -> Result<u64, E> {
    let opened = std::fs::File::open(path);
    let mut file = BufReader::new(opened.map_err(|source| FsError {
        operation: "read",
        path: path.to_owned(),
        source,
    })?);
    let mut end = 0;
    // After any read error, nothing that follows can be trusted.
    loop {
        let Ok(Some(mut entry)) = ::zip::read::read_zipfile_from_stream(&mut file) else { break };
        let mut bytes = Vec::new();
        let read = entry.by_ref().take(limit.saturating_add(1)).read_to_end(&mut bytes);
        if read.is_err() || bytes.len() as u64 > limit || bytes.len() as u64 != entry.size() {
            break;
        }
        let Ok(name) = entry.name().map(|name| name.into_owned()) else { break };
        drop(entry);
        let Ok(position) = file.stream_position() else { break };
        end = position;
        if !take(&name, bytes)? {
            break;
        }
    }
    Ok(end)
}

/// The destination file of a zip. After an error it accepts all bytes and discards them: the
/// library also writes the end of an abandoned zip, and would complain.
struct ZipFile {
    file: BufWriter<AtomicFile>,
    failed: bool,
    position: u64,
    end: u64,
    /// Number of bytes that are in the file already and are not rewritten.
    there: AtomicU64,
    /// Set once the file is truncated after them.
    cut: bool,
}

impl ZipFile {
    fn new(file: AtomicFile) -> Self {
        let file = BufWriter::with_capacity(1 << 20, file);
        Self { file, failed: false, position: 0, end: 0, there: AtomicU64::new(0), cut: false }
    }

    /// Writes the bytes that are not in the file yet, or accepts those that are.
    fn put(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let there = self.there.load(Relaxed);
        if self.position < there {
            return Ok(usize::try_from(there - self.position)
                .map_or(bytes.len(), |left| left.min(bytes.len())));
        }
        if there > 0 && !self.cut {
            self.file.get_mut().cut(there)?;
            self.cut = true;
        }
        self.file.write(bytes)
    }

    /// The file, with all bytes written.
    fn into_file(self) -> io::Result<AtomicFile> {
        if self.failed {
            return Err(io::Error::other("a write failed before"));
        }
        self.file.into_inner().map_err(io::IntoInnerError::into_error)
    }

    fn noted<T>(&mut self, outcome: io::Result<T>) -> io::Result<T> {
        if outcome.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted) {
            // The library assumes its position to be after what it wrote.
            (self.failed, self.position) = (true, self.end);
        }
        outcome
    }
}

impl Write for ZipFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = if self.failed { Ok(bytes.len()) } else { self.put(bytes) };
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
        // Before the truncation nothing is written, and then the position is that of the first
        // write.
        let there = self.there.load(Relaxed);
        if !self.failed && position >= there && (there == 0 || self.cut) {
            let sought = self.file.seek(SeekFrom::Start(position));
            self.noted(sought)?;
        }
        self.position = position;
        Ok(position)
    }
}
