//! The common behaviour of folders and their packed forms, and hostile archives.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use ::tar::{EntryType, Header};
use ::zip::CompressionMethod;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::shared_file::SharedFile;
use super::unpack::to_scratch;
use super::*;
use fledge_base::fs;
use fledge_base::testing::Scratch;

/// A folder of four files, and a scratch folder for more.
fn source(name: &str) -> (Scratch, PathBuf) {
    let scratch = Scratch::new(name);
    let folder = scratch.path("source");
    fs::create_folder(folder.join("top/images")).expect("make scratch");
    for (name, bytes) in [
        ("top/images.txt", "1 b.jpg"),
        ("top/images/b.jpg", "bb"),
        ("top/images/a.PNG", "a"),
        ("top/.x.png", ""),
    ] {
        fs::write(folder.join(name), bytes.as_bytes()).expect("write");
    }
    (scratch, folder)
}

fn zipped(folder: &Path) -> PathBuf {
    let path = folder.with_extension("zip");
    let source = Archive::open(folder).expect("open");
    fs::write_with(&path, |out| {
        let mut zip = ::zip::ZipWriter::new(out);
        for (i, name) in source.names().iter().enumerate().rev() {
            zip.start_file(name.to_string(), ::zip::write::SimpleFileOptions::default())?;
            io::Write::write_all(&mut zip, &source.read(i, 100).expect("read"))?;
        }
        zip.finish()?;
        Ok(())
    })
    .expect("write zip");
    path
}

fn shown(error: &ArchiveError) -> String {
    fledge_base::cli::one_line(error)
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(bytes).expect("pack");
    out.finish().expect("pack")
}

/// A tar header with its checksum, and the bytes padded to a whole block.
fn member(name: &str, kind: EntryType, bytes: &[u8]) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.as_mut_bytes()[..name.len().min(100)]
        .copy_from_slice(&name.as_bytes()[..name.len().min(100)]);
    header.set_entry_type(kind);
    header.set_size(bytes.len() as u64);
    header.set_cksum();
    let mut member = [header.as_bytes(), bytes].concat();
    member.resize(member.len().next_multiple_of(512), 0);
    member
}

const END: [u8; 1024] = [0; 1024];

fn tarred(folder: &Path, gzipped: bool) -> PathBuf {
    let path = folder.with_extension(if gzipped { "gzipped" } else { "tar" });
    let source = Archive::open(folder).expect("open");
    let mut tar = Vec::new();
    for (i, name) in source.names().iter().enumerate().rev() {
        tar.extend(member(
            &format!("./{name}"),
            EntryType::Regular,
            &source.read(i, 100).expect("read"),
        ));
    }
    tar.extend(END);
    fs::write(&path, &if gzipped { gz(&tar) } else { tar }).expect("write");
    path
}

/// Writes a file with these bytes and opens it.
fn opened(name: &str, bytes: &[u8]) -> Result<Archive, ArchiveError> {
    let scratch = Scratch::new(name);
    let path = scratch.path(name);
    fs::write(&path, bytes).expect("write");
    // Still readable after it is removed: the archive has it open.
    Archive::open(&path)
}

/// The bytes as an unnamed file.
fn unnamed(bytes: &[u8]) -> SharedFile {
    let mut file = fs::scratch_file().expect("create");
    file.write_all(bytes).expect("write");
    SharedFile::new(file).expect("open")
}

fn names(archive: &Archive) -> Vec<String> {
    archive.names().iter().map(Name::to_string).collect()
}

