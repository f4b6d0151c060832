//! `sample translate` through the program, with drawn runs of a small translator.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use sample::translation::pieces::{Pieces, rounded};
use shared::dataset::{FileSummary, MANIFEST, Manifest, SplitManifest, VERSION};
use shared::fs;
use shared::nn::run::Which;
use shared::nn::sampler::{Drawn, Manner, Sampler, Statistics, Weights};
use shared::picture::{Picture, Window};
use shared::shard::{Layout, ShardWriter};
use shared::testing::{Scratch, largest_difference};

use crate::common::{contents, decode, files_in, names, refuse, run, succeed, translators};
use crate::drawn::noise;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The sampler of a generator of the run.
fn opened(run: &Path, role: &str) -> Sampler {
    let role = Some(role);
    Sampler::open_role(run, Which::Latest, Weights::Averaged, role, &Device::flex()).unwrap().0
}

/// The expected result of a picture without dropout.
fn translated(sampler: &Sampler, multiple: u32, picture: &Picture) -> Picture {
    let manner = Manner { dropout: false, ..Manner::default() };
    let drawn = Drawn { seed: 0, name: "", piece: 0 };
    let values = Pieces { multiple, tiles: None }
        .apply(picture, |piece, _| Some(sampler.translation(piece, manner, drawn)));
    rounded(&values.unwrap(), picture)
}

