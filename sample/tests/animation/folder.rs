//! Where frames and files go: folders that appear whole, links, and what another process is writing.

use std::path::Path;

use shared::cli::UsageError;
use shared::fs::{self, Claim};
use shared::picture::{Limits, Picture};

use crate::drawn::{Drawn, Scratch, waves};

/// What is said of animations that cannot go to `out`.
fn refused(out: &Path) -> String {
    Drawn::new(waves(3, 12, 9, 3)).write(out, &[]).unwrap_err().downcast::<UsageError>().unwrap().0
}

#[test]
fn frames_go_into_a_folder_that_appears_whole() {
    let scratch = Scratch::new("folder");
    let out = scratch.0.join("frames");
    let frames = waves(37, 12, 9, 3);
    Drawn::new(frames.clone()).write(&out, &[]).unwrap();
    for (i, frame) in frames.iter().enumerate() {
        let png = fs::read(out.join(format!("frame-{i:06}.png"))).unwrap();
        assert!(Picture::decode(&png, &Limits::default()).unwrap().pixels == frame.pixels);
    }
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 37);
    assert!(refused(&out).contains("not empty"));
    assert!(refused(&out.join("frame-000000.png/such")).contains("frame-000000.png is no folder"));
    Drawn::new(frames.clone()).write(&scratch.0.join("new/folder"), &[]).unwrap();
    assert_eq!(std::fs::read_dir(scratch.0.join("new/folder")).unwrap().count(), 37);
    // Only what nobody put there: it is empty, and that stays.
    fs::create_folder(scratch.0.join("empty.gif/lost+found")).unwrap();
    fs::write(scratch.0.join("empty.gif/.DS_Store"), b"").unwrap();
    Drawn::new(frames).write(&scratch.0.join("empty.gif"), &[]).unwrap();
    assert_eq!(std::fs::read_dir(scratch.0.join("empty.gif")).unwrap().count(), 39);
}

#[test]
fn what_another_process_writes_is_left_alone() {
    let scratch = Scratch::new("claimed");
    // As a process leaves it that is in the middle of its frames.
    let begun = scratch.0.join(".frames.fledge-tmp");
    fs::create_folder(&begun).unwrap();
    fs::write(begun.join("frame-000000.png"), b"of the other").unwrap();
    for name in ["frames", "a.gif", "a.png", "a.webp"] {
        let out = scratch.0.join(name);
        let claim = Claim::by(scratch.0.join(format!(".{name}.lock.fledge-tmp"))).unwrap().unwrap();
        assert!(refused(&out).contains("another sample"), "{name}");
        assert!(!out.exists() && fs::read(begun.join("frame-000000.png")).unwrap() == b"of the other", "{name}");
        drop(claim);
    }
    // Nobody holds it any more: what a killed process began gives way.
    Drawn::new(waves(3, 12, 9, 3)).write(&scratch.0.join("frames"), &[]).unwrap();
    assert_eq!(scratch.names(), ["frames"]);
    assert_eq!(std::fs::read_dir(scratch.0.join("frames")).unwrap().count(), 3);
}

#[test]
fn a_folder_that_frames_cannot_become_is_refused_before_one_is_made() {
    let scratch = Scratch::new("nameless");
    let empty = scratch.0.join("empty");
    fs::create_folder(&empty).unwrap();
    for out in [empty.join(".."), Path::new(".").to_owned(), Path::new("/").to_owned()] {
        assert!(refused(&out).contains("no name of its own"), "{}", out.display());
    }
    assert_eq!(scratch.names(), ["empty"]);
}

#[cfg(unix)]
#[test]
fn through_a_link_frames_go_where_it_leads() {
    let scratch = Scratch::new("links");
    fs::create_folder(scratch.0.join("real")).unwrap();
    for (name, to) in [("link", "real"), ("broken", "none")] {
        std::os::unix::fs::symlink(to, scratch.0.join(name)).unwrap();
    }
    for broken in ["broken", "broken/"] {
        assert!(refused(&scratch.0.join(broken)).contains("a link to what is not there"));
    }
    Drawn::new(waves(3, 12, 9, 3)).write(&scratch.0.join("link"), &[]).unwrap();
    assert!(scratch.0.join("link").is_symlink());
    assert_eq!(std::fs::read_dir(scratch.0.join("real")).unwrap().count(), 3);
    let mut names = scratch.names();
    names.sort_unstable();
    assert_eq!(names, ["broken", "link", "real"]);
}
