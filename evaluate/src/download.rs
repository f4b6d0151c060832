//! A pinned file over HTTP. What has arrived is kept in `NAME.part` beside the final name; a connection that is cut, or a
//! process that is killed, goes on from there with a `Range` request. The final name appears when the SHA-256 holds.
//!
//! One process at a time: the one that holds `NAME.lock`, which stays, because a lock file that is removed may be locked twice.
//! How the server is reached is [`crate::client`]'s business.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use shared::fs::{self, Asked, FsError};
use shared::log::Progress;
use thiserror::Error;

use crate::client::Client;

/// Pauses before the next try while nothing arrives; a try that brought bytes starts over with the first.
pub const PAUSES: [Duration; 5] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8), Duration::from_secs(16)];

/// Bytes read at once.
const CHUNK: usize = 1 << 16;

/// A file to get.
#[derive(Clone, Copy, Debug)]
pub struct Download<'a> {
    /// Where from.
    pub url: &'a str,
    /// Where to; the folder is created.
    pub path: &'a Path,
    /// What it must be, in lower-case hexadecimal.
    pub sha256: &'a str,
    /// How long it must be.
    pub bytes: u64,
    /// How long to wait before each further try.
    pub pauses: &'a [Duration],
    /// Asks the server.
    pub client: &'a Client,
}

/// How a download went well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Got {
    /// All bytes were there already.
    Already,
    /// The missing ones were fetched.
    Fetched,
}

/// Why a file was not got.
#[derive(Debug, Error)]
pub enum DownloadError {
    /// A local file operation failed.
    #[error(transparent)]
    File(#[from] FsError),
    /// Another process is downloading the same file.
    #[error("{path} is being downloaded by another process: wait for it to end")]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// The disk has no room for what is missing.
    #[error("{path} needs {needed} more bytes and its disk has {free}: make room, or set XDG_CACHE_HOME to a folder on another")]
    NoRoom {
        /// The file.
        path: PathBuf,
        /// Bytes that are missing.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// The server refuses.
    #[error("{url} answers with status {status} ({way})")]
    Refused {
        /// What was asked for.
        url: String,
        /// Through which proxy.
        way: String,
        /// HTTP status.
        status: u16,
    },
    /// No try brought anything more.
    #[error("cannot download {url} {way}: {have} of {bytes} bytes are here and kept for the next try")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// Through which proxy.
        way: String,
        /// Bytes so far.
        have: u64,
        /// Bytes in all.
        bytes: u64,
        /// What the last try said.
        source: Box<ureq::Error>,
    },
    /// The server does not show that it is the one that was asked for.
    #[error(
        "no trusted connection to {url} {way}; where a proxy looks into connections, name its certificates (PEM) with the \
         variable SSL_CERT_FILE"
    )]
    Untrusted {
        /// What was asked for.
        url: String,
        /// Through which proxy.
        way: String,
        /// What is wrong with its certificate, or the handshake.
        source: Box<ureq::Error>,
    },
    /// All arrived, but it is something else.
    #[error("{url} gives another file: SHA-256 {got}, expected {expected}; nothing was kept ({way})")]
    WrongBytes {
        /// What was asked for.
        url: String,
        /// Through which proxy.
        way: String,
        /// SHA-256 of what arrived, or its excess length.
        got: String,
        /// SHA-256 that was expected.
        expected: String,
    },
}

/// How one try ended when it did not fail for good.
enum Try {
    /// All bytes are here.
    Whole,
    /// Bytes are missing.
    Cut(ureq::Error),
}

