//! PNG: chunks found and checked here, rows inflated and unfiltered by the crate `png`, one at a
//! time, so that only a window's rows are kept.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

use png::{BitDepth, ColorType, Decoder, Limits, Transformations};

use super::canvas::Layout;
use super::error::of_io;
use super::turn::Turn;
use super::{Canvas, Picture, Window};

/// Length of the signature and the header chunk behind it.
const HEAD_BYTES: usize = 33;
/// The chunk that ends a file.
const END: &[u8] = b"\0\0\0\0IEND\xae\x42\x60\x82";
/// Deflate makes at most 258 bytes of 2 bits.
const EXPANSION_LIMIT: u64 = 1032;
/// The memory of inflating beside rows: the last 32 KiB as history, its tables, rows held in
/// advance.
const WORKING_BYTES: u64 = 448 << 10;
/// First column, first row, and the distances between columns and rows, of the seven passes of an
/// interlaced picture.
const PASSES: [[u32; 4]; 7] = [
    [0, 0, 8, 8],
    [4, 0, 8, 8],
    [0, 4, 4, 8],
    [2, 0, 4, 4],
    [0, 2, 2, 4],
    [1, 0, 2, 2],
    [0, 1, 1, 2],
];

/// A PNG of which the chunks were found.
#[derive(Debug)]
pub(super) struct Png<'a> {
    width: u32,
    height: u32,
    /// Bits of a pixel as stored.
    bits: u64,
    interlaced: bool,
    profile: bool,
    turn: Turn,
    /// The chunks that decoding needs, in order: signature with header, palette, transparency, all
    /// data. Nothing else reaches the decoder.
    pieces: [&'a [u8]; 4],
    /// Why the file cannot be decoded. Kept until then: that a file claims too much is told first.
    damage: Option<String>,
}

fn word(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).fold(0, |word, &byte| word << 8 | u32::from(byte))
}

