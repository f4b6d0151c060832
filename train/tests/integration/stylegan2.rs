//! StyleGAN2 as a run: killed and resumed, begun for the pictures at hand, exported by name.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test ends where the machine is not as expected")]

use std::process::Command;

use shared::testing::{Scratch, torture};

use super::kill::kill_runs;
use crate::util::program::*;

/// Every fourth step has a path length, every sixteenth R1; p rises at once.
const FLAGS: [&str; 10] = [
    "--preset",
    "stylegan2-ada",
    "--set",
    "generator.styles=6",
    "--set",
    "augment.target_sign=-0.9",
    "--set",
    "augment.ramp_kimg=0.3",
    "--set",
    "penalty.interval=5",
];

#[test]
fn a_run_of_styles_leads_to_the_same_bytes_however_often_it_is_killed() {
    kill_runs("stylegan2", 24, torture(4, 40), 0, &FLAGS);
}

#[test]
fn a_run_of_styles_with_classes_leads_to_the_same_bytes_however_often_it_is_killed() {
    let classes = [&FLAGS[..], &["--set", "cond=embedding+projection"]].concat();
    kill_runs("stylegan2-classes", 24, torture(2, 20), 3, &classes);
}

#[test]
fn a_checkpoint_holds_the_running_values_and_the_log_the_penalties() {
    let scratch = Scratch::new("stylegan2-parts");
    let (data, out) = (scratch.dataset(), scratch.path("run"));
    succeed(command_with(&data, &out, 4, &FLAGS));
    let files = checkpoint(&out, 4 * STEPS_PER_EPOCH);
    let text = |name: &str| {
        let (_, bytes) = files.iter().find(|(file, _)| file == name).expect("a file");
        String::from_utf8_lossy(bytes).into_owned()
    };
    assert!(text("path_length.safetensors").contains("mean"));
    assert!(text("ema.safetensors").contains("mapping.w_avg"));
    assert!(text("ema.safetensors").contains("synthesis.b8.conv0.noise_const"));
    for line in lines(&out, "stats.jsonl") {
        for key in ["g_loss", "d_loss", "penalty", "path_penalty", "real_acc"] {
            assert!(line[key].is_f64(), "{key}: {line}");
        }
    }
    // Epochs 1, 2 and 3 have a step with it.
    let penalised =
        lines(&out, "stats.jsonl").iter().filter(|line| line["path_penalty"] != 0.0).count();
    assert_eq!(penalised, 3);
}

/// What a new run would be begun with.
fn begun(data: &std::path::Path, flags: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_train"));
    command.args(["--dry-run=config", "--device", "cpu", "--set", "evaluation.every=0"]);
    command.arg("--data").arg(data).args(flags);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn widths_penalty_and_average_follow_from_size_and_batch() {
    let scratch = Scratch::new("stylegan2-derived");
    let data = scratch.path("data");
    crate::util::drawn_dataset(&data, 8, &[("train", 40), ("val", 8)]);
    let preset = ["--preset", "stylegan2-ada"];
    let own = begun(&data, &preset);
    // γ = 0.0002·size²/batch; the average's half life is 10/32 kimg a picture of the batch.
    for line in ["batch = 32", "r1 = 0.0004", "ema_half_life_kimg = 10.0", "channel_base = 16384"] {
        assert!(own.contains(&format!("{line}\n")), "{line}: {own}");
    }
    let smaller = begun(&data, &[&preset[..], &["--set", "schedule.batch=8"]].concat());
    for line in ["batch = 8", "r1 = 0.0016", "ema_half_life_kimg = 2.5"] {
        assert!(smaller.contains(&format!("{line}\n")), "{line}: {smaller}");
    }
    let own = begun(&data, &[&preset[..], &["--set", "penalty.r1=3"]].concat());
    assert!(own.contains("r1 = 3.0\n"), "{own}");
}

#[test]
fn what_styles_cannot_do_is_refused_with_the_way_out() {
    let scratch = Scratch::new("stylegan2-refused");
    let data = scratch.dataset();
    for (flags, told) in [
        (vec!["--set", "cond=batch-norm+auxiliary"], "cond=embedding+projection"),
        (vec!["--set", "penalty.r2=1"], "penalty.r1"),
        (vec!["--set", "schedule.order=alternating"], "schedule.order=phases"),
        (vec!["--set", "generator.mapping_layers=0"], "generator.mapping_layers = 0"),
        (vec!["--set", "discriminator.freeze=99"], "discriminator.freeze = 99"),
    ] {
        let all = [&["--preset", "stylegan2-ada"][..], &flags].concat();
        let mut command = Command::new(env!("CARGO_BIN_EXE_train"));
        command.args(["--dry-run=config", "--device", "cpu", "--set", "evaluation.every=0"]);
        command.arg("--data").arg(&data).args(&all);
        let error = fail(command, 2);
        assert!(error.contains(told), "{flags:?}: {error}");
    }
}
