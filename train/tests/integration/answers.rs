//! What the program answers to flags and settings of other trainers, to what cannot be counted or
//! built, and to folders that are no runs.
#![expect(clippy::unwrap_used, reason = "a test ends where the machine is not as expected")]

use crate::util;

use std::process::{Command, Output};

use shared::fs;

use self::util::program::{DrawnData, Scratch, command, fail, stderr, succeed};

fn train(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_train")).args(args).output().unwrap()
}

#[test]
fn flags_and_settings_of_other_trainers_are_answered_with_ours_and_the_value() {
    for (args, answers) in [
        (
            &["--lr", "1e-4"][..],
            &["train: --lr 1e-4 is --set optimizer.learning_rate=1e-4 here"][..],
        ),
        (&["--learning_rate=3e-4"], &["--set optimizer.learning_rate=3e-4"]),
        (&["--batch", "16"], &["--set schedule.batch=16"]),
        (&["--batchSize", "64"], &["--set schedule.batch=64"]),
        (&["--resume", "ffhq.pkl"], &["--init-from", "to resume a run, use train --out RUN"]),
        (&["--width", "64"], &["--set discriminator.width=64 --set generator.width=64"]),
        (
            &["--gpus=2", "--cond=1"],
            &["--gpus 2 is --device cuda:0,cuda:1 here", "--set cond=embedding+projection"],
        ),
        (&["--gpu_ids", "-1"], &["--device cpu"]),
        (&["--snap", "10"], &["--set checkpoints.every"]),
        (&["--gamma", "8.2"], &["--set penalty.r1=8.2 --set discriminator.norm=none"]),
        (&["--outdir", "runs", "--cfg", "stylegan2"], &["--out runs", "--preset"]),
        (&["--workers", "4"], &["--workers 4 is --threads 4 here"]),
        (&["--image-size", "64"], &["prep build SOURCE --out DIR --size 64"]),
        (
            &["--dataroot", "d", "--n_epochs", "5"],
            &["--data d", "--n_epochs 5 is --set schedule.epochs=5 here"],
        ),
        (
            &["--nz", "100", "--ngf", "64", "--beta1", "0.5"],
            &["generator.latent=100", "generator.width=64", "optimizer.beta_1=0.5"],
        ),
        (&["--save_every", "5m"], &["--save-every 5m"]),
        (&["--data", "d", "--out", "o", "--set", "batch=16"], &["--set schedule.batch=16"]),
        (
            &["--data", "d", "--out", "o", "--set", "lr=1e-4"],
            &["--set optimizer.learning_rate=0.0001"],
        ),
        (
            &["--data", "d", "--out", "o", "--set", "width=8"],
            &["discriminator.width or generator.width"],
        ),
        (&["--data", "d", "--out", "o", "--set", "latent=8"], &["--set generator.latent=8"]),
        (&["--data", "d", "--out", "o", "--set", "schedule.bach=8"], &["--set schedule.batch=8"]),
        (&["--data", "d", "--out", "o", "--set", "optimizer=sgd"], &["--set optimizer.name=sgd"]),
    ] {
        let output = train(args);
        let error = stderr(&output);
        assert_eq!(
            (output.status.code(), error.lines().count()),
            (Some(2), 1),
            "{args:?}: {error}"
        );
        answers.iter().for_each(|answer| assert!(error.contains(answer), "{args:?}: {error}"));
    }
}

#[test]
fn what_cannot_be_counted_is_refused_and_what_can_begins() {
    let scratch = Scratch::new("counted");
    let data = scratch.dataset();
    let data = data.to_str().unwrap();
    for (flag, value) in [
        ("--epochs", "18446744073709551615"),
        ("--epochs", "9223372036854775807"),
        ("--steps", "18446744073709551615"),
        ("--steps", "9223372036854775807"),
        ("--kimg", "1e300"),
        ("--set", "schedule.batch=9223372036854775806"),
    ] {
        let output = train(&["--data", data, "--dry-run=config", flag, value]);
        let error = stderr(&output);
        assert_eq!(
            (output.status.code(), error.lines().count()),
            (Some(2), 1),
            "{flag} {value}: {error}"
        );
        assert!(
            error.contains("schedule.")
                && (error.contains("at most") || error.contains("too large")),
            "{flag} {value}: {error}"
        );
    }
    for (flag, value) in
        [("--epochs", "1000000000"), ("--steps", "1000000000000"), ("--kimg", "1e12")]
    {
        let output =
            train(&["--data", data, "--dry-run=config", "--set", "schedule.batch=8", flag, value]);
        assert!(output.status.success(), "{flag} {value}: {}", stderr(&output));
    }
}

#[test]
fn a_folder_with_only_hidden_files_and_lost_and_found_becomes_a_run() {
    let scratch = Scratch::new("vacant");
    let (data, out) = (scratch.dataset(), scratch.path("run"));
    fs::create_folder(out.join("lost+found")).unwrap();
    fs::write(out.join(".DS_Store"), b"").unwrap();
    fs::write(out.join("mine.txt"), b"mine").unwrap();
    assert!(fail(command(&data, &out, 1), 2).contains("not empty"));
    fs::remove(out.join("mine.txt")).unwrap();
    succeed(command(&data, &out, 1));
    assert!(out.join(".DS_Store").exists() && out.join("lost+found").exists());
}

#[test]
fn what_is_no_run_is_passed_over_and_named() {
    let scratch = Scratch::new("passed");
    let data = scratch.dataset();
    let runs = scratch.path("runs");
    for name in ["1", "2"] {
        succeed(command(&data, &runs.join(name), 1));
    }
    let path = |name: &str| runs.join(name).to_str().unwrap().to_owned();
    let plot = path("new/folder/compare.png");
    fs::create_folder(runs.join("3/checkpoints")).unwrap();
    fs::write(runs.join("notes.txt"), b"mine").unwrap();
    let all = [path("1"), path("2"), path("3"), path("notes.txt")];
    for more in [&["compare", "--out", &plot][..], &["status"], &["compare", "--json"]] {
        let args: Vec<&str> = more.iter().copied().chain(all.iter().map(String::as_str)).collect();
        let output = train(&args);
        let (said, told) = (stderr(&output), String::from_utf8_lossy(&output.stdout).into_owned());
        assert!(output.status.success(), "{more:?}: {said}");
        assert!(told.contains(&path("1")) && told.contains(&path("2")), "{more:?}: {told}");
        for passed in [&all[2], &all[3]] {
            assert!(
                said.lines().any(|line| line.contains("skipped") && line.contains(passed)),
                "{more:?}: {said}"
            );
        }
    }
    assert!(runs.join("new/folder/compare.png").is_file());
    let none = train(&["compare", &all[3]]);
    assert!(
        none.status.code() == Some(1) && stderr(&none).contains("is not a run"),
        "{}",
        stderr(&none)
    );
}
