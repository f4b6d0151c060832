//! A killed extraction resumes where it stopped, and ends with the bytes of an uninterrupted one.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use shared::fs;
use shared::metrics::cache::{FeatureCache, State};
use shared::rng;
use shared::testing::Scratch;

use crate::small::{COUNT, LAYERS, extract};

/// The variable that gives a child the folder of the cache.
const FOLDER: &str = "FLEDGE_RESUME_TEST";

/// Extracts in the child process that the test below kills.
#[test]
fn a_child_extracts_where_it_is_told_to() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        // Two seconds in all leave time to kill it, even on a busy machine.
        extract(Path::new(&folder), Duration::from_millis(10));
    }
}

/// Starts an extraction into `folder`.
fn child(folder: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("own path"));
    let name = concat!(module_path!(), "::a_child_extracts_where_it_is_told_to");
    let (_program, name) = name.split_once("::").expect("a module");
    command.args(["--exact", name]).env(FOLDER, folder);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("spawn")
}

/// Pictures with features in the unfinished file of the first layer.
fn done(folder: &Path) -> Option<u64> {
    let kept = FeatureCache::at(folder).list().expect("list");
    kept.iter().find_map(|kept| match (kept.state, &kept.facts) {
        (State::Unfinished { done }, Some(facts)) if facts.layer == LAYERS[0].name => Some(done),
        _ => None,
    })
}

/// The names and bytes of all files.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut kept = FeatureCache::at(folder).list().expect("list");
    kept.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    let name = |path: &Path| PathBuf::from(path.file_name().expect("name"));
    kept.iter().map(|kept| (name(&kept.path), fs::read(&kept.path).expect("read"))).collect()
}

#[test]
fn killed_at_any_point_it_ends_with_the_same_bytes() {
    let (whole, killed) = (Scratch::new("resume-whole"), Scratch::new("resume-killed"));
    extract(&whole, Duration::ZERO);
    let mut random = rng::stream(0, "kills", 0);
    let (mut kills, mut before) = (0, 0);
    loop {
        let mut child = child(&killed);
        // In one of the next blocks.
        let until = before + 256 * random.below(3);
        let status = loop {
            match child.try_wait().expect("wait") {
                Some(status) => break Some(status),
                None if done(&killed).is_some_and(|done| done >= until) => break None,
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        if let Some(status) = status {
            assert!(status.success());
            break;
        }
        std::thread::sleep(Duration::from_millis(random.below(40)));
        // SIGKILL leaves no chance to clean up.
        child.kill().expect("kill");
        child.wait().expect("wait");
        kills += 1;
        let now = done(&killed).unwrap_or(COUNT as u64);
        assert!(now >= before, "{before} pictures became {now}");
        before = now;
    }
    println!("killed {kills} times");
    assert!(kills >= 3, "killed {kills} times");
    let files = files(&killed);
    assert_eq!(files.len(), LAYERS.len());
    assert_eq!(files, self::files(&whole));
}
