//! What `train status`, `train compare` and `curves.png` tell of runs: running, stopped, finished,
//! failed, damaged, without KID.
#![expect(clippy::unwrap_used, reason = "a test ends where the machine is not as expected")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use shared::fs;
use shared::nn::config::{DataConfig, RunConfig, Settings};
use shared::nn::run::{Run, Which};
use shared::picture::{Limits, Picture};
use shared::testing::{Scratch, skip};

use crate::util;

/// A run of 10 steps an epoch with these settings and lines of `stats.jsonl`; a checkpoint of 1,000
/// bytes after the last.
fn drawn_run(scratch: &Scratch, name: &str, settings: &[&str], stats: &[Value]) -> Run {
    let run = Run::create(&scratch.path(name)).unwrap();
    let settings: Vec<String> = ["schedule.batch=50", "schedule.epochs=8"]
        .iter()
        .chain(settings)
        .map(|s| (*s).into())
        .collect();
    // The first word of a name is its preset.
    let preset = name.split(' ').next().filter(|word| *word == "wgan-gp").unwrap_or("gan-ada");
    let settings = Settings::resolve(preset, None, &settings).unwrap();
    let data = DataConfig { path: "birds".into(), ..DataConfig::of_extent(64, 3) };
    let config = RunConfig::new(preset, settings, 0, data);
    fs::write(run.file("config.toml"), toml::to_string(&config).unwrap().as_bytes()).unwrap();
    let lines: String = stats.iter().map(|line| format!("{line}\n")).collect();
    fs::write(run.file("stats.jsonl"), lines.as_bytes()).unwrap();
    if let Some(step) = stats.last().and_then(|line| line["step"].as_u64()) {
        fs::create_folder(run.checkpoint_folder(step)).unwrap();
        fs::write(run.checkpoint_folder(step).join("ema.safetensors"), &[0; 1000]).unwrap();
        run.point(Which::Latest, step).unwrap();
    }
    run
}

/// The line of an epoch of 10 steps of 50 pictures, at 500 pictures a second.
fn epoch(epoch: u64, kid: Option<f64>) -> Value {
    json!({
        "epoch": epoch, "step": 10 * epoch, "kimg": 0.5 * epoch as f64, "g_loss": 1.0 / epoch as f64, "d_loss": 1.25,
        "penalty": 0.0, "real_acc": 0.75, "gen_acc": 0.5, "aug_p": 0.125 * epoch as f64, "kid": kid, "img_per_s": 500.0,
    })
}

/// With how its KID was measured.
fn of(mut line: Value, pictures: u64) -> Value {
    line["kid_of"] = json!({"protocol": "torch-fidelity", "weights_sha256": "a079ee3482b7", "pictures": pictures});
    line
}

fn train(command: &str, runs: &[&Run], flags: &[&str]) -> Output {
    let folders = runs.iter().map(|run| run.folder());
    Command::new(env!("CARGO_BIN_EXE_train"))
        .arg(command)
        .args(folders)
        .args(flags)
        .output()
        .unwrap()
}

/// What it printed; it ended with `code`.
fn printed(command: &str, runs: &[&Run], flags: &[&str], code: i32) -> String {
    let output = train(command, runs, flags);
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn status(run: &Run) -> Value {
    serde_json::from_str(&printed("status", &[run], &["--json"], 0)).unwrap()
}

/// Every file below a folder with its bytes.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut list = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            list.extend(files(&path))
        } else {
            list.push((path.clone(), fs::read(&path).unwrap()))
        }
    }
    list.sort();
    list
}

