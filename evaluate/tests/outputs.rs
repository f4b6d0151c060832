//! A result that goes to a full disk and is nowhere else is an error; one that a run's log has, or that nobody reads to its end, is none.
#![cfg(unix)]

#[expect(dead_code, reason = "the other test programs use all of it")]
mod common;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use shared::fs;
use shared::testing::{in_terminal, open_terminal};

use self::common::{Scratch, run, text};

fn measure(scratch: &Scratch, fake: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evaluate"));
    command.env("XDG_CACHE_HOME", scratch.0.join("cache"));
    command.arg("--real").arg(scratch.0.join("real")).arg("--fake").arg(fake);
    command.args(["--features", "random", "--metrics", "kid", "--device", "cpu", "--json", "--threads", "1"]);
    command
}

fn to(mut command: Command, stdout: impl Into<Stdio>) -> Output {
    command.stdout(stdout).stderr(Stdio::piped()).output().expect("run")
}

#[test]
fn a_lost_result_is_an_error_where_it_is_nowhere_else() {
    let scratch = Scratch::new("lost");
    scratch.pictures("real", 6, 60);
    let fake = scratch.pictures("fake", 6, 120);
    let (reader, closed) = std::io::pipe().expect("pipe");
    drop(reader);
    assert_eq!(to(measure(&scratch, &fake), closed).status.code(), Some(0));
    let (window, inside) = open_terminal().expect("terminal");
    let mut command = measure(&scratch, &fake);
    in_terminal(&mut command, &inside).expect("terminal");
    drop((window, inside));
    assert_eq!(command.status().expect("run").code(), Some(0));
    if Path::new("/dev/full").exists() {
        let full = || fs::open_append("/dev/full").expect("open");
        let output = to(measure(&scratch, &fake), full());
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("stdout"), "{}", text(&output.stderr));
        let of_run = scratch.0.join("run");
        run(&of_run, &[10]);
        let mut command = measure(&scratch, &of_run);
        command.args(["--generate", "6"]);
        let output = to(command, full());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(fs::read(of_run.join("metrics.jsonl")).is_ok_and(|log| !log.is_empty()));
    }
}
