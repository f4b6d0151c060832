//! A full disk costs time, not the result: every create, write, sync and rename of the cache fails
//! once, or from one on.

mod small;

use std::time::Duration;

use shared::fs::{self, fault};
use shared::metrics::cache::{FeatureCache, State};
use shared::testing::Scratch;

use self::small::extract;

// A program of its own with a single test: failing operations are counted for the whole process.
#[test]
fn features_are_right_and_cached_files_whole_whatever_write_fails() {
    let scratch = Scratch::new("cache");
    let cache = FeatureCache::at(&*scratch);
    for (fail, name) in [
        (fault::fail_after as fn(i64), "all from one on"),
        (fault::fail_once_after, "one"),
        (fault::fail_short_after, "half a write and all that follow"),
    ] {
        let mut allowed = 0;
        loop {
            fs::remove(&scratch).expect("clear");
            fail(allowed);
            // It checks the features.
            extract(&scratch, Duration::ZERO);
            let failed = fault::stop() <= 0;
            // The next extraction uses or ignores what was left, and completes it.
            extract(&scratch, Duration::ZERO);
            let states: Vec<State> =
                cache.list().expect("list").iter().map(|kept| kept.state).collect();
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
