//! The flags of `prep build` through the program: crops, margins, channels, filters, several
//! sources, dry runs, sheets.
#![cfg(unix)]

use std::path::{Path, PathBuf};

use crate::util::{assert_same, build, gradient, prep, rejects, stderr, stdout, synth};
use shared::dataset::Dataset;
use shared::fs;
use shared::picture::{Limits, Picture};
use shared::testing::Scratch;

/// A table of pictures with boxes, classes and splits, and the pictures: one colour per picture,
/// objects in another.
fn boxed(folder: &Path) {
    fs::create_folder(folder).expect("make folder");
    let mut lines = String::from("path,label,x,y,width,height,split\n");
    for (name, objects, split) in [
        ("two.png", &[("cat", [4, 4, 16, 16]), ("dog", [30, 10, 20, 20])][..], "train"),
        ("full.png", &[("dog", [0, 0, 60, 38])], "train"),
        ("near.png", &[("cat", [10, 10, 20, 20]), ("dog", [20, 10, 20, 20])], "train"),
        ("tall.png", &[("cat", [5, 0, 4, 39])], "val"),
        ("tiny.png", &[("cat", [5, 5, 3, 3])], "test"),
    ] {
        let mut picture = gradient(60, 40);
        for (_, [x, y, w, h]) in objects {
            picture.paste(&Picture::filled(*w, *h, 3, 200), *x, *y);
            picture.paste(&Picture::filled(w / 2, h / 2, 3, 10), *x, *y);
        }
        fs::write(folder.join(name), &picture.to_png().expect("encode")).expect("write");
        for (label, [x, y, w, h]) in objects {
            lines += &format!("{name},{label},{x},{y},{w},{h},{split}\n");
        }
    }
    fs::write(folder.join("metadata.csv"), lines.as_bytes()).expect("write");
}

fn open(out: &Path) -> Dataset {
    Dataset::open(out).expect("open")
}

fn counts(dataset: &Dataset) -> Vec<(String, u64)> {
    dataset.manifest().splits.iter().map(|split| (split.name.clone(), split.records)).collect()
}

fn records(out: &Path, more: &[&str]) -> (u64, Vec<String>) {
    let source = out.parent().expect("parent").join("source");
    fs::remove(out).expect("remove");
    build(&source, out, more, 0);
    let total = counts(&open(out)).iter().map(|(_, n)| n).sum();
    (
        total,
        rejects(out).into_iter().map(|(file, (reason, _))| format!("{file} {reason}")).collect(),
    )
}

#[test]
fn policies_take_objects_and_wholes() {
    let scratch = Scratch::new("policies");
    boxed(&scratch.path("source"));
    let out = scratch.path("out");
    let all = ["--aspect", "off"];
    let with = |more: &[&str]| records(&out, &[&all[..], more].concat()).0;
    assert_eq!(with(&[]), 7, "every object");
    assert_eq!(counts(&open(&out)), [("train".into(), 5), ("val".into(), 1), ("test".into(), 1)]);
    assert_eq!(open(&out).manifest().classes, ["cat", "dog"]);
    let split = open(&out);
    let train = split.split("train").expect("train");
    let found: Vec<_> = (0..train.len())
        .map(|i| train.record(i).expect("record"))
        .map(|r| (r.source & 0xffff, r.source >> 32, r.label))
        .collect();
    assert_eq!(found.iter().map(|r| r.1).collect::<Vec<_>>(), [0, 1, 0, 0, 1], "{found:?}");
    assert_eq!(with(&["--objects", "largest"]), 5);
    assert_eq!(with(&["--crop", "bbox-plus-whole"]), 12);
    assert_eq!(with(&["--crop", "bbox-or-whole"]), 7);
    assert_eq!(with(&["--crop", "center"]), 5);
    assert_eq!(with(&["--classes", "dog"]), 3, "pictures without a dog are not looked at");
}

#[test]
fn filters_leave_out_with_the_reason_and_the_value() {
    let scratch = Scratch::new("filters");
    boxed(&scratch.path("source"));
    let out = scratch.path("out");
    assert_eq!(records(&out, &[]).1, ["tall.png aspect"]);
    assert_eq!(rejects(&out)["tall.png"].1, "9.75, outside 0.2 to 4");
    assert_eq!(records(&out, &["--min-side", "5"]).1, ["tall.png aspect", "tiny.png small_side"]);
    assert_eq!(
        records(&out, &["--aspect", "off", "--min-box-area", "0.05"]).1,
        ["tiny.png small_box"]
    );
    let (kept, names) = records(&out, &["--max-intruder", "0.2", "--aspect", "off"]);
    assert_eq!((kept, names), (5, vec!["near.png intruder".to_owned()]), "both objects of it");
    // A class that is not selected intrudes all the same.
    assert_eq!(
        records(&out, &["--max-intruder", "0.2", "--classes", "cat", "--aspect", "off"]).1,
        ["near.png intruder"]
    );
}

