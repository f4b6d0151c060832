//! The n-th file operation of a save, and of a whole run, fails, for every n: it is an error, what
//! was saved stays, nothing half-written is left, and the same call goes on.
#![expect(clippy::unwrap_used, reason = "a test ends where the machine is not as expected")]

mod util;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use burn::tensor::Device;
use shared::fs::{self, TEMPORARY_SUFFIX, fault};
use shared::nn::checkpoint::{self, CHECKPOINT_VERSION, Checkpoint, Meta};
use shared::nn::config::{DataConfig, RunConfig, Settings};
use shared::nn::run::{Run, Which};
use shared::signal::Stop;
use shared::testing::{skip, torture};
use train::data::feed::DataOn;
use train::run::options::Options;
use train::run::training;
use train::step::trainer::Trainer;
use util::program::*;

/// Failing operations are counted for the whole process: one test at a time.
static ONE: Mutex<()> = Mutex::new(());

fn config() -> RunConfig {
    let settings =
        ["generator.width=2", "generator.latent=2", "discriminator.width=2"].map(str::to_owned);
    RunConfig::new(
        "gan-ada",
        Settings::resolve("gan-ada", None, &settings).unwrap(),
        3,
        DataConfig::of_extent(8, 3),
    )
}

fn meta(step: u64) -> Meta {
    let state = serde_json::Value::Null;
    Meta {
        version: CHECKPOINT_VERSION,
        step,
        epoch: step,
        config: config(),
        state,
        files: Default::default(),
    }
}

/// Trains in this process.
fn train(data: &Path, out: &Path, epochs: u64, more: &[&str]) -> Result<(), String> {
    let epochs = format!("schedule.epochs={epochs}");
    let settings: Vec<String> =
        SETTINGS.iter().chain(more).copied().chain([&*epochs]).map(str::to_owned).collect();
    let options = Options {
        preset: "gan-ada".into(),
        settings: Settings::resolve("gan-ada", None, &settings).unwrap(),
        seed: 0,
        data: data.to_owned(),
        weights: None,
        restart: false,
        data_on: DataOn::Auto,
        save_every: Duration::from_secs(3600),
        retries: 0,
        stop_after: 0,
        init: None,
        other: None,
        direction: None,
        mirror: false,
    };
    let device = "cpu".parse().unwrap();
    training::train(&options, out, &device, &Stop::default())
        .map(drop)
        .map_err(|e| format!("{e:#}"))
}

/// Every checkpoint has its name only if it is whole, the latest one is there, and nothing
/// temporary is.
fn assert_sound(out: &Path, when: &str) {
    let steps = verify_all(out);
    assert!(litter(out).is_empty(), "{when}: {:?}", litter(out));
    if let Some(last) = steps.last() {
        let latest = Run::open(out)
            .unwrap()
            .checkpoint(Which::Latest)
            .unwrap_or_else(|e| panic!("{when}: {e}"));
        assert!(latest.meta.step <= *last);
    }
}

/// Trains for two epochs from what `prepare` lays, with each operation failing in turn, in each of
/// the three ways.
fn fail_each(name: &str, every: usize, prepare: impl Fn(&Path, &Path)) {
    let _one = ONE.lock();
    let scratch = Scratch::new(name);
    let (data, whole, out) = (scratch.dataset(), scratch.path("whole"), scratch.path("run"));
    let settings = ["samples.every=1", "checkpoints.keep=1"];
    let run = |out: &Path| train(&data, out, 2, &settings);
    prepare(&data, &whole);
    run(&whole).unwrap();
    for (mode, fail) in [
        ("from", fault::fail_after as fn(i64)),
        ("only", fault::fail_once_after),
        ("short", fault::fail_short_after),
    ] {
        let mut operations = 0;
        for n in (0..).step_by(every) {
            fs::remove(&out).unwrap();
            prepare(&data, &out);
            fail(n);
            let outcome = run(&out);
            let left = fault::stop();
            let when = format!("{mode} operation {n}");
            match outcome {
                Err(error) => {
                    assert!(left < 0, "{when}: failed without a fault: {error}");
                    assert_sound(&out, &when);
                    run(&out).unwrap_or_else(|e| panic!("{when}, and again: {e}"));
                    assert_same(&whole, &out, 2 * STEPS_PER_EPOCH);
                    operations += 1;
                }
                Ok(()) => {
                    assert!(left >= 0, "{when} failed and nobody noticed");
                    break;
                }
            }
        }
        println!("{name}: {operations} operations failed, {mode}");
        assert!(operations * every > 40, "only {operations} operations were counted");
    }
}

#[test]
fn a_run_with_any_file_operation_failing_ends_with_an_error_and_the_same_call_goes_on_exactly() {
    fail_each("faults-run", torture(7, 1), |_, _| {});
}

