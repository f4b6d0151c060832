//! The program as people run it: interrupted, killed, repeated, started twice, given damaged files.
#![expect(clippy::unwrap_used, reason = "a test ends where the machine is not as expected")]

mod util;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use shared::dataset::Dataset;
use shared::fs;

/// A folder of this test's own, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("fledge-train-{}-{name}", std::process::id()));
        fs::remove(&folder).unwrap();
        fs::create_folder(&folder).unwrap();
        Self(folder)
    }

    /// 24 drawn pictures of 8×8 to learn from.
    fn dataset(&self) -> PathBuf {
        let folder = self.0.join("data");
        util::drawn_dataset(&folder, 8, &[("train", 24), ("val", 8)]);
        assert_eq!(Dataset::open(&folder).unwrap().split("train").unwrap().len(), 24);
        folder
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove(&self.0);
    }
}

const SETTINGS: &[&str] = &[
    "schedule.batch=8",
    "generator.width=4",
    "generator.latent=4",
    "discriminator.width=4",
    "samples.pictures=4",
    "samples.every=4",
    "evaluation.every=0",
    // p rises at once, so that the augmenter is part of what must be repeated.
    "augment.integration_steps=1",
    "augment.target_accuracy=0.1",
];

fn command(data: &Path, out: &Path, epochs: u64) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_train"));
    command.arg("--data").arg(data).arg("--out").arg(out).arg("--epochs").arg(epochs.to_string()).arg("--device").arg("cpu");
    for setting in SETTINGS {
        command.arg("--set").arg(setting);
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn finish(mut command: Command) -> Output {
    command.output().unwrap()
}

fn succeed(command: Command) {
    let output = finish(command);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn fail(command: Command, code: i32) -> String {
    let output = finish(command);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{text}");
    text
}

/// Every file of the checkpoint of `step`, by name.
fn checkpoint(run: &Path, step: u64) -> Vec<(String, Vec<u8>)> {
    let folder = run.join("checkpoints").join(format!("{step:08}"));
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn assert_same(a: &Path, b: &Path, step: u64) {
    let (a, b) = (checkpoint(a, step), checkpoint(b, step));
    assert_eq!(a.len(), 6);
    for ((name, left), (other, right)) in a.iter().zip(&b) {
        assert_eq!(name, other);
        assert!(left == right, "{name} differs");
    }
}

fn stats(run: &Path) -> Vec<u64> {
    shared::jsonl::read(&run.join("stats.jsonl")).unwrap().iter().map(|line| line["epoch"].as_u64().unwrap()).collect()
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status().unwrap().success());
}

#[test]
fn ten_kills_at_random_moments_lead_to_the_same_bytes() {
    let scratch = Scratch::new("kill");
    let data = scratch.dataset();
    let (whole, broken) = (scratch.0.join("whole"), scratch.0.join("broken"));
    let epochs = 60;
    let started = Instant::now();
    succeed(command(&data, &whole, epochs));
    let duration = started.elapsed();
    let mut stream = shared::rng::stream(u64::from(std::process::id()), "kill moments", 0);
    let (mut kills, mut ends) = (0, 0);
    while kills < 10 {
        let mut child = command(&data, &broken, epochs).spawn().unwrap();
        // From before the first file is written to about a fifth of the run, so that most kills hit work or a save.
        std::thread::sleep(duration.mul_f64(0.25 * stream.uniform()));
        if child.try_wait().unwrap().is_some() {
            // Done before ten kills: begin anew, and kill that.
            ends += 1;
            assert!(ends < 50);
            assert_same(&whole, &broken, 3 * epochs);
            fs::remove(&broken).unwrap();
            continue;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
    }
    succeed(command(&data, &broken, epochs));
    assert_same(&whole, &broken, 3 * epochs);
    assert_eq!(stats(&broken), (1..=epochs).collect::<Vec<_>>());
}

#[test]
fn a_signal_in_the_middle_of_an_epoch_saves_and_the_same_command_goes_on_exactly() {
    let scratch = Scratch::new("signal");
    let data = scratch.dataset();
    let (whole, stopped) = (scratch.0.join("whole"), scratch.0.join("stopped"));
    succeed(command(&data, &whole, 40));
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let written = || std::fs::metadata(stopped.join("config.toml")).and_then(|m| m.modified()).ok();
        let before = written();
        let mut child = command(&data, &stopped, 40).spawn().unwrap();
        // The settings are written again at every start, after the handlers are set up.
        let begun = Instant::now();
        while written() == before && begun.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(2));
        }
        signal(&child, name);
        let status = child.wait().unwrap();
        assert!(status.code() == Some(code) || status.success(), "{status:?}");
    }
    succeed(command(&data, &stopped, 40));
    assert_same(&whole, &stopped, 120);
}

