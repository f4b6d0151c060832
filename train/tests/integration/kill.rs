//! `kill -9` at any moment, half of the time while a checkpoint is being written, and the same
//! command again, until it is done.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test ends where the machine is not as expected")]

use crate::util;

use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use shared::fs;
use shared::rng::Stream;
use shared::testing::{torture, wait_until};
use util::program::*;

/// Kills runs, and counts.
struct Killer {
    draw: Stream,
    kills: usize,
    inside: usize,
    ends: usize,
}

impl Killer {
    fn new(what: &str) -> Self {
        Self { draw: shared::rng::stream(1, what, 0), kills: 0, inside: 0, ends: 0 }
    }

    /// Kills a run that usually takes `usual` in all: at any moment of its first half, or while it
    /// writes one of its checkpoints. Says whether it was still alive.
    fn kill(&mut self, mut child: Child, run: &Path, usual: Duration) -> bool {
        // What an earlier kill left does not count.
        let before = saving(run);
        let random = self.draw.below(2) == 0;
        if random {
            std::thread::sleep(usual.mul_f64(0.5 * self.draw.uniform()));
        } else {
            for _ in 0..=self.draw.below(4) {
                assert!(wait_until(|| !saving(run)));
                assert!(wait_until(|| saving(run) || child.try_wait().unwrap().is_some()));
            }
            // A save takes some milliseconds.
            std::thread::sleep(Duration::from_micros(self.draw.below(4000)));
        }
        child.kill().unwrap();
        let status = child.wait().unwrap();
        if let Some(code) = status.code() {
            assert_eq!(code, 0, "it ended by itself with an error");
            self.ends += 1;
            return false;
        }
        self.kills += 1;
        self.inside += usize::from(saving(run) && !(before && random));
        true
    }
}

/// Kills runs of `epochs` epochs until it has killed `tries`, a third of them inside a save, and
/// compares each that comes to its end with one that was left alone.
pub(crate) fn kill_runs(name: &str, epochs: u64, tries: usize, classes: u64, flags: &[&str]) {
    kill_runs_on(name, epochs, tries, |scratch| (scratch.labelled(classes), Vec::new()), flags);
}

/// The same on a data set, and perhaps with more flags, that `data` gives.
pub(crate) fn kill_runs_on(
    name: &str,
    epochs: u64,
    tries: usize,
    data: impl Fn(&Scratch) -> (PathBuf, Vec<String>),
    flags: &[&str],
) {
    let scratch = Scratch::new(name);
    let (data, more) = data(&scratch);
    let flags: Vec<&str> = flags.iter().copied().chain(more.iter().map(String::as_str)).collect();
    let (whole, broken) = (scratch.path("whole"), scratch.path("broken"));
    let run = |out: &Path| {
        let mut command = command_with(&data, out, epochs, &flags);
        command.env("XDG_CACHE_HOME", scratch.path("cache"));
        command
    };
    // What is kept from run to run is there for all of them alike.
    succeed(run(&whole));
    fs::remove(&whole).unwrap();
    let started = Instant::now();
    succeed(run(&whole));
    let usual = started.elapsed();
    let last = epochs * STEPS_PER_EPOCH;
    let mut killer = Killer::new(name);
    let compare = || {
        assert_same(&whole, &broken, last);
        assert_eq!(logged_epochs(&broken), (1..=epochs).collect::<Vec<_>>());
        assert!(litter(&broken).is_empty(), "{:?}", litter(&broken));
    };
    while killer.kills < tries || killer.inside < tries.div_ceil(3) {
        let child = quiet(run(&broken)).spawn().unwrap();
        let killed = killer.kill(child, &broken, usual);
        verify_all(&broken);
        if !killed {
            compare();
            fs::remove(&broken).unwrap();
        }
        assert!(killer.ends < 200 + 3 * tries, "every run was faster than its kill");
    }
    succeed(run(&broken));
    compare();
    let Killer { kills, inside, ends, .. } = killer;
    println!(
        "{name}: {kills} kills, {inside} of them inside a save, {} runs that came to their end",
        ends + 1
    );
}

#[test]
fn killed_at_any_moment_the_same_command_leads_to_the_same_bytes() {
    kill_runs("kill-plain", 40, torture(10, 100), 0, &[]);
}

#[test]
fn a_killed_run_with_classes_in_alternating_order_leads_to_the_same_bytes() {
    let flags = [
        "--set",
        "cond=embedding+projection",
        "--set",
        "schedule.order=alternating",
        "--set",
        "checkpoints.every=3",
    ];
    kill_runs("kill-classes", 40, torture(5, 100), 3, &flags);
}

#[test]
fn a_killed_run_on_two_devices_leads_to_the_same_bytes() {
    // The CPU, named twice, stands in for two GPUs.
    kill_runs("kill-devices", 40, torture(5, 100), 0, &["--device", "cpu,cpu"]);
}

#[test]
fn a_killed_run_with_kid_and_its_best_checkpoint_leads_to_the_same_bytes() {
    let scratch = Scratch::new("kill-weights");
    let weights = scratch.path("drawn.safetensors");
    shared::metrics::inception::write_drawn(&weights, 0).unwrap();
    let weights = weights.to_string_lossy().into_owned();
    let flags = [
        "--weights",
        &weights,
        "--set",
        "evaluation.every=2",
        "--set",
        "evaluation.pictures=3",
        "--set",
        "checkpoints.keep=1",
    ];
    kill_runs("kill-kid", 6, torture(2, 40), 0, &flags);
}
