//! The program as people run it: in a folder of its own, on a few drawn pictures, with networks
//! that take milliseconds.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use shared::dataset::Dataset;
use shared::fs;
use shared::nn::checkpoint::Checkpoint;
use shared::nn::run::Run;

pub(crate) use shared::testing::Scratch;

/// Data sets in a test's folder.
pub(crate) trait DrawnData {
    /// 24 drawn pictures of 8×8 to learn from, and 8 to measure with.
    fn dataset(&self) -> PathBuf {
        self.labelled(0)
    }

    /// The same in `classes` classes.
    fn labelled(&self, classes: u64) -> PathBuf;
}

impl DrawnData for Scratch {
    fn labelled(&self, classes: u64) -> PathBuf {
        let folder = self.path("data");
        super::labelled_dataset(&folder, 8, &[("train", 24), ("val", 8)], classes);
        assert_eq!(Dataset::open(&folder).unwrap().split("train").unwrap().len(), 24);
        folder
    }
}

/// Three steps an epoch.
pub(crate) const STEPS_PER_EPOCH: u64 = 3;

pub(crate) const SETTINGS: &[&str] = &[
    "schedule.batch=8",
    "generator.width=4",
    "generator.latent=4",
    "discriminator.width=4",
    "samples.pictures=4",
    "samples.every=4",
    "evaluation.every=0",
    // p rises at once, so that the augmenter is part of what must be repeated.
    "augment.integration_steps=1",
    "augment.target_accuracy=0.1",
];

/// `train` for so many epochs, on the CPU unless `flags` say otherwise.
pub(crate) fn command_with(data: &Path, out: &Path, epochs: u64, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_train"));
    command.arg("--data").arg(data).arg("--out").arg(out).arg("--epochs").arg(epochs.to_string());
    if !flags.contains(&"--device") {
        command.args(["--device", "cpu"]);
    }
    let translators = ["generator.family=toy-translator", "pix2pix", "cyclegan", "cut", "fastcut"];
    let translates = translators.iter().any(|word| flags.contains(word));
    // What translates pictures has no latent vector.
    let settings =
        SETTINGS.iter().filter(|setting| !(translates && setting.starts_with("generator.latent")));
    // StyleGAN2's networks have widths of another name.
    let styled = flags.iter().any(|flag| flag.starts_with("stylegan2"));
    let named = |setting: &&str| match styled {
        true => setting.replace(".width=", ".channel_max="),
        false => (*setting).to_owned(),
    };
    command.args(settings.flat_map(|setting| ["--set".to_owned(), named(setting)]));
    command.args(flags).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub(crate) fn command(data: &Path, out: &Path, epochs: u64) -> Command {
    command_with(data, out, epochs, &[])
}

/// Without pipes that nobody reads.
pub(crate) fn quiet(mut command: Command) -> Command {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What it printed on stderr.
pub(crate) fn succeed(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{:?}: {}", output.status, stderr(&output));
    stderr(&output)
}

pub(crate) fn fail(mut command: Command, code: i32) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
    stderr(&output)
}

/// Every file of the checkpoint of `step`, by name.
pub(crate) fn checkpoint(run: &Path, step: u64) -> Vec<(String, Vec<u8>)> {
    let folder = checkpoint_folder(run, step);
    let entries =
        std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let file = |path: PathBuf| {
        (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap())
    };
    let mut files: Vec<_> = entries.map(|entry| file(entry.unwrap().path())).collect();
    files.sort();
    files
}

pub(crate) fn checkpoint_folder(run: &Path, step: u64) -> PathBuf {
    run.join("checkpoints").join(format!("{step:08}"))
}

/// The checkpoints of `step` and what the logs say of the way there are equal.
pub(crate) fn assert_same(a: &Path, b: &Path, step: u64) {
    let (left, right) = (checkpoint(a, step), checkpoint(b, step));
    // Settings, a network and its optimizer for each of two roles, an average.
    assert!(left.len() >= 6 && left.len() == right.len());
    for ((name, left), (other, right)) in left.iter().zip(&right) {
        assert_eq!(name, other);
        assert!(left == right, "{name} differs in {} and {}", a.display(), b.display());
    }
    for log in ["stats.jsonl", "alarms.jsonl"] {
        // How fast a machine is, is not the run's doing.
        let told = |run: &Path| {
            lines(run, log).into_iter().filter(|line| line["kind"] != "slower").collect::<Vec<_>>()
        };
        assert_eq!(told(a), told(b), "{log} of {} and {}", a.display(), b.display());
    }
}

/// The same but for what a run may change in between: only tensors.
pub(crate) fn assert_same_tensors(a: &Path, b: &Path, step: u64) {
    let tensors = |run: &Path| {
        checkpoint(run, step)
            .into_iter()
            .filter(|(n, _)| n.ends_with("safetensors"))
            .collect::<Vec<_>>()
    };
    assert!(
        tensors(a) == tensors(b),
        "{} and {} differ after step {step}",
        a.display(),
        b.display()
    );
}

/// What a clock or the system decides about.
const NOT_REPEATED: &[&str] = &["img_per_s", "seconds", "wait", "memory_mb", "kid_seconds"];

/// The lines of a log as far as they are the same every time.
pub(crate) fn lines(run: &Path, log: &str) -> Vec<Value> {
    let mut lines = shared::jsonl::read(&run.join(log)).unwrap();
    for line in &mut lines {
        let line = line.as_object_mut().unwrap();
        NOT_REPEATED.iter().for_each(|key| drop(line.remove(*key)));
    }
    lines
}

/// The epochs that the log of a run has.
pub(crate) fn logged_epochs(run: &Path) -> Vec<u64> {
    lines(run, "stats.jsonl").iter().map(|line| line["epoch"].as_u64().unwrap()).collect()
}

/// Checks every byte of a checkpoint.
pub(crate) fn verify(folder: &Path) -> Result<(), String> {
    let opened = Checkpoint::open(folder).map_err(|e| shared::cli::one_line(&e))?;
    opened.verify().map_err(|e| shared::cli::one_line(&e))
}

/// Whatever bears the name of a checkpoint is whole. Gives their steps.
pub(crate) fn verify_all(run: &Path) -> Vec<u64> {
    if !Run::is_run(run) {
        return Vec::new();
    }
    let steps = Run::open(run).unwrap().steps().unwrap();
    steps.iter().for_each(|step| verify(&checkpoint_folder(run, *step)).unwrap());
    steps
}

/// Temporary files and folders in a folder and below it.
pub(crate) fn litter(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            let temporary = path.to_string_lossy().ends_with(fs::TEMPORARY_SUFFIX);
            if temporary { vec![path] } else { litter(&path) }
        })
        .collect()
}

/// Whether a checkpoint of the run is being written at this moment.
pub(crate) fn saving(run: &Path) -> bool {
    std::fs::read_dir(run.join("checkpoints")).is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            name.ends_with(fs::TEMPORARY_SUFFIX) && !name.contains(".json.")
        })
    })
}

/// Copies a folder with what is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_folder(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::write_unsynced(&target, &[&fs::read(&path).unwrap()]).unwrap();
        }
    }
}
