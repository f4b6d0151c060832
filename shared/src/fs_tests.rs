//! What the writer of files promises, without faults.

use super::*;

fn scratch(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("fledge-fs-{}-{name}", std::process::id()));
    remove(&folder).expect("clear scratch");
    create_folder(&folder).expect("make scratch");
    folder
}

#[test]
fn a_dropped_file_leaves_the_old_one_and_nothing_else() {
    let folder = scratch("dropped");
    write(folder.join("a"), b"old").expect("write");
    let mut file = AtomicFile::create(folder.join("a")).expect("create");
    file.write_all(b"half of the ne").expect("write");
    drop(file);
    assert_eq!(read(folder.join("a")).expect("read"), b"old");
    assert_eq!(std::fs::read_dir(&folder).expect("list").count(), 1);
    remove(&folder).expect("clear");
}

#[test]
fn a_bounded_read_refuses_a_larger_file() {
    let folder = scratch("bounded");
    write(folder.join("a"), &[7; 100]).expect("write");
    assert_eq!(read_bounded(folder.join("a"), 100).expect("fits").len(), 100);
    assert!(read_bounded(folder.join("a"), 99).is_err());
    remove(&folder).expect("clear");
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
    let folder = scratch("folder");
    let staged = AtomicFolder::create(folder.join("step-1")).expect("create");
    write(staged.path().join("x"), b"1").expect("write");
    drop(staged);
    assert_eq!(std::fs::read_dir(&folder).expect("list").count(), 0);
    remove(&folder).expect("clear");
}
