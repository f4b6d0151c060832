//! The folder of real pictures and weights that some tests compare on.

use std::path::PathBuf;

/// `FLEDGE_TEST_DATA`, else `../shared/data` beside the checkout; none, with the reason printed, where it is absent.
pub(crate) fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("FLEDGE_TEST_DATA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")), PathBuf::from);
    if folder.join("golden").is_dir() {
        return Some(folder);
    }
    println!("skipped: no test data at {} (set FLEDGE_TEST_DATA)", folder.display());
    None
}
