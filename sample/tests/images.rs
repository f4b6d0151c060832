//! `sample images`: the same picture for a seed in every target, refusals, and resumed commands.

use std::path::Path;
use std::process::Command;

use burn::tensor::Device;
use shared::archive::Archive;
use shared::fs::{self, Claim};
use shared::nn::checkpoint::{self, Meta};
use shared::nn::config::RunConfig;
use shared::nn::run::{Run, Which};
use shared::nn::sampler::Sampler;

use crate::common::{decode, files_in, names, refuse, run, run_of, sample, skipped, succeed};

fn images(run: &Path, out: &Path, more: &[&str]) {
    succeed(&[&["images", run.to_str().unwrap(), "--out", out.to_str().unwrap()], more].concat());
}

fn refuse_images(run: &Path, out: &Path, more: &[&str], code: i32, named: &str) {
    refuse(
        &[&["images", run.to_str().unwrap(), "--out", out.to_str().unwrap()], more].concat(),
        code,
        named,
    );
}

/// Adds a checkpoint with other weights to a run.
fn add_checkpoint(run: &Path, step: u64) {
    let run = Run::open(run).unwrap();
    let old = run.checkpoint(Which::Step(7)).unwrap().meta;
    let generator = RunConfig { seed: step, ..old.config.clone() }.generator(&Device::flex());
    let meta = Meta { step, files: Default::default(), ..old };
    checkpoint::save(
        &run.checkpoint_folder(step),
        meta,
        &[("ema", &generator), ("generator", &generator)],
    )
    .unwrap();
}

#[test]
fn a_seed_gives_one_file_at_any_start_beside_any_others_and_in_every_target() {
    let (scratch, run) = run("images-seeds");
    let path = |name: &str| scratch.join(name);
    images(&run, &path("all"), &["-n", "70"]);
    let all = files_in(&path("all"));
    assert_eq!(Archive::open(path("all")).unwrap().pictures().count(), 70);
    assert_eq!(all.len(), 71, "one record beside them: {:?}", all.keys());
    let seeds = [3, 33, 69];
    let (sampler, _) = Sampler::open(&run, Which::Latest, &Device::flex()).unwrap();
    for (picture, seed) in sampler.pictures(&seeds).iter().zip(seeds) {
        assert!(decode(&path("all").join(format!("seed-{seed:08}.png"))).pixels == picture.pixels);
    }
    for (name, more) in [
        ("part", &["-n", "7", "--seed-start", "33"][..]),
        ("part.zip", &["-n", "40", "--seed-start", "30"]),
        ("list.zip", &["--seeds", "69,3-5,60"]),
        ("few.ZIP", &["-n", "1"]),
    ] {
        images(&run, &path(name), more);
        let some = files_in(&path(name));
        assert!(
            some.len() > 1
                && some
                    .iter()
                    .all(|(name, bytes)| name == "sample.json" || all.get(name) == Some(bytes)),
            "{name}"
        );
    }
    images(&run, &path("again.zip"), &["-n", "40", "--seed-start", "30"]);
    assert!(fs::read(path("again.zip")).unwrap() == fs::read(path("part.zip")).unwrap());
    let mut zip = zip_names(&path("part.zip"));
    assert_eq!(
        (zip.remove(0), zip.len()),
        ("sample.json".to_owned(), 40),
        "the record stands first"
    );
    let record: serde_json::Value = serde_json::from_slice(&all["sample.json"]).unwrap();
    assert_eq!((&record["pictures"], &record["seeds"]), (&70.into(), &"0-69".into()));
    assert_eq!((&record["maker"]["step"], &record["maker"]["weights"]), (&7.into(), &"ema".into()));
}

/// The names in the order of the zip.
fn zip_names(path: &Path) -> Vec<String> {
    let mut names = Vec::new();
    shared::archive::zip_writer::read_leftover(path, 1 << 24, |name, _| {
        names.push(name.to_owned());
        Ok::<_, fs::FsError>(true)
    })
    .unwrap();
    names
}

