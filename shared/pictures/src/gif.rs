//! GIF: the first frame on its screen. Blocks are walked here, rows decoded by the crate `gif`, one
//! at a time.

use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, MemoryLimit};

use super::canvas::Layout;
use super::error::of_io;
use super::{Canvas, Picture, Window};

/// The dictionary of the decompression, palettes and buffers.
const WORKING_BYTES: u64 = 256 << 10;
/// No entry of a dictionary of 12-bit codes is longer.
const PIXELS_OF_CODE: u64 = 4096;
/// First row, and the distance between rows, of the four passes of an interlaced frame.
const PASSES: [(u32, usize); 4] = [(0, 8), (4, 8), (2, 4), (1, 2)];

/// A GIF whose first frame was found.
#[derive(Debug)]
pub(super) struct Gif<'a> {
    bytes: &'a [u8],
    width: u32,
    height: u32,
    /// The position of the first frame on the screen.
    frame: Window,
    interlaced: bool,
    profile: bool,
}

/// The bytes from `at` on, or that the file is cut off.
fn part(bytes: &[u8], at: usize, length: usize) -> Result<&[u8], String> {
    let part = at.checked_add(length).and_then(|end| bytes.get(at..end));
    part.ok_or_else(|| format!("it ends after {} bytes, before its first picture", bytes.len()))
}

fn short(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]))
}

/// Bytes of the palette that a field of flags announces.
fn palette_bytes(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

impl<'a> Gif<'a> {
    /// Walks to the first frame. The screen grows to hold it, as in Pillow.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, String> {
        let screen = part(bytes, 0, 13)?;
        let mut at = 13 + palette_bytes(screen[10]);
        let mut profile = false;
        loop {
            match part(bytes, at, 1)?[0] {
                0x2c => break,
                0x21 => {
                    profile |=
                        part(bytes, at, 14).is_ok_and(|head| head[1..] == *b"\xff\x0bICCRGBG1012");
                    at = after_blocks(bytes, at + 2)?;
                }
                0x3b => return Err("it holds no picture".into()),
                other => return Err(format!("byte {at} is {other:#04x}, expected a block")),
            }
        }
        let head = part(bytes, at, 10)?;
        let frame = Window {
            left: short(head, 1),
            top: short(head, 3),
            width: short(head, 5),
            height: short(head, 7),
        };
        if frame.width == 0 || frame.height == 0 {
            return Err(format!("its first picture has {}x{} pixels", frame.width, frame.height));
        }
        Ok(Self {
            bytes,
            width: short(screen, 6).max(frame.left + frame.width),
            height: short(screen, 8).max(frame.top + frame.height),
            frame,
            interlaced: head[9] & 0x40 != 0,
            profile,
        })
    }

    pub(super) fn width(&self) -> u32 {
        self.width
    }

    pub(super) fn height(&self) -> u32 {
        self.height
    }

    pub(super) fn has_profile(&self) -> bool {
        self.profile
    }

    /// Bytes that decoding `window` takes: the result, and a copy of metadata, which is below the
    /// file's length.
    pub(super) fn memory(&self, window: Window) -> u64 {
        3 * u64::from(window.width) * u64::from(window.height)
            + 2 * self.bytes.len() as u64
            + WORKING_BYTES
    }

    /// The pixels of `window`.
    pub(super) fn decode(&self, window: Window, canvas: &Canvas) -> Result<Picture, String> {
        let text = |error: gif::DecodingError| match error {
            gif::DecodingError::Io(error) => of_io(&error),
            _ => "its data do not hold together".to_owned(),
        };
        let frame = self.frame;
        // A code has at least two bits.
        let most = (self.bytes.len() as u64).saturating_mul(4 * PIXELS_OF_CODE);
        if u64::from(frame.width) * u64::from(frame.height) > most {
            return Err(format!(
                "it claims {}x{} pixels, which its bytes cannot hold",
                frame.width, frame.height
            ));
        }
        let mut options = DecodeOptions::new();
        options.set_color_output(ColorOutput::Indexed);
        options.set_memory_limit(
            NonZeroU64::new(self.bytes.len() as u64)
                .map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes),
        );
        let mut decoder = options.read_info(self.bytes).map_err(text)?;
        let transparent =
            decoder.next_frame_info().map_err(text)?.ok_or("it holds no picture")?.transparent;
        let palette = decoder.palette().map_err(text)?.to_vec();
        let n = canvas.channels as usize;
        let mut picture = Picture::filled(window.width, window.height, canvas.channels, 0);
        let below = canvas.pixel();
        picture.pixels.chunks_exact_mut(n).for_each(|pixel| pixel.copy_from_slice(&below));
        let stride = picture.stride();
        let mut row = vec![0; frame.width as usize];
        let passes: &[(u32, usize)] = if self.interlaced { &PASSES } else { &[(0, 1)] };
        for &(first, step) in passes {
            for y in (first..frame.height).step_by(step) {
                // Nothing below the window is needed; of an interlaced picture later passes are.
                if !self.interlaced && frame.top + y >= window.top + window.height {
                    break;
                }
                if !decoder.fill_buffer(&mut row).map_err(text)? {
                    return Err("its data end early".into());
                }
                let Some(line) =
                    (frame.top + y).checked_sub(window.top).filter(|line| *line < window.height)
                else {
                    continue;
                };
                let target = &mut picture.pixels[line as usize * stride..][..stride];
                for (x, &index) in (frame.left..).zip(&row) {
                    let Some(column) =
                        x.checked_sub(window.left).filter(|column| *column < window.width)
                    else {
                        continue;
                    };
                    // A colour that the palette does not have is shown by nobody.
                    if let Some(rgb) =
                        palette.get(usize::from(index) * 3..).and_then(|rest| rest.get(..3))
                        && (transparent != Some(index) || canvas.background.is_none())
                    {
                        canvas.put_decoded(
                            Layout::RGB,
                            rgb,
                            &mut target[column as usize * n..][..n],
                        );
                    }
                }
            }
        }
        Ok(picture)
    }
}

/// The position behind a chain of sub-blocks; an empty one ends it.
fn after_blocks(bytes: &[u8], mut at: usize) -> Result<usize, String> {
    loop {
        let length = usize::from(part(bytes, at, 1)?[0]);
        at += 1 + length;
        if length == 0 {
            return Ok(at);
        }
    }
}
