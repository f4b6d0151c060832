//! Hostile pictures are decoded or rejected with the reason, quickly and in little memory, and the run goes on.
#![cfg(unix)]

mod util;

use std::time::{Duration, Instant};

use image::{ExtendedColorType, ImageEncoder};
use shared::dataset::Dataset;
use shared::picture::Picture;
use util::{Scratch, Source, build, gradient, rejects};

/// A chunk of a PNG with its CRC.
fn chunk(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let covered = [&kind[..], body].concat();
    let crc = crc32(&covered);
    [&(body.len() as u32).to_be_bytes()[..], &covered, &crc.to_be_bytes()].concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

/// A zlib stream of stored blocks.
fn zlib(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let blocks = data.chunks(65535).count();
    for (i, block) in data.chunks(65535).enumerate() {
        let length = block.len() as u16;
        out.push(u8::from(i + 1 == blocks));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
    }
    let (a, b) = data.iter().fold((1u32, 0u32), |(a, b), &v| ((a + u32::from(v)) % 65521, (b + a + u32::from(v)) % 65521));
    out.extend((b << 16 | a).to_be_bytes());
    out
}

/// A small zlib stream that unpacks to 64 MiB: the pixels of a white picture as its PNG holds them.
fn bomb() -> Vec<u8> {
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

fn png(width: u32, height: u32, depth: u8, color: u8, extra: &[Vec<u8>], rows: &[u8]) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[depth, color, 0, 0, 0]].concat();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    file.extend(chunk(b"IHDR", &header));
    extra.iter().for_each(|chunk| file.extend(chunk));
    file.extend(chunk(b"IDAT", &zlib(rows)));
    file.extend(chunk(b"IEND", b""));
    file
}

fn jpeg(width: u32, height: u32) -> Vec<u8> {
    let picture = gradient(width, height);
    let mut bytes = Vec::new();
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 95);
    encoder.write_image(&picture.pixels, width, height, ExtendedColorType::Rgb8).expect("encode");
    bytes
}