#[test]
fn a_stopped_run_tells_where_it_stands_and_nothing_of_it_is_changed() {
    let scratch = Scratch::new("show-stopped");
    let stats = [epoch(1, None), of(epoch(2, Some(0.25)), 300), of(epoch(3, Some(0.5)), 300)];
    let run = drawn_run(&scratch, "run", &[], &stats);
    fs::write(
        run.file("alarms.jsonl"),
        b"{\"step\":20,\"epoch\":2,\"kind\":\"slower\",\"what\":\"half\",\"advice\":\"look\"}\n",
    )
    .unwrap();
    let change = r#"{"step":10,"time":"2026-01-31T12:00:00Z","changes":[{"key":"schedule.epochs","was":"4","now":"8"}]}"#;
    fs::write(
        run.file("starts.jsonl"),
        format!("{change}\n{{\"step\":20,\"changes\":[]}}\n").as_bytes(),
    )
    .unwrap();
    fs::write(
        run.file("train.log"),
        b" INFO stopped after step 30; the same command goes on from there\n",
    )
    .unwrap();
    let before = files(run.folder());
    let told = status(&run);
    for (key, value) in [
        ("state", json!("stopped")),
        ("step", json!(30)),
        ("last_step", json!(80)),
        ("epoch", json!(3)),
        ("kimg", json!(1.5)),
        ("img_per_s", json!(500.0)),
        ("seconds", json!(3.0)),
        // It is not on its way.
        ("seconds_left", json!(null)),
        ("kid", json!(0.5)),
        ("best_kid", json!(0.25)),
        ("best_kid_step", json!(20)),
        ("checkpoints", json!([30])),
        ("alarms", json!(1)),
        ("damaged", json!([])),
    ] {
        assert_eq!(told[key], value, "{key}");
    }
    // The folder's pointer is counted, too.
    assert!((1000..1100).contains(&told["checkpoint_bytes"].as_u64().unwrap()), "{told}");
    let text = printed("status", &[&run], &[], 0);
    for part in [
        "run: stopped\n",
        "step 30 of 80 (38%), epoch 3, 1.500 kimg",
        "500 img/s, 3 s of training",
        "G 0.3333, D 1.250, D right about 75% of real and 50% of generated pictures",
        "KID          0.500 after step 30; best 0.250 after step 20",
        "1, the last after step 20: slower: half; to try: look",
        "schedule.epochs 4 → 8, at the start after step 10 (2026-01-31T12:00:00Z)",
        "step 30: 0.0 MB",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    assert_eq!(files(run.folder()), before);
}

#[test]
fn a_running_run_says_so_and_how_long_it_will_take() {
    let scratch = Scratch::new("show-running");
    let mut stats = [epoch(1, None), epoch(2, None)];
    // Two seconds an epoch, half of them for other things than steps.
    (1..).zip(&mut stats).for_each(|(i, line)| line["seconds"] = json!(2.0 * f64::from(i)));
    let run = drawn_run(&scratch, "run", &[], &stats);
    let owner = run.own().unwrap();
    let told = status(&run);
    assert_eq!(
        (&told["state"], &told["seconds_left"], &told["seconds"]),
        (&json!("running"), &json!(12.0), &json!(4.0))
    );
    assert_eq!(told["process"], std::process::id());
    assert!(told["seconds_since_start"].is_u64() && told["seconds_since_line"].is_u64());
    let text = printed("status", &[&run], &[], 0);
    assert!(
        text.contains("run: running")
            && text.contains("about 12 s left")
            && text.contains("not measured"),
        "{text}"
    );
    util::give_up(&run, owner);
    assert_eq!(status(&run)["state"], "stopped");
    // Whoever asks is in nobody's way.
    std::thread::scope(|scope| {
        scope.spawn(|| (0..20).for_each(|_| drop(status(&run))));
        (0..20).for_each(|_| util::give_up(&run, run.own().unwrap()));
    });
}

#[test]
fn a_finished_run_and_one_that_failed_are_told_apart() {
    let scratch = Scratch::new("show-ended");
    let stats: Vec<_> = (1..=8).map(|i| epoch(i, None)).collect();
    let (finished, failed) = (
        drawn_run(&scratch, "finished", &[], &stats),
        drawn_run(&scratch, "failed", &[], &stats[..4]),
    );
    fs::write(
        failed.file("train.log"),
        b" INFO epoch 4\nERROR train: step 43: the losses are not finite\n",
    )
    .unwrap();
    assert_eq!(status(&finished)["state"], "finished");
    let told = status(&failed);
    assert_eq!(
        (&told["state"], &told["error"]),
        (&json!("failed"), &json!("train: step 43: the losses are not finite"))
    );
    let text = printed("status", &[&finished, &failed], &[], 0);
    assert!(
        text.contains("finished: finished\n") && text.contains("step 80 of 80 (100%)"),
        "{text}"
    );
    assert!(
        text.contains("\n\n") && text.contains("failed: failed\n") && text.contains("not finite"),
        "{text}"
    );
    // It was started again since then, and is told by that start.
    fs::write(failed.file("train.log"), b"ERROR train: no room\n INFO resuming after step 40\n")
        .unwrap();
    assert_eq!(status(&failed)["state"], "stopped");
}

#[test]
fn a_run_that_ends_by_steps_or_has_no_epoch_yet_is_told_as_far_as_it_is_known() {
    let scratch = Scratch::new("show-young");
    let steps = drawn_run(&scratch, "steps", &["schedule.steps=45"], &[epoch(1, None)]);
    assert_eq!(status(&steps)["last_step"], 45);
    let young = drawn_run(&scratch, "young", &[], &[]);
    let told = status(&young);
    assert_eq!(
        (&told["state"], &told["step"], &told["last_step"]),
        (&json!("stopped"), &json!(0), &json!(null))
    );
    let text = printed("status", &[&young], &[], 0);
    assert!(text.contains("step 0, 0.000 kimg") && text.contains("none yet"), "{text}");
}

#[test]
fn damaged_files_of_a_run_are_named_and_the_rest_is_told() {
    let scratch = Scratch::new("show-damaged");
    let run = drawn_run(&scratch, "run", &[], &[epoch(1, None), epoch(2, None), epoch(3, None)]);
    let mut lines = fs::read(run.file("stats.jsonl")).unwrap();
    let second = lines.iter().position(|&b| b == b'\n').unwrap() + 1;
    lines[second] = b'x';
    lines.extend(b"{\"epoch\": 4, \"st");
    fs::write(run.file("stats.jsonl"), &lines).unwrap();
    fs::write(run.file("checkpoints/latest.json"), b"{\"step\": 99}\n").unwrap();
    let text = printed("status", &[&run], &[], 3);
    // The damaged pointer is warned of, and the newest whole checkpoint taken for the latest.
    assert!(
        text.contains("step 30 of 80") && text.contains("stats.jsonl") && text.contains("step 30:"),
        "{text}"
    );
    // The torn last line is being written, or will be repaired.
    assert!(text.contains("lines: 2\n"), "{text}");
    let whole = drawn_run(&scratch, "whole", &[], &[epoch(1, None)]);
    fs::write(run.file("config.toml"), b"preset = \n").unwrap();
    let output = train("status", &[&run, &whole], &[]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_ne!(output.status.code(), Some(0));
    assert!(error.contains("config.toml"), "{error}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("whole: stopped"));
    let no_run = Run::open(&scratch).unwrap_err();
    let output = Command::new(env!("CARGO_BIN_EXE_train"))
        .args(["status".as_ref(), scratch.as_os_str()])
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains(&no_run.to_string()));
}

/// The lines of a table as cells, which are two spaces or more apart.
fn cells(text: &str) -> Vec<Vec<&str>> {
    let cells = |line: &'static str| {
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()
    };
    let text: &'static str = text.to_owned().leak();
    text.lines().map(cells).collect()
}

#[test]
fn a_comparison_is_sorted_by_the_best_kid_and_shows_only_settings_that_differ() {
    let scratch = Scratch::new("show-sorted");
    let worse = drawn_run(
        &scratch,
        "worse",
        &[],
        &[of(epoch(1, Some(0.5)), 300), of(epoch(2, Some(0.75)), 300)],
    );
    let better = drawn_run(
        &scratch,
        "better",
        &["loss.name=hinge", "generator.width=32", "samples.every=9"],
        &[of(epoch(1, Some(0.25)), 300)],
    );
    let without = drawn_run(&scratch, "without", &["generator.width=32"], &[epoch(4, None)]);
    let text = printed("compare", &[&without, &worse, &better], &[], 0);
    let table = cells(&text);
    let heading = [
        "run",
        "KID",
        "at step",
        "step",
        "kimg",
        "G's loss",
        "D's loss",
        "img/s",
        "hours",
        "generator.width",
        "loss.name",
    ];
    assert_eq!(table[0], heading, "{text}");
    let name = |row: &[&str]| row[0].rsplit('/').next().unwrap().to_owned();
    assert_eq!(
        table[1..4].iter().map(|row| name(row)).collect::<Vec<_>>(),
        ["better", "worse", "without"]
    );
    assert_eq!(
        table[1][1..],
        ["0.250", "10", "10", "0.5000", "1.000", "1.250", "500", "0.00028", "32", "hinge"]
    );
    assert_eq!(table[2][1..4], ["0.500", "10", "20"]);
    assert_eq!(table[3][1..4], ["–", "–", "40"]);
    assert!(
        text.ends_with("KID: torch-fidelity, 300 pictures on each side, weights a079ee34\n"),
        "{text}"
    );
    let json = printed("compare", &[&without, &worse, &better], &["--json"], 0);
    let rows: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows[0]["best_kids"][0]["kid"], 0.25);
    assert_eq!(rows[0]["settings"]["loss.name"], "\"hinge\"");
    assert_eq!(rows[2]["best_kids"], json!([]));
}

