//! A result lost on a full disk is an error, unless the run's log has it, or nobody reads it to its
//! end.
use std::path::Path;
use std::process::{Command, Output, Stdio};

use shared::fs;
use shared::testing::{Scratch, in_terminal, open_terminal};

use crate::common::{InScratch as _, run, text};

fn measure(scratch: &Scratch, fake: &Path) -> Command {
    let mut command = scratch.command(&[]);
    command.arg("--real").arg(scratch.join("real")).arg("--fake").arg(fake);
    command.args([
        "--features",
        "random",
        "--metrics",
        "kid",
        "--device",
        "cpu",
        "--json",
        "--threads",
        "1",
    ]);
    command
}

fn to(mut command: Command, stdout: impl Into<Stdio>) -> Output {
    command.stdout(stdout).stderr(Stdio::piped()).output().expect("run")
}

#[test]
fn a_lost_result_is_an_error_unless_the_log_has_it() {
    let scratch = Scratch::new("outputs-lost");
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
        let of_run = scratch.join("run");
        run(&of_run, &[10]);
        let mut command = measure(&scratch, &of_run);
        command.args(["--generate", "6"]);
        let output = to(command, full());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(fs::read(of_run.join("metrics.jsonl")).is_ok_and(|log| !log.is_empty()));
    }
}
