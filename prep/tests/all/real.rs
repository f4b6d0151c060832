//! Collections of real pictures, if they are available.
#![cfg(unix)]

use crate::util::{build, prep, real_data, stderr};
use shared::archive::Archive;
use shared::dataset::Dataset;
use shared::picture::{Limits, Picture, Window};
use shared::testing::Scratch;

#[test]
fn half_size_birds_become_2889_records() {
    let Some(source) = real_data("cub50-half.zip") else { return };
    let scratch = Scratch::new("birds");
    let out = scratch.path("birds64");
    let built = prep().arg("build").arg(source).arg("--out").arg(&out).output().expect("run");
    assert!(built.status.success(), "{}", stderr(&built));
    let dataset = Dataset::open(&out).expect("open");
    let len = |name| dataset.split(name).expect("split").len();
    assert_eq!((len("train"), len("val"), dataset.manifest().classes.len()), (1500, 1389, 50));
    assert!(prep().arg("verify").arg(&out).output().expect("run").status.success());
}

#[test]
fn a_folder_of_full_size_birds_is_read_without_rejects() {
    let Some(source) = real_data("cub3-original") else { return };
    let scratch = Scratch::new("folder");
    let out = scratch.path("out");
    let built = prep().arg("build").arg(source).arg("--out").arg(&out).output().expect("run");
    assert!(built.status.success(), "{}", stderr(&built));
    let dataset = Dataset::open(&out).expect("open");
    assert_eq!(dataset.manifest().splits.iter().map(|s| s.records).sum::<u64>(), 173);
    assert!(dataset.manifest().rejects.values().all(|&n| n == 0));
}

/// Name, flags, layout, size and channels, pictures of each split, classes.
type Collection =
    (&'static str, &'static [&'static str], &'static str, (u32, u32), &'static [u64], usize);

/// The picture's left and right half.
fn halves(picture: &Picture) -> [Vec<u8>; 2] {
    let (width, height) = (picture.width / 2, picture.height);
    [0, width].map(|left| picture.cut(Window { left, top: 0, width, height }).pixels)
}

#[test]
fn maps_are_loaded_and_cropped_as_pix2pix_does() {
    let Some(source) = real_data("maps-512x256.zip") else { return };
    let scratch = Scratch::new("maps");
    let out = scratch.path("maps");
    let flags = ["--format", "pairs", "--size", "256", "--load-size", "286"];
    let flags = [&flags[..], &["--crop", "stretch", "--resample", "bicubic"]].concat();
    build(&source, &out, &flags, 0);
    let dataset = Dataset::open(&out).expect("open");
    let (train, val) = (dataset.split("train").expect("train"), dataset.split("val").expect("val"));
    assert_eq!((train.len(), train.room(), val.len(), val.room()), (240, 30, 60, 0));
    // Validation pictures are the source's own pixels: 256² needs no scaling.
    let archive = Archive::open(&source).expect("open");
    let is_val = |i: &usize| archive.names()[*i].to_string().contains("val/");
    let first = archive.pictures().find(is_val).expect("a picture of val");
    let bytes = archive.read(first, 1 << 24).expect("read");
    let picture = Picture::decode(&bytes, &Limits::default()).expect("decode");
    assert_eq!(val.pair(0).expect("pair").map(|half| half.pixels), halves(&picture));
}

#[test]
fn collections_of_every_kind_are_read_without_flags() {
    let scratch = Scratch::new("kinds");
    let kinds: [Collection; 6] = [
        ("anime-faces96.zip", &[], "folder", (64, 3), &[3606, 394], 0),
        ("fashion-mnist", &["--size", "32"], "idx", (32, 1), &[20_000, 5000], 10),
        ("raccoon-voc", &[], "voc", (64, 3), &[56, 8], 1),
        ("rgba-thumbnails", &[], "folder", (64, 3), &[26, 4], 0),
        ("maps-512x256.zip", &[], "folder", (64, 3), &[240, 60], 0),
        (
            "maps-512x256.zip",
            &["--format", "pairs", "--size", "128"],
            "pairs",
            (128, 3),
            &[240, 60],
            0,
        ),
    ];
    for (number, (name, flags, layout, (size, channels), records, classes)) in
        kinds.into_iter().enumerate()
    {
        let Some(source) = real_data(name) else { continue };
        let out = scratch.path(&number.to_string());
        let built = prep()
            .arg("build")
            .arg(source)
            .arg("--out")
            .arg(&out)
            .args(flags)
            .output()
            .expect("run");
        assert!(built.status.success(), "{name}: {}", stderr(&built));
        let dataset = Dataset::open(&out).expect("open");
        let manifest = dataset.manifest();
        assert_eq!(
            (manifest.format.as_str(), manifest.size, manifest.channels),
            (layout, size, channels),
            "{name}"
        );
        assert_eq!(
            manifest.splits.iter().map(|split| split.records).collect::<Vec<_>>(),
            records,
            "{name}"
        );
        assert_eq!(manifest.classes.len(), classes, "{name}");
        assert!(manifest.rejects.values().all(|&n| n == 0), "{name}: {:?}", manifest.rejects);
    }
}
