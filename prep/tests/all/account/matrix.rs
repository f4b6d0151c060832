//! For every layout, packing and oddity, used and unused files add up to all files.

use std::collections::BTreeSet;
use std::path::Path;

use shared::dataset::Unused;
use shared::fs;

use super::{account, assert_adds_up, manifest};
use crate::util::drawn::{
    Files, Packing, celeba, cifar, coco, cub, cvat, drawn, folders, idx, labelme, named, npz,
    pairs, stylegan, table, voc, yolo,
};
use crate::util::{assert_same, build, rejects, stderr};
use shared::testing::Scratch;

type Draw = fn(&Scratch) -> Files;

/// Draws a source of each layout.
const LAYOUTS: [(&str, Draw); 14] = [
    ("cub", cub),
    ("folder", |_| folders()),
    ("voc", |_| voc()),
    ("coco", |_| coco()),
    ("csv", |_| table()),
    ("idx", |_| idx()),
    ("cifar", |_| cifar()),
    ("stylegan", |_| stylegan()),
    ("pairs", |_| pairs()),
    ("yolo", |_| yolo()),
    ("celeba", |_| celeba()),
    ("cvat", |_| cvat()),
    ("labelme", |_| labelme()),
    ("npz", |_| npz()),
];

/// Files beside a source: a text, an unrelated table, a picture in an unsupported format, a
/// thumbnail, a hidden file, an archive, and a picture not named like one.
fn beside() -> Files {
    let text = |name: &str| (name.to_owned(), b"some words\n".to_vec());
    let mut files: Files = [
        "README.md",
        "notes/log.xyz",
        "notes/extra.parquet",
        "notes/old.heic",
        "@eaDir/1.png/THUMB.jpg",
        ".DS_Store",
    ]
    .into_iter()
    .map(text)
    .collect();
    files.push(("notes/more.zip".to_owned(), b"PK".to_vec()));
    files.push(("notes/scan.orig".to_owned(), drawn(99)));
    files
}

/// A folder for one test, because tests run in parallel.
fn scratch(what: &str) -> Scratch {
    let test = std::thread::current().name().unwrap_or("test").replace("::", "-");
    Scratch::new(&format!("{what}-{test}"))
}

/// Builds the source in every packing; all accounts must add up, and the bytes be the same. Calls
/// `meant` for each.
fn in_every_packing(
    what: &str,
    files: &Files,
    links: &[(&str, &str)],
    flags: &[&str],
    meant: impl Fn(&str, &Path, &Path),
) {
    let scratch = scratch("matrix");
    let (out, wanted) = (scratch.path("out"), scratch.path("wanted"));
    for packing in Packing::ALL {
        let shown = format!("{what} as {packing:?}");
        let source =
            scratch.path(["source", "source.zip", "source.tar", "source.tar.gz"][packing as usize]);
        packing.write(&source, files, links);
        build(&source, &out, flags, 0);
        assert_adds_up(&shown, &out, files.len() + links.len());
        meant(&shown, &source, &out);
        if wanted.exists() {
            assert_same(&wanted, &out);
            fs::remove(&out).expect("remove");
        } else {
            fs::rename(&out, &wanted).expect("keep");
        }
    }
}

fn of_every_layout(mut check: impl FnMut(&str, Files)) {
    let scratch = scratch("drawn");
    for (name, layout) in LAYOUTS {
        check(name, layout(&scratch));
    }
}

/// All files are used, but for those of an earlier build.
fn assert_all_used(shown: &str, out: &Path) {
    let account = account(out);
    assert!(
        account.unused.iter().all(|unused: &Unused| unused.kind == "made"),
        "{shown}: {account}"
    );
}

#[test]
fn as_it_is_every_file_is_used() {
    of_every_layout(|name, files| {
        in_every_packing(name, &files, &[], &["--strict"], |shown, _, out| {
            assert_eq!(&*account(out).layout, name, "{shown}");
            assert_all_used(shown, out);
        });
    });
}

#[test]
fn what_lies_beside_is_accounted_for() {
    of_every_layout(|name, mut files| {
        files.extend(beside());
        in_every_packing(name, &files, &[], &[], |shown, source, out| {
            let account = account(out);
            assert_eq!(&*account.layout, name, "{shown}");
            let left = account
                .unused
                .iter()
                .filter(|u| u.kind != "made")
                .map(|u| u.tally.files)
                .sum::<u64>();
            assert_eq!(left, beside().len() as u64, "{shown}: {account}");
            let found: BTreeSet<String> = rejects(out).into_keys().collect();
            let ends = |end: &str| found.iter().any(|file| file.ends_with(end));
            assert!(ends("notes/old.heic") && ends("notes/scan.orig"), "{shown}: {found:?}");
            let refused = stderr(&build(source, &out.with_file_name("strict"), &["--strict"], 3));
            assert!(
                refused.contains("README.md") && refused.contains("--strict"),
                "{shown}: {refused}"
            );
        });
    });
}