impl Download<'_> {
    /// Gets the file, unless it is there.
    ///
    /// # Errors
    /// When the server refuses, no try brings anything more, the bytes are not those expected, or the disk is full.
    pub fn run(&self) -> Result<Got, DownloadError> {
        fs::create_folder(self.path.parent().unwrap_or(Path::new(".")))?;
        let lock = fs::open_append(beside(self.path, ".lock"))?;
        // Where there are no locks, what two make of one file is found out by its SHA-256.
        if fs::try_lock(&lock, self.path)? == Asked::Theirs {
            return Err(DownloadError::Busy { path: self.path.to_owned() });
        }
        if self.path.is_file() && sha256_of_file(self.path)? == self.sha256 {
            return Ok(Got::Already);
        }
        let mut part = fs::open_append(self.part())?;
        let needed = self.bytes.saturating_sub(self.length(&part)?);
        if let Some(free) = fs::free_bytes(self.part()).filter(|free| *free < needed) {
            return Err(DownloadError::NoRoom { path: self.path.to_owned(), needed, free });
        }
        self.fill(&mut part)?;
        let got = self.sha256_of_part(&mut part)?;
        if got != self.sha256 {
            return Err(self.wrong(got));
        }
        fs::sync(&part, self.path)?;
        fs::rename(self.part(), self.path)?;
        Ok(Got::Fetched)
    }

    /// Asks again and again until all bytes are here.
    fn fill(&self, part: &mut File) -> Result<(), DownloadError> {
        let title = format!("bytes of {}", self.path.file_name().unwrap_or_default().display());
        let template = "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} eta {eta}";
        let progress = Progress::resumed(title, self.bytes, self.length(part)?, template);
        let mut pauses = self.pauses.iter();
        loop {
            let before = self.length(part)?;
            let cause = match self.attempt(part, &progress)? {
                Try::Whole => return Ok(()),
                Try::Cut(cause) => cause,
            };
            let have = self.length(part)?;
            if have > before {
                pauses = self.pauses.iter();
            }
            if is_untrusted(&cause) {
                let (url, way) = (self.url.into(), self.client.way().into());
                return Err(DownloadError::Untrusted { url, way, source: Box::new(cause) });
            }
            match pauses.next() {
                Some(&pause) if !matches!(cause, ureq::Error::BadUri(_) | ureq::Error::Http(_)) => {
                    tracing::warn!("{}: {cause}; {have} of {} bytes are here, trying again", self.url, self.bytes);
                    std::thread::sleep(pause);
                }
                _ => {
                    let (url, way) = (self.url.into(), self.client.way().into());
                    return Err(DownloadError::Unreachable { url, way, have, bytes: self.bytes, source: Box::new(cause) });
                }
            }
        }
    }

    fn part(&self) -> PathBuf {
        unfinished(self.path)
    }

    fn attempt(&self, part: &mut File, progress: &Progress) -> Result<Try, DownloadError> {
        let mut have = self.length(part)?;
        if have > self.bytes {
            part.set_len(0).map_err(self.failed("empty"))?;
            have = 0;
        }
        if have == self.bytes {
            return Ok(Try::Whole);
        }
        // A compressed body could not be resumed in the middle.
        let mut request = self.client.agent().get(self.url).header("accept-encoding", "identity");
        if have > 0 {
            request = request.header("range", format!("bytes={have}-"));
        }
        let response = match request.call() {
            Ok(response) => response,
            Err(e) => return Ok(Try::Cut(e)),
        };
        let status = response.status().as_u16();
        let resumes = || {
            response
                .headers()
                .get("content-range")
                .and_then(|v| v.to_str().ok())
                .is_some_and(|v| v.starts_with(&format!("bytes {have}-")))
        };
        match status {
            206 if resumes() => {}
            // The server ignores Range, gives another range, or finds what we have too long: from the beginning.
            200 | 206 | 416 => {
                if have > 0 {
                    part.set_len(0).map_err(self.failed("empty"))?;
                }
                if status != 200 {
                    return Ok(Try::Cut(ureq::Error::StatusCode(status)));
                }
                have = 0;
            }
            408 | 429 | 500..=599 => return Ok(Try::Cut(ureq::Error::StatusCode(status))),
            _ => return Err(DownloadError::Refused { url: self.url.into(), way: self.client.way().into(), status }),
        }
        let left = self.bytes - have;
        self.copy(response, part, left, progress)
    }

    fn copy(
        &self,
        response: ureq::http::Response<ureq::Body>,
        part: &mut File,
        mut left: u64,
        progress: &Progress,
    ) -> Result<Try, DownloadError> {
        // One byte more than expected is let through, to be noticed.
        let mut body = response.into_body().into_with_config().limit(left + 2).reader();
        let mut buffer = vec![0; CHUNK];
        loop {
            let n = match body.read(&mut buffer) {
                Ok(0) if left == 0 => return Ok(Try::Whole),
                Ok(0) => return Ok(Try::Cut(ureq::Error::Io(io::ErrorKind::UnexpectedEof.into()))),
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Ok(Try::Cut(ureq::Error::Io(e))),
            };
            let Some(rest) = left.checked_sub(n as u64) else {
                return Err(self.wrong(format!("unknown, more than {} bytes", self.bytes)));
            };
            part.write_all(&buffer[..n]).map_err(self.failed("write"))?;
            progress.add(n as u64);
            left = rest;
        }
    }

    fn wrong(&self, got: String) -> DownloadError {
        // A further try would only append to bytes that are wrong already. If this fails, the next check finds them again.
        let _ = fs::remove(self.part());
        DownloadError::WrongBytes { url: self.url.into(), way: self.client.way().into(), got, expected: self.sha256.into() }
    }

    fn length(&self, part: &File) -> Result<u64, FsError> {
        Ok(part.metadata().map_err(self.failed("read"))?.len())
    }

    fn sha256_of_part(&self, part: &mut File) -> Result<String, FsError> {
        part.seek(SeekFrom::Start(0)).and_then(|_| sha256_of(part)).map_err(self.failed("read"))
    }

    fn failed(&self, operation: &'static str) -> impl Fn(io::Error) -> FsError + use<> {
        let path = self.part();
        move |source| FsError { operation, path: path.clone(), source }
    }
}

