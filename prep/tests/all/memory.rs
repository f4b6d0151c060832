//! Large pictures take bounded memory, in any number.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::util::prep;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use shared::fs;
use shared::picture::Picture;
use shared::testing::{Scratch, torture};

/// 24 megapixels.
const WIDTH: u32 = 6000;
const HEIGHT: u32 = 4000;

/// The peak memory of a build, in MiB, as the system counts it. It is polled until the program has
/// ended.
fn peak(source: &Path, out: &Path, more: &[&str]) -> u64 {
    let mut child = prep()
        .arg("build")
        .arg(source)
        .arg("--out")
        .arg(out)
        .args(["--jobs", "2", "--size", "64", "--val-fraction", "0", "--min-contrast", "off"])
        .args(more)
        .stdout(Stdio::null())
        .spawn()
        .expect("start prep");
    let mut most = 0;
    loop {
        // The high-water mark never falls, so that only the last few milliseconds are missed.
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line
            .and_then(|line| line.trim().strip_suffix(" kB"))
            .and_then(|kib| kib.trim().parse::<u64>().ok());
        most = most.max(kib.unwrap_or(0));
        if let Some(status) = child.try_wait().expect("wait") {
            assert!(status.success());
            return most >> 10;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A progressive JPEG of one colour: three passes over blocks without detail. The memory for
/// decoding does not depend on the content.
fn progressive() -> Vec<u8> {
    let mut file = b"\xff\xd8".to_vec();
    let segment = |marker: u8, body: &[u8]| {
        [&[0xff, marker][..], &(body.len() as u16 + 2).to_be_bytes(), body].concat()
    };
    file.extend(segment(0xdb, &[&[0u8][..], &[1; 64]].concat()));
    let extents = [(HEIGHT as u16).to_be_bytes(), (WIDTH as u16).to_be_bytes()].concat();
    // The chroma channels have a quarter of the samples, as in cameras' files.
    file.extend(segment(
        0xc2,
        &[&[8][..], &extents, &[3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0]].concat(),
    ));
    // One code of one bit: a DC difference of size 0.
    file.extend(segment(0xc4, &[&[0x00, 1][..], &[0; 15], &[0]].concat()));
    let blocks = WIDTH.div_ceil(16) * HEIGHT.div_ceil(16) * 6;
    file.extend(segment(0xda, &[3, 1, 0, 2, 0, 3, 0, 0, 0, 1]));
    file.extend(vec![0; blocks.div_ceil(8) as usize]);
    // One more bit of each: all zero.
    file.extend(segment(0xda, &[3, 1, 0, 2, 0, 3, 0, 0, 0, 0x10]));
    file.extend(vec![0; blocks.div_ceil(8) as usize]);
    file.extend(b"\xff\xd9");
    file
}

/// A PNG of repeated rows in samples of one or two bytes.
fn png(color: ExtendedColorType, bytes: usize) -> Vec<u8> {
    let row: Vec<u8> = (0..WIDTH as usize * bytes).map(|i| (i / bytes / 24) as u8).collect();
    let pixels = row.repeat(HEIGHT as usize);
    let mut file = Vec::new();
    let (quick, plain) =
        (image::codecs::png::CompressionType::Fast, image::codecs::png::FilterType::NoFilter);
    let encoder = image::codecs::png::PngEncoder::new_with_quality(&mut file, quick, plain);
    encoder.write_image(&pixels, WIDTH, HEIGHT, color).expect("encode");
    file
}

fn baseline() -> Vec<u8> {
    let picture = Picture::filled(WIDTH, HEIGHT, 3, 130);
    let mut file = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut file, 90);
    encoder.write_image(&picture.pixels, WIDTH, HEIGHT, ExtendedColorType::Rgb8).expect("encode");
    file
}

#[test]
fn four_or_forty_pictures_of_24_megapixels_take_less_than_300_mb() {
    let scratch = Scratch::new("memory");
    let files = [
        ("baseline.jpg", baseline()),
        ("progressive.jpg", progressive()),
        ("alpha.png", png(ExtendedColorType::Rgba8, 4)),
        ("wide.png", png(ExtendedColorType::Rgb16, 6)),
    ];
    for count in [files.len(), torture(2, 10) * files.len()] {
        let folder = scratch.path(&format!("{count}"));
        fs::create_folder(&folder).expect("make folder");
        for i in 0..count {
            let (name, bytes) = &files[i % files.len()];
            fs::write_unsynced(folder.join(format!("{i:02}-{name}")), &[bytes]).expect("write");
        }
        let out = scratch.path(&format!("{count}.out"));
        let most = peak(&folder, &out, &[]);
        println!("{count} pictures: {most} MiB at most");
        let manifest = shared::dataset::Dataset::open(&out).expect("open").manifest().clone();
        let taken: u64 = manifest.splits.iter().map(|split| split.records).sum();
        assert_eq!(taken, count as u64, "{:?}", crate::util::rejects(&out));
        assert!(most < 300, "{most} MiB");
    }
}
