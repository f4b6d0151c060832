//! Every kind of picture file against Pillow, whole and by windows, in colour and in luma.

use std::path::{Path, PathBuf};

use fledge_pictures::{Canvas, Limits, Picture, PictureError, PictureFile, Window};
use serde::Deserialize;

/// A file and what is in it.
#[derive(Deserialize)]
struct Golden {
    file: String,
    width: u32,
    height: u32,
    /// Where its RGB pixels begin among all pixels; its luma follows.
    at: usize,
    /// The difference that is allowed: 0 where the format and its decoding are exact.
    tolerance: u8,
    profile: bool,
    #[serde(skip)]
    bytes: Vec<u8>,
}

#[derive(Deserialize)]
struct Index {
    pictures: Vec<Golden>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pictures")
}

/// All files.
fn goldens() -> Vec<Golden> {
    let text = std::fs::read_to_string(folder().join("pixels.json")).expect("read");
    let mut pictures = serde_json::from_str::<Index>(&text).expect("parse").pictures;
    for golden in &mut pictures {
        golden.bytes = std::fs::read(folder().join(&golden.file)).expect("read");
    }
    pictures
}

fn expected() -> Vec<u8> {
    std::fs::read(folder().join("pixels.bin")).expect("read")
}

fn largest_difference(a: &[u8], b: &[u8]) -> u8 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
}

fn open(golden: &Golden) -> PictureFile<'_> {
    PictureFile::open(&golden.bytes).unwrap_or_else(|error| panic!("{}: {error}", golden.file))
}

fn decode(golden: &Golden, window: Window, canvas: &Canvas) -> Picture {
    open(golden).decode(window, canvas).unwrap_or_else(|error| panic!("{}: {error}", golden.file))
}

#[test]
fn every_kind_of_file_has_the_pixels_that_pillow_reads() {
    let expected = expected();
    let mut wrong = Vec::new();
    for golden in goldens() {
        let file = open(&golden);
        assert_eq!((file.width(), file.height()), (golden.width, golden.height), "{}", golden.file);
        assert_eq!(file.has_profile(), golden.profile, "{}", golden.file);
        let (rgb, luma) =
            expected[golden.at..].split_at((golden.width * golden.height * 3) as usize);
        for (channels, wanted) in [(3, rgb), (1, &luma[..rgb.len() / 3])] {
            let picture = decode(&golden, file.whole(), &Canvas { channels, ..Canvas::default() });
            assert_eq!(
                (picture.width, picture.height, picture.channels),
                (golden.width, golden.height, channels)
            );
            let difference = largest_difference(&picture.pixels, wanted);
            if difference > golden.tolerance {
                wrong.push(format!("{} with {channels} channels: {difference}", golden.file));
            }
        }
        let limits = Limits::default();
        assert_eq!(
            Picture::decode(&golden.bytes, &limits).expect("decode"),
            decode(&golden, file.whole(), &Canvas::default())
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_window_has_the_pixels_of_the_whole() {
    for golden in goldens() {
        let (width, height) = (golden.width, golden.height);
        for channels in [1, 3] {
            let canvas = Canvas { channels, background: Some([10, 200, 30]) };
            let whole = decode(&golden, Window::whole(width, height), &canvas);
            for [left, top, right, bottom] in [
                [0, 0, 1, 1],
                [width / 3, height / 2, width, height - height / 4],
                [width / 2, 0, width, height],
            ] {
                let window = Window { left, top, width: right - left, height: bottom - top };
                let part = decode(&golden, window, &canvas);
                let rows = (top..bottom).flat_map(|y| {
                    &whole.pixels[y as usize * whole.stride()..][..whole.stride()]
                        [(left * channels) as usize..(right * channels) as usize]
                });
                assert!(part.pixels.iter().eq(rows), "{} {window:?}", golden.file);
            }
        }
    }
}

#[test]
fn transparency_shows_the_background() {
    let canvas = Canvas { channels: 3, background: Some([10, 200, 30]) };
    for (file, column) in [
        ("rgba8.png", 0),
        ("offset.gif", 0),
        ("grey-alpha16.png", 0),
        ("lossless-alpha.webp", 0),
        ("bgra32.bmp", 0),
    ] {
        let golden = goldens().into_iter().find(|golden| golden.file == file).expect("file");
        let picture =
            decode(&golden, Window { left: column, top: 0, width: 1, height: 1 }, &canvas);
        assert_eq!(picture.pixels, [10, 200, 30], "{file}");
    }
}

#[test]
fn every_truncation_is_refused_or_loses_nothing() {
    for golden in goldens() {
        let whole = decode(&golden, open(&golden).whole(), &Canvas::default());
        // What is seen of an animation or stands behind the pixels is not needed for its first
        // picture.
        let mut kept = 0;
        for cut in 0..golden.bytes.len() {
            if let Ok(picture) = Picture::decode(&golden.bytes[..cut], &Limits::default()) {
                let same = picture.pixels == whole.pixels
                    || picture.width != whole.width
                    || golden.file.starts_with("exif");
                assert!(same, "{} cut at {cut} of {}", golden.file, golden.bytes.len());
                kept += 1;
            }
        }
        assert!(
            kept * 2 < golden.bytes.len(),
            "{}: {kept} of {} are taken for whole",
            golden.file,
            golden.bytes.len()
        );
    }
}

#[test]
fn a_claim_that_the_bytes_cannot_hold_is_refused() {
    let files = goldens();
    let named =
        |name: &str| files.iter().find(|golden| golden.file == name).expect("file").bytes.clone();
    let mut png = named("rgb8.png");
    png[16..24].copy_from_slice(&[0, 0, 0x10, 0, 0, 0, 0x10, 0]);
    let mut bmp = named("bgr24.bmp");
    bmp[18..20].copy_from_slice(&[0, 16]);
    let mut gif = named("whole.gif");
    let frame = gif.windows(3).position(|part| part == [0x2c, 0, 0]).expect("frame");
    gif[frame + 5..frame + 9].fill(0xff);
    let mut webp = named("lossy-alpha.webp");
    let colors = webp.windows(3).position(|part| part == [0x9d, 0x01, 0x2a]).expect("frame");
    webp[colors + 3..colors + 7].fill(0x3f);
    for (bytes, wanted) in
        [(png, "cannot hold"), (bmp, "need"), (gif, "cannot hold"), (webp, "and holds")]
    {
        let file = PictureFile::open(&bytes).expect("open");
        let error = file.decode(file.whole(), &Canvas::default()).expect_err("decoded").to_string();
        assert!(error.contains(wanted), "{error}");
    }
}

#[test]
fn what_is_not_read_is_named() {
    let avif = b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf";
    for (bytes, wanted) in [
        (&b"\0\0\0\x0cJXL \r\n\x87\n"[..], "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (avif, "AVIF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"8BPS\0\x01", "PSD"),
        (b"%PDF-1.7", "PDF"),
        (b"<?xml version=\"1.0\"?>\n<svg xmlns=", "SVG"),
        (b"\xef\xbb\xbf\n<!DOCTYPE html><title>404", "HTML"),
    ] {
        match PictureFile::open(bytes) {
            Err(PictureError::UnsupportedFormat { format }) => assert_eq!(format, wanted),
            other => panic!("{wanted}: {other:?}"),
        }
    }
    for bytes in [&b"BM is a name"[..], b"RIFF\0\0\0\0WAVE", b"<p>", b""] {
        assert!(
            matches!(PictureFile::open(bytes), Err(PictureError::UnknownFormat { .. })),
            "{}",
            bytes.escape_ascii()
        );
    }
}
