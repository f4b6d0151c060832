//! A start changes only what it is told: what a run remembers, what it refuses and with which way
//! on, and what it takes of disk and memory, through the program.
#![expect(clippy::unwrap_used, reason = "a test ends where the machine is not as expected")]

use crate::util;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use shared::fs;
use util::Golden;
use util::program::*;

/// `train --out RUN` with these flags and no others.
fn resume(out: &Path, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_train"));
    command.arg("--out").arg(out).args(flags).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn text_of(path: PathBuf) -> String {
    String::from_utf8(fs::read(path).unwrap()).unwrap()
}

fn config(run: &Path) -> toml::Table {
    text_of(run.join("config.toml")).parse().unwrap()
}

fn steps(run: &Path) -> Vec<u64> {
    shared::nn::run::Run::open(run).unwrap().steps().unwrap()
}

#[test]
fn a_run_is_resumed_by_its_folder_alone_and_goes_by_its_own_data_settings_and_flags() {
    let scratch = Scratch::new("alone");
    let (data, run, whole) = (scratch.dataset(), scratch.path("run"), scratch.path("whole"));
    let own = [
        "--seed",
        "7",
        "--mirror",
        "--keep",
        "9",
        "--save-every",
        "90s",
        "--retries",
        "5",
        "--stop-after",
        "4",
        "--data-on",
        "host",
    ];
    succeed(command_with(&data, &whole, 4, &own));
    succeed(command_with(&data, &run, 2, &own));
    let before = (config(&run), text_of(run.join("flags.toml")));
    let told = succeed(resume(&run, &[]));
    assert!(told.contains("nothing left to do: 6 steps") && told.contains("--epochs N"), "{told}");
    assert!(
        (config(&run), text_of(run.join("flags.toml"))) == before,
        "a start that was told nothing changed something"
    );
    for flag in [
        "device = \"cpu\"",
        "data_on = \"host\"",
        "save_every_seconds = 90",
        "retries = 5",
        "stop_after = 4",
    ] {
        assert!(before.1.contains(flag), "{flag} is missing in {}", before.1);
    }
    // One thing each.
    let told = succeed(resume(&run, &["--epochs", "4", "--retries", "6"]));
    assert!(
        told.contains("schedule.epochs: 2 → 4")
            && told.contains("--retries: 5 → 6")
            && !told.contains("--save-every"),
        "{told}"
    );
    assert_same_tensors(&whole, &run, 12);
    assert_eq!(text_of(run.join("flags.toml")), before.1.replace("retries = 5", "retries = 6"));
    // A recipe that is named again, or a file of settings that are the run's, changes nothing
    // either.
    let file = run.join("config.toml");
    succeed(resume(&run, &["--preset", "gan-ada", "--config", file.to_str().unwrap()]));
    assert!(
        fail(resume(&run, &["--preset", "wgan-gp"]), 2)
            .contains("preset = \"gan-ada\" (now \"wgan-gp\")")
    );
    assert_eq!(steps(&run), [3, 6, 9, 12]);
}

#[test]
fn checkpoints_that_a_run_keeps_are_only_removed_by_a_smaller_number_of_them() {
    let scratch = Scratch::new("keep");
    let (data, run) = (scratch.dataset(), scratch.path("run"));
    succeed(command_with(&data, &run, 6, &["--keep", "10"]));
    assert_eq!(steps(&run).len(), 6);
    // The same command without --keep, with nothing left to do and with something, and other flags.
    succeed(command(&data, &run, 6));
    succeed(command(&data, &run, 7));
    succeed(resume(&run, &["--set", "samples.pictures=2"]));
    assert_eq!(steps(&run).len(), 7);
    succeed(resume(&run, &["--keep", "3"]));
    assert_eq!(steps(&run), [15, 18, 21]);
    succeed(resume(&run, &["--keep", "10", "--epochs", "9"]));
    succeed(resume(&run, &[]));
    assert_eq!(steps(&run), [15, 18, 21, 24, 27]);
}

#[test]
fn data_are_found_from_any_folder_may_move_and_are_asked_for_where_they_are_gone() {
    let scratch = Scratch::new("moved");
    let (data, run) = (scratch.dataset(), scratch.path("run"));
    let mut first = command(Path::new("data"), Path::new("run"), 1);
    first.current_dir(&*scratch);
    succeed(first);
    // By a name that means nothing in the folder of this start.
    succeed(resume(&run, &["--epochs", "2"]));
    fs::rename(&data, scratch.path("elsewhere")).unwrap();
    let told = fail(resume(&run, &["--epochs", "3"]), 2);
    assert!(told.contains(data.to_str().unwrap()) && told.contains("--data NEW"), "{told}");
    let elsewhere = scratch.path("elsewhere");
    let told = succeed(resume(&run, &["--epochs", "3", "--data", elsewhere.to_str().unwrap()]));
    assert!(told.contains("data.path: "), "{told}");
    succeed(resume(&run, &["--epochs", "4"]));
    assert_eq!(logged_epochs(&run), [1, 2, 3, 4]);
    // Of a version that noted neither flags nor how many pictures there are.
    fs::remove(run.join("flags.toml")).unwrap();
    let old: String = text_of(run.join("config.toml"))
        .lines()
        .filter(|l| !l.starts_with("pictures = 24"))
        .map(|l| format!("{l}\n"))
        .collect();
    fs::write(run.join("config.toml"), old.as_bytes()).unwrap();
    succeed(resume(&run, &["--epochs", "5", "--device", "cpu"]));
    assert_eq!(config(&run)["data"]["pictures"].as_integer(), Some(24));
    assert!(fail(resume(&scratch.path("new"), &[]), 2).contains("--data DIR is missing"));
}

/// The command that a refusal proposes, run in the shell.
fn proposed(told: &str) -> std::process::Output {
    let command =
        told.split_once("train --init-from").unwrap().1.split_once(", or start").unwrap().0;
    let script = format!("{} --init-from{command}", env!("CARGO_BIN_EXE_train"));
    Command::new("sh").args(["-c", &script]).output().unwrap()
}

#[test]
fn a_refusal_says_what_differs_in_words_and_its_command_is_the_way_on() {
    let scratch = Scratch::new("refused");
    let (data, run, more) = (scratch.dataset(), scratch.path("run"), scratch.path("more"));
    succeed(command(&data, &run, 1));
    util::drawn_dataset(&more, 8, &[("train", 32), ("val", 8)]);
    let told = fail(resume(&run, &["--data", more.to_str().unwrap()]), 2);
    assert!(told.contains("24 pictures, now 32"), "{told}");
    assert!(!told.contains("fingerprint") && !told.contains("content"), "{told}");
    // The new run has the weights of the old one and learns from the new pictures.
    let output = proposed(&told);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(config(&scratch.path("run-2"))["data"]["pictures"].as_integer(), Some(32));
    assert_eq!(tensors(&scratch.path("run-2"), 0, "ema"), tensors(&run, 3, "ema"));
    let told =
        fail(resume(&run, &["--set", "augment.pipeline=none", "--set", "schedule.batch=4"]), 2);
    assert!(told.contains("schedule.batch = 8 (now 4)"), "{told}");
    assert!(proposed(&told).status.success());
    let changed = config(&scratch.path("run-3"));
    assert_eq!(
        (changed["schedule"]["batch"].as_integer(), changed["augment"]["pipeline"].as_str()),
        (Some(4), Some("none"))
    );
    // A rehearsal refuses the same.
    assert!(
        fail(resume(&run, &["--set", "schedule.batch=4", "--dry-run=config"]), 2)
            .contains("schedule.batch = 8")
    );
    // Nothing depends on settings before there is a checkpoint.
    let young = scratch.path("young");
    succeed(command(&data, &young, 1));
    fs::remove(young.join("checkpoints")).unwrap();
    fs::create_folder(young.join("checkpoints")).unwrap();
    succeed(resume(&young, &["--set", "schedule.batch=4"]));
    assert_eq!(steps(&young), [6]);
}

fn tensors(run: &Path, step: u64, part: &str) -> Golden {
    util::golden(&checkpoint_folder(run, step).join(format!("{part}.safetensors"))).0
}

/// Gives a data set's classes these names.
fn rename_classes(data: &Path, names: &[&str]) {
    let mut manifest = shared::dataset::read_manifest(data).unwrap();
    manifest.classes = names.iter().map(|name| (*name).to_owned()).collect();
    shared::sealed::write(&data.join("dataset.json"), &manifest).unwrap();
}

/// A row of a table as its bits.
fn row(file: &Golden, name: &str, row: usize) -> Vec<f64> {
    let (shape, values) = &file[name];
    let length = values.len() / shape[0];
    values[row * length..(row + 1) * length].to_vec()
}

#[test]
fn tables_of_classes_are_taken_over_by_the_classes_names() {
    let scratch = Scratch::new("classes");
    let (old, new) = (scratch.labelled(3), scratch.path("new"));
    rename_classes(&old, &["bird", "fish", "flower"]);
    util::labelled_dataset(&new, 8, &[("train", 24), ("val", 8)], 3);
    rename_classes(&new, &["fish", "flower", "mushroom"]);
    for (cond, part, tables) in [
        ("embedding+projection", "generator", &["embedding"][..]),
        ("embedding+projection", "discriminator", &["projection.weight"]),
        ("batch-norm+auxiliary", "generator", &["norm.gamma", "norm.beta"]),
        ("batch-norm+auxiliary", "discriminator", &["auxiliary.weight", "auxiliary.bias"]),
    ] {
        let (source, run) = (
            scratch.path(&format!("source-{cond}-{part}")),
            scratch.path(&format!("run-{cond}-{part}")),
        );
        let cond = format!("cond={cond}");
        succeed(command_with(&old, &source, 2, &["--set", &cond]));
        let told = succeed(resume(
            &run,
            &[
                "--data",
                new.to_str().unwrap(),
                "--init-from",
                source.to_str().unwrap(),
                "--epochs",
                "1",
            ],
        ));
        assert!(
            told.contains("classes matched by name: fish, flower; randomly initialised: mushroom; not used: bird"),
            "{told}"
        );
        let from = if part == "generator" { "ema" } else { part };
        let (there, here) = (tensors(&source, 6, from), tensors(&run, 0, part));
        for table in tables {
            assert_eq!(row(&here, table, 0), row(&there, table, 1), "{table}: fish");
            assert_eq!(row(&here, table, 1), row(&there, table, 2), "{table}: flower");
            (0..3).for_each(|i| {
                assert_ne!(
                    row(&here, table, 2),
                    row(&there, table, i),
                    "{table}: mushroom is as drawn"
                )
            });
        }
    }
}

#[test]
fn classes_come_and_go_and_the_columns_of_z_stay() {
    let scratch = Scratch::new("columns");
    let data = scratch.labelled(3);
    let (plain, told, back) = (scratch.path("plain"), scratch.path("told"), scratch.path("back"));
    succeed(command(&data, &plain, 1));
    let begin = |from: &Path, out: &Path, cond: &str| {
        let flags = [
            "--data",
            data.to_str().unwrap(),
            "--init-from",
            from.to_str().unwrap(),
            "--set",
            cond,
            "--epochs",
            "1",
        ];
        succeed(resume(out, &flags))
    };
    let said = begin(&plain, &told, "cond=embedding+projection");
    assert!(said.contains("dense (the columns of z)"), "{said}");
    begin(&told, &back, "cond=none");
    // A latent vector of 4.
    let columns = |file: &Golden| -> Vec<Vec<f64>> {
        let (shape, values) = &file["dense.weight"];
        values.chunks(shape[1]).map(|row| row[..4].to_vec()).collect()
    };
    assert_eq!(columns(&tensors(&plain, 3, "ema")), columns(&tensors(&told, 0, "generator")));
    assert_eq!(columns(&tensors(&told, 3, "ema")), columns(&tensors(&back, 0, "generator")));
}

/// All bytes below a folder, and those of the files whose names begin so.
fn bytes(folder: &Path, prefix: &str) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| match entry.metadata().unwrap() {
            meta if meta.is_dir() => bytes(&entry.path(), prefix),
            meta if entry.file_name().to_string_lossy().starts_with(prefix) => meta.len(),
            _ => 0,
        })
        .sum()
}

