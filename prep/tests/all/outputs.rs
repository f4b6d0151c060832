//! A closed terminal, a closed pipe and a full disk behind stdout and stderr.
//!
//! What is built is built; losing a result that exists nowhere else is an error.
#![cfg(unix)]

use std::path::Path;
use std::process::Stdio;

use crate::util::{assert_same, build, prep, stderr, synth};
use shared::testing::{Scratch, in_terminal, open_terminal};

fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("pipe");
    drop(reader);
    Stdio::from(writer)
}

fn full() -> Stdio {
    Stdio::from(shared::fs::open_append("/dev/full").expect("open"))
}

#[test]
fn a_build_succeeds_wherever_its_outputs_go() {
    let scratch = Scratch::new("outputs");
    let (source, whole) = (scratch.path("drawn"), scratch.path("whole"));
    synth(&source, 60);
    build(&source, &whole, &[], 0);
    let start = |name: &str| {
        let mut command = prep();
        command
            .arg("build")
            .arg(&source)
            .arg("--out")
            .arg(scratch.path(name))
            .args(["--size", "16"]);
        command
    };
    type Open = fn() -> Stdio;
    let mut outputs: Vec<(&str, Open)> = vec![("pipe", closed)];
    if Path::new("/dev/full").exists() {
        outputs.push(("disk", full));
    }
    for (name, output) in outputs {
        let status = start(name).stdout(output()).stderr(output()).status().expect("run");
        assert_eq!(status.code(), Some(0), "{name}");
        assert_same(&whole, &scratch.path(name));
    }
    let (window, inside) = open_terminal().expect("terminal");
    let mut command = start("terminal");
    in_terminal(&mut command, &inside).expect("terminal");
    let mut child = command.spawn().expect("run");
    drop((command, inside, window));
    assert_eq!(child.wait().expect("wait").code(), Some(0));
    assert_same(&whole, &scratch.path("terminal"));
}

#[test]
fn a_result_that_is_nowhere_else_is_an_error_where_it_is_lost_and_none_where_nobody_reads_it() {
    let scratch = Scratch::new("unprinted");
    let (source, data) = (scratch.path("drawn"), scratch.path("data"));
    synth(&source, 40);
    build(&source, &data, &[], 0);
    let show = |output: Stdio| {
        prep().arg("show").arg(&data).stdout(output).stderr(Stdio::piped()).output().expect("run")
    };
    assert_eq!(show(closed()).status.code(), Some(0));
    if Path::new("/dev/full").exists() {
        let output = show(full());
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains("stdout"), "{}", stderr(&output));
        // The exit code of verify is its result.
        let verified = prep().arg("verify").arg(&data).stdout(full()).status().expect("run");
        assert_eq!(verified.code(), Some(0));
    }
}