#[test]
fn a_run_can_be_lengthened_and_other_settings_are_refused_by_name() {
    let scratch = Scratch::new("settings");
    let data = scratch.dataset();
    let (whole, longer) = (scratch.0.join("whole"), scratch.0.join("longer"));
    succeed(command(&data, &whole, 6));
    succeed(command(&data, &longer, 2));
    let mut other = command(&data, &longer, 6);
    other.args(["--set", "optimizer.learning_rate=1e-3"]);
    let text = fail(other, 2);
    for network in ["generator", "discriminator"] {
        assert!(text.contains(&format!("optimizer.{network}.learning_rate = 0.0002 (now 0.001)")), "{text}");
    }
    let mut seed = command(&data, &longer, 6);
    seed.args(["--seed", "1"]);
    assert!(fail(seed, 2).contains("seed"));
    succeed(command(&data, &longer, 6));
    let tensors = |run: &Path| checkpoint(run, 18).into_iter().filter(|(n, _)| n.ends_with("safetensors")).collect::<Vec<_>>();
    assert!(tensors(&whole) == tensors(&longer));
    let starts = shared::jsonl::read(&longer.join("starts.jsonl")).unwrap();
    assert_eq!(starts.len(), 2, "those that were refused are none");
    assert_eq!((&starts[0]["step"], &starts[0]["changes"]), (&serde_json::json!(0), &serde_json::json!([])));
    assert_eq!(starts[1]["step"], 6);
    assert_eq!(starts[1]["changes"], serde_json::json!([{"key": "schedule.epochs", "was": "2", "now": "6"}]));
    assert!(starts.iter().all(|s| s["device"].as_str().unwrap().starts_with("CPU") && s["threads"].as_u64() > Some(0)));
    assert!(starts.iter().all(|s| s["time"].as_str().unwrap().ends_with('Z') && s["version"] == env!("CARGO_PKG_VERSION")));
    let log = String::from_utf8(fs::read(longer.join("train.log")).unwrap()).unwrap();
    assert!(log.contains("schedule.epochs: 2 → 6"), "{log}");
    let mut again = command(&data, &longer, 1);
    again.args(["--seed", "1", "--restart"]);
    succeed(again);
    assert_eq!(stats(&longer), [1]);
}

#[test]
fn the_same_source_cut_otherwise_is_other_data_and_the_same_data_elsewhere_is_not() {
    let scratch = Scratch::new("content");
    let (data, out) = (scratch.dataset(), scratch.0.join("run"));
    succeed(command(&data, &out, 1));
    // As many pictures of the same size from the same source.
    let cut = scratch.0.join("cut");
    util::dataset_of(&cut, 8, 8, &[("train", 24), ("val", 8)], |_, i| vec![i as u8; 8 * 8 * 3]);
    let mut manifest = shared::dataset::read_manifest(&cut).unwrap();
    manifest.settings.insert("padding".into(), "0.5".into());
    shared::sealed::write(&cut.join("dataset.json"), &manifest).unwrap();
    let text = fail(command(&cut, &out, 2), 2);
    assert!(text.contains("data.content") && text.contains("--data as it was"), "{text}");
    let moved = scratch.0.join("moved");
    util::drawn_dataset(&moved, 8, &[("train", 24), ("val", 8)]);
    succeed(command(&moved, &out, 2));
    // A run of before did not note it, and goes on; from then on it does.
    let text = String::from_utf8(fs::read(out.join("config.toml")).unwrap()).unwrap();
    let of_before: String = text.lines().filter(|line| !line.starts_with("content")).map(|line| format!("{line}\n")).collect();
    assert!(of_before.len() < text.len());
    rewrite(&out.join("config.toml"), of_before.as_bytes());
    succeed(command(&moved, &out, 3));
    assert!(fail(command(&cut, &out, 4), 2).contains("data.content"));
}

