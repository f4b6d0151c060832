//! Tests that cannot run everywhere.

use std::io::Write;

/// A file that every skipped test adds its line to, so that `make test` can name them at its end.
const LOG: &str = "FLEDGE_SKIPPED";
/// Set: nothing may be skipped (`make test-data`).
const REFUSE: &str = "FLEDGE_NO_SKIP";

/// Says that the calling test is skipped, and why: loudly, although the test harness captures what
/// passing tests print.
///
/// The test returns after this call. `reason` names what is missing and how to supply it.
///
/// # Panics
/// Where `FLEDGE_NO_SKIP` is set, so that a machine which is said to have everything cannot skip a
/// test by mistake.
///
/// # Example
/// ```
/// use fledge_base::testing::skip;
///
/// if !std::path::Path::new("/bin/sh").exists() {
///     return skip("there is no /bin/sh");
/// }
/// ```
pub fn skip(reason: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    assert!(
        std::env::var_os(REFUSE).is_none(),
        "{test} is not to be skipped ({REFUSE} is set): {reason}"
    );
    let line = format!("{test}: {reason}\n");
    // Only `print!` and `eprint!` are captured.
    let _ = std::io::stderr().write_all(format!("SKIPPED {line}").as_bytes());
    if let Some(log) = std::env::var_os(LOG) {
        #[expect(
            clippy::disallowed_methods,
            reason = "several test programs append whole lines at the same time"
        )]
        let opened = std::fs::OpenOptions::new().create(true).append(true).open(&log);
        opened.and_then(|mut file| file.write_all(line.as_bytes())).expect("note the skipped test");
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::fs;
    use crate::testing::Scratch;

    const INNER: &str = "testing::skip::tests::a_test_that_is_skipped_on_request";

    /// Runs in processes of their own, with other variables than this one has.
    #[test]
    #[ignore = "run by the other test"]
    fn a_test_that_is_skipped_on_request() {
        skip("nothing is there");
    }

    fn run(variables: &[(&str, &str)]) -> std::process::Output {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--exact", "--ignored", INNER]).env_remove(LOG).env_remove(REFUSE);
        command.envs(variables.iter().copied()).output().expect("run")
    }

    #[test]
    fn a_skipped_test_is_told_under_capture_and_noted_and_fails_where_nothing_may_be_skipped() {
        let scratch = Scratch::new("skip");
        let log = scratch.path("skipped");
        for times in 1..3 {
            let output = run(&[(LOG, log.to_str().expect("UTF-8"))]);
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success() && told.contains("SKIPPED "), "{told}");
            let noted = String::from_utf8(fs::read(&log).expect("the log")).expect("UTF-8");
            assert_eq!(noted, format!("{INNER}: nothing is there\n").repeat(times));
        }
        let refused = run(&[(REFUSE, "1")]);
        let told = String::from_utf8_lossy(&refused.stdout).into_owned();
        assert!(!refused.status.success() && told.contains("nothing is there"), "{told}");
    }
}
