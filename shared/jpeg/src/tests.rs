use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::*;
use crate::idct::{self, Block};

/// The system's allocator, with a count per thread of the bytes allocated now and at the peak.
struct Counting;

thread_local! {
    static NOW: Cell<i64> = const { Cell::new(0) };
    static PEAK: Cell<i64> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call is passed unchanged to the system's allocator; the counters allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        NOW.set(NOW.get() + layout.size() as i64);
        PEAK.set(PEAK.get().max(NOW.get()));
        // SAFETY: the caller keeps the contract of this function, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        NOW.set(NOW.get() - layout.size() as i64);
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }
}

/// The result of `run`, and its peak allocation in bytes.
fn peak<T>(run: impl FnOnce() -> T) -> (T, u64) {
    let before = NOW.get();
    PEAK.set(before);
    let result = run();
    (result, (PEAK.get() - before) as u64)
}

#[derive(Deserialize)]
struct Golden {
    pictures: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    bytes: usize,
    width: u32,
    height: u32,
    channels: u32,
    sha256: String,
}

/// The files made by tools/golden_jpeg.py, with Pillow's pixels.
fn goldens() -> Vec<(Entry, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let golden: Golden =
        serde_json::from_slice(&fs::read(folder.join("pictures.json")).expect("read"))
            .expect("parse");
    let blob = fs::read(folder.join("pictures.bin")).expect("read");
    let mut at = 0;
    let cut = |entry: Entry| {
        at += entry.bytes;
        let file = blob[at - entry.bytes..at].to_vec();
        (entry, file)
    };
    golden.pictures.into_iter().map(cut).collect()
}

fn whole(entry: &Entry, file: &[u8]) -> Pixels {
    let decoded =
        Jpeg::open(file).and_then(|jpeg| jpeg.decode(Window::whole(jpeg.width(), jpeg.height())));
    decoded.unwrap_or_else(|what| panic!("{}: {what}", entry.name))
}

fn stride(picture: &Pixels) -> usize {
    picture.width as usize * picture.channels as usize
}

fn part(picture: &Pixels, window: Window) -> Pixels {
    let n = picture.channels as usize;
    let rows = picture
        .pixels
        .chunks_exact(stride(picture))
        .skip(window.top as usize)
        .take(window.height as usize);
    let columns =
        |row: &[u8]| row[window.left as usize * n..][..window.width as usize * n].to_vec();
    Pixels {
        width: window.width,
        height: window.height,
        channels: picture.channels,
        pixels: rows.flat_map(columns).collect(),
    }
}

#[test]
fn drawn_pictures_decode_to_the_pixels_of_pillow() {
    for (entry, file) in goldens() {
        let picture = whole(&entry, &file);
        assert_eq!(
            (picture.width, picture.height, picture.channels),
            (entry.width, entry.height, entry.channels),
            "{}",
            entry.name
        );
        let digest: String =
            Sha256::digest(&picture.pixels).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, entry.sha256, "{}", entry.name);
    }
}

#[test]
fn a_machine_without_vectors_gives_the_same_pixels() {
    for (entry, file) in goldens() {
        let jpeg = Jpeg::open(&file).expect("open");
        let plan = Plan::new(&jpeg.header, Window::whole(jpeg.width(), jpeg.height()));
        assert!(
            plan.decode(&jpeg.header, Baseline).expect("decode") == whole(&entry, &file),
            "{}",
            entry.name
        );
    }
}

/// A window of a picture from four numbers of any size.
fn window(picture: &Pixels, [left, top, width, height]: [u32; 4]) -> Window {
    let (left, top) = (left % picture.width, top % picture.height);
    Window {
        left,
        top,
        width: width % (picture.width - left) + 1,
        height: height % (picture.height - top) + 1,
    }
}

#[test]
fn what_a_file_says_of_itself_is_read() {
    let (_, file) = goldens().swap_remove(0);
    let jpeg = Jpeg::open(&file).expect("open");
    assert_eq!((jpeg.components(), jpeg.exif(), jpeg.has_profile()), (3, None, false));
    let mut tagged = file[..2].to_vec();
    let exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    for (marker, body) in [(0xe1, &exif[..]), (0xe2, b"ICC_PROFILE\0\x01\x01...")] {
        tagged.extend([0xff, 0xff, marker, 0, body.len() as u8 + 2]);
        tagged.extend(body);
    }
    tagged.extend(&file[2..]);
    let jpeg = Jpeg::open(&tagged).expect("open");
    assert_eq!((jpeg.exif(), jpeg.has_profile()), (exif.strip_prefix(b"Exif\0\0"), true));
}

#[test]
fn a_file_cut_off_anywhere_is_refused() {
    let goldens = goldens();
    for (entry, file) in goldens.iter().filter(|(entry, _)| entry.width == 17) {
        // Only the end marker may be missing.
        for cut in 0..file.len() - 2 {
            let decoded = Jpeg::open(&file[..cut])
                .and_then(|jpeg| jpeg.decode(Window::whole(jpeg.width(), jpeg.height())));
            assert!(decoded.is_err(), "{} cut at {cut}", entry.name);
        }
    }
}

