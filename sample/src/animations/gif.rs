//! Frames → GIF with one palette for all frames. Only the changed window of each frame is stored,
//! with unchanged pixels transparent.

use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use anyhow::Result;
use gif::{DisposalMethod, Encoder, Frame, Repeat};
use shared::fs::{AtomicFile, FsError};
use shared::picture::{Picture, Window};

use super::quantize::Quantizer;
use super::rate::Rate;
use super::screen::{Packed, Screen};
use super::stage::Sink;
use super::timing::Timing;

/// GIF counts hundredths of a second.
const UNITS: f64 = 100.0;

/// Maximum colours: one of the 256 symbols is transparent.
pub const COLORS: usize = 255;

/// Frames packed with the same tolerance.
const STEADY: usize = 8;

/// Maximum trials to find the tolerance of the first frames.
const TRIALS: usize = 5;

/// A GIF in progress.
pub struct GifFile {
    screen: Screen,
    rate: Rate,
    writer: Writer,
}

/// Writes frames to the file.
struct Writer {
    path: PathBuf,
    encoder: Encoder<BufWriter<AtomicFile>>,
    timing: Timing,
    /// The transparent symbol.
    transparent: u8,
    written: usize,
}

impl GifFile {
    /// Creates the file `path` for frames of `extent`, with sides of at most 65,535. `rate`
    /// controls the tolerance of `quantizer`.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create(
        path: &Path,
        extent: (u32, u32),
        quantizer: Quantizer,
        timing: Timing,
        rate: Rate,
    ) -> Result<Self> {
        let file = BufWriter::with_capacity(1 << 20, AtomicFile::create(path)?);
        let mut table = quantizer.palette.colors().concat();
        // The colour of the transparent symbol.
        table.extend([0; 3]);
        let (width, height) = (extent.0 as u16, extent.1 as u16);
        let failed = |e| failed(path, io::Error::other(e));
        let mut encoder = Encoder::new(file, width, height, &table).map_err(failed)?;
        // The format stores the repetitions after the first play; none is stored as nothing.
        let repeat = timing.plays.checked_sub(1).map_or(Repeat::Infinite, Repeat::Finite);
        encoder.set_repeat(repeat).map_err(failed)?;
        let path = path.into();
        let screen = Screen::new(quantizer, extent);
        let writer =
            Writer { path, encoder, timing, transparent: screen.transparent(), written: 0 };
        Ok(Self { screen, rate, writer })
    }

    /// Finds the tolerance that the budget needs on the first frames: one that grows from frame to
    /// frame would be visible.
    fn settle(&mut self, frames: &[Picture]) -> Result<()> {
        for _ in 0..TRIALS {
            let sizes = self.screen.clone().pack(frames, |_| Ok(()))?;
            let Some(tolerance) = self.rate.retry(&sizes) else { break };
            self.screen.tolerate(tolerance);
        }
        Ok(())
    }
}

impl Writer {
    /// Writes a packed frame.
    fn put(&mut self, packed: Packed) -> Result<()> {
        let Window { left, top, width, height } = packed.window;
        let stored = Frame {
            delay: u16::try_from(self.timing.delay(self.written, UNITS)).unwrap_or(u16::MAX),
            dispose: DisposalMethod::Keep,
            transparent: (self.written > 0).then_some(self.transparent),
            left: left as u16,
            top: top as u16,
            width: width as u16,
            height: height as u16,
            buffer: packed.bytes.into(),
            ..Frame::default()
        };
        self.written += 1;
        self.encoder
            .write_lzw_pre_encoded_frame(&stored)
            .map_err(|e| failed(&self.path, io::Error::other(e)))
    }
}

fn failed(path: &Path, source: io::Error) -> anyhow::Error {
    FsError { operation: "write", path: path.to_owned(), source }.into()
}

impl Sink for GifFile {
    fn push(&mut self, frames: Vec<Picture>) -> Result<()> {
        for frames in frames.chunks(STEADY) {
            if self.writer.written == 0 {
                self.settle(frames)?;
            }
            let sizes = self.screen.pack(frames, |packed| self.writer.put(packed))?;
            // After a fixed number of frames, whatever the number of threads.
            self.screen.tolerate(self.rate.after(&sizes));
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<u64> {
        let Writer { path, encoder, .. } = self.writer;
        let buffered = encoder.into_inner().map_err(|e| failed(&path, io::Error::other(e)))?;
        super::stage::commit(buffered, &path)
    }
}
