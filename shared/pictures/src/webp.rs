//! WebP: lossy, lossless, with transparency, animated (the first frame on its canvas). The
//! container is walked here, so that what it claims is known and agrees before the decoder of the
//! crate `image` allocates for it.

use std::io::Cursor;

use image::codecs::webp::WebPDecoder;
use image::{ColorType, ImageDecoder};

use super::canvas::Layout;
use super::error::of_image;
use super::turn::Turn;
use super::{Canvas, Picture, Window, vp8};

/// No side of a frame is longer.
const SIDE_LIMIT: u32 = 1 << 14;
/// Tables and buffers.
const WORKING_BYTES: u64 = 256 << 10;
/// Tables of prefix codes that a byte of lossless data makes. Photographs make 0.4; data made for
/// it up to 512, which is not counted: no sound file would pass.
const TABLE_BYTES: u64 = 4;

/// A WebP of which the container was walked.
#[derive(Debug)]
pub(super) struct Webp<'a> {
    bytes: &'a [u8],
    width: u32,
    height: u32,
    /// Set if the decoder gives transparency.
    alpha: bool,
    animated: bool,
    frame: Frame,
    profile: bool,
    turn: Turn,
    /// Why the file cannot be decoded. Kept until then: that a file claims too much is told first.
    damage: Option<String>,
}

/// The frame that is decoded.
#[derive(Clone, Copy, Debug, Default)]
struct Frame {
    width: u32,
    height: u32,
    lossless: bool,
    /// Transparency beside lossy colours.
    plane: bool,
    /// Bytes of lossless data, of colours or of transparency.
    lossless_bytes: u64,
    /// Bytes of lossy data.
    lossy_bytes: u64,
}

/// A chunk: its name, its content, and the rest.
struct Chunk<'a> {
    name: &'a [u8],
    body: &'a [u8],
    rest: &'a [u8],
}

/// The first chunk of `bytes`, `None` at their end.
fn chunk(bytes: &[u8]) -> Result<Option<Chunk<'_>>, String> {
    if bytes.len() < 8 {
        return Ok(None);
    }
    let (head, rest) = bytes.split_at(8);
    let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
    let name = &head[..4];
    let body = rest
        .get(..length)
        .ok_or_else(|| format!("it ends inside chunk {}", name.escape_ascii()))?;
    // Chunks begin at even places.
    Ok(Some(Chunk { name, body, rest: rest.get(length + length % 2..).unwrap_or_default() }))
}

/// Three bytes, the lowest first.
fn triple(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], 0])
}

/// Extents of lossless data, and whether they have transparency.
fn lossless_head(body: &[u8]) -> Result<(u32, u32, bool), String> {
    let &[0x2f, a, b, c, d, ..] = body else {
        return Err("its lossless data have no header".into());
    };
    let word = u32::from_le_bytes([a, b, c, d]);
    Ok(((word & 0x3fff) + 1, (word >> 14 & 0x3fff) + 1, word >> 28 & 1 == 1))
}

impl Frame {
    /// Reads the chunks of a frame: transparency, if there is any, before colours.
    fn read(mut bytes: &[u8], plane: bool) -> Result<Self, String> {
        let mut frame = Self::default();
        while let Some(Chunk { name, body, rest }) = chunk(bytes)? {
            match name {
                b"ALPH" if plane => {
                    frame.plane = true;
                    frame.lossless_bytes = body.len() as u64;
                }
                b"VP8 " => {
                    (frame.width, frame.height) = vp8::extents(body)?;
                    frame.lossy_bytes = body.len() as u64;
                    return Ok(frame);
                }
                b"VP8L" => {
                    (frame.width, frame.height, _) = lossless_head(body)?;
                    return Ok(Self {
                        lossless: true,
                        plane: false,
                        lossless_bytes: body.len() as u64,
                        ..frame
                    });
                }
                _ => {}
            }
            bytes = rest;
        }
        Err("it holds no picture".into())
    }

    /// Bytes that decoding it takes, without its pixels as RGB or RGBA.
    fn memory(&self) -> u64 {
        let pixels = u64::from(self.width) * u64::from(self.height);
        let tables = TABLE_BYTES * self.lossless_bytes;
        // Transforms of 4 × 4 pixels and coarser, and which codes are used where.
        let lossless = tables + pixels * 3 / 4;
        if self.lossless {
            return lossless;
        }
        // Luma and two colour planes of a quarter, in whole blocks; partitions are copied, and grow
        // while they are read.
        let (across, down) = (
            u64::from(self.width).next_multiple_of(16),
            u64::from(self.height).next_multiple_of(16),
        );
        let lossy = across * down * 3 / 2 + across * 16 + 4 * self.lossy_bytes;
        // Transparency is decoded as four samples of which one is kept.
        if self.plane { lossy + lossless + 5 * pixels } else { lossy }
    }
}

