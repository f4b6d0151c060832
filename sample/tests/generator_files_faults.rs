//! `sample export` on a disk that fills up; alone in its process, because faults are the process's.

use sample::export::write_all;
use shared::fs::{self, fault};

#[test]
fn a_disk_that_fills_up_at_any_moment_leaves_neither_file() {
    let folder = std::env::temp_dir().join(format!("fledge-export-faults-{}", std::process::id()));
    fs::remove(&folder).unwrap();
    fs::create_folder(&folder).unwrap();
    let there = || std::fs::read_dir(&folder).unwrap().count();
    let paths = ["g.onnx", "g.safetensors"].map(|name| folder.join(name));
    let files = paths.each_ref().map(|path| (path.as_path(), vec![7; 100]));
    let modes = [fault::fail_after as fn(i64), fault::fail_once_after, fault::fail_short_after];
    let mut failures = 0;
    for n in 0.. {
        let ended = modes.map(|fail| {
            fail(n);
            let written = write_all(&files);
            let left = fault::stop();
            assert_eq!(written.is_ok(), left >= 0, "operation {n}: {written:?}");
            assert_eq!(there(), if written.is_ok() { 2 } else { 0 }, "operation {n}");
            paths.iter().for_each(|path| fs::remove(path).unwrap());
            written.is_ok()
        });
        if ended == [true; 3] {
            break;
        }
        failures += 1;
    }
    // Creating, writing, syncing and renaming of each, and syncing the folder.
    assert_eq!(failures, 10);
    fs::remove(&folder).unwrap();
}
