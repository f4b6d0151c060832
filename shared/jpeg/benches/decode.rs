//! Decodes every golden, the whole and its middle quarter; prints megapixels per second, the best
//! of several rounds.
//!
//!     cargo bench --package fledge-jpeg

use std::path::Path;
use std::time::Instant;

use fledge_jpeg::{Jpeg, Window};

/// Number of rounds; the best counts.
const ROUNDS: usize = 7;
/// Number of times each round decodes everything.
const REPEATS: usize = 200;

fn goldens() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let list = std::fs::read(folder.join("pictures.json")).expect("read pictures.json");
    let list: serde_json::Value = serde_json::from_slice(&list).expect("parse pictures.json");
    let blob = std::fs::read(folder.join("pictures.bin")).expect("read pictures.bin");
    let mut rest = &blob[..];
    let lengths = list["pictures"]
        .as_array()
        .expect("pictures")
        .iter()
        .map(|entry| entry["bytes"].as_u64().expect("bytes"));
    let cut = |length: u64| {
        let (file, behind) = rest.split_at(length as usize);
        rest = behind;
        file.to_vec()
    };
    lengths.map(cut).collect()
}

fn middle(jpeg: &Jpeg<'_>) -> Window {
    let (width, height) = (jpeg.width().div_ceil(2), jpeg.height().div_ceil(2));
    Window { left: (jpeg.width() - width) / 2, top: (jpeg.height() - height) / 2, width, height }
}

fn main() {
    let files = goldens();
    for name in ["whole", "middle"] {
        let mut best = 0f64;
        for _ in 0..ROUNDS {
            let (begun, mut pixels) = (Instant::now(), 0u64);
            for file in files.iter().cycle().take(REPEATS * files.len()) {
                let jpeg = Jpeg::open(file).expect("open");
                let window = if name == "whole" {
                    Window::whole(jpeg.width(), jpeg.height())
                } else {
                    middle(&jpeg)
                };
                let picture = jpeg.decode(window).expect("decode");
                pixels += u64::from(picture.width) * u64::from(picture.height);
            }
            best = best.max(pixels as f64 / begun.elapsed().as_secs_f64() / 1e6);
        }
        println!("{name}: {best:.1} megapixels a second");
    }
}