/// A JPEG whose EXIF data say that it is to be turned by 90 degrees.
fn turned_jpeg(width: u32, height: u32) -> Vec<u8> {
    let tiff = [&b"II*\0\x08\0\0\0\x01\0"[..], b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0", b"\0\0\0\0"].concat();
    let body = [&b"Exif\0\0"[..], &tiff].concat();
    let segment = [&b"\xff\xe1"[..], &(body.len() as u16 + 2).to_be_bytes(), &body].concat();
    let plain = jpeg(width, height);
    [&plain[..2], &segment, &plain[2..]].concat()
}

/// A CMYK JPEG of one grey: four components of one 8×8 block each, all coefficients zero.
fn cmyk_jpeg() -> Vec<u8> {
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

#[test]
fn hostile_pictures_are_handled_or_rejected_and_the_run_goes_on() {
    let scratch = Scratch::new("hostile");
    let mut source = Source::default();
    let petabytes = png(0x7fff_ffff, 0x7fff_ffff, 8, 6, &[], &[])[..41].to_vec();
    assert_eq!(petabytes.len(), 41);
    let bomb = [&b"Comment\0\0"[..], &bomb()].concat();
    let sound_jpeg = jpeg(40, 30);
    let grey_row = |y: usize| [&[0u8][..], &[y as u8 * 8; 24]].concat();
    for (name, bytes) in [
        (&b"sound.jpg"[..], sound_jpeg.clone()),
        (b"grey.png", png(24, 24, 8, 0, &[], &(0..24).flat_map(grey_row).collect::<Vec<_>>())),
        (b"one_bit.png", png(24, 24, 1, 0, &[], &[0, 0xaa, 0xaa, 0xaa].repeat(24))),
        (b"wide.png", png(24, 24, 16, 2, &[], &[&[0u8][..], &[0x12, 0x34].repeat(72)].concat().repeat(24))),
        (
            b"palette.png",
            png(24, 24, 8, 3, &[chunk(b"PLTE", &[9, 8, 7, 200, 100, 50])], &[&[0u8][..], &[1; 24]].concat().repeat(24)),
        ),
        (b"alpha.png", png(24, 24, 8, 6, &[], &[&[0u8][..], &[255, 0, 0, 0].repeat(24)].concat().repeat(24))),
        (b"text_bomb.png", png(24, 24, 8, 0, &[chunk(b"zTXt", &bomb)], &(0..24).flat_map(grey_row).collect::<Vec<_>>())),
        (b"turned.jpg", turned_jpeg(40, 24)),
        (b"cmyk.jpg", cmyk_jpeg()),
        (b"caf\xe9.jpg", sound_jpeg.clone()),
        // From here on none can be used.
        (b"petabytes.png", petabytes),
        (b"huge.png", png(16384, 16384, 8, 2, &[], &[0; 100])),
        (b"cut.jpg", sound_jpeg[..sound_jpeg.len() / 2].to_vec()),
        (b"cut.png", png(24, 24, 8, 0, &[], &[0; 100])),
        (b"animated.jpg", b"GIF89a\x10\0\x10\0\0\0\0!\xff\x0bNETSCAPE2.0".to_vec()),
        (b"text.png", b"<html>404".to_vec()),
        (b"caf\xe8.jpg", b"BM".to_vec()),
        (b"absent.jpg", Vec::new()),
    ] {
        source.add(name, bytes);
    }
    source.write(&scratch.path("source"));
    let out = scratch.path("out");
    let started = Instant::now();
    build(&scratch.path("source"), &out, &[], 0);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    let rejects = rejects(&out);
    let reasons: Vec<_> = rejects.iter().map(|(file, (reason, _))| format!("{file} {reason}")).collect();
    assert_eq!(
        reasons,
        [
            "images/absent.jpg missing_file",
            "images/animated.jpg unsupported_format",
            "images/caf\\xe8.jpg unsupported_format",
            "images/cut.jpg damaged",
            "images/cut.png damaged",
            "images/huge.png too_large",
            "images/petabytes.png too_large",
            "images/text.png unsupported_format"
        ]
    );
    assert!(rejects["images/huge.png"].1.contains("16384x16384"), "{rejects:?}");
    let dataset = Dataset::open(&out).expect("open");
    let train = dataset.split("train").expect("train");
    assert_eq!(train.len(), 10);
    let middle = |i: usize| train.pixels(i).expect("pixels")[3 * (8 * 16 + 8)..][..3].to_vec();
    assert_eq!(middle(3), [0x12, 0x12, 0x12], "16 bits are rounded to 8");
    assert_eq!(middle(4), [200, 100, 50], "a palette is looked up");
    assert_eq!(middle(5), [255, 255, 255], "full transparency is white");
    assert_eq!(dataset.manifest().rejects["too_large"], 2);
    assert_eq!(dataset.manifest().rejects["no_box"], 0);
}

#[test]
fn the_exif_orientation_turns_the_picture() {
    let limits = shared::picture::Limits::default();
    let upright = Picture::decode(&jpeg(40, 24), &limits).expect("decode");
    let turned = Picture::decode(&turned_jpeg(40, 24), &limits).expect("decode");
    assert_eq!((turned.width, turned.height), (24, 40));
    // 90 degrees clockwise: the lower left corner becomes the upper left.
    assert_eq!(turned.pixels[..3], upright.pixels[23 * upright.stride()..][..3]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_hostile_picture_costs_neither_memory_nor_time() {
    let scratch = Scratch::new("cost");
    let bomb = [&b"c\0\0"[..], &bomb()].concat();
    for (name, bytes) in [
        ("petabytes.png", png(0x7fff_ffff, 0x7fff_ffff, 8, 6, &[], &[])[..41].to_vec()),
        ("huge.png", png(16384, 16384, 8, 2, &[], &vec![0; 1 << 20])),
        ("text_bomb.png", png(24, 24, 8, 0, &[chunk(b"zTXt", &bomb)], &[0; 25 * 24])),
        ("icc_bomb.png", png(24, 24, 8, 0, &[chunk(b"iCCP", &bomb)], &[0; 25 * 24])),
    ] {
        let mut source = Source::default();
        source.add(name, bytes);
        source.add_boxed("sound.png", "2 2 10 10");
        let folder = scratch.path(name);
        source.write(&folder);
        // The limit is on address space, so it also holds what the program itself maps: its code and its threads' stacks.
        let script = "ulimit -v 262144 && exec \"$0\" \"$@\"";
        let started = Instant::now();
        let output = std::process::Command::new("bash")
            .args(["-c", script, env!("CARGO_BIN_EXE_prep"), "build"])
            .arg(&folder)
            .args(["--size", "16", "--jobs", "1", "--out"])
            .arg(folder.with_extension("out"))
            .output()
            .expect("run");
        assert!(output.status.success(), "{name}: {}", util::stderr(&output));
        assert!(started.elapsed() < Duration::from_secs(5), "{name}: {:?}", started.elapsed());
    }
}
