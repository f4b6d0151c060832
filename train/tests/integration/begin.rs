//! How a run begins, through the program: with another run's weights, with frozen blocks and
//! mirrored pictures, or only as a rehearsal.
#![expect(clippy::unwrap_used, reason = "a test ends where the machine is not as expected")]

use crate::util;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use shared::fs;
use shared::nn::parameter::Parameters;
use shared::testing::Scratch;
use util::Golden;

/// 24 drawn pictures of `side`×`side`.
fn dataset(scratch: &Scratch, name: &str, side: u32) -> PathBuf {
    let folder = scratch.path(name);
    util::drawn_dataset(&folder, side, &[("train", 24)]);
    folder
}

const SETTINGS: [&str; 7] = [
    "schedule.batch=8",
    "generator.width=4",
    "generator.latent=4",
    "discriminator.width=6",
    "samples.pictures=4",
    "evaluation.every=0",
    "checkpoints.keep=99",
];

fn train(data: &Path, out: &Path, epochs: u64, flags: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_train"));
    command.arg("--data").arg(data).arg("--out").arg(out).args([
        "--device",
        "cpu",
        "--epochs",
        &epochs.to_string(),
    ]);
    command.args(flags).output().unwrap()
}

/// What it says.
fn succeed(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    text
}

fn refused(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    text
}

/// A run of two epochs, six steps.
fn source(data: &Path, out: &Path) {
    let flags: Vec<&str> = SETTINGS.iter().flat_map(|setting| ["--set", setting]).collect();
    succeed(&train(data, out, 2, &flags));
}

fn tensors(run: &Path, step: u64, part: &str) -> Golden {
    util::golden(&run.join(format!("checkpoints/{step:08}/{part}.safetensors"))).0
}

/// What does not depend on names of folders.
fn state(run: &Path, step: u64) -> Vec<Golden> {
    ["generator", "ema", "discriminator", "optimizer.generator", "optimizer.discriminator"]
        .map(|part| tensors(run, step, part))
        .to_vec()
}

#[test]
fn a_run_begins_with_another_ones_averaged_generator_and_discriminator_and_then_needs_it_no_more() {
    let scratch = Scratch::new("begin");
    let (data, other) = (dataset(&scratch, "data", 8), dataset(&scratch, "other", 8));
    let (a, whole, broken) = (scratch.path("a"), scratch.path("whole"), scratch.path("broken"));
    source(&data, &a);
    let from = ["--init-from", a.to_str().unwrap()];
    let text = succeed(&train(&other, &whole, 3, &from));
    assert!(text.contains("all") && text.contains("@best, step 6"), "{text}");
    // The settings are those of the other run, the networks its own, everything else is new.
    let begun = state(&whole, 0);
    assert_eq!(begun[0], tensors(&a, 6, "ema"));
    assert_eq!(begun[1], tensors(&a, 6, "ema"));
    assert_ne!(
        begun[1],
        tensors(&a, 6, "generator"),
        "the average is not the generator, or this shows nothing"
    );
    assert_eq!(begun[2], tensors(&a, 6, "discriminator"));
    for moments in &begun[3..] {
        assert!(
            !moments.is_empty()
                && moments.values().flat_map(|(_, values)| values).all(|v| *v == 0.0)
        );
    }
    // Stopped before its first step is saved again; the other run is gone.
    succeed(&train(&other, &broken, 1, &from));
    fs::remove(&a).unwrap();
    succeed(&train(&other, &broken, 2, &from));
    succeed(&train(&other, &broken, 3, &[]));
    assert!(state(&whole, 9) == state(&broken, 9));
    let text = refused(&train(&other, &broken, 4, &["--init-from", whole.to_str().unwrap()]));
    assert!(text.contains("init = ") && text.contains("whole@best, step 9"), "{text}");
}

