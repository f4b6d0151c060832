//! Collections of real pictures, if they are available.
#![cfg(unix)]

use crate::util::{prep, real_data, stderr};
use shared::dataset::Dataset;
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