#[test]
fn a_second_owner_is_refused_at_once_and_the_lock_is_free_after_a_kill() {
    let scratch = Scratch::new("owner");
    let data = scratch.dataset();
    let out = scratch.0.join("run");
    let mut first = command(&data, &out, 1_000_000).spawn().unwrap();
    let begun = Instant::now();
    while !out.join("stats.jsonl").exists() && begun.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(10));
    }
    let text = fail(command(&data, &out, 1_000_000), 1);
    assert!(text.contains("in use by another process"), "{text}");
    first.kill().unwrap();
    first.wait().unwrap();
    let epochs = stats(&out).len() as u64 + 3;
    succeed(command(&data, &out, epochs));
}

#[test]
fn every_damaged_file_of_a_checkpoint_is_named() {
    let scratch = Scratch::new("damage");
    let data = scratch.dataset();
    let out = scratch.0.join("run");
    succeed(command(&data, &out, 1));
    let folder = out.join("checkpoints/00000003");
    let opened = shared::nn::checkpoint::Checkpoint::open(&folder).unwrap();
    for (name, bytes) in checkpoint(&out, 3) {
        let path = folder.join(&name);
        // Every byte of the record, a sample of the tensors' bytes.
        let step = if name == "meta.json" { 1 } else { 97 };
        for i in (0..bytes.len()).step_by(step) {
            let mut damaged = bytes.clone();
            damaged[i] ^= 1 << (i % 8);
            rewrite(&path, &damaged);
            let error = verify(&folder).expect_err(&format!("{name}: byte {i}"));
            assert!(error.contains(&name), "{error}");
        }
        for damaged in [&bytes[..bytes.len() - 1], &bytes[..bytes.len() / 2], &[], &[&bytes[..], &[0]].concat()] {
            rewrite(&path, damaged);
            let error = verify(&folder).expect_err(&name);
            assert!(error.contains(&name), "{error}");
        }
        let text = fail(command(&data, &out, 2), 3);
        assert!(text.contains(&name), "{text}");
        rewrite(&path, &bytes);
    }
    opened.verify().unwrap();
    succeed(command(&data, &out, 2));
}

fn verify(folder: &Path) -> Result<(), String> {
    let opened = shared::nn::checkpoint::Checkpoint::open(folder).map_err(|e| shared::cli::one_line(&e))?;
    opened.verify().map_err(|e| shared::cli::one_line(&e))
}

fn rewrite(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
}

