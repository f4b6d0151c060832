//! Golden files and the numbers that Python and Rust make alike (`tools/golden_numbers.py`).
#![expect(clippy::unwrap_used, reason = "a test ends where a golden file is not as expected")]
#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses its part")]

pub(crate) mod network;
pub(crate) mod program;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use shared::dataset::{FileSummary, Manifest, SplitManifest, VERSION};
use shared::nn::owner::Owner;
use shared::nn::run::Run;
use shared::testing::{skip, wait_until};

/// A tensor: shape and values.
pub(crate) type Golden = HashMap<String, (Vec<usize>, Vec<f64>)>;

/// Reads a safetensors file of f32 and f64 and one of its metadata entries.
pub(crate) fn golden(path: &Path) -> (Golden, HashMap<String, String>) {
    let bytes = shared::fs::read(path).unwrap();
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let metadata = metadata.metadata().clone().unwrap_or_default();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let value = |view: &safetensors::tensor::TensorView<'_>| match view.dtype() {
        safetensors::Dtype::F64 => {
            view.data().as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect()
        }
        _ => view
            .data()
            .as_chunks::<4>()
            .0
            .iter()
            .map(|b| f64::from(f32::from_le_bytes(*b)))
            .collect(),
    };
    let tensors = file
        .tensors()
        .iter()
        .map(|(name, view)| (name.clone(), (view.shape().to_vec(), value(view))))
        .collect();
    (tensors, metadata)
}

/// Gives up a run, and waits until nobody has it: where another test of the same program is
/// starting a process just then, that one has the lock, too, until it runs its own program.
pub(crate) fn give_up(run: &Run, owner: Owner) {
    drop(owner);
    assert!(wait_until(|| !run.is_owned()), "the lock of {} stays", run.folder().display());
}

