//! Checks of data and settings before the first step.

use anyhow::Result;
use shared::cli::UsageError;
use shared::dataset::Dataset;
use shared::nn::config::{CONFIG_VERSION, DataConfig, RunConfig};

use crate::data::batches::Batches;
use crate::run::options::Options;

/// The training split.
const TRAIN_SPLIT: &str = "train";

/// Opens the data and checks that the settings suit it.
///
/// # Errors
/// If the data is unusable, or the networks cannot be built for it.
pub(crate) fn prepare(options: &Options) -> Result<(RunConfig, Batches)> {
    let dataset = Dataset::open(&options.data)?;
    let manifest = dataset.manifest();
    if manifest.paired {
        let mend = "build it with --side a or --side b";
        return Err(UsageError(format!(
            "{} holds pairs of pictures, which {} cannot learn: {mend}",
            options.data.display(),
            options.preset
        ))
        .into());
    }
    let size = manifest.size as usize;
    options.settings.check_size(size)?;
    options.settings.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
    if options.settings.discriminator.frozen_blocks() > 0 && options.init.is_none() {
        tracing::warn!(
            "discriminator.freeze without --init-from: the frozen blocks keep their random weights"
        );
    }
    let told = options.settings.cond.is_on();
    if told && manifest.classes.is_empty() {
        let path = options.data.display();
        let mend = "build it from labelled folders or a labelled source, or --set cond=none";
        return Err(
            UsageError(format!("{path} has no classes, which cond requires: {mend}")).into()
        );
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
            "{path} has {n} training pictures, fewer than a batch: --set schedule.batch={}",
            (n / 2).max(2)
        ))
        .into());
    }
    match if told { batches.without_class()? } else { 0 } {
        0 => Ok((config, batches)),
        n => Err(UsageError(format!(
            "{path}: {n} training pictures have no class, which cond requires: --set cond=none"
        ))
        .into()),
    }
}

/// Number of steps in an epoch: D takes a batch for each of its updates.
pub(crate) fn steps_per_epoch(config: &RunConfig, batches: &Batches) -> u64 {
    (batches.per_epoch() / config.settings.schedule.discriminator_steps as u64).max(1)
}

/// The last step of a run.
pub(crate) fn last_step(config: &RunConfig, batches: &Batches) -> u64 {
    config.settings.schedule.last_step(steps_per_epoch(config, batches))
}
