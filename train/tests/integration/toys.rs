//! What the design must carry beyond today's networks, shown by toys: a family whose extent grows,
//! and a task with two generators, an image pool and named terms of its own. They train, resume
//! after `kill -9`, and are shown; the loop knows neither.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test ends where the machine is not as expected")]

use std::path::Path;

use burn::tensor::Device;
use shared::nn::checkpoint::Checkpoint;
use shared::nn::config::TaskName;
use shared::nn::preset::PRESETS;
use shared::nn::run::Which;
use shared::nn::sampler::{Sampler, Weights};
use shared::nn::task::TASKS;
use shared::picture::{Limits, Picture};
use shared::testing::{Scratch, torture};

use super::kill::kill_runs;
use crate::util::program::*;

/// The second extent fades in from the 300th picture to the 450th: in epochs 13 to 19.
const GROWING: [&str; 8] = [
    "--set",
    "generator.family=toy-growing",
    "--set",
    "discriminator.family=toy-growing",
    "--set",
    "generator.phase_kimg=0.3",
    "--set",
    "discriminator.phase_kimg=0.3",
];

const CYCLE: [&str; 8] = [
    "--set",
    "task=toy-cycle",
    "--set",
    "generator.family=toy-translator",
    "--set",
    "discriminator.family=toy-translator",
    "--set",
    "augment.pipeline=none",
];

/// The last epoch, and the step after it.
const EPOCHS: u64 = 24;
const LAST: u64 = EPOCHS * STEPS_PER_EPOCH;

fn trained(scratch: &Scratch, flags: &[&str]) -> std::path::PathBuf {
    let (data, out) = (scratch.dataset(), scratch.path("run"));
    succeed(command_with(&data, &out, EPOCHS, flags));
    out
}

fn text(run: &Path, name: &str) -> String {
    String::from_utf8_lossy(&shared::fs::read(run.join(name)).unwrap()).into_owned()
}

/// Every pixel is one of four equal ones.
fn is_doubled(picture: &Picture) -> bool {
    let (width, channels) = (picture.width as usize, picture.channels as usize);
    let at = |x: usize, y: usize| &picture.pixels[(y * width + x) * channels..][..channels];
    (0..picture.height as usize).all(|y| (0..width).all(|x| at(x, y) == at(x & !1, y & !1)))
}

#[test]
fn a_growing_run_leads_to_the_same_bytes_however_often_it_is_killed() {
    kill_runs("toys-growing", EPOCHS, torture(3, 40), 0, &GROWING);
}

#[test]
fn a_run_of_two_generators_and_a_pool_leads_to_the_same_bytes_however_often_it_is_killed() {
    kill_runs("toys-cycle", EPOCHS, torture(3, 40), 0, &CYCLE);
}

#[test]
fn a_generator_grows_in_training_and_is_sampled_and_exported_at_the_extent_of_its_checkpoint() {
    let scratch = Scratch::new("toys-extent");
    let (data, out) = (scratch.dataset(), scratch.path("run"));
    succeed(command_with(
        &data,
        &out,
        EPOCHS,
        &[&GROWING[..], &["--set", "checkpoints.keep=99"]].concat(),
    ));
    let opened = |step: u64| Sampler::open(&out, Which::Step(step), &Device::flex()).unwrap().0;
    let small = opened(STEPS_PER_EPOCH);
    let full = opened(LAST);
    assert!(small.pictures(&[0, 1]).iter().all(is_doubled), "4×4 shown as 8×8");
    assert!(!full.pictures(&[0, 1]).iter().all(is_doubled), "8×8");
    let resized = |sampler: &Sampler| {
        let graph = sampler.generator().graph().unwrap();
        (
            graph.output.shape.clone(),
            graph.nodes.iter().filter(|node| node.operator == "Conv").count(),
        )
    };
    assert_eq!(resized(&small).0, [3, 8, 8]);
    assert_eq!(resized(&full).0, [3, 8, 8]);
    assert!(resized(&small).1 < resized(&full).1);
    // Parameters are named by extent, so that growing shifts none.
    let names = text(&out, &format!("checkpoints/{LAST:08}/generator.safetensors"));
    assert!(names.contains("extent.4.conv.weight") && names.contains("extent.8.conv.weight"));
}

