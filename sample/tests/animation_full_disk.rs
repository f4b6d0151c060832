//! A disk that is full: every create, write, sync and rename of an animation fails once, or from one on.

#[expect(dead_code, reason = "the other test of animations draws more kinds")]
mod drawn;

use drawn::{Drawn, Scratch, noise};
use shared::fs::{self, fault};

// One test only: failing operations are counted for the whole process.
#[test]
fn whatever_cannot_be_written_nothing_half_is_left() {
    let scratch = Scratch::new("full-disk");
    // Large enough for several writes, and with few colours, so that a palette is learned quickly.
    let drawn = Drawn::new((0..56).map(|i| noise(i, 150, 130, 1)).collect());
    for name in ["a.gif", "a.png", "a.webp", "frames"] {
        let out = scratch.0.join(name);
        for fail in [fault::fail_after as fn(i64), fault::fail_once_after, fault::fail_short_after] {
            let mut allowed = 0;
            loop {
                fail(allowed);
                let written = drawn.write(&out, &[]);
                let failed = fault::stop() <= 0;
                let left = scratch.names();
                // After the rename only the syncing of the folder is left: the file is whole then.
                let whole = left.is_empty() || left == [name];
                assert!(whole, "{name}, after {allowed}: {left:?}");
                assert!(failed || written.is_ok(), "{name}: fails without a reason");
                assert!(!failed || written.is_err() || allowed > 0 && left == [name], "{name}, after {allowed}: passed over");
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
