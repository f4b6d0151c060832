//! An untrained run in a scratch folder, and the program run on it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use burn::tensor::{Device, Tensor, TensorData};
use shared::archive::Archive;
use shared::fs;
use shared::nn::checkpoint::{self, CHECKPOINT_VERSION, Meta};
use shared::nn::config::{DataConfig, RunConfig, Settings};
use shared::nn::parameter::Parameters;
use shared::nn::run::Run;
use shared::nn::sampler::Weights;
use shared::nn::task::Part;
use shared::picture::{Limits, Picture};
use shared::testing::Scratch;

/// A run of untrained 16×16 networks with one checkpoint and three sheets.
pub(crate) fn run(name: &str) -> (Scratch, PathBuf) {
    run_of(name, &[], &[])
}

/// Like [`run`], with more settings and with classes.
pub(crate) fn run_of(name: &str, settings: &[&str], classes: &[&str]) -> (Scratch, PathBuf) {
    let narrow = ["generator.width=6", "generator.latent=8"];
    run_by(name, "gan-ada", &[&narrow, settings].concat(), classes)
}

/// Like [`run_of`], of a generator with styles whose average of w and noise are drawn, as after
/// training.
pub(crate) fn styled_run(name: &str, settings: &[&str], classes: &[&str]) -> (Scratch, PathBuf) {
    let narrow = [
        "generator.latent=8",
        "generator.styles=10",
        "generator.mapping_layers=2",
        "generator.channel_base=128",
        "generator.channel_max=12",
    ];
    run_by(name, "stylegan2-config-f", &[&narrow, settings].concat(), classes)
}

fn run_by(name: &str, preset: &str, settings: &[&str], classes: &[&str]) -> (Scratch, PathBuf) {
    let scratch = Scratch::new(name);
    let folder = scratch.join("run");
    let run = Run::create(&folder).unwrap();
    let settings: Vec<String> = settings.iter().map(|s| (*s).into()).collect();
    let classes = classes.iter().map(|c| (*c).to_owned()).collect();
    let data = DataConfig { classes, split: "train".into(), ..DataConfig::of_extent(16, 3) };
    let config =
        RunConfig::new(preset, Settings::resolve(preset, None, &settings).unwrap(), 5, data);
    // Other weights, to tell the two apart.
    let trained = RunConfig { seed: 6, ..config.clone() }.generator(&Device::flex());
    let mut generator = config.generator(&Device::flex());
    for (name, parameter) in generator.parameters_mut() {
        let untrained = ["w_avg", "noise_strength"].iter().any(|part| name.ends_with(part));
        if untrained {
            let drawn = shared::rng::stream(1, &name, 0).normals(parameter.count());
            let values = TensorData::new(drawn, [parameter.count()]);
            parameter.set(Tensor::from_data(values, &Device::flex()));
        }
    }
    let meta = Meta {
        version: CHECKPOINT_VERSION,
        step: 7,
        epoch: 1,
        config,
        state: serde_json::Value::Null,
        files: Default::default(),
    };
    checkpoint::save(
        &run.checkpoint_folder(7),
        meta,
        &[("ema", &generator), ("generator", &trained)],
    )
    .unwrap();
    for epoch in [0, 5, 10] {
        fs::write(
            run.sheet(epoch),
            &Picture::filled(20, 12, 3, epoch as u8 * 20).to_png().unwrap(),
        )
        .unwrap();
    }
    (scratch, folder)
}

/// A run of untrained translators of 16×16 pictures from A to B and from B to A, with more settings.
pub(crate) fn translators(name: &str, settings: &[&str]) -> (Scratch, PathBuf) {
    let scratch = Scratch::new(name);
    let folder = scratch.join("run");
    let run = Run::create(&folder).unwrap();
    let toys = [
        "task=toy-cycle",
        "generator.family=toy-translator",
        "discriminator.family=toy-translator",
        "augment.pipeline=none",
    ];
    let settings: Vec<String> = toys.iter().chain(settings).map(|s| (*s).into()).collect();
    let settings = Settings::resolve("gan-ada", None, &settings).unwrap();
    let config = RunConfig::new("gan-ada", settings, 5, DataConfig::of_extent(16, 3));
    let generators = config.settings.task.roles().iter().filter(|r| r.part == Part::Generator);
    let networks: Vec<_> = generators
        .map(|role| (Weights::Averaged.part(role), config.network(role, &Device::flex())))
        .collect();
    let parts: Vec<(&str, &dyn Parameters)> =
        networks.iter().map(|(part, network)| (*part, network as &dyn Parameters)).collect();
    let meta = Meta {
        version: CHECKPOINT_VERSION,
        step: 7,
        epoch: 1,
        config,
        state: serde_json::Value::Null,
        files: Default::default(),
    };
    checkpoint::save(&run.checkpoint_folder(7), meta, &parts).unwrap();
    (scratch, folder)
}

pub(crate) fn sample(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sample")).args(args).output().unwrap()
}

pub(crate) fn succeed(args: &[&str]) {
    let output = sample(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

pub(crate) fn refuse(args: &[&str], code: i32, named: &str) {
    let output = sample(args);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
    assert!(text.contains(named), "{args:?}: {text}");
}

pub(crate) fn decode(path: &Path) -> Picture {
    Picture::decode(&fs::read(path).unwrap(), &Limits::default()).unwrap()
}

/// The names in a folder, sorted.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.unwrap().file_name().to_string_lossy().into_owned()
    };
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(name).collect();
    names.sort_unstable();
    names
}

/// Every file of a folder or zip by its name, as `evaluate` reads it.
pub(crate) fn files_in(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let archive = Archive::open(path).unwrap();
    let file = |i: usize| (archive.names()[i].to_string(), archive.read(i, 1 << 24).unwrap());
    (0..archive.names().len()).map(file).collect()
}

/// Like [`files_in`] for a folder; the bytes of a file under an empty name; nothing if absent.
pub(crate) fn contents(path: &Path) -> BTreeMap<String, Vec<u8>> {
    match path.is_dir() {
        true => files_in(path),
        false => fs::read(path).into_iter().map(|bytes| (String::new(), bytes)).collect(),
    }
}

/// Says on stderr that a test is skipped, past the capture of the test harness.
pub(crate) fn skipped(why: &str) {
    use std::io::Write;

    let thread = std::thread::current();
    let _ = writeln!(std::io::stderr(), "SKIPPED {}: {why}", thread.name().unwrap_or("test"));
}
