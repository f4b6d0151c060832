//! Builds in parts, resumed builds, and stable splits.
#![cfg(unix)]

use std::collections::BTreeMap;

use crate::util::{
    Source, assert_same, build, bytes_of, caught, gradient, prep, rejects, stderr, stdout, synth,
};
use shared::dataset::Dataset;
use shared::testing::Scratch;
use shared::{fs, testing};

/// A change to the files of a part, by path.
type Damage<'a> = dyn Fn(&mut BTreeMap<std::path::PathBuf, Vec<u8>>) + 'a;

#[test]
fn parts_joined_give_the_bytes_of_one_build() {
    let scratch = Scratch::new("parts");
    let (source, whole, out) = (scratch.path("drawn"), scratch.path("whole"), scratch.path("out"));
    synth(&source, 1200);
    build(&source, &whole, &[], 0);
    let merge = || prep().arg("merge").arg(&out).output().expect("run");
    for part in ["3/3", "1/3"] {
        build(&source, &out, &["--part", part], 0);
    }
    let error = merge();
    assert_eq!(error.status.code(), Some(3), "{}", stdout(&error));
    assert!(stderr(&error).contains("--part 2/3"), "{}", stderr(&error));
    // A part built with other settings is detected.
    build(&source, &out, &["--part", "2/3", "--padding", "0.5"], 0);
    let error = merge();
    assert!(stderr(&error).contains("padding was 0.25, now 0.5"), "{}", stderr(&error));
    build(&source, &out, &["--part", "2/3"], 0);
    // A damaged chunk is detected, and repeating the part's command mends it.
    let chunk = out.join("part-1-of-3/chunk-000000");
    let mut bytes = fs::read(&chunk).expect("read");
    bytes[100] ^= 1;
    fs::write(&chunk, &bytes).expect("write");
    let error = merge();
    assert!(stderr(&error).contains("--part 1/3 again"), "{}", stderr(&error));
    build(&source, &out, &["--part", "1/3"], 0);
    let refused = build(&source, &out, &[], 2);
    assert!(stderr(&refused).contains("prep merge"), "{}", stderr(&refused));
    let merged = merge();
    assert!(merged.status.success(), "{}", stderr(&merged));
    assert_same(&whole, &out);
    let refused = build(&source, &out, &["--part", "1/3"], 2);
    assert!(stderr(&refused).contains("choose another --out"), "{}", stderr(&refused));
}

#[test]
fn a_build_goes_on_with_what_is_whole_and_sound() {
    let scratch = Scratch::new("resume");
    let (source, whole, out) = (scratch.path("drawn"), scratch.path("whole"), scratch.path("out"));
    synth(&source, 1200);
    build(&source, &whole, &[], 0);
    // A killed build leaves at most a finished part 1/1.
    build(&source, &scratch.path("parts"), &["--part", "1/1"], 0);
    let work = scratch.path(".out.work.fledge-tmp");
    let lay = |damage: &Damage<'_>| {
        let mut files = bytes_of(&scratch.path("parts/part-1-of-1"));
        damage(&mut files);
        fs::remove(&work).expect("remove");
        fs::create_folder(&work).expect("make folder");
        files.iter().for_each(|(name, bytes)| fs::write(work.join(name), bytes).expect("write"));
        fs::remove(&out).expect("remove");
        stderr(&build(&source, &out, &[], 0))
    };
    let chunk = || std::path::PathBuf::from("chunk-000001");
    let all = lay(&|_| {});
    assert!(all.contains("1200 of 1200 pictures were prepared before"), "{all}");
    assert_same(&whole, &out);
    let some = lay(&|files| {
        let torn = files[&chunk()].len() / 2;
        files.get_mut(&chunk()).expect("chunk").truncate(torn);
    });
    assert!(some.contains("688 of 1200 pictures were prepared before"), "{some}");
    assert_same(&whole, &out);
    let none =
        lay(&|files| files.get_mut(std::path::Path::new("work.json")).expect("work")[30] ^= 1);
    assert!(!none.contains("prepared before"), "{none}");
    assert_same(&whole, &out);
    assert!(!work.exists());
}

