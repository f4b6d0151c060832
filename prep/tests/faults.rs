//! Every file operation fails in turn, as on a full disk. A program of its own: the failing is switched on for the process.
#![cfg(unix)]

mod util;

use std::path::Path;

use prep::build::{self, CropRule, Options, Outcome};
use shared::dataset::Division;
use shared::fs::fault;
use shared::signal::Stop;
use util::{Scratch, bytes_of, synth};

fn options(source: &Path, out: &Path, padding: f64) -> Options {
    Options {
        source: source.to_owned(),
        out: out.to_owned(),
        size: 8,
        crop: CropRule::Bbox { padding },
        division: Division::Source,
        classes: Vec::new(),
        jobs: 1,
        force: true,
        max_picture_mb: 64,
        // Three records to a shard, so that several are written.
        shard_bytes: 3 * (8 * 8 * 3 + 16),
    }
}

#[test]
fn a_failing_file_operation_leaves_the_old_data_set_and_nothing_else() {
    let scratch = Scratch::new("faults");
    let (source, out) = (scratch.path("drawn"), scratch.path("out"));
    synth(&source, 20);
    build::build(&options(&source, &out, 0.25), &Stop::default()).expect("the old data set");
    let old = bytes_of(&out);
    assert!(old.len() > 8, "several shards: {:?}", old.keys());
    for n in 0.. {
        fault::fail_after(n);
        let outcome = build::build(&options(&source, &out, 0.5), &Stop::default());
        let left = fault::stop();
        match outcome {
            Err(error) => {
                assert!(left < 0, "operation {n}: failed without a fault: {error}");
                assert_eq!(bytes_of(&out), old, "operation {n}");
                let names: Vec<_> = std::fs::read_dir(&scratch.0).expect("list").map(|e| e.expect("entry").file_name()).collect();
                assert_eq!(names.len(), 2, "operation {n} left {names:?}");
            }
            Ok(outcome) => {
                assert!(left >= 0, "operation {n} failed and nobody noticed");
                assert!(matches!(outcome, Outcome::Built(_)));
                assert_ne!(bytes_of(&out), old);
                println!("{n} operations");
                break;
            }
        }
    }
}
