//! Values that are not finite: the run goes back and on with other random numbers, the same ones
//! every time, and gives up in the end with everything that led there.

use crate::util;

use std::path::Path;
use std::process::Command;

use shared::nn::run::{Run, Which};
use util::program::*;

/// Adam without an epsilon divides 0 by 0 where a gradient is exactly 0, which it is in the first
/// step where dropout left out the same feature of D for all pictures: a matter of luck.
const LUCK: [&str; 6] = [
    "--set",
    "optimizer.epsilon=1e-60",
    "--set",
    "discriminator.dropout=0.5",
    "--set",
    "schedule.batch=4",
];

fn lucky(data: &Path, out: &Path, seed: u64) -> Command {
    command_with(
        data,
        out,
        2,
        &[&LUCK[..], &["--retries", "30", "--seed", &seed.to_string()]].concat(),
    )
}

fn failures(run: &Path) -> usize {
    lines(run, "alarms.jsonl").iter().filter(|line| line["kind"] == "not-finite").count()
}

#[test]
fn a_run_goes_back_and_on_with_other_random_numbers_the_same_ones_every_time() {
    let scratch = Scratch::new("rollback");
    let data = scratch.dataset();
    let tried = |name: &str, seed| {
        let out = scratch.path(&format!("{name}-{seed}"));
        succeed(lucky(&data, &out, seed));
        (failures(&out), out)
    };
    let runs: Vec<_> = (0..12).map(|seed| tried("first", seed)).collect();
    let luckless = runs
        .iter()
        .position(|(failures, _)| *failures > 0)
        .expect("no run of twelve had to go back");
    assert!(runs.iter().any(|(failures, _)| *failures == 0), "every run had to go back");
    let (failures, again) = tried("again", luckless as u64);
    assert_eq!(failures, runs[luckless].0);
    // 24 pictures in batches of four, twice.
    assert_same(&again, &runs[luckless].1, 12);
    let state = Run::open(&again).unwrap().checkpoint(Which::Latest).unwrap().meta.state;
    assert_eq!(state["attempt"].as_u64(), Some(failures as u64));
    assert_eq!(logged_epochs(&again), [1, 2]);
}

#[test]
fn a_run_that_never_gets_on_ends_with_what_led_there_and_leaves_its_checkpoints() {
    let scratch = Scratch::new("dump");
    let (data, out) = (scratch.dataset(), scratch.path("run"));
    succeed(command(&data, &out, 1));
    // As a run would be that began to diverge later: its own settings, with another rate.
    let config = out.join("config.toml");
    let text = String::from_utf8(shared::fs::read(&config).unwrap()).unwrap();
    shared::fs::write(
        &config,
        text.replace("learning_rate = 0.0002", "learning_rate = 1e30").as_bytes(),
    )
    .unwrap();
    // And as its checkpoint would say, by which settings are checked.
    let meta = out.join("checkpoints/00000003/meta.json");
    let value: serde_json::Value = shared::sealed::read(&meta, "").unwrap();
    let value = value.to_string().replace("\"learning_rate\":0.0002", "\"learning_rate\":1e30");
    shared::sealed::write(&meta, &serde_json::from_str::<serde_json::Value>(&value).unwrap())
        .unwrap();
    let flags = ["--set", "optimizer.learning_rate=1e30", "--retries", "2"];
    let text = fail(command_with(&data, &out, 20, &flags), 1);
    assert!(
        text.contains("not finite") && text.contains("2 tries") && text.contains("learning_rate"),
        "{text}"
    );
    assert_eq!(failures(&out), 2);
    let alarm = &lines(&out, "alarms.jsonl")[0];
    assert!(
        alarm["what"].as_str().unwrap().contains("back to the checkpoint of step 3, try 1 of 2"),
        "{alarm}"
    );
    assert_eq!(verify_all(&out), [3]);
    let dumps: Vec<_> = std::fs::read_dir(&out).unwrap().map(|e| e.unwrap().path()).collect();
    let dump = dumps
        .iter()
        .find(|p| p.file_name().unwrap().to_string_lossy().starts_with("failed-"))
        .unwrap();
    for name in ["steps.jsonl", "failure.json", "config.toml", "samples.png"] {
        assert!(dump.join(name).exists(), "{name}");
    }
    let failure: serde_json::Value =
        serde_json::from_slice(&shared::fs::read(dump.join("failure.json")).unwrap()).unwrap();
    assert!(
        failure["tensors"]
            .as_array()
            .unwrap()
            .iter()
            .any(|tensor| tensor["not_finite"].as_u64() > Some(0)),
        "{failure}"
    );
    assert!(litter(&out).is_empty());
}
