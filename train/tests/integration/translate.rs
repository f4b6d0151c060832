//! Translations as runs: killed and resumed, fed with pairs and with two sets, shown on sheets, and
//! refused by name where they cannot be.
#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use shared::dataset::Dataset;
use shared::nn::range::Range;
use shared::picture::{Limits, Picture};
use shared::testing::{Scratch, torture};
use train::data::batches::{Batches, Share, Side};

use super::kill::kill_runs_on;
use crate::util::network::values;
use crate::util::program::*;
use crate::util::{dataset_of, paired_dataset};

/// A judge for pictures of 8×8.
const SMALL: &str = "discriminator.layers=1";

const PAIRED: &[&str] = &["--preset", "pix2pix", "--set", SMALL];

/// The pool is full in the second step.
const CYCLE: &[&str] = &[
    "--preset",
    "cyclegan",
    "--set",
    SMALL,
    "--set",
    "generator.blocks=1",
    "--set",
    "translate.pool=12",
];

const CONTRASTIVE: &[&str] = &[
    "--set",
    SMALL,
    "--set",
    "generator.blocks=1",
    "--set",
    "translate.nce_layers=[0,4,8,12]",
    "--set",
    "translate.nce_patches=8",
    "--set",
    "translate.nce_width=8",
];

/// 24 pairs to learn from, with room for crops, and 8 to look at.
fn pairs(scratch: &Scratch) -> PathBuf {
    let folder = scratch.path("pairs");
    paired_dataset(&folder, [8, 10], &[("train", 24), ("val", 8)]);
    folder
}

/// A set of `count` pictures of one grey each, from `first` on, with room for crops.
fn greys(folder: &Path, first: u8, count: u64) {
    let pixels = |_: &str, i: u64| vec![first + i as u8; 10 * 10 * 3];
    dataset_of(folder, 8, 10, &[("train", count), ("val", 4)], pixels);
}

/// 24 pictures of A, and the flag for the 17 of B.
fn two_sets(scratch: &Scratch) -> (PathBuf, Vec<String>) {
    let [a, b] = ["a", "b"].map(|side| scratch.path(side));
    greys(&a, 0, 24);
    greys(&b, 100, 17);
    (a, vec!["--data".to_owned(), b.display().to_string()])
}

#[test]
fn a_run_of_pairs_leads_to_the_same_bytes_however_often_it_is_killed() {
    kill_runs_on("translate-pairs", 16, torture(3, 40), |s| (pairs(s), Vec::new()), PAIRED);
}

#[test]
fn a_run_of_two_sets_and_its_pools_leads_to_the_same_bytes_however_often_it_is_killed() {
    kill_runs_on("translate-cycle", 16, torture(3, 40), two_sets, CYCLE);
}

#[test]
fn a_run_of_contrasts_leads_to_the_same_bytes_however_often_it_is_killed() {
    let cut = [&["--preset", "cut"], CONTRASTIVE].concat();
    let apart = |s: &Scratch| (pairs(s), Vec::new());
    kill_runs_on("translate-cut", 12, torture(2, 40), apart, &cut);
}

#[test]
fn a_run_of_mirrored_contrasts_leads_to_the_same_bytes_however_often_it_is_killed() {
    let fastcut = [&["--preset", "fastcut"], CONTRASTIVE].concat();
    kill_runs_on("translate-fastcut", 12, torture(2, 40), two_sets, &fastcut);
}

#[test]
fn both_halves_of_a_pair_are_cut_and_mirrored_alike() {
    let scratch = Scratch::new("translate-halves");
    let device = Device::flex();
    let folder = pairs(&scratch);
    for sides in [[Side::A, Side::B], [Side::B, Side::A]] {
        let dataset = Dataset::open(&folder).unwrap();
        let batches = Batches::paired(dataset, sides, "train", 8, 3).unwrap().mirrored(true);
        let mut mirrored = 0;
        for number in 0..9 {
            let choice = batches.choice(number, Share::default()).unwrap();
            mirrored += choice.mirrored.iter().filter(|mirrored| **mirrored).count();
            let batch = batches.batch(&choice, Range::Unit, false, &device).unwrap();
            // The right half is the negative of the left one.
            let sum = batch.real + batch.source.unwrap();
            assert!(values(sum).iter().all(|v| (v - 1.0).abs() < 1e-6));
        }
        // 72 coins.
        assert!((15..58).contains(&mirrored), "{mirrored}");
    }
    // The direction decides which half is the source.
    let source = |sides| {
        let dataset = Dataset::open(&folder).unwrap();
        let batches = Batches::paired(dataset, sides, "train", 8, 3).unwrap();
        values(batches.at(0, Range::Unit, false, &device).unwrap().source.unwrap())
    };
    let there: Vec<f32> = source([Side::A, Side::B]);
    assert!(there.iter().zip(source([Side::B, Side::A])).all(|(a, b)| (a + b - 1.0).abs() < 1e-6));
}

