//! What people complain of in programs like this one, each as a test that it does not happen here.
#![expect(clippy::unwrap_used, reason = "a test ends where the machine is not as expected")]

use crate::util;

use std::path::Path;

use burn::tensor::Device;
use serde_json::json;
use shared::dataset::Dataset;
use shared::fs;
use shared::nn::checkpoint::{self, Checkpoint};
use shared::nn::run::{Run, Which};
use shared::testing::wait_until;
use train::step::trainer::Trainer;
use util::program::*;

/// Writes the checkpoint of a run's last step again, the file `forgotten` as if nothing had been
/// trained, the state as `change` leaves it.
fn rewrite(run: &Path, forgotten: &str, change: impl FnOnce(&mut serde_json::Value)) {
    let opened = Run::open(run).unwrap().checkpoint(Which::Latest).unwrap();
    let mut meta = opened.meta.clone();
    let untrained = Trainer::new(&meta.config, 1, &Device::flex());
    let mut trainer = untrained.clone();
    trainer.load(&opened).unwrap();
    let parts = trainer.parts().into_iter().zip(untrained.parts());
    let parts: Vec<_> = parts
        .map(|(trained, fresh)| if trained.0 == forgotten { fresh } else { trained })
        .collect();
    change(&mut meta.state);
    checkpoint::save(&checkpoint_folder(run, meta.step), meta, &parts).unwrap();
}

#[test]
fn resuming_restores_p_and_both_optimizers() {
    let scratch = Scratch::new("restores");
    let (data, whole, once) = (scratch.dataset(), scratch.path("whole"), scratch.path("once"));
    succeed(command(&data, &whole, 6));
    succeed(command(&data, &once, 3));
    let resume = |name: &str, forgotten: &str, change: fn(&mut serde_json::Value)| {
        let run = scratch.path(name);
        copy(&once, &run);
        rewrite(&run, forgotten, change);
        succeed(command(&data, &run, 6));
        checkpoint(&run, 18)
    };
    // Written again as it was, it leads to the same bytes; without p or an optimizer's state it
    // would not.
    assert!(resume("same", "", |_| {}) == checkpoint(&whole, 18));
    let state = Checkpoint::open(&checkpoint_folder(&once, 9)).unwrap().meta.state;
    assert!(state["controller"]["probability"].as_f64().unwrap() > 0.0);
    for (what, files) in [
        ("p", resume("without-p", "", |state| state["controller"]["probability"] = 0.into())),
        ("G's optimizer", resume("without-g", "optimizer.generator", |_| {})),
        ("D's optimizer", resume("without-d", "optimizer.discriminator", |_| {})),
    ] {
        let generator = |files: &[(String, Vec<u8>)]| {
            files.iter().find(|(name, _)| name == "generator.safetensors").cloned()
        };
        assert!(
            generator(&files) != generator(&checkpoint(&whole, 18)),
            "{what} is not used after a resume"
        );
    }
}

/// Changes a byte of the pixels of records of a data set's first training shard.
fn spoil(data: &Path, records: &[usize]) {
    let shard = data.join("train-00000.shard");
    let mut bytes = fs::read(&shard).unwrap();
    let layout = Dataset::open(data).unwrap().manifest().layout();
    // Magic, version and header take 32 bytes.
    records.iter().for_each(|record| bytes[32 + record * layout.stride() + 17] ^= 1);
    fs::write(&shard, &bytes).unwrap();
}