#[test]
fn long_names_are_whole_and_what_is_no_file_is_skipped() {
    let long = "d/".repeat(80) + "long.png";
    let pax = format!("{} path={}\n", long.len() + 10, long.replace('l', "p"));
    let mut extended = member("sparse", EntryType::GNUSparse, b"");
    extended[482] = 1;
    let mut header = *Header::from_byte_slice(&extended[..512]).as_bytes();
    let mut sums = Header::new_gnu();
    *sums.as_mut_bytes() = header;
    sums.set_cksum();
    header.copy_from_slice(sums.as_bytes());
    let tar = [
        member("pax_global_header", EntryType::XGlobalHeader, b"19 comment=abcdefg\n"),
        member("folder/", EntryType::Directory, b""),
        member("old-folder/", EntryType::new(0), b""),
        member("././@LongLink", EntryType::GNULongName, format!("{long}\0").as_bytes()),
        member(&long, EntryType::Regular, b"gnu"),
        member("PaxHeaders/x", EntryType::XHeader, pax.as_bytes()),
        member("short", EntryType::Regular, b"pax"),
        member("link", EntryType::Symlink, b""),
        member("hard", EntryType::Link, b""),
        header.to_vec(),
        vec![0; 512],
        member("x", EntryType::XHeader, b"22 GNU.sparse.major=1\n"),
        member("new-sparse", EntryType::Regular, b"map"),
        member("last.png", EntryType::Continuous, b"last"),
        END.to_vec(),
    ];
    let archive = opened("long.tar", &tar.concat()).expect("open");
    assert_eq!(names(&archive), [long.as_str(), &long.replace('l', "p"), "last.png"]);
    assert_eq!(
        (0..3).map(|i| archive.read(i, 9).expect("read")).collect::<Vec<_>>(),
        [&b"gnu"[..], b"pax", b"last"]
    );
}

#[test]
fn of_two_members_with_one_name_the_last_counts() {
    let tar = [
        member("a", EntryType::Regular, b"old"),
        member("b", EntryType::Regular, b"b"),
        member("./a", EntryType::Regular, b"new"),
    ];
    let archive = opened("twice.tar", &[&tar.concat()[..], &END].concat()).expect("open");
    assert_eq!(names(&archive), ["a", "b"]);
    assert_eq!(archive.read(0, 9).expect("read"), b"new");
}

#[test]
fn a_cut_tar_is_refused_unless_only_its_end_mark_is_missing() {
    let tar = [
        &member("a", EntryType::Regular, &[7; 3000])[..],
        &member("b", EntryType::Regular, b"b"),
        &END,
    ]
    .concat();
    // The header of "a" ends at 512, its bytes at 3512, their last block at 3584; those of "b" at
    // 4096, 4097 and 4608.
    for length in 1..=tar.len() {
        let listed = tar::members(&unnamed(&tar[..length]));
        match length {
            3512..=3584 => assert_eq!(listed.expect("whole").len(), 1),
            4097..=4608 | 5120.. => assert_eq!(listed.expect("whole").len(), 2),
            _ => {
                let error = listed.expect_err("listed").to_string();
                assert!(error.contains("cut off"), "{length}: {error}");
            }
        }
    }
    let error = shown(&opened("cut.tar", &tar[..3000]).expect_err("opened"));
    assert!(error.contains("cut.tar is damaged: a has 3000 bytes from byte 512 on"), "{error}");
}

