//! The folder of real pictures and weights that some tests compare on.

use std::path::PathBuf;

/// `FLEDGE_TEST_DATA`, or `../shared/data` beside the checkout. Without it, the skipped test says
/// so on stderr.
pub(crate) fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("FLEDGE_TEST_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")),
        PathBuf::from,
    );
    if folder.join("golden").is_dir() {
        return Some(folder);
    }
    skipped(&format!("no test data at {} (set FLEDGE_TEST_DATA)", folder.display()));
    None
}

/// Says on stderr that a test is skipped, past the capture of the test harness.
pub(crate) fn skipped(why: &str) {
    use std::io::Write;

    let thread = std::thread::current();
    let _ = writeln!(std::io::stderr(), "SKIPPED {}: {why}", thread.name().unwrap_or("test"));
}