#[test]
fn adding_pictures_moves_no_other() {
    let scratch = Scratch::new("stable");
    let folder = scratch.path("pictures");
    fs::create_folder(&folder).expect("make folder");
    let add = |from: u32, to: u32| {
        for i in from..to {
            fs::write(folder.join(format!("{:03}.png", (i * 37) % 200)), &drawn(i)).expect("write");
        }
    };
    // By content: the pixels of val before and after.
    let val = |out: &str| {
        build(&folder, &scratch.path(out), &["--val-fraction", "0.3", "--seed", "4"], 0);
        let dataset = Dataset::open(&scratch.path(out)).expect("open");
        let pixels = |split: &str| {
            let split = dataset.split(split).expect("split");
            (0..split.len()).map(|i| split.pixels(i).expect("pixels").to_vec()).collect::<Vec<_>>()
        };
        (pixels("train"), pixels("val"))
    };
    add(0, 60);
    let (train, before) = val("before");
    assert!((8..30).contains(&before.len()), "{} of 60", before.len());
    add(60, 120);
    let (more_train, after) = val("after");
    assert!(before.iter().all(|pixels| after.contains(pixels)));
    assert!(train.iter().all(|pixels| more_train.contains(pixels)));
    assert!(after.len() > before.len());
}

/// A picture that is no near-duplicate of the others.
fn drawn(i: u32) -> Vec<u8> {
    let mut picture = gradient(24, 24);
    let mut stream = shared::rng::stream(u64::from(i), "parts test", 0);
    let blocks: Vec<u8> = (0..64).map(|_| stream.below(256) as u8).collect();
    for (n, v) in picture.pixels.iter_mut().enumerate() {
        let (x, y) = (n / 3 % 24, n / 3 / 24);
        *v = blocks[y / 3 * 8 + x / 3];
    }
    picture.to_png().expect("encode")
}

#[test]
fn near_duplicates_do_not_straddle_a_drawn_split_and_are_left_out_on_request() {
    let scratch = Scratch::new("near");
    let folder = scratch.path("pictures");
    fs::create_folder(&folder).expect("make folder");
    for i in 0..40 {
        let bytes = drawn(i);
        fs::write(folder.join(format!("{i:02}-a.png")), &bytes).expect("write");
        // The same picture a little lighter, and an identical one.
        let mut near =
            shared::picture::Picture::decode(&bytes, &shared::picture::Limits::default())
                .expect("decode");
        near.pixels.iter_mut().for_each(|v| *v = *v / 8 * 7 + 20);
        fs::write(folder.join(format!("{i:02}-b.png")), &near.to_png().expect("encode"))
            .expect("write");
        if i < 3 {
            fs::write(folder.join(format!("{i:02}-c.png")), &bytes).expect("write");
        }
    }
    let out = scratch.path("out");
    let printed = stdout(&build(&folder, &out, &["--val-fraction", "0.4"], 0));
    assert!(printed.contains("3 files equal an earlier one"), "{printed}");
    let dataset = Dataset::open(&out).expect("open");
    let straddling = dataset.manifest().rejects["straddles_split"];
    assert!(straddling > 5, "{printed}");
    let all = rejects(&out);
    assert!(
        all.values()
            .all(|(reason, value)| reason == "straddles_split" && value.contains("bits from")),
        "{all:?}"
    );
    let numbers = |split: &str| {
        let split = dataset.split(split).expect("split");
        (0..split.len()).map(|i| split.record(i).expect("record").source).collect::<Vec<_>>()
    };
    // Files are sorted by name: pictures 0 to 2 have three files each, later ones two.
    let scene = |n: u64| if n < 9 { n / 3 } else { (n - 9) / 2 + 3 };
    let (train, val) = (numbers("train"), numbers("val"));
    assert!(val.iter().all(|v| !train.iter().any(|t| scene(*t) == scene(*v))));
    assert_eq!(train.len() + val.len() + straddling as usize, 83);

    let out = scratch.path("distinct");
    let printed = stdout(&build(&folder, &out, &["--near-duplicates", "12"], 0));
    assert!(printed.contains("43 pictures rejected (near_duplicate 43)"), "{printed}");
}

