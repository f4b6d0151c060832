//! Downloads a pinned file over HTTP. Received bytes are kept in `NAME.part` beside the final name;
//! after a cut connection or a killed process, a `Range` request resumes there. The final name
//! appears when the SHA-256 matches.
//!
//! One process at a time holds `NAME.lock`. The lock file is never removed, because a removed one
//! could be locked twice. [`super::client`] connects to the server.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use shared::fs::{self, Asked, FsError};
use shared::log::Progress;
use thiserror::Error;

use super::client::Client;

/// Pauses before each retry; an attempt that received bytes starts over with the first.
pub const PAUSES: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(16),
];

/// Bytes per read.
const CHUNK: usize = 1 << 16;

/// A file to download.
#[derive(Clone, Copy, Debug)]
pub struct Download<'a> {
    /// Its address.
    pub url: &'a str,
    /// Its destination; the folder is created.
    pub path: &'a Path,
    /// Its SHA-256 in lower-case hexadecimal.
    pub sha256: &'a str,
    /// Its length.
    pub bytes: u64,
    /// Pauses before each retry.
    pub pauses: &'a [Duration],
    /// Connects to the server.
    pub client: &'a Client,
}

/// The outcome of a successful download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Got {
    /// The file was already complete.
    Already,
    /// Missing bytes were fetched.
    Fetched,
}

/// Why a download failed.
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
    /// The disk has no room for the missing bytes.
    #[error(
        "{path} needs {needed} more bytes and its disk has {free}: make room, or set XDG_CACHE_HOME to a \
         folder on another"
    )]
    NoRoom {
        /// The file.
        path: PathBuf,
        /// Missing bytes.
        needed: u64,
        /// Free bytes.
        free: u64,
    },
    /// The server refused the request.
    #[error("{url} answers with status {status} ({way})")]
    Refused {
        /// The address.
        url: String,
        /// The route to the server.
        way: String,
        /// HTTP status.
        status: u16,
    },
    /// All retries failed.
    #[error("cannot download {url} {way}: {have} of {bytes} bytes are kept for the next attempt")]
    Unreachable {
        /// The address.
        url: String,
        /// The route to the server.
        way: String,
        /// Bytes received.
        have: u64,
        /// Bytes in all.
        bytes: u64,
        /// The error of the last attempt.
        source: Box<ureq::Error>,
    },
    /// The server's certificate is not trusted.
    #[error(
        "no trusted connection to {url} {way}; if a proxy intercepts TLS, set SSL_CERT_FILE to its \
         certificates (PEM)"
    )]
    Untrusted {
        /// The address.
        url: String,
        /// The route to the server.
        way: String,
        /// The error of the handshake.
        source: Box<ureq::Error>,
    },
    /// The received file is another one.
    #[error("{url} is another file: SHA-256 {got}, expected {expected}; nothing was kept ({way})")]
    WrongBytes {
        /// The address.
        url: String,
        /// The route to the server.
        way: String,
        /// SHA-256 of the received bytes, or their excess length.
        got: String,
        /// The expected SHA-256.
        expected: String,
    },
}

/// The outcome of an attempt that did not fail for good.
enum Attempt {
    /// All bytes were received.
    Complete,
    /// Bytes are missing.
    Cut(ureq::Error),
}

impl Download<'_> {
    /// Downloads the file unless it is already complete.
    ///
    /// # Errors
    /// When the server refuses, all retries fail, the file is not the expected one, or the disk is
    /// full.
    pub fn run(&self) -> Result<Got, DownloadError> {
        fs::create_folder(self.path.parent().unwrap_or(Path::new(".")))?;
        let lock = fs::open_append(beside(self.path, ".lock"))?;
        // Without locks, two processes may corrupt the file; the SHA-256 detects it.
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

    /// Retries until all bytes are received.
    fn fill(&self, part: &mut File) -> Result<(), DownloadError> {
        let title = format!("bytes of {}", self.path.file_name().unwrap_or_default().display());
        let template = "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} eta {eta}";
        let progress = Progress::resumed(title, self.bytes, self.length(part)?, template);
        let mut pauses = self.pauses.iter();
        loop {
            let before = self.length(part)?;
            let cause = match self.attempt(part, &progress)? {
                Attempt::Complete => return Ok(()),
                Attempt::Cut(cause) => cause,
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
                    tracing::warn!(
                        "{}: {cause}; {have} of {} bytes received, retrying",
                        self.url,
                        self.bytes
                    );
                    std::thread::sleep(pause);
                }
                _ => {
                    let (url, way) = (self.url.into(), self.client.way().into());
                    let (bytes, source) = (self.bytes, Box::new(cause));
                    return Err(DownloadError::Unreachable { url, way, have, bytes, source });
                }
            }
        }
    }

    fn part(&self) -> PathBuf {
        unfinished(self.path)
    }

    fn attempt(&self, part: &mut File, progress: &Progress) -> Result<Attempt, DownloadError> {
        let mut have = self.length(part)?;
        if have > self.bytes {
            part.set_len(0).map_err(self.failed("empty"))?;
            have = 0;
        }
        if have == self.bytes {
            return Ok(Attempt::Complete);
        }
        // A compressed body cannot be resumed.
        let mut request = self.client.agent().get(self.url).header("accept-encoding", "identity");
        if have > 0 {
            request = request.header("range", format!("bytes={have}-"));
        }
        let response = match request.call() {
            Ok(response) => response,
            Err(e) => return Ok(Attempt::Cut(e)),
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
            // The server ignored the range, sent another one, or says that it is too long: start
            // over.
            200 | 206 | 416 => {
                if have > 0 {
                    part.set_len(0).map_err(self.failed("empty"))?;
                }
                if status != 200 {
                    return Ok(Attempt::Cut(ureq::Error::StatusCode(status)));
                }
                have = 0;
            }
            408 | 429 | 500..=599 => return Ok(Attempt::Cut(ureq::Error::StatusCode(status))),
            _ => {
                return Err(DownloadError::Refused {
                    url: self.url.into(),
                    way: self.client.way().into(),
                    status,
                });
            }
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
    ) -> Result<Attempt, DownloadError> {
        // One byte more than expected is let through, so that an excess is detected.
        let mut body = response.into_body().into_with_config().limit(left + 2).reader();
        let mut buffer = vec![0; CHUNK];
        loop {
            let n = match body.read(&mut buffer) {
                Ok(0) if left == 0 => return Ok(Attempt::Complete),
                Ok(0) => {
                    return Ok(Attempt::Cut(ureq::Error::Io(io::ErrorKind::UnexpectedEof.into())));
                }
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Ok(Attempt::Cut(ureq::Error::Io(e))),
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
        // A retry would append to wrong bytes. If the removal fails, the next check detects them
        // again.
        let _ = fs::remove(self.part());
        DownloadError::WrongBytes {
            url: self.url.into(),
            way: self.client.way().into(),
            got,
            expected: self.sha256.into(),
        }
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

/// The file that holds the received bytes of `path` until they are complete.
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

/// Copies all bytes and returns their SHA-256 in lower-case hexadecimal.
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

/// Reports if the TLS handshake failed: a retry cannot succeed.
fn is_untrusted(cause: &ureq::Error) -> bool {
    match cause {
        ureq::Error::Rustls(_) => true,
        // rustls uses this kind for every fault of the peer.
        ureq::Error::Io(e) => e.kind() == io::ErrorKind::InvalidData,
        _ => false,
    }
}

/// Removes the received bytes of a file that was imported, unless another process is downloading
/// it.
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
