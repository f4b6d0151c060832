//! Damage is found and named, an earlier checkpoint takes the place of a damaged one, torn logs are
//! repaired, and runs of earlier versions go on.
#![expect(clippy::unwrap_used, reason = "a test ends where the machine is not as expected")]

use crate::util;

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use shared::fs;
use shared::nn::checkpoint::{self, CHECKPOINT_VERSION, Checkpoint, Meta};
use shared::nn::config::{DataConfig, RunConfig, Settings};
use shared::nn::run::{Run, Which};
use shared::testing::torture;
use train::step::trainer::Trainer;
use util::program::*;

fn write(path: &Path, bytes: &[u8]) {
    fs::write_unsynced(path, &[bytes]).unwrap();
}

/// Calls `look` with a file that has one bit changed, is cut off or has a byte more: at every
/// `every`-th byte.
fn each_damage(path: &Path, every: usize, mut look: impl FnMut(&str)) -> usize {
    let whole = fs::read(path).unwrap();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let mut count = 0;
    let mut lay = |bytes: &[u8], what: &str| {
        write(path, bytes);
        look(what);
        count += 1;
    };
    for i in (0..whole.len()).step_by(every) {
        let mut damaged = whole.clone();
        damaged[i] ^= 1 << (i / every % 8);
        lay(&damaged, &format!("{name}, byte {i}"));
        lay(&whole[..i], &format!("{name}, cut at {i}"));
    }
    lay(&whole[..whole.len() - 1], &format!("{name} without its last byte"));
    lay(&[&whole[..], b"\n"].concat(), &format!("{name}, one byte appended"));
    write(path, &whole);
    count
}

/// A run of the smallest networks with checkpoints of these steps.
fn small(scratch: &Scratch, steps: &[u64]) -> Run {
    let settings =
        ["generator.width=1", "generator.latent=1", "discriminator.width=1"].map(str::to_owned);
    let settings = Settings::resolve("gan-ada", None, &settings).unwrap();
    let config = RunConfig::new("gan-ada", settings, 3, DataConfig::of_extent(8, 3));
    let run = Run::create(&scratch.path("small")).unwrap();
    let trainer = Trainer::new(&config, 1, &Device::flex());
    for &step in steps {
        let (config, state) = (config.clone(), serde_json::Value::Null);
        let meta = Meta {
            version: CHECKPOINT_VERSION,
            step,
            epoch: step,
            config,
            state,
            files: Default::default(),
        };
        checkpoint::save(&run.checkpoint_folder(step), meta, &trainer.parts()).unwrap();
        run.point(Which::Latest, step).unwrap();
    }
    run
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_changed_byte_truncation_and_addition_in_a_checkpoint_is_named_and_the_one_before_is_taken()
{
    let scratch = Scratch::new("bytes");
    let run = small(&scratch, &[1, 2]);
    let folder = run.checkpoint_folder(2);
    let mut count = 0;
    for path in files(&folder) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        count += each_damage(&path, torture(5, 1), |what| {
            let error = verify(&folder).expect_err(what);
            assert!(error.contains(&name), "{what}: {error}");
            assert_eq!(run.checkpoint(Which::Latest).expect(what).meta.step, 1, "{what}");
        });
    }
    assert_eq!(run.checkpoint(Which::Latest).unwrap().meta.step, 2);
    println!("{count} damaged files of a checkpoint were named");
}

#[test]
fn whatever_byte_of_a_pointer_is_damaged_the_newest_whole_checkpoint_is_taken() {
    let scratch = Scratch::new("pointers");
    let run = small(&scratch, &[1, 2]);
    run.point(Which::Best, 1).unwrap();
    let pointer = |name: &str| run.file("checkpoints").join(name);
    let mut count = each_damage(&pointer("latest.json"), 1, |what| {
        assert_eq!(run.checkpoint(Which::Latest).expect(what).meta.step, 2, "{what}");
    });
    count += each_damage(&pointer("best.json"), 1, |what| {
        assert_eq!(run.checkpoint(Which::Best).expect(what).meta.step, 2, "{what}");
    });
    assert_eq!(run.checkpoint(Which::Best).unwrap().meta.step, 1);
    // The best itself.
    write(&run.checkpoint_folder(1).join("ema.safetensors"), b"");
    assert_eq!(run.checkpoint(Which::Best).unwrap().meta.step, 2);
    assert!(
        run.checkpoint(Which::Step(1)).unwrap().verify().is_err(),
        "one that is asked for by its step is no other"
    );
    println!("{count} damaged pointers were passed over");
}

