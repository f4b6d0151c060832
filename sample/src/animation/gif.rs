//! Frames → GIF with one palette for all of them. Of each frame only what changed is stored; what may stay is transparent.

use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use anyhow::Result;
use gif::{DisposalMethod, Encoder, Frame, Repeat};
use rayon::prelude::*;
use shared::fs::{AtomicFile, FsError};
use shared::picture::{Picture, Window};

use super::area::{self, ONE_PIXEL};
use super::lzw::{self, Offers};
use super::quantize::{Quantizer, Shown, Wanted};
use super::rate::Rate;
use super::rgb::pixels;
use super::stage::Sink;
use super::timing::Timing;

/// GIF counts hundredths of a second.
const UNITS: f64 = 100.0;

/// The most colours: one symbol of the 256 is for what stays.
pub const COLORS: usize = 255;

/// Frames that are packed with one tolerance.
const STEADY: usize = 8;

/// A GIF being written.
pub struct GifFile {
    path: PathBuf,
    encoder: Encoder<BufWriter<AtomicFile>>,
    quantizer: Quantizer,
    timing: Timing,
    rate: Rate,
    extent: (u32, u32),
    /// Symbols on the screen and the colours that they were chosen for; empty before the first frame.
    shown: Vec<u8>,
    meant: Vec<[u8; 3]>,
    written: usize,
}

impl GifFile {
    /// Begins the file `path` of frames of `extent`, each side of which is at most 65,535. `rate` says how tolerant `quantizer` becomes.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create(path: &Path, extent: (u32, u32), quantizer: Quantizer, timing: Timing, rate: Rate) -> Result<Self> {
        let file = BufWriter::with_capacity(1 << 20, AtomicFile::create(path)?);
        let mut table = quantizer.palette.colors().concat();
        // The transparent one.
        table.extend([0; 3]);
        let (width, height) = (extent.0 as u16, extent.1 as u16);
        let failed = |e| failed(path, io::Error::other(e));
        let mut encoder = Encoder::new(file, width, height, &table).map_err(failed)?;
        // What is said are the repetitions after the first time; none is said by saying nothing.
        let repeat = timing.plays.checked_sub(1).map_or(Repeat::Infinite, Repeat::Finite);
        encoder.set_repeat(repeat).map_err(failed)?;
        let path = path.into();
        Ok(Self { path, encoder, quantizer, timing, rate, extent, shown: Vec::new(), meant: Vec::new(), written: 0 })
    }

    /// The symbol that means "what was there before".
    fn transparent(&self) -> u8 {
        self.quantizer.palette.colors().len() as u8
    }

    /// Packs frames with one tolerance; the bytes of the pixels of each.
    fn pack(&mut self, frames: &[Picture]) -> Result<Vec<u64>> {
        let mut sizes = Vec::with_capacity(frames.len());
        if self.quantizer.is_sequential() {
            for frame in frames {
                let shown = (!self.shown.is_empty()).then_some(Shown { symbols: &self.shown, meant: &self.meant });
                let wanted = self.quantizer.wanted(frame, shown);
                sizes.push(self.put(frame, wanted)?);
            }
            return Ok(sizes);
        }
        // A few at a time: offers take many times the memory of a frame.
        for group in frames.chunks(rayon::current_num_threads()) {
            let wanted: Vec<Wanted> = group.par_iter().map(|frame| self.quantizer.wanted(frame, None)).collect();
            for (frame, wanted) in group.iter().zip(wanted) {
                sizes.push(self.put(frame, wanted)?);
            }
        }
        Ok(sizes)
    }

    /// Packs a frame; the bytes of its pixels.
    fn put(&mut self, frame: &Picture, wanted: Wanted) -> Result<u64> {
        let (window, offers) = self.cut(wanted);
        let (bytes, taken) = lzw::encode(&offers, usize::from(self.transparent()) + 1);
        drop(offers);
        self.show(window, taken, frame);
        let Window { left, top, width, height } = window;
        let size = bytes.len() as u64;
        let stored = Frame {
            delay: u16::try_from(self.timing.delay(self.written, UNITS)).unwrap_or(u16::MAX),
            dispose: DisposalMethod::Keep,
            transparent: (self.written > 0).then(|| self.transparent()),
            left: left as u16,
            top: top as u16,
            width: width as u16,
            height: height as u16,
            buffer: bytes.into(),
            ..Frame::default()
        };
        self.written += 1;
        self.encoder.write_lzw_pre_encoded_frame(&stored).map_err(|e| failed(&self.path, io::Error::other(e)))?;
        Ok(size)
    }

    /// What must be stored of a frame: a window, and what each pixel there may become.
    fn cut(&self, wanted: Wanted) -> (Window, Vec<Offers>) {
        let (width, height) = self.extent;
        let Wanted { colors, mut offers } = wanted;
        if self.written == 0 {
            return (Window { left: 0, top: 0, width, height }, offers);
        }
        // All of it in place: offers take many times the memory of a frame.
        let transparent = self.transparent();
        offers.par_iter_mut().zip(colors).zip(&self.shown).with_min_len(1 << 12).for_each(|((offers, color), &shown)| {
            if let Some(error) = self.quantizer.staying(color, offers, shown) {
                offers.add_first(transparent, error);
            }
        });
        let stays = |offers: &Offers| offers.iter().next().is_some_and(|(symbol, _)| symbol == transparent);
        let window = area::window(width, height, |i| !stays(&offers[i])).unwrap_or(ONE_PIXEL);
        // Each moves forward or stays.
        let count = within(width, window).enumerate().map(|(to, from)| offers[to] = offers[from]).count();
        offers.truncate(count);
        (window, offers)
    }

    /// Notes what is on the screen after a frame.
    fn show(&mut self, window: Window, taken: Vec<u8>, frame: &Picture) {
        if self.shown.is_empty() {
            self.shown = taken;
            self.meant = pixels(frame).collect();
            return;
        }
        let transparent = self.transparent();
        let n = frame.channels as usize;
        for (i, symbol) in within(self.extent.0, window).zip(taken) {
            if symbol != transparent {
                self.shown[i] = symbol;
                self.meant[i] = std::array::from_fn(|c| frame.pixels[i * n + c.min(n - 1)]);
            }
        }
    }
}

/// The indices of a window's pixels in a frame of this width.
fn within(width: u32, window: Window) -> impl Iterator<Item = usize> {
    let Window { left, top, width: across, height } = window;
    (top..top + height).flat_map(move |y| (left..left + across).map(move |x| y as usize * width as usize + x as usize))
}

fn failed(path: &Path, source: io::Error) -> anyhow::Error {
    FsError { operation: "write", path: path.to_owned(), source }.into()
}

impl Sink for GifFile {
    fn push(&mut self, frames: Vec<Picture>) -> Result<()> {
        for frames in frames.chunks(STEADY) {
            let sizes = self.pack(frames)?;
            // Between as many frames as ever, however many threads there are.
            self.quantizer.tolerate(self.rate.after(&sizes));
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<u64> {
        let Self { path, encoder, .. } = *self;
        let buffered = encoder.into_inner().map_err(|e| failed(&path, io::Error::other(e)))?;
        super::stage::commit(buffered, &path)
    }
}