#[test]
fn nothing_is_left_when_every_picture_is_left_out() {
    let scratch = Scratch::new("none");
    boxed(&scratch.path("source"));
    let error = stderr(&build(
        &scratch.path("source"),
        &scratch.path("out"),
        &["--min-sharpness", "1e6"],
        3,
    ));
    assert!(error.contains("no picture for training") && error.contains("blurred"), "{error}");
    assert!(!scratch.path("out").exists());
}

#[test]
fn a_dry_run_tries_every_filter_and_writes_nothing() {
    let scratch = Scratch::new("trial");
    boxed(&scratch.path("source"));
    let table = stdout(&build(&scratch.path("source"), &scratch.path("out"), &["--dry-run"], 0));
    assert!(table.contains("5 pictures would give 6 (train 5, val 0, test 1)"), "{table}");
    let line = |word: &str| {
        table
            .lines()
            .find(|line| line.contains(word))
            .unwrap_or_else(|| panic!("{word}: {table}"))
            .to_owned()
    };
    assert!(line("--aspect 0.2:4 ").contains("1  tall.png (9.75, outside 0.2 to 4)"), "{table}");
    assert!(line("--min-side 8 (off)").contains("tiny.png (4, below 8)"), "{table}");
    assert!(line("--max-intruder 0.1 (off)").contains("near.png"), "{table}");
    assert!(line("  cat:").contains("train 2, test 1"), "{table}");
    assert_eq!(std::fs::read_dir(&scratch).expect("list").count(), 1, "only the source");
}

#[test]
fn a_margin_stores_more_and_shows_the_middle() {
    let scratch = Scratch::new("margin");
    boxed(&scratch.path("source"));
    let out = scratch.path("out");
    build(&scratch.path("source"), &out, &["--crop", "shorter-side"], 0);
    let dataset = open(&out);
    let manifest = dataset.manifest();
    assert_eq!(
        (manifest.size, manifest.stored, manifest.setting("margin")),
        (16, 20, "0.25".to_owned())
    );
    let train = dataset.split("train").expect("train");
    assert_eq!((train.room(), train.pixels(0).expect("pixels").len()), (4, 20 * 20 * 3));
    let (stored, shown) = (train.pixels(0).expect("pixels"), train.picture(0).expect("picture"));
    assert_eq!((shown.width, shown.height), (16, 16));
    assert_eq!(shown.pixels[..3], stored[(2 * 20 + 2) * 3..][..3]);
    assert_eq!(shown.pixels, train.window(stored, 2, 2));
    assert!(prep().arg("verify").arg(&out).output().expect("run").status.success());
}

/// Pairs in folders A and B below `train` and `val`, six and four; one of each part is blank.
fn pairs(folder: &Path) {
    for (part, count) in [("train", 6), ("val", 4)] {
        for side in ["A", "B"] {
            let at = folder.join(part).join(side);
            fs::create_folder(&at).expect("make folder");
            for i in 0..count {
                let seed = if side == "A" { i } else { i + 100 } + count * 10;
                let picture = if i == 3 {
                    Picture::filled(40, 30, 3, 90)
                } else {
                    crate::util::drawn("noise", seed, 40, 30, 3)
                };
                fs::write(at.join(format!("{i}.png")), &picture.to_png().expect("encode"))
                    .expect("write");
            }
        }
    }
}

