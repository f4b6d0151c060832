//! Checks of data and settings before the first step.

use std::sync::Arc;

use anyhow::Result;
use shared::cli::UsageError;
use shared::dataset::{Dataset, Manifest};
use shared::direction::Direction;
use shared::nn::config::{CONFIG_VERSION, DataConfig, Feed, OtherData, RunConfig};

use crate::data::batches::{Batches, Side};
use crate::run::options::Options;

/// The training split.
const TRAIN_SPLIT: &str = "train";

/// Opens the data and checks that the settings suit it.
///
/// # Errors
/// If the data is unusable, or the networks cannot be built for it.
pub(crate) fn prepare(options: &Options) -> Result<(RunConfig, Batches)> {
    let dataset = Dataset::open(&options.data)?;
    let feed = options.settings.task.feed();
    let manifest = dataset.manifest().clone();
    require_fitting(options, feed, &manifest)?;
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
    let mut config = RunConfig {
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
            direction: (feed != Feed::Pictures).then(|| options.direction.unwrap_or_default()),
            other: None,
        },
        init: options.init.clone(),
        settings: options.settings.clone(),
    };
    let batch = options.settings.schedule.batch;
    let turned = options.direction == Some(Direction::BToA);
    let sides = |[a, b]: [Side; 2]| if turned { [b, a] } else { [a, b] };
    let batches = match feed {
        Feed::Pictures => Batches::new(dataset, TRAIN_SPLIT, batch, options.seed)?,
        Feed::Pairs => {
            Batches::paired(dataset, sides([Side::A, Side::B]), TRAIN_SPLIT, batch, options.seed)?
        }
        Feed::TwoSets => {
            let first = Arc::new(dataset);
            let mut sets = match other(options, &manifest)? {
                None => [(&first, Side::A), (&first, Side::B)]
                    .map(|(set, side)| (Arc::clone(set), side)),
                Some((second, of_second)) => {
                    config.data.other = Some(of_second);
                    [(first, Side::Whole), (Arc::new(second), Side::Whole)]
                }
            };
            if turned {
                sets.reverse();
            }
            let [source, target] = &sets;
            let sets = [source, target].map(|(set, side)| (set, *side));
            Batches::apart(sets, TRAIN_SPLIT, batch, options.seed)?
        }
    }
    .mirrored(options.mirror);
    let path = options.data.display();
    if batches.per_epoch() == 0 {
        let n = batches.turns();
        let least = options.settings.least_pictures();
        return Err(UsageError(format!(
            "{path} has {n} training pictures, fewer than a batch: --set schedule.batch={}",
            (n / 2).max(least)
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

/// Rejects data sets that the task cannot learn from.
fn require_fitting(options: &Options, feed: Feed, manifest: &Manifest) -> Result<(), UsageError> {
    let (path, preset) = (options.data.display(), &options.preset);
    let refuse = |text: String| Err(UsageError(text));
    if feed != Feed::TwoSets && options.other.is_some() {
        return refuse(format!("{preset} learns from one data set: give --data once"));
    }
    if feed == Feed::Pictures && options.direction.is_some() {
        return refuse(format!("--direction: {preset} translates nothing; omit it"));
    }
    match (feed, manifest.paired) {
        (Feed::Pictures, true) => refuse(format!(
            "{path} holds pairs of pictures, which {preset} cannot learn: build it with --side a or \
             --side b"
        )),
        (Feed::Pairs, false) => refuse(format!(
            "{path} holds single pictures, and {preset} learns from pairs: build it from folders A and \
             B, or from pictures that hold both halves (prep build)"
        )),
        (Feed::TwoSets, false) if options.other.is_none() => refuse(format!(
            "{path} holds single pictures, and {preset} translates between two sets: give the other \
             one with a second --data, or a data set of pairs"
        )),
        (Feed::TwoSets, true) if options.other.is_some() => refuse(format!(
            "{path} holds pairs of pictures, so it is both sets already: give --data once, or build it \
             with --side a"
        )),
        _ => Ok(()),
    }
}

/// The second data set with its record; it must have the size and channels of the first.
fn other(options: &Options, first: &Manifest) -> Result<Option<(Dataset, OtherData)>> {
    let Some(path) = &options.other else { return Ok(None) };
    let dataset = Dataset::open(path)?;
    let manifest = dataset.manifest();
    let shape =
        |manifest: &Manifest| [manifest.size, manifest.channels, u32::from(manifest.paired)];
    if shape(manifest) != shape(first) {
        let told = |manifest: &Manifest| {
            let what = if manifest.paired { "pairs" } else { "pictures" };
            format!("{what} of {0}×{0} with {1} channels", manifest.size, manifest.channels)
        };
        return Err(UsageError(format!(
            "{} holds {}, {} holds {}: build both alike, as single pictures of one size",
            options.data.display(),
            told(first),
            path.display(),
            told(manifest)
        ))
        .into());
    }
    let record = OtherData {
        path: path.display().to_string(),
        fingerprint: manifest.fingerprint.clone(),
        content: manifest.content(TRAIN_SPLIT),
        pictures: dataset.split(TRAIN_SPLIT)?.len(),
    };
    Ok(Some((dataset, record)))
}

/// Number of steps in an epoch: D takes a batch for each of its updates.
pub(crate) fn steps_per_epoch(config: &RunConfig, batches: &Batches) -> u64 {
    (batches.per_epoch() / config.settings.schedule.discriminator_steps as u64).max(1)
}

/// The last step of a run.
pub(crate) fn last_step(config: &RunConfig, batches: &Batches) -> u64 {
    config.settings.schedule.last_step(steps_per_epoch(config, batches))
}