#[test]
fn two_generators_have_files_curves_and_a_report_and_are_reached_by_name() {
    let scratch = Scratch::new("toys-roles");
    let out = trained(&scratch, &CYCLE);
    let files: Vec<String> = checkpoint(&out, LAST).into_iter().map(|(name, _)| name).collect();
    for role in TaskName::ToyCycle.roles() {
        for part in [Some(role.name), role.average, Some(role.optimizer)].into_iter().flatten() {
            assert!(files.contains(&format!("{part}.safetensors")), "{part}: {files:?}");
        }
    }
    assert!(files.contains(&"pools.safetensors".to_owned()), "{files:?}");
    let last = lines(&out, "stats.jsonl").pop().unwrap();
    for key in
        ["g_ab_loss", "g_ba_loss", "d_a_loss", "d_b_loss", "cycle", "real_acc", "lr_g_ab", "lr_d_b"]
    {
        assert!(last[key].as_f64().is_some_and(f64::is_finite), "{key}: {last}");
    }
    assert!(last.get("g_loss").is_none(), "{last}");
    let report = text(&out, "report.html");
    for shown in ["Loss of G_AB · of G_BA · of D_A · of D_B", "cycle", "translates pictures"] {
        assert!(report.contains(shown), "{shown}");
    }
    let sheet = Picture::decode(
        &shared::fs::read(out.join(format!("samples/fakes-{EPOCHS:06}.png"))).unwrap(),
        &Limits::default(),
    );
    assert!(sheet.unwrap().pixels.iter().any(|p| *p > 0));
    let whole = Checkpoint::open(&checkpoint_folder(&out, LAST)).unwrap();
    assert_eq!(whole.meta.config.settings.task, TaskName::ToyCycle);
    let of = |role: Option<&str>| {
        Sampler::open_role(&out, Which::Latest, Weights::Averaged, role, &Device::flex())
    };
    let source = [Picture::filled(8, 8, 3, 200)];
    let [ab, ba] = ["generator_ab", "generator_ba"].map(|role| of(Some(role)).unwrap().0);
    assert_eq!(of(None).unwrap().0.translated(&source), ab.translated(&source));
    assert_ne!(ba.translated(&source), ab.translated(&source));
    assert!(ab.latents().unwrap_err().to_string().contains("sample translate"));
    let error = of(Some("generator")).unwrap_err().to_string();
    assert!(
        error.contains("--role generator") && error.contains("generator_ab, generator_ba"),
        "{error}"
    );
    let graph = ba.generator().graph().unwrap();
    assert_eq!((graph.inputs[0].name, &graph.output.shape[..]), ("source", &[3, 8, 8][..]));
}

#[test]
fn settings_that_a_task_cannot_be_trained_with_are_refused_before_anything_is_built() {
    let scratch = Scratch::new("toys-refused");
    let data = scratch.dataset();
    let refused = |flags: &[&str]| fail(command_with(&data, &scratch.path("run"), 1, flags), 2);
    let error = refused(&["--set", "generator.family=toy-translator"]);
    assert!(error.contains("task = adversarial makes pictures of latent vectors"), "{error}");
    let error = refused(&["--set", "task=toy-cycle"]);
    assert!(error.contains("task = toy-cycle translates pictures"), "{error}");
    let error = refused(&["--set", "generator.family=nonsense"]);
    assert!(error.contains("generator.family = nonsense") && error.contains("dcgan"), "{error}");
}

/// The files that take steps, save, log and measure.
const LOOP: [&str; 12] = [
    "step/trainer.rs",
    "step/game.rs",
    "step/players.rs",
    "step/reading.rs",
    "step/measured.rs",
    "step/replicas.rs",
    "run/saver.rs",
    "run/training/mod.rs",
    "run/training/epoch.rs",
    "run/training/opening.rs",
    "run/training/recovery.rs",
    "run/training/saving.rs",
];

#[test]
fn the_loop_knows_no_preset_no_family_no_task_and_no_measure_by_name() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let presets = PRESETS.iter().map(|preset| preset.name);
    let tasks = TASKS.iter().map(|task| task.name());
    let measures = TASKS.iter().flat_map(|task| task.measures()).map(|measure| measure.key);
    let words: Vec<String> =
        presets.chain(tasks).chain(measures).map(|word| format!("\"{word}\"")).collect();
    for file in LOOP {
        let text =
            String::from_utf8_lossy(&shared::fs::read(source.join(file)).unwrap()).into_owned();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for word in words.iter().map(String::as_str).chain(["dcgan", "Dcgan", "TaskName::"]) {
            assert!(!code.contains(word), "{file} knows {word}");
        }
    }
}
