//! `prep build` through the program: reproducible bytes, nothing lost, clear refusals.
#![cfg(unix)]

use crate::util::{Source, assert_same, build, bytes_of, rejects, run, stderr, stdout, synth};
use shared::dataset::Dataset;
use shared::fs;
use shared::testing::Scratch;

#[test]
fn one_two_and_sixteen_threads_and_a_zip_give_the_same_bytes() {
    let scratch = Scratch::new("threads");
    let source = scratch.path("drawn");
    synth(&source, 60);
    build(&source, &scratch.path("a"), &["--jobs", "1"], 0);
    for jobs in ["2", "16"] {
        build(&source, &scratch.path(jobs), &["--jobs", jobs], 0);
        assert_same(&scratch.path("a"), &scratch.path(jobs));
    }
    // Another order of the folder: the files rewritten in reverse, below another root, and as a
    // zip.
    let (moved, zip) = (scratch.path("moved/deep/er"), scratch.path("source.zip"));
    let files = bytes_of(&source);
    for (name, bytes) in files.iter().rev() {
        fs::create_folder(moved.join(name).parent().expect("parent")).expect("make folder");
        fs::write(moved.join(name), bytes).expect("write");
    }
    fs::write_with(&zip, |out| {
        let mut zip = zip::ZipWriter::new(out);
        for (name, bytes) in files.iter().rev() {
            zip.start_file(
                format!("top/{}", name.display()),
                zip::write::SimpleFileOptions::default(),
            )?;
            std::io::Write::write_all(&mut zip, bytes)?;
        }
        zip.finish()?;
        Ok(())
    })
    .expect("write zip");
    for (name, source) in [("from-moved", scratch.path("moved")), ("from-zip", zip)] {
        build(&source, &scratch.path(name), &[], 0);
        assert_same(&scratch.path("a"), &scratch.path(name));
    }
}

#[test]
fn labels_splits_and_order_are_those_of_the_source() {
    let scratch = Scratch::new("order");
    let (source, out) = (scratch.path("drawn"), scratch.path("out"));
    synth(&source, 50);
    build(&source, &out, &[], 0);
    let dataset = Dataset::open(&out).expect("open");
    assert_eq!(dataset.manifest().classes.len(), 5);
    let (train, val) = (dataset.split("train").expect("train"), dataset.split("val").expect("val"));
    assert_eq!((train.len(), val.len()), (40, 10));
    let ids: Vec<u64> = (0..val.len()).map(|i| val.record(i).expect("record").source).collect();
    assert_eq!(ids, (0..10).map(|i| i * 5 + 1).collect::<Vec<_>>());
    assert_eq!((train.label(0), train.label(39), val.label(9)), (Some(0), Some(4), Some(4)));
    let error = dataset.split("test").expect_err("there is no such split").to_string();
    assert!(error.contains("train, val"), "{error}");
}

#[test]
fn a_second_build_is_up_to_date_and_another_one_needs_force() {
    let scratch = Scratch::new("again");
    let (source, out) = (scratch.path("drawn"), scratch.path("out"));
    synth(&source, 10);
    build(&source, &out, &[], 0);
    let before = bytes_of(&out);
    assert!(stdout(&build(&source, &out, &["--jobs", "2"], 0)).contains("up to date"));
    let refused = stderr(&build(&source, &out, &["--padding", "0.5"], 2));
    assert!(
        refused.contains("--force") && refused.contains("padding was 0.25, now 0.5"),
        "{refused}"
    );
    let picture = source.join("images/001.Bird/Bird_00001.jpg");
    fs::write(&picture, b"no longer a bird").expect("write");
    let refused = stderr(&build(&source, &out, &[], 2));
    assert!(refused.contains("--force") && refused.contains("pictures"), "{refused}");
    assert_eq!(bytes_of(&out), before);
    build(&source, &out, &["--force"], 0);
    let stamp =
        || std::fs::metadata(out.join("dataset.json")).and_then(|m| m.modified()).expect("time");
    let written = stamp();
    assert!(stdout(&build(&source, &out, &["--force"], 0)).contains("up to date"));
    assert_eq!(stamp(), written);
    assert_eq!(Dataset::open(&out).expect("open").manifest().rejects["unsupported_format"], 1);
    fs::write(out.join("notes.txt"), b"mine").expect("write");
    let refused = stderr(&build(&source, &out, &["--force"], 2));
    assert!(refused.contains("notes.txt"), "{refused}");
}

