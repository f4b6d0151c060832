//! A pinned file over HTTP. What has arrived is kept in `NAME.part` beside the final name; a connection that is cut, or a
//! process that is killed, goes on from there with a `Range` request. The final name appears when the SHA-256 holds.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use shared::fs::{self, FsError};
use shared::log::Progress;
use thiserror::Error;

/// Pauses before the next try while nothing arrives; a try that brought bytes starts over with the first.
pub const PAUSES: [Duration; 5] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8), Duration::from_secs(16)];

/// A server that says nothing for this long is given up.
const SILENCE: Duration = Duration::from_secs(30);

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
}

/// Why a file was not got.
#[derive(Debug, Error)]
pub enum DownloadError {
    /// A local file operation failed.
    #[error(transparent)]
    File(#[from] FsError),
    /// Another process is downloading the same file.
    #[error("{path} is being downloaded by another process")]
    Busy {
        /// The unfinished file.
        path: PathBuf,
    },
    /// The server refuses.
    #[error("{url} answers with status {status}")]
    Refused {
        /// What was asked for.
        url: String,
        /// HTTP status.
        status: u16,
    },
    /// No try brought anything more.
    #[error("cannot download {url}: {have} of {bytes} bytes are here and kept for the next try")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// Bytes so far.
        have: u64,
        /// Bytes in all.
        bytes: u64,
        /// What the last try said.
        source: Box<ureq::Error>,
    },
    /// All arrived, but it is something else.
    #[error("{url} gives another file: SHA-256 {got}, expected {expected}; nothing was kept")]
    WrongBytes {
        /// What was asked for.
        url: String,
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
    /// Gets the file.
    ///
    /// # Errors
    /// When the server refuses, no try brings anything more, or the bytes are not those expected.
    pub fn run(&self) -> Result<(), DownloadError> {
        fs::create_folder(self.path.parent().unwrap_or(Path::new(".")))?;
        let part_path = self.part();
        let mut part = fs::open_append(&part_path)?;
        match part.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DownloadError::Busy { path: part_path }),
            Err(TryLockError::Error(e)) => return Err(self.failed("lock")(e).into()),
        }
        let progress = Progress::new(format!("bytes of {}", self.path.file_name().unwrap_or_default().display()), self.bytes);
        let mut pauses = self.pauses.iter();
        loop {
            let before = self.length(&part)?;
            match self.attempt(&mut part, &progress)? {
                Try::Whole => break,
                Try::Cut(cause) => {
                    let have = self.length(&part)?;
                    if have > before {
                        pauses = self.pauses.iter();
                    }
                    let Some(&pause) = pauses.next() else {
                        return Err(DownloadError::Unreachable {
                            url: self.url.into(),
                            have,
                            bytes: self.bytes,
                            source: Box::new(cause),
                        });
                    };
                    tracing::warn!("{}: {cause}; {have} of {} bytes are here, trying again", self.url, self.bytes);
                    std::thread::sleep(pause);
                }
            }
        }
        let got = self.sha256_of(&mut part)?;
        if got != self.sha256 {
            return Err(self.wrong(got));
        }
        part.sync_all().map_err(self.failed("sync"))?;
        Ok(fs::rename(&part_path, self.path)?)
    }

    fn part(&self) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        self.path.with_file_name(name)
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
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(SILENCE))
            .timeout_recv_response(Some(SILENCE))
            .timeout_per_read(Some(SILENCE))
            .build()
            .into();
        // A compressed body could not be resumed in the middle.
        let mut request = agent.get(self.url).header("accept-encoding", "identity");
        if have > 0 {
            request = request.header("range", format!("bytes={have}-"));
        }
        let response = match request.call() {
            Ok(response) => response,
            Err(e @ (ureq::Error::BadUri(_) | ureq::Error::Http(_))) => {
                return Err(DownloadError::Unreachable { url: self.url.into(), have, bytes: self.bytes, source: Box::new(e) });
            }
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
                part.set_len(0).map_err(self.failed("empty"))?;
                if status != 200 {
                    return Ok(Try::Cut(ureq::Error::StatusCode(status)));
                }
                have = 0;
            }
            408 | 429 | 500..=599 => return Ok(Try::Cut(ureq::Error::StatusCode(status))),
            _ => return Err(DownloadError::Refused { url: self.url.into(), status }),
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
        DownloadError::WrongBytes { url: self.url.into(), got, expected: self.sha256.into() }
    }

    fn length(&self, part: &File) -> Result<u64, FsError> {
        Ok(part.metadata().map_err(self.failed("read"))?.len())
    }

    fn sha256_of(&self, part: &mut File) -> Result<String, FsError> {
        let mut hash = Sha256::new();
        let mut buffer = vec![0; CHUNK];
        part.seek(SeekFrom::Start(0)).map_err(self.failed("read"))?;
        loop {
            match part.read(&mut buffer).map_err(self.failed("read"))? {
                0 => return Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect()),
                n => hash.update(&buffer[..n]),
            }
        }
    }

    fn failed(&self, operation: &'static str) -> impl Fn(io::Error) -> FsError + use<> {
        let path = self.part();
        move |source| FsError { operation, path: path.clone(), source }
    }
}
