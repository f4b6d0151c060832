//! Hostile and unusual sources: bombs, false sizes, loops of links, pipes, names of any bytes,
//! vanishing files.

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use prep::dataset::rejects::Reason;
use prep::pipeline::Plan;
use prep::pipeline::Preparer;
use prep::pipeline::{self, BuildOptions};
use shared::dataset::Dataset;
use shared::fs;
use shared::testing::{Scratch, make_pipe};
use zip::write::SimpleFileOptions;

use crate::util::{build, gradient, prep, rejects, skipped, stderr};

fn picture() -> Vec<u8> {
    gradient(24, 24).to_png().expect("encode")
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, SimpleFileOptions::default()).expect("start");
        zip.write_all(bytes).expect("write");
    }
    zip.finish().expect("finish").into_inner()
}

/// The same in a tar whose members claim `more` bytes more than they have.
fn tar(members: &[(&[u8], &[u8])], more: u64) -> Vec<u8> {
    let mut tar = Vec::new();
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name);
        header.set_size(bytes.len() as u64 + more);
        header.set_mode(0o644);
        header.set_cksum();
        tar.extend(header.as_bytes());
        tar.extend(*bytes);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    tar
}

fn reasons(out: &Path) -> Vec<String> {
    rejects(out).into_iter().map(|(file, (reason, _))| format!("{file} {reason}")).collect()
}

fn pictures(out: &Path) -> u64 {
    Dataset::open(out).expect("open").manifest().splits.iter().map(|split| split.records).sum()
}

#[test]
fn bombs_in_archives_are_left_out_and_the_run_goes_on() {
    let scratch = Scratch::new("bombs");
    let (sound, zeros) = (picture(), vec![0; (80 << 20) + 0x12345]);
    let bomb = zip(&[("a.png", &sound), ("bomb.png", &zeros), ("c.png", &sound)]);
    assert!(bomb.len() < 1 << 20);
    // Both the directory and the member claim to unpack to a few bytes.
    let mut liar = zip(&[("a.png", &sound), ("bomb.png", &zeros)]);
    let length = (zeros.len() as u32).to_le_bytes();
    for at in (0..liar.len() - 4).filter(|&at| liar[at..at + 4] == length).collect::<Vec<_>>() {
        liar[at..at + 4].copy_from_slice(&1000u32.to_le_bytes());
    }
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&tar(&[(b"a.png", &sound), (b"bomb.png", &zeros)], 0)).expect("pack");
    for (name, bytes, wanted) in [
        ("bomb.zip", bomb, "bomb.png too_large"),
        ("liar.zip", liar, "bomb.png unreadable_file"),
        ("bomb.tar.gz", packed.finish().expect("pack"), "bomb.png too_large"),
    ] {
        fs::write(scratch.path(name), &bytes).expect("write");
        let out = scratch.path(&format!("{name}.out"));
        build(&scratch.path(name), &out, &["--memory-mb", "64", "--val-fraction", "0"], 0);
        assert_eq!(reasons(&out), [wanted], "{name}: {:?}", rejects(&out));
    }
}

#[test]
fn an_archive_that_claims_more_than_it_holds_is_refused_by_name() {
    let scratch = Scratch::new("claims");
    let sound = picture();
    let members = [(&b"a.png"[..], &sound[..]), (b"b.png", &sound)];
    for (name, bytes) in [
        ("beyond.tar", tar(&members, 1 << 20)),
        ("petabytes.tar", tar(&members, 1 << 32)),
        ("cut.tar", tar(&members, 0)[..550].to_vec()),
        ("cut.zip", zip(&[("a.png", &sound)])[..150].to_vec()),
        ("nothing.zip", Vec::new()),
    ] {
        fs::write(scratch.path(name), &bytes).expect("write");
        let output = prep()
            .arg("build")
            .arg(scratch.path(name))
            .arg("--out")
            .arg(scratch.path("out"))
            .output()
            .expect("run");
        assert!(matches!(output.status.code(), Some(2 | 3)), "{name}: {}", stderr(&output));
        assert!(stderr(&output).contains(name), "{name}: {}", stderr(&output));
        assert!(!scratch.path("out").exists(), "{name}");
    }
}

