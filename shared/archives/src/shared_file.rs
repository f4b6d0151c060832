//! A file, or a window of it, shared by many readers, each with its own position.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

/// A window of an open file. A clone shares the file and has its own position. Positioned reads,
/// unlike a memory map, return an error instead of raising a signal if the file shrinks meanwhile.
#[derive(Clone, Debug)]
pub(super) struct SharedFile {
    file: Arc<File>,
    start: u64,
    length: u64,
    position: u64,
}

impl SharedFile {
    /// The whole of a file, at its present length.
    pub(super) fn new(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self { file: Arc::new(file), start: 0, length, position: 0 })
    }

    /// Length of the window in bytes.
    pub(super) fn len(&self) -> u64 {
        self.length
    }

    /// The `length` bytes from `start` as a separate window; `None` if they exceed this one.
    pub(super) fn window(&self, start: u64, length: u64) -> Option<Self> {
        let end = start.checked_add(length)?;
        (end <= self.length).then(|| Self {
            file: self.file.clone(),
            start: self.start + start,
            length,
            position: 0,
        })
    }

    /// The first `N` bytes, zero-padded.
    pub(super) fn first<const N: usize>(&self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        let there = (N as u64).min(self.length) as usize;
        self.clone().rewound().read_exact(&mut bytes[..there])?;
        Ok(bytes)
    }

    /// The same window, read from its first byte.
    pub(super) fn rewound(mut self) -> Self {
        self.position = 0;
        self
    }
}

impl Read for SharedFile {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let left = self.length.saturating_sub(self.position);
        let most = (bytes.len() as u64).min(left) as usize;
        let (bytes, at) = (&mut bytes[..most], self.start + self.position);
        #[cfg(unix)]
        let n = std::os::unix::fs::FileExt::read_at(&*self.file, bytes, at)?;
        #[cfg(windows)]
        let n = std::os::windows::fs::FileExt::seek_read(&*self.file, bytes, at)?;
        self.position += n as u64;
        Ok(n)
    }
}

impl Seek for SharedFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = position.ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "a seek to before the start")
        })?;
        Ok(self.position)
    }
}
