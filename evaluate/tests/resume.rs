//! An extraction that is killed goes on where it stopped, and ends with the bytes of one that was not.

mod small;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use shared::fs;
use shared::metrics::cache::{FeatureCache, State};
use shared::rng;
use small::{COUNT, LAYERS, extract};

/// Names the folder of the cache to a child.
const FOLDER: &str = "FLEDGE_RESUME_TEST";

/// Runs in a process of its own, which the test below kills.
#[test]
fn a_child_extracts_where_it_is_told_to() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        // Two seconds in all, so that there is time to kill it, even where this process has to wait for a processor.
        extract(Path::new(&folder), Duration::from_millis(10));
    }
}

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("fledge-resume-{}-{name}", std::process::id()));
        fs::remove(&folder).expect("clear");
        Self(folder)
    }

    fn child(&self) -> Child {
        let mut command = Command::new(std::env::current_exe().expect("own path"));
        command.args(["--exact", "a_child_extracts_where_it_is_told_to"]).env(FOLDER, &self.0);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("spawn")
    }

    /// Pictures whose features of the first layer are in the unfinished file.
    fn done(&self) -> Option<u64> {
        let kept = FeatureCache::at(&self.0).list().expect("list");
        kept.iter().find_map(|kept| match (kept.state, &kept.facts) {
            (State::Unfinished { done }, Some(facts)) if facts.layer == LAYERS[0].name => Some(done),
            _ => None,
        })
    }

    /// The names and bytes of all files.
    fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut kept = FeatureCache::at(&self.0).list().expect("list");
        kept.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        let name = |path: &Path| PathBuf::from(path.file_name().expect("name"));
        kept.iter().map(|kept| (name(&kept.path), fs::read(&kept.path).expect("read"))).collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove(&self.0).expect("clear");
    }
}

#[test]
fn killed_at_any_point_it_ends_with_the_same_bytes() {
    let (whole, killed) = (Scratch::new("whole"), Scratch::new("killed"));
    extract(&whole.0, Duration::ZERO);
    let mut random = rng::stream(0, "kills", 0);
    let (mut kills, mut before) = (0, 0);
    loop {
        let mut child = killed.child();
        // Somewhere in one of the next blocks.
        let until = before + 256 * random.below(3);
        let status = loop {
            match child.try_wait().expect("wait") {
                Some(status) => break Some(status),
                None if killed.done().is_some_and(|done| done >= until) => break None,
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        if let Some(status) = status {
            assert!(status.success());
            break;
        }
        std::thread::sleep(Duration::from_millis(random.below(40)));
        // SIGKILL: nothing can be tidied up.
        child.kill().expect("kill");
        child.wait().expect("wait");
        kills += 1;
        let now = killed.done().unwrap_or(COUNT as u64);
        assert!(now >= before, "{before} pictures became {now}");
        before = now;
    }
    println!("killed {kills} times");
    assert!(kills >= 3, "killed {kills} times");
    assert_eq!(killed.files(), whole.files());
}
