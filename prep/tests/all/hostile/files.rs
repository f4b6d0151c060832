//! Hostile and unusual files.

use image::{Delay, ExtendedColorType, Frame, ImageEncoder, Rgba, RgbaImage};
use shared::picture::Picture;

use crate::util::gradient;

/// A chunk of a PNG with its CRC.
pub(crate) fn chunk(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let covered = [&kind[..], body].concat();
    let crc = crc32(&covered);
    [&(body.len() as u32).to_be_bytes()[..], &covered, &crc.to_be_bytes()].concat()
}

pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 }
        })
    })
}

/// A zlib stream of stored blocks.
pub(crate) fn zlib(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let blocks = data.chunks(65535).count();
    for (i, block) in data.chunks(65535).enumerate() {
        let length = block.len() as u16;
        out.push(u8::from(i + 1 == blocks));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
    }
    let (a, b) = data.iter().fold((1u32, 0u32), |(a, b), &v| {
        ((a + u32::from(v)) % 65521, (b + a + u32::from(v)) % 65521)
    });
    out.extend((b << 16 | a).to_be_bytes());
    out
}

/// A small zlib stream that unpacks to 64 MiB: the pixels of a white picture as its PNG holds them.
pub(crate) fn bomb() -> Vec<u8> {
    let file = Picture::filled(8192, 8192, 1, 255).to_png().expect("encode");
    let (mut at, mut stream) = (8, Vec::new());
    while at < file.len() {
        let length = u32::from_be_bytes(file[at..at + 4].try_into().expect("four bytes")) as usize;
        if &file[at + 4..at + 8] == b"IDAT" {
            stream.extend(&file[at + 8..at + 8 + length]);
        }
        at += 12 + length;
    }
    assert!(stream.len() < 1 << 20, "{} bytes are no bomb", stream.len());
    stream
}

pub(crate) fn png(
    width: u32,
    height: u32,
    depth: u8,
    color: u8,
    extra: &[Vec<u8>],
    rows: &[u8],
) -> Vec<u8> {
    let header =
        [&width.to_be_bytes()[..], &height.to_be_bytes(), &[depth, color, 0, 0, 0]].concat();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    file.extend(chunk(b"IHDR", &header));
    extra.iter().for_each(|chunk| file.extend(chunk));
    file.extend(chunk(b"IDAT", &zlib(rows)));
    file.extend(chunk(b"IEND", b""));
    file
}

pub(crate) fn jpeg(width: u32, height: u32) -> Vec<u8> {
    let picture = gradient(width, height);
    let mut bytes = Vec::new();
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 95);
    encoder.write_image(&picture.pixels, width, height, ExtendedColorType::Rgb8).expect("encode");
    bytes
}