/// A folder with pictures of several extents, one of them in a folder below.
fn sources(scratch: &Scratch) -> (PathBuf, Vec<(&'static str, Picture)>) {
    let folder = scratch.path("sources");
    let pictures = [("a.png", 16, 16), ("b.c.png", 23, 9), ("below/d.png", 3, 40)]
        .map(|(name, width, height)| (name, noise(u64::from(width), width, height, 3)));
    for (name, picture) in &pictures {
        fs::create_folder_for(folder.join(name)).unwrap();
        fs::write(folder.join(name), &picture.to_png().unwrap()).unwrap();
    }
    (folder, pictures.into())
}

/// A data set of pairs of 16×16 pictures in the split `val`.
fn pairs(folder: &Path, pairs: &[[Picture; 2]]) {
    fs::create_folder(folder).unwrap();
    let layout = Layout { height: 16, width: 32, channels: 3 };
    let mut writer = ShardWriter::create(folder.join("val.shard"), layout).unwrap();
    for (i, [a, b]) in pairs.iter().enumerate() {
        let mut both = Picture::filled(32, 16, 3, 0);
        both.paste(a, 0, 0);
        both.paste(b, 16, 0);
        writer.push(&both.pixels, None, 10 + i as u64).unwrap();
    }
    writer.finish().unwrap();
    let (bytes, records) = (fs::read(folder.join("val.shard")).unwrap(), pairs.len() as u64);
    let shards =
        vec![FileSummary { records: Some(records), ..FileSummary::of("val.shard", &bytes) }];
    let manifest = Manifest {
        version: VERSION,
        size: 16,
        stored: 20,
        held_out: Some(16),
        channels: 3,
        paired: true,
        classes: Vec::new(),
        settings: Default::default(),
        format: "drawn".into(),
        fingerprint: "0".repeat(64),
        splits: vec![SplitManifest { name: "val".into(), records, shards }],
        account: Vec::new(),
        rejects: Default::default(),
        files: Vec::new(),
    };
    shared::sealed::write(&folder.join(MANIFEST), &manifest).unwrap();
}

#[test]
fn every_picture_is_translated_at_its_own_extent_and_keeps_its_name_and_folder() {
    let (scratch, run) = translators("translate-folder", &["generator.multiple=4"]);
    let (input, pictures) = sources(&scratch);
    // A note is no picture.
    fs::write(input.join("notes.txt"), b"none").unwrap();
    let [folder, zip] = ["out", "out.zip"].map(|name| scratch.path(name));
    for out in [&folder, &zip] {
        succeed(&["translate", text(&run), "--input", text(&input), "--out", text(out)]);
    }
    let sampler = opened(&run, "generator_ab");
    let found = files_in(&folder);
    assert_eq!(found.len(), 3);
    assert!(found == files_in(&zip));
    for (name, picture) in &pictures {
        assert_eq!(decode(&folder.join(name)), translated(&sampler, 4, picture), "{name}");
    }
    // A zip as input, and a number.
    let again = scratch.path("again");
    let flags = ["--out", text(&again), "-n", "2"];
    succeed(&[&["translate", text(&run), "--input", text(&zip)], &flags[..]].concat());
    assert_eq!(names(&again), ["a.png", "b.c.png"]);
    // What is there is not replaced.
    for out in [&folder, &zip] {
        let words = ["translate", text(&run), "--input", text(&input), "--out", text(out)];
        refuse(&words, 2, text(out));
    }
    assert!(files_in(&folder) == found);
}

#[test]
fn pictures_are_decoded_as_prep_does_and_names_that_meet_stay_apart() {
    let (scratch, run) = translators("translate-decode", &[]);
    let input = scratch.path("sources");
    fs::create_folder(&input).unwrap();
    // Black under full transparency is white; grey is repeated.
    let clear = Picture { channels: 4, ..Picture::filled(8, 8, 4, 0) };
    let grey = Picture::filled(8, 8, 1, 77);
    fs::write(input.join("clear.png"), &clear.to_png().unwrap()).unwrap();
    fs::write(input.join("grey.png"), &grey.to_png().unwrap()).unwrap();
    fs::write(input.join("same.png"), &grey.to_png().unwrap()).unwrap();
    fs::write(input.join("same.jpg"), &Picture::filled(8, 8, 3, 9).to_jpeg(90).unwrap()).unwrap();
    let out = scratch.path("out");
    succeed(&["translate", text(&run), "--input", text(&input), "--out", text(&out)]);
    assert_eq!(names(&out), ["clear.png", "grey.png", "same.jpg.png", "same.png.png"]);
    let sampler = opened(&run, "generator_ab");
    for (name, level) in [("clear", 255), ("grey", 77), ("same.png", 77)] {
        let expected = translated(&sampler, 1, &Picture::filled(8, 8, 3, level));
        assert_eq!(decode(&out.join(format!("{name}.png"))), expected, "{name}");
    }
    fs::write(input.join("torn.png"), b"\x89PNG\r\n\x1a\n torn").unwrap();
    let words = ["translate", text(&run), "--input", text(&input), "--out"];
    refuse(&[&words[..], &[text(&scratch.path("other"))]].concat(), 3, "torn.png");
    assert!(!scratch.path("other").exists());
}

#[test]
fn tiles_of_a_network_of_small_reach_give_the_whole_pictures_result() {
    let (scratch, run) = translators("translate-tiles", &["generator.multiple=4"]);
    let input = scratch.path("large.png");
    fs::write(&input, &noise(1, 70, 53, 3).to_png().unwrap()).unwrap();
    let [whole, tiled] = ["whole.png", "tiled.png"].map(|name| scratch.path(name));
    let words = ["translate", text(&run), "--input", text(&input), "--out"];
    succeed(&[&words[..], &[text(&whole)]].concat());
    succeed(&[&words[..], &[text(&tiled), "--tile", "24", "--overlap", "8"]].concat());
    let (whole, tiled) = (decode(&whole), decode(&tiled));
    assert_eq!((whole.width, whole.height), (70, 53));
    // Two convolutions of 3×3 look two pixels aside; the edges of the picture are padded alike.
    let inner = Window { left: 2, top: 2, width: 66, height: 49 };
    let off = largest_difference(whole.cut(inner).pixels, tiled.cut(inner).pixels);
    assert!(off <= 1.0, "{off} levels");
    for (flags, named) in [
        (&["--tile", "22"][..], "multiples of 4"),
        (&["--tile", "24", "--overlap", "13"], "--overlap 13"),
        (&["--overlap", "8"], "--tile"),
        (&["-n", "2"], "-n 2"),
        (&["--split", "val"], "--split val"),
    ] {
        let none = scratch.path("no.png");
        refuse(&[&words[..], &[text(&none)], flags].concat(), 2, named);
    }
}

#[test]
fn of_a_data_set_of_pairs_one_side_is_translated_and_a_sheet_shows_the_other_beside_it() {
    let (scratch, run) = translators("translate-pairs", &[]);
    let data = scratch.path("data");
    let all: Vec<[Picture; 2]> =
        (0..10).map(|i| [noise(i, 16, 16, 3), noise(100 + i, 16, 16, 3)]).collect();
    pairs(&data, &all);
    let (ab, ba) = (opened(&run, "generator_ab"), opened(&run, "generator_ba"));
    let words = ["translate", text(&run), "--input", text(&data), "--out"];
    for (name, flags, sampler, side) in [
        ("ab", &[][..], &ab, 0),
        ("ba", &["--direction", "BtoA"], &ba, 1),
        ("role", &["--role", "generator_ba"], &ba, 1),
    ] {
        let out = scratch.path(name);
        succeed(&[&words[..], &[text(&out)], flags].concat());
        // Named by their numbers in the source of the data set.
        let expected: Vec<String> = (10..20).map(|i| format!("{i:06}.png")).collect();
        assert_eq!(names(&out), expected, "{name}");
        for (file, pair) in expected.iter().zip(&all) {
            assert_eq!(decode(&out.join(file)), translated(sampler, 1, &pair[side]), "{name}");
        }
    }
    let sheet = scratch.path("sheet.png");
    succeed(&[&words[..], &[text(&sheet), "-n", "3"]].concat());
    let sheet = decode(&sheet);
    let shown = |picture: &Picture| {
        let places =
            (0..=sheet.width - 16).flat_map(|x| (0..=sheet.height - 16).map(move |y| (x, y)));
        let window = |(left, top)| Window { left, top, width: 16, height: 16 };
        places.filter(|&place| sheet.cut(window(place)) == *picture).map(|(x, _)| x).next()
    };
    for [a, b] in &all[..3] {
        let there = translated(&ab, 1, a);
        let columns = [a, &there, &translated(&ba, 1, &there), b];
        let columns = columns.map(|picture| shown(picture).unwrap());
        assert!(columns.is_sorted_by(|left, right| left < right), "{columns:?}");
    }
    assert!(shown(&all[3][0]).is_none());
    let flags = ["x.png", "--role", "generator_ab", "--direction", "BtoA"];
    refuse(&[&words[..], &flags].concat(), 2, "--role generator_ab translates AtoB");
    refuse(&[&words[..], &["x.png", "--split", "train"]].concat(), 2, "train");
}

#[test]
fn a_result_depends_on_the_seed_the_name_and_the_picture_and_on_nothing_else() {
    let noisy = ["generator.dropout=0.5", "generator.norm=true"];
    let (scratch, run) = translators("translate-seed", &noisy);
    let (input, pictures) = sources(&scratch);
    let made = |name: &str, flags: &[&str]| {
        let out = scratch.path(name);
        let words = ["translate", text(&run), "--input", text(&input), "--out", text(&out)];
        succeed(&[&words[..], flags].concat());
        contents(&out)
    };
    let usual = made("usual", &[]);
    assert!(made("again", &["--seed", "0", "--norm", "batch", "--dropout", "on"]) == usual);
    let others = [
        made("seed", &["--seed", "1"]),
        made("off", &["--dropout", "off"]),
        made("running", &["--norm", "running"]),
    ];
    for other in &others {
        assert!(other.iter().all(|(name, png)| usual[name] != *png));
    }
    // Beside fewer pictures, a picture is the same.
    let alone = scratch.path("alone");
    fs::create_folder(&alone).unwrap();
    let (name, picture) = &pictures[1];
    fs::write(alone.join(name), &picture.to_png().unwrap()).unwrap();
    let out = scratch.path("alone-out");
    succeed(&["translate", text(&run), "--input", text(&alone), "--out", text(&out)]);
    assert!(contents(&out)[*name] == usual[*name]);
    // The running statistics are not moved: the result is that of the sampler.
    let sampler = opened(&run, "generator_ab");
    let manner = Manner { statistics: Statistics::Running, dropout: false };
    let values = sampler.translation(picture, manner, Drawn { seed: 0, name: "", piece: 0 });
    let both = made("both", &["--norm", "running", "--dropout", "off"]);
    let expected = rounded(&values, picture).to_png_quickly().unwrap();
    assert!(both[*name] == expected);
    let words = ["translate", text(&run), "--input", text(&input), "--out", "x"];
    refuse(&[&words[..], &["--dropout", "off", "--seed", "3"]].concat(), 2, "--seed 3");
}

#[test]
fn flags_without_effect_and_generators_of_latent_vectors_are_refused() {
    let (scratch, plain) = translators("translate-refused", &[]);
    let (input, _) = sources(&scratch);
    let out = scratch.path("out");
    let words = ["translate", text(&plain), "--input", text(&input), "--out", text(&out)];
    for (flags, named) in [
        (["--norm", "running"], "no BatchNorm"),
        (["--dropout", "on"], "no dropout"),
        (["--seed", "1"], "--seed 1"),
        (["--direction", "up"], "AtoB or BtoA"),
        (["--split", "val"], "--split val"),
        (["-n", "4"], "expected 1 to 3"),
    ] {
        refuse(&[&words[..], &flags[..]].concat(), 2, named);
    }
    let empty = scratch.path("empty");
    fs::create_folder(&empty).unwrap();
    refuse(
        &["translate", text(&plain), "--input", text(&empty), "--out", text(&out)],
        3,
        "no pictures",
    );
    assert!(!out.exists());
    let (_other, latents) = run("translate-latents");
    refuse(
        &["translate", text(&latents), "--input", text(&input), "--out", text(&out)],
        2,
        "latent vectors",
    );
    // A part of the run is not replaced.
    let inside = plain.join("checkpoints");
    refuse(
        &["translate", text(&plain), "--input", text(&input), "--out", text(&inside)],
        2,
        "part of the run",
    );
}

/// Runs `sample` with programs of text in the place of ffmpeg and ffprobe.
#[cfg(unix)]
fn with_programs(scratch: &Scratch, words: &[&str]) -> std::process::Output {
    let folder = scratch.path("programs");
    let path = std::env::var("PATH").unwrap_or_default();
    std::process::Command::new(env!("CARGO_BIN_EXE_sample"))
        .args(words)
        .env("PATH", format!("{}:{path}", folder.display()))
        .output()
        .unwrap()
}

#[cfg(unix)]
#[test]
fn a_video_is_translated_frame_by_frame_at_its_own_rate() {
    let noisy = ["generator.dropout=0.5", "generator.multiple=4"];
    let (scratch, run) = translators("translate-video", &noisy);
    let programs = scratch.path("programs");
    fs::create_folder(&programs).unwrap();
    let frames: Vec<Picture> = [5, 5, 6].map(|seed| noise(seed, 18, 11, 3)).into();
    let stream = frames.iter().flat_map(|f| [b"P6\n18 11\n255\n", &f.pixels[..]].concat());
    fs::write(programs.join("frames"), &stream.collect::<Vec<u8>>()).unwrap();
    // The last word is `-` where frames are read, and the video where they are written.
    let ffmpeg = "#!/bin/sh\nhere=${0%/*}; for last; do :; done\n\
        case \"$last\" in -) exec cat \"$here/frames\";; file:*) echo \"$@\" > \"$here/asked\"; \
        exec cat > \"${last#file:}\";; esac\n";
    let write = |name: &str, text: &str| {
        shared::testing::write_program(&programs.join(name), text).unwrap();
    };
    write("ffmpeg", ffmpeg);
    write("ffprobe", "#!/bin/sh\necho 30000/1001\n");
    let (input, out) = (scratch.path("in.mp4"), scratch.path("out.mp4"));
    fs::write(&input, b"a video").unwrap();
    let words = ["translate", text(&run), "--input", text(&input), "--out"];
    let made = with_programs(&scratch, &[&words[..], &[text(&out)]].concat());
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let bytes = fs::read(&out).unwrap();
    let made: Vec<&[u8]> = bytes.chunks(18 * 11 * 3).collect();
    // Equal frames have equal results, in spite of dropout.
    assert!(made.len() == 3 && made[0] == made[1] && made[0] != made[2]);
    let asked = String::from_utf8(fs::read(programs.join("asked")).unwrap()).unwrap();
    assert!(asked.contains("-video_size 18x11") && asked.contains("-framerate 29.97"), "{asked}");
    // What fails leaves nothing.
    fs::remove(&out).unwrap();
    for (program, script, named) in [
        ("ffprobe", "#!/bin/sh\necho N/A\n", "no rate of frames"),
        (
            "ffmpeg",
            "#!/bin/sh\nfor last; do :; done\n[ \"$last\" != - ] || { printf 'P6\\n1'; exit 3; }\n",
            "something else",
        ),
    ] {
        write(program, script);
        let failed = with_programs(&scratch, &[&words[..], &[text(&out)]].concat());
        let said = String::from_utf8_lossy(&failed.stderr).into_owned();
        assert!(!failed.status.success() && said.contains(named), "{said}");
        assert!(!out.exists());
        write("ffprobe", "#!/bin/sh\necho 25/1\n");
    }
    let refused = with_programs(&scratch, &[&words[..], &["x.png"]].concat());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && said.contains("expected .mp4"), "{said}");
}
