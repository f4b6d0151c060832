//! Every file operation fails in turn, as on a full disk: alone, and with all later ones.
//!
//! A process of its own, because faults are switched on for the whole process.
#![cfg(unix)]

mod util;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use prep::crop::{BoxCrop, CropPolicy, Padding};
use prep::dataset::export::{self, ExportLayout, ExportOptions};
use prep::pipeline::{self, BuildOptions, BuildOutcome, SplitRule};
use shared::cli::one_line;
use shared::dataset::Dataset;
use shared::fs::{self, fault};
use shared::signal::Stop;
use shared::testing::Scratch;
use util::{bytes_of, synth};

fn options(source: &Path, out: &Path, padding: f64) -> BuildOptions {
    BuildOptions {
        size: 8,
        policy: Some(CropPolicy::Bbox(BoxCrop {
            padding: Padding::Fraction(padding),
            largest: false,
        })),
        jobs: 1,
        force: true,
        // Three records to a shard, so that several are written.
        shard_bytes: 3 * (8 * 8 * 3 + 16),
        ..BuildOptions::new(source, out)
    }
}

/// The tests of this process share the switch, so that each runs alone.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `run` with a fault at the first operation, the second, and so on, until none is hit.
/// After each error `look` checks that everything is as before; `again` prepares for the next mode.
fn each_fault(
    what: &str,
    mut run: impl FnMut() -> Result<(), String>,
    look: impl Fn(&str),
    mut again: impl FnMut(),
) {
    for (mode, fail) in [("from", fault::fail_after as fn(i64)), ("only", fault::fail_once_after)] {
        for n in 0.. {
            fail(n);
            let outcome = run();
            let left = fault::stop();
            match outcome {
                Err(error) => {
                    assert!(left < 0, "{what}, operation {n}: failed without a fault: {error}");
                    look(&format!("{what}, {mode} operation {n} ({error})"));
                }
                Ok(()) => {
                    assert!(left >= 0, "{what}, {mode} operation {n} failed and nobody noticed");
                    println!("{what}: {n} operations");
                    break;
                }
            }
        }
        again();
    }
}

fn names(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder)
        .expect("list")
        .map(|e| e.expect("entry").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names
}

fn replace(name: &str, change: impl Fn(BuildOptions) -> BuildOptions) {
    let _alone = alone();
    let scratch = Scratch::new(name);
    let (source, out) = (scratch.path("drawn"), scratch.path("out"));
    synth(&source, 20);
    let build = |padding| {
        pipeline::build(&change(options(&source, &out, padding)), &Stop::default())
            .map_err(|e| one_line(&e))
    };
    build(0.25).expect("the old data set");
    let old = bytes_of(&out);
    assert!(old.len() > 8, "several shards: {:?}", old.keys());
    each_fault(
        name,
        || {
            let outcome = build(0.5)?;
            assert!(matches!(outcome, BuildOutcome::Built(_)));
            Ok(())
        },
        |when| {
            assert!(bytes_of(&out) == old, "{when}: the old data set is not intact");
            assert_eq!(names(&scratch), ["drawn", "out"], "{when}");
        },
        || {
            assert_ne!(bytes_of(&out), old);
            build(0.25).expect("the old data set");
            assert!(bytes_of(&out) == old);
        },
    );
}

#[test]
fn a_failing_file_operation_leaves_the_old_data_set_and_nothing_else() {
    replace("faults", |options| options);
}

#[test]
fn a_fault_with_a_drawn_split_leaves_the_old_data_set_and_nothing_else() {
    replace("faults-drawn", |options| BuildOptions {
        split_rule: Some(SplitRule::Draw { val_fraction: 0.4 }),
        ..options
    });
}

#[test]
fn a_fault_in_a_part_leaves_whole_chunks_and_in_a_merge_the_parts() {
    let _alone = alone();
    let scratch = Scratch::new("faults-merge");
    let (source, whole, out) = (scratch.path("drawn"), scratch.path("whole"), scratch.path("out"));
    // Two chunks, and a few shards of them.
    synth(&source, 520);
    let options = |out: &Path| BuildOptions {
        shard_bytes: 200 * (8 * 8 * 3 + 16),
        ..options(&source, out, 0.25)
    };
    pipeline::build(&options(&whole), &Stop::default()).expect("build");
    let part = |out: &Path, part: u32| {
        let options = BuildOptions { part: Some((part, 2)), ..options(out) };
        pipeline::build(&options, &Stop::default()).map(drop).map_err(|e| one_line(&e))
    };
    let make = || (1..=2).for_each(|n| part(&out, n).expect("part"));
    make();
    let parts = bytes_of(&out);
    let tried = scratch.path("tried");
    each_fault(
        "part",
        || part(&tried, 1),
        |when| {
            let there = if tried.exists() { bytes_of(&tried) } else { Default::default() };
            assert!(
                there.iter().all(|(name, bytes)| parts.get(name) == Some(bytes)),
                "{when}: {:?}",
                there.keys()
            );
            // The next fault must hit a fresh start.
            fs::remove(&tried).expect("remove");
        },
        || fs::remove(&tried).expect("remove"),
    );
    each_fault(
        "merge",
        || pipeline::merge(&out, &Stop::default()).map(drop).map_err(|e| one_line(&e)),
        |when| {
            assert!(bytes_of(&out) == parts, "{when}: the parts are not intact");
            assert_eq!(names(&scratch), ["drawn", "out", "whole"], "{when}");
        },
        || {
            assert!(bytes_of(&out) == bytes_of(&whole));
            fs::remove(&out).expect("remove");
            make();
        },
    );
}

#[test]
fn a_fault_in_an_export_leaves_nothing() {
    let _alone = alone();
    let scratch = Scratch::new("faults-export");
    let (source, data) = (scratch.path("drawn"), scratch.path("data"));
    synth(&source, 12);
    pipeline::build(&options(&source, &data, 0.25), &Stop::default()).expect("build");
    let dataset = Dataset::open(&data).expect("open");
    for (layout, name) in [
        (ExportLayout::ByClass, "a"),
        (ExportLayout::StyleGan, "b"),
        (ExportLayout::ByClass, "a.zip"),
        (ExportLayout::StyleGan, "b.zip"),
    ] {
        let out = scratch.path(name);
        let options = ExportOptions { layout, split: None };
        let mut sound = None;
        each_fault(
            name,
            || {
                export::export(&dataset, &out, &options, &Stop::default())
                    .map(drop)
                    .map_err(|e| one_line(&e))
            },
            |when| assert_eq!(names(&scratch), ["data", "drawn"], "{when}"),
            || {
                let written = if out.is_dir() {
                    util::contents(&out).into_values().collect()
                } else {
                    vec![fs::read(&out).expect("read")]
                };
                assert_eq!(sound.get_or_insert_with(|| written.clone()), &written);
                fs::remove(&out).expect("remove");
            },
        );
    }
}
