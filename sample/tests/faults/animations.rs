//! `sample walk` and `sample timelapse` on a full disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use shared::fs::{self, fault};
use shared::testing::Scratch;

use crate::alone;
use crate::drawn::{Drawn, noise};

/// The bytes of every file in a folder and its subfolders, and of no folder, by path.
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

#[test]
fn no_partial_animation_is_left_whatever_write_fails() {
    let _alone = alone();
    let scratch = Scratch::new("animation-full-disk");
    // Large enough for several writes, with few colours, so that a palette is learned quickly.
    let drawn = Drawn::new((0..56).map(|i| noise(i, 150, 130, 1)).collect());
    for name in ["a.gif", "a.png", "a.webp", "frames"] {
        let out = scratch.join(name);
        drawn.write(&out, &[]).expect("sound");
        let sound = contents(&scratch);
        fs::remove(&out).expect("clear");
        for fail in [fault::fail_after as fn(i64), fault::fail_once_after, fault::fail_short_after]
        {
            let mut allowed = 0;
            loop {
                fail(allowed);
                let written = drawn.write(&out, &[]);
                let failed = fault::stop() < 0;
                let left = contents(&scratch);
                assert_eq!(failed, written.is_err(), "{name}, after {allowed}: {written:?}");
                // After the rename only the sync of the folder remains: the file is complete.
                let whole = left == sound || failed && left.is_empty();
                assert!(whole, "{name}, after {allowed}: {:?}", left.keys());
                fs::remove(&out).expect("clear");
                if !failed {
                    break;
                }
                allowed += 1;
            }
            assert!(allowed >= 5, "{name}: {allowed}");
        }
    }
}