#[test]
fn a_corrupted_picture_cannot_kill_a_run() {
    let scratch = Scratch::new("picture");
    let data = scratch.labelled(3);
    // What the run should be: with copies of the next sound pictures in the places of the damaged
    // ones.
    let same = scratch.path("same");
    util::labelled_dataset_of(&same, 8, &[("train", 24), ("val", 8)], 3, |i| match i {
        5 | 6 => 7,
        23 => 0,
        i => i,
    });
    spoil(&data, &[5, 6, 23]);
    for (name, on) in [("direct", "auto"), ("ahead", "host"), ("resident", "device")] {
        let flags = ["--set", "cond=embedding+projection", "--data-on", on];
        let (run, expected) = (scratch.path(name), scratch.path(&format!("{name}-expected")));
        succeed(command_with(&same, &expected, 3, &flags));
        let told = succeed(command_with(&data, &run, 3, &flags));
        assert_same_tensors(&expected, &run, 9);
        for record in [5, 6, 23] {
            let naming = |line: &&str| {
                line.contains("train-00000.shard") && line.contains(&format!("record {record} "))
            };
            assert_eq!(told.lines().filter(naming).count(), 1, "{told}");
        }
        // So does the run that goes on.
        succeed(command_with(&same, &expected, 5, &flags));
        succeed(command_with(&data, &run, 5, &flags));
        assert_same_tensors(&expected, &run, 15);
    }
    spoil(&data, &(0..24).filter(|i| ![5, 6, 23].contains(i)).collect::<Vec<_>>());
    let told = fail(command(&data, &scratch.path("none"), 1), 3);
    assert!(told.contains("train-00000.shard is damaged"), "{told}");
}

#[test]
fn a_truncated_jpeg_among_the_pictures_is_left_out_and_the_run_trains_on_the_others() {
    let scratch = Scratch::new("jpeg");
    let (source, data) = (scratch.path("pictures"), scratch.path("data"));
    fs::create_folder(&source).unwrap();
    let jpeg = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/pictures/tests/golden/pictures/444.jpg");
    let jpeg = fs::read(jpeg).unwrap();
    for i in 0..24u32 {
        let mut picture = shared::picture::Picture::filled(12, 12, 3, 0);
        let mut draw = shared::rng::stream(u64::from(i), "jpeg test", 0);
        picture.pixels.iter_mut().for_each(|p| *p = draw.below(256) as u8);
        fs::write(source.join(format!("{i:02}.png")), &picture.to_png().unwrap()).unwrap();
    }
    fs::write(source.join("cut.jpg"), &jpeg[..jpeg.len() / 2]).unwrap();
    let options = prep::pipeline::BuildOptions {
        size: 8,
        ..prep::pipeline::BuildOptions::new(&source, &data)
    };
    prep::pipeline::build(&options, &shared::signal::Stop::default()).unwrap();
    let rejects = shared::jsonl::read(&data.join("rejects.jsonl")).unwrap();
    assert!(
        rejects.iter().any(|line| line["file"] == "cut.jpg" && line["reason"] == "damaged"),
        "{rejects:?}"
    );
    succeed(command(&data, &scratch.path("run"), 2));
}

#[test]
fn a_snapshot_is_never_overwritten() {
    let scratch = Scratch::new("overwritten");
    let (data, out) = (scratch.dataset(), scratch.path("run"));
    let flags = ["--set", "checkpoints.keep=100"];
    let mut seen = Vec::new();
    for epochs in [2, 2, 5] {
        succeed(command_with(&data, &out, epochs, &flags));
        // The same files, not files that hold the same.
        for (step, files) in &seen {
            assert!(
                facts(&checkpoint_folder(&out, *step)) == *files,
                "the checkpoint of step {step} was written again"
            );
        }
        seen = verify_all(&out)
            .into_iter()
            .map(|step| (step, facts(&checkpoint_folder(&out, step))))
            .collect();
    }
    assert_eq!(seen.len(), 5);
}

/// Names, inodes and times of the files of a folder.
fn facts(folder: &Path) -> Vec<(String, u64, std::time::SystemTime)> {
    #[cfg(unix)]
    let inode = |facts: &std::fs::Metadata| std::os::unix::fs::MetadataExt::ino(facts);
    #[cfg(not(unix))]
    let inode = |facts: &std::fs::Metadata| facts.len();
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let facts = entry.metadata().unwrap();
            (
                entry.file_name().to_string_lossy().into_owned(),
                inode(&facts),
                facts.modified().unwrap(),
            )
        })
        .collect();
    files.sort();
    files
}