#[test]
fn names_that_are_not_utf8_are_read_from_a_zip_and_a_tar() {
    let scratch = Scratch::new("names");
    let (sound, name) = (picture(), &b"one/caf\xe9.png"[..]);
    let mut zipped =
        zip(&[("one/caf_.png", &sound), ("two/caf_.png", b"nothing"), ("two/b.png", &sound)]);
    for at in
        (0..zipped.len() - 8).filter(|&at| &zipped[at..at + 8] == b"caf_.png").collect::<Vec<_>>()
    {
        zipped[at + 3] = 0xe9;
    }
    let tarred =
        tar(&[(name, &sound), (b"two/caf\xe9.png", b"nothing"), (b"two/b.png", &sound)], 0);
    for (file, bytes) in [("names.zip", zipped), ("names.tar", tarred)] {
        fs::write(scratch.path(file), &bytes).expect("write");
        let out = scratch.path(&format!("{file}.out"));
        build(&scratch.path(file), &out, &["--val-fraction", "0"], 0);
        assert_eq!(reasons(&out), ["two/caf\\xe9.png unsupported_format"], "{file}");
        assert_eq!(pictures(&out), 2, "{file}");
    }
    crate::util::assert_same(&scratch.path("names.zip.out"), &scratch.path("names.tar.out"));
}

/// A build that must not block.
fn build_soon(source: &Path, out: &Path) -> std::process::Output {
    let mut command = prep();
    command.arg("build").arg(source).arg("--out").arg(out).args([
        "--size",
        "16",
        "--val-fraction",
        "0",
    ]);
    let (log, errors) = (out.with_extension("log"), out.with_extension("err"));
    let open = |path: &Path| fs::open_append(path).expect("open");
    let mut child = command.stdout(open(&log)).stderr(open(&errors)).spawn().expect("start");
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("wait") {
            break status;
        }
        if started.elapsed() > Duration::from_secs(60) {
            child.kill().expect("kill");
            panic!("{} is waited for", source.display());
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    std::process::Output {
        status,
        stdout: fs::read(&log).expect("read"),
        stderr: fs::read(&errors).expect("read"),
    }
}

#[test]
fn loops_of_links_pipes_and_closed_files_stop_nothing() {
    let scratch = Scratch::new("odd");
    let folder = scratch.path("pictures");
    fs::create_folder(folder.join("deep")).expect("make folder");
    for name in ["a.png", "deep/b.png", "closed.png"] {
        fs::write(folder.join(name), &picture()).expect("write");
    }
    let link =
        |to: &str, name: &str| std::os::unix::fs::symlink(to, folder.join(name)).expect("link");
    link(".", "loop");
    link("..", "deep/up");
    link("itself.png", "itself.png");
    link("nowhere.png", "dangling.png");
    let pipe = |path: &Path| make_pipe(path).expect("make pipe");
    pipe(&folder.join("pipe.png"));
    let closed = std::os::unix::fs::PermissionsExt::from_mode(0o000);
    std::fs::set_permissions(folder.join("closed.png"), closed).expect("close");
    let is_root = std::fs::File::open(folder.join("closed.png")).is_ok();
    let odd =
        ["dangling.png dangling_link", "itself.png dangling_link", "pipe.png unreadable_file"];
    let out = scratch.path("out");
    let output = build_soon(&folder, &out);
    assert!(output.status.success(), "{}", stderr(&output));
    if is_root {
        skipped("this user may read every file, so that none can be closed");
        assert_eq!((reasons(&out), pictures(&out)), (odd.map(str::to_owned).to_vec(), 3));
    } else {
        let all = [&["closed.png unreadable_file"], &odd[..]].concat();
        assert_eq!(
            (reasons(&out), pictures(&out)),
            (all.into_iter().map(str::to_owned).collect(), 2)
        );
    }
    // A pipe is no source either.
    pipe(&scratch.path("source"));
    let output = build_soon(&scratch.path("source"), &scratch.path("none"));
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("neither a folder nor a zip or tar file"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_file_that_goes_or_changes_after_the_listing_is_left_out_alone() {
    let scratch = Scratch::new("vanish");
    let folder = scratch.path("pictures");
    fs::create_folder(&folder).expect("make folder");
    for name in ["a.png", "b.png", "c.png", "d.png"] {
        fs::write(folder.join(name), &picture()).expect("write");
    }
    let options = BuildOptions {
        size: 16,
        jobs: 1,
        memory_mb: 1,
        ..BuildOptions::new(&folder, scratch.path("out"))
    };
    let plan = Plan::new(&options).expect("list");
    fs::remove(folder.join("b.png")).expect("remove");
    fs::remove(folder.join("c.png"))
        .and_then(|()| fs::create_folder(folder.join("c.png")))
        .expect("replace");
    fs::write(folder.join("d.png"), &vec![0; 3 << 20]).expect("grow");
    let preparer = Preparer::new(&plan, &options, false);
    let found: Vec<_> = (0..4)
        .map(|i| preparer.prepare(i).record.crops[0].fault.clone().map(|fault| fault.reason))
        .collect();
    assert_eq!(
        found,
        [None, Some(Reason::UnreadableFile), Some(Reason::UnreadableFile), Some(Reason::TooLarge)]
    );
    // The whole build too: it lists the files that exist by then.
    pipeline::build(&options, &shared::signal::Stop::default()).expect("build");
    assert_eq!(reasons(&scratch.path("out")), ["d.png too_large"]);
}