#[test]
fn data_that_end_early_are_an_error_only_where_the_window_needs_them() {
    let (entry, file) =
        goldens().into_iter().find(|(e, _)| e.name.starts_with("100x75 4:4:4")).expect("there");
    let picture = whole(&entry, &file);
    let mut cut = file[..file.len() * 3 / 4].to_vec();
    cut.extend([0xff, 0xd9]);
    let jpeg = Jpeg::open(&cut).expect("open");
    assert_eq!(
        jpeg.decode(Window::whole(100, 75)).expect_err("decoded").to_string(),
        "its data end early"
    );
    let top = Window::whole(100, 16);
    assert!(jpeg.decode(top).expect("decode") == part(&picture, top));
}

#[test]
fn a_header_that_claims_more_blocks_than_its_bytes_hold_is_refused() {
    for (entry, mut file) in goldens()
        .into_iter()
        .filter(|(e, _)| e.name.starts_with("16x16") || e.name == "grey progressive")
    {
        let frame = (2..file.len())
            .find(|&at| file[at] == 0xff && matches!(file[at + 1], 0xc0..=0xc2))
            .expect("frame");
        file[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
        let error = Jpeg::open(&file).expect_err("opened").to_string();
        assert!(error.contains("cannot hold its"), "{}: {error}", entry.name);
    }
}

#[test]
fn kinds_that_are_not_read_are_named() {
    let (_, file) = goldens().swap_remove(0);
    let frame = (2..file.len()).find(|&at| file[at..].starts_with(&[0xff, 0xc0])).expect("frame");
    let with = |offset: usize, value: &[u8]| {
        let mut file = file.clone();
        file[frame + offset..frame + offset + value.len()].copy_from_slice(value);
        Jpeg::open(&file).expect_err("opened").to_string()
    };
    assert!(with(1, &[0xc3]).contains("without loss"));
    assert!(with(1, &[0xc9]).contains("arithmetically"));
    assert!(with(1, &[0xc5]).contains("hierarchically"));
    assert!(with(4, &[12]).contains("12 bits"));
    assert!(with(5, &[0, 0]).contains("DNL"));
    assert!(with(11, &[0x51]).contains("sampling factors of 5x1"));
}

#[test]
fn a_window_beyond_the_picture_is_an_error() {
    let (_, file) = goldens().swap_remove(0);
    let jpeg = Jpeg::open(&file).expect("open");
    for beyond in [
        Window::whole(2, 1),
        Window::whole(0, 1),
        Window { left: u32::MAX, top: 0, width: 2, height: 1 },
    ] {
        assert!(
            jpeg.decode(beyond).expect_err("decoded").to_string().contains("does not lie within")
        );
    }
}

proptest! {
    // New damage in `make torture` only, so that every `make test` gives the same result for the
    // same code.
    #![proptest_config(ProptestConfig {
        cases: 64,
        rng_seed: if std::env::var_os("FLEDGE_TORTURE").is_some() { RngSeed::Random } else { RngSeed::Fixed(1) },
        ..ProptestConfig::default()
    })]
    #[test]
    fn a_window_has_the_pixels_of_the_whole(numbers in any::<[u32; 4]>()) {
        for (entry, file) in goldens() {
            let picture = whole(&entry, &file);
            let window = window(&picture, numbers);
            let jpeg = Jpeg::open(&file).expect("open");
            let decoded = jpeg.decode(window).expect("decode");
            prop_assert!(decoded == part(&picture, window), "{} {:?}", entry.name, window);
        }
    }

    #[test]
    fn damage_neither_makes_the_decoder_fall_nor_exceeds_its_memory(
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        early in any::<bool>(),
        numbers in any::<[u32; 4]>(),
    ) {
        for (entry, mut file) in goldens() {
            for (place, value) in &places {
                // Half of the cases damage the headers only.
                let end = if early { file.len().min(700) } else { file.len() };
                file[place.index(end)] = *value;
            }
            let (opened, _) = peak(|| Jpeg::open(&file));
            let Ok(jpeg) = opened else { continue };
            let whole = Pixels { width: jpeg.width(), height: jpeg.height(), channels: 1, pixels: Vec::new() };
            for window in [Window::whole(jpeg.width(), jpeg.height()), window(&whole, numbers)] {
                let allowed = jpeg.memory(window);
                let (decoded, took) = peak(|| jpeg.decode(window));
                prop_assert!(took <= allowed, "{}: {took} bytes, not the {allowed} announced", entry.name);
                if let Ok(picture) = decoded {
                    prop_assert_eq!((picture.width, picture.height), (window.width, window.height));
                    prop_assert_eq!(picture.pixels.len(), stride(&picture) * picture.height as usize);
                }
            }
        }
    }
}

/// A block after an inverse transform, without and with vectors.
fn transforms(block: &Block, factors: &Block) -> Option<[idct::Samples; 2]> {
    Avx2::find().map(|avx2| {
        [idct::transform(block, factors, Baseline), idct::transform(block, factors, avx2)]
    })
}

proptest! {
    #[test]
    fn vectors_transform_blocks_of_any_numbers_alike(numbers in prop::collection::vec(any::<i16>(), 128), shift in 0..16u32) {
        let block = |from: &[i16]| Block(std::array::from_fn(|i| from[i] >> shift));
        if let Some([plain, vectors]) = transforms(&block(&numbers), &block(&numbers[64..])) {
            prop_assert_eq!(plain, vectors);
        }
    }

    #[test]
    fn a_block_without_ac_is_flat(dc in any::<i16>(), factor in 1..256i16) {
        let (mut block, factors) = (Block::ZERO, Block([factor; 64]));
        block.0[0] = dc;
        prop_assert_eq!(idct::transform(&block, &factors, Baseline), [[idct::flat(dc, &factors); 8]; 8]);
    }
}