#[test]
fn a_run_goes_back_to_a_checkpoint_and_keeps_damaged_ones_apart() {
    let scratch = Scratch::new("back");
    let run = small(&scratch, &[1, 2, 3, 4]);
    run.point(Which::Best, 4).unwrap();
    run.point(Which::Latest, 3).unwrap();
    write(&run.checkpoint_folder(3).join("ema.safetensors"), b"");
    let taken = run.checkpoint(Which::Latest).unwrap().meta.step;
    assert_eq!(taken, 2);
    run.go_back_to(taken).unwrap();
    assert_eq!(run.steps().unwrap(), [1, 2]);
    assert_eq!(
        (run.step_of(Which::Latest).unwrap(), run.step_of(Which::Best).unwrap()),
        (Some(2), Some(2))
    );
    let names: Vec<_> =
        files(&run.file("checkpoints")).iter().map(|p| p.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, ["00000001", "00000002", "damaged-00000003", "latest.json"]);
    // Where none is whole, that is an error which names a file and the way out.
    for step in [1, 2] {
        write(&run.checkpoint_folder(step).join("meta.json"), b"{}");
    }
    let error = shared::cli::one_line(&run.checkpoint(Which::Latest).unwrap_err());
    assert!(error.contains("--restart") && error.contains("meta.json is damaged"), "{error}");
}

#[test]
fn a_run_with_a_damaged_checkpoint_goes_on_from_the_one_before_to_the_same_bytes() {
    let scratch = Scratch::new("fallback");
    let (data, whole, broken) = (scratch.dataset(), scratch.path("whole"), scratch.path("broken"));
    succeed(command(&data, &whole, 6));
    let once = scratch.path("once");
    succeed(command(&data, &once, 4));
    for (name, bytes) in checkpoint(&once, 12) {
        copy(&once, &broken);
        let mut damaged = bytes;
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        write(&checkpoint_folder(&broken, 12).join(&name), &damaged);
        let told = succeed(command(&data, &broken, 6));
        assert!(told.contains(&name) && told.contains("resuming after step 9"), "{told}");
        assert_same(&whole, &broken, 18);
        assert!(broken.join("checkpoints/damaged-00000012").exists());
        fs::remove(&broken).unwrap();
    }
    // With none left it says so, and what to do.
    for folder in [9, 12].map(|step| checkpoint_folder(&once, step)) {
        write(&folder.join("generator.safetensors"), b"");
    }
    let told = fail(command(&data, &once, 6), 3);
    assert!(
        told.contains("generator.safetensors is damaged") && told.contains("--restart"),
        "{told}"
    );
    let log = String::from_utf8(fs::read(once.join("train.log")).unwrap()).unwrap();
    assert!(
        log.contains("ERROR train:") && log.contains("--restart"),
        "the error is not in train.log: {log}"
    );
}

#[test]
fn whatever_byte_of_the_settings_is_damaged_the_run_goes_on_by_those_it_was_computed_by() {
    let scratch = Scratch::new("settings");
    let (data, out) = (scratch.dataset(), scratch.path("run"));
    succeed(command(&data, &out, 1));
    let run = Run::open(&out).unwrap();
    let sound = train::run::folder::earlier(&run).unwrap().unwrap();
    let mut count = 0;
    each_damage(&run.file("config.toml"), torture(3, 1), |what| {
        // No checksum guards what people may read and edit: but the last checkpoint knows.
        let earlier = train::run::folder::earlier(&run).expect(what).expect(what);
        let changes = earlier.config.changes(&sound.config);
        assert!(changes.iter().all(|change| change.is_free), "{what}: {changes:?}");
        count += 1;
    });
    println!("{count} damaged settings were passed over");
    write(&run.file("config.toml"), b"version = 2\npreset = \"gan-a");
    let told = succeed(command(&data, &out, 2));
    assert!(told.contains("config.toml") && told.contains("checkpoint of step 3"), "{told}");
    assert_eq!(
        train::run::folder::earlier(&run).unwrap().unwrap().config.settings.schedule.epochs,
        2
    );
}

