//! `sample export` on a full disk.

use std::path::Path;

use sample::export::write_all;
use shared::cli::one_line;
use shared::fs::{self, fault};
use shared::testing::Scratch;

use crate::alone;

#[test]
fn a_disk_that_fills_up_at_any_moment_leaves_neither_file_or_says_which_one_is_new() {
    let _alone = alone();
    let folder = Scratch::new("export");
    let paths = ["g.onnx", "g.safetensors"].map(|name| folder.join(name));
    let there = || std::fs::read_dir(&folder).unwrap().count();
    let content = |path: &Path| fs::read(path).ok();
    let files = paths.each_ref().map(|path| (path.as_path(), vec![7; 100]));
    let modes = [fault::fail_after as fn(i64), fault::fail_once_after, fault::fail_short_after];
    for old in [None, Some(vec![1; 50])] {
        let (mut failures, mut mixed) = (0, 0);
        for n in 0.. {
            let ended = modes.map(|fail| {
                for path in &paths {
                    old.as_ref()
                        .map_or_else(|| fs::remove(path), |bytes| fs::write(path, bytes))
                        .unwrap();
                }
                fail(n);
                let written = write_all(&files);
                let left = fault::stop();
                let found = paths.each_ref().map(|path| content(path));
                match &written {
                    Ok(()) => {
                        assert!(found == [Some(vec![7; 100]), Some(vec![7; 100])], "operation {n}")
                    }
                    // The first is committed, perhaps also the second.
                    Err(error) if old.is_some() && found[0] != old => {
                        let text = one_line(error.as_ref());
                        assert!(
                            text.contains("g.onnx") && text.contains(" is new already"),
                            "operation {n}: {text}"
                        );
                        assert_eq!(
                            text.contains("g.safetensors is new"),
                            found[1] != old,
                            "operation {n}: {text}"
                        );
                        mixed += 1;
                    }
                    Err(error) => {
                        assert!(found == [old.clone(), old.clone()], "operation {n}: {error:#}")
                    }
                }
                assert!(written.is_err() || left >= 0, "operation {n} failed and nobody noticed");
                assert_eq!(there(), found.iter().flatten().count(), "operation {n}");
                left >= 0
            });
            if ended == [true; 3] {
                break;
            }
            failures += 1;
        }
        // Creating, writing, syncing twice and renaming of each, and syncing the folder.
        assert_eq!(failures, 12);
        assert_eq!(mixed > 0, old.is_some());
    }
}
