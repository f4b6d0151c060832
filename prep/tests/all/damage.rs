//! Damage is detected and named; data sets of all format versions load.
#![cfg(unix)]

use std::path::{Path, PathBuf};

use crate::util::{Source, assert_same, build, bytes_of, prep, stderr, stdout};
use shared::dataset::Dataset;
use shared::fs;
use shared::testing::{Scratch, torture};

/// A data set of a few tiny pictures.
fn small(scratch: &Scratch) -> PathBuf {
    let mut source = Source::default();
    for name in ["a.png", "b.png", "c.png"] {
        source.add_boxed(name, "2 2 10 10");
    }
    source.write(&scratch.path("source"));
    let out = scratch.path("out");
    build(&scratch.path("source"), &out, &["--size", "2"], 0);
    out
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn verify(dir: &Path) -> Result<(), String> {
    let found = prep::dataset::verify::verify(dir).map_err(|e| shared::cli::one_line(&e))?;
    if found.damaged.is_empty() { Ok(()) } else { Err(found.damaged.join("\n")) }
}

/// Pairs in folders A and B, `y.ppm` for validation.
fn pairs(scratch: &Scratch, name: &str, more: &[&str]) -> PathBuf {
    let (source, out) = (scratch.path("sides"), scratch.path(name));
    for side in ["A", "B"] {
        fs::create_folder(source.join(side)).expect("make folder");
        for name in ["x.ppm", "y.ppm"] {
            let bytes = [b"P6\n6 5\n255\n", &crate::util::gradient(6, 5).pixels[..]].concat();
            fs::write(source.join(side).join(name), &bytes).expect("write");
        }
    }
    let all = scratch.path("val.txt");
    fs::write(&all, b"A/y.ppm\n").expect("write");
    let list = ["--size", "2", "--val-list", all.to_str().expect("path")];
    build(&source, &out, &[&list, more].concat(), 0);
    out
}

/// A data set with rejects, one of pairs, one with room for random crops, and one whose pairs have
/// such room in training only.
fn others(scratch: &Scratch) -> [PathBuf; 4] {
    let mut source = Source::default();
    source.add_boxed("a.png", "2 2 10 10");
    source.add_boxed("b.png", "9 9 0 4");
    source.add("c.png", b"no picture".to_vec());
    source.write(&scratch.path("left-out"));
    build(&scratch.path("left-out"), &scratch.path("rejects"), &["--size", "2"], 0);
    pairs(scratch, "paired", &[]);
    pairs(scratch, "loaded", LOADED);
    build(
        &scratch.path("left-out"),
        &scratch.path("margin"),
        &["--size", "4", "--margin", "0.5"],
        0,
    );
    let manifest =
        |name: &str| Dataset::open(&scratch.path(name)).expect("open").manifest().clone();
    assert!(manifest("rejects").files.iter().any(|file| file.name == "rejects-00000.shard"));
    assert!(manifest("paired").paired && manifest("margin").stored == 6);
    assert_eq!((manifest("loaded").stored, manifest("loaded").held_out), (3, Some(2)));
    ["rejects", "paired", "margin", "loaded"].map(|name| scratch.path(name))
}

/// Room for random crops in training only.
const LOADED: &[&str] = &["--load-size", "3", "--crop", "stretch", "--resample", "bicubic"];

/// Damages every file of a folder at every `step`-th byte, and calls `look`: one bit is flipped,
/// the file is truncated, a byte is appended.
fn each_damage(folder: &Path, step: usize, look: impl Fn(&str, &str)) -> usize {
    let mut count = 0;
    for (name, whole) in bytes_of(folder) {
        let (path, name) = (folder.join(&name), name.to_string_lossy().into_owned());
        let mut lay = |bytes: &[u8], what: &str| {
            fs::write_unsynced(&path, &[bytes]).expect("write");
            look(&name, what);
            count += 1;
        };
        for i in (0..whole.len()).step_by(step) {
            let mut damaged = whole.clone();
            damaged[i] ^= 1 << (i / step % 8);
            lay(&damaged, &format!("{name} byte {i}"));
            lay(&whole[..i], &format!("{name} cut at {i}"));
        }
        if let [first @ .., _] = &whole[..] {
            lay(first, &format!("{name} without its last byte"));
        }
        lay(&[&whole[..], b"\n"].concat(), &format!("{name} one byte appended"));
        fs::write(&path, &whole).expect("write");
    }
    count
}

#[test]
fn every_changed_byte_truncation_and_addition_in_any_file_is_named() {
    let scratch = Scratch::new("bytes");
    let sound = small(&scratch);
    for out in [sound].into_iter().chain(others(&scratch)) {
        verify(&out).expect("sound");
        let count = each_damage(&out, 1, |name, what| {
            let error = verify(&out).expect_err(what);
            assert!(error.contains(name), "{what}: {error}");
        });
        verify(&out).expect("sound again");
        println!("{count} damaged files were named");
    }
}

#[test]
fn every_damaged_byte_of_a_part_stops_the_merge_and_its_own_command_mends_it() {
    let scratch = Scratch::new("part");
    let (source, out) = (scratch.path("source"), scratch.path("out"));
    let mut drawn = Source::default();
    for name in ["a.png", "b.png", "c.png"] {
        drawn.add_boxed(name, "2 2 10 10");
    }
    drawn.write(&source);
    build(&source, &out, &["--size", "2", "--part", "1/1"], 0);
    let (part, sound) = (out.join("part-1-of-1"), bytes_of(&out));
    let stop = shared::signal::Stop::default();
    let count = each_damage(&part, 1, |name, what| {
        let error = shared::cli::one_line(&prep::pipeline::merge(&out, &stop).expect_err(what));
        // A chunk is named by its number.
        let named = if name == "work.json" {
            error.contains("work.json")
        } else {
            error.contains("chunk 0 is")
        };
        assert!(named && error.contains("part-1-of-1"), "{what}: {error}");
    });
    assert!(bytes_of(&out) == sound);
    println!("{count} damaged files of a part were named");
    let mut options = prep::pipeline::BuildOptions {
        size: 2,
        jobs: 1,
        part: Some((1, 1)),
        ..prep::pipeline::BuildOptions::new(&source, &out)
    };
    let count = each_damage(&part, torture(37, 5), |_, what| {
        prep::pipeline::build(&options, &stop).expect(what);
        assert!(bytes_of(&out) == sound, "{what}");
    });
    println!("{count} damaged parts were mended");
    // The same without parts: the work folder of a killed build is damaged.
    let (whole, again, work) =
        (scratch.path("whole"), scratch.path("again"), scratch.path(".again.work.fledge-tmp"));
    build(&source, &whole, &["--size", "2"], 0);
    (options.out, options.part) = (again.clone(), None);
    let count = each_damage(&part, torture(97, 11), |_, what| {
        fs::remove(&work)
            .and_then(|()| fs::remove(&again))
            .and_then(|()| fs::create_folder(&work))
            .expect("clear");
        for (name, bytes) in bytes_of(&part) {
            fs::write_unsynced(work.join(name), &[&bytes]).expect("write");
        }
        prep::pipeline::build(&options, &stop).expect(what);
        assert_same(&whole, &again);
        assert!(!work.exists(), "{what}");
    });
    println!("{count} damaged work folders were gone on from");
}

#[test]
fn verify_names_every_damaged_file_and_ends_with_3() {
    let scratch = Scratch::new("verify");
    let out = small(&scratch);
    let run = || prep().arg("verify").arg(&out).output().expect("run");
    assert_eq!(run().status.code(), Some(0));
    for name in ["train-00000.shard", "preview.png"] {
        let mut bytes = fs::read(out.join(name)).expect("read");
        bytes[60] ^= 1;
        fs::write(out.join(name), &bytes).expect("write");
    }
    let output = run();
    assert_eq!(output.status.code(), Some(3));
    assert!(
        stdout(&output).contains("train-00000.shard") && stdout(&output).contains("preview.png"),
        "{}",
        stdout(&output)
    );
    fs::remove(out.join("dataset.json")).expect("remove");
    let output = run();
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("prep build"), "{}", stderr(&output));
}

