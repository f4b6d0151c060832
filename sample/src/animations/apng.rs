//! Frames → APNG: PNG with control chunks
//! (<https://www.w3.org/TR/png-3/#apng-frame-based-animation>), lossless. Only the changed window
//! of each frame is stored.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use shared::fs::{AtomicFile, FsError};
use shared::picture::{Picture, Window};

use super::area;
use super::stage::Sink;
use super::timing::Timing;

const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// An APNG in progress.
pub struct ApngFile {
    path: PathBuf,
    file: BufWriter<AtomicFile>,
    timing: Timing,
    before: Option<Picture>,
    written: usize,
    /// Sequence number of the next control or data chunk.
    sequence: u32,
}

impl ApngFile {
    /// Creates the file `path`.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create(path: &Path, timing: Timing) -> Result<Self> {
        let file = BufWriter::with_capacity(1 << 20, AtomicFile::create(path)?);
        Ok(Self { path: path.into(), file, timing, before: None, written: 0, sequence: 0 })
    }

    /// Writes a chunk: length of the data, name, data, checksum of name and data.
    fn chunk(&mut self, name: [u8; 4], parts: &[&[u8]]) -> Result<()> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let mut crc = crc32fast::Hasher::new();
        let whole = [&[&name[..]], parts].concat();
        whole.iter().for_each(|part| crc.update(part));
        let mut write = || {
            self.file.write_all(&(length as u32).to_be_bytes())?;
            whole.iter().try_for_each(|part| self.file.write_all(part))?;
            self.file.write_all(&crc.clone().finalize().to_be_bytes())
        };
        Ok(write().map_err(|source| FsError {
            operation: "write",
            path: self.path.clone(),
            source,
        })?)
    }

    fn next_number(&mut self) -> [u8; 4] {
        self.sequence += 1;
        (self.sequence - 1).to_be_bytes()
    }

    /// Writes a frame, whose window is `png`.
    fn put(&mut self, window: Window, png: &[u8]) -> Result<()> {
        let chunks: Vec<([u8; 4], &[u8])> = chunks(png).collect();
        let data = chunks.iter().filter(|(name, _)| name == b"IDAT").map(|(_, data)| *data);
        if self.written == 0 {
            self.file.write_all(&SIGNATURE).map_err(|source| FsError {
                operation: "write",
                path: self.path.clone(),
                source,
            })?;
            let header =
                chunks.iter().find(|(name, _)| name == b"IHDR").map_or(&[][..], |(_, data)| data);
            self.chunk(*b"IHDR", &[header])?;
            let (count, plays) = (self.timing.count as u32, u32::from(self.timing.plays));
            self.chunk(*b"acTL", &[&count.to_be_bytes(), &plays.to_be_bytes()])?;
        }
        let (above, below) = self.timing.fraction(self.written);
        let place =
            [window.width, window.height, window.left, window.top].map(u32::to_be_bytes).concat();
        let number = self.next_number();
        // The last two: dispose none, blend source.
        self.chunk(
            *b"fcTL",
            &[&number, &place, &above.to_be_bytes(), &below.to_be_bytes(), &[0, 0]],
        )?;
        for data in data {
            if self.written == 0 {
                self.chunk(*b"IDAT", &[data])?;
            } else {
                let number = self.next_number();
                self.chunk(*b"fdAT", &[&number, data])?;
            }
        }
        self.written += 1;
        Ok(())
    }
}

/// Names and data of the chunks of a PNG file.
fn chunks(png: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = png.get(SIGNATURE.len()..).unwrap_or(&[]);
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (name, after) = after.split_first_chunk::<4>()?;
        let (data, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        rest = after.get(4..)?;
        Some((*name, data))
    })
}

impl Sink for ApngFile {
    fn push(&mut self, frames: Vec<Picture>) -> Result<()> {
        for (window, picture) in
            area::packed(self.before.as_ref(), &frames, |window| window, Picture::to_png)?
        {
            self.put(window, &picture)?;
        }
        self.before = frames.into_iter().next_back();
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<u64> {
        self.chunk(*b"IEND", &[])?;
        super::stage::commit(self.file, &self.path)
    }
}
