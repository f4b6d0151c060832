//! `kill -9` at any moment, repeating the command until it is done; and Ctrl-C.
#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::util::{assert_same, build, caught, contents, prep, synth};
use shared::fs;
use shared::rng::Stream;
use shared::testing::{SIGHUP, SIGINT, SIGXCPU, Scratch, send, torture};

/// Enough for three chunks of a work folder.
const PICTURES: usize = 1200;

fn command(words: &[&str], source: Option<&Path>, out: &Path, more: &[&str]) -> Command {
    let mut command = prep();
    command.args(words).args(source);
    if source.is_some() {
        command.args(["--size", "16", "--jobs", "2", "--out"]);
    }
    command.arg(out).args(more).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Kills commands at random moments.
struct Killer {
    draw: Stream,
    killed: usize,
    finished: usize,
}

impl Killer {
    fn new(what: &str) -> Self {
        Self { draw: shared::rng::stream(1, what, 0), killed: 0, finished: 0 }
    }

    /// Repeats the command, killing it, until it ends by itself, which usually takes `usual`.
    /// Calls `look` after each run.
    fn until_done(&mut self, mut command: Command, mut usual: Duration, look: impl Fn()) {
        loop {
            let mut child = command.spawn().expect("start prep");
            // Half of the kills come near the end, when folders are renamed.
            let part = if self.draw.below(2) == 0 {
                self.draw.uniform() * 1.1
            } else {
                0.7 + self.draw.uniform() * 0.4
            };
            std::thread::sleep(usual.mul_f64(part) + Duration::from_micros(self.draw.below(500)));
            child.kill().expect("kill");
            let status = child.wait().expect("wait");
            look();
            if status.success() {
                self.finished += 1;
                return;
            }
            assert_eq!(status.code(), None, "ended by itself with an error");
            self.killed += 1;
            // Allow more time: on a busy machine the command might otherwise never end.
            usual = usual.mul_f64(1.1);
        }
    }

    fn report(&self, what: &str) {
        assert!(self.killed > 0, "every command was faster than its kill");
        println!(
            "{what}: {} kills, {} commands that came to their end",
            self.killed, self.finished
        );
    }
}

fn time(what: impl FnOnce()) -> Duration {
    let started = Instant::now();
    what();
    started.elapsed()
}

fn names(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder)
        .expect("list")
        .map(|e| e.expect("entry").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names
}

/// Kills builds of a data set with `more` flags; nothing is removed between a kill and the next
/// start.
fn kill_builds(name: &str, more: &[&str]) {
    let scratch = Scratch::new(name);
    let (source, whole, out) = (scratch.path("drawn"), scratch.path("whole"), scratch.path("out"));
    synth(&source, PICTURES);
    let usual = time(|| drop(build(&source, &whole, more, 0)));
    let mut killer = Killer::new(name);
    let tries = torture(12, 100);
    while killer.killed < tries {
        // The data set under its final name is whole at every moment.
        let look = || {
            if out.exists() {
                assert_same(&whole, &out);
            }
        };
        killer.until_done(command(&["build"], Some(&source), &out, more), usual, look);
        // If it was killed at its very end, the command only has to clean up.
        build(&source, &out, more, 0);
        assert_same(&whole, &out);
        assert_eq!(names(&scratch), ["drawn", "out", "whole"]);
        fs::remove(&out).expect("remove");
    }
    killer.report(name);
}

#[test]
fn killed_at_any_moment_the_same_command_goes_on_to_the_same_bytes() {
    kill_builds("kill-plain", &[]);
}

#[test]
fn a_killed_build_with_a_drawn_split_goes_on_to_the_same_bytes() {
    kill_builds("kill-drawn", &["--val-fraction", "0.3", "--near-duplicates", "2"]);
}

#[test]
fn a_killed_replacement_leaves_the_old_data_set_or_the_new_one() {
    let scratch = Scratch::new("kill-force");
    let (source, out) = (scratch.path("drawn"), scratch.path("out"));
    synth(&source, PICTURES);
    let flags = [["--force", "--padding", "0.25"], ["--force", "--padding", "0.5"]];
    let wholes = ["first", "second"].map(|name| scratch.path(name));
    let usual = time(|| drop(build(&source, &wholes[0], &flags[0], 0)));
    build(&source, &wholes[1], &flags[1], 0);
    build(&source, &out, &flags[0], 0);
    let same = |a: &Path, b: &Path| contents(a).values().eq(contents(b).values());
    let mut killer = Killer::new("force");
    let mut round = 0;
    while killer.killed < torture(12, 100) {
        round += 1;
        let (old, new) = (&wholes[(round + 1) % 2], &wholes[round % 2]);
        let look = || {
            // Between two renames neither has the name: the old one lies beside it.
            let there =
                if out.exists() { out.clone() } else { scratch.path(".out.old.fledge-tmp") };
            assert!(
                same(&there, old) || same(&there, new),
                "{} is neither the old nor the new",
                there.display()
            );
        };
        killer.until_done(command(&["build"], Some(&source), &out, &flags[round % 2]), usual, look);
        build(&source, &out, &flags[round % 2], 0);
        assert_same(new, &out);
        assert_eq!(names(&scratch), ["drawn", "first", "out", "second"]);
    }
    killer.report("force");
}

#[test]
fn killed_parts_and_a_killed_merge_go_on_to_the_same_bytes() {
    let scratch = Scratch::new("kill-parts");
    let (source, whole, out, parts) =
        (scratch.path("drawn"), scratch.path("whole"), scratch.path("out"), scratch.path("parts"));
    synth(&source, PICTURES);
    build(&source, &whole, &[], 0);
    let flags = [["--part", "1/2"], ["--part", "2/2"]];
    let usual = flags.map(|part| time(|| drop(build(&source, &parts, &part, 0))));
    let sound = contents(&parts);
    let merged = scratch.path("merged");
    for part in &flags {
        build(&source, &merged, part, 0);
    }
    let merge_usual =
        time(|| assert!(command(&["merge"], None, &merged, &[]).status().expect("run").success()));
    assert_same(&whole, &merged);
    // Every chunk under its final name is whole.
    let look = || {
        if out.join("dataset.json").exists() {
            return assert_same(&whole, &out);
        }
        let found = if out.exists() { contents(&out) } else { Default::default() };
        for (path, bytes) in
            found.iter().filter(|(path, _)| !path.to_string_lossy().ends_with(fs::TEMPORARY_SUFFIX))
        {
            let twin: PathBuf = parts.join(path.strip_prefix(&out).expect("below"));
            assert!(sound.get(&twin) == Some(bytes), "{} is torn", path.display());
        }
    };
    let mut killer = Killer::new("parts");
    while killer.killed < torture(18, 100) {
        for (part, usual) in flags.iter().zip(usual) {
            killer.until_done(command(&["build"], Some(&source), &out, part), usual, look);
        }
        killer.until_done(command(&["merge"], None, &out, &[]), merge_usual, look);
        // Once more: a merge killed at its end reports that all is done.
        assert!(command(&["merge"], None, &out, &[]).status().expect("run").success());
        assert_same(&whole, &out);
        assert_eq!(names(&scratch), ["drawn", "merged", "out", "parts", "whole"]);
        fs::remove(&out).expect("remove");
    }
    killer.report("parts and merge");
}

#[test]
fn a_killed_export_leaves_nothing_or_all() {
    let scratch = Scratch::new("kill-export");
    let (source, data) = (scratch.path("drawn"), scratch.path("data"));
    synth(&source, 300);
    build(&source, &data, &[], 0);
    for name in ["whole", "whole.zip"] {
        let (whole, out) = (scratch.path(name), scratch.path(&name.replace("whole", "out")));
        let export =
            |out: &Path| command(&["export", &data.to_string_lossy(), "--out"], None, out, &[]);
        let usual = time(|| assert!(export(&whole).status().expect("run").success()));
        let same = || match whole.is_dir() {
            true => assert_same(&whole, &out),
            false => assert!(
                fs::read(&whole).expect("read") == fs::read(&out).expect("read"),
                "{name} differs"
            ),
        };
        let mut killer = Killer::new(name);
        while killer.killed < torture(6, 60) {
            killer.until_done(export(&out), usual, || {
                if out.exists() {
                    same();
                    // It would refuse to replace what is there.
                    fs::remove(&out).expect("remove");
                }
            });
            assert!(export(&out).status().expect("run").success());
            same();
            fs::remove(&out).expect("remove");
        }
        assert!(
            names(&scratch).iter().all(|name| !name.ends_with(fs::TEMPORARY_SUFFIX)),
            "{:?}",
            names(&scratch)
        );
        killer.report(name);
    }
}

#[test]
fn ctrl_c_ends_with_130_and_changes_nothing() {
    let scratch = Scratch::new("signal");
    let (source, out) = (scratch.path("drawn"), scratch.path("out"));
    synth(&source, 1500);
    let work = scratch.path(".out.work.fledge-tmp");
    for (signal, expected) in [(SIGHUP, 129), (SIGXCPU, 152), (SIGINT, 130)] {
        // The work folder shows that the build handles signals already.
        fs::remove(&work).expect("remove");
        let code = caught(&mut command(&["build"], Some(&source), &out, &[]), &out, |mut child| {
            send(&child, signal).expect("signal");
            let status = child.wait().expect("wait");
            (!status.success()).then(|| status.code())
        });
        assert_eq!(code, Some(expected));
        assert!(!out.exists());
    }
    // Finished work is kept, and the same command resumes.
    assert!(work.exists());
    let whole = scratch.path("whole");
    build(&source, &whole, &[], 0);
    build(&source, &out, &[], 0);
    assert_same(&whole, &out);
    assert!(!work.exists());
}
