//! Pictures that are stored with room: the trainer learns from windows drawn anew each epoch, what
//! is shown and measured is the middle.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as expected")]

use crate::util;

use burn::tensor::{Device, Tensor};
use shared::dataset::Dataset;
use shared::nn::device::DeviceChoice;
use shared::testing::Scratch;
use train::data::batches::Batches;

const STORED: u32 = 12;
const SIZE: u32 = 8;
const COUNT: u64 = 16;

/// Each pixel says where it was: column in red, row in green, picture in blue.
fn dataset(folder: &std::path::Path) -> Dataset {
    util::dataset_of(folder, SIZE, STORED, &[("train", COUNT)], |_, i| {
        (0..STORED * STORED)
            .flat_map(|p| [(p % STORED) as u8, (p / STORED) as u8, i as u8])
            .collect()
    });
    Dataset::open(folder).unwrap()
}

/// Column and row of the corner of every picture of a batch, by picture; fails unless all other
/// pixels follow from it.
fn corners(batch: Tensor<4>) -> Vec<(u8, (u8, u8))> {
    assert_eq!(batch.dims(), [COUNT as usize, 3, SIZE as usize, SIZE as usize]);
    let bytes: Vec<u8> = batch
        .permute([0, 2, 3, 1])
        .into_data()
        .iter::<f32>()
        .map(|v| (v * 255.0).round() as u8)
        .collect();
    let corner = |picture: &[u8]| {
        for (i, pixel) in picture.as_chunks::<3>().0.iter().enumerate() {
            let (x, y) = ((i as u32 % SIZE) as u8, (i as u32 / SIZE) as u8);
            assert_eq!(*pixel, [picture[0] + x, picture[1] + y, picture[2]]);
        }
        (picture[2], (picture[0], picture[1]))
    };
    let mut corners: Vec<_> = bytes.chunks_exact((SIZE * SIZE * 3) as usize).map(corner).collect();
    corners.sort_unstable();
    corners
}

#[test]
fn windows_are_drawn_for_every_picture_and_epoch_and_the_middle_is_shown() {
    let folder = Scratch::new("crops");
    let device: Device = DeviceChoice::Cpu.open().unwrap();
    let batches = Batches::new(dataset(&folder), "train", COUNT as usize, 5).unwrap();
    let epochs: Vec<_> =
        (0..30).map(|epoch| corners(batches.get(epoch, 0, &device).unwrap())).collect();
    assert!(
        epochs.iter().all(|e| e.iter().map(|(picture, _)| u64::from(*picture)).eq(0..COUNT)),
        "every picture once an epoch"
    );
    let mut all: Vec<(u8, u8)> = epochs.iter().flatten().map(|(_, corner)| *corner).collect();
    all.sort_unstable();
    all.dedup();
    // 480 draws of 25 places: that one is missed has a chance below 1e-7.
    assert_eq!(all.len(), 25, "{all:?}");
    assert!(all.iter().all(|(x, y)| *x <= 4 && *y <= 4));
    assert_ne!(epochs[0], epochs[1]);
    assert_eq!(
        corners(batches.get(1, 0, &device).unwrap()),
        epochs[1],
        "the same numbers again, for a resumed run"
    );
    let shown = batches.first(2).unwrap();
    assert_eq!(
        (shown[1].width, shown[1].height, &shown[1].pixels[..3]),
        (SIZE, SIZE, &[2, 2, 1][..])
    );
}