/// A JPEG whose EXIF orientation rotates it by 90 degrees.
pub(crate) fn turned_jpeg(width: u32, height: u32) -> Vec<u8> {
    let tiff = [&b"II*\0\x08\0\0\0\x01\0"[..], b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0", b"\0\0\0\0"]
        .concat();
    let body = [&b"Exif\0\0"[..], &tiff].concat();
    let segment = [&b"\xff\xe1"[..], &(body.len() as u16 + 2).to_be_bytes(), &body].concat();
    let plain = jpeg(width, height);
    [&plain[..2], &segment, &plain[2..]].concat()
}

/// A CMYK JPEG of one grey: four components of one 8×8 block each, all coefficients zero.
pub(crate) fn cmyk_jpeg() -> Vec<u8> {
    let mut file = b"\xff\xd8".to_vec();
    let mut segment = |marker: u8, body: &[u8]| {
        file.extend([0xff, marker]);
        file.extend((body.len() as u16 + 2).to_be_bytes());
        file.extend(body);
    };
    segment(0xdb, &[&[0u8][..], &[1; 64]].concat());
    segment(0xc0, &[8, 0, 8, 0, 8, 4, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0, 4, 0x11, 0]);
    // One code of one bit each: DC difference of size 0, AC end of block.
    let table = |class: u8| [&[class, 1][..], &[0; 15], &[0]].concat();
    segment(0xc4, &table(0x00));
    segment(0xc4, &table(0x10));
    segment(0xda, &[4, 1, 0, 2, 0, 3, 0, 4, 0, 0, 63, 0]);
    file.extend([0x00, 0xff, 0xd9]);
    file
}

/// The colour of the first frame of animations.
pub(crate) const FIRST: [u8; 3] = [40, 120, 200];

fn frames(side: u32) -> [RgbaImage; 2] {
    [FIRST, [250, 10, 10]].map(|[r, g, b]| RgbaImage::from_pixel(side, side, Rgba([r, g, b, 255])))
}

pub(crate) fn moving_gif(side: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let frames = frames(side)
        .map(|picture| Frame::from_parts(picture, 0, 0, Delay::from_numer_denom_ms(100, 1)));
    image::codecs::gif::GifEncoder::new(&mut bytes).encode_frames(frames).expect("encode");
    bytes
}

/// A chunk of a RIFF file.
fn riff(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let padding = vec![0; body.len() % 2];
    [&name[..], &(body.len() as u32).to_le_bytes(), body, &padding].concat()
}

fn triple(n: u32) -> [u8; 3] {
    [n as u8, (n >> 8) as u8, (n >> 16) as u8]
}

/// A lossless WebP of one colour.
pub(crate) fn flat_webp(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let pixels = FIRST.repeat((width * height) as usize);
    let encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut bytes);
    encoder.write_image(&pixels, width, height, ExtendedColorType::Rgb8).expect("encode");
    bytes
}

pub(crate) fn moving_webp(side: u32) -> Vec<u8> {
    let extents = [triple(side - 1), triple(side - 1)].concat();
    let frames = frames(side).map(|picture| {
        let mut file = Vec::new();
        let encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut file);
        encoder.write_image(&picture, side, side, ExtendedColorType::Rgba8).expect("encode");
        riff(b"ANMF", &[&[0; 6][..], &extents, &[100, 0, 0, 2], &file[12..]].concat())
    });
    let head = riff(b"VP8X", &[&[0x02, 0, 0, 0][..], &extents].concat());
    riff(b"RIFF", &[b"WEBP", &head[..], &riff(b"ANIM", &[0; 6]), &frames.concat()].concat())
}

pub(crate) fn moving_png(side: u32) -> Vec<u8> {
    let rows =
        |color: &[u8; 3]| [&[0u8][..], &color.repeat(side as usize)].concat().repeat(side as usize);
    let control = |number: u32| {
        let extents = [number, side, side, 0, 0].map(u32::to_be_bytes).concat();
        chunk(b"fcTL", &[&extents[..], &[0, 1, 0, 10, 0, 0]].concat())
    };
    let two = chunk(b"acTL", &[2u32, 0].map(u32::to_be_bytes).concat());
    let mut file = png(side, side, 8, 2, &[two, control(0)], &rows(&FIRST));
    file.truncate(file.len() - 12);
    let second = chunk(b"fdAT", &[&2u32.to_be_bytes()[..], &zlib(&rows(&[250, 10, 10]))].concat());
    [file, control(1), second, chunk(b"IEND", b"")].concat()
}

/// A BMP with these bytes of pixels, in any number.
pub(crate) fn bmp(width: u32, height: u32, bits: u16, compression: u32, pixels: &[u8]) -> Vec<u8> {
    let palette = if bits == 8 { vec![9; 1024] } else { Vec::new() };
    let first = 54 + palette.len() as u32;
    let mut file = b"BM".to_vec();
    for word in [first + pixels.len() as u32, 0, first, 40, width, height] {
        file.extend(word.to_le_bytes());
    }
    file.extend([1, 0]);
    file.extend(bits.to_le_bytes());
    for word in [compression, 0, 2835, 2835, 0, 0] {
        file.extend(word.to_le_bytes());
    }
    [file, palette, pixels.to_vec()].concat()
}

