//! The candidate colours of each pixel: dithering and tolerance.

use clap::ValueEnum;
use shared::picture::Picture;

use super::lzw::Offers;
use super::palette::Palette;
use super::rgb::{distance, pixels};

/// The dithering of colours that the palette lacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Dither {
    /// The nearest colour: the smallest file, and the least error of each pixel
    #[default]
    None,
    /// A fixed pattern: smooth gradients without flicker
    Ordered,
    /// Error diffusion (Floyd and Steinberg 1976): the finest, and the largest file
    Diffusion,
}

/// The wanted colours and candidate symbols of a frame.
#[derive(Debug)]
pub struct Wanted {
    /// The wanted colour of each pixel, with dithering.
    pub colors: Vec<[u8; 3]>,
    /// The candidates within the tolerance, nearest first.
    pub offers: Vec<Offers>,
}

/// The shown frame, whose pixels may stay.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// The shown symbols.
    pub symbols: &'a [u8],
    /// The colours that they were chosen for.
    pub meant: &'a [[u8; 3]],
}

/// From colours to symbols.
#[derive(Clone, Debug)]
pub struct Quantizer {
    /// The colours there are.
    pub palette: Palette,
    dither: Dither,
    /// The squared distance by which a symbol may be worse than the best.
    allowance: u32,
}

impl Quantizer {
    /// Symbols of `palette` that are at most `tolerance` levels of each channel worse than the
    /// best.
    #[must_use]
    pub fn new(palette: Palette, dither: Dither, tolerance: f64) -> Self {
        let mut quantizer = Self { palette, dither, allowance: 0 };
        quantizer.tolerate(tolerance);
        quantizer
    }

    /// Sets the tolerance: the excess error of a symbol over the best, in levels of each channel.
    pub fn tolerate(&mut self, tolerance: f64) {
        self.allowance = (3.0 * tolerance * tolerance).round() as u32;
    }

    /// Reports if a frame depends on the previous one, so that frames cannot be quantized in
    /// parallel.
    #[must_use]
    pub fn is_sequential(&self) -> bool {
        self.dither == Dither::Diffusion
    }

    /// The candidates for a frame's pixels; `shown` is the previous frame.
    #[must_use]
    pub fn wanted(&self, frame: &Picture, shown: Option<Shown<'_>>) -> Wanted {
        let colors = match self.dither {
            Dither::None => pixels(frame).collect(),
            Dither::Ordered => self.ordered(frame),
            Dither::Diffusion => self.diffused(frame, shown),
        };
        let offers = colors.iter().map(|&color| self.offers(color)).collect();
        Wanted { colors, offers }
    }

    /// The excess error of the shown symbol over the best of `offers` for a pixel with the wanted
    /// `color`; `None` beyond the tolerance.
    #[must_use]
    pub fn staying(&self, color: [u8; 3], offers: &Offers, shown: u8) -> Option<u32> {
        let apart = |symbol: u8| distance(color, self.palette.colors()[usize::from(symbol)]);
        let best = offers.iter().next().map_or(0, |(symbol, _)| apart(symbol));
        Some(apart(shown).saturating_sub(best)).filter(|&error| error <= self.allowance)
    }

    fn offers(&self, color: [u8; 3]) -> Offers {
        let best = self.palette.nearest(color);
        let mut offers = Offers::default();
        offers.add(best, 0);
        if self.allowance > 0 {
            for &symbol in self.palette.neighbours(best) {
                if let Some(error) = self.staying(color, &offers, symbol) {
                    offers.add(symbol, error);
                }
            }
        }
        offers
    }

    /// Ordered dithering (Bayer 1973): moves colours by a threshold, at most half way to the next
    /// of the palette. Channels are offset in the pattern; otherwise only lighter and darker
    /// colours would be mixed.
    fn ordered(&self, frame: &Picture) -> Vec<[u8; 3]> {
        // A complete palette needs no dithering.
        let mut reach = if self.palette.error() > 0.0 { self.palette.spacing() } else { 0.0 };
        let mut places = PLACES;
        if frame.channels == 1 {
            // Greys move in all channels at once.
            (reach, places) = (reach / 3f64.sqrt(), [(0, 0); 3]);
        }
        let threshold = |x: usize, y: usize| ((bayer(x % 8, y % 8) - 0.5) * reach).round() as i32;
        let pattern: [[i32; 3]; 64] =
            std::array::from_fn(|i| places.map(|(x, y)| threshold(i % 8 + x, i / 8 + y)));
        let across = frame.width as usize;
        let moved = |(i, color): (usize, [u8; 3])| {
            let by = pattern[i / across % 8 * 8 + i % across % 8];
            std::array::from_fn(|c| (i32::from(color[c]) + by[c]).clamp(0, 255) as u8)
        };
        pixels(frame).enumerate().map(moved).collect()
    }

