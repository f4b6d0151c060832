//! `evaluate cache` after a measurement.

use std::path::Path;
use std::time::{Duration, SystemTime};

use shared::fs;
use shared::testing::Scratch;

use crate::common::{InScratch as _, path, text};

fn cache(scratch: &Scratch, arguments: &[&str]) -> String {
    let run = scratch.run(&[&["cache"], arguments].concat());
    assert!(run.status.success(), "{}", text(&run.stderr));
    text(&run.stdout)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("list");
    entries.map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn cached_features_are_listed_and_removed_but_no_weights() {
    let scratch = Scratch::new("cache-clear");
    assert!(cache(&scratch, &["--list"]).starts_with("0 files, 0 B in "));
    let kept = scratch.path("cache/fledge/features");
    let (real, fake) = (scratch.pictures("real", 3, 60), scratch.pictures("fake", 3, 150));
    let (real, fake) = (path(&real), path(&fake));
    let measure = [
        "--real",
        real,
        "--fake",
        fake,
        "--features",
        "random",
        "--protocol",
        "keras75-fid",
        "--device",
        "cpu",
    ];
    let measured = scratch.run(&measure);
    assert!(measured.status.success(), "{}", text(&measured.stderr));
    let weights = scratch.path("cache/fledge/weights");
    fs::create_folder(&weights).expect("folder");
    fs::write(weights.join("a.pth"), b"weights").expect("write");
    fs::write(kept.join("torn.part"), b"half a header").expect("write");

    // An age that the list shows unchanged for half an hour.
    let changed = SystemTime::now() - Duration::from_secs(90 * 60);
    for name in names(&kept) {
        fs::open_append(kept.join(name)).expect("open").set_modified(changed).expect("touch");
    }
    let list = cache(&scratch, &[]);
    assert_eq!(list, cache(&scratch, &["--list"]));
    // The heading, the two sets, the unusable file, the sum.
    assert_eq!(list.lines().count(), 5, "{list}");
    for expected in [
        real,
        fake,
        "2048",
        "random-0",
        "keras-bilinear-75-by-127.5",
        "1 hour",
        "unusable",
        "3 files, ",
    ] {
        assert!(list.contains(expected), "{expected} in {list}");
    }
    assert_eq!(cache(&scratch, &["--unfinished"]).lines().count(), 3);
    assert!(cache(&scratch, &["--clear", "--older-than", "1"]).starts_with("removed 0 files"));
    assert!(cache(&scratch, &["--clear", "--unfinished"]).starts_with("removed 1 file, 13 B"));
    assert_eq!(names(&kept).len(), 2);
    assert!(cache(&scratch, &["--clear"]).starts_with("removed 2 files"));
    assert!(names(&kept).is_empty());
    assert_eq!(names(&weights), ["a.pth"]);
}

#[test]
fn a_wrong_number_of_days_ends_with_2() {
    let scratch = Scratch::new("cache-usage");
    for arguments in [&["cache", "--clear", "--older-than=-1"][..], &["cache", "--list", "--clear"]]
    {
        let run = scratch.run(arguments);
        assert_eq!(run.status.code(), Some(2), "{}", text(&run.stderr));
    }
}