#[test]
fn a_run_with_other_settings_is_refused_by_name_and_can_be_lengthened() {
    let scratch = Scratch::new("settings");
    let data = scratch.dataset();
    let (whole, longer) = (scratch.path("whole"), scratch.path("longer"));
    succeed(command(&data, &whole, 6));
    succeed(command(&data, &longer, 2));
    let before = (checkpoint(&longer, 6), fs::read(longer.join("config.toml")).unwrap());
    let text = fail(command_with(&data, &longer, 6, &["--set", "optimizer.learning_rate=1e-3"]), 2);
    for network in ["generator", "discriminator"] {
        assert!(
            text.contains(&format!("optimizer.{network}.learning_rate = 0.0002 (now 0.001)")),
            "{text}"
        );
    }
    assert!(fail(command_with(&data, &longer, 6, &["--seed", "1"]), 2).contains("seed"));
    assert!(
        (checkpoint(&longer, 6), fs::read(longer.join("config.toml")).unwrap()) == before,
        "a refusal changed something"
    );
    succeed(command(&data, &longer, 6));
    assert_same_tensors(&whole, &longer, 18);
    let starts = shared::jsonl::read(&longer.join("starts.jsonl")).unwrap();
    assert_eq!(starts.len(), 2, "those that were refused are none");
    assert_eq!((&starts[0]["step"], &starts[0]["changes"]), (&json!(0), &json!([])));
    assert_eq!(starts[1]["step"], 6);
    assert_eq!(starts[1]["changes"], json!([{"key": "schedule.epochs", "was": "2", "now": "6"}]));
    assert!(starts.iter().all(
        |s| s["device"].as_str().unwrap().starts_with("CPU") && s["threads"].as_u64() > Some(0)
    ));
    assert!(
        starts.iter().all(|s| s["time"].as_str().unwrap().ends_with('Z')
            && s["version"] == env!("CARGO_PKG_VERSION"))
    );
    let log = String::from_utf8(fs::read(longer.join("train.log")).unwrap()).unwrap();
    assert!(log.contains("schedule.epochs: 2 → 6"), "{log}");
    // Begun anew, nothing of the earlier run is left.
    fs::write(longer.join("events.out.tfevents.1.host.2"), b"").unwrap();
    fs::write(longer.join("mine.txt"), b"").unwrap();
    succeed(command_with(&data, &longer, 1, &["--seed", "1", "--restart"]));
    assert_eq!(logged_epochs(&longer), [1]);
    assert!(
        !longer.join("events.out.tfevents.1.host.2").exists() && longer.join("mine.txt").exists()
    );
}

#[test]
fn a_second_owner_is_refused_before_anything_is_opened_and_the_lock_is_free_after_a_kill() {
    let scratch = Scratch::new("owner");
    let (data, out) = (scratch.dataset(), scratch.path("run"));
    let mut first = quiet(command(&data, &out, 1_000_000)).spawn().unwrap();
    assert!(wait_until(|| out.join("stats.jsonl").exists()));
    // Neither data nor device of this one are there.
    let text = fail(command_with(&scratch.path("nowhere"), &out, 1, &["--device", "cuda:7"]), 1);
    assert!(text.contains(&format!("in use by process {}:", first.id())), "{text}");
    assert_eq!(Run::open(&out).unwrap().holder(), Some(first.id()));
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(Run::open(&out).unwrap().holder(), None);
    let epochs = logged_epochs(&out).len() as u64 + 3;
    succeed(command(&data, &out, epochs));
}

#[test]
fn a_run_left_alone_says_in_its_log_why_it_ended() {
    let scratch = Scratch::new("why");
    let (data, out) = (scratch.dataset(), scratch.path("run"));
    let text = fail(command_with(&data, &out, 50, &["--set", "optimizer.learning_rate=1e30"]), 1);
    let log = || String::from_utf8(fs::read(out.join("train.log")).unwrap()).unwrap();
    let why = text.lines().last().unwrap();
    assert!(why.contains("not finite"), "{text}");
    assert!(
        log().lines().any(|line| line.starts_with("ERROR") && line.ends_with(why)),
        "{}",
        log()
    );
    // So does a refusal.
    let saved = scratch.path("saved");
    succeed(command(&data, &saved, 1));
    let refusal = fail(command_with(&data, &saved, 50, &["--set", "schedule.batch=2"]), 2);
    let log = String::from_utf8(fs::read(saved.join("train.log")).unwrap()).unwrap();
    assert!(log.contains(refusal.lines().last().unwrap()), "{log}");
}
