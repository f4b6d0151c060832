//! Pictures and runs for a test, and the program run on them.

pub(crate) mod data;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use burn::tensor::Device;
use serde_json::Value;
use shared::fs;
use shared::nn::checkpoint::{self, CHECKPOINT_VERSION, Meta};
use shared::nn::config::{DataConfig, RunConfig, Settings};
use shared::nn::networks::Generator;
use shared::nn::run::{Run, Which};
use shared::picture::Picture;
use shared::testing::Scratch;

/// What most tests do in their scratch folder.
pub(crate) trait InScratch {
    /// Writes `count` small pictures of noise around a grey level.
    fn pictures(&self, name: &str, count: u32, grey: u8) -> PathBuf;

    /// `evaluate` with a cache folder of its own.
    fn command(&self, arguments: &[&str]) -> Command;

    /// Runs [`Self::command`].
    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("run")
    }
}

impl InScratch for Scratch {
    fn pictures(&self, name: &str, count: u32, grey: u8) -> PathBuf {
        let folder = self.path(name);
        fs::create_folder(&folder).expect("folder");
        for i in 0..count {
            let mut picture = Picture::filled(16, 16, 3, grey);
            let mut noise = shared::rng::stream(u64::from(i), name, 0);
            picture.pixels.iter_mut().for_each(|p| *p = p.saturating_add(noise.below(60) as u8));
            fs::write(folder.join(format!("{i:03}.png")), &picture.to_png().expect("png"))
                .expect("write");
        }
        folder
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_evaluate"));
        command.env("XDG_CACHE_HOME", self.path("cache")).args(arguments);
        command
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

pub(crate) fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Creates a run with a small untrained generator in a checkpoint at each of `steps`; the first is
/// the best.
pub(crate) fn run(folder: &Path, steps: &[u64]) -> (RunConfig, Generator) {
    run_of(folder, steps, ("gan-ada", 16), &["width=4", "latent=4"])
}

/// A run of a preset, with these settings of its generator.
pub(crate) fn run_of(
    folder: &Path,
    steps: &[u64],
    (preset, size): (&str, usize),
    settings: &[&str],
) -> (RunConfig, Generator) {
    let run = Run::create(folder).expect("run");
    let settings: Vec<String> = settings.iter().map(|s| format!("generator.{s}")).collect();
    let settings = Settings::resolve(preset, None, &settings).expect("settings");
    let config = RunConfig::new(preset, settings, 1, DataConfig::of_extent(size, 3));
    let generator = config.generator(&Device::flex());
    for &step in steps {
        let files = Default::default();
        let meta = Meta {
            version: CHECKPOINT_VERSION,
            step,
            epoch: 1,
            config: config.clone(),
            state: Value::Null,
            files,
        };
        checkpoint::save(&run.checkpoint_folder(step), meta, &[("ema", &generator)]).expect("save");
        run.point(Which::Latest, step).expect("latest");
    }
    run.point(Which::Best, steps[0]).expect("best");
    (config, generator)
}
