//! The guarantees of the file writer, without injected faults.

use std::io::Write;

use super::*;
use crate::testing::Scratch;

#[test]
fn a_dropped_file_leaves_the_old_one_and_nothing_else() {
    let folder = Scratch::new("fs-dropped");
    write(folder.join("a"), b"old").expect("write");
    let mut file = AtomicFile::create(folder.join("a")).expect("create");
    file.write_all(b"half of the ne").expect("write");
    drop(file);
    assert_eq!(read(folder.join("a")).expect("read"), b"old");
    assert_eq!(std::fs::read_dir(&folder).expect("list").count(), 1);
}

#[test]
fn a_bounded_read_refuses_a_larger_file() {
    let folder = Scratch::new("fs-bounded");
    write(folder.join("a"), &[7; 100]).expect("write");
    assert_eq!(read_bounded(folder.join("a"), 100).expect("fits").len(), 100);
    assert!(read_bounded(folder.join("a"), 99).is_err());
}

#[cfg(target_os = "linux")]
#[test]
fn a_scratch_file_has_no_name_and_is_read_where_it_was_written() {
    let mut file = scratch_file().expect("create");
    file.write_all(b"some bytes").expect("write");
    let mut bytes = [0; 5];
    std::os::unix::fs::FileExt::read_exact_at(&file, &mut bytes, 5).expect("read");
    assert_eq!(&bytes, b"bytes");
    assert_eq!(std::os::unix::fs::MetadataExt::nlink(&file.metadata().expect("facts")), 0);
}

#[test]
fn an_uncommitted_folder_disappears() {
    let folder = Scratch::new("fs-folder");
    let staged = AtomicFolder::create(folder.join("step-1")).expect("create");
    write(staged.path().join("x"), b"1").expect("write");
    drop(staged);
    assert_eq!(std::fs::read_dir(&folder).expect("list").count(), 0);
}

#[test]
fn a_folder_that_lost_its_name_to_a_kill_between_two_renames_gets_it_back() {
    let folder = Scratch::new("fs-retired");
    for name in [".a.old.fledge-tmp", ".b.old.fledge-tmp", "b", ".a.fledge-tmp"] {
        create_folder(folder.join(name)).expect("create");
        write(folder.join(name).join("x"), name.as_bytes()).expect("write");
    }
    write(folder.join(".c.12-3.fledge-tmp"), b"half").expect("write");
    remove_leftovers(&folder).expect("clear up");
    let mut names: Vec<_> =
        std::fs::read_dir(&folder).expect("list").map(|e| e.expect("entry").file_name()).collect();
    names.sort_unstable();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(read(folder.join("a/x")).expect("read"), b".a.old.fledge-tmp");
    // The new one has its name already.
    assert_eq!(read(folder.join("b/x")).expect("read"), b"b");
}

#[test]
fn a_removed_folder_loses_its_name_before_its_files() {
    let folder = Scratch::new("fs-removed");
    for name in ["a", ".a.gone.fledge-tmp"] {
        create_folder(folder.join(name)).expect("create");
        write(folder.join(name).join("x"), b"x").expect("write");
    }
    remove_folder(folder.join("a")).expect("remove");
    assert_eq!(std::fs::read_dir(&folder).expect("list").count(), 0);
    remove_folder(folder.join("a")).expect("absent");
    // Killed in between, the next start clears it up.
    create_folder(folder.join(".a.gone.fledge-tmp")).expect("create");
    remove_leftovers(&folder).expect("clear up");
    assert_eq!(std::fs::read_dir(&folder).expect("list").count(), 0);
}

#[test]
fn what_is_appended_stands_at_the_end_and_the_end_can_be_cut_off() {
    let folder = Scratch::new("fs-append");
    write(folder.join("log"), b"one\n").expect("write");
    let mut log = AppendFile::open(folder.join("log")).expect("open");
    log.append(b"two\n").and_then(|()| log.append(b"three\n")).expect("append");
    log.truncate(8)
        .and_then(|()| log.append(b"four\n"))
        .and_then(|()| log.sync())
        .expect("cut off");
    assert_eq!(read(folder.join("log")).expect("read"), b"one\ntwo\nfour\n");
}

#[test]
fn a_folder_with_only_hidden_files_and_lost_and_found_is_vacant_and_keeps_them() {
    let folder = Scratch::new("fs-vacant");
    let out = folder.join("out");
    assert!(is_vacant(&out).expect("absent"));
    create_folder(out.join("lost+found")).expect("create");
    write(out.join(".DS_Store"), b"notes").expect("write");
    assert!(is_vacant(&out).expect("incidental"));
    let staged = AtomicFolder::create(&out).expect("create");
    write(staged.path().join("x"), b"1").expect("write");
    staged.commit().expect("commit");
    assert!(!is_vacant(&out).expect("filled"));
    assert_eq!(read(out.join(".DS_Store")).expect("kept"), b"notes");
    assert!(out.join("lost+found").is_dir() && out.join("x").is_file());
    assert!(is_vacant(out.join("x")).is_err(), "a file is no folder");
}