#[test]
fn with_a_load_size_training_has_room_and_other_pairs_are_stored_whole() {
    let scratch = Scratch::new("load-size");
    let source = scratch.path("source");
    pairs(&source);
    let whole = ["--crop", "stretch", "--resample", "bicubic"];
    let built = |name: &str, flags: &[&str]| {
        build(&source, &scratch.path(name), &[&whole, flags].concat(), 0);
        open(&scratch.path(name))
    };
    let loaded = built("loaded", &["--load-size", "20"]);
    let (large, small) = (built("large", &["--size", "20"]), built("small", &[]));
    let manifest = loaded.manifest();
    assert_eq!((manifest.size, manifest.stored, manifest.held_out), (16, 20, Some(16)));
    assert_eq!((manifest.version, small.manifest().version), (4, 3));
    // Training pictures are those of a build of 20 pixels, the others those of one of 16.
    for (name, other, room) in [("train", &large, 4), ("val", &small, 0)] {
        let (split, other) =
            (loaded.split(name).expect("split"), other.split(name).expect("split"));
        assert_eq!((split.len(), split.room()), (other.len(), room), "{name}");
        for i in 0..split.len() {
            assert_eq!(split.pixels(i).expect("pixels"), other.pixels(i).expect("pixels"));
            let [a, b] = split.pair(i).expect("pair");
            let both = split.picture(i).expect("picture");
            assert_eq!((a.width, b.height, both.width, both.height), (16, 16, 32, 16));
            assert_eq!(both.pixels[..48], a.pixels[..48]);
            assert_eq!(both.pixels[48..96], b.pixels[..48]);
        }
    }
    // The middle of both halves, cut alike.
    let train = loaded.split("train").expect("split");
    let (stored, [a, b]) = (train.pixels(0).expect("pixels"), train.pair(0).expect("pair"));
    let row = &stored[2 * 2 * 20 * 3..][..2 * 20 * 3];
    assert_eq!((&a.pixels[..48], &b.pixels[..48]), (&row[6..54], &row[66..114]));
    // A blank pair of either part was left out; the sheet of them can be drawn.
    assert_eq!(rejects(&scratch.path("loaded")).len(), 2);
    let shown = |flags: &[&str], out: &str| {
        let mut shown = prep();
        shown.arg("show").arg(scratch.path("loaded")).args(flags).arg(scratch.path(out));
        shown.output().expect("run")
    };
    let sheet = shown(&["--rejects", "--out"], "rejects.png");
    assert!(sheet.status.success(), "{}", stderr(&sheet));
    let text = stdout(&sheet);
    assert!(text.contains("pairs of 16x16x3 (train stored 20x20) (train 5, val 3)"), "{text}");
    assert!(prep().arg("verify").arg(scratch.path("loaded")).status().expect("run").success());
    // In parts, and found again.
    for part in ["1/2", "2/2"] {
        let flags = [&whole[..], &["--load-size", "20", "--part", part]].concat();
        build(&source, &scratch.path("parts"), &flags, 0);
    }
    assert!(prep().arg("merge").arg(scratch.path("parts")).status().expect("run").success());
    assert_same(&scratch.path("loaded"), &scratch.path("parts"));
    let again = [&whole[..], &["--load-size", "20"]].concat();
    let again = stdout(&build(&source, &scratch.path("loaded"), &again, 0));
    assert!(again.contains("up to date"), "{again}");
    // The crops can be drawn from what the manifest records.
    let flags = ["--crops", source.to_str().expect("path"), "--out"];
    let crops = shown(&flags, "crops.png");
    assert!(crops.status.success(), "{}", stderr(&crops));
    let refused = build(&source, &scratch.path("refused"), &["--load-size", "15"], 2);
    assert!(stderr(&refused).contains("--load-size 15"), "{}", stderr(&refused));
    let refused =
        build(&source, &scratch.path("refused"), &["--load-size", "20", "--margin", "0.5"], 2);
    assert!(stderr(&refused).contains("--margin"), "{}", stderr(&refused));
}

#[test]
fn bars_and_transparency_take_the_background_and_grey_takes_one_channel() {
    let scratch = Scratch::new("pixels");
    let folder = scratch.path("source");
    fs::create_folder(&folder).expect("make folder");
    let mut wide = gradient(40, 20);
    wide.channels = 4;
    wide.pixels = wide
        .pixels
        .as_chunks::<3>()
        .0
        .iter()
        .enumerate()
        .flat_map(|(i, p)| [p[0], p[1], p[2], if i % 40 < 20 { 0 } else { 255 }])
        .collect();
    for name in ["a.png", "b.png", "c.png", "d.png"] {
        fs::write(folder.join(name), &wide.to_png().expect("encode")).expect("write");
    }
    let out = scratch.path("out");
    build(&folder, &out, &["--crop", "pad", "--background", "#ff8000", "--val-fraction", "0"], 0);
    let dataset = open(&out);
    let pixels = dataset.split("train").expect("train").pixels(0).expect("pixels");
    let at = |x: usize, y: usize| &pixels[(y * 16 + x) * 3..][..3];
    // 16×8 in the middle of 16×16: bars above and below, and the transparent half.
    assert_eq!([at(0, 0), at(15, 15), at(3, 8)], [[255, 128, 0]; 3]);
    assert_ne!(at(15, 8), [255, 128, 0]);
    let grey = scratch.path("grey");
    build(&folder, &grey, &["--channels", "1", "--background", "black", "--val-fraction", "0"], 0);
    let dataset = open(&grey);
    assert_eq!(
        (
            dataset.manifest().channels,
            dataset.split("train").expect("train").pixels(0).expect("pixels").len()
        ),
        (1, 256)
    );
    assert!(
        prep()
            .args(["show", "--out"])
            .arg(scratch.path("grey.png"))
            .arg(&grey)
            .output()
            .expect("run")
            .status
            .success()
    );
}