#[test]
fn wrong_usage_says_what_to_change() {
    let scratch = Scratch::new("usage");
    let data = scratch.dataset();
    let out = scratch.0.join("run");
    let with = |args: &[&str]| {
        let mut c = command(&data, &out, 1);
        c.args(args);
        c
    };
    assert!(fail(with(&["--set", "schedule.batch=25"]), 2).contains("schedule.batch=12"));
    assert!(fail(with(&["--set", "no.such=1"]), 2).contains("no"));
    assert!(fail(with(&["--preset", "stylegan9"]), 2).contains("gan-ada"));
    let on = |device: &str| {
        let mut c = Command::new(env!("CARGO_BIN_EXE_train"));
        c.arg("--data").arg(&data).arg("--out").arg(&out).args(["--set", "schedule.batch=8", "--device", device]);
        c
    };
    assert!(fail(on("tpu"), 2).contains("cuda:INDEX"));
    if cfg!(not(feature = "cuda")) {
        assert!(fail(on("cuda:1"), 2).contains("make cuda"));
    }
    assert!(fail(command(&scratch.0.join("nowhere"), &out, 1), 3).contains("nowhere"));
    let foreign = scratch.0.join("foreign");
    fs::create_folder(&foreign).unwrap();
    fs::write(foreign.join("thesis.tex"), b"mine").unwrap();
    assert!(fail(command(&data, &foreign, 1), 2).contains("foreign"));
    assert!(foreign.join("thesis.tex").exists());
    assert!(!out.join("checkpoints").exists());
}

#[test]
fn devices_are_listed_for_people_and_for_programs() {
    let devices = |flags: &[&str]| Command::new(env!("CARGO_BIN_EXE_train")).arg("devices").args(flags).output().unwrap();
    let text = String::from_utf8(devices(&[]).stdout).unwrap();
    assert!(text.starts_with("cpu ") && text.contains("threads") && text.contains("cuda"), "{text}");
    let json: serde_json::Value = serde_json::from_slice(&devices(&["--json"]).stdout).unwrap();
    assert!(json["cpu"]["threads"].as_u64().unwrap() > 0);
    assert_eq!(json.get("cuda").is_some(), cfg!(feature = "cuda"));
    assert_eq!(devices(&["--data", "birds"]).status.code(), Some(2));
}

#[test]
fn losses_that_are_not_finite_stop_the_run_and_leave_the_last_checkpoint() {
    let scratch = Scratch::new("finite");
    let data = scratch.dataset();
    let out = scratch.0.join("run");
    let mut diverging = command(&data, &out, 50);
    diverging.args(["--set", "optimizer.learning_rate=1e30"]);
    let text = fail(diverging, 1);
    assert!(text.contains("not finite") && text.contains("learning_rate"), "{text}");
    for step in shared::nn::run::Run::open(&out).unwrap().steps().unwrap() {
        verify(&out.join("checkpoints").join(format!("{step:08}"))).unwrap();
    }
}

#[test]
fn lists_and_refusals_come_before_anything_is_built() {
    let scratch = Scratch::new("lists");
    let train = |args: &[&str]| Command::new(env!("CARGO_BIN_EXE_train")).args(args).output().unwrap();
    for (flag, names) in [
        ("--list-presets", &["gan-ada", "dcgan-anime", "dcgan-tf", "wgan", "wgan-gp", "arXiv:1704.00028"][..]),
        ("--list-losses", &["non-saturating", "relativistic-average-ls", "arXiv:1807.00734"]),
        ("--list-transforms", &["bgcfnc", "rotate90", "diffaugment"]),
    ] {
        let output = train(&[flag]);
        assert!(output.status.success());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        names.iter().for_each(|name| assert!(text.contains(name), "{flag}: {name} is missing in {text}"));
    }
    // Whoever reads the list may stop after a line, and that is no failure.
    let mut list = Command::new(env!("CARGO_BIN_EXE_train")).arg("--list-presets").stdout(Stdio::piped()).spawn().unwrap();
    drop(list.stdout.take());
    assert!(list.wait().unwrap().success());
    let (data, out) = (scratch.dataset(), scratch.0.join("run"));
    for (setting, named) in [
        ("penalty.gradient=10", "discriminator.norm=none"),
        ("generator.range=signed", "generator.range=unit"),
        ("generator.plan=['k9s2p0']", "prep build --size 15"),
        ("cond=embedding+projection", "has no classes"),
    ] {
        let mut command = command(&data, &out, 1);
        command.args(["--set", setting]);
        let text = fail(command, 2);
        assert!(text.contains(named), "{setting}: {text}");
        assert!(!out.exists(), "{setting}");
    }
}