/// A file beside the tests.
pub(crate) fn committed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// A file of the pictures that are not part of the project; `None` where they are absent: the test
/// is skipped.
pub(crate) fn outside(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("FLEDGE_TEST_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    );
    let path = folder.join(name);
    if !path.exists() {
        skip(&format!("{} is absent (FLEDGE_TEST_DATA names the folder)", path.display()));
        return None;
    }
    Some(path)
}

/// u of every element, in [0, 1).
pub(crate) fn uniform(name: &str, count: usize) -> Vec<f32> {
    let seed = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    (0..count as u64)
        .map(|i| {
            let mut x = seed.wrapping_add((i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((x ^ (x >> 31)) >> 40) as f32 / (1 << 24) as f32
        })
        .collect()
}

/// Uniform on [−a, a).
pub(crate) fn signed(name: &str, count: usize, a: f32) -> Vec<f32> {
    uniform(name, count).into_iter().map(|u| (2.0 * u - 1.0) * a).collect()
}

/// Mean 0, variance 1.
pub(crate) fn normal(name: &str, count: usize) -> Vec<f32> {
    let u = uniform(name, 4 * count);
    u.chunks(4).map(|u| ((((u[0] + u[1]) + u[2]) + u[3]) - 2.0) * 3f64.sqrt() as f32).collect()
}

/// Pictures [b, 3, side, side] with values in [0, 1).
pub(crate) fn pictures(name: &str, b: usize, side: usize) -> Vec<f32> {
    pictures_of(name, [b, 3, side, side])
}

/// Pictures [b, c, side, side] with values in [−1, 1).
pub(crate) fn signed_pictures(name: &str, shape: [usize; 4]) -> Vec<f32> {
    pictures_of(name, shape).into_iter().map(|v| 2.0 * v - 1.0).collect()
}

/// Coarse blocks of 8 pixels and noise.
fn pictures_of(name: &str, [b, channels, side, _]: [usize; 4]) -> Vec<f32> {
    let coarse = uniform(&format!("{name}.coarse"), b * channels * (side / 8) * (side / 8));
    let fine = uniform(&format!("{name}.fine"), b * channels * side * side);
    let at = |i: usize| {
        let (plane, y, x) = (i / (side * side), i / side % side, i % side);
        coarse[(plane * (side / 8) + y / 8) * (side / 8) + x / 8]
    };
    fine.iter().enumerate().map(|(i, f)| 0.5 * at(i) + 0.5 * f).collect()
}

/// The first of the `found` numbers, as many as are `expected`: golden files hold the first
/// pictures of a batch only.
pub(crate) fn first_of(found: impl IntoIterator<Item = f32>, expected: &[f64]) -> Vec<f32> {
    found.into_iter().take(expected.len()).collect()
}

/// Writes a data set of drawn `side`×`side` pictures in colour, as `prep build` would lay it out.
pub(crate) fn drawn_dataset(folder: &Path, side: u32, splits: &[(&str, u64)]) {
    labelled_dataset(folder, side, splits, 0);
}

/// The same in `classes` classes, in turns.
pub(crate) fn labelled_dataset(folder: &Path, side: u32, splits: &[(&str, u64)], classes: u64) {
    labelled_dataset_of(folder, side, splits, classes, |i| i);
}

/// The same with the `of(i)`-th picture, and its class, in place of each split's i-th.
pub(crate) fn labelled_dataset_of(
    folder: &Path,
    side: u32,
    splits: &[(&str, u64)],
    classes: u64,
    of: impl Fn(u64) -> u64,
) {
    let pixels = |name: &str, i| {
        let mut stream = shared::rng::stream(of(i), name, 0);
        (0..side * side * 3).map(|_| stream.below(256) as u8).collect()
    };
    dataset_with(folder, [side, side], splits, pixels, (classes, |i| of(i) % classes));
}

/// Writes a data set of pictures in colour, stored as `stored`×`stored` to learn `size`×`size`
/// from; `pixels` gives those of a split's i-th picture.
pub(crate) fn dataset_of(
    folder: &Path,
    size: u32,
    stored: u32,
    splits: &[(&str, u64)],
    pixels: impl Fn(&str, u64) -> Vec<u8>,
) {
    dataset_with(folder, [size, stored], splits, pixels, (0, |_| 0));
}

/// Writes a data set of drawn pairs, each half stored as `stored`×`stored` to learn `size`×`size`
/// from; the right one is the left one's negative.
pub(crate) fn paired_dataset(folder: &Path, [size, stored]: [u32; 2], splits: &[(&str, u64)]) {
    let pixels = |name: &str, i: u64| {
        let mut stream = shared::rng::stream(i, name, 0);
        let row = |_| {
            let left: Vec<u8> = (0..stored * 3).map(|_| stream.below(256) as u8).collect();
            let right: Vec<u8> = left.iter().map(|v| 255 - v).collect();
            [left, right].concat()
        };
        (0..stored).flat_map(row).collect()
    };
    dataset_of_records(folder, [size, stored], true, splits, pixels, (0, |_| 0));
}

fn dataset_with(
    folder: &Path,
    sizes: [u32; 2],
    splits: &[(&str, u64)],
    pixels: impl Fn(&str, u64) -> Vec<u8>,
    classes: (u64, impl Fn(u64) -> u64),
) {
    dataset_of_records(folder, sizes, false, splits, pixels, classes);
}

fn dataset_of_records(
    folder: &Path,
    [size, stored]: [u32; 2],
    paired: bool,
    splits: &[(&str, u64)],
    pixels: impl Fn(&str, u64) -> Vec<u8>,
    (classes, class): (u64, impl Fn(u64) -> u64),
) {
    let width = if paired { 2 * stored } else { stored };
    shared::fs::create_folder(folder).unwrap();
    let splits = splits.iter().map(|&(name, records)| {
        let shard = format!("{name}-00000.shard");
        let layout = shared::shard::Layout { height: stored, width, channels: 3 };
        let mut writer = shared::shard::ShardWriter::create(folder.join(&shard), layout).unwrap();
        for i in 0..records {
            writer.push(&pixels(name, i), (classes > 0).then(|| class(i) as u32), i).unwrap();
        }
        writer.finish().unwrap();
        let bytes = shared::fs::read(folder.join(&shard)).unwrap();
        let summary = FileSummary { records: Some(records), ..FileSummary::of(&shard, &bytes) };
        SplitManifest { name: name.to_owned(), records, shards: vec![summary] }
    });
    let manifest = Manifest {
        version: VERSION,
        size,
        stored,
        held_out: None,
        channels: 3,
        paired,
        classes: (0..classes).map(|class| format!("class {class}")).collect(),
        settings: Default::default(),
        format: "drawn".into(),
        fingerprint: "0".repeat(64),
        splits: splits.collect(),
        account: Vec::new(),
        rejects: Default::default(),
        files: Vec::new(),
    };
    shared::sealed::write(&folder.join("dataset.json"), &manifest).unwrap();
}
