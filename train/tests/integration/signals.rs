//! Signals wherever they come: the step is finished, everything saved, and the same command goes on
//! exactly. A second one ends the program at once; some only save, and one that was ignored at the
//! start does nothing. What ended a run is always known afterwards.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test ends where the machine is not as expected")]

use crate::util;

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::Duration;

use shared::nn::run::{Run, Which};
use shared::testing::{
    SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU, ignoring, send, torture, wait_until,
};
use util::program::*;

/// More than any test waits for.
const ENDLESS: u64 = 1_000_000;

/// Each with the code that the program ends with.
const SIGNALS: [(i32, i32); 4] = [(SIGINT, 130), (SIGHUP, 129), (SIGTERM, 143), (SIGXCPU, 152)];

/// A run that is stopped again and again.
struct Stopped<'a> {
    scratch: Scratch,
    data: PathBuf,
    out: PathBuf,
    flags: &'a [&'a str],
}

impl<'a> Stopped<'a> {
    fn new(name: &str, flags: &'a [&'a str]) -> Self {
        let scratch = Scratch::new(name);
        let (data, out) = (scratch.dataset(), scratch.path("run"));
        Self { scratch, data, out, flags }
    }

    fn start(&self, out: &Path, epochs: u64) -> std::process::Command {
        let mut command = command_with(&self.data, out, epochs, self.flags);
        command.env("XDG_CACHE_HOME", self.scratch.path("cache"));
        command
    }

    fn endless(&self) -> Child {
        quiet(self.start(&self.out, ENDLESS)).spawn().unwrap()
    }

    /// The last saved step.
    fn step(&self) -> u64 {
        if !Run::is_run(&self.out) {
            return 0;
        }
        Run::open(&self.out).unwrap().step_of(Which::Latest).unwrap().unwrap_or(0)
    }

    /// Goes on to the end of the next epoch but one, and compares with a run that nobody stopped.
    fn finish(&self) {
        verify_all(&self.out);
        let (whole, epochs) = (self.scratch.path("whole"), self.step() / STEPS_PER_EPOCH + 2);
        succeed(self.start(&self.out, epochs));
        succeed(self.start(&whole, epochs));
        assert_same(&whole, &self.out, epochs * STEPS_PER_EPOCH);
        assert!(litter(&self.out).is_empty(), "{:?}", litter(&self.out));
    }
}

/// What `train.log` says.
fn log(out: &Path) -> String {
    String::from_utf8(shared::fs::read(out.join("train.log")).unwrap()).unwrap()
}