#[test]
fn several_sources_are_joined_by_the_names_of_their_classes() {
    let scratch = Scratch::new("sources");
    boxed(&scratch.path("source"));
    let folders = scratch.path("folders");
    for (class, count) in [("dog", 3), ("bird", 2)] {
        fs::create_folder(folders.join(class)).expect("make folder");
        for i in 0..count {
            fs::write(
                folders.join(class).join(format!("{i}.png")),
                &gradient(30 + i, 20).to_png().expect("encode"),
            )
            .expect("write");
        }
    }
    let out = scratch.path("out");
    let output = prep()
        .arg("build")
        .args([scratch.path("source"), folders])
        .args(["--size", "16", "--crop", "center", "--val-fraction", "0", "--out"])
        .arg(&out)
        .output()
        .expect("run");
    assert!(output.status.success(), "{}", stderr(&output));
    let dataset = open(&out);
    assert_eq!(dataset.manifest().classes, ["cat", "dog", "bird"]);
    assert_eq!(dataset.manifest().format, "csv+folder");
    let train = dataset.split("train").expect("train");
    let labels: Vec<_> = (0..train.len()).map(|i| train.label(i)).collect();
    // A picture of several classes has none.
    assert_eq!(labels[labels.len() - 5..], [Some(2), Some(2), Some(1), Some(1), Some(1)]);
    let mut numbers: Vec<u64> =
        (0..train.len()).map(|i| train.record(i).expect("record").source & 0xffff_ffff).collect();
    numbers.dedup();
    assert_eq!(numbers.len(), train.len(), "every picture has a number of its own: {numbers:?}");
}

#[test]
fn pairs_are_stored_beside_each_other_or_one_of_them_is_taken() {
    let scratch = Scratch::new("pairs");
    let folder = scratch.path("source");
    fs::create_folder(&folder).expect("make folder");
    for i in 0..4u8 {
        let mut both = Picture::filled(40, 20, 3, 30 * i);
        both.paste(&gradient(20, 20), 20, 0);
        both.pixels[5] = 255;
        fs::write(folder.join(format!("{i}.png")), &both.to_png().expect("encode")).expect("write");
    }
    let out = scratch.path("out");
    let flags = ["--format", "pairs", "--val-fraction", "0"];
    build(&folder, &out, &flags, 0);
    let dataset = open(&out);
    assert!(dataset.manifest().paired);
    let picture = dataset.split("train").expect("train").picture(1).expect("picture");
    assert_eq!((picture.width, picture.height), (32, 16));
    let limits = Limits::default();
    let source =
        Picture::decode(&fs::read(folder.join("1.png")).expect("read"), &limits).expect("decode");
    let last = |p: &Picture| p.pixels[p.stride() - 3..][..3].to_vec();
    assert!(last(&picture).iter().zip(last(&source)).all(|(a, b)| a.abs_diff(b) < 12));
    let one = scratch.path("one");
    build(&folder, &one, &[&flags[..], &["--side", "b"]].concat(), 0);
    let right = open(&one);
    assert!(!right.manifest().paired);
    let right = right.split("train").expect("train").picture(1).expect("picture");
    assert_eq!(right.pixels[..48], picture.pixels[48..96], "the right half, cut alike");
    let refused = stderr(&build(&folder, &scratch.path("x"), &["--side", "a"], 2));
    assert!(refused.contains("no pairs"), "{refused}");
    let refused =
        stderr(&build(&folder, &scratch.path("x"), &["--format", "pairs", "--crop", "bbox"], 2));
    assert!(refused.contains("--crop"), "{refused}");
}

#[test]
fn sheets_show_rejects_and_crops() {
    let scratch = Scratch::new("sheets");
    let (source, out) = (scratch.path("source"), scratch.path("out"));
    boxed(&source);
    build(&source, &out, &["--min-side", "5"], 0);
    let show = |words: &[&str], png: &str| {
        let path: PathBuf = scratch.path(png);
        let output =
            prep().arg("show").arg(&out).args(words).arg("--out").arg(&path).output().expect("run");
        assert!(output.status.success(), "{}", stderr(&output));
        Picture::decode(&fs::read(&path).expect("read"), &Limits::default()).expect("decode")
    };
    let rejected = show(&["--rejects"], "rejects.png");
    assert!(
        rejected.width > 2 * 130,
        "two cells wide enough for their reasons: {}",
        rejected.width
    );
    let crops = show(
        &["--crops", source.to_str().expect("path"), "-n", "5", "--columns", "2"],
        "crops.png",
    );
    let holds = |color: [u8; 3]| crops.pixels.as_chunks::<3>().0.contains(&color);
    assert!(holds([230, 40, 40]) && holds([20, 190, 60]), "boxes in red, windows in green");
    // A data set of an older version does not record enough.
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/dataset-v1");
    synth(&scratch.path("drawn"), 10);
    let output = prep()
        .arg("show")
        .arg(&old)
        .arg("--crops")
        .arg(scratch.path("drawn"))
        .arg("--out")
        .arg(scratch.path("x.png"))
        .output();
    assert_eq!(output.expect("run").status.code(), Some(2));
}
