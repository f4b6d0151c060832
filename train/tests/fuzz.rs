//! Every reader of a run's files on files that were changed at random, as they are and with their
//! checksums repaired: none panics, none takes more than 64 MB. `FLEDGE_TORTURE=1` (`make torture`)
//! tries thirty times as many.

#[path = "../../fuzz/src/mutation.rs"]
mod mutation;
mod util;

use burn::tensor::Device;
use mutation::{mutate, resealed};
use shared::fs;
use shared::jsonl::{self, JsonLines};
use shared::nn::checkpoint::{Checkpoint, CheckpointError, FileRecord, Meta};
use shared::nn::config::{RunConfig, Settings};
use shared::nn::run::{Run, Which};
use shared::testing::torture;
use train::step::trainer::Trainer;
use util::program::*;

// One test: the allocator counts for the whole process.
#[test]
fn no_reader_of_a_run_falls_or_takes_too_much() {
    let scratch = Scratch::new("fuzz");
    let run = scratch.path("run");
    copy(&util::committed("run-v2"), &run);
    let opened = Run::open(&run).unwrap();
    let folder = checkpoint_folder(&run, 4);
    let seed = |name: &str| vec![fs::read(run.join(name)).unwrap()];
    let lay = |name: &str, bytes: &[u8]| fs::write_unsynced(run.join(name), &[bytes]).unwrap();

    let log = seed("stats.jsonl");
    mutate("stats", &log, torture(300, 10_000), |bytes| {
        lay("stats.jsonl", bytes);
        let _ = jsonl::read(&run.join("stats.jsonl")).unwrap();
        let mut log = JsonLines::open(run.join("stats.jsonl"), |line| {
            line["step"].as_u64().is_some_and(|step| step <= 3)
        })
        .unwrap();
        log.push(&serde_json::json!({"step": 6})).unwrap();
        drop(log);
        // Whatever it was: what is left can be read, and the new line stands at the end.
        let (lines, damaged) = jsonl::read_sound(&run.join("stats.jsonl")).unwrap();
        assert!(damaged.is_empty() && lines.last().is_some_and(|line| line["step"] == 6));
        fs::remove(run.join("stats.jsonl.damaged")).unwrap();
    });
    mutate("settings", &seed("config.toml"), torture(300, 10_000), |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Ok(config) = toml::from_str::<RunConfig>(&text) {
            assert!(config.changes(&config).is_empty());
        }
        let _ = Settings::resolve("gan-ada", Some(("fuzz", &text)), &[]);
    });
    for (what, repair) in
        [("as it is", (|b: &[u8]| b.to_vec()) as fn(&[u8]) -> Vec<u8>), ("resealed", resealed)]
    {
        let latest = seed("checkpoints/latest.json");
        mutate(&format!("pointer {what}"), &latest, torture(200, 5_000), |bytes| {
            lay("checkpoints/latest.json", &repair(bytes));
            let _ = opened.checkpoint(Which::Latest);
        });
        lay("checkpoints/latest.json", &latest[0]);
        let meta = seed("checkpoints/00000004/meta.json");
        mutate(&format!("meta {what}"), &meta, torture(300, 10_000), |bytes| {
            lay("checkpoints/00000004/meta.json", &repair(bytes));
            let _ = Checkpoint::open(&folder).and_then(|checkpoint| checkpoint.verify());
        });
        lay("checkpoints/00000004/meta.json", &meta[0]);
    }

    // Tensors under checksums that hold.
    let sound: Meta = Checkpoint::open(&folder).unwrap().meta;
    let trainer = Trainer::new(&sound.config, 1, &Device::flex());
    for part in ["generator", "optimizer.discriminator"] {
        let name = format!("{part}.safetensors");
        let tensors = seed(&format!("checkpoints/00000004/{name}"));
        mutate(part, &tensors, torture(200, 5_000), |bytes| {
            lay(&format!("checkpoints/00000004/{name}"), bytes);
            let mut checkpoint = Checkpoint::open(&folder).unwrap();
            let record = FileRecord {
                bytes: bytes.len() as u64,
                crc32: format!("{:08x}", crc32fast::hash(bytes)),
            };
            checkpoint.meta.files.insert(name.clone(), record);
            match trainer.clone().load(&checkpoint) {
                // A changed number is a number.
                Ok(()) | Err(CheckpointError::Mismatch { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        });
        lay(&format!("checkpoints/00000004/{name}"), &tensors[0]);
    }
    assert!(verify_all(&run) == [3, 4]);
}
