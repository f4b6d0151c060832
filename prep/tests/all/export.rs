//! `prep export` through the program: every picture once, under names that other tools read.
#![cfg(unix)]

use std::path::Path;
use std::process::Output;

use crate::util::{Source, build, prep, run, stderr, synth};
use serde_json::{Value, json};
use shared::archive::{Archive, Name};
use shared::dataset::Dataset;
use shared::picture::{Limits, Picture};
use shared::testing::Scratch;

fn export(dataset: &Path, out: &Path, more: &[&str], code: i32) -> Output {
    let output =
        prep().arg("export").arg(dataset).arg("--out").arg(out).args(more).output().expect("run");
    assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
    output
}

fn entry(archive: &Archive, name: &str) -> Vec<u8> {
    archive
        .read(archive.find(name.as_bytes()).unwrap_or_else(|| panic!("no {name}")), 1 << 20)
        .expect("read")
}

fn names(archive: &Archive) -> Vec<String> {
    archive.names().iter().map(Name::to_string).collect()
}

#[test]
fn every_picture_is_written_once() {
    let scratch = Scratch::new("export");
    let (source, out) = (scratch.path("drawn"), scratch.path("out"));
    synth(&source, 20);
    build(&source, &out, &[], 0);
    for target in ["pictures", "pictures.zip"] {
        let target = scratch.path(target);
        export(&out, &target, &[], 0);
        let archive = Archive::open(&target).expect("open");
        assert_eq!(archive.names().len(), 20);
        assert_eq!(archive.names()[0].to_string(), "train/001.Bird/000002.png");
        export(&out, &target, &[], 2);
    }
}

#[test]
fn one_split_can_be_chosen() {
    let scratch = Scratch::new("export-split");
    let (source, out) = (scratch.path("drawn"), scratch.path("out"));
    synth(&source, 20);
    build(&source, &out, &[], 0);
    export(&out, &scratch.path("val"), &["--split", "val"], 0);
    let written = names(&Archive::open(scratch.path("val")).expect("open"));
    assert_eq!(written.len(), 4);
    assert!(written.iter().all(|name| name.starts_with("val/")), "{written:?}");
    let output = run([
        "export",
        &out.to_string_lossy(),
        "--split",
        "holiday",
        "--out",
        &scratch.path("x").to_string_lossy(),
    ]);
    assert!(stderr(&output).contains("it has train, val"), "{}", stderr(&output));
    assert!(!scratch.path("x").exists());
}

#[test]
fn stylegan_gets_numbered_pictures_and_their_classes() {
    let scratch = Scratch::new("export-stylegan");
    let (source, out) = (scratch.path("drawn"), scratch.path("out"));
    synth(&source, 20);
    build(&source, &out, &[], 0);
    let dataset = Dataset::open(&out).expect("open");
    for (target, more, splits) in [
        ("train", &["--stylegan"][..], &["train"][..]),
        ("train.zip", &["--stylegan"], &["train"]),
        ("all.zip", &["--stylegan", "--split", "all"], &["train", "val"]),
    ] {
        let target = scratch.path(target);
        export(&out, &target, more, 0);
        let archive = Archive::open(&target).expect("open");
        let index: Value = serde_json::from_slice(&entry(&archive, "dataset.json")).expect("parse");
        assert_eq!(index["classes"], json!(dataset.manifest().classes));
        let mut number = 0;
        for name in splits {
            let split = dataset.split(name).expect("split");
            for i in 0..split.len() {
                let (record, file) =
                    (split.record(i).expect("record"), format!("00000/img{number:08}.png"));
                assert_eq!(index["labels"][number], json!([file, record.label.expect("label")]));
                assert_eq!(index["splits"][&file], *name);
                let picture =
                    Picture::decode(&entry(&archive, &file), &Limits::default()).expect("decode");
                assert_eq!(picture.pixels, record.pixels);
                number += 1;
            }
        }
        // A picture missing from the list would be trained on without a class.
        assert_eq!(
            (archive.names().len(), index["labels"].as_array().map(Vec::len)),
            (number + 1, Some(number))
        );
    }
}

#[test]
fn the_stylegan_zip_is_stored_and_always_the_same() {
    let scratch = Scratch::new("export-stored");
    let (source, out) = (scratch.path("drawn"), scratch.path("out"));
    synth(&source, 10);
    build(&source, &out, &[], 0);
    let [first, second] = ["a.zip", "b.zip"].map(|name| {
        export(&out, &scratch.path(name), &["--stylegan"], 0);
        shared::fs::read(scratch.path(name)).expect("read")
    });
    assert_eq!(first, second);
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(first)).expect("open");
    let numbers = 0..zip.len();
    assert!(
        numbers.into_iter().all(
            |i| zip.by_index(i).expect("entry").compression() == zip::CompressionMethod::Stored
        )
    );
}

#[test]
fn without_classes_the_labels_are_null() {
    let scratch = Scratch::new("export-unlabelled");
    let (folder, out) = (scratch.path("source"), scratch.path("out"));
    let mut source = Source::default();
    source.add_boxed("a.png", "2 2 20 20");
    source.add_boxed("b.png", "4 4 20 20");
    source.write(&folder);
    shared::fs::remove(folder.join("image_class_labels.txt")).expect("remove");
    build(&folder, &out, &["--size", "24"], 0);
    let output = export(&out, &scratch.path("out.zip"), &["--stylegan"], 0);
    assert!(stderr(&output).contains("these have 24"), "{}", stderr(&output));
    let archive = Archive::open(scratch.path("out.zip")).expect("open");
    assert_eq!(names(&archive), ["00000/img00000000.png", "00000/img00000001.png", "dataset.json"]);
    let index: Value = serde_json::from_slice(&entry(&archive, "dataset.json")).expect("parse");
    assert_eq!(index["labels"], Value::Null);
    assert_eq!(
        index["splits"],
        json!({"00000/img00000000.png": "train", "00000/img00000001.png": "train"})
    );
}