#[test]
fn what_is_foretold_of_the_disk_is_what_a_run_takes_and_no_sheet_is_there_twice() {
    let scratch = Scratch::new("disk");
    let (data, run) = (scratch.dataset(), scratch.path("run"));
    let flags =
        ["--set", "samples.every=1", "--set", "samples.pictures=24", "--set", "samples.columns=4"];
    let told = succeed(command_with(&data, &run, 60, &flags));
    let line = told.lines().find(|line| line.contains("disk: up to")).unwrap();
    let foretold: f64 =
        line.split_once("up to ").unwrap().1.split_once(" MB").unwrap().0.parse().unwrap();
    let taken = bytes(&run, "") as f64 / 1e6;
    assert!(taken <= foretold + 0.05 && foretold <= 3.0 * taken + 1.0, "{line}: {taken} MB");
    assert!(line.contains("for 61 sheets"), "{line}");
    let (events, sheets) = (bytes(&run, "events.out"), bytes(&run, "fakes-"));
    // A row of six, and the scalars.
    assert!(
        events < sheets / 3 + 61 * 1200,
        "events take {events} bytes beside {sheets} of the sheets"
    );
    let rehearsed = succeed(command_with(
        &data,
        &scratch.path("none"),
        60,
        &[&flags[..], &["--dry-run"]].concat(),
    ));
    assert!(
        rehearsed.contains(line.split_once(" in ").unwrap().0.trim_start_matches(" INFO ")),
        "{rehearsed}\n{line}"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_limit_on_memory_is_told_before_it_is_met_and_a_refused_allocation_is_an_error_with_advice() {
    let scratch = Scratch::new("memory");
    let (data, run) = (scratch.path("data"), scratch.path("run"));
    util::drawn_dataset(&data, 8, &[("train", 1024), ("val", 8)]);
    let limited = |flags: &str| {
        let script = format!(
            "ulimit -v 600000; exec {} --data {} --out {} --device cpu --epochs 1 --set evaluation.every=0 --set generator.width=1024 --set \
             discriminator.width=1024 --set schedule.batch=1024 {flags}",
            env!("CARGO_BIN_EXE_train"),
            data.display(),
            run.display()
        );
        Command::new("sh").args(["-c", &script]).env("RAYON_NUM_THREADS", "2").output().unwrap()
    };
    let output = limited("--dry-run");
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("ulimit -v") && told.contains("schedule.accumulate="), "{told}");
    assert!(!run.exists());
    let output = limited("");
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    let last = told.lines().last().unwrap();
    assert!(
        last.starts_with("train: out of memory: ") && last.contains("--set schedule.batch=512"),
        "{told}"
    );
    let log = text_of(run.join("train.log"));
    assert!(log.ends_with(&format!("ERROR {last}\n")), "{log}");
    let status =
        Command::new(env!("CARGO_BIN_EXE_train")).arg("status").arg(&run).output().unwrap();
    assert!(String::from_utf8_lossy(&status.stdout).contains("failed"), "{status:?}");
}
