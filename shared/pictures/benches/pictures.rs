//! Decodes drawn pictures of every format, and encodes them; prints megapixels a second, the best
//! of several rounds.
//!
//!     cargo bench --package fledge-pictures

use std::time::Instant;

use fledge_pictures::{Canvas, Limits, Picture, PictureFile, Window, grid};

/// Rounds; the best counts.
const ROUNDS: usize = 7;
/// Columns and rows of a picture.
const EXTENT: [u32; 2] = [640, 480];

/// Slopes with some noise, as photographs have both.
fn drawn() -> Picture {
    let [width, height] = EXTENT;
    let mut state = 1u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 28) as u8
    };
    let at =
        |x: u32, y: u32| [(x * 200 / width) as u8, (y * 200 / height) as u8, ((x + y) % 200) as u8];
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let pixels = places.flat_map(|(x, y)| at(x, y)).map(|value| value + noise()).collect();
    Picture { width, height, channels: 3, pixels }
}

/// Prints how many megapixels a second `work` has, which takes so many pixels.
fn time<T>(name: &str, pixels: u32, mut work: impl FnMut() -> T) {
    let best = (0..ROUNDS).map(|_| {
        let begun = Instant::now();
        std::hint::black_box(work());
        begun.elapsed()
    });
    let seconds = best.min().unwrap_or_default().as_secs_f64();
    println!("{name:<24} {:>8.1} megapixels a second", f64::from(pixels) / seconds / 1e6);
}

fn main() {
    let picture = drawn();
    let [width, height] = EXTENT;
    let all = width * height;
    let files =
        [("png", picture.to_png()), ("jpeg", picture.to_jpeg(90)), ("webp", picture.to_webp())];
    for (format, file) in files {
        let file = file.expect("encode");
        time(&format!("decode {format}"), all, || {
            Picture::decode(&file, &Limits::default()).expect("decode")
        });
        let middle =
            Window { left: width / 4, top: height / 4, width: width / 2, height: height / 2 };
        time(&format!("decode {format}, middle"), all / 4, || {
            PictureFile::open(&file)
                .expect("open")
                .decode(middle, &Canvas::default())
                .expect("decode")
        });
    }
    time("encode png", all, || picture.to_png().expect("encode"));
    time("encode png quickly", all, || picture.to_png_quickly().expect("encode"));
    time("encode jpeg", all, || picture.to_jpeg(90).expect("encode"));
    time("encode webp", all, || picture.to_webp().expect("encode"));
    let pictures = vec![picture; 16];
    time("grid of 16", 16 * all, || grid(&pictures, 4, 2));
}