#[test]
fn two_sets_are_drawn_apart_and_an_epoch_is_as_long_as_the_larger_one() {
    let scratch = Scratch::new("translate-apart");
    let (a, _) = two_sets(&scratch);
    let open = |path: &Path| Arc::new(Dataset::open(path).unwrap());
    let [a, b] = [open(&a), open(&scratch.path("b"))];
    let sets = |x, y| Batches::apart([(x, Side::Whole), (y, Side::Whole)], "train", 4, 1).unwrap();
    let grey = |x: Tensor<4>| -> Vec<u32> {
        let first = x.narrow(1, 0, 1).narrow(2, 0, 1).narrow(3, 0, 1);
        values(first).iter().map(|v| (v * 255.0).round() as u32).collect()
    };
    for (batches, sources, targets) in [(sets(&a, &b), 0, 100), (sets(&b, &a), 100, 0)] {
        assert_eq!((batches.per_epoch(), batches.turns()), (6, 24));
        let (mut seen, mut drawn) = (Vec::new(), Vec::new());
        for number in 0..6 {
            let batch = batches.at(number, Range::Unit, false, &Device::flex()).unwrap();
            seen.extend(grey(batch.source.unwrap()));
            drawn.extend(grey(batch.real));
        }
        let count = if sources == 0 { 24 } else { 17 };
        let of = |list: &[u32], first: u32, count: u32| {
            list.iter().all(|v| (first..first + count).contains(v))
        };
        assert!(of(&seen, sources, count) && of(&drawn, targets, 41 - count));
        // Every source comes up, some twice if they are fewer than the targets; targets by chance.
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len() as u32, count);
        drawn.sort_unstable();
        drawn.dedup();
        assert!(drawn.len() < 24, "{drawn:?}");
    }
}

#[test]
fn a_sheet_shows_sources_translations_and_targets_of_held_out_pairs() {
    let scratch = Scratch::new("translate-sheet");
    let (data, out) = (pairs(&scratch), scratch.path("run"));
    succeed(command_with(&data, &out, 4, PAIRED));
    let read = |name: &str| {
        let bytes = shared::fs::read(out.join(name)).unwrap();
        Picture::decode(&bytes, &Limits::default()).unwrap()
    };
    let (sheet, reals) = (read("samples/fakes-000004.png"), read("samples/reals.png"));
    // Two of each row, each of three pictures; the sheet of reals has the sources alone.
    assert!(sheet.width > 2 * reals.width && sheet.height == reals.height);
    let last = lines(&out, "stats.jsonl").pop().unwrap();
    for key in ["g_loss", "d_loss", "gan", "l1", "real_acc", "lr_g", "lr_d"] {
        assert!(last[key].as_f64().is_some_and(f64::is_finite), "{key}: {last}");
    }
    let config = String::from_utf8(shared::fs::read(out.join("config.toml")).unwrap()).unwrap();
    assert!(config.contains("direction = \"AtoB\"") && config.contains("mirror = true"));
}

#[test]
fn translations_of_held_out_sources_are_measured_against_held_out_targets() {
    let scratch = Scratch::new("translate-kid");
    let weights = scratch.path("drawn.safetensors");
    shared::metrics::inception::write_drawn(&weights, 0).unwrap();
    let weights = weights.to_string_lossy().into_owned();
    let measured = ["--weights", &weights, "--set", "evaluation.every=1"];
    let (of_pairs, (of_two, more)) = (pairs(&scratch), two_sets(&scratch));
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    let turned = [PAIRED, &["--direction", "BtoA"]].concat();
    for (name, data, flags, sides, count) in [
        ("straight", &of_pairs, PAIRED.to_vec(), ["A)", "B)"], 8),
        ("turned", &of_pairs, turned, ["B)", "A)"], 8),
        ("two", &of_two, [CYCLE, &more].concat(), ["a (val)", "b (val)"], 4),
    ] {
        let out = scratch.path(name);
        succeed(command_with(data, &out, 2, &[&flags[..], &measured].concat()));
        let lines = lines(&out, "stats.jsonl");
        let kids: Vec<f64> = lines.iter().filter_map(|line| line["kid"].as_f64()).collect();
        assert!(kids.len() == 2 && kids.iter().all(|kid| kid.is_finite()), "{name}: {kids:?}");
        let of = &lines.last().unwrap()["kid_of"];
        assert_eq!(of["pictures"], count, "{name}: {of}");
        for (told, side) in of["translated"].as_array().unwrap().iter().zip(sides) {
            assert!(told.as_str().unwrap().ends_with(side), "{name}: {told}");
        }
        assert!(out.join("checkpoints/best.json").exists(), "{name}");
    }
}

