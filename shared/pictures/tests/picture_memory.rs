//! What a file says it takes to decode is what it takes: all allocations are counted, on sound
//! files and on damaged ones. One test only, so that no other allocates meanwhile.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Cursor;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use fledge_base::testing::torture;
use fledge_pictures::{Canvas, PictureFile, Window};
use image::{ExtendedColorType, ImageEncoder as _};
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: every call is passed on to the system's allocator as it came; beside it only counters
// change.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        PEAK.fetch_max(HELD.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        PEAK.fetch_max(HELD.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { System.alloc_zeroed(layout) }
    }
}

/// Beside what is counted by pixels: error texts, hash maps.
const SLACK: u64 = 1 << 20;
/// What the drawn damage may ask for; a file that asks for more is not decoded.
const LIMIT: u64 = 64 << 20;

/// Opens and decodes; the largest number of bytes held meanwhile by each step, and what was said of
/// the second.
fn cost(bytes: &[u8], window: impl Fn(&PictureFile<'_>) -> Window) -> (u64, Option<(u64, u64)>) {
    let reset = || {
        let held = HELD.load(Relaxed);
        PEAK.store(held, Relaxed);
        held
    };
    let held = reset();
    let file = PictureFile::open(bytes);
    let opening = (PEAK.load(Relaxed) - held) as u64;
    let Ok(file) = file else { return (opening, None) };
    let window = window(&file);
    let said = file.memory(window);
    if said > LIMIT {
        return (opening, None);
    }
    let held = reset();
    drop(file.decode(window, &Canvas::default()));
    (opening, Some(((PEAK.load(Relaxed) - held) as u64, said)))
}

fn assert_within(name: &str, bytes: &[u8], window: impl Fn(&PictureFile<'_>) -> Window) {
    let (opening, decoding) = cost(bytes, window);
    assert!(opening <= 3 * bytes.len() as u64 + SLACK, "{name}: opening takes {opening} bytes");
    if let Some((taken, said)) = decoding {
        assert!(taken <= said + SLACK, "{name}: takes {taken} bytes, said {said}");
    }
}

/// The small files that `tools/golden_pixels.py` made, by name.
fn goldens() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pictures");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("list")
        .map(|entry| entry.expect("entry").path())
        .collect();
    paths.retain(|path| path.file_stem().is_some_and(|stem| stem != "pixels"));
    paths.sort();
    assert!(paths.len() > 80, "{paths:?}");
    paths
        .iter()
        .map(|path| (path.display().to_string(), std::fs::read(path).expect("read")))
        .collect()
}

/// A drawn picture in every format that there is an encoder for: large, so that pixels outweigh
/// tables, and noisy, so that the file is large too.
fn large() -> Vec<(&'static str, Vec<u8>)> {
    let (width, height) = (1100u32, 700u32);
    let noise = |i: u32| (i.wrapping_mul(2_654_435_761) >> 25) as u8;
    let pixels: Vec<u8> = (0..width * height * 4)
        .map(|i| ((i / 4 % width / 8) as u8).wrapping_add(noise(i)))
        .collect();
    let rgb: Vec<u8> = pixels.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
    let mut files = Vec::new();
    for (pixels, color) in [(&pixels, ExtendedColorType::Rgba8), (&rgb, ExtendedColorType::Rgb8)] {
        let mut add = |name, encode: &dyn Fn(&mut Vec<u8>) -> image::ImageResult<()>| {
            let mut bytes = Vec::new();
            encode(&mut bytes).expect("encode");
            files.push((name, bytes));
        };
        add("png", &|out| {
            image::codecs::png::PngEncoder::new(out).write_image(pixels, width, height, color)
        });
        add("webp", &|out| {
            image::codecs::webp::WebPEncoder::new_lossless(out)
                .write_image(pixels, width, height, color)
        });
        add("bmp", &|out| {
            image::codecs::bmp::BmpEncoder::new(out).write_image(pixels, width, height, color)
        });
        add("gif", &|out| {
            image::codecs::gif::GifEncoder::new_with_speed(Cursor::new(out), 30)
                .encode(pixels, width, height, color)
        });
    }
    let mut bytes = Vec::new();
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 95);
    encoder.write_image(&rgb, width, height, ExtendedColorType::Rgb8).expect("encode");
    files.push(("jpeg", bytes));
    files
}

#[test]
fn decoding_takes_no_more_memory_than_was_said() {
    for (name, bytes) in large() {
        assert_within(name, &bytes, |file| file.whole());
        let (_, cost) = cost(&bytes, |_| Window { left: 500, top: 300, width: 64, height: 64 });
        let (taken, said) = cost.expect("within the limit");
        assert!(taken <= said + SLACK, "a window of {name}: takes {taken} bytes, said {said}");
        // Of a PNG only the window is kept.
        assert!(said < 1 << 20 || name != "png", "a window of {name}: {said}");
    }
    let files = goldens();
    for (name, bytes) in &files {
        assert_within(name, bytes, |file| file.whole());
    }
    let damage = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4);
    let drawn = (0..files.len(), damage, prop::option::weighted(0.2, any::<prop::sample::Index>()));
    // New damage in `make torture` only, so that every `make test` says the same of the same code.
    let rng_seed = torture(RngSeed::Fixed(1), RngSeed::Random);
    let config = ProptestConfig {
        cases: 4096,
        failure_persistence: None,
        rng_seed,
        ..ProptestConfig::default()
    };
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&drawn, |(file, damage, cut)| {
        let (name, mut bytes) = files[file].clone();
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        assert_within(&name, &bytes, |file| file.whole());
        assert_within(&name, &bytes, |file| Window::whole(1, file.height().div_ceil(2)));
        Ok(())
    });
    outcome.expect("a damaged file");
}