/// Packs bits into bytes, the lowest or the highest first.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn low_first(&mut self, value: u32, length: u32) {
        self.0.extend((0..length).map(|i| value >> i & 1 == 1));
    }

    fn bytes(&self, bit: impl Fn(usize) -> usize) -> Vec<u8> {
        self.0
            .chunks(8)
            .map(|bits| {
                bits.iter().enumerate().fold(0, |byte, (i, &set)| byte | u8::from(set) << bit(i))
            })
            .collect()
    }
}

/// A GIF of one colour: every code stands for one pixel more than the one before, so that 6 KB
/// unpack to 8 million pixels.
pub(crate) fn gif_bomb(side: u16) -> Vec<u8> {
    const CLEAR: u32 = 4;
    let (mut bits, mut left, mut width) = (Bits::default(), u64::from(side) * u64::from(side), 3);
    while left > 0 {
        bits.low_first(CLEAR, width);
        width = 3;
        bits.low_first(0, width);
        left -= 1;
        // Each code is the one that it defines: the code before and one more pixel.
        for code in CLEAR + 2..4096 {
            if left == 0 {
                break;
            }
            bits.low_first(code, width);
            left = left.saturating_sub(u64::from(code - CLEAR));
            if code + 1 == 1 << width && width < 12 {
                width += 1;
            }
        }
    }
    bits.low_first(CLEAR + 1, width);
    let data: Vec<u8> = bits.bytes(|i| i);
    let mut file = b"GIF89a".to_vec();
    let extents = [side.to_le_bytes(), side.to_le_bytes()].concat();
    file.extend(
        [&extents[..], &[0x81, 0, 0], &[1; 12], b"\x2c\0\0\0\0", &extents, &[0, 2]].concat(),
    );
    for block in data.chunks(255) {
        file.push(block.len() as u8);
        file.extend(block);
    }
    file.extend([0, 0x3b]);
    file
}

/// A grey progressive JPEG without detail, with this number of passes.
pub(crate) fn scans_jpeg(side: u16, passes: usize) -> Vec<u8> {
    let mut file = b"\xff\xd8".to_vec();
    let segment = |marker: u8, body: &[u8]| {
        [&[0xff, marker][..], &(body.len() as u16 + 2).to_be_bytes(), body].concat()
    };
    file.extend(segment(0xdb, &[&[0u8][..], &[1; 64]].concat()));
    let extents = [side.to_be_bytes(), side.to_be_bytes()].concat();
    file.extend(segment(0xc2, &[&[8][..], &extents, &[1, 1, 0x11, 0]].concat()));
    // One code of one bit each: DC difference of size 0; a run of 2^14 empty blocks and 14 bits
    // more.
    for (kind, symbol) in [(0x00, 0), (0x10, 0xe0)] {
        file.extend(segment(0xc4, &[&[kind, 1][..], &[0; 15], &[symbol]].concat()));
    }
    let blocks = usize::from(side).div_ceil(8).pow(2);
    file.extend(segment(0xda, &[1, 1, 0, 0, 0, 1]));
    file.extend(vec![0; blocks.div_ceil(8)]);
    let mut runs = Bits::default();
    for _ in 0..blocks.div_ceil((1 << 14) + 0x1555) {
        // 0x1555 again and again never makes a byte of ones.
        runs.0.extend([false].into_iter().chain((0..14).map(|i| i % 2 == 1)));
    }
    let runs = runs.bytes(|i| 7 - i);
    file.extend(segment(0xda, &[1, 1, 0, 1, 63, 0x01]));
    file.extend(&runs);
    for _ in 2..passes {
        file.extend(segment(0xda, &[1, 1, 0, 1, 63, 0x10]));
        file.extend(&runs);
    }
    file.extend(b"\xff\xd9");
    file
}
