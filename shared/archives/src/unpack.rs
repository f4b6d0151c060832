//! Compressed bytes unpacked once to a scratch file, for random access afterwards.

use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::error::ArchiveError;
use super::shared_file::SharedFile;
use fledge_base::fs::{self, FsError};
use fledge_base::log::Progress;

/// Upper bound of one unpacked file or member in bytes: far above any set of small pictures, and a
/// bound for a hostile one.
pub(super) const UNPACKED_LIMIT: u64 = 64 << 30;
/// From this many bytes on, unpacking takes seconds and progress is shown.
const SHOW_FROM: u64 = 256 << 20;
/// Bytes read, unpacked and written at a time.
const CHUNK: usize = 1 << 20;

/// The first bytes of a gzipped file: the magic and the only compression method (RFC 1952, 2.3).
const GZIP: [u8; 3] = [0x1f, 0x8b, 8];

/// Returns true if the file is gzipped.
pub(super) fn is_gzipped(file: &SharedFile) -> io::Result<bool> {
    Ok(file.first()? == GZIP)
}

/// The unpacked bytes of a gzipped file, from the first; supports several concatenated gzip
/// streams.
pub(super) fn gunzip(file: &SharedFile) -> impl Read + use<> {
    MultiGzDecoder::new(BufReader::with_capacity(CHUNK, file.clone().rewound()))
}

/// Unpacks a gzipped file; `failed` wraps errors of reading, `shown` names it in the progress.
pub(super) fn gunzip_to_scratch(
    file: &SharedFile,
    shown: &str,
    failed: impl Fn(io::Error) -> ArchiveError,
) -> Result<SharedFile, ArchiveError> {
    let counted = Counted::new(file.clone().rewound(), shown, file.len());
    let unpacked = MultiGzDecoder::new(BufReader::with_capacity(CHUNK, counted));
    to_scratch(unpacked, UNPACKED_LIMIT, failed)
}

/// Writes everything from `from` to a scratch file; `failed` wraps errors of reading and of more
/// than `limit` bytes.
pub(super) fn to_scratch(
    mut from: impl Read,
    limit: u64,
    failed: impl Fn(io::Error) -> ArchiveError,
) -> Result<SharedFile, ArchiveError> {
    let mut scratch = fs::scratch_file()?;
    let (mut chunk, mut total) = (vec![0; CHUNK], 0);
    loop {
        let n = match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(failed(e)),
        };
        total += n as u64;
        if total > limit {
            let what = format!(
                "it unpacks to more than {limit} bytes; unpack it yourself and name the folder"
            );
            return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, what)));
        }
        scratch.write_all(&chunk[..n]).map_err(full)?;
    }
    Ok(SharedFile::new(scratch).map_err(full)?)
}

fn full(source: io::Error) -> FsError {
    FsError {
        operation: "unpack into a scratch file (the variable TMPDIR names another place) in",
        path: std::env::temp_dir(),
        source,
    }
}

/// A reader that shows its progress.
pub(super) struct Counted<R> {
    inner: R,
    progress: Option<Progress>,
    bytes: u64,
}

impl<R: Read> Counted<R> {
    /// A reader of `length` expected bytes; no progress is shown for few of them.
    pub(super) fn new(inner: R, shown: &str, length: u64) -> Self {
        let title = || {
            format!("unpack {} (MiB)", Path::new(shown).file_name().unwrap_or_default().display())
        };
        Self {
            inner,
            progress: (length >= SHOW_FROM).then(|| Progress::new(title(), length >> 20)),
            bytes: 0,
        }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(bytes)?;
        let before = self.bytes >> 20;
        self.bytes += n as u64;
        if let Some(progress) = &self.progress {
            progress.add((self.bytes >> 20) - before);
        }
        Ok(n)
    }
}
