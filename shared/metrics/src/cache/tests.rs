use burn::tensor::{Device, Tensor};

use std::path::PathBuf;

use crate::features::Features;
use crate::network::{FeatureNetwork, Layer, Weights};
use crate::resize::Preprocessing;

use super::entry::*;
use super::*;
use fledge_base::{fs, rng};

const LAYER: Layer = Layer { name: "64", dimensions: 64 };
const COUNT: usize = 700;

/// A network with a name and weights only.
struct Named(Weights);

impl FeatureNetwork for Named {
    fn name(&self) -> &'static str {
        "named"
    }

    fn layers(&self) -> &'static [Layer] {
        &[LAYER]
    }

    fn weights(&self) -> &Weights {
        &self.0
    }

    fn device(&self) -> &Device {
        unreachable!("a cache computes nothing")
    }

    fn forward(&self, _: Tensor<4>, _: &[Layer]) -> Vec<Tensor<2>> {
        unreachable!("a cache computes nothing")
    }
}

/// A temporary folder for one test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("fledge-cache-{}-{name}", std::process::id()));
        fs::remove(&folder).expect("clear");
        Self(folder)
    }

    fn cache(&self) -> FeatureCache {
        FeatureCache::at(&self.0)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove(&self.0).expect("clear");
    }
}

fn entry(cache: &FeatureCache, count: usize) -> Entry {
    let network = Named(Weights::Random { seed: 1 });
    cache
        .entry(("content", "birds".into(), count), Preprocessing::TORCH_FIDELITY, &network, LAYER)
        .expect("an entry")
}

fn features(count: usize) -> Features {
    Features::new((0..count * LAYER.dimensions).map(|v| v as f32 * 0.5).collect(), LAYER.dimensions)
}

/// Rows `at..end` of the features to be computed.
fn rows(at: usize, end: usize) -> Features {
    Features::new(features(end).values()[at * LAYER.dimensions..].to_vec(), LAYER.dimensions)
}

/// Continues an extraction in batches of 16, up to `end` pictures. Dropping the keeper stands for
/// killing the process.
fn go_on(entry: &Entry, end: usize) -> Keeper {
    let mut keeper = Keeper::begin(entry.clone());
    while keeper.rows() < end {
        let at = keeper.rows();
        keeper.add(at, &rows(at, (at + 16).min(COUNT)));
    }
    keeper
}

#[test]
fn every_changed_byte_and_truncation_is_computed_again() {
    let scratch = Scratch::new("damage");
    let entry = entry(&scratch.cache(), 2);
    assert!(entry.read().is_none());
    fs::create_folder(&scratch.0).expect("folder");
    finished::write(&entry, features(2).values()).expect("write");
    assert_eq!(entry.read().as_ref(), Some(&features(2)));
    let bytes = fs::read(&entry.path).expect("read");
    // A changed letter in the facts would give another header, whose CRC does not match.
    for i in (0..bytes.len()).chain([bytes.len()]) {
        let mut damaged = bytes.clone();
        match damaged.get_mut(i) {
            Some(byte) => *byte ^= 1,
            None => damaged.push(0),
        }
        fs::write(&entry.path, &damaged).expect("write");
        assert!(entry.read().is_none(), "byte {i}");
        fs::write(&entry.path, &bytes[..i.min(bytes.len() - 1)]).expect("write");
        assert!(entry.read().is_none(), "cut at {i}");
    }
}

#[test]
fn another_picture_count_resize_layer_or_network_has_another_place_or_is_refused() {
    let cache = FeatureCache::at("nowhere");
    let of = |content, preprocessing, layer, seed| {
        let network = Named(Weights::Random { seed });
        cache.entry((content, "birds".into(), 5), preprocessing, &network, layer).expect("an entry")
    };
    let base = of("a", Preprocessing::TORCH_FIDELITY, LAYER, 1);
    for other in [
        of("b", Preprocessing::TORCH_FIDELITY, LAYER, 1),
        of("a", Preprocessing::KERAS_75, LAYER, 1),
        of("a", Preprocessing::TORCH_FIDELITY, Layer { name: "192", dimensions: 64 }, 1),
        of("a", Preprocessing::TORCH_FIDELITY, LAYER, 2),
    ] {
        assert_ne!(base.path, other.path);
        assert!(!base.is_of(&other.header));
    }
    let elsewhere = Facts { pictures: "moved".into(), ..base.header.facts.clone() };
    assert!(base.is_of(&Header { facts: elsewhere, ..base.header.clone() }));
    assert!(!base.is_of(&Header { count: 6, ..base.header.clone() }));
}