#[test]
fn a_folder_fills_up_and_what_is_torn_or_gone_is_made_again() {
    let (scratch, run) = run("images-folder");
    let (out, whole) = (scratch.join("out"), scratch.join("whole"));
    images(&run, &whole, &["-n", "90"]);
    images(&run, &out, &["-n", "20"]);
    let picture = |seed: u64| out.join(format!("seed-{seed:08}.png"));
    let sound = fs::read(picture(4)).unwrap();
    for (seed, bytes) in
        [(4, &sound[..sound.len() - 1]), (5, &[]), (6, b"not a picture"), (7, &sound[..40])]
    {
        fs::write(picture(seed), bytes).unwrap();
    }
    let mut changed = fs::read(picture(8)).unwrap();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    fs::write(picture(8), &changed).unwrap();
    // An intact picture of another extent, and notes of a person and a file manager.
    fs::write(picture(9), &shared::picture::Picture::filled(8, 8, 3, 0).to_png().unwrap()).unwrap();
    fs::remove(picture(10)).unwrap();
    fs::write(out.join("notes.txt"), b"mine").unwrap();
    fs::write(out.join(".seed-00000011.png.1-1.fledge-tmp"), b"left by a killed process").unwrap();
    let output =
        sample(&["images", run.to_str().unwrap(), "--out", out.to_str().unwrap(), "-n", "90"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("77 made now"), "{text}");
    fs::remove(out.join("notes.txt")).unwrap();
    assert!(files_in(&out) == files_in(&whole));
    assert_eq!(names(&out).len(), 91, "{:?}", names(&out));
    // Nothing is left to do. Fewer pictures are refused: all would be measured.
    images(&run, &out, &["-n", "90"]);
    refuse_images(
        &run,
        &out,
        &["-n", "50"],
        2,
        "90 pictures, 40 of them not among the 50 of seeds 0-49",
    );
    refuse_images(&run, &out, &["--seed-start", "1", "-n", "90"], 2, "--force");
    assert!(files_in(&out) == files_in(&whole));
    images(&run, &out, &["-n", "50", "--force"]);
    assert_eq!(Archive::open(&out).unwrap().pictures().count(), 50);
}

#[test]
fn pictures_of_another_request_are_refused_by_name_and_give_way_only_to_force() {
    let (scratch, run) = run_of("images-other", &["cond=embedding+projection"], &["gull", "owl"]);
    add_checkpoint(&run, 9);
    let (out, zip) = (scratch.join("out"), scratch.join("out.zip"));
    let first = ["-n", "12", "--checkpoint", "7"];
    images(&run, &out, &first);
    let sound = files_in(&out);
    for (more, named) in [
        (&["-n", "12", "--checkpoint", "9"][..], "checkpoint 7, now 9 (--checkpoint)"),
        (&["-n", "12", "--checkpoint", "7", "--class", "owl"], "class all, now owl (--class)"),
        (
            &["-n", "12", "--checkpoint", "7", "--truncation", "0.5"],
            "truncation none, now 0.5 (--truncation)",
        ),
        (
            &["-n", "12", "--checkpoint", "7", "--no-ema"],
            "weights ema.safetensors, now generator.safetensors (--no-ema)",
        ),
        (&["-n", "12", "--checkpoint", "7", "--stylegan"], "(--stylegan)"),
    ] {
        refuse_images(&run, &out, more, 2, named);
        refuse_images(&run, &out, more, 2, "--force");
        assert!(files_in(&out) == sound, "{named}");
    }
    images(&run, &out, &["-n", "12", "--checkpoint", "7", "--stylegan", "--force"]);
    assert_eq!(names(&out), ["00000", "dataset.json", "sample.json"]);
    images(&run, &out, &[&first[..], &["--force"]].concat());
    assert!(files_in(&out) == sound && !out.join("00000").exists());
    // A damaged record, and none.
    let mut record = sound["sample.json"].clone();
    record[30] ^= 1;
    fs::write(out.join("sample.json"), &record).unwrap();
    refuse_images(&run, &out, &first, 3, "sample.json");
    fs::remove(out.join("sample.json")).unwrap();
    refuse_images(&run, &out, &first, 2, "no sample.json");
    refuse_images(&run, &out, &[&first[..], &["--force"]].concat(), 2, "no sample.json");
    // A zip is replaced atomically.
    images(&run, &zip, &first);
    let old = fs::read(&zip).unwrap();
    refuse_images(&run, &zip, &["-n", "12", "--checkpoint", "9"], 2, "--force");
    assert!(fs::read(&zip).unwrap() == old);
    images(&run, &zip, &["-n", "12", "--checkpoint", "9", "--force"]);
    let new = files_in(&zip);
    assert!(new.len() == 13 && new["seed-00000000.png"] != sound["seed-00000000.png"]);
}

#[test]
fn an_unfinished_zip_of_another_request_is_refused_and_gives_way_to_force() {
    let (scratch, run) = run("images-unfinished");
    add_checkpoint(&run, 9);
    let (whole, out) = (scratch.join("whole.zip"), scratch.join("out.zip"));
    images(&run, &whole, &["-n", "30", "--checkpoint", "7"]);
    let bytes = fs::read(&whole).unwrap();
    let leftover = scratch.join(".out.zip.1-1.fledge-tmp");
    let leave = |length: usize| fs::write(&leftover, &bytes[..length]).unwrap();
    leave(bytes.len() / 2);
    refuse_images(
        &run,
        &out,
        &["-n", "30", "--checkpoint", "9"],
        2,
        "pictures of another request: checkpoint 7, now 9",
    );
    refuse_images(
        &run,
        &out,
        &["-n", "5", "--checkpoint", "7"],
        2,
        "not the first of the 5 of seeds 0-4",
    );
    refuse_images(
        &run,
        &out,
        &["-n", "30", "--seed-start", "1", "--checkpoint", "7"],
        2,
        "seeds 1-30",
    );
    assert!(leftover.exists() && !out.exists());
    images(&run, &out, &["-n", "30", "--checkpoint", "9", "--force"]);
    assert!(fs::read(&out).unwrap() != bytes);
    // Wherever it was cut off, intact pictures are kept and the result is the same.
    for length in [0, 10, 700, bytes.len() / 3, bytes.len() - 3000, bytes.len() - 100, bytes.len()]
    {
        fs::remove(&out).unwrap();
        leave(length);
        images(&run, &out, &["-n", "30", "--checkpoint", "7"]);
        assert!(fs::read(&out).unwrap() == bytes, "cut off after {length} bytes");
        assert_eq!(names(&scratch), ["out.zip", "run", "whole.zip"]);
    }
}

#[test]
fn a_second_process_is_refused_at_once() {
    let (scratch, run) = run("images-second");
    let (out, zip) = (scratch.join("out"), scratch.join("out.zip"));
    fs::create_folder(&out).unwrap();
    let claims = [out.join(".lock.fledge-tmp"), scratch.join(".out.zip.lock.fledge-tmp")]
        .map(|p| Claim::by(p).unwrap().unwrap());
    refuse_images(&run, &out, &["-n", "3"], 2, "another `sample`");
    refuse_images(&run, &zip, &["-n", "3"], 2, "another `sample`");
    drop(claims);
    images(&run, &out, &["-n", "3"]);
    images(&run, &zip, &["-n", "3"]);
    assert_eq!(names(&scratch), ["out", "out.zip", "run"]);
    assert_eq!(names(&out).len(), 4);
}

#[test]
fn stylegans_trainers_find_numbered_pictures_and_balanced_classes() {
    let (scratch, run_folder) =
        run_of("images-stylegan", &["cond=embedding+projection"], &["gull", "owl", "tit"]);
    let (plain_scratch, plain) = run("images-stylegan-plain");
    for name in ["fakes", "fakes.zip"] {
        let out = scratch.join(name);
        images(&run_folder, &out, &["-n", "11", "--seed-start", "99996", "--stylegan"]);
        let found = files_in(&out);
        let index: serde_json::Value = serde_json::from_slice(&found["dataset.json"]).unwrap();
        assert_eq!(index["classes"], serde_json::json!(["gull", "owl", "tit"]));
        let expected: Vec<_> = (99_996..100_007_u64)
            .map(|seed| (format!("{:05}/img{seed:08}.png", seed / 1000), seed % 3))
            .collect();
        assert_eq!(index["labels"], serde_json::json!(expected));
        let pictures = Archive::open(&out).unwrap().pictures().count();
        assert!(pictures == 11 && expected.iter().all(|(name, _)| found.contains_key(name)));
        check_with_pillow(&out);
        let out = plain_scratch.join(name);
        images(&plain, &out, &["-n", "4", "--stylegan"]);
        let index: serde_json::Value =
            serde_json::from_slice(&files_in(&out)["dataset.json"]).unwrap();
        assert_eq!(index["labels"], serde_json::Value::Null);
    }
    // One class, in a folder that had fewer: the labels follow.
    let out = scratch.join("owls");
    for n in ["3", "8"] {
        images(&run_folder, &out, &["-n", n, "--stylegan", "--class", "owl"]);
        let index: serde_json::Value =
            serde_json::from_slice(&files_in(&out)["dataset.json"]).unwrap();
        let labels = index["labels"].as_array().unwrap();
        assert_eq!(labels.len().to_string(), n);
        assert!(labels.iter().all(|label| label[1] == 1));
    }
}

/// Reads it by the rules of NVIDIA's loader, if Python with Pillow is available.
fn check_with_pillow(out: &Path) {
    let Some(peers) = std::env::var_os("FLEDGE_PEERS") else {
        skipped("FLEDGE_PEERS does not name a Python environment with Pillow and numpy");
        return;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tools/check_stylegan.py");
    let output =
        Command::new(Path::new(&peers).join("bin/python")).arg(script).arg(out).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.starts_with("11 pictures of (16, 16, 3), 3 of 3 classes"), "{text}");
}

#[test]
fn what_cannot_be_carried_out_is_named_and_leaves_nothing_behind() {
    let (scratch, run_folder) = run("images-bad");
    let out = scratch.join("out");
    let file = scratch.join("file");
    fs::write(&file, b"mine").unwrap();
    fs::create_folder(scratch.join("folder.zip")).unwrap();
    fs::create_folder(scratch.join("full")).unwrap();
    fs::write(scratch.join("full/photo.jpg"), b"mine").unwrap();
    let before = names(&scratch);
    for (more, code, named) in [
        (&["-n", "0"][..], 2, "-n 0"),
        (&["--seed-start", "18446744073709551615"], 2, "--seed-start"),
        (&["--seeds", "4,4"], 2, "4 is repeated"),
        (&["--seeds", "4", "-n", "3"], 2, "cannot be used with"),
        (&["--class", "gull"], 2, "--class"),
        (&["--truncation=-1"], 2, "--truncation"),
        (&["--checkpoint", "12"], 1, "no checkpoint 12"),
    ] {
        refuse_images(&run_folder, &out, more, code, named);
    }
    for (name, named) in [
        ("file", "it is a file"),
        ("folder.zip", "it is a folder"),
        ("full", "photo.jpg"),
        ("run", "no sample.json"),
    ] {
        refuse_images(&run_folder, &scratch.join(name), &["-n", "3"], 2, named);
        refuse_images(&run_folder, &scratch.join(name), &["-n", "3", "--force"], 2, named);
    }
    for name in ["file/fakes", "file/fakes.zip"] {
        refuse_images(&run_folder, &scratch.join(name), &["-n", "3"], 2, "file is not a folder");
    }
    // A folder with a record is ours, but not a picture that a person added.
    images(&run_folder, &out, &["-n", "3"]);
    fs::write(out.join("photo.jpg"), b"mine").unwrap();
    refuse_images(&run_folder, &out, &["-n", "3", "--force"], 2, "photo.jpg");
    assert_eq!(names(&out).len(), 5);
    fs::remove(&out).unwrap();
    assert_eq!(names(&scratch), before);
    assert_eq!(names(&scratch.join("full")), ["photo.jpg"]);
}

#[test]
fn pictures_of_given_latents_are_named_by_row_and_not_mixed_with_those_of_others() {
    let (scratch, run) = run_of("images-latents", &["cond=embedding+projection"], &["gull", "owl"]);
    let [z, other, out, zip, by_seed] =
        ["z.npy", "other.npy", "out", "out.zip", "by-seed"].map(|name| scratch.join(name));
    let export = |seeds: &str, to: &Path| {
        succeed(&[
            "latents",
            run.to_str().unwrap(),
            "--out",
            to.to_str().unwrap(),
            "--seeds",
            seeds,
        ]);
    };
    // Seeds 0 to 39 have the classes of their rows, so the pictures are the same.
    export("100-139", &z);
    export("100-138,7", &other);
    images(&run, &by_seed, &["--seeds", "100-139"]);
    let given = ["--latents", z.to_str().unwrap()];
    images(&run, &out, &given);
    images(&run, &zip, &given);
    let (seeds, rows) = (files_in(&by_seed), files_in(&out));
    assert_eq!(rows.len(), 41);
    for row in 0..40 {
        assert!(
            rows[&format!("row-{row:08}.png")] == seeds[&format!("seed-{:08}.png", row + 100)],
            "{row}"
        );
    }
    let in_zip = files_in(&zip);
    assert!(in_zip == rows, "{:?}", in_zip.keys());
    // A torn picture is generated again, by row; other vectors are another request.
    fs::write(out.join("row-00000021.png"), b"torn").unwrap();
    images(&run, &out, &given);
    assert!(files_in(&out) == rows);
    refuse_images(&run, &out, &["--latents", other.to_str().unwrap()], 2, "(--latents)");
    refuse_images(&run, &out, &["-n", "40"], 2, "now of seeds (--latents)");
    assert!(files_in(&out) == rows);
    refuse_images(&run, &out, &[&given[..], &["-n", "3"]].concat(), 2, "-n");
    refuse_images(&run, &out, &[&given[..], &["--truncation", "0.5"]].concat(), 2, "--truncation");
    refuse_images(
        &run,
        &out,
        &["--latents", scratch.join("none.npy").to_str().unwrap()],
        1,
        "none.npy",
    );
}
