//! Answers to flags of other tools, and the program under another name.
#![expect(clippy::unwrap_used, reason = "a test ends where the machine is not as expected")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use shared::fs;
use shared::testing::Scratch;

use crate::util::skipped;

fn run(program: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = Command::new(program).args(args).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

fn prep() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_prep"))
}

/// The program under the name that it is installed by, in a folder of this test's own.
#[cfg(unix)]
fn installed(test: &str) -> (Scratch, PathBuf) {
    let folder = Scratch::new(&format!("names-{test}"));
    let program = folder.path("fledge-prep");
    std::os::unix::fs::symlink(prep(), &program).unwrap();
    (folder, program)
}

#[test]
fn flags_of_other_tools_are_answered_with_ours() {
    for (args, answers) in [
        (
            &["build", "--source", "pics", "--dest=d"][..],
            &["--source pics is an argument without a flag here: pics", "--dest d is --out d here"]
                [..],
        ),
        (
            &["build", "pics", "--out", "d", "--width", "32"],
            &["prep: --width 32 is --size 32 here"],
        ),
        (&["build", "pics", "--out", "d", "--resolution", "128"], &["--size 128"]),
        (&["build", "pics", "--out", "d", "--transform=center-crop"], &["--crop center"]),
        (
            &["build", "pics", "--out", "d", "--max-images", "10"],
            &["--max-images 10 is left out here"],
        ),
        (
            &["build", "pics", "--out", "d", "--val_fraction", "0.2"],
            &["--val_fraction 0.2 is --val-fraction 0.2 here"],
        ),
        (&["--source", "pics"], &["the whole: prep build SOURCE --out DIR"]),
    ] {
        let (code, out, error) = run(prep(), args);
        assert_eq!(
            (code, out.as_str(), error.lines().count()),
            (Some(2), "", 1),
            "{args:?}: {error}"
        );
        answers.iter().for_each(|answer| assert!(error.contains(answer), "{args:?}: {error}"));
    }
    // Flags that are unknown everywhere get clap's answer.
    let (code, _, error) = run(prep(), &["build", "pics", "--out", "d", "--frobnicate"]);
    assert!(code == Some(2) && error.contains("--frobnicate"), "{error}");
}

#[cfg(unix)]
#[test]
fn the_program_speaks_under_the_name_that_it_was_called_by() {
    let (folder, program) = installed("called");
    let (code, help, _) = run(&program, &["--help"]);
    assert_eq!(code, Some(0));
    assert!(
        help.contains("Usage: fledge-prep")
            && help.contains("  fledge-prep build drawn --out data"),
        "{help}"
    );
    assert!(!help.contains("  prep "), "{help}");
    let (_, help, _) = run(&program, &["merge", "--help"]);
    assert!(
        help.contains("Usage: fledge-prep merge") && help.contains("then: fledge-prep merge huge"),
        "{help}"
    );
    assert!(run(&program, &["--version"]).1.starts_with("fledge-prep "));
    let (code, _, error) = run(&program, &["verify", folder.join("none").to_str().unwrap()]);
    assert!(code != Some(0) && error.starts_with("fledge-prep: "), "{error}");
    let (_, help, _) = run(prep(), &["--help"]);
    assert!(
        help.contains("Usage: prep") && help.contains("  prep build drawn --out data"),
        "{help}"
    );
}

#[cfg(unix)]
#[test]
fn completions_and_man_pages_are_those_of_the_name() {
    let (folder, program) = installed("completions");
    for shell in ["bash", "zsh", "fish"] {
        let (code, script, error) = run(&program, &["completions", shell]);
        assert_eq!(code, Some(0), "{error}");
        assert!(script.contains("fledge-prep") && script.contains("near-duplicates"), "{shell}");
        fs::write(folder.join(shell), script.as_bytes()).unwrap();
    }
    let words = "source ./bash; COMP_WORDS=(fledge-prep build --near); COMP_CWORD=2; \
                 \"$(complete -p fledge-prep | sed 's/.*-F \\([^ ]*\\).*/\\1/')\" fledge-prep --near build; echo \"${COMPREPLY[@]}\"";
    match Command::new("bash").args(["-c", words]).current_dir(&*folder).output() {
        Ok(output) => assert_eq!(
            String::from_utf8_lossy(&output.stdout).trim(),
            "--near-duplicates",
            "{output:?}"
        ),
        Err(error) => skipped(&format!("no bash to try completions in: {error}")),
    }
    let pages = folder.join("man1");
    assert_eq!(run(&program, &["man", pages.to_str().unwrap()]).0, Some(0));
    let page = String::from_utf8(fs::read(pages.join("fledge-prep-build.1")).unwrap()).unwrap();
    assert!(page.contains("fledge\\-prep build pictures/ \\-\\-out data"), "{page}");
    assert!(page.contains("near\\-duplicates") && pages.join("fledge-prep.1").is_file());
}