#[test]
fn a_cut_or_damaged_gzip_is_refused_by_name() {
    let content: Vec<u8> = (0..30_000u32)
        .map(|i| (i.wrapping_mul(i).wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let packed = gz(&[&member("a", EntryType::Regular, &content)[..], &END].concat());
    assert_eq!(names(&opened("whole.tgz", &packed).expect("open")), ["a"]);
    for length in
        [packed.len() - 1, packed.len() - 8, packed.len() - 9, packed.len() / 2, 100, 11, 4]
    {
        let error = shown(&opened("cut.tgz", &packed[..length]).expect_err("opened"));
        assert!(error.contains("cut.tgz is damaged: "), "{length}: {error}");
    }
    let mut flipped = packed.clone();
    flipped[packed.len() / 2] ^= 0x10;
    let error = shown(&opened("flipped.tgz", &flipped).expect_err("opened"));
    assert!(error.contains("flipped.tgz is damaged: "), "{error}");
}

#[test]
fn sizes_that_are_only_claimed_are_refused() {
    let mut huge = member("huge", EntryType::Regular, b"");
    for size in [1 << 62, u64::MAX] {
        let mut header = Header::new_gnu();
        *header.as_mut_bytes() = huge[..512].try_into().expect("a block");
        header.set_size(size);
        header.set_cksum();
        huge[..512].copy_from_slice(header.as_bytes());
        let error = shown(&opened("huge.tar", &[&huge[..], &END].concat()).expect_err("opened"));
        assert!(error.contains("huge.tar is damaged: ") && error.contains("cut off"), "{error}");
    }
    let name = member("././@LongLink", EntryType::GNULongName, &vec![b'n'; 2 << 20]);
    let error = shown(&opened("name.tar", &[&name[..], &END].concat()).expect_err("opened"));
    assert!(error.contains("name.tar is damaged: ") && error.contains("more than"), "{error}");
}

#[test]
fn a_bomb_is_unpacked_up_to_the_limit_only() {
    let failed = |source| ArchiveError::Damaged { path: "bomb".into(), source };
    assert_eq!(to_scratch(&[7; 100][..], 100, failed).expect("fits").len(), 100);
    let error = shown(&to_scratch(io::repeat(0), 5 << 20, failed).expect_err("unpacked"));
    assert!(error.contains("more than 5242880 bytes"), "{error}");
}

#[test]
fn any_part_of_a_member_can_be_read_however_it_is_packed() {
    let content: Vec<u8> = (0..100_000u32).map(|i| (i / 7) as u8).collect();
    let (_scratch, folder) = source("ranges");
    fs::write(folder.join("plain"), &content).expect("write");
    fs::write(folder.join("plain.gz"), &gz(&content)).expect("write");
    let zip = folder.with_extension("zip");
    fs::write_with(&zip, |out| {
        let mut zip = ::zip::ZipWriter::new(out);
        for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
            for (name, bytes) in [("plain", content.clone()), ("plain.gz", gz(&content))] {
                let options = ::zip::write::SimpleFileOptions::default().compression_method(method);
                zip.start_file(format!("{method}/{name}"), options)?;
                zip.write_all(&bytes)?;
            }
        }
        zip.finish()?;
        Ok(())
    })
    .expect("write zip");
    let tar = [
        member("plain", EntryType::Regular, &content),
        member("plain.gz", EntryType::Regular, &gz(&content)),
        END.to_vec(),
    ];
    let archives = [
        Archive::open(&folder).expect("open"),
        Archive::open(&zip).expect("open"),
        opened("ranges.tar", &tar.concat()).expect("open"),
        opened("ranges.tgz", &gz(&tar.concat())).expect("open"),
    ];
    for archive in &archives {
        let members: Vec<_> = (0..archive.names().len())
            .filter(|&i| archive.names()[i].to_string().contains("plain"))
            .collect();
        assert!(members.len() >= 2);
        for i in members {
            assert_eq!(archive.unpacked_len(i).expect("length"), 100_000);
            std::thread::scope(|threads| {
                for t in 0..4 {
                    let content = &content;
                    threads.spawn(move || {
                        for at in (t * 997..99_000).step_by(9973) {
                            assert_eq!(
                                archive.read_range(i, at as u64, 1000).expect("read"),
                                content[at..at + 1000]
                            );
                        }
                    });
                }
            });
            assert_eq!(archive.read_range(i, 100_000, 0).expect("nothing"), b"");
            for (at, length) in [(99_001, 1000), (u64::MAX, 1), (0, u64::MAX), (100_001, 0)] {
                let error = shown(&archive.read_range(i, at, length).expect_err("read"));
                assert!(error.contains("plain") && error.contains("but it has 100000"), "{error}");
            }
        }
    }
}

#[test]
fn the_stamp_tells_a_change_of_length_time_or_name() {
    let (_scratch, folder) = source("stamp");
    let stamp = || Archive::open(&folder).expect("open").stamp();
    let mut seen = vec![stamp()];
    assert_eq!(stamp(), seen[0]);
    let picture = folder.join("top/images/b.jpg");
    let time = std::fs::metadata(&picture).and_then(|m| m.modified()).expect("time");
    let touch = |time| fs::open_append(&picture).expect("open").set_modified(time).expect("touch");
    fs::write(&picture, b"longer").expect("write");
    touch(time);
    seen.push(stamp());
    touch(time + std::time::Duration::from_secs(1));
    seen.push(stamp());
    fs::rename(&picture, folder.join("top/images/c.jpg")).expect("rename");
    seen.push(stamp());
    let tar = tarred(&folder, false);
    seen.push(Archive::open(&tar).expect("open").stamp());
    fs::open_append(&tar).expect("open").write_all(&END).expect("append");
    seen.push(Archive::open(&tar).expect("open").stamp());
    let distinct: std::collections::BTreeSet<_> = seen.iter().collect();
    assert_eq!(distinct.len(), 6);
}

#[test]
fn no_byte_of_a_tar_makes_the_reader_panic() {
    let tar = [
        member("././@LongLink", EntryType::GNULongName, b"some/name\0"),
        member("short", EntryType::Regular, b"gnu"),
        member("x", EntryType::XHeader, b"18 path=a/b/c.png\n"),
        member("y", EntryType::GNUSparse, b"pax"),
        END.to_vec(),
    ];
    let tar = tar.concat();
    for at in 0..tar.len() - END.len() {
        for value in [0, 0x7f, 0xff, b'7'] {
            let mut tar = tar.clone();
            tar[at] = value;
            // The checksum is adjusted, so that more than the checksum is tested.
            for header in [0, 1024, 2048, 3072] {
                let mut fixed = Header::new_gnu();
                *fixed.as_mut_bytes() = tar[header..header + 512].try_into().expect("a block");
                fixed.set_cksum();
                tar[header..header + 512].copy_from_slice(fixed.as_bytes());
            }
            let file = unnamed(&tar);
            for (_, member) in tar::members(&file).unwrap_or_default() {
                if let links::Member::File((start, length)) = member {
                    assert!(file.window(start, length).is_some());
                }
            }
        }
    }
}

#[test]
fn a_folder_its_zip_and_its_tars_read_the_same() {
    let (_scratch, folder) = source("same");
    let zip = zipped(&folder);
    let tar = tarred(&folder, false);
    let gzipped = tarred(&folder, true);
    for path in [&folder, &zip, &tar, &gzipped] {
        let archive = Archive::open(path).expect("open");
        let names: Vec<_> = archive.names().iter().map(Name::to_string).collect();
        assert_eq!(names, ["top/.x.png", "top/images.txt", "top/images/a.PNG", "top/images/b.jpg"]);
        assert_eq!(archive.root_of("images.txt").expect("root"), b"top/");
        assert_eq!(archive.pictures().collect::<Vec<_>>(), [2, 3]);
        assert_eq!(
            archive.read(archive.find(b"top/images/b.jpg").expect("find"), 2).expect("read"),
            b"bb"
        );
        assert!(matches!(archive.read(3, 1), Err(ArchiveError::TooLarge { .. })));
        assert!(matches!(archive.root_of("classes.txt"), Err(ArchiveError::NoRoot { .. })));
    }
}

#[test]
fn a_file_that_is_no_zip_is_refused_by_name() {
    let (_scratch, folder) = source("nozip");
    for (bytes, wanted) in [
        (b"1 b.jpg".to_vec(), "its format is unknown; it starts with \"1 b.jpg\""),
        (Vec::new(), "it is empty"),
        (vec![0; 10_240], "zeros only"),
        (b"<!DOCTYPE html><html>".to_vec(), "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1".to_vec(), "git lfs pull"),
        (b"PK\x03\x04\x14\0\0\0".to_vec(), "the directory at its end is missing or damaged"),
        (b"\xff\xd8\xff\xe0".to_vec(), "one picture (JPEG)"),
        (gz(&[0; 1000]), "is no tar file; name the folder"),
        (b"\xfd7zXZ\0\0\0".to_vec(), "packed with xz"),
    ] {
        fs::write(folder.join("top/images.txt"), &bytes).expect("write");
        let error = shown(&Archive::open(folder.join("top/images.txt")).expect_err("opened"));
        assert!(
            error.contains("images.txt is neither a folder nor a zip or tar file")
                && error.contains(wanted),
            "{error}"
        );
    }
    let error = shown(&Archive::open(folder.join("nowhere.zip")).expect_err("opened"));
    assert!(error.contains("cannot open") && error.contains("nowhere.zip"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_link_to_a_folder_above_ends_the_listing() {
    let (_scratch, folder) = source("loop");
    std::os::unix::fs::symlink(&folder, folder.join("top/again")).expect("link");
    assert_eq!(Archive::open(&folder).expect("open").names().len(), 4);
}

#[test]
fn a_name_that_is_not_utf8_is_shown_with_escapes() {
    assert_eq!(Name(b"caf\xe9/\xc3\xa9.jpg".to_vec()).to_string(), "caf\\xe9/é.jpg");
}

/// A header for a link, with the target in the header itself.
fn link(name: &str, kind: EntryType, to: &str) -> Vec<u8> {
    let mut header = Header::new_gnu();
    *header.as_mut_bytes() = member(name, kind, b"")[..512].try_into().expect("a block");
    header.as_mut_bytes()[157..157 + to.len()].copy_from_slice(to.as_bytes());
    header.set_cksum();
    header.as_bytes().to_vec()
}

/// All files with their bytes.
fn contents(archive: &Archive) -> Vec<(String, Vec<u8>)> {
    archive
        .names()
        .iter()
        .enumerate()
        .map(|(i, name)| (name.to_string(), archive.read(i, 1 << 20).expect("read")))
        .collect()
}

fn passed_over(archive: &Archive) -> Vec<(String, String)> {
    archive
        .passed_over()
        .iter()
        .map(|other| (other.name.to_string(), other.why.to_string()))
        .collect()
}

#[cfg(unix)]
#[test]
fn links_lead_to_the_same_files_in_a_folder_a_tar_and_a_zip() {
    let scratch = Scratch::new("links");
    let folder = scratch.path("source");
    for (name, bytes) in [("pool/a.png", "a"), ("pool/deep/b.png", "b"), ("set/own.png", "own")] {
        fs::create_folder(folder.join(name).parent().expect("parent")).expect("make");
        fs::write(folder.join(name), bytes.as_bytes()).expect("write");
    }
    let links = [
        ("set/1.png", "../pool/a.png"),
        ("set/2.png", "./1.png"),
        ("set/deep", "../pool/deep"),
        ("set/all", "../pool"),
        ("set/through.png", "all/deep/b.png"),
        ("set/up", ".."),
        ("pool/deep/back", "../../set"),
        ("set/nowhere.png", "../pool/missing.png"),
        ("set/self.png", "self.png"),
        ("set/file-as-folder.png", "own.png/x"),
    ];
    for (name, to) in links {
        std::os::unix::fs::symlink(to, folder.join(name)).expect("link");
    }
    let files = [("pool/a.png", "a"), ("pool/deep/b.png", "b"), ("set/own.png", "own")];
    // Links before their targets.
    let mut tar: Vec<u8> =
        links.iter().flat_map(|(name, to)| link(name, EntryType::Symlink, to)).collect();
    tar.extend(files.iter().flat_map(|(name, bytes)| {
        member(&format!("./{name}"), EntryType::Regular, bytes.as_bytes())
    }));
    tar.extend(END);
    let zip = folder.with_extension("zip");
    fs::write_with(&zip, |out| {
        let mut zip = ::zip::ZipWriter::new(out);
        let options = ::zip::write::SimpleFileOptions::default();
        for (name, to) in links {
            zip.add_symlink(name, to, options)?;
        }
        for (name, bytes) in files {
            zip.start_file(name, options)?;
            zip.write_all(bytes.as_bytes())?;
        }
        zip.finish()?;
        Ok(())
    })
    .expect("write zip");
    let unpacked = Archive::open(&folder).expect("open");
    let expected = contents(&unpacked);
    let names: Vec<&str> = expected.iter().map(|(name, _)| name.as_str()).collect();
    assert!(
        names.contains(&"set/all/deep/b.png")
            && names.contains(&"set/through.png")
            && names.contains(&"set/2.png"),
        "{names:?}"
    );
    let others: Vec<String> = passed_over(&unpacked).into_iter().map(|(name, _)| name).collect();
    for name in ["set/nowhere.png", "set/self.png", "set/file-as-folder.png", "set/up"] {
        assert!(others.contains(&name.to_owned()), "{name} in {others:?}");
    }
    for archive in [
        opened("links.tar", &tar).expect("open"),
        opened("links.tgz", &gz(&tar)).expect("open"),
        Archive::open(&zip).expect("open"),
    ] {
        assert_eq!(contents(&archive), expected, "{}", archive.path().display());
        assert_eq!(passed_over(&archive), passed_over(&unpacked), "{}", archive.path().display());
    }
}

#[test]
fn a_hard_link_is_its_member_wherever_that_lies() {
    let long = "d/".repeat(80) + "long.png";
    let pax = format!("{} linkpath={long}\n", long.len() + 14);
    let tar = [
        link("before.png", EntryType::Link, "a.png"),
        link("chain.png", EntryType::Link, "before.png"),
        member("a.png", EntryType::Regular, b"a"),
        link("after.png", EntryType::Link, "./a.png"),
        link("a.png", EntryType::Link, "a.png"),
        member("././@LongLink", EntryType::GNULongName, format!("{long}\0").as_bytes()),
        member("cut", EntryType::Regular, b"long"),
        member("././@LongLink", EntryType::GNULongLink, format!("{long}\0").as_bytes()),
        link("gnu.png", EntryType::Link, "cut"),
        member("PaxHeaders/x", EntryType::XHeader, pax.as_bytes()),
        link("pax.png", EntryType::Link, "cut"),
        link("gone.png", EntryType::Link, "missing.png"),
        END.to_vec(),
    ];
    let archive = opened("hard.tar", &tar.concat()).expect("open");
    let read =
        |name: &str| archive.find(name.as_bytes()).map(|at| archive.read(at, 9).expect("read"));
    for name in ["a.png", "before.png", "chain.png", "after.png"] {
        assert_eq!(read(name).as_deref(), Some(&b"a"[..]), "{name}");
    }
    for name in [long.as_str(), "gnu.png", "pax.png"] {
        assert_eq!(read(name).as_deref(), Some(&b"long"[..]), "{name}");
    }
    assert_eq!(
        passed_over(&archive),
        [("gone.png".into(), "a link to missing.png, which is not there".into())]
    );
}

#[test]
fn what_leads_out_of_an_archive_or_is_no_file_is_named() {
    let tar = [
        member("a.png", EntryType::Regular, b"a"),
        link("absolute.png", EntryType::Symlink, "/etc/hostname"),
        link("out.png", EntryType::Symlink, "../../a.png"),
        link("pipe", EntryType::Fifo, ""),
        END.to_vec(),
    ];
    let archive = opened("out.tar", &tar.concat()).expect("open");
    assert_eq!(names(&archive), ["a.png"]);
    let expected = [
        ("absolute.png", "a link to /etc/hostname, which is outside of the archive"),
        ("out.png", "a link to ../../a.png, which is outside of the archive"),
        ("pipe", "a device, a pipe or a socket"),
    ];
    assert_eq!(
        passed_over(&archive),
        expected.map(|(name, why)| (name.to_owned(), why.to_owned()))
    );
}

#[test]
fn links_that_multiply_end() {
    // Each folder links twice to the next: 2^40 names.
    let mut tar = Vec::new();
    for level in 0..40 {
        for name in ["x", "y"] {
            tar.extend(link(
                &format!("{level}/{name}"),
                EntryType::Symlink,
                &format!("../{}", level + 1),
            ));
        }
    }
    tar.extend(member("40/a.png", EntryType::Regular, b"a"));
    tar.extend(END);
    let error = shown(&opened("multiply.tar", &tar).expect_err("opened"));
    assert!(error.contains("links to folders in it make more than"), "{error}");
}

#[test]
fn a_backslash_separates_where_no_name_has_a_slash() {
    let tar = [
        member("top\\cat\\a.png", EntryType::Regular, b"a"),
        member("top\\list.txt", EntryType::Regular, b""),
        END.to_vec(),
    ];
    assert_eq!(
        names(&opened("windows.tar", &tar.concat()).expect("open")),
        ["top/cat/a.png", "top/list.txt"]
    );
    let tar = [
        member("./cat\\a.png", EntryType::Regular, b"a"),
        member("./cat\\", EntryType::Regular, b""),
        END.to_vec(),
    ];
    assert_eq!(names(&opened("windows-dots.tar", &tar.concat()).expect("open")), ["cat/a.png"]);
    let tar = [member("top/a\\b.png", EntryType::Regular, b"a"), END.to_vec()];
    assert_eq!(names(&opened("unix.tar", &tar.concat()).expect("open")), ["top/a\\b.png"]);
    let tar = [member(".//top/./a.png", EntryType::Regular, b"a"), END.to_vec()];
    assert_eq!(names(&opened("dots.tar", &tar.concat()).expect("open")), ["top/a.png"]);
}
