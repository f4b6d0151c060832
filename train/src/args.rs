//! Flags → [`Options`].

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use shared::cli::{Ending, UsageError};
use shared::nn::config::{RunConfig, Settings};
use shared::nn::device::DeviceChoice;
use shared::nn::{preset, summary};
use shared::signal::Stop;

use crate::training::{self, Options};

/// Train a GAN on a data set that `prep build` wrote.
///
/// The same command again goes on where the last one stopped, however it stopped: Ctrl-C saves and ends, `kill -9` loses
/// the steps since the last checkpoint and nothing else.
#[derive(Debug, Parser)]
#[command(name = "train", version, after_help = EXAMPLES)]
pub struct Args {
    /// The recipe to start from.
    #[arg(long, default_value = "gan-ada")]
    preset: String,
    /// Data set, as written by `prep build`.
    #[arg(long, value_name = "DIR", required_unless_present_any = ["list_presets", "summary"])]
    data: Option<PathBuf>,
    /// Folder of the run: created, or gone on with.
    #[arg(long, value_name = "DIR", required_unless_present_any = ["list_presets", "summary", "dry_run"])]
    out: Option<PathBuf>,
    /// Passes over the data (`schedule.epochs`).
    #[arg(long, value_name = "N")]
    epochs: Option<u64>,
    /// Stop after this many steps instead (`schedule.steps`).
    #[arg(long, value_name = "N")]
    steps: Option<u64>,
    /// auto, cpu, cuda or cuda:INDEX. `auto` takes CUDA if it is built in and a device answers.
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// From which every random number follows.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// TOML file with settings that replace the preset's.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One setting, for example schedule.batch=64. May be repeated; wins over --config.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    assignments: Vec<String>,
    /// Weights of the FID InceptionV3 for KID while training. Default: what `evaluate weights --fetch` stored.
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Begin anew: removes what the run folder holds.
    #[arg(long)]
    restart: bool,
    /// Print the recipes and end.
    #[arg(long)]
    list_presets: bool,
    /// Print the layers of both networks with shapes and counts and end.
    #[arg(long)]
    summary: bool,
    /// Check everything, print the settings, and end before the first step.
    #[arg(long)]
    dry_run: bool,
}

const EXAMPLES: &str = "\
Examples:
  train --data birds64 --out runs/birds                      the recipe as published
  train --data birds64 --out runs/birds                      … and again: goes on where it stopped
  train --data birds64 --out runs/b32 --set schedule.batch=32 --set generator.width=64
  train --data birds64 --out runs/birds --epochs 100 --weights inception.pth
  train --preset gan-ada --summary                           what the networks look like
  train --data birds64 --dry-run                             every setting with its value";

/// Extent that `--summary` shows where no data set is named.
const SUMMARY_SIZE: (usize, usize) = (64, 3);

impl Args {
    /// Does what the flags ask for.
    ///
    /// # Errors
    /// When a flag is wrong or the work fails.
    pub fn run(self) -> Result<Ending> {
        if self.list_presets {
            for p in preset::PRESETS {
                println!("{:<12}{}\n{:<12}{}", p.name, p.summary, "", p.source);
            }
            return Ok(Ending::Done);
        }
        let settings = self.settings()?;
        if self.summary {
            return self.print_summary(&settings);
        }
        let (Some(data), out) = (self.data, self.out) else {
            return Err(UsageError("--data is missing".into()).into());
        };
        let options =
            Options { preset: self.preset, settings, seed: self.seed, data, weights: self.weights, restart: self.restart };
        if self.dry_run {
            return training::dry_run(&options);
        }
        let out = out.ok_or_else(|| UsageError("--out is missing".into()))?;
        training::train(&options, &out, &self.device.open()?, &Stop::listen()?)
    }

    fn settings(&self) -> Result<Settings> {
        let file = match &self.config {
            None => None,
            Some(path) => {
                let text = String::from_utf8(shared::fs::read_bounded(path, 1 << 20)?);
                let text = text.map_err(|_| UsageError(format!("--config {}: it is no text", path.display())))?;
                Some((path.display().to_string(), text))
            }
        };
        let mut assignments = self.assignments.clone();
        assignments.extend(self.epochs.map(|n| format!("schedule.epochs={n}")));
        assignments.extend(self.steps.map(|n| format!("schedule.steps={n}")));
        let file = file.as_ref().map(|(name, text)| (name.as_str(), text.as_str()));
        Ok(Settings::resolve(&self.preset, file, &assignments)?)
    }

    fn print_summary(&self, settings: &Settings) -> Result<Ending> {
        let (size, channels) = match &self.data {
            None => SUMMARY_SIZE,
            Some(path) => {
                let dataset = shared::dataset::Dataset::open(path)?;
                (dataset.manifest().size as usize, dataset.manifest().channels as usize)
            }
        };
        RunConfig::check_size(size)?;
        let device = DeviceChoice::Cpu.open()?;
        println!("{}", summary::generator(&settings.generator.init(size, channels, self.seed, &device), channels));
        println!("{}", summary::discriminator(&settings.discriminator.init(size, channels, self.seed, &device), size));
        Ok(Ending::Done)
    }
}