#[test]
fn of_runs_of_different_recipes_the_settings_that_were_chosen_are_shown() {
    let scratch = Scratch::new("show-recipes");
    let one = drawn_run(&scratch, "one", &["schedule.ema=0.5"], &[epoch(1, None)]);
    let other = drawn_run(
        &scratch,
        "wgan-gp run",
        &["schedule.ema=0.5", "generator.width=32"],
        &[epoch(1, None)],
    );
    let text = printed("compare", &[&one, &other], &[], 0);
    let heading = &cells(&text)[0];
    // Both recipes' batch and epochs were replaced by the same ones, and their optimizers by none.
    assert_eq!(heading[heading.len() - 2..], ["generator.width", "preset"], "{text}");
    assert_eq!(heading.len(), 9, "{text}");
}

#[test]
fn kids_that_were_measured_differently_are_never_in_one_column() {
    let scratch = Scratch::new("show-conventions");
    let many = drawn_run(
        &scratch,
        "many",
        &[],
        &[of(epoch(1, Some(0.5)), 300), of(epoch(2, Some(0.125)), 1000)],
    );
    let few = drawn_run(&scratch, "few", &[], &[of(epoch(1, Some(0.375)), 300)]);
    let old = drawn_run(&scratch, "old", &[], &[epoch(1, Some(0.0625))]);
    let text = printed("compare", &[&old, &many, &few], &[], 0);
    let table = cells(&text);
    assert_eq!(
        table[0][1..7],
        ["KID (a)", "at step", "KID (b)", "at step", "KID (c)", "at step"],
        "{text}"
    );
    // The way that most runs share decides the order.
    let by_name =
        |name: &str| table.iter().find(|row| row[0].ends_with(name)).unwrap()[1..7].to_vec();
    assert_eq!(by_name("few"), ["0.375", "10", "–", "–", "–", "–"]);
    assert_eq!(by_name("many")[..2], ["0.500", "10"]);
    assert!(by_name("many").contains(&"0.125") && !by_name("many").contains(&"0.0625"));
    assert_eq!(by_name("old").iter().filter(|cell| **cell == "–").count(), 4);
    assert!(
        table[1][0].ends_with("few")
            && table[2][0].ends_with("many")
            && table[3][0].ends_with("old"),
        "{text}"
    );
    for part in [
        "KID (a): torch-fidelity, 300 pictures",
        "1000 pictures",
        "did not record how",
        "cannot be compared",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    // Its best is the best of the way that it is measured in now.
    assert_eq!(status(&many)["best_kid"], 0.125);
}

#[test]
fn curves_of_runs_are_drawn_over_each_other_with_a_panel_for_each_way_to_measure_kid() {
    let scratch = Scratch::new("show-overlay");
    let a = drawn_run(
        &scratch,
        "a",
        &[],
        &[of(epoch(1, Some(0.5)), 300), of(epoch(2, Some(0.25)), 300)],
    );
    let b =
        drawn_run(&scratch, "b", &[], &[of(epoch(1, Some(0.5)), 99), of(epoch(2, Some(0.25)), 99)]);
    let out = scratch.path("compare.png");
    let drawn = |runs: &[&Run]| {
        printed("compare", runs, &["--out", out.to_str().unwrap()], 0);
        Picture::decode(&fs::read(&out).unwrap(), &Limits::default()).unwrap()
    };
    // KID, two losses, p: two rows. Another way to measure is a fifth panel, and a third row.
    let (alike, unlike) = (drawn(&[&a, &a]), drawn(&[&a, &b]));
    assert_eq!((alike.width, unlike.width), (2 * 640 + 32, 2 * 640 + 32));
    assert_eq!(unlike.height - alike.height, 400);
    // A file is no folder to write into.
    let output = train("compare", &[&a], &["--out", out.join("x.png").to_str().unwrap()]);
    assert!(
        !output.status.success() && String::from_utf8_lossy(&output.stderr).contains("compare.png")
    );
}

#[test]
fn a_runs_curves_have_a_panel_for_whatever_it_has() {
    let scratch = Scratch::new("show-curves");
    let rows = |settings: &[&str], stats: &[Value]| {
        let run = drawn_run(&scratch, "run", settings, stats);
        let picture = train::tell::curves::draw(&run).unwrap();
        assert_eq!(picture, train::tell::curves::draw(&run).unwrap());
        assert_eq!(picture.width, 2 * 640 + 32);
        (picture.height - 32) / 400
    };
    let stats = [epoch(1, None), epoch(2, Some(0.5)), epoch(3, None)];
    assert_eq!(rows(&[], &stats), 2);
    let mut penalised = stats.clone();
    penalised[1]["penalty"] = json!(3.5);
    // Losses, accuracies, p, penalties, KID, and the speed in the place that is left.
    assert_eq!(rows(&[], &penalised), 3);
    assert_eq!(rows(&["augment.pipeline=none"], &penalised), 2);
    assert_eq!(rows(&["augment.pipeline=none"], &stats), 2);
    assert_eq!(rows(&[], &[]), 2);
    // Lines of an earlier version, and lines that make no sense.
    assert_eq!(
        rows(
            &[],
            &[json!({"step": 3}), json!({"epoch": "x", "step": -1, "g_loss": []}), json!([1])]
        ),
        2
    );
    let colored = |kid: Option<f64>| {
        let run = drawn_run(&scratch, "kid", &[], &[epoch(1, kid), epoch(2, kid)]);
        let pixels = train::tell::curves::draw(&run).unwrap().pixels;
        pixels.chunks_exact(3).filter(|pixel| **pixel == [204, 121, 167]).count()
    };
    assert!(colored(Some(0.5)) > colored(None) + 300);
    let run = drawn_run(&scratch, "kid", &[], &[epoch(1, Some(0.5))]);
    train::tell::curves::write(&run).unwrap();
    let written = Picture::decode(
        &fs::read(run.file(train::tell::curves::CURVES)).unwrap(),
        &Limits::default(),
    )
    .unwrap();
    assert_eq!(written, train::tell::curves::draw(&run).unwrap());
}

#[test]
fn a_run_is_shown_to_tensorboard_and_as_curves_however_often_it_is_started() {
    let scratch = Scratch::new("show-run");
    let (data, out) = (scratch.path("data"), scratch.path("run"));
    util::drawn_dataset(&data, 8, &[("train", 24), ("val", 8)]);
    let settings = [
        "schedule.batch=8",
        "generator.width=4",
        "generator.latent=4",
        "discriminator.width=4",
        "samples.pictures=4",
        "samples.every=2",
        "evaluation.every=0",
    ];
    for epochs in ["1", "3", "4"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_train"));
        command
            .arg("--data")
            .arg(&data)
            .arg("--out")
            .arg(&out)
            .args(["--device", "cpu", "--epochs", epochs]);
        let output =
            command.args(settings.map(|setting| format!("--set={setting}"))).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let curves = Picture::decode(
            &fs::read(out.join(train::tell::curves::CURVES)).unwrap(),
            &Limits::default(),
        )
        .unwrap();
        assert_eq!(curves, train::tell::curves::draw(&Run::open(&out).unwrap()).unwrap());
    }
    let names = std::fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.starts_with(shared::events::PREFIX)).count(), 3);
    let Some(peers) = std::env::var_os("FLEDGE_PEERS") else {
        return skip(
            "FLEDGE_PEERS does not name a Python environment with tensorboard (make test-peers)",
        );
    };
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/check_events.py");
    let output =
        Command::new(Path::new(&peers).join("bin/python")).arg(tool).arg(&out).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    // The sheets of epochs 0, 2 and 4.
    assert!(
        output.status.success() && text.ends_with("3 pictures\n"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
