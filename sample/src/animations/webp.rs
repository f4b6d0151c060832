//! Frames → lossless animated WebP (RFC 9649). Only the changed window of each frame is stored.

use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use shared::fs::{AtomicFile, FsError};
use shared::picture::{Picture, Window};

use super::area;
use super::stage::Sink;
use super::timing::Timing;

/// Units per second: WebP stores milliseconds.
const UNITS: f64 = 1000.0;
/// Offset of the picture's chunk in a WebP file of one picture: after `RIFF`, the length and
/// `WEBP`.
const PICTURE: usize = 12;
/// File flag: animation.
const ANIMATED: u8 = 0b10;
/// Frame flags: do not blend, do not dispose.
const REPLACES: u8 = 0b10;
/// Durations, positions and extents have 24 bits.
const LARGEST: u64 = (1 << 24) - 1;

/// An animated WebP in progress.
pub struct WebPFile {
    path: PathBuf,
    file: BufWriter<AtomicFile>,
    timing: Timing,
    before: Option<Picture>,
    written: usize,
    bytes: u64,
}

impl WebPFile {
    /// Creates the file `path` for frames of `extent`, with sides of at most 16,383.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create(path: &Path, extent: (u32, u32), timing: Timing) -> Result<Self> {
        let file = BufWriter::with_capacity(1 << 20, AtomicFile::create(path)?);
        let mut webp = Self { path: path.into(), file, timing, before: None, written: 0, bytes: 0 };
        // The length is patched at the end.
        webp.write(&[b"RIFF", &[0; 4], b"WEBP"])?;
        webp.chunk(*b"VP8X", &[&[ANIMATED, 0, 0, 0], &three(extent.0 - 1), &three(extent.1 - 1)])?;
        // The first frame covers the background.
        webp.chunk(*b"ANIM", &[&[0; 4], &timing.plays.to_le_bytes()])?;
        Ok(webp)
    }

    fn write(&mut self, parts: &[&[u8]]) -> Result<()> {
        self.bytes += parts.iter().map(|part| part.len() as u64).sum::<u64>();
        let written = parts.iter().try_for_each(|part| self.file.write_all(part));
        written.map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> anyhow::Error {
        FsError { operation: "write", path: self.path.clone(), source }.into()
    }

    /// Writes a chunk, padded to an even length.
    fn chunk(&mut self, name: [u8; 4], parts: &[&[u8]]) -> Result<()> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        self.write(&[&name, &(length as u32).to_le_bytes()])?;
        self.write(parts)?;
        self.write(&[&[0u8; 1][..length % 2]])
    }

    /// Writes a frame, whose window is the file `picture`.
    fn put(&mut self, window: Window, picture: &[u8]) -> Result<()> {
        let duration = self.timing.delay(self.written, UNITS).min(LARGEST) as u32;
        let head: Vec<[u8; 3]> =
            [window.left / 2, window.top / 2, window.width - 1, window.height - 1, duration]
                .into_iter()
                .map(three)
                .collect();
        self.chunk(
            *b"ANMF",
            &[head.as_flattened(), &[REPLACES], picture.get(PICTURE..).unwrap_or(&[])],
        )?;
        self.written += 1;
        Ok(())
    }
}

/// The lower 24 bits.
fn three(value: u32) -> [u8; 3] {
    let [a, b, c, _] = value.to_le_bytes();
    [a, b, c]
}

/// Enlarges a window to begin at even positions, as the format requires.
fn evened(window: Window) -> Window {
    let (left, top) = (window.left & !1, window.top & !1);
    Window {
        left,
        top,
        width: window.width + window.left - left,
        height: window.height + window.top - top,
    }
}

impl Sink for WebPFile {
    fn push(&mut self, frames: Vec<Picture>) -> Result<()> {
        for (window, picture) in
            area::packed(self.before.as_ref(), &frames, evened, Picture::to_webp)?
        {
            self.put(window, &picture)?;
        }
        self.before = frames.into_iter().next_back();
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<u64> {
        let Ok(length) = u32::try_from(self.bytes - 8) else {
            bail!(
                "{}: a WebP has at most 4 GiB; use fewer frames, a smaller --scale, or a video",
                self.path.display()
            );
        };
        let patched = self
            .file
            .seek(SeekFrom::Start(4))
            .and_then(|_| self.file.write_all(&length.to_le_bytes()));
        patched.map_err(|source| self.failed(source))?;
        super::stage::commit(self.file, &self.path)
    }
}