impl<'a> Webp<'a> {
    /// Walks the container.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, String> {
        let first = chunk(&bytes[12..])?.ok_or("it ends before its first chunk")?;
        let mut webp = Self {
            bytes,
            width: 0,
            height: 0,
            alpha: false,
            animated: false,
            frame: Frame::default(),
            profile: false,
            turn: Turn::default(),
            damage: None,
        };
        match (first.name, first.body) {
            (b"VP8X", &[flags, _, _, _, ref extents @ ..]) if extents.len() >= 6 => {
                webp.alpha = flags & 0x10 != 0;
                webp.animated = flags & 0x02 != 0;
                webp.width = triple(extents, 0) + 1;
                webp.height = triple(extents, 3) + 1;
                webp.damage = webp.walk(first.rest).err();
            }
            (b"VP8 ", _) => webp.frame = Frame::read(&bytes[12..], false)?,
            (b"VP8L", body) => {
                webp.frame = Frame::read(&bytes[12..], false)?;
                webp.alpha = lossless_head(body)?.2;
            }
            (name, _) => return Err(format!("it begins with chunk {}", name.escape_ascii())),
        }
        if webp.width == 0 {
            (webp.width, webp.height) = (webp.frame.width, webp.frame.height);
        }
        Ok(webp)
    }

    /// Notes what an extended file holds, and that its frame fits its canvas.
    fn walk(&mut self, chunks: &'a [u8]) -> Result<(), String> {
        let (mut rest, mut frame) = (chunks, None);
        while let Some(chunk) = chunk(rest)? {
            match chunk.name {
                b"ICCP" => self.profile = true,
                b"EXIF" => self.turn = Turn::of_exif(chunk.body),
                b"ANMF" if self.animated && frame.is_none() => frame = Some(chunk.body),
                _ => {}
            }
            rest = chunk.rest;
        }
        let (width, height) = (self.width, self.height);
        if width > SIDE_LIMIT || height > SIDE_LIMIT {
            return Err(format!(
                "it claims {width}x{height} pixels, more than the format's {SIDE_LIMIT} a side"
            ));
        }
        let wanted = if self.animated {
            let body = frame.filter(|body| body.len() >= 16).ok_or("it has no first frame")?;
            self.frame = Frame::read(&body[16..], true)?;
            (triple(body, 6) + 1, triple(body, 9) + 1)
        } else {
            self.frame = Frame::read(chunks, self.alpha)?;
            (width, height)
        };
        let found = (self.frame.width, self.frame.height);
        if found != wanted {
            return Err(format!(
                "it claims {}x{} pixels and holds {}x{}",
                wanted.0, wanted.1, found.0, found.1
            ));
        }
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

    /// Bytes that decoding takes, whatever the window. There is no bound from the length of the
    /// file: a picture of one colour is as short at any size.
    pub(super) fn memory(&self) -> u64 {
        let canvas = u64::from(self.width) * u64::from(self.height);
        let frame = u64::from(self.frame.width) * u64::from(self.frame.height);
        let output = canvas * if self.alpha { 4 } else { 3 };
        // A frame of an animation is laid on a canvas; opaque lossless pixels are decoded with four
        // samples and copied.
        let copies = match (self.animated, self.frame.lossless) {
            (true, _) => 4 * canvas + 4 * frame,
            (false, true) if !self.alpha => 4 * frame,
            _ => 0,
        };
        output + copies + self.frame.memory() + WORKING_BYTES
    }

    /// The pixels of `window`.
    pub(super) fn decode(&self, window: Window, canvas: &Canvas) -> Result<Picture, String> {
        if let Some(damage) = &self.damage {
            return Err(damage.clone());
        }
        let decoder = WebPDecoder::new(Cursor::new(self.bytes)).map_err(of_image)?;
        let layout = if self.alpha { Layout::RGBA } else { Layout::RGB };
        let color = if self.alpha { ColorType::Rgba8 } else { ColorType::Rgb8 };
        if decoder.dimensions() != (self.width, self.height) || decoder.color_type() != color {
            return Err("its headers contradict each other".into());
        }
        let mut pixels =
            vec![0; usize::try_from(decoder.total_bytes()).map_err(|error| error.to_string())?];
        decoder.read_image(&mut pixels).map_err(of_image)?;
        let pixels = canvas.cut(pixels, layout, self.width, window);
        Ok(Picture {
            width: window.width,
            height: window.height,
            channels: canvas.channels,
            pixels,
        })
    }
}
