//! No file of a source is ignored silently, and the splits of the source's own folders are kept.
#![cfg(unix)]

mod matrix;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::util::drawn::{Files, Packing, drawn, folders, named, with};
use crate::util::{assert_same, build, bytes_of, prep, rejects, run, stderr, stdout};
use shared::dataset::{Account, Dataset, Manifest};
use shared::fs;
use shared::testing::Scratch;

fn write(folder: &Path, files: &Files) {
    Packing::Folder.write(folder, files, &[]);
}

pub(crate) fn manifest(out: &Path) -> Manifest {
    Dataset::open(out).expect("open").manifest().clone()
}

pub(crate) fn account(out: &Path) -> Account {
    manifest(out).account.first().expect("an account").clone()
}

/// Checks that the numbers of an account add up, and that unused pictures are rejects.
pub(crate) fn assert_adds_up(what: &str, out: &Path, files: usize) {
    let account = account(out);
    assert_eq!(account.files, files as u64, "{what}: {account}");
    assert_eq!(
        account.pictures + account.tables.files + account.left_over(),
        account.files,
        "{what}: {account}"
    );
    let kinds = ["not_listed", "unread_picture", "link"];
    let pictures: u64 =
        account.unused.iter().filter(|u| kinds.contains(&&*u.kind)).map(|u| u.tally.files).sum();
    let manifest = manifest(out);
    let rejected: u64 = manifest.rejects.values().sum();
    assert!(rejected >= pictures, "{what}: {account} but {:?}", manifest.rejects);
    let listed = shared::jsonl::read(&out.join("rejects.jsonl")).expect("read").len() as u64;
    assert_eq!(listed, rejected, "{what}");
}

#[test]
fn pictures_that_the_table_does_not_name_are_rejects_and_do_not_spoil_what_is_there() {
    let scratch = Scratch::new("unlisted");
    let (source, out) = (scratch.path("source"), scratch.path("out"));
    let mut files = named((0..12).map(|i| format!("{}/{i:02}.png", ["a", "b", "c"][i / 4])));
    files = with(
        files,
        "metadata.csv",
        "file_name,label\na/00.png,x\na/01.png,y\na/02.png,x\nlost.png,y\n",
    );
    write(&source, &files);
    let printed = build(&source, &out, &[], 0);
    assert!(
        stdout(&printed).contains("not_listed 9")
            && stderr(&printed).contains("known by metadata.csv"),
        "{}",
        stderr(&printed)
    );
    assert_eq!(
        rejects(&out)["b/04.png"],
        ("not_listed".to_owned(), "not named by metadata.csv".to_owned())
    );
    assert_eq!(account(&out).missing.examples, ["lost.png"]);
    let shown = stdout(&run([Path::new("show"), &out]));
    assert!(
        shown.contains("9 not used: not named by metadata.csv (a/03.png, b/04.png, b/05.png, …)"),
        "{shown}"
    );
    let tried = stdout(&build(&source, &scratch.path("dry"), &["--dry-run"], 0));
    assert!(tried.contains("not_listed") && tried.contains("known by metadata.csv"), "{tried}");
    let refused = stderr(&build(&source, &scratch.path("strict"), &["--strict"], 3));
    assert!(refused.contains("a/03.png") && refused.contains("lost.png"), "{refused}");
    // An unused file does not change the data set; --force updates the account.
    let before = bytes_of(&out);
    fs::write(source.join("d.png"), &drawn(50)).expect("write");
    let again = build(&source, &out, &[], 0);
    assert!(
        stdout(&again).contains("up to date") && stderr(&again).contains("--force"),
        "{}",
        stderr(&again)
    );
    assert_eq!(bytes_of(&out), before);
    build(&source, &out, &["--force"], 0);
    assert!(rejects(&out).contains_key("d.png"));
    assert!(stdout(&build(&source, &out, &["--force"], 0)).contains("up to date"));
    // Parts give the same.
    let parts = scratch.path("parts");
    for part in ["1/2", "2/2"] {
        build(&source, &parts, &["--part", part], 0);
    }
    assert!(run([Path::new("merge"), &parts]).status.success());
    assert_same(&out, &parts);
}