#[test]
fn an_interrupted_extraction_goes_on_and_ends_in_the_same_bytes() {
    let (whole, cut) = (Scratch::new("whole"), Scratch::new("cut"));
    let (at_once, in_parts) = (entry(&whole.cache(), COUNT), entry(&cut.cache(), COUNT));
    assert_eq!(go_on(&at_once, COUNT).finish(), features(COUNT));
    assert!(!part::path(&at_once.path).exists());
    drop(go_on(&in_parts, 300));
    assert_eq!(Keeper::begin(in_parts.clone()).rows(), 256);
    drop(go_on(&in_parts, 600));
    assert_eq!(Keeper::begin(in_parts.clone()).rows(), 512);
    assert_eq!(go_on(&in_parts, COUNT).finish(), features(COUNT));
    assert_eq!(fs::read(&in_parts.path).expect("read"), fs::read(&at_once.path).expect("read"));
    assert!(!part::path(&in_parts.path).exists());
}

#[test]
fn a_torn_or_damaged_unfinished_file_gives_its_sound_beginning() {
    let scratch = Scratch::new("torn");
    let entry = entry(&scratch.cache(), COUNT);
    drop(go_on(&entry, COUNT));
    let path = part::path(&entry.path);
    let bytes = fs::read(&path).expect("read");
    let mut random = rng::stream(0, "torn", 0);
    for trial in 0..60 {
        let at = random.below(bytes.len() as u64) as usize;
        let mut damaged = bytes.clone();
        match trial % 3 {
            0 => damaged[at] ^= 1 << random.below(8),
            1 => damaged.truncate(at),
            _ => damaged.extend((0..=random.below(300)).map(|i| i as u8)),
        }
        fs::write(&path, &damaged).expect("write");
        let part::Opened::Ours(part, values) = part::Part::open(&entry).expect("open") else {
            panic!("no one else has it")
        };
        // Blocks are whole, so the rows kept are a whole number of them.
        let rows = values.len() / LAYER.dimensions;
        assert!(rows.is_multiple_of(256) && rows <= 512, "{rows}");
        assert_eq!(rows == 512, trial % 3 == 2, "{rows} rows in trial {trial}");
        assert_eq!(values, features(rows).values());
        drop(part);
        let finished = go_on(&entry, COUNT);
        assert_eq!(finished.finish(), features(COUNT));
        fs::remove(&entry.path).expect("remove");
    }
}

#[test]
fn a_second_process_computes_without_keeping() {
    let scratch = Scratch::new("busy");
    let entry = entry(&scratch.cache(), COUNT);
    let first = go_on(&entry, 300);
    let path = part::path(&entry.path);
    let before = fs::read(&path).expect("read");
    assert_eq!(go_on(&entry, COUNT).finish(), features(COUNT));
    assert_eq!(fs::read(&path).expect("read"), before);
    assert!(!entry.path.exists());
    // Nor is it removed while in use.
    let list = scratch.cache().list().expect("list");
    let [kept] = &list[..] else { panic!("{list:?}") };
    assert!(!scratch.cache().remove(kept).expect("remove") && path.exists());
    drop(first);
    assert!(scratch.cache().remove(kept).expect("remove") && !path.exists());
}

#[test]
fn rows_that_are_there_already_are_passed_over() {
    let mut keeper = Keeper::off(COUNT, LAYER.dimensions);
    keeper.add(0, &rows(0, 20));
    // Another layer has only 10 rows: its extraction starts before the end of this one.
    keeper.add(10, &rows(10, 26));
    keeper.add(0, &rows(0, 16));
    assert_eq!(keeper.finish(), features(26));
}

#[test]
fn the_list_says_what_each_file_is() {
    let scratch = Scratch::new("list");
    let cache = scratch.cache();
    assert_eq!(cache.list().expect("list"), []);
    go_on(&entry(&cache, COUNT), COUNT).finish();
    drop(go_on(&entry(&cache, COUNT + 1), COUNT));
    fs::write(scratch.0.join("old.features"), b"fledge features 1").expect("write");
    fs::write(scratch.0.join(".old.features.1-1.fledge-tmp"), b"fledge").expect("write");
    fs::write(scratch.0.join("notes.txt"), b"of a person").expect("write");
    let kept = cache.list().expect("list");
    let of = |state: State| kept.iter().filter(|kept| kept.state == state).collect::<Vec<_>>();
    // Both files have the same key: the finished one hides neither.
    let [finished] = of(State::Finished)[..] else { panic!("{kept:?}") };
    assert_eq!((finished.count, finished.dimensions), (COUNT as u64, 64));
    assert_eq!(
        finished.facts.as_ref().map(|f| (f.pictures.as_str(), f.layer.as_str())),
        Some(("birds", "64"))
    );
    let [unfinished] = of(State::Unfinished { done: 512 })[..] else { panic!("{kept:?}") };
    assert_eq!(unfinished.count, COUNT as u64 + 1);
    assert_eq!(of(State::Useless).len(), 2);
    for kept in &kept {
        assert!(cache.remove(kept).expect("remove"));
    }
    assert_eq!(cache.list().expect("list"), []);
    assert!(scratch.0.join("notes.txt").exists());
}
