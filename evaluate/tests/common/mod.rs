//! A folder for one test, pictures and runs in it, and the program run on them.

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

/// Removed at the end of a test.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("fledge-evaluate-{}-{name}", std::process::id()));
        fs::remove(&folder).expect("clear");
        fs::create_folder(&folder).expect("folder");
        Self(folder)
    }

    /// Small pictures of noise around a grey value.
    pub(crate) fn pictures(&self, name: &str, count: u32, grey: u8) -> PathBuf {
        let folder = self.0.join(name);
        fs::create_folder(&folder).expect("folder");
        for i in 0..count {
            let mut picture = Picture::filled(16, 16, 3, grey);
            let mut noise = shared::rng::stream(u64::from(i), name, 0);
            picture.pixels.iter_mut().for_each(|p| *p = p.saturating_add(noise.below(60) as u8));
            fs::write(folder.join(format!("{i:03}.png")), &picture.to_png().expect("png")).expect("write");
        }
        folder
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_evaluate"));
        command.env("XDG_CACHE_HOME", self.0.join("cache")).args(arguments).output().expect("run")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove(&self.0).expect("clear");
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

pub(crate) fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A run with a small untrained generator in a checkpoint of each of `steps`, the first of which is the best.
pub(crate) fn run(folder: &Path, steps: &[u64]) -> (RunConfig, Generator) {
    let run = Run::create(folder).expect("run");
    let settings = ["generator.width=4", "generator.latent=4"].map(str::to_owned);
    let settings = Settings::resolve("gan-ada", None, &settings).expect("settings");
    let config = RunConfig::new("gan-ada", settings, 1, DataConfig::of_extent(16, 3));
    let generator = config.generator(&Device::flex());
    for &step in steps {
        let files = Default::default();
        let meta = Meta { version: CHECKPOINT_VERSION, step, epoch: 1, config: config.clone(), state: Value::Null, files };
        checkpoint::save(&run.checkpoint_folder(step), meta, &[("ema", &generator)]).expect("save");
        run.point(Which::Latest, step).expect("latest");
    }
    run.point(Which::Best, steps[0]).expect("best");
    (config, generator)
}