#[test]
fn logs_torn_anywhere_are_repaired_and_no_epoch_is_missing_or_twice() {
    let scratch = Scratch::new("torn");
    let (data, whole, once, torn) =
        (scratch.dataset(), scratch.path("whole"), scratch.path("once"), scratch.path("torn"));
    let flags = ["--set", "checkpoints.every=4"];
    succeed(command_with(&data, &whole, 8, &flags));
    succeed(command_with(&data, &once, 6, &flags));
    // As if it had been killed after the sixth epoch: the checkpoint of its end is not there.
    fs::remove(checkpoint_folder(&once, 18)).unwrap();
    Run::open(&once).unwrap().point(Which::Latest, 12).unwrap();
    let text = fs::read(once.join("stats.jsonl")).unwrap();
    let lines: Vec<&[u8]> = text.split_inclusive(|&b| b == b'\n').collect();
    assert_eq!(lines.len(), 6);
    let safe = lines[..4].concat().len();
    let cuts = torture(3, 40);
    for cut in (0..=cuts).map(|i| safe + i * (text.len() - safe) / cuts) {
        copy(&once, &torn);
        write(&torn.join("stats.jsonl"), &text[..cut]);
        let log = fs::read(torn.join("train.log")).unwrap();
        write(&torn.join("train.log"), &log[..log.len() - 5]);
        succeed(command_with(&data, &torn, 8, &flags));
        assert_same(&whole, &torn, 24);
        assert_eq!(logged_epochs(&torn), (1..=8).collect::<Vec<_>>(), "cut at {cut}");
        let log = String::from_utf8(fs::read(torn.join("train.log")).unwrap()).unwrap();
        assert!(
            log.lines().any(|line| line.trim_start() == "INFO resuming after step 12"),
            "{log}"
        );
        fs::remove(&torn).unwrap();
    }
    // A line in the middle that nobody can read costs that line alone.
    let middle = [&lines[0][..9], b"\n", &lines[1..].concat()].concat();
    write(&once.join("stats.jsonl"), &middle);
    let told = succeed(command_with(&data, &once, 8, &flags));
    assert!(told.contains("stats.jsonl: line 1 is damaged"), "{told}");
    assert_eq!(logged_epochs(&once), (2..=8).collect::<Vec<_>>());
    assert_eq!(fs::read(once.join("stats.jsonl.damaged")).unwrap(), &middle[..10]);
    assert_same_tensors(&whole, &once, 24);
}

#[test]
fn a_run_of_configuration_2_and_checkpoint_1_goes_on() {
    let scratch = Scratch::new("old");
    let (data, out) = (scratch.dataset(), scratch.path("run"));
    copy(&util::committed("run-v2"), &out);
    let opened = Checkpoint::open(&checkpoint_folder(&out, 4)).unwrap();
    opened.verify().unwrap();
    let p = opened.meta.state["controller"]["probability"].as_f64().unwrap();
    assert!(
        p > 0.0
            && opened.meta.state["best"]["step"] == 3
            && opened.meta.state["sums"]["steps"] == 1,
        "{}",
        opened.meta.state
    );
    assert_eq!(Run::open(&out).unwrap().checkpoint(Which::Best).unwrap().meta.step, 3);
    let flags = ["--set", "augment.integration_steps=100", "--set", "augment.interval=3"];
    let told = succeed(command_with(&data, &out, 3, &flags));
    assert!(told.contains("resuming after step 4"), "{told}");
    assert_eq!(logged_epochs(&out), [1, 2, 3]);
    let after = Checkpoint::open(&checkpoint_folder(&out, 9)).unwrap();
    assert!(after.meta.state["controller"]["probability"].as_f64().unwrap() > p);
    assert_eq!(after.meta.state["best"]["step"], 3);
}
