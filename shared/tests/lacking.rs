//! File systems that lack something: files are written, locked and read all the same, and errors of
//! full and broken disks stay errors.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test ends where the machine is not as expected")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use shared::fs::{self, AppendFile, AtomicFile, AtomicFolder, Claim, Feature, Lock, fault};
use shared::rng;
use shared::shard::{Layout, Shard, ShardWriter};

/// What is lacking is lacking in the whole process: one test at a time.
static ONE: Mutex<()> = Mutex::new(());

/// What file systems are known to answer where they lack a feature.
fn answers(feature: Feature) -> Vec<i32> {
    let own: &[i32] = match feature {
        Feature::SyncFolder => &[libc::EINVAL, libc::EBADF, libc::EACCES],
        Feature::SyncFile | Feature::Exclusive => &[libc::EINVAL],
        Feature::Lock => &[libc::ENOLCK],
        Feature::Map => &[libc::ENODEV, libc::EINVAL],
        Feature::Replace => return vec![libc::EEXIST],
    };
    own.iter().copied().chain([libc::ENOSYS, libc::EOPNOTSUPP]).collect()
}

fn scratch(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("fledge-lacking-{}-{name}", std::process::id()));
    fs::remove(&folder).unwrap();
    fs::create_folder(&folder).unwrap();
    folder
}

/// Writes drawn files in every way there is, over those that are there, and checks them.
fn write_all(folder: &Path, seed: u64) -> fs::Result<()> {
    let mut draw = rng::stream(seed, "lacking", 0);
    let bytes: Vec<u8> = (0..5_000_000).map(|_| draw.below(256) as u8).collect();
    fs::write(folder.join("small"), &bytes[..100])?;
    let mut large = AtomicFile::create(folder.join("large"))?;
    large.write_all(&bytes).map_err(|source| fs::FsError {
        operation: "write",
        path: folder.join("large"),
        source,
    })?;
    large.commit()?;
    fs::write_unsynced(folder.join("unsynced"), &[&bytes[..10], &bytes[10..50]])?;
    let staged = AtomicFolder::create(folder.join("set"))?;
    fs::write(staged.path().join("x"), &bytes[..7])?;
    staged.write_unsynced("y", &bytes[..9])?;
    staged.commit()?;
    let mut log = AppendFile::open(folder.join("log"))?;
    log.append(b"line\n").and_then(|()| log.sync())?;
    fs::write(folder.join("from"), &bytes[..3])?;
    fs::rename(folder.join("from"), folder.join("to"))?;
    for (name, length) in [
        ("small", 100),
        ("large", bytes.len()),
        ("unsynced", 50),
        ("set/x", 7),
        ("set/y", 9),
        ("to", 3),
    ] {
        assert!(fs::read(folder.join(name))? == bytes[..length], "{name}");
    }
    fs::remove_leftovers(folder)?;
    let left = std::fs::read_dir(folder).unwrap().count();
    assert_eq!(left, 6, "something temporary is left");
    Ok(())
}

#[test]
fn files_are_written_where_the_file_system_lacks_something() {
    let _one = ONE.lock();
    for feature in Feature::ALL {
        for errno in answers(feature) {
            let folder = scratch("written");
            fault::lack(feature, errno);
            let written = (0..2).try_for_each(|seed| write_all(&folder, seed));
            fault::lack(feature, 0);
            written
                .unwrap_or_else(|e| panic!("{feature:?}, {errno}: {}", shared::cli::one_line(&e)));
            fs::remove(&folder).unwrap();
        }
    }
}

#[test]
fn a_full_or_broken_disk_stays_an_error() {
    let _one = ONE.lock();
    for feature in [Feature::SyncFolder, Feature::SyncFile, Feature::Replace, Feature::Exclusive] {
        for errno in [libc::ENOSPC, libc::EIO, libc::EDQUOT, libc::EROFS] {
            let folder = scratch("broken");
            fault::lack(feature, errno);
            let written = fs::write(folder.join("file"), b"bytes");
            fault::lack(feature, 0);
            let error = written.expect_err("a broken disk");
            assert_eq!(error.source.raw_os_error(), Some(errno), "{feature:?}");
            fs::remove(&folder).unwrap();
        }
    }
}

#[test]
fn without_locks_a_mark_keeps_programs_apart_and_one_of_a_process_that_is_gone_does_not() {
    let _one = ONE.lock();
    let folder = scratch("marks");
    let (lock, mark) = (folder.join(".x.lock.fledge-tmp"), folder.join(".x.lock.held.fledge-tmp"));
    for errno in answers(Feature::Lock) {
        fault::lack(Feature::Lock, errno);
        let first = Claim::by(&lock).unwrap().expect("free");
        assert!(Lock::is_taken(&lock));
        let refused = shared::cli::one_line(&Claim::by(&lock).expect_err("marked"));
        assert!(
            refused.contains("--no-lock") && refused.contains(&std::process::id().to_string()),
            "{refused}"
        );
        drop(first);
        assert!(!mark.exists() && !Lock::is_taken(&lock));
        // Left by a process of this machine that was killed: no process has so high a number.
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        fs::write(&mark, format!("2000000000 {host}\n").as_bytes()).unwrap();
        assert_eq!(
            Claim::by(&lock).map(drop).is_ok(),
            Path::new("/proc/sys/kernel/hostname").exists()
        );
        // Of another machine nothing is known.
        fs::write(&mark, b"2000000000 another-machine\n").unwrap();
        let refused = shared::cli::one_line(&Claim::by(&lock).expect_err("marked"));
        assert!(refused.contains("another-machine"), "{refused}");
        fs::remove(&mark).unwrap();
        fault::lack(Feature::Lock, 0);
    }
    fault::lack(Feature::Lock, libc::EIO);
    assert!(Claim::by(&lock).is_err(), "a broken disk is no file system without locks");
    fault::lack(Feature::Lock, 0);
    fs::remove(&folder).unwrap();
}

#[test]
fn a_shard_that_cannot_be_mapped_is_read() {
    let _one = ONE.lock();
    let folder = scratch("unmapped");
    let path = folder.join("a.shard");
    let mut writer =
        ShardWriter::create(&path, Layout { height: 4, width: 4, channels: 3 }).unwrap();
    let mut draw = rng::stream(3, "lacking", 0);
    let pictures: Vec<Vec<u8>> =
        (0..9).map(|_| (0..48).map(|_| draw.below(256) as u8).collect()).collect();
    (0..)
        .zip(&pictures)
        .for_each(|(i, pixels)| writer.push(pixels, Some(i as u32 % 3), i).unwrap());
    writer.finish().unwrap();
    for errno in answers(Feature::Map) {
        fault::lack(Feature::Map, errno);
        let shard = Shard::open(&path).unwrap();
        fault::lack(Feature::Map, 0);
        shard.verify().unwrap();
        (0..9).for_each(|i| assert_eq!(shard.record(i).unwrap().pixels, pictures[i]));
    }
    fs::remove(&folder).unwrap();
}