#[test]
fn what_does_not_fit_stays_as_drawn_and_is_named_and_a_run_that_fits_nowhere_is_refused() {
    let scratch = Scratch::new("begin-parts");
    let (small, large) = (dataset(&scratch, "small", 8), dataset(&scratch, "large", 16));
    let (a, b) = (scratch.path("a"), scratch.path("b"));
    source(&small, &a);
    let at = format!("{}@3", a.display());
    let text = succeed(&train(&large, &b, 1, &["--init-from", &at]));
    let (begun, taken) = (tensors(&b, 0, "generator"), tensors(&a, 3, "ema"));
    assert!(begun.len() > taken.len(), "a larger picture needs more blocks");
    assert_eq!(begun["dense.weight"], taken["dense.weight"]);
    assert_eq!(begun["out.weight"], taken["out.weight"]);
    let new: Vec<&String> = begun
        .keys()
        .filter(|name| !taken.contains_key(*name) && name.ends_with("weight"))
        .collect();
    assert!(
        !new.is_empty() && new.iter().all(|name| text.contains(name.rsplit_once('.').unwrap().0)),
        "{new:?}\n{text}"
    );
    let wide = [
        "--init-from",
        a.to_str().unwrap(),
        "--set",
        "generator.width=5",
        "--set",
        "discriminator.width=7",
    ];
    let c = scratch.path("c");
    let text = refused(&train(&small, &c, 1, &wide));
    assert!(
        text.contains("no layer fits") && text.contains("generator.width = 4 there, 5 here"),
        "{text}"
    );
    assert!(!c.exists(), "a refused run leaves nothing behind");
    let text = refused(&train(&small, &a, 1, &["--init-from", a.to_str().unwrap(), "--restart"]));
    assert!(text.contains("--out itself"), "{text}");
    assert!(a.join("checkpoints/00000006").exists());
    let text = succeed(&train(&small, &c, 1, &wide[..4]));
    assert!(
        text.contains("no layer of its generator fits") && text.contains("discriminator: all"),
        "{text}"
    );
}

#[test]
fn a_run_begins_with_the_networks_of_another_programs_file_and_then_needs_it_no_more() {
    let golden =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/runs/tests/golden/stylegan2");
    let scratch = Scratch::new("begin-foreign");
    let data = dataset(&scratch, "data", 16);
    let (file, out) = (scratch.path("network.pkl"), scratch.path("out"));
    fs::write(&file, &fs::read(golden.join("plain.pkl")).unwrap()).unwrap();
    let settings = ["schedule.batch=8", "samples.pictures=4", "evaluation.every=0"];
    let flags: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    let from = [&flags[..], &["--init-from", file.to_str().unwrap()]].concat();
    let text = succeed(&train(&data, &out, 1, &from));
    assert!(
        text.contains("network.pkl@best, step 0")
            && text.contains("generator: all")
            && text.contains("discriminator: all"),
        "{text}"
    );
    let checkpoint = shared::nn::foreign::open(&file).unwrap();
    for (part, theirs) in [("generator", "ema"), ("ema", "ema"), ("discriminator", "discriminator")]
    {
        let config = &checkpoint.meta.config;
        let begun = tensors(&out, 0, part);
        let device = burn::tensor::Device::flex();
        let mut generator = config.generator(&device);
        let mut discriminator = config.discriminator(&device);
        let network: &mut dyn Parameters =
            if part == "discriminator" { &mut discriminator } else { &mut generator };
        checkpoint.load(theirs, network).unwrap();
        let found: Vec<(String, Vec<f32>)> =
            network.parameters().into_iter().map(|(name, p)| (name, p.to_vec())).collect();
        assert_eq!(begun.len(), found.len());
        for (name, values) in found {
            let stored = begun[&name].1.iter().map(|v| *v as f32);
            assert!(stored.eq(values), "{part}: {name}");
        }
    }
    // Mirrored, as the file says of its training.
    let config = std::fs::read_to_string(out.join("config.toml")).unwrap();
    assert!(config.contains("mirror = true") && config.contains("network.pkl"), "{config}");
    fs::remove(&file).unwrap();
    succeed(&train(&data, &out, 2, &flags));
    // A file of the other trainer works, too; a file that is none is named.
    let other = golden.join("rosinality.pt");
    let from_other = [&flags[..], &["--init-from", other.to_str().unwrap()]].concat();
    let text = succeed(&train(&data, &scratch.path("other"), 1, &from_other));
    assert!(text.contains("generator: all") && text.contains("discriminator: all"), "{text}");
    fs::write(&file, b"cos\nsystem\n(S'true'\ntR.").unwrap();
    let output = train(&data, &scratch.path("no"), 1, &from);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("network.pkl") && text.contains("os.system"), "{text}");
    assert!(!scratch.path("no").exists(), "a refused run leaves nothing behind");
}