/// What has arrived of the file `path`, until it is whole.
#[must_use]
pub fn unfinished(path: &Path) -> PathBuf {
    beside(path, ".part")
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

/// The SHA-256 of a file's bytes in lower-case hexadecimal.
///
/// # Errors
/// When it cannot be read.
pub fn sha256_of_file(path: &Path) -> Result<String, FsError> {
    let failed = |source| FsError { operation: "read", path: path.to_owned(), source };
    File::open(path).and_then(|mut file| sha256_of(&mut file)).map_err(failed)
}

fn sha256_of(from: &mut impl Read) -> io::Result<String> {
    copy_hashed(from, &mut io::sink())
}

/// Copies all bytes and gives their SHA-256 in lower-case hexadecimal.
///
/// # Errors
/// When reading or writing fails.
pub fn copy_hashed(from: &mut impl Read, to: &mut impl Write) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => return Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect()),
            Ok(n) => &buffer[..n],
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        hash.update(read);
        to.write_all(read)?;
    }
}

/// Whether the handshake failed: a further try cannot end otherwise.
fn is_untrusted(cause: &ureq::Error) -> bool {
    match cause {
        ureq::Error::Rustls(_) => true,
        // rustls says so of all that is wrong with the other side.
        ureq::Error::Io(e) => e.kind() == io::ErrorKind::InvalidData,
        _ => false,
    }
}

/// Removes what had arrived of a file that came another way, unless another process is at it.
///
/// # Errors
/// When the system refuses.
pub fn forget_unfinished(path: &Path) -> Result<(), FsError> {
    if !unfinished(path).exists() {
        return Ok(());
    }
    let lock = fs::open_append(beside(path, ".lock"))?;
    if lock.try_lock().is_err() {
        return Ok(());
    }
    fs::remove(unfinished(path))
}