/// The reason for rejecting the file whose name ends in `end`.
fn reason(out: &Path, end: &str) -> Option<String> {
    rejects(out).into_iter().find(|(file, _)| file.ends_with(end)).map(|(_, (reason, _))| reason)
}

#[test]
fn links_are_followed_within_the_source_and_named_where_they_lead_nowhere() {
    of_every_layout(|name, mut files| {
        files.extend(beside());
        in_every_packing(
            name,
            &files,
            &[("link.md", "README.md"), ("gone.png", "annex/1.png")],
            &[],
            |shown, _, out| {
                assert_eq!(&*account(out).layout, name, "{shown}");
                assert_eq!(reason(out, "gone.png").as_deref(), Some("dangling_link"), "{shown}");
            },
        );
    });
}

#[test]
fn links_that_lead_out_are_named() {
    let scratch = scratch("out");
    let files = folders();
    for packing in Packing::ALL {
        let (source, out) = (
            scratch.path(&format!("source-{packing:?}")),
            scratch.path(&format!("out-{packing:?}")),
        );
        packing.write(&source, &files, &[("train/out.png", "../../nowhere/1.png")]);
        build(&source, &out, &[], 0);
        assert_adds_up(&format!("{packing:?}"), &out, files.len() + 1);
        assert_eq!(reason(&out, "out.png").as_deref(), Some("dangling_link"), "{packing:?}");
    }
}

#[test]
fn a_link_stands_for_what_it_leads_to() {
    of_every_layout(|name, mut files| {
        // The first file of the layout is stored elsewhere, as in git-annex.
        let first = files[0].0.clone();
        files[0].0 = ".store/kept".to_owned();
        let target = "../".repeat(first.matches('/').count()) + ".store/kept";
        in_every_packing(name, &files, &[(&first, &target)], &[], |shown, _, out| {
            let account = account(out);
            let left: Vec<&str> = account
                .unused
                .iter()
                .filter(|u| u.kind != "made")
                .map(|unused| &*unused.kind)
                .collect();
            assert_eq!(
                (&*account.layout, &left[..]),
                (name, &["hidden"][..]),
                "{shown}: {account}"
            );
        });
    });
}

#[test]
fn backslashes_separate_folders() {
    of_every_layout(|name, mut files| {
        for (file, _) in &mut files {
            *file = file.replace('/', "\\");
        }
        in_every_packing(name, &files, &[], &[], |shown, _, out| {
            assert_eq!(&*account(out).layout, name, "{shown}");
            assert_all_used(shown, out);
        });
    });
}

#[test]
fn names_are_found_in_the_other_unicode_form() {
    of_every_layout(|name, files| {
        // "é" as two characters in the names of files, as one in the tables.
        let renamed = |file: &str| {
            let is_label = name == "yolo" && file.ends_with(".txt");
            if is_label {
                file.replace(".txt", "e\u{301}.txt")
            } else {
                file.replace(".png", "e\u{301}.png")
            }
        };
        let spelled = |(file, bytes): &(String, Vec<u8>)| match String::from_utf8(bytes.clone()) {
            Ok(text) => (renamed(file), text.replace(".png", "\u{e9}.png").into_bytes()),
            Err(_) => (renamed(file), bytes.clone()),
        };
        let plain = manifest_of(&files);
        in_every_packing(name, &files.iter().map(spelled).collect(), &[], &[], |shown, _, out| {
            assert_all_used(shown, out);
            let found = manifest(out);
            let counts = |manifest: &shared::dataset::Manifest| {
                manifest.splits.iter().map(|split| split.records).collect::<Vec<_>>()
            };
            assert_eq!(
                (&*found.format, &found.classes, counts(&found)),
                (name, &plain.classes, counts(&plain)),
                "{shown}"
            );
        });
    });
}

fn manifest_of(files: &Files) -> shared::dataset::Manifest {
    let scratch = scratch("plain");
    Packing::Folder.write(&scratch.path("source"), files, &[]);
    build(&scratch.path("source"), &scratch.path("out"), &[], 0);
    manifest(&scratch.path("out"))
}

#[test]
fn both_unicode_forms_side_by_side_are_two_names() {
    let names = ["caf\u{e9}/1.png", "cafe\u{301}/2.png", "tea/3.png"];
    let files = named(names.map(str::to_owned));
    in_every_packing("forms", &files, &[], &[], |shown, _, out| assert_all_used(shown, out));
}
