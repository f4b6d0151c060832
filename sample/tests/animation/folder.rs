//! Destinations: folders that appear atomically, links, and files locked by other processes.

use std::path::Path;

use shared::cli::UsageError;
use shared::fs::{self, Claim};
use shared::picture::{Limits, Picture};
use shared::testing::Scratch;

use crate::common::names;
use crate::drawn::{Drawn, waves};

/// The refusal of `out` as a destination.
fn refused(out: &Path) -> String {
    Drawn::new(waves(3, 12, 9, 3)).write(out, &[]).unwrap_err().downcast::<UsageError>().unwrap().0
}

#[test]
fn frames_go_into_a_folder_that_appears_atomically() {
    let scratch = Scratch::new("animation-folder");
    let out = scratch.join("frames");
    let frames = waves(37, 12, 9, 3);
    Drawn::new(frames.clone()).write(&out, &[]).unwrap();
    for (i, frame) in frames.iter().enumerate() {
        let png = fs::read(out.join(format!("frame-{i:06}.png"))).unwrap();
        assert!(Picture::decode(&png, &Limits::default()).unwrap().pixels == frame.pixels);
    }
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 37);
    assert!(refused(&out).contains("not empty"));
    assert!(
        refused(&out.join("frame-000000.png/such")).contains("frame-000000.png is not a folder")
    );
    Drawn::new(frames.clone()).write(&scratch.join("new/folder"), &[]).unwrap();
    assert_eq!(std::fs::read_dir(scratch.join("new/folder")).unwrap().count(), 37);
    // Files of the system do not count, and stay.
    fs::create_folder(scratch.join("empty.gif/lost+found")).unwrap();
    fs::write(scratch.join("empty.gif/.DS_Store"), b"").unwrap();
    Drawn::new(frames).write(&scratch.join("empty.gif"), &[]).unwrap();
    assert_eq!(std::fs::read_dir(scratch.join("empty.gif")).unwrap().count(), 39);
}

#[test]
fn files_locked_by_another_process_are_not_touched() {
    let scratch = Scratch::new("animation-claimed");
    // The state of another process half way through its frames.
    let begun = scratch.join(".frames.fledge-tmp");
    fs::create_folder(&begun).unwrap();
    fs::write(begun.join("frame-000000.png"), b"of the other").unwrap();
    for name in ["frames", "a.gif", "a.png", "a.webp"] {
        let out = scratch.join(name);
        let claim = Claim::by(scratch.join(format!(".{name}.lock.fledge-tmp"))).unwrap().unwrap();
        assert!(refused(&out).contains("another `sample`"), "{name}");
        assert!(
            !out.exists() && fs::read(begun.join("frame-000000.png")).unwrap() == b"of the other",
            "{name}"
        );
        drop(claim);
    }
    // Without a lock, the leftovers of a killed process are removed.
    Drawn::new(waves(3, 12, 9, 3)).write(&scratch.join("frames"), &[]).unwrap();
    assert_eq!(names(&scratch), ["frames"]);
    assert_eq!(std::fs::read_dir(scratch.join("frames")).unwrap().count(), 3);
}

#[test]
fn a_folder_that_frames_cannot_become_is_refused_before_one_is_made() {
    let scratch = Scratch::new("animation-nameless");
    let empty = scratch.join("empty");
    fs::create_folder(&empty).unwrap();
    for out in [empty.join(".."), Path::new(".").to_owned(), Path::new("/").to_owned()] {
        assert!(refused(&out).contains("no name to rename"), "{}", out.display());
    }
    assert_eq!(names(&scratch), ["empty"]);
}

#[cfg(unix)]
#[test]
fn frames_go_to_the_target_of_a_link() {
    let scratch = Scratch::new("animation-links");
    fs::create_folder(scratch.join("real")).unwrap();
    for (name, to) in [("link", "real"), ("broken", "none")] {
        std::os::unix::fs::symlink(to, scratch.join(name)).unwrap();
    }
    for broken in ["broken", "broken/"] {
        assert!(refused(&scratch.join(broken)).contains("a dangling link"));
    }
    Drawn::new(waves(3, 12, 9, 3)).write(&scratch.join("link"), &[]).unwrap();
    assert!(scratch.join("link").is_symlink());
    assert_eq!(std::fs::read_dir(scratch.join("real")).unwrap().count(), 3);
    assert_eq!(names(&scratch), ["broken", "link", "real"]);
}
