//! The n-th file operation of a save fails, for every n: the earlier checkpoint stays, nothing half-written is left. And
//! files with right checksums but wrong content are refused.
#![expect(clippy::unwrap_used, reason = "a test ends where the machine is not as expected")]

mod util;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use burn::tensor::Device;
use shared::fs::{self, TEMPORARY_SUFFIX, fault};
use shared::nn::checkpoint::{self, CHECKPOINT_VERSION, Checkpoint, Meta};
use shared::nn::config::{DataConfig, RunConfig, Settings};
use shared::nn::run::{Run, Which};
use train::trainer::Trainer;

/// Failing operations are counted for the whole process: one test at a time.
static ONE: Mutex<()> = Mutex::new(());

fn config() -> RunConfig {
    let settings = ["generator.width=2", "generator.latent=2", "discriminator.width=2"].map(str::to_owned);
    RunConfig::new("gan-ada", Settings::resolve("gan-ada", None, &settings).unwrap(), 3, DataConfig::of_extent(8, 3))
}

fn meta(step: u64) -> Meta {
    let state = serde_json::Value::Null;
    Meta { version: CHECKPOINT_VERSION, step, epoch: step, config: config(), state, files: Default::default() }
}

fn scratch(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("fledge-faults-{}-{name}", std::process::id()));
    fs::remove(&folder).unwrap();
    folder
}

fn leftovers(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(TEMPORARY_SUFFIX)).collect()
}

#[test]
fn a_save_that_fails_at_any_operation_leaves_the_earlier_checkpoint_and_no_litter() {
    let _one = ONE.lock();
    let folder = scratch("save");
    let run = Run::create(&folder).unwrap();
    let trainer = Trainer::new(&config(), 1, &Device::flex());
    checkpoint::save(&run.checkpoint_folder(1), meta(1), &trainer.parts()).unwrap();
    run.point(Which::Latest, 1).unwrap();
    let mut failures = 0;
    loop {
        fault::fail_after(failures);
        let saved = checkpoint::save(&run.checkpoint_folder(2), meta(2), &trainer.parts());
        let pointed = saved.as_ref().map(|()| run.point(Which::Latest, 2).is_ok());
        fault::stop();
        run.checkpoint(Which::Step(1)).unwrap().verify().unwrap();
        assert_eq!(leftovers(&folder.join("checkpoints")), [""; 0], "operation {failures}");
        // Whatever the pointer says is there and whole.
        run.checkpoint(Which::Latest).unwrap().verify().unwrap();
        if let Ok(true) = pointed {
            break;
        }
        failures += 1;
        assert!(failures < 500);
    }
    // Six files and the pointer, each created, written, synced and renamed, and the folders.
    assert!(failures > 25, "only {failures} operations were counted");
    fs::remove(&folder).unwrap();
}

#[test]
fn foreign_content_under_a_right_checksum_is_refused_without_a_panic() {
    let _one = ONE.lock();
    let folder = scratch("foreign");
    let run = Run::create(&folder).unwrap();
    let trainer = Trainer::new(&config(), 1, &Device::flex());
    checkpoint::save(&run.checkpoint_folder(1), meta(1), &trainer.parts()).unwrap();
    let path = run.checkpoint_folder(1).join("ema.safetensors");
    let good = fs::read(&path).unwrap();
    let mut stream = shared::rng::stream(1, "foreign", 0);
    for round in 0..300 {
        let mut bytes = good.clone();
        match round % 3 {
            // The header claims something else, the tensors are cut, or everything is noise.
            0 => (0..4).for_each(|_| bytes[stream.below(200) as usize] = stream.bits() as u8),
            1 => bytes.truncate(stream.below(good.len() as u64) as usize),
            _ => bytes.iter_mut().for_each(|b| *b = stream.bits() as u8),
        }
        if bytes == good {
            continue;
        }
        fs::write(&path, &bytes).unwrap();
        let mut repaired = Checkpoint::open(&run.checkpoint_folder(1)).unwrap();
        let record = repaired.meta.files.get_mut("ema.safetensors").unwrap();
        record.bytes = bytes.len() as u64;
        record.crc32 = format!("{:08x}", crc32fast::hash(&bytes));
        let mut into = trainer.generator.clone();
        // Names of tensors may survive a changed byte of padding; nothing may panic, and what is refused is named.
        if let Err(error) = repaired.load("ema", &mut into) {
            assert!(shared::cli::one_line(&error).contains("ema.safetensors"), "{error}");
        }
    }
    fs::remove(&folder).unwrap();
}

#[test]
fn the_checkpoint_of_format_version_1_loads() {
    let _one = ONE.lock();
    let checkpoint = Checkpoint::open(&util::committed("checkpoint-v1")).unwrap();
    checkpoint.verify().unwrap();
    assert_eq!((checkpoint.meta.version, checkpoint.meta.step), (1, 2));
    let mut trainer = Trainer::new(&checkpoint.meta.config, 1, &Device::flex());
    trainer.load(&checkpoint).unwrap();
    let mut newer = checkpoint.meta.clone();
    newer.version = 2;
    let folder = scratch("newer");
    fs::create_folder(&folder).unwrap();
    shared::sealed::write(&folder.join("meta.json"), &newer).unwrap();
    let error = Checkpoint::open(&folder).expect_err("version 2").to_string();
    assert!(error.contains("version 2") && error.contains("version 1"), "{error}");
    fs::remove(&folder).unwrap();
}