impl<'a> Png<'a> {
    /// Reads the header and walks the chunks.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, String> {
        let header = bytes
            .get(8..HEAD_BYTES)
            .filter(|h| h.starts_with(b"\0\0\0\x0dIHDR"))
            .ok_or("its header is missing")?;
        let &[depth, color, _, _, interlacing] = &header[16..21] else {
            return Err("its header is cut off".into());
        };
        let samples = match (color, depth) {
            (0, 1 | 2 | 4 | 8 | 16) | (3, 1 | 2 | 4 | 8) => 1,
            (2, 8 | 16) => 3,
            (4, 8 | 16) => 2,
            (6, 8 | 16) => 4,
            _ => return Err(format!("it claims colour type {color} with {depth} bits")),
        };
        let mut png = Self {
            width: word(&header[8..]),
            height: word(&header[12..]),
            bits: samples * u64::from(depth),
            interlaced: interlacing == 1,
            profile: false,
            turn: Turn::default(),
            pieces: [&bytes[..HEAD_BYTES], &[], &[], &[]],
            damage: None,
        };
        png.damage = png.walk(bytes, matches!(color, 4 | 6)).err();
        Ok(png)
    }

    /// Notes the chunks that matter.
    fn walk(&mut self, bytes: &'a [u8], opaque_alone: bool) -> Result<(), String> {
        let mut at = HEAD_BYTES;
        let mut data = None;
        while at < bytes.len() {
            let length = bytes.get(at..at + 4).map(|length| word(length) as usize);
            let chunk =
                length.and_then(|length| bytes.get(at..at.checked_add(length)?.checked_add(12)?));
            let chunk = chunk
                .ok_or_else(|| format!("it ends after {} bytes, inside a chunk", bytes.len()))?;
            match &chunk[4..8] {
                b"PLTE" if data.is_none() => self.pieces[1] = chunk,
                // Beside a channel of opacity it has no meaning.
                b"tRNS" if data.is_none() && !opaque_alone => self.pieces[2] = chunk,
                b"IDAT" => match data {
                    None => data = Some((at, at + chunk.len())),
                    Some((start, end)) if end == at => data = Some((start, at + chunk.len())),
                    // What follows elsewhere is not part of the picture.
                    Some(_) => {}
                },
                b"iCCP" => self.profile = true,
                b"eXIf" => self.turn = Turn::of_exif(&chunk[8..chunk.len() - 4]),
                b"IEND" => break,
                _ => {}
            }
            at += chunk.len();
        }
        let (start, end) = data.ok_or("it has no pixels")?;
        self.pieces[3] = &bytes[start..end];
        Ok(())
    }

    pub(super) fn width(&self) -> u32 {
        self.width
    }

    pub(super) fn height(&self) -> u32 {
        self.height
    }

    pub(super) fn turn(&self) -> Turn {
        self.turn
    }

    pub(super) fn has_profile(&self) -> bool {
        self.profile
    }

    /// Bytes that decoding `window` takes: the result and rows.
    pub(super) fn memory(&self, window: Window) -> u64 {
        let row = (u64::from(self.width) * self.bits).div_ceil(8);
        // Rows are unfiltered in a buffer of some, which grows by doubling, and expanded to samples
        // of 8 or 16 bits.
        let rows = row.saturating_mul(16).saturating_add(u64::from(self.width) * 8);
        (3 * u64::from(window.width))
            .saturating_mul(u64::from(window.height))
            .saturating_add(rows + WORKING_BYTES)
    }

    /// Checks what the header claims against the data, and the data's sums.
    fn check(&self) -> Result<(), String> {
        if let Some(damage) = &self.damage {
            return Err(damage.clone());
        }
        let claimed =
            (u64::from(self.width) * u64::from(self.height)).saturating_mul(self.bits) / 8;
        let data = self.pieces[3].len() as u64;
        if claimed > data.saturating_mul(EXPANSION_LIMIT) {
            return Err(format!(
                "it claims {}x{} pixels, which its {data} bytes of data cannot hold",
                self.width, self.height
            ));
        }
        // All sums here and not as the rows are read: damage is then found whatever the window.
        for piece in [&self.pieces[0][8..], self.pieces[1], self.pieces[2], self.pieces[3]] {
            let mut rest = piece;
            while let Some((head, tail)) =
                rest.split_at_checked(word(rest) as usize + 8).filter(|(_, tail)| tail.len() >= 4)
            {
                if crc32fast::hash(&head[4..]) != word(tail) {
                    return Err(format!("the sum of chunk {} is wrong", head[4..8].escape_ascii()));
                }
                rest = &tail[4..];
            }
        }
        Ok(())
    }

    /// The pixels of `window`.
    pub(super) fn decode(&self, window: Window, canvas: &Canvas) -> Result<Picture, String> {
        self.check()?;
        let text = |error: png::DecodingError| match error {
            png::DecodingError::IoError(error) => of_io(&error),
            _ => "its data do not hold together".to_owned(),
        };
        let [head, palette, transparency, data] = self.pieces;
        let pieces = Pieces { rest: [head, palette, transparency, data, END], at: 0 };
        // What it allocates follows from the extents, which were checked.
        let mut decoder = Decoder::new_with_limits(pieces, Limits { bytes: usize::MAX });
        decoder.ignore_checksums(true);
        decoder.set_transformations(Transformations::EXPAND);
        let mut reader = decoder.read_info().map_err(text)?;
        let (color, depth) = reader.output_color_type();
        let samples = match color {
            ColorType::Grayscale => 1,
            ColorType::GrayscaleAlpha => 2,
            ColorType::Rgb => 3,
            ColorType::Rgba => 4,
            ColorType::Indexed => return Err("its palette is missing".into()),
        };
        let layout = Layout { samples, wide: depth == BitDepth::Sixteen };
        let (size, n) = (layout.bytes(), canvas.channels as usize);
        let mut picture = Picture::filled(window.width, window.height, canvas.channels, 0);
        let stride = picture.stride();
        let passes: &[[u32; 4]] = if self.interlaced { &PASSES } else { &[[0, 0, 1, 1]] };
        for &[left, top, across, down] in passes {
            if left >= self.width {
                continue;
            }
            for y in (top..self.height).step_by(down as usize) {
                // Nothing below the window is needed; of an interlaced picture later passes are.
                if !self.interlaced && y >= window.top + window.height {
                    break;
                }
                let row = reader.next_row().map_err(text)?.ok_or("its data end early")?;
                let Some(line) = y.checked_sub(window.top).filter(|line| *line < window.height)
                else {
                    continue;
                };
                let target = &mut picture.pixels[line as usize * stride..][..stride];
                if !self.interlaced {
                    let row =
                        &row.data()[window.left as usize * size..][..window.width as usize * size];
                    canvas.put_row(layout, row, target);
                    continue;
                }
                for (x, pixel) in
                    (left..self.width).step_by(across as usize).zip(row.data().chunks_exact(size))
                {
                    if let Some(column) =
                        x.checked_sub(window.left).filter(|column| *column < window.width)
                    {
                        canvas.put_decoded(layout, pixel, &mut target[column as usize * n..][..n]);
                    }
                }
            }
        }
        Ok(picture)
    }
}

/// Parts of a file read as if they lay one behind the other.
struct Pieces<'a> {
    rest: [&'a [u8]; 5],
    at: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(bytes)?;
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for Pieces<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.at + 1 < self.rest.len() && self.rest[self.at].is_empty() {
            self.at += 1;
        }
        Ok(self.rest[self.at])
    }

    fn consume(&mut self, n: usize) {
        self.rest[self.at] = &self.rest[self.at][n..];
    }
}

impl Seek for Pieces<'_> {
    /// The decoder asks for it in its bounds and never calls it.
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