/// What `train status` says of a run, as JSON.
fn status(out: &Path) -> serde_json::Value {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_train"))
        .args(["status", "--json"])
        .arg(out)
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Sends a signal and gives what the program ended with.
fn end(mut child: Child, signal: i32) -> ExitStatus {
    send(&child, signal).unwrap();
    child.wait().unwrap()
}

#[test]
fn the_first_signal_in_a_step_saves_it_and_the_same_command_goes_on_exactly() {
    let run = Stopped::new("signal-step", &[]);
    let mut draw = shared::rng::stream(3, "signals", 0);
    for (signal, code) in SIGNALS.repeat(torture(1, 10)) {
        let before = logged_epochs(&run.out).len();
        let mut child = run.endless();
        assert!(wait_until(
            || logged_epochs(&run.out).len() > before || child.try_wait().unwrap().is_some()
        ));
        std::thread::sleep(Duration::from_micros(draw.below(60_000)));
        assert_eq!(end(child, signal).code(), Some(code));
        assert!(
            run.step() as usize >= before * STEPS_PER_EPOCH as usize,
            "what was done was not saved"
        );
    }
    run.finish();
}

#[test]
fn a_signal_while_a_checkpoint_is_written_finishes_it_and_the_same_command_goes_on_exactly() {
    let run = Stopped::new("signal-save", &[]);
    for (signal, code) in SIGNALS.repeat(torture(1, 10)) {
        let mut child = run.endless();
        let done = run.step();
        // Not the litter of an earlier one: nothing is left of a run that was stopped.
        assert!(wait_until(
            || run.step() > done && saving(&run.out) || child.try_wait().unwrap().is_some()
        ));
        assert_eq!(end(child, signal).code(), Some(code));
        assert!(litter(&run.out).is_empty(), "{:?}", litter(&run.out));
    }
    run.finish();
}

/// A file of drawn weights for KID.
fn weights(scratch: &Scratch) -> String {
    let weights = scratch.path("drawn.safetensors");
    shared::metrics::inception::write_drawn(&weights, 0).unwrap();
    weights.to_string_lossy().into_owned()
}

#[test]
fn a_signal_while_kid_is_computed_or_the_run_is_loaded_loses_nothing() {
    let scratch = Scratch::new("signal-weights");
    let weights = weights(&scratch);
    let flags = [
        "--weights",
        &weights,
        "--set",
        "evaluation.every=1",
        "--set",
        "evaluation.pictures=4",
        "--set",
        "samples.every=1",
    ];
    let run = Stopped::new("signal-kid", &flags);
    let sheets = || std::fs::read_dir(run.out.join("samples")).map_or(0, Iterator::count);
    for (signal, code) in SIGNALS.repeat(torture(1, 5)) {
        let mut child = run.endless();
        // KID comes after the sheet of an epoch.
        let before = sheets().max(2);
        assert!(wait_until(|| sheets() > before || child.try_wait().unwrap().is_some()));
        assert_eq!(end(child, signal).code(), Some(code));
    }
    let mut draw = shared::rng::stream(4, "signals", 0);
    for (signal, code) in SIGNALS.repeat(torture(1, 10)) {
        let child = run.endless();
        std::thread::sleep(Duration::from_millis(draw.below(1500)));
        let status = end(child, signal);
        // Before the program listens the system ends it.
        assert!(status.code() == Some(code) || status.signal() == Some(signal), "{status:?}");
    }
    run.finish();
}

#[test]
fn a_second_signal_ends_the_program_at_once_and_what_was_saved_stays() {
    // A step of thousands of updates takes longer than a second signal.
    for (signal, code) in [(SIGINT, 130), (SIGTERM, 143)] {
        let flags =
            ["--set", "schedule.order=alternating", "--set", "schedule.discriminator_steps=5000"];
        let run = Stopped::new(&format!("signal-second-{signal}"), &flags);
        let mut child = run.endless();
        assert!(wait_until(|| run.out.join("samples/fakes-000000.png").exists()
            || child.try_wait().unwrap().is_some()));
        // Two that come before the program was given a processor are one to it, so that a second
        // may take several.
        assert!(wait_until(|| {
            send(&child, signal).unwrap();
            std::thread::sleep(Duration::from_millis(50));
            child.try_wait().unwrap().is_some()
        }));
        assert_eq!(child.wait().unwrap().code(), Some(code));
        assert_eq!(verify_all(&run.out), [0; 0], "the step was finished after all");
        assert!(log(&run.out).ends_with("what was not saved is lost\n"), "{}", log(&run.out));
    }
}

/// Waits until the first epoch is logged.
fn await_epoch(run: &Stopped<'_>, child: &mut Child) {
    assert!(wait_until(
        || !logged_epochs(&run.out).is_empty() || child.try_wait().unwrap().is_some()
    ));
}

#[test]
fn what_ended_a_run_is_in_its_log_and_its_status() {
    for (signal, code) in SIGNALS {
        let run = Stopped::new(&format!("signal-told-{signal}"), &[]);
        let mut child = run.endless();
        await_epoch(&run, &mut child);
        assert_eq!(status(&run.out)["state"], "running");
        assert_eq!(end(child, signal).code(), Some(code));
        let name = shared::signal::name_of(code as u8);
        assert!(
            log(&run.out).ends_with(&format!("ended: stopped by {name}\n")),
            "{}",
            log(&run.out)
        );
        let told = status(&run.out);
        assert_eq!((&told["state"], &told["ended_by"]), (&"stopped".into(), &name.into()));
    }
    let run = Stopped::new("signal-told-kill", &[]);
    let mut child = run.endless();
    await_epoch(&run, &mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(wait_until(|| status(&run.out)["state"] == "stopped"));
    assert_eq!(status(&run.out)["ended_by"], "kill");
    let more = logged_epochs(&run.out).len() as u64 + 1;
    let said = succeed(run.start(&run.out, more));
    assert!(said.contains("was killed"), "{said}");
    let told = status(&run.out);
    assert_eq!((&told["state"], &told["ended_by"]), (&"finished".into(), &"done".into()));
    let mut refused = run.start(&run.out, more + 1);
    refused.args(["--set", "schedule.batch=4"]);
    fail(refused, 2);
    assert_eq!(status(&run.out)["ended_by"], "error");
}

#[test]
fn a_hangup_that_was_ignored_at_the_start_stays_ignored() {
    let run = Stopped::new("signal-nohup", &[]);
    let mut command = quiet(run.start(&run.out, ENDLESS));
    ignoring(&mut command, SIGHUP);
    let mut child = command.spawn().unwrap();
    await_epoch(&run, &mut child);
    let before = logged_epochs(&run.out).len();
    send(&child, SIGHUP).unwrap();
    assert!(wait_until(
        || logged_epochs(&run.out).len() > before + 1 || child.try_wait().unwrap().is_some()
    ));
    assert!(child.try_wait().unwrap().is_none(), "it ended: {}", log(&run.out));
    assert_eq!(end(child, SIGTERM).code(), Some(143));
    run.finish();
}

#[test]
fn signals_that_ask_for_a_checkpoint_get_one_and_training_continues() {
    let flags = ["--set", "checkpoints.every=1000000"];
    let run = Stopped::new("signal-save-now", &flags);
    let mut child = run.endless();
    await_epoch(&run, &mut child);
    for signal in [SIGUSR1, SIGUSR2].repeat(torture(2, 10)) {
        let before = run.step();
        send(&child, signal).unwrap();
        assert!(wait_until(|| run.step() > before || child.try_wait().unwrap().is_some()));
        assert!(child.try_wait().unwrap().is_none(), "it ended: {}", log(&run.out));
    }
    assert_eq!(end(child, SIGINT).code(), Some(130));
    run.finish();
}

#[test]
fn a_signal_that_is_sent_twice_at_once_is_one() {
    let flags =
        ["--set", "schedule.order=alternating", "--set", "schedule.discriminator_steps=300"];
    for (signal, code) in SIGNALS {
        let run = Stopped::new(&format!("signal-twice-{signal}"), &flags);
        let mut child = run.endless();
        assert!(wait_until(|| run.out.join("samples/fakes-000000.png").exists()
            || child.try_wait().unwrap().is_some()));
        // As `timeout` does, and a shell that ends with its terminal.
        send(&child, signal).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(end(child, signal).code(), Some(code));
        assert!(run.step() > 0, "nothing was saved");
    }
}
