//! `evaluate cache` on what a measurement left.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use shared::fs;
use shared::picture::Picture;

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("fledge-cache-program-{}-{name}", std::process::id()));
        fs::remove(&folder).expect("clear");
        fs::create_folder(&folder).expect("folder");
        Self(folder)
    }

    fn pictures(&self, name: &str, grey: u8) -> String {
        let folder = self.0.join(name);
        fs::create_folder(&folder).expect("folder");
        for i in 0..3 {
            let png = Picture::filled(8, 8, 3, grey + i).to_png().expect("png");
            fs::write(folder.join(format!("{i}.png")), &png).expect("write");
        }
        folder.to_str().expect("UTF-8").to_owned()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_evaluate"));
        command.env("XDG_CACHE_HOME", self.0.join("cache")).args(arguments).output().expect("run")
    }

    fn cache(&self, arguments: &[&str]) -> String {
        let run = self.run(&[&["cache"], arguments].concat());
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        String::from_utf8(run.stdout).expect("UTF-8")
    }

    fn kept(&self) -> PathBuf {
        self.0.join("cache/fledge/features")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove(&self.0).expect("clear");
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("list");
    entries.map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn what_is_kept_is_listed_and_removed_but_no_weights() {
    let scratch = Scratch::new("clear");
    assert!(scratch.cache(&["--list"]).starts_with("0 files, 0 B in "));
    let (real, fake) = (scratch.pictures("real", 60), scratch.pictures("fake", 150));
    let measure = ["--real", &real, "--fake", &fake, "--features", "random", "--protocol", "keras75-fid", "--device", "cpu"];
    let measured = scratch.run(&measure);
    assert!(measured.status.success(), "{}", String::from_utf8_lossy(&measured.stderr));
    let weights = scratch.0.join("cache/fledge/weights");
    fs::create_folder(&weights).expect("folder");
    fs::write(weights.join("a.pth"), b"weights").expect("write");
    fs::write(scratch.kept().join("torn.part"), b"half a header").expect("write");

    // Of an age that stays the same in the list for half an hour.
    let changed = SystemTime::now() - Duration::from_secs(90 * 60);
    for name in names(&scratch.kept()) {
        fs::open_append(scratch.kept().join(name)).expect("open").set_modified(changed).expect("touch");
    }
    let list = scratch.cache(&[]);
    assert_eq!(list, scratch.cache(&["--list"]));
    // The heading, the two sets, what is of no use, the sum.
    assert_eq!(list.lines().count(), 5, "{list}");
    for expected in [&*real, &*fake, "2048", "random-0", "keras-bilinear-75-by-127.5", "1 hour", "of no use", "3 files, "] {
        assert!(list.contains(expected), "{expected} in {list}");
    }
    assert_eq!(scratch.cache(&["--unfinished"]).lines().count(), 3);
    assert!(scratch.cache(&["--clear", "--older-than", "1"]).starts_with("removed 0 files"));
    assert!(scratch.cache(&["--clear", "--unfinished"]).starts_with("removed 1 file, 13 B"));
    assert_eq!(names(&scratch.kept()).len(), 2);
    assert!(scratch.cache(&["--clear"]).starts_with("removed 2 files"));
    assert!(names(&scratch.kept()).is_empty());
    assert_eq!(names(&weights), ["a.pth"]);
}

#[test]
fn a_wrong_number_of_days_ends_with_2() {
    let scratch = Scratch::new("usage");
    for arguments in [&["cache", "--clear", "--older-than=-1"][..], &["cache", "--list", "--clear"]] {
        let run = scratch.run(arguments);
        assert_eq!(run.status.code(), Some(2), "{}", String::from_utf8_lossy(&run.stderr));
    }
}