#[test]
fn a_resumed_run_with_any_file_operation_failing_ends_with_an_error_and_the_same_call_goes_on_exactly()
 {
    fail_each("faults-resumed", torture(11, 1), |data, out| {
        train(data, out, 1, &["samples.every=1", "checkpoints.keep=1"]).unwrap();
        // What a kill leaves, so that there is something to cut off.
        let log = out.join("stats.jsonl");
        let mut text = fs::read(&log).unwrap();
        text.extend_from_slice(b"{\"epoch\":2,\"st");
        fs::write_unsynced(&log, &[&text]).unwrap();
    });
}

#[test]
#[cfg(unix)]
fn a_run_on_a_file_system_that_lacks_something_is_the_same_run() {
    use fs::Feature;
    let _one = ONE.lock();
    let scratch = Scratch::new("lacking");
    let (data, whole) = (scratch.dataset(), scratch.path("whole"));
    let settings = ["samples.every=1", "checkpoints.keep=1"];
    train(&data, &whole, 2, &settings).unwrap();
    // EINVAL, ENOLCK, ENODEV and EEXIST, as CIFS, NFS, 9p and FUSE answer.
    for (feature, errno) in [
        (Feature::SyncFolder, 22),
        (Feature::SyncFile, 22),
        (Feature::Lock, 37),
        (Feature::Map, 19),
        (Feature::Replace, 17),
    ] {
        let out = scratch.path("run");
        fs::remove(&out).unwrap();
        fault::lack(feature, errno);
        let trained =
            train(&data, &out, 1, &settings).and_then(|()| train(&data, &out, 2, &settings));
        fault::lack(feature, 0);
        trained.unwrap_or_else(|e| panic!("{feature:?}: {e}"));
        assert_same(&whole, &out, 2 * STEPS_PER_EPOCH);
        assert!(
            litter(&out).is_empty() && !out.join("lock.held").exists(),
            "{feature:?}: {:?}",
            litter(&out)
        );
    }
}

#[test]
fn a_run_that_finds_no_thread_is_the_same_run() {
    let _one = ONE.lock();
    let scratch = Scratch::new("threadless");
    let (data, whole, out) = (scratch.dataset(), scratch.path("whole"), scratch.path("run"));
    let settings = ["samples.every=1"];
    train(&data, &whole, 2, &settings).unwrap();
    shared::threads::refuse(true);
    let trained = train(&data, &out, 2, &settings);
    shared::threads::refuse(false);
    trained.unwrap();
    assert_same(&whole, &out, 2 * STEPS_PER_EPOCH);
}

/// A small file system of its own, until it goes out of scope.
#[cfg(target_os = "linux")]
struct Disk(PathBuf);

#[cfg(target_os = "linux")]
impl Disk {
    /// `None` where this user may not mount one: the test is skipped.
    fn mount(folder: PathBuf, size: &str) -> Option<Self> {
        fs::create_folder(&folder).unwrap();
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "fledge-test"]).arg(&folder);
        match mount.output() {
            Ok(output) if output.status.success() => Some(Self(folder)),
            Ok(output) => {
                skip(&format!("no file system can be mounted: {}", stderr(&output).trim()));
                None
            }
            Err(error) => {
                skip(&format!("mount does not run: {error}"));
                None
            }
        }
    }

    fn resize(&self, size: &str) {
        let mut mount = std::process::Command::new("mount");
        assert!(
            mount
                .args(["-o", &format!("remount,size={size}")])
                .arg(&self.0)
                .status()
                .unwrap()
                .success()
        );
    }
}

#[cfg(target_os = "linux")]
impl Drop for Disk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).status();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_is_full_ends_a_run_with_an_error_and_with_more_room_it_goes_on_exactly() {
    // Not for the run, which is a process of its own, but for what is written for it here.
    let _one = ONE.lock();
    let scratch = Scratch::new("full");
    let (data, whole) = (scratch.dataset(), scratch.path("whole"));
    let flags = ["--set", "samples.every=1", "--set", "checkpoints.keep=1000"];
    for kib in (0..torture(3, 20)).map(|i| 120 + 17 * i) {
        let Some(disk) = Disk::mount(scratch.path("disk"), &format!("{kib}k")) else { return };
        let out = disk.0.join("run");
        // It holds a few checkpoints, not ten.
        let error = fail(command_with(&data, &out, 10, &flags), 1);
        assert!(
            error.contains("No space left on device") && error.contains(&*disk.0.to_string_lossy()),
            "{error}"
        );
        assert_sound(&out, &format!("{kib} KiB"));
        disk.resize("16m");
        succeed(command_with(&data, &out, 10, &flags));
        if !whole.exists() {
            succeed(command_with(&data, &whole, 10, &flags));
        }
        assert_same(&whole, &out, 10 * STEPS_PER_EPOCH);
    }
}

fn leftovers(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(TEMPORARY_SUFFIX)).collect()
}

#[test]
fn a_save_that_fails_at_any_operation_leaves_the_earlier_checkpoint_and_no_litter() {
    let _one = ONE.lock();
    let folder = Scratch::new("save");
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
    let folder = Scratch::new("newer");
    shared::sealed::write(&folder.join("meta.json"), &newer).unwrap();
    let error = Checkpoint::open(&folder).expect_err("version 2").to_string();
    assert!(error.contains("version 2") && error.contains("version 1"), "{error}");
}