#[test]
fn frozen_blocks_are_kept_in_every_checkpoint_and_another_number_of_them_is_refused() {
    let scratch = Scratch::new("begin-freeze");
    let data = dataset(&scratch, "data", 16);
    let (a, b) = (scratch.path("a"), scratch.path("b"));
    source(&data, &a);
    let from = ["--init-from", a.to_str().unwrap(), "--freeze-d", "1"];
    succeed(&train(&data, &b, 2, &from));
    let (before, after) = (tensors(&a, 6, "discriminator"), tensors(&b, 6, "discriminator"));
    assert_eq!(before["down.0.conv.weight"], after["down.0.conv.weight"]);
    assert_ne!(before["down.1.conv.weight"], after["down.1.conv.weight"]);
    assert!(
        refused(&train(&data, &b, 3, &["--freeze-d", "2"]))
            .contains("discriminator.freeze = 1 (now 2)")
    );
    assert!(refused(&train(&data, &b, 3, &["--freeze-d", "3"])).contains("0 (none) to 2"));
    // What was asked for at the beginning need not be repeated.
    succeed(&train(&data, &b, 3, &[]));
}

#[test]
fn mirrored_pictures_are_a_setting_of_the_data_that_a_run_keeps() {
    let scratch = Scratch::new("begin-mirror");
    let data = dataset(&scratch, "data", 8);
    let (flag, set, plain) = (scratch.path("flag"), scratch.path("set"), scratch.path("plain"));
    let with = |more: &[&'static str]| -> Vec<&'static str> {
        SETTINGS.iter().flat_map(|setting| ["--set", setting]).chain(more.iter().copied()).collect()
    };
    succeed(&train(&data, &flag, 1, &with(&["--mirror"])));
    succeed(&train(&data, &set, 1, &with(&["--set", "data.mirror=true"])));
    succeed(&train(&data, &plain, 1, &with(&[])));
    assert!(state(&flag, 3) == state(&set, 3) && state(&flag, 3) != state(&plain, 3));
    assert!(
        refused(&train(&data, &flag, 2, &with(&["--mirror=false"])))
            .contains("data.mirror = true (now false)")
    );
    assert!(
        refused(&train(&data, &plain, 2, &with(&["--set", "data.mirror=maybe"])))
            .contains("data.mirror=maybe")
    );
    // A run's own settings as a file, mirrored as it is.
    let file = flag.join("config.toml");
    let copy = scratch.path("copy");
    succeed(&train(&data, &copy, 1, &["--config", file.to_str().unwrap()]));
    assert!(state(&flag, 3) == state(&copy, 3));
}

#[test]
fn a_rehearsal_prints_the_settings_says_what_a_run_takes_and_writes_nothing() {
    let scratch = Scratch::new("begin-rehearsal");
    let data = dataset(&scratch, "data", 8);
    let (out, file) = (scratch.path("out"), scratch.path("mine.toml"));
    let mut flags: Vec<&str> = SETTINGS.iter().flat_map(|setting| ["--set", setting]).collect();
    flags.extend([
        "--set",
        "schedule.batch=16",
        "--set",
        "schedule.order=alternating",
        "--set",
        "schedule.discriminator_steps=2",
    ]);
    let whole = train(&data, &out, 8, &[&flags[..], &["--dry-run"]].concat());
    let text = succeed(&whole);
    for said in [
        "generator: 4 → 4×4×4 → 8×8×3",
        "discriminator: 8×8×3 → 4×4×6 → 1",
        "memory: ",
        "s per step",
        "in total",
        "checkpoints",
    ] {
        assert!(text.contains(said), "{said} is missing in {text}");
    }
    let quick = train(&data, &out, 8, &[&flags[..], &["--dry-run=config"]].concat());
    assert!(!succeed(&quick).contains("memory: "));
    assert_eq!(quick.stdout, whole.stdout);
    assert!(!out.exists());
    // What it prints is a file of settings, from which the same follows.
    fs::write(&file, &quick.stdout).unwrap();
    let again = train(
        &data,
        &out,
        8,
        &["--preset", "gan-ada", "--config", file.to_str().unwrap(), "--dry-run=config"],
    );
    succeed(&again);
    assert_eq!(again.stdout, whole.stdout);
    let text = refused(&train(
        &data,
        &out,
        8,
        &[&flags[..], &["--precision", "bf16", "--dry-run"]].concat(),
    ));
    assert!(text.contains("the CPU computes in f32"), "{text}");
}
