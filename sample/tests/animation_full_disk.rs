//! A disk that is full: every create, write, sync and rename of an animation fails once, or from one on.

#[expect(dead_code, reason = "the other test of animations draws more kinds")]
mod drawn;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use drawn::{Drawn, Scratch, noise};
use shared::fs::{self, fault};

/// The bytes of each file in a folder and below it, and none of each folder, by its path.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("list") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            found.extend(contents(&path));
            found.insert(path, Vec::new());
        } else {
            found.insert(path.clone(), fs::read(path).expect("read"));
        }
    }
    found
}

// One test only: failing operations are counted for the whole process.
#[test]
fn whatever_cannot_be_written_nothing_half_is_left() {
    let scratch = Scratch::new("full-disk");
    // Large enough for several writes, and with few colours, so that a palette is learned quickly.
    let drawn = Drawn::new((0..56).map(|i| noise(i, 150, 130, 1)).collect());
    for name in ["a.gif", "a.png", "a.webp", "frames"] {
        let out = scratch.0.join(name);
        drawn.write(&out, &[]).expect("sound");
        let sound = contents(&scratch.0);
        fs::remove(&out).expect("clear");
        for fail in [fault::fail_after as fn(i64), fault::fail_once_after, fault::fail_short_after] {
            let mut allowed = 0;
            loop {
                fail(allowed);
                let written = drawn.write(&out, &[]);
                let failed = fault::stop() < 0;
                let left = contents(&scratch.0);
                assert_eq!(failed, written.is_err(), "{name}, after {allowed}: {written:?}");
                // After the rename of a file only the syncing of its folder is left: it is whole then.
                let whole = left == sound || failed && left.is_empty();
                assert!(whole, "{name}, after {allowed}: {:?}", left.keys());
                fs::remove(&out).expect("clear");
                if !failed {
                    break;
                }
                allowed += 1;
            }
            println!("{name}: {allowed} operations");
            assert!(allowed >= 5, "{name}: {allowed}");
        }
    }
}