#[test]
fn a_missing_shard_is_damage() {
    let scratch = Scratch::new("missing");
    let out = small(&scratch);
    fs::remove(out.join("train-00000.shard")).expect("remove");
    assert!(Dataset::open(&out).expect_err("opened").is_damage());
    let output = prep().arg("show").arg(&out).output().expect("run");
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
}

#[test]
fn a_data_set_of_version_1_loads() {
    let dir = golden("dataset-v1");
    verify(&dir).expect("the golden data set verifies");
    let dataset = Dataset::open(&dir).expect("open");
    let manifest = dataset.manifest();
    assert_eq!(
        (manifest.version, manifest.size, manifest.channels, manifest.classes.len()),
        (1, 8, 3, 5)
    );
    let (train, val) = (dataset.split("train").expect("train"), dataset.split("val").expect("val"));
    assert_eq!((train.len(), val.len(), train.label(0), val.label(1)), (8, 2, Some(0), Some(2)));
    let sum: u32 = (0..train.len())
        .flat_map(|i| train.pixels(i).expect("pixels"))
        .map(|&v| u32::from(v))
        .sum();
    assert_eq!(sum, GOLDEN_SUM);
}

#[test]
fn the_golden_data_set_is_still_what_prep_writes() {
    let scratch = Scratch::new("golden");
    crate::util::synth(&scratch.path("drawn"), 10);
    build(&scratch.path("drawn"), &scratch.path("out"), &["--size", "8"], 0);
    assert_same(&scratch.path("out"), &golden("dataset-v3"));
    assert_same(&pairs(&scratch, "loaded", LOADED), &golden("dataset-v4"));
}

#[test]
fn a_data_set_of_version_2_loads_and_is_up_to_date() {
    let scratch = Scratch::new("version-2");
    let (source, out) = (scratch.path("drawn"), scratch.path("out"));
    crate::util::synth(&source, 10);
    let before = bytes_of(&golden("dataset-v2"));
    for (name, bytes) in &before {
        fs::create_folder(&out).expect("make folder");
        fs::write(out.join(name), bytes).expect("write");
    }
    let manifest = Dataset::open(&out).expect("open").manifest().clone();
    assert_eq!((manifest.version, manifest.account.len()), (2, 0));
    assert!(stdout(&build(&source, &out, &["--size", "8"], 0)).contains("up to date"));
    assert_eq!(bytes_of(&out), before);
}

const GOLDEN_SUM: u32 = 220_727;

#[test]
fn another_version_is_named_with_ours() {
    let scratch = Scratch::new("version");
    let out = small(&scratch);
    let mut manifest = Dataset::open(&out).expect("open").manifest().clone();
    manifest.version = 9;
    shared::sealed::write(&out.join("dataset.json"), &manifest).expect("write");
    let error = verify(&out).expect_err("accepted");
    assert!(error.contains("version 9") && error.contains("versions 1 to 4"), "{error}");
}
