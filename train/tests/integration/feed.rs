//! Pictures reach the steps as the data set has them, bit by bit, whichever way they take, and
//! another takes the place of a damaged one on each way alike.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as expected")]

use crate::util;

use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use shared::dataset::{Dataset, DatasetError};
use shared::nn::range::Range;
use shared::testing::Scratch;
use train::data::batches::{Batches, Share};
use train::data::feed::{DataOn, Feed};

const WAYS: [DataOn; 3] = [DataOn::Auto, DataOn::Host, DataOn::Device];
const BATCH: usize = 6;

fn open(folder: &Path) -> Arc<Batches> {
    open_mirrored(folder, false)
}

fn open_mirrored(folder: &Path, mirror: bool) -> Arc<Batches> {
    Arc::new(
        Batches::new(Dataset::open(folder).unwrap(), "train", BATCH, 5).unwrap().mirrored(mirror),
    )
}

#[test]
fn every_way_gives_the_same_bits_whole_and_in_shares() {
    for (name, stored, mirror) in
        [("whole", 8, false), ("room", 11, false), ("mirrored", 8, true), ("both", 11, true)]
    {
        let folder = Scratch::new(&format!("feed-{name}"));
        util::dataset_of(&folder, 8, stored, &[("train", 20)], |_, i| {
            let mut stream = shared::rng::stream(i, "feed test", 0);
            (0..stored * stored * 3).map(|_| stream.below(256) as u8).collect()
        });
        let (batches, device) = (open_mirrored(&folder, mirror), Device::flex());
        assert_eq!(batches.per_epoch(), 3);
        for (way, of) in WAYS.into_iter().flat_map(|way| [(way, 1), (way, 3)]) {
            let feed = |index| {
                Feed::new(&batches, way, Share { index, of }, (Range::Unit, true), &device, 2)
                    .unwrap()
            };
            let mut feeds: Vec<Feed> = (0..of).map(feed).collect();
            for number in 2..9 {
                let expected = batches.get(number / 3, number % 3, &device).unwrap();
                let shares =
                    feeds.iter_mut().map(|feed| feed.take().unwrap().batch()).collect::<Vec<_>>();
                assert!(
                    shares
                        .iter()
                        .all(|share| share.classes.as_ref().is_some_and(|c| c.len() == BATCH / of))
                );
                let found = burn::tensor::Tensor::cat(
                    shares.into_iter().map(|share| share.real).collect(),
                    0,
                );
                assert_eq!(found.dims(), [BATCH, 3, 8, 8]);
                let (found, expected) = (found.into_data(), expected.into_data());
                assert!(
                    found.iter::<f32>().eq(expected.iter::<f32>()),
                    "{way:?}, {of} shares, batch {number}, {name}"
                );
            }
        }
        shared::fs::remove(&folder).unwrap();
    }
}

#[test]
fn pixels_lie_in_the_range_that_the_networks_want() {
    let folder = Scratch::new("feed-range");
    util::drawn_dataset(&folder, 8, &[("train", 6)]);
    let (batches, device) = (open(&folder), Device::flex());
    let expected = batches.at(0, Range::Signed, false, &device).unwrap().real.into_data();
    for way in WAYS {
        let mut feed =
            Feed::new(&batches, way, Share::default(), (Range::Signed, false), &device, 0).unwrap();
        let batch = feed.take().unwrap().batch();
        assert_eq!(batch.classes, None);
        assert!(batch.real.into_data().iter::<f32>().eq(expected.iter::<f32>()), "{way:?}");
    }
    shared::fs::remove(&folder).unwrap();
}