#[test]
fn the_pools_and_the_projector_are_in_the_checkpoint() {
    let scratch = Scratch::new("translate-parts");
    let (data, more) = two_sets(&scratch);
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    let files = |flags: &[&str], name: &str| {
        let out = scratch.path(name);
        succeed(command_with(&data, &out, 2, &[flags, &more].concat()));
        checkpoint(&out, 2 * STEPS_PER_EPOCH).into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    let cycle = files(CYCLE, "cycle");
    assert!(cycle.contains(&"pools.safetensors".to_owned()), "{cycle:?}");
    let cut = files(&[&["--preset", "cut"], CONTRASTIVE].concat(), "cut");
    for file in ["projector.safetensors", "optimizer.projector.safetensors"] {
        assert!(cut.contains(&file.to_owned()), "{cut:?}");
    }
}

#[test]
fn what_cannot_be_translated_is_refused_with_the_way_out() {
    let scratch = Scratch::new("translate-refused");
    let (single, more) = two_sets(&scratch);
    let pairs = pairs(&scratch);
    let second: Vec<&str> = more.iter().map(String::as_str).collect();
    let set = |assignment: &'static str| vec!["--set", assignment];
    let preset = |name: &'static str| vec!["--preset", name, "--set", SMALL];
    let cases: Vec<(&Path, Vec<&str>, &str)> = vec![
        (single.as_path(), preset("pix2pix"), "learns from pairs"),
        (single.as_path(), preset("cyclegan"), "second --data"),
        (pairs.as_path(), [preset("cyclegan"), second.clone()].concat(), "give --data once"),
        (pairs.as_path(), [preset("pix2pix"), second.clone()].concat(), "give --data once"),
        (pairs.as_path(), vec!["--preset", "gan-ada"], "--side a"),
        (
            single.as_path(),
            vec!["--preset", "gan-ada", "--direction", "BtoA"],
            "translates nothing",
        ),
        (
            pairs.as_path(),
            [preset("pix2pix"), set("augment.pipeline=bgc")].concat(),
            "augment.pipeline=none",
        ),
        (
            pairs.as_path(),
            [preset("pix2pix"), set("generator.latent=8")].concat(),
            "generator.latent",
        ),
        (
            pairs.as_path(),
            [preset("pix2pix"), set("schedule.order=simultaneous")].concat(),
            "alternating",
        ),
        (
            pairs.as_path(),
            [preset("cyclegan"), set("discriminator.pairs=true")].concat(),
            "discriminator.pairs",
        ),
        (
            pairs.as_path(),
            [preset("cut"), set("translate.nce_layers=[0,99]")].concat(),
            "generator.blocks",
        ),
        (
            pairs.as_path(),
            [preset("cut"), set("generator.family=unet")].concat(),
            "resnet-translator",
        ),
        (pairs.as_path(), [preset("pix2pix"), set("generator.downs=4")].concat(), "multiple of 16"),
        (pairs.as_path(), vec!["--preset", "pix2pix"], "leaves nothing"),
        (
            pairs.as_path(),
            [preset("cyclegan"), set("loss.instance_noise=0.1")].concat(),
            "instance_noise=0",
        ),
    ];
    for (data, flags, told) in cases {
        let mut command = Command::new(env!("CARGO_BIN_EXE_train"));
        command.args(["--dry-run=config", "--device", "cpu", "--set", "evaluation.every=0"]);
        command.arg("--data").arg(data).args(&flags);
        let error = fail(command, 2);
        assert!(error.contains(told), "{flags:?}: {error}");
    }
}