    /// Error diffusion in serpentine order. A pixel whose colour has hardly changed since its
    /// symbol was chosen keeps it; otherwise the pattern would swim.
    fn diffused(&self, frame: &Picture, shown: Option<Shown<'_>>) -> Vec<[u8; 3]> {
        let (across, palette) = (frame.width as usize, self.palette.colors());
        let mut colors: Vec<[u8; 3]> = pixels(frame).collect();
        // In sixteenths of a level, for this row and the next, with one more pixel at each end.
        let (mut here, mut below) = (vec![[0i32; 3]; across + 2], vec![[0i32; 3]; across + 2]);
        for (y, row) in colors.chunks_exact_mut(across).enumerate() {
            let backwards = y % 2 == 1;
            for step in 0..across {
                let x = if backwards { across - 1 - step } else { step };
                let still =
                    shown.filter(|s| distance(s.meant[y * across + x], row[x]) <= self.allowance);
                let want: [i32; 3] = std::array::from_fn(|c| {
                    i32::from(row[x][c]) + (here[x + 1][c] + 8).div_euclid(16)
                });
                let bounded = want.map(|c| c.clamp(0, 255) as u8);
                let symbol = still.map_or_else(
                    || palette[usize::from(self.palette.nearest(bounded))],
                    |s| palette[usize::from(s.symbols[y * across + x])],
                );
                row[x] = if still.is_some() { symbol } else { bounded };
                // Bounded: errors beyond the palette's range would accumulate.
                let lack: [i32; 3] = std::array::from_fn(|c| {
                    (i32::from(bounded[c]) - i32::from(symbol[c])).clamp(-64, 64)
                });
                let (ahead, behind) = if backwards { (x, x + 2) } else { (x + 2, x) };
                for c in 0..3 {
                    here[ahead][c] += 7 * lack[c];
                    below[behind][c] += 3 * lack[c];
                    below[x + 1][c] += 5 * lack[c];
                    below[ahead][c] += lack[c];
                }
            }
            std::mem::swap(&mut here, &mut below);
            below.fill([0; 3]);
        }
        colors
    }
}

/// The offset of the pattern in each channel.
const PLACES: [(usize, usize); 3] = [(0, 0), (3, 5), (6, 2)];

/// The threshold of a place in an 8×8 pattern, above 0 and below 1: the bits of `x ^ y` and `y`,
/// interlaced and mirrored.
fn bayer(x: usize, y: usize) -> f64 {
    let rank = (0..3).fold(0, |rank, bit| rank << 2 | ((x ^ y) >> bit & 1) << 1 | (y >> bit & 1));
    (rank as f64 + 0.5) / 64.0
}

#[cfg(test)]
mod tests {
    use super::super::palette::Samples;
    use super::*;

    fn greys(list: &[u8]) -> Palette {
        Palette::of(list.iter().map(|&v| [v; 3]).collect())
    }

    /// The mean of the colours chosen first.
    fn mean(quantizer: &Quantizer, frame: &Picture) -> f64 {
        let wanted = quantizer.wanted(frame, None);
        let first = |offers: &Offers| offers.iter().next().expect("every pixel offers a symbol").0;
        wanted
            .offers
            .iter()
            .map(|o| f64::from(quantizer.palette.colors()[usize::from(first(o))][0]))
            .sum::<f64>()
            / wanted.offers.len() as f64
    }

    #[test]
    fn thresholds_are_all_there_once() {
        let mut all: Vec<u32> = (0..64).map(|i| (bayer(i % 8, i / 8) * 64.0) as u32).collect();
        all.sort_unstable();
        assert!(all.iter().copied().eq(0..64));
    }

    #[test]
    fn diffusion_mixes_what_a_palette_lacks_and_none_does_not() {
        let frame = Picture::filled(40, 40, 1, 90);
        let of = |dither| mean(&Quantizer::new(greys(&[0, 80, 120, 255]), dither, 0.0), &frame);
        assert!((of(Dither::None) - 80.0).abs() < 1e-9);
        assert!((of(Dither::Diffusion) - 90.0).abs() < 1.0, "{}", of(Dither::Diffusion));
    }

    #[test]
    fn a_pattern_mixes_too_and_does_not_move() {
        let frames = [Picture::filled(64, 64, 1, 100), Picture::filled(64, 64, 3, 20)];
        // Learned from 64 greys, so that it is known to lack colours.
        let gradient =
            Picture { width: 64, height: 1, channels: 1, pixels: (0..64).map(|v| v * 4).collect() };
        let palette = || {
            let mut samples = Samples::new(64);
            samples.add(&gradient);
            Palette::learn(samples, 8)
        };
        let quantizer = Quantizer::new(palette(), Dither::Ordered, 0.0);
        let off = (mean(&quantizer, &frames[0]) - 100.0).abs();
        let plain = Quantizer::new(palette(), Dither::None, 0.0);
        assert!(off < 4.0 && off < (mean(&plain, &frames[0]) - 100.0).abs(), "{off}");
        assert_eq!(
            quantizer.wanted(&frames[1], None).offers,
            quantizer.wanted(&frames[1], None).offers
        );
    }

    #[test]
    fn tolerance_offers_what_is_near_and_nothing_else() {
        let quantizer = Quantizer::new(greys(&[10, 14, 30, 200]), Dither::None, 5.0);
        let wanted = quantizer
            .wanted(&Picture { width: 2, height: 1, channels: 1, pixels: vec![11, 28] }, None);
        let symbols = |i: usize| wanted.offers[i].iter().map(|(s, _)| s).collect::<Vec<u8>>();
        assert_eq!((symbols(0), symbols(1)), (vec![0, 1], vec![2]));
        assert_eq!(quantizer.staying([11; 3], &wanted.offers[0], 0), Some(0));
        // 3² − 1² for each channel, and 19² − 1².
        assert_eq!(quantizer.staying([11; 3], &wanted.offers[0], 1), Some(24));
        assert_eq!(quantizer.staying([11; 3], &wanted.offers[0], 2), None);
    }
}