#[test]
fn a_source_of_links_to_nothing_says_what_fetches_them() {
    let scratch = Scratch::new("annex");
    let source = scratch.path("source/cat");
    fs::create_folder(&source).expect("make folder");
    symlink(".git/annex/objects/0.jpg", source.join("0.jpg")).expect("link");
    let refused = stderr(&build(&scratch.path("source"), &scratch.path("out"), &[], 2));
    for wanted in ["cat/0.jpg", "git annex get", "dvc pull"] {
        assert!(refused.contains(wanted), "{refused}");
    }
}

/// The number of pictures of every split.
fn splits(out: &Path) -> Vec<(String, u64)> {
    manifest(out).splits.iter().map(|split| (split.name.clone(), split.records)).collect()
}

#[test]
fn the_split_of_the_sources_folders_is_kept_in_every_layout() {
    let scratch = Scratch::new("splits");
    let xml = |name: &str, class: &str| {
        let bounds = "<bndbox><xmin>2</xmin><ymin>2</ymin><xmax>20</xmax><ymax>20</ymax></bndbox>";
        format!(
            "<annotation><filename>{name}</filename><object><name>{class}</name>{bounds}</object></annotation>"
        )
    };
    let annotated = |names: &[&str], beside: fn(&str) -> String| {
        let mut files = named(names.iter().map(|name| (*name).to_owned()));
        for name in names {
            let last = name.rsplit('/').next().expect("name");
            files.push((beside(name).replace(".png", ".xml"), xml(last, "bird").into_bytes()));
        }
        files
    };
    let plain = |names: &[&str]| named(names.iter().map(|name| (*name).to_owned()));
    let three: &[(&str, u64)] = &[("train", 2), ("val", 1), ("test", 1)];
    let two: &[(&str, u64)] = &[("train", 2), ("val", 1)];
    type Case<'a> = (&'a str, Files, &'a [(&'a str, u64)]);
    let cases: Vec<Case<'_>> = vec![
        (
            "voc roboflow",
            annotated(&["train/a.png", "train/b.png", "valid/c.png", "test/d.png"], str::to_owned),
            three,
        ),
        (
            "voc same names",
            annotated(&["train/0.png", "train/1.png", "test/0.png"], str::to_owned),
            two,
        ),
        (
            "voc two trees",
            annotated(&["images/train/a.png", "images/train/b.png", "images/val/c.png"], |name| {
                name.replace("images", "annotations")
            }),
            two,
        ),
        (
            "metadata.csv at the top",
            with(
                plain(&["train/a.png", "train/b.png", "test/c.png"]),
                "metadata.csv",
                "file_name,label\ntrain/a.png,x\ntrain/b.png,y\ntest/c.png,x\n",
            ),
            two,
        ),
        (
            "metadata.csv in train only",
            with(
                plain(&["train/a.png", "train/b.png", "test/c.png"]),
                "train/metadata.csv",
                "file_name,label\na.png,x\nb.png,y\n",
            ),
            two,
        ),
        (
            "dataset.json over folders",
            with(
                plain(&["train/a.png", "train/b.png", "test/c.png"]),
                "dataset.json",
                r#"{"labels":[["train/a.png",0],["train/b.png",1],["test/c.png",0]]}"#,
            ),
            two,
        ),
        ("years", plain(&["train2017/a.png", "train2017/b.png", "val2017/c.png"]), two),
        ("sets", plain(&["training_set/x/a.png", "training_set/y/b.png", "test_set/x/c.png"]), two),
        (
            "words",
            plain(&["Training/a.png", "Training/b.png", "dev/c.png", "Testing/d.png"]),
            three,
        ),
        (
            "both below classes",
            plain(&["x/train/a.png", "x/test/c.png", "y/train/b.png", "y/test/d.png"]),
            &[("train", 2), ("val", 2)],
        ),
        ("one folder for testing", plain(&["cat/a.png", "dog/b.png", "test/c.png"]), two),
        (
            "two sets",
            plain(&["trainA/0.png", "trainB/0.png", "testA/1.png", "testB/1.png"]),
            &[("train", 2), ("val", 2)],
        ),
    ];
    for (name, files, wanted) in cases {
        let (source, out) = (scratch.path("source"), scratch.path("out"));
        write(&source, &files);
        build(&source, &out, &["--min-contrast", "off"], 0);
        let wanted: Vec<(String, u64)> =
            wanted.iter().map(|(split, count)| ((*split).to_owned(), *count)).collect();
        assert_eq!(splits(&out), wanted, "{name}");
        let classes = manifest(&out).classes;
        match name {
            "two sets" => assert_eq!(classes, ["A", "B"]),
            "both below classes" | "sets" => assert_eq!(classes, ["x", "y"]),
            _ => {}
        }
        fs::remove(&source).and_then(|()| fs::remove(&out)).expect("remove");
    }
}

