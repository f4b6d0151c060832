//! A terminal that goes away, a pipe that nobody reads and a full disk below stdout and stderr end
//! no run and change no exit code; on a terminal the result stays visible.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test ends where the machine is not as expected")]

use crate::util;

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use shared::testing::{SIGTERM, in_terminal, open_terminal, send, wait_until};
use util::program::*;

fn log(out: &Path) -> String {
    String::from_utf8(shared::fs::read(out.join("train.log")).unwrap()).unwrap()
}

#[test]
fn a_run_goes_on_when_its_terminal_goes_away() {
    let scratch = Scratch::new("terminal-gone");
    let (data, out) = (scratch.dataset(), scratch.path("run"));
    let (window, inside) = open_terminal().unwrap();
    let mut command = command(&data, &out, 1_000_000);
    in_terminal(&mut command, &inside).unwrap();
    let mut child = command.spawn().unwrap();
    drop((command, inside));
    let mut window = File::from(window);
    // A bar was drawn.
    assert!(wait_until(
        || window.read(&mut [0; 4096]).is_ok_and(|n| n > 0) && !logged_epochs(&out).is_empty()
    ));
    drop(window);
    let before = logged_epochs(&out).len();
    assert!(wait_until(
        || logged_epochs(&out).len() > before + 3 || child.try_wait().unwrap().is_some()
    ));
    assert!(child.try_wait().unwrap().is_none(), "it ended: {}", log(&out));
    send(&child, SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(log(&out).ends_with("ended: stopped by SIGTERM\n"), "{}", log(&out));
    verify_all(&out);
}

#[test]
fn the_result_stays_on_the_terminal_when_the_bar_goes() {
    let scratch = Scratch::new("terminal-result");
    let (data, out) = (scratch.dataset(), scratch.path("run"));
    let (window, inside) = open_terminal().unwrap();
    let mut command = command(&data, &out, 2);
    in_terminal(&mut command, &inside).unwrap();
    let mut child = command.spawn().unwrap();
    drop((command, inside));
    let mut shown = Vec::new();
    // The end of a terminal is an error.
    let _ = File::from(window).read_to_end(&mut shown);
    assert!(child.wait().unwrap().success());
    let shown = String::from_utf8_lossy(&shown).into_owned();
    let (_, after) = shown
        .rsplit_once(&*out.to_string_lossy())
        .unwrap_or_else(|| panic!("no result: {shown:?}"));
    assert_eq!(
        after.trim_end_matches(['\r', '\n']),
        "",
        "the terminal is written to behind the result"
    );
    // The last thing before it is a cleared line, not a bar that stays.
    assert!(shown.contains("\u{1b}[2K"), "no bar was cleared: {shown:?}");
}

#[test]
fn outputs_that_nobody_can_write_to_change_no_exit_code() {
    let scratch = Scratch::new("outputs");
    let (data, out) = (scratch.dataset(), scratch.path("run"));
    let closed = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        Stdio::from(writer)
    };
    let full = || Stdio::from(shared::fs::open_append("/dev/full").unwrap());
    type Open = Box<dyn Fn() -> Stdio>;
    let mut outputs: Vec<(&str, Open)> = vec![("a closed pipe", Box::new(closed))];
    if Path::new("/dev/full").exists() {
        outputs.push(("a full disk", Box::new(full)));
    }
    let mut epochs = 0;
    for (what, output) in outputs {
        epochs += 1;
        let mut finishes = command(&data, &out, epochs);
        assert_eq!(
            finishes.stdout(output()).stderr(output()).status().unwrap().code(),
            Some(0),
            "{what}"
        );
        assert!(log(&out).ends_with("ended: done\n"), "{what}: {}", log(&out));
        let mut refused = command_with(&data, &out, epochs, &["--set", "schedule.batch=4"]);
        assert_eq!(
            refused.stdout(output()).stderr(output()).status().unwrap().code(),
            Some(2),
            "{what}"
        );
        let last = log(&out).lines().last().unwrap().to_owned();
        assert!(
            last.starts_with("ERROR train: ") && last.contains("schedule.batch"),
            "{what}: {last}"
        );
        let mut stopped = command(&data, &out, 1_000_000);
        let mut child = stopped.stdout(output()).stderr(output()).spawn().unwrap();
        let before = logged_epochs(&out).len();
        assert!(
            wait_until(|| logged_epochs(&out).len() > before || child.try_wait().unwrap().is_some()),
            "{what}"
        );
        send(&child, SIGTERM).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(143), "{what}");
        shared::fs::remove(&out).unwrap();
    }
}
