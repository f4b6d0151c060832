//! With a closed terminal, an unread pipe or a full disk for stdout and stderr, the file is still
//! written, and the exit code is 0.

use std::path::Path;
use std::process::{Command, Stdio};

use shared::fs;
use shared::testing::{in_terminal, open_terminal};

use crate::common::{names, run};

#[test]
fn a_file_is_written_wherever_the_outputs_go() {
    let (scratch, run) = run("outputs");
    let start = |name: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sample"));
        command
            .arg("images")
            .arg(&run)
            .arg("--out")
            .arg(scratch.join(name))
            .args(["-n", "200", "--device", "cpu"]);
        command
    };
    assert!(start("whole").output().unwrap().status.success());
    let (reader, closed) = std::io::pipe().unwrap();
    drop(reader);
    let mut pipe = start("pipe");
    pipe.stdout(closed.try_clone().unwrap()).stderr(closed);
    let (window, inside) = open_terminal().unwrap();
    let mut terminal = start("terminal");
    in_terminal(&mut terminal, &inside).unwrap();
    drop((window, inside));
    let mut commands = vec![("pipe", pipe), ("terminal", terminal)];
    if Path::new("/dev/full").exists() {
        let full = || Stdio::from(fs::open_append("/dev/full").unwrap());
        let mut disk = start("disk");
        disk.stdout(full()).stderr(full());
        commands.push(("disk", disk));
    }
    for (name, mut command) in commands {
        assert_eq!(command.status().unwrap().code(), Some(0), "{name}");
        assert_eq!(names(&scratch.join(name)), names(&scratch.join("whole")), "{name}");
    }
}