#[test]
fn boxes_that_cannot_be_cut_are_rejected_with_the_reason() {
    let scratch = Scratch::new("boxes");
    let mut source = Source::default();
    for (name, bounding_box) in [
        ("sound.png", "5 5 20 20"),
        ("sticks_out.png", "-3.5 -2 30 40.5"),
        ("one_pixel.png", "7 7 1 1"),
        ("corner.png", "39 29 1 1"),
        ("no_area.png", "5 5 0 10"),
        ("negative.png", "5 5 10 -4"),
        ("not_a_number.png", "5 5 nan 4"),
        ("outside.png", "100 5 10 10"),
        ("missing.png", ""),
    ] {
        source.add_boxed(name, bounding_box);
    }
    source.write(&scratch.path("source"));
    let out = scratch.path("out");
    // A single pixel is of one colour, which does not matter here.
    let printed = stdout(&build(&scratch.path("source"), &out, &["--min-contrast", "off"], 0));
    assert!(
        printed.contains("5 pictures rejected (box_outside 1, empty_box 3, no_box 1)"),
        "{printed}"
    );
    let reasons: Vec<_> =
        rejects(&out).into_iter().map(|(file, (reason, _))| format!("{file} {reason}")).collect();
    assert_eq!(
        reasons,
        [
            "images/missing.png no_box",
            "images/negative.png empty_box",
            "images/no_area.png empty_box",
            "images/not_a_number.png empty_box",
            "images/outside.png box_outside"
        ]
    );
}

#[test]
fn a_malformed_line_is_named() {
    let scratch = Scratch::new("lines");
    let folder = scratch.path("source");
    for (table, text, wanted) in [
        ("bounding_boxes.txt", "1 2 3 4 5\n1 2 3 4 5\n", "bounding_boxes.txt, line 2"),
        ("bounding_boxes.txt", "1 2 3 4\n", "\"2 3 4\" is not x, y, width and height"),
        ("images.txt", "1 a.png\none b.png\n", "images.txt, line 2"),
        ("images.txt", "1 a.png\n1 b.png\n", "picture 1 is already in line 1"),
        ("train_test_split.txt", "1 2\n", "\"2\" is neither 1 (training) nor 0 (testing)"),
        ("image_class_labels.txt", "1 9\n", "class 9 is not in classes.txt"),
    ] {
        let mut source = Source::default();
        source.add_boxed("a.png", "1 1 5 5");
        source.write(&folder);
        fs::write(folder.join(table), text.as_bytes()).expect("write");
        let error = stderr(&build(&folder, &scratch.path("out"), &[], 3));
        assert!(error.contains(wanted), "{error}");
        assert!(!scratch.path("out").exists());
    }
}

#[test]
fn a_missing_table_names_the_flag_that_does_without() {
    let scratch = Scratch::new("tables");
    let (folder, out) = (scratch.path("source"), scratch.path("out"));
    synth(&folder, 10);
    fs::remove(folder.join("bounding_boxes.txt")).expect("remove");
    let error = stderr(&build(&folder, &out, &["--crop", "bbox"], 2));
    assert!(error.contains("--crop center"), "{error}");
    fs::remove(folder.join("train_test_split.txt")).expect("remove");
    let error = stderr(&build(&folder, &out, &["--split-from-source"], 2));
    assert!(error.contains("--val-fraction"), "{error}");
    // Without flags: the middle, and a random tenth for val.
    let printed = stdout(&build(&folder, &out, &[], 0));
    assert!(printed.contains("10 pictures of 16x16x3 in 5 classes"), "{printed}");
    let manifest = Dataset::open(&out).expect("open").manifest().clone();
    assert_eq!(
        (manifest.setting("crop"), manifest.setting("split")),
        ("center".to_owned(), "draw".to_owned())
    );
    let error = stderr(&build(&scratch.path("out"), &scratch.path("x"), &["--format", "cub"], 3));
    assert!(error.contains("holds no images.txt"), "{error}");
}

#[test]
fn classes_are_chosen_by_name_or_number() {
    let scratch = Scratch::new("chosen-classes");
    let (source, out) = (scratch.path("drawn"), scratch.path("out"));
    synth(&source, 50);
    build(&source, &out, &["--classes", "Fish,005"], 0);
    let dataset = Dataset::open(&out).expect("open");
    assert_eq!(dataset.manifest().classes, ["002.Fish", "005.Mushroom"]);
    assert_eq!(dataset.split("train").expect("train").len(), 16);
    let error = stderr(&build(&source, &scratch.path("x"), &["--classes", "Whale"], 2));
    assert!(error.contains("--classes Whale"), "{error}");
}

#[test]
fn wrong_values_are_refused_with_their_flag() {
    for (words, wanted) in [
        (&["--size", "0"][..], "--size 0"),
        (&["--padding=-1"], "--padding"),
        (&["--padding", "wide"], "neither a fraction"),
        (&["--part", "9/8"], "--part"),
        (&["--background", "#12"], "#rrggbb"),
        (&["--aspect", "4:0.2"], "low:high"),
        (&["--margin", "9"], "--margin 9"),
        (&["--crop", "center", "--objects", "largest"], "--objects"),
        (&["--whole", "pad"], "--whole"),
        (&["--channels", "2"], "--channels 2"),
        (&["--jobs", "0"], "--jobs 0"),
        (&["--val-fraction", "1.5"], "--val-fraction 1.5"),
        (&["--crop", "none", "--padding", "0.1"], "--padding needs a box"),
    ] {
        let words: Vec<&str> =
            ["build", "nowhere", "--out", "never"].iter().chain(words).copied().collect();
        let output = run(&words);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(wanted), "{words:?}: {}", stderr(&output));
    }
}
