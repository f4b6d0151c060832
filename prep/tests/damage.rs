//! Damage is found and named; a data set of format version 1 loads for ever.
#![cfg(unix)]

mod util;

use std::path::{Path, PathBuf};

use shared::dataset::Dataset;
use shared::fs;
use util::{Scratch, Source, build, bytes_of, prep, stderr, stdout};

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

fn verify(dir: &Path) -> Result<(), String> {
    let found = prep::verify::verify(dir).map_err(|e| shared::cli::one_line(&e))?;
    if found.damaged.is_empty() { Ok(()) } else { Err(found.damaged.join("\n")) }
}

#[test]
fn every_changed_byte_truncation_and_addition_in_any_file_is_named() {
    let scratch = Scratch::new("bytes");
    let out = small(&scratch);
    verify(&out).expect("sound");
    for (name, whole) in bytes_of(&out) {
        let path = out.join(&name);
        let named = |bytes: &[u8], what: &str| {
            fs::write(&path, bytes).expect("write");
            let error = verify(&out).expect_err(what);
            assert!(error.contains(&*name.to_string_lossy()), "{what}: {error}");
        };
        for i in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[i] ^= 1 << (i % 8);
            named(&damaged, &format!("{} byte {i}", name.display()));
            named(&whole[..i], &format!("{} cut at {i}", name.display()));
        }
        named(&[&whole[..], b"\n"].concat(), &format!("{} one byte appended", name.display()));
        fs::write(&path, &whole).expect("write");
    }
    verify(&out).expect("sound again");
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
    assert!(stdout(&output).contains("train-00000.shard") && stdout(&output).contains("preview.png"), "{}", stdout(&output));
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
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/dataset-v1");
    verify(&dir).expect("the golden data set verifies");
    let dataset = Dataset::open(&dir).expect("open");
    let manifest = dataset.manifest();
    assert_eq!((manifest.version, manifest.size, manifest.channels, manifest.classes.len()), (1, 8, 3, 5));
    let (train, val) = (dataset.split("train").expect("train"), dataset.split("val").expect("val"));
    assert_eq!((train.len(), val.len(), train.label(0), val.label(1)), (8, 2, Some(0), Some(2)));
    let sum: u32 = (0..train.len()).flat_map(|i| train.pixels(i).expect("pixels")).map(|&v| u32::from(v)).sum();
    assert_eq!(sum, GOLDEN_SUM);
}

#[test]
fn the_golden_data_set_is_still_what_prep_writes() {
    let scratch = Scratch::new("golden");
    util::synth(&scratch.path("drawn"), 10);
    build(&scratch.path("drawn"), &scratch.path("out"), &["--size", "8"], 0);
    util::assert_same(&scratch.path("out"), &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/dataset-v1"));
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
    assert!(error.contains("version 9") && error.contains("version 1"), "{error}");
}
