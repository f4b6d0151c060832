//! GIF's LZW for pixels with several candidate symbols: the encoder takes the candidates that
//! continue the longest known run. Libraries encode only one symbol per pixel.

/// Maximum candidate symbols of a pixel.
pub const OFFERS: usize = 4;
/// Maximum bits of a code (GIF89a, appendix F).
const MOST_BITS: u32 = 12;
const CODES: usize = 1 << MOST_BITS;

/// The candidate symbols of a pixel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offers {
    symbols: [u8; OFFERS],
    /// Excess error of each candidate over the best; breaks ties between runs of equal length.
    errors: [u32; OFFERS],
    count: u8,
}

impl Offers {
    /// Adds a symbol, if there is room.
    pub fn add(&mut self, symbol: u8, error: u32) {
        let at = usize::from(self.count);
        if at < OFFERS {
            (self.symbols[at], self.errors[at]) = (symbol, error);
            self.count += 1;
        }
    }

    /// Adds a symbol before all others, dropping the last if there is no room.
    pub fn add_first(&mut self, symbol: u8, error: u32) {
        self.symbols.rotate_right(1);
        self.errors.rotate_right(1);
        (self.symbols[0], self.errors[0]) = (symbol, error);
        self.count = (self.count + 1).min(OFFERS as u8);
    }

    /// The symbols with their errors, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (u8, u32)> + '_ {
        self.symbols.iter().copied().zip(self.errors.iter().copied()).take(usize::from(self.count))
    }
}

/// A bit stream, least-significant bit first.
#[derive(Debug, Default)]
struct Bits {
    bytes: Vec<u8>,
    held: u32,
    count: u32,
}

impl Bits {
    fn put(&mut self, code: u16, bits: u32) {
        self.held |= u32::from(code) << self.count;
        self.count += bits;
        while self.count >= 8 {
            self.bytes.push(self.held as u8);
            self.held >>= 8;
            self.count -= 8;
        }
    }

    fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            self.bytes.push(self.held as u8);
        }
        self.bytes
    }
}

/// The known runs; a run's index is its code.
#[derive(Debug)]
struct Runs {
    /// [code][symbol]: the continued run; 0 if there is none.
    longer: Vec<u16>,
    /// Each run's prefix and last symbol.
    ends: Vec<(u16, u8)>,
    clear: u16,
    next: usize,
}

impl Runs {
    fn new(clear: u16) -> Self {
        let ends = (0..CODES).map(|code| (0, code as u8)).collect();
        Self { longer: vec![0; CODES << 8], ends, clear, next: usize::from(clear) + 2 }
    }

    fn forget(&mut self) {
        for code in usize::from(self.clear) + 2..self.next {
            let (shorter, symbol) = self.ends[code];
            self.longer[usize::from(shorter) << 8 | usize::from(symbol)] = 0;
        }
        self.next = usize::from(self.clear) + 2;
    }

    fn learn(&mut self, code: usize, shorter: u16, symbol: u8) {
        self.ends[code] = (shorter, symbol);
        let longer = &mut self.longer[usize::from(shorter) << 8 | usize::from(symbol)];
        // A duplicate still uses up a code, because a decoder counts it.
        if *longer == 0 {
            *longer = code as u16;
        }
    }
}

/// A matching run: number of pixels, sum of their errors, code.
#[derive(Clone, Copy, Debug)]
struct Found {
    pixels: usize,
    error: u64,
    code: u16,
}

/// The longest run of `offers` from `at`; ties go to the least error, then to the first candidate.
/// (Stopping earlier at a growing error was tried and is no better at any size.)
fn longest(runs: &Runs, offers: &[Offers], at: usize, stack: &mut Vec<Found>) -> Found {
    let mut best = Found { pixels: 0, error: u64::MAX, code: 0 };
    let starts = offers[at].iter().rev();
    stack.extend(starts.map(|(symbol, error)| Found {
        pixels: 1,
        error: error.into(),
        code: symbol.into(),
    }));
    while let Some(run) = stack.pop() {
        if run.pixels > best.pixels || run.pixels == best.pixels && run.error < best.error {
            best = run;
        }
        let Some(offered) = offers.get(at + run.pixels) else { continue };
        for (symbol, error) in offered.iter().rev() {
            let code = runs.longer[usize::from(run.code) << 8 | usize::from(symbol)];
            if code != 0 {
                stack.push(Found {
                    pixels: run.pixels + 1,
                    error: run.error + u64::from(error),
                    code,
                });
            }
        }
    }
    best
}