#[test]
fn an_output_inside_its_source_is_no_part_of_it() {
    let scratch = Scratch::new("inside");
    let source = scratch.path("source");
    write(&source, &folders());
    let build = |out: &str, size: &str| {
        let words = ["build", ".", "--out", out, "--size", size];
        let output = prep().args(words).current_dir(&source).output().expect("run prep");
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output)
    };
    build("d", "16");
    assert!(build("d", "16").contains("up to date"));
    // Nor is the output of another build.
    build("deep/other", "8");
    let other = account(&source.join("deep/other"));
    assert_eq!(
        (other.pictures, other.left_over(), &*other.unused[0].kind),
        (12, 1, "made"),
        "{other}"
    );
    assert_eq!(manifest(&source.join("deep/other")).classes, ["cat", "dog"]);
    assert!(build("d", "16").contains("up to date"));
}

#[test]
fn thumbnails_and_recycle_bins_are_no_classes() {
    let scratch = Scratch::new("system");
    let (source, out) = (scratch.path("source"), scratch.path("out"));
    let kept = [
        "@eaDir/1.png/T.jpg",
        "$RECYCLE.BIN/S-1/x.png",
        "#recycle/y.png",
        "lost+found/z.png",
        ".Trash-1000/files/u.png",
    ];
    let pictures = ["cat/1.png", "dog/2.png", "cat/3.png", "dog/4.png"];
    write(&source, &named(pictures.iter().chain(&kept).map(|name| (*name).to_owned())));
    build(&source, &out, &["--strict"], 0);
    assert_eq!(
        (manifest(&out).classes, account(&out).left_over()),
        (vec!["cat".to_owned(), "dog".to_owned()], 5)
    );
    assert_adds_up("system files", &out, 9);
}

#[test]
fn hidden_files_in_an_output_do_not_bar_it_and_stay() {
    let scratch = Scratch::new("hidden");
    let (source, out) = (scratch.path("source"), scratch.path("out"));
    write(&source, &folders());
    fs::create_folder(&out).expect("make folder");
    fs::write(out.join(".keep"), b"mine").expect("write");
    build(&source, &out, &[], 0);
    build(&source, &out, &["--size", "8", "--force"], 0);
    assert_eq!(fs::read(out.join(".keep")).expect("read"), b"mine");
}

#[test]
fn a_mount_point_is_refused_before_any_work() {
    let scratch = Scratch::new("mount");
    let source = scratch.path("source");
    write(&source, &folders());
    // /proc is a mount point on every machine.
    let refused = stderr(&build(&source, Path::new("/proc"), &[], 2));
    assert!(refused.contains("mount point") && refused.contains("/proc/data"), "{refused}");
}
