//! `kill -9` at any moment, Ctrl-C, and file operations that fail.
#![cfg(unix)]

mod util;

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use util::{Scratch, assert_same, build, prep, synth};

fn start(source: &Path, out: &Path) -> Child {
    prep()
        .arg("build")
        .arg(source)
        .arg("--out")
        .arg(out)
        .args(["--size", "16", "--jobs", "2"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("start prep")
}

#[test]
fn killed_at_any_moment_the_same_command_gives_the_same_bytes() {
    let scratch = Scratch::new("kill");
    let (source, whole, out) = (scratch.path("drawn"), scratch.path("whole"), scratch.path("out"));
    synth(&source, 300);
    let started = Instant::now();
    build(&source, &whole, &[], 0);
    let usual = started.elapsed();
    let mut draw = shared::rng::stream(1, "kill test", 0);
    let mut killed = 0;
    for _ in 0..20 {
        let mut child = start(&source, &out);
        std::thread::sleep(usual.mul_f64(draw.uniform() * 1.1) + Duration::from_micros(draw.below(500)));
        child.kill().expect("kill");
        killed += usize::from(!child.wait().expect("wait").success());
        // What bears the final name is whole, at every moment.
        if out.exists() {
            assert_same(&whole, &out);
            shared::fs::remove(&out).expect("remove");
        }
    }
    assert!(killed > 0, "every build was faster than its kill");
    build(&source, &out, &[], 0);
    assert_same(&whole, &out);
    let left: Vec<_> = std::fs::read_dir(&scratch.0).expect("list").map(|e| e.expect("entry").file_name()).collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[test]
fn ctrl_c_ends_with_130_and_changes_nothing() {
    let scratch = Scratch::new("signal");
    let (source, out) = (scratch.path("drawn"), scratch.path("out"));
    synth(&source, 1500);
    let mut child = start(&source, &out);
    // The staging folder is there as soon as pictures are being prepared.
    let staged = scratch.path(".out.fledge-tmp");
    let started = Instant::now();
    while !staged.exists() && started.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(1));
    }
    let sent = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(sent.success());
    assert_eq!(child.wait().expect("wait").code(), Some(130));
    assert!(!out.exists() && !staged.exists());
}
