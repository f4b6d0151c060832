//! A disk that is full costs time, not the result: every create, write, sync and rename of the cache fails once, or from one on.

mod small;

use std::path::PathBuf;
use std::time::Duration;

use shared::fs::{self, fault};
use shared::metrics::cache::{FeatureCache, State};
use small::extract;

struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove(&self.0).expect("clear");
    }
}

// One test only: failing operations are counted for the whole process.
#[test]
fn whatever_cannot_be_written_the_features_are_right_and_kept_files_are_whole() {
    let scratch = Scratch(std::env::temp_dir().join(format!("fledge-full-disk-{}", std::process::id())));
    fs::remove(&scratch.0).expect("clear");
    let cache = FeatureCache::at(&scratch.0);
    for (fail, name) in [
        (fault::fail_after as fn(i64), "all from one on"),
        (fault::fail_once_after, "one"),
        (fault::fail_short_after, "half a write and all that follow"),
    ] {
        let mut allowed = 0;
        loop {
            fs::remove(&scratch.0).expect("clear");
            fail(allowed);
            // It checks the features itself.
            extract(&scratch.0, Duration::ZERO);
            let failed = fault::stop() <= 0;
            // What is there now is used or passed over, and then all is there.
            extract(&scratch.0, Duration::ZERO);
            let states: Vec<State> = cache.list().expect("list").iter().map(|kept| kept.state).collect();
            assert_eq!(states, [State::Finished; 2], "{name}, after {allowed}");
            if !failed {
                break;
            }
            allowed += 1;
        }
        println!("{name}: {allowed} operations");
        assert!(allowed > 20, "{name}: {allowed}");
    }
}
