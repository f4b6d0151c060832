//! The shown frame of a GIF, and the changes to the next one.

use anyhow::Result;
use rayon::prelude::*;
use shared::picture::{Picture, Window};

use super::area::{self, ONE_PIXEL};
use super::lzw::{self, Offers};
use super::quantize::{Quantizer, Shown, Wanted};
use super::rgb::pixels;

/// A screen of a GIF.
#[derive(Clone, Debug)]
pub struct Screen {
    quantizer: Quantizer,
    extent: (u32, u32),
    /// The shown symbols and the colours that they were chosen for; empty before the first frame.
    shown: Vec<u8>,
    meant: Vec<[u8; 3]>,
}

/// A packed frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// The changed window.
    pub window: Window,
    /// Its pixels, as LZW.
    pub bytes: Vec<u8>,
}

impl Screen {
    /// An empty screen of this width and height for the symbols of `quantizer`.
    #[must_use]
    pub fn new(quantizer: Quantizer, extent: (u32, u32)) -> Self {
        Self { quantizer, extent, shown: Vec::new(), meant: Vec::new() }
    }

    /// Sets the tolerance in levels.
    pub fn tolerate(&mut self, levels: f64) {
        self.quantizer.tolerate(levels);
    }

    /// The transparent symbol.
    #[must_use]
    pub fn transparent(&self) -> u8 {
        self.quantizer.palette.colors().len() as u8
    }

    /// Packs frames with one tolerance and passes them to `take`; returns the bytes of each frame's
    /// pixels.
    ///
    /// # Errors
    /// When `take` fails.
    pub fn pack(
        &mut self,
        frames: &[Picture],
        mut take: impl FnMut(Packed) -> Result<()>,
    ) -> Result<Vec<u64>> {
        let mut sizes = Vec::with_capacity(frames.len());
        let mut put = |screen: &mut Self, frame: &Picture, wanted: Wanted| {
            let packed = screen.change(frame, wanted);
            sizes.push(packed.bytes.len() as u64);
            take(packed)
        };
        if self.quantizer.is_sequential() {
            for frame in frames {
                let shown = (!self.shown.is_empty())
                    .then_some(Shown { symbols: &self.shown, meant: &self.meant });
                let wanted = self.quantizer.wanted(frame, shown);
                put(self, frame, wanted)?;
            }
            return Ok(sizes);
        }
        // A few at a time: candidates take many times the memory of a frame.
        for group in frames.chunks(rayon::current_num_threads()) {
            let wanted: Vec<Wanted> =
                group.par_iter().map(|frame| self.quantizer.wanted(frame, None)).collect();
            for (frame, wanted) in group.iter().zip(wanted) {
                put(self, frame, wanted)?;
            }
        }
        Ok(sizes)
    }

    /// Packs and shows a frame.
    fn change(&mut self, frame: &Picture, wanted: Wanted) -> Packed {
        let (window, offers) = self.cut(wanted);
        let (bytes, taken) = lzw::encode(&offers, usize::from(self.transparent()) + 1);
        drop(offers);
        self.show(window, taken, frame);
        Packed { window, bytes }
    }

    /// The changed window of a frame, with the candidates of its pixels.
    fn cut(&self, wanted: Wanted) -> (Window, Vec<Offers>) {
        let (width, height) = self.extent;
        let Wanted { colors, mut offers } = wanted;
        if self.shown.is_empty() {
            return (Window { left: 0, top: 0, width, height }, offers);
        }
        // In place: candidates take many times the memory of a frame.
        let transparent = self.transparent();
        offers.par_iter_mut().zip(colors).zip(&self.shown).with_min_len(1 << 12).for_each(
            |((offers, color), &shown)| {
                if let Some(error) = self.quantizer.staying(color, offers, shown) {
                    offers.add_first(transparent, error);
                }
            },
        );
        let stays =
            |offers: &Offers| offers.iter().next().is_some_and(|(symbol, _)| symbol == transparent);
        let window = area::window(width, height, |i| !stays(&offers[i])).unwrap_or(ONE_PIXEL);
        // Every candidate moves forward or stays.
        let count =
            within(width, window).enumerate().map(|(to, from)| offers[to] = offers[from]).count();
        offers.truncate(count);
        (window, offers)
    }

    /// Records the shown symbols after a frame.
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
    (top..top + height).flat_map(move |y| {
        (left..left + across).map(move |x| y as usize * width as usize + x as usize)
    })
}
