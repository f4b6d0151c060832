//! What comes before the first step: the data and the settings are looked at, and what does not fit is refused.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use burn::tensor::Device;
use shared::cli::{Ending, UsageError};
use shared::dataset::Dataset;
use shared::fs;
use shared::nn::config::{CONFIG_VERSION, DataConfig, InitConfig, RunConfig, ScheduleConfig, Settings};
use shared::nn::run::Run;

use crate::batches::Batches;
use crate::feed::DataOn;
use crate::{augment, rehearsal, starts};

/// The split that is learned from.
const TRAIN_SPLIT: &str = "train";

/// What a run is asked to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// The recipe it started from.
    pub preset: String,
    /// All settings, resolved.
    pub settings: Settings,
    /// Whose weights it begins with; `None`: drawn ones.
    pub init: Option<InitConfig>,
    /// From which every random number follows.
    pub seed: u64,
    /// Folder of the data set.
    pub data: PathBuf,
    /// Each picture of a batch is mirrored with probability ½.
    pub mirror: bool,
    /// Weights for KID; `None` takes the fetched ones.
    pub weights: Option<PathBuf>,
    /// Remove what the run folder holds.
    pub restart: bool,
    /// Where the pictures to learn from are kept.
    pub data_on: DataOn,
    /// A checkpoint is written after this time at the latest.
    pub save_every: Duration,
    /// How often in a row the run goes back when values are not finite.
    pub retries: u64,
    /// The run ends when KID has risen so often in a row; 0 = never.
    pub stop_after: u64,
}

/// Checks data and settings and prints the resolved `config.toml`; then, if `devices` are given, takes the first steps of the run in
/// `out` on them and says what all of it would take. Nothing is written.
///
/// # Errors
/// When the run could not be started, or a step does not fit into memory.
pub fn dry_run(options: &Options, out: Option<&Path>, devices: Option<&[Device]>) -> Result<Ending> {
    let (config, batches) = prepare(options)?;
    starts::check(out.filter(|out| !options.restart && Run::is_run(out)), &config)?;
    shared::cli::print(&toml::to_string(&config)?)?;
    tracing::info!("{} pictures, {} steps an epoch", batches.pictures(), steps_per_epoch(&config, &batches));
    if let Some(devices) = devices {
        rehearsal::rehearse(options, &config, batches, out, devices)?;
    }
    Ok(Ending::Done)
}

/// Pictures in a row of a sheet that shows augmentation.
const PREVIEW_PICTURES: usize = 8;

/// Writes a sheet that shows what augmentation does to the first pictures of the data set.
///
/// # Errors
/// When the data is unusable or the file cannot be written.
pub fn preview_augment(options: &Options, file: &Path) -> Result<Ending> {
    let (config, batches) = prepare(options)?;
    let pictures = batches.first(PREVIEW_PICTURES)?;
    let sheet = augment::preview(&config.settings.augment, &pictures, config.seed);
    fs::create_folder_for(file)?;
    fs::write(file, &sheet.to_png()?)?;
    shared::cli::tell(&format!("{}\n", file.display()));
    Ok(Ending::Done)
}

/// Looks at the data and checks that the settings suit it.
///
/// # Errors
/// When the data is unusable, or the networks cannot be built for it.
pub(crate) fn prepare(options: &Options) -> Result<(RunConfig, Batches)> {
    let dataset = Dataset::open(&options.data)?;
    let manifest = dataset.manifest();
    if manifest.paired {
        let mend = "build it with --side a or --side b";
        return Err(UsageError(format!(
            "{} holds pairs of pictures, which {} does not learn: {mend}",
            options.data.display(),
            options.preset
        ))
        .into());
    }
    let size = manifest.size as usize;
    options.settings.check_size(size)?;
    options.settings.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
    if options.settings.discriminator.frozen_blocks() > 0 && options.init.is_none() {
        tracing::warn!("discriminator.freeze without --init-from: the frozen blocks keep the weights that were drawn for them");
    }
    let told = options.settings.cond.is_on();
    if told && manifest.classes.is_empty() {
        let path = options.data.display();
        let mend = "build it from labelled folders or a labelled source, or --set cond=none";
        return Err(UsageError(format!("{path} has no classes, which cond asks for: {mend}")).into());
    }
    let config = RunConfig {
        version: CONFIG_VERSION,
        preset: options.preset.clone(),
        seed: options.seed,
        data: DataConfig {
            path: options.data.display().to_string(),
            split: TRAIN_SPLIT.into(),
            fingerprint: manifest.fingerprint.clone(),
            content: manifest.content(TRAIN_SPLIT),
            pictures: dataset.split(TRAIN_SPLIT)?.len(),
            size,
            channels: manifest.channels as usize,
            classes: if told { manifest.classes.clone() } else { Vec::new() },
            mirror: options.mirror,
        },
        init: options.init.clone(),
        settings: options.settings.clone(),
    };
    let batch = options.settings.schedule.batch;
    let batches = Batches::new(dataset, TRAIN_SPLIT, batch, options.seed)?.mirrored(options.mirror);
    let path = options.data.display();
    if batches.per_epoch() == 0 {
        let n = batches.pictures();
        return Err(UsageError(format!(
            "{path} has {n} pictures to learn from, fewer than a batch: --set schedule.batch={}",
            (n / 2).max(2)
        ))
        .into());
    }
    match if told { batches.without_class()? } else { 0 } {
        0 => Ok((config, batches)),
        n => {
            Err(UsageError(format!("{path}: {n} pictures to learn from have no class, which cond asks for: --set cond=none"))
                .into())
        }
    }
}

/// Steps in an epoch: D takes a batch for each of its updates.
pub(crate) fn steps_per_epoch(config: &RunConfig, batches: &Batches) -> u64 {
    (batches.per_epoch() / config.settings.schedule.discriminator_steps as u64).max(1)
}

/// The step after which a run ends.
pub(crate) fn last_step(config: &RunConfig, batches: &Batches) -> u64 {
    end_of(&config.settings.schedule, steps_per_epoch(config, batches))
}

/// The step after which a schedule ends where an epoch has `per_epoch` steps.
pub(crate) fn end_of(schedule: &ScheduleConfig, per_epoch: u64) -> u64 {
    let per_step = schedule.pictures_a_step() as f64;
    if schedule.steps > 0 {
        schedule.steps
    } else if schedule.kimg > 0.0 {
        ((schedule.kimg * 1000.0 / per_step).ceil() as u64).max(1)
    } else {
        schedule.epochs.saturating_mul(per_epoch)
    }
}
