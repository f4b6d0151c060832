//! The program as people run it: what it lists, what it refuses, what it ends with.

use crate::util;

use std::process::{Command, Stdio};

use shared::fs;
use util::program::*;

#[test]
fn the_same_source_cut_otherwise_is_other_data_and_the_same_data_elsewhere_is_not() {
    let scratch = Scratch::new("content");
    let (data, out) = (scratch.dataset(), scratch.path("run"));
    succeed(command(&data, &out, 1));
    // As many pictures of the same size from the same source.
    let cut = scratch.path("cut");
    util::dataset_of(&cut, 8, 8, &[("train", 24), ("val", 8)], |_, i| vec![i as u8; 8 * 8 * 3]);
    let mut manifest = shared::dataset::read_manifest(&cut).unwrap();
    manifest.settings.insert("padding".into(), "0.5".into());
    shared::sealed::write(&cut.join("dataset.json"), &manifest).unwrap();
    let text = fail(command(&cut, &out, 2), 2);
    assert!(
        text.contains(
            "as many pictures (24) from the same source, but selected, cropped or split differently"
        ),
        "{text}"
    );
    let moved = scratch.path("moved");
    util::drawn_dataset(&moved, 8, &[("train", 24), ("val", 8)]);
    succeed(command(&moved, &out, 2));
    // A run of before did not note it, and goes on; from then on it does.
    let text = String::from_utf8(fs::read(out.join("config.toml")).unwrap()).unwrap();
    let of_before: String = text
        .lines()
        .filter(|line| !line.starts_with("content"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(of_before.len() < text.len());
    fs::write(out.join("config.toml"), of_before.as_bytes()).unwrap();
    succeed(command(&moved, &out, 3));
    assert!(
        fail(command(&cut, &out, 4), 2)
            .contains("from the same source, but selected, cropped or split differently")
    );
}

#[test]
fn wrong_usage_says_what_to_change() {
    let scratch = Scratch::new("usage");
    let data = scratch.dataset();
    let out = scratch.path("run");
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
        c.arg("--data").arg(&data).arg("--out").arg(&out).args([
            "--set",
            "schedule.batch=8",
            "--device",
            device,
        ]);
        c
    };
    assert!(fail(on("tpu"), 2).contains("cuda:INDEX"));
    if cfg!(not(feature = "cuda")) {
        assert!(fail(on("cuda:1"), 2).contains("make cuda"));
    }
    assert!(fail(command(&scratch.path("nowhere"), &out, 1), 3).contains("nowhere"));
    let foreign = scratch.path("foreign");
    fs::create_folder(&foreign).unwrap();
    fs::write(foreign.join("thesis.tex"), b"mine").unwrap();
    assert!(fail(command(&data, &foreign, 1), 2).contains("foreign"));
    assert!(foreign.join("thesis.tex").exists());
    assert!(!out.join("checkpoints").exists());
}

#[test]
fn devices_are_listed_for_people_and_for_programs() {
    let devices = |flags: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_train")).arg("devices").args(flags).output().unwrap()
    };
    let text = String::from_utf8(devices(&[]).stdout).unwrap();
    assert!(
        text.starts_with("cpu ") && text.contains("threads") && text.contains("cuda"),
        "{text}"
    );
    let json: serde_json::Value = serde_json::from_slice(&devices(&["--json"]).stdout).unwrap();
    assert!(json["cpu"]["threads"].as_u64().unwrap() > 0);
    assert_eq!(json.get("cuda").is_some(), cfg!(feature = "cuda"));
    assert_eq!(devices(&["--data", "birds"]).status.code(), Some(2));
}

#[test]
fn losses_that_are_not_finite_stop_the_run_and_leave_the_last_checkpoint() {
    let scratch = Scratch::new("finite");
    let data = scratch.dataset();
    let out = scratch.path("run");
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
    let train =
        |args: &[&str]| Command::new(env!("CARGO_BIN_EXE_train")).args(args).output().unwrap();
    for (flag, names) in [
        (
            "--list-presets",
            &["gan-ada", "dcgan-anime", "dcgan-tf", "wgan", "wgan-gp", "arXiv:1704.00028"][..],
        ),
        ("--list-losses", &["non-saturating", "relativistic-average-ls", "arXiv:1807.00734"]),
        ("--list-transforms", &["bgcfnc", "rotate90", "diffaugment"]),
    ] {
        let output = train(&[flag]);
        assert!(output.status.success());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        names
            .iter()
            .for_each(|name| assert!(text.contains(name), "{flag}: {name} is missing in {text}"));
    }
    // Whoever reads the list may stop after a line, and that is no failure.
    let mut list = Command::new(env!("CARGO_BIN_EXE_train"))
        .arg("--list-presets")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(list.stdout.take());
    assert!(list.wait().unwrap().success());
    let (data, out) = (scratch.dataset(), scratch.path("run"));
    for (setting, named) in [
        ("penalty.gradient=10", "discriminator.norm=none"),
        ("generator.plan=['k9s2p0']", "--set generator.plan=[]"),
        ("cond=embedding+projection", "has no classes"),
    ] {
        let mut command = command(&data, &out, 1);
        command.args(["--set", setting]);
        let text = fail(command, 2);
        assert!(text.contains(named), "{setting}: {text}");
        assert!(!out.exists(), "{setting}");
    }
}
