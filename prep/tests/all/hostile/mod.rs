//! Hostile pictures are decoded, or rejected with the reason, quickly and in little memory, and the
//! build continues.
#![cfg(unix)]

mod cost;
mod files;
mod sources;
use std::time::{Duration, Instant};

use crate::util::{Source, build, rejects};
use files::{
    bmp, bomb, chunk, cmyk_jpeg, jpeg, moving_gif, moving_png, moving_webp, png, turned_jpeg,
};
use shared::dataset::Dataset;
use shared::picture::Picture;
use shared::testing::Scratch;

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
        (
            b"wide.png",
            png(24, 24, 16, 2, &[], &[&[0u8][..], &[0x12, 0x34].repeat(72)].concat().repeat(24)),
        ),
        (
            b"palette.png",
            png(
                24,
                24,
                8,
                3,
                &[chunk(b"PLTE", &[9, 8, 7, 200, 100, 50])],
                &[&[0u8][..], &[1; 24]].concat().repeat(24),
            ),
        ),
        (
            b"alpha.png",
            png(24, 24, 8, 6, &[], &[&[0u8][..], &[255, 0, 0, 0].repeat(24)].concat().repeat(24)),
        ),
        (
            b"text_bomb.png",
            png(
                24,
                24,
                8,
                0,
                &[chunk(b"zTXt", &bomb)],
                &(0..24).flat_map(grey_row).collect::<Vec<_>>(),
            ),
        ),
        (b"turned.jpg", turned_jpeg(40, 24)),
        (b"cmyk.jpg", cmyk_jpeg()),
        (b"caf\xe9.jpg", sound_jpeg.clone()),
        // Of animations, the first frame is taken.
        (b"moving.gif", moving_gif(24)),
        (b"moving.webp", moving_webp(24)),
        (b"moving.png", moving_png(24)),
        // The rest cannot be used.
        (b"petabytes.png", petabytes),
        (b"huge.png", png(16384, 16384, 8, 2, &[], &[0; 100])),
        (b"cut.jpg", sound_jpeg[..sound_jpeg.len() / 2].to_vec()),
        (b"cut.png", png(24, 24, 8, 0, &[], &[0; 100])),
        (b"animated.jpg", b"GIF89a\x10\0\x10\0\0\0\0!\xff\x0bNETSCAPE2.0".to_vec()),
        (b"text.png", b"<html>404".to_vec()),
        (b"caf\xe8.jpg", b"BM".to_vec()),
        (b"absent.jpg", Vec::new()),
        (b"huge.webp", [&moving_webp(24)[..24], &[0xff; 6], &moving_webp(24)[30..]].concat()),
        (b"huge.bmp", bmp(60_000, 60_000, 24, 0, &[0; 300])),
        (b"claims.bmp", bmp(4000, 4000, 24, 0, &[0; 300])),
    ] {
        source.add(name, bytes);
    }
    source.write(&scratch.path("source"));
    let out = scratch.path("out");
    let started = Instant::now();
    build(&scratch.path("source"), &out, &["--min-contrast", "off"], 0);
    // Only that none hangs; `cost` measures each one.
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
    let rejects = rejects(&out);
    let reasons: Vec<_> =
        rejects.iter().map(|(file, (reason, _))| format!("{file} {reason}")).collect();
    assert_eq!(
        reasons,
        [
            "images/absent.jpg missing_file",
            "images/animated.jpg damaged",
            "images/caf\\xe8.jpg unsupported_format",
            "images/claims.bmp damaged",
            "images/cut.jpg damaged",
            "images/cut.png damaged",
            "images/huge.bmp too_large",
            "images/huge.png damaged",
            "images/huge.webp too_large",
            "images/petabytes.png too_large",
            "images/text.png unsupported_format"
        ]
    );
    assert!(rejects["images/huge.png"].1.contains("16384x16384"), "{rejects:?}");
    let dataset = Dataset::open(&out).expect("open");
    let train = dataset.split("train").expect("train");
    assert_eq!(train.len(), 13);
    let middle = |i: usize| train.pixels(i).expect("pixels")[3 * (8 * 16 + 8)..][..3].to_vec();
    assert_eq!(middle(3), [0x12, 0x12, 0x12], "16 bits are rounded to 8");
    assert_eq!(middle(4), [200, 100, 50], "a palette is looked up");
    assert_eq!(middle(5), [255, 255, 255], "full transparency is white");
    assert!(
        (10..13).all(|i| middle(i) == files::FIRST),
        "{:?} of what moves",
        [10, 11, 12].map(middle)
    );
    assert_eq!(dataset.manifest().rejects["too_large"], 3);
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