#[test]
fn half_of_the_pictures_are_mirrored_anew_in_each_epoch_and_the_others_are_as_they_are() {
    let folder = Scratch::new("feed-mirror");
    // Wider than a byte of columns would show: each pixel says which picture, row and column it is.
    util::dataset_of(&folder, 8, 8, &[("train", 12)], |_, i| {
        (0..64).flat_map(|p| [i as u8, (p / 8) as u8, (p % 8) as u8]).collect()
    });
    let (plain, mirrored, device) =
        (open_mirrored(&folder, false), open_mirrored(&folder, true), Device::flex());
    let bytes = |batches: &Batches, number| -> Vec<u8> {
        let batch =
            batches.at(number, Range::Unit, false, &device).unwrap().real.permute([0, 2, 3, 1]);
        batch.into_data().iter::<f32>().map(|v| (v * 255.0).round() as u8).collect()
    };
    let (mut flags, mut first) = (Vec::new(), Vec::new());
    for number in 0..100 {
        let (was, now) = (bytes(&plain, number), bytes(&mirrored, number));
        assert_eq!(now, bytes(&mirrored, number), "the same numbers again, for a resumed run");
        for (was, now) in was.chunks(192).zip(now.chunks(192)) {
            let reversed: Vec<u8> = was
                .chunks(24)
                .flat_map(|row| row.chunks(3).rev().flatten().copied().collect::<Vec<_>>())
                .collect();
            assert!(now == was || now == reversed);
            flags.push(now == reversed);
            first.extend((now[0] == 0).then_some(now == reversed));
        }
    }
    // 600 coins: five standard deviations are 61.
    let count = flags.iter().filter(|flag| **flag).count();
    assert!((239..=361).contains(&count), "{count}");
    assert!(
        first.contains(&true) && first.contains(&false),
        "the same picture is not always mirrored"
    );
    shared::fs::remove(&folder).unwrap();
}

#[test]
fn the_next_sound_picture_takes_the_place_of_a_damaged_one_in_every_way_alike() {
    let (folder, same) = (Scratch::new("feed-damage"), Scratch::new("feed-replaced"));
    let pictures = |folder: &Path, of: fn(u64) -> u64| {
        util::labelled_dataset_of(folder, 8, &[("train", 20)], 4, of)
    };
    pictures(&folder, |i| i);
    pictures(&same, |i| match i {
        3 | 4 => 5,
        19 => 0,
        i => i,
    });
    let shard = folder.join("train-00000.shard");
    let mut bytes = shared::fs::read(&shard).unwrap();
    let stride = Dataset::open(&folder).unwrap().manifest().layout().stride();
    // The magic, the version and the header take 32 bytes.
    [3, 4, 19].iter().for_each(|record| bytes[32 + record * stride + 50] ^= 1);
    shared::fs::write(&shard, &bytes).unwrap();
    let (device, sound) = (Device::flex(), open(&same));
    for way in WAYS {
        // Opened anew: a record is checked when it is first read.
        let batches = open(&folder);
        let mut feed =
            Feed::new(&batches, way, Share::default(), (Range::Unit, true), &device, 0).unwrap();
        for number in 0..12 {
            let expected = sound.at(number, Range::Unit, true, &device).unwrap();
            let batch = feed.take().unwrap().batch();
            assert_eq!(batch.classes, expected.classes, "{way:?}");
            assert!(
                batch.real.into_data().iter::<f32>().eq(expected.real.into_data().iter::<f32>()),
                "{way:?}"
            );
        }
        assert_eq!(batches.damaged(), 3, "{way:?}");
        assert_eq!(batches.first(20).unwrap(), sound.first(20).unwrap());
    }
    assert_eq!(sound.damaged(), 0);
    [folder, same].iter().for_each(|folder| shared::fs::remove(folder).unwrap());
}

#[test]
fn with_no_sound_picture_left_every_way_ends_with_an_error() {
    let folder = Scratch::new("feed-none");
    util::drawn_dataset(&folder, 8, &[("train", 20)]);
    let shard = folder.join("train-00000.shard");
    let mut bytes = shared::fs::read(&shard).unwrap();
    let stride = Dataset::open(&folder).unwrap().manifest().layout().stride();
    (0..20).for_each(|record| bytes[32 + record * stride] ^= 1);
    shared::fs::write(&shard, &bytes).unwrap();
    let errors = WAYS.map(|way| -> DatasetError {
        match Feed::new(
            &open(&folder),
            way,
            Share::default(),
            (Range::Unit, false),
            &Device::flex(),
            0,
        ) {
            Err(error) => error,
            Ok(mut feed) => feed.take().expect_err("a batch of damaged pictures"),
        }
    });
    assert!(errors.iter().all(DatasetError::is_damage), "{errors:?}");
    shared::fs::remove(&folder).unwrap();
}