/// Encodes a frame: the number of bits of a symbol, then the codes. Also returns the chosen
/// symbols. Symbols are below `symbols`, and every pixel has at least one.
#[must_use]
pub fn encode(offers: &[Offers], symbols: usize) -> (Vec<u8>, Vec<u8>) {
    let symbol_bits = symbols.max(4).next_power_of_two().ilog2();
    let clear = 1u16 << symbol_bits;
    let mut runs = Runs::new(clear);
    let mut out = Bits { bytes: vec![symbol_bits as u8], ..Bits::default() };
    let (mut taken, mut stack) = (vec![0; offers.len()], Vec::new());
    let mut bits = symbol_bits + 1;
    out.put(clear, bits);
    // The last written run, and the code of its continuation by the first symbol of the next run.
    let mut open: Option<(u16, usize)> = None;
    let mut at = 0;
    while at < offers.len() {
        let run = longest(&runs, offers, at, &mut stack);
        let mut code = run.code;
        for pixel in taken[at..at + run.pixels].iter_mut().rev() {
            let (shorter, symbol) = runs.ends[usize::from(code)];
            *pixel = symbol;
            code = shorter;
        }
        if let Some((shorter, code)) = open.take() {
            runs.learn(code, shorter, taken[at]);
        }
        out.put(run.code, bits);
        at += run.pixels;
        if runs.next < CODES {
            open = Some((run.code, runs.next));
            // The code just assigned may be the next one.
            if runs.next == 1 << bits {
                bits += 1;
            }
            runs.next += 1;
        } else if at < offers.len() {
            out.put(clear, bits);
            runs.forget();
            bits = symbol_bits + 1;
        }
    }
    out.put(clear + 1, bits);
    (out.finish(), taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(pixels: &[&[u8]]) -> Vec<Offers> {
        let mut list = vec![Offers::default(); pixels.len()];
        for (offer, symbols) in list.iter_mut().zip(pixels) {
            symbols.iter().zip(0..).for_each(|(&symbol, error)| offer.add(symbol, error));
        }
        list
    }

    /// Decodes the codes.
    fn decoded(bytes: &[u8], pixels: usize, symbols: usize) -> Vec<u8> {
        let mut file = Vec::new();
        let palette = vec![0; symbols * 3];
        let mut encoder = gif::Encoder::new(&mut file, pixels as u16, 1, &palette).expect("header");
        let frame = gif::Frame {
            width: pixels as u16,
            height: 1,
            buffer: bytes.into(),
            ..gif::Frame::default()
        };
        encoder.write_lzw_pre_encoded_frame(&frame).expect("frame");
        drop(encoder);
        let mut decoder = gif::DecodeOptions::new().read_info(&file[..]).expect("header");
        decoder.read_next_frame().expect("frame").expect("one").buffer.to_vec()
    }

    #[test]
    fn one_symbol_a_pixel_is_kept_at_every_length_and_number_of_symbols() {
        for symbols in [2usize, 3, 5, 17, 128, 200, 256] {
            for pixels in [1usize, 2, 3, 255, 256, 257, 4000, 60_000] {
                let drawn: Vec<u8> = (0..pixels)
                    .map(|i| ((i * i / 7 + i % 5 * (i / 300)) % symbols) as u8)
                    .collect();
                let singles: Vec<&[u8]> = drawn.chunks(1).collect();
                let (bytes, taken) = encode(&offers(&singles), symbols);
                assert!(taken == drawn, "{symbols} symbols, {pixels} pixels");
                assert!(
                    decoded(&bytes, pixels, symbols) == drawn,
                    "{symbols} symbols, {pixels} pixels"
                );
            }
        }
    }

    #[test]
    fn every_length_near_a_change_of_width_ends_well() {
        // Pixels that differ from the previous ones take one code each, so the code width changes
        // at known places.
        let drawn: Vec<u8> = (0..800usize).map(|i| ((i * 89 + i / 256 * 31) % 256) as u8).collect();
        for pixels in 240..800 {
            let singles: Vec<&[u8]> = drawn[..pixels].chunks(1).collect();
            let (bytes, _) = encode(&offers(&singles), 256);
            assert!(decoded(&bytes, pixels, 256) == drawn[..pixels], "{pixels}");
        }
    }

    #[test]
    fn what_is_offered_first_takes_the_place_of_the_last() {
        let mut offers = Offers::default();
        let seen = |offers: &Offers| offers.iter().collect::<Vec<(u8, u32)>>();
        for (i, expected) in (0..6u8).zip([1, 2, 3, 4, 4, 4]) {
            offers.add_first(i, u32::from(i) * 10);
            assert_eq!(seen(&offers).len(), expected);
        }
        assert_eq!(seen(&offers), [(5, 50), (4, 40), (3, 30), (2, 20)]);
    }

    #[test]
    fn a_choice_makes_runs_longer_and_only_what_is_offered_is_taken() {
        let mut rng = shared::rng::stream(5, "choice", 0);
        let noise: Vec<u8> = (0..5000).map(|_| (rng.uniform() * 8.0) as u8).collect();
        let single: Vec<[u8; 1]> = noise.iter().map(|&s| [s]).collect();
        let double: Vec<[u8; 2]> = noise.iter().map(|&s| [s, s ^ 1]).collect();
        let slices =
            |list: &[[u8; 1]]| encode(&offers(&list.iter().map(|s| &s[..]).collect::<Vec<_>>()), 8);
        let (plain, _) = slices(&single);
        let (chosen, taken) =
            encode(&offers(&double.iter().map(|s| &s[..]).collect::<Vec<_>>()), 8);
        assert!(taken.iter().zip(&noise).all(|(t, n)| t >> 1 == n >> 1));
        assert!(chosen.len() * 10 < plain.len() * 8, "{} of {}", chosen.len(), plain.len());
        assert!(decoded(&chosen, 5000, 8) == taken);
    }
}