#[test]
fn more_pictures_than_can_wait_in_memory_give_the_same_bytes() {
    let scratch = Scratch::new("waiting");
    let folder = scratch.path("pictures");
    fs::create_folder(&folder).expect("make folder");
    for i in 0..120 {
        fs::write(folder.join(format!("{i:03}.png")), &drawn(i)).expect("write");
        if i % 40 == 0 {
            fs::write(folder.join(format!("{i:03}-same.png")), &drawn(i)).expect("write");
        }
    }
    fs::write(
        folder.join("050-blank.png"),
        &shared::picture::Picture::filled(9, 9, 3, 7).to_png().expect("encode"),
    )
    .expect("write");
    // 16 MiB hold 85 pictures of 256×256; with --near-duplicates all wait, without it those for
    // training are written at once.
    let flags = ["--size", "256", "--val-fraction", "0"];
    let (plain, distinct) = (scratch.path("plain"), scratch.path("distinct"));
    build(&folder, &distinct, &[&flags[..], &["--near-duplicates", "0"]].concat(), 0);
    let left_out = rejects(&distinct);
    let reasons: Vec<_> =
        left_out.iter().map(|(file, (reason, _))| format!("{file} {reason}")).collect();
    assert_eq!(
        reasons,
        [
            "000.png near_duplicate",
            "040.png near_duplicate",
            "050-blank.png blank",
            "080.png near_duplicate"
        ]
    );
    // The same without those three files, and no waiting.
    for i in [0, 40, 80] {
        fs::remove(folder.join(format!("{i:03}.png"))).expect("remove");
    }
    build(&folder, &plain, &flags, 0);
    let pixels = |out: &std::path::Path| {
        let dataset = Dataset::open(out).expect("open");
        let train = dataset.split("train").expect("train");
        (0..train.len()).map(|i| train.pixels(i).expect("pixels").to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(pixels(&plain).len(), 120);
    assert!(pixels(&plain) == pixels(&distinct));
    // A random split in which most wait: nothing is lost, and all are in the right split.
    let drawn = scratch.path("drawn");
    build(&folder, &drawn, &["--size", "256", "--val-fraction", "0.9"], 0);
    let counts: Vec<u64> = Dataset::open(&drawn)
        .expect("open")
        .manifest()
        .splits
        .iter()
        .map(|split| split.records)
        .collect();
    assert!(counts[1] > 85 && counts[0] + counts[1] == 120, "{counts:?}");
    assert!(prep().arg("verify").arg(&drawn).output().expect("run").status.success());
}

#[test]
fn a_list_names_the_pictures_for_measuring() {
    let scratch = Scratch::new("list");
    let mut source = Source::default();
    for i in 0..6 {
        source.add_boxed(&format!("{i}.png"), "2 2 20 20");
    }
    source.write(&scratch.path("source"));
    let list = scratch.path("val.txt");
    fs::write(&list, b"images/4.png\n\nimages/1.png\n").expect("write");
    let list = list.to_str().expect("path");
    build(&scratch.path("source"), &scratch.path("out"), &["--val-list", list], 0);
    let dataset = Dataset::open(&scratch.path("out")).expect("open");
    let val = dataset.split("val").expect("val");
    assert_eq!(
        (0..val.len()).map(|i| val.record(i).expect("record").source).collect::<Vec<_>>(),
        [2, 5]
    );
    fs::write(list, b"images/9.png\n").expect("write");
    let error =
        stderr(&build(&scratch.path("source"), &scratch.path("x"), &["--val-list", list], 2));
    assert!(error.contains("images/9.png"), "{error}");
}

#[test]
fn a_second_process_on_one_folder_is_refused_and_a_killed_one_is_no_owner() {
    let scratch = Scratch::new("owner");
    let (source, out, lock) =
        (scratch.path("drawn"), scratch.path("out"), scratch.path(".out.lock.fledge-tmp"));
    synth(&source, 1500);
    let mut command = prep();
    command.arg("build").arg(&source).arg("--out").arg(&out).args(["--size", "16", "--jobs", "1"]);
    // Stopped, so that it cannot end before the second one checks.
    let mut first = caught(&mut command, &out, |mut child| {
        let stopped = testing::stop(&child).expect("stop");
        if stopped {
            return Some(child);
        }
        assert!(child.wait().expect("wait").success());
        None
    });
    let refused = stderr(&build(&source, &out, &["--jobs", "1"], 2));
    assert!(refused.contains("another prep is building it"), "{refused}");
    assert!(lock.exists());
    first.kill().expect("kill");
    first.wait().expect("wait");
    build(&source, &out, &["--jobs", "1"], 0);
    assert!(!lock.exists());
}
