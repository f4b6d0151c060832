//! Starting a run from another run's weights (transfer learning): `--init-from RUN[@CHECKPOINT]`, or
//! from a network file of another program, which is opened like a checkpoint of step 0.
//!
//! The other run's averaged generator initialises the generator and its average, its discriminator
//! the discriminator: layer by layer where names and shapes match, and class tables row by row
//! where class names match. Everything else keeps its random initialisation. Optimizers, p and the
//! step count start afresh. All of it is saved as the checkpoint of step 0, so that the other run
//! is never needed again.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result};
use burn::tensor::Device;
use serde_json::Value;
use shared::cli::UsageError;
use shared::nn::checkpoint::{self, CHECKPOINT_VERSION, Checkpoint, Meta};
use shared::nn::config::{InitConfig, RunConfig, TaskName};
use shared::nn::fit::{Fit, Match};
use shared::nn::run::{Run, Which, open_checkpoint};
use shared::nn::task::Role;

use crate::step::trainer::Trainer;
use crate::tell::numbers::few;

/// The value of `--init-from`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    run: PathBuf,
    which: Which,
}

impl FromStr for Source {
    type Err = UsageError;

    /// Parses `RUN`, `RUN@best`, `RUN@latest` or `RUN@STEP`. A folder's name may contain an @ too.
    fn from_str(text: &str) -> Result<Self, UsageError> {
        let (run, which) = match text.rsplit_once('@').map(|(run, which)| (run, which.parse())) {
            Some((run, Ok(which))) => (run, which),
            _ => (text, Which::Best),
        };
        if run.is_empty() {
            return Err(UsageError(format!(
                "--init-from {text}: expected RUN, RUN@best, RUN@latest or RUN@STEP"
            )));
        }
        Ok(Self { run: run.into(), which })
    }
}

/// The source of a run's initial weights, and the settings inherited by default.
#[derive(Clone, Debug)]
pub struct Inherited {
    /// The part that is stored in the run's own settings.
    pub init: InitConfig,
    /// The settings of the other run; of the run itself, once it has started.
    pub config: RunConfig,
}

/// The source of the initial weights of the run in `out`: as given by the flag, or as recorded at
/// its start (its settings are `earlier`). The other run is opened only if the flag differs from
/// the record.
///
/// # Errors
/// If the other run has no such checkpoint, or is `out` itself.
pub fn inherited(
    asked: Option<&Source>,
    earlier: Option<&RunConfig>,
    out: Option<&Path>,
) -> Result<Option<Inherited>> {
    let noted = earlier
        .and_then(|config| Some(Inherited { init: config.init.clone()?, config: config.clone() }));
    let Some(Source { run, which }) = asked else { return Ok(noted) };
    let (text, checkpoint) = (run.display().to_string(), which.to_string());
    if let Some(noted) =
        noted.filter(|noted| noted.init.run == text && noted.init.checkpoint == checkpoint)
    {
        return Ok(Some(noted));
    }
    let same = |out: &Path| {
        std::fs::canonicalize(run)
            .is_ok_and(|run| std::fs::canonicalize(out).is_ok_and(|out| out == run))
    };
    if out.is_some_and(same) {
        return Err(UsageError(format!(
            "--init-from {text} is --out itself: a new run needs its own folder"
        ))
        .into());
    }
    let found = open(run, *which)?;
    let init =
        InitConfig { run: text, checkpoint, step: found.meta.step, weights: weights(&found) };
    Ok(Some(Inherited { init, config: found.meta.config }))
}

fn open(run: &Path, which: Which) -> Result<Checkpoint> {
    open_checkpoint(run, which).with_context(|| format!("--init-from {}", run.display()))
}

/// The roles of a run's task, each with the other run's file for its network: the average if one is
/// kept.
fn files(task: TaskName) -> impl Iterator<Item = (&'static Role, &'static str)> {
    task.roles().iter().map(|role| (role, role.average.unwrap_or(role.name)))
}

/// The checksums of the files that are read.
fn weights(checkpoint: &Checkpoint) -> String {
    let crc = |file: &str| {
        checkpoint
            .meta
            .files
            .get(&format!("{file}.safetensors"))
            .map_or("", |file| file.crc32.as_str())
    };
    files(checkpoint.meta.config.settings.task)
        .map(|(_, file)| crc(file))
        .collect::<Vec<_>>()
        .join("-")
}

/// The networks of a run before its first step, initialised from another run; logs the layers that
/// do not fit. `None` if the run starts from random weights, or if `out` already has a checkpoint
/// to resume from.
///
/// # Errors
/// If the other run is gone or has changed, or if none of its layers fits.
pub fn networks(config: &RunConfig, out: Option<&Path>, restart: bool) -> Result<Option<Trainer>> {
    let Some(init) = &config.init else { return Ok(None) };
    if let Some(out) = out.filter(|out| !restart && Run::is_run(out))
        && Run::open(out)?.step_of(Which::Latest)?.is_some()
    {
        return Ok(None);
    }
    let source = open(Path::new(&init.run), Which::Step(init.step))?;
    if weights(&source) != init.weights {
        return Err(UsageError(format!(
            "--init-from {}: the checkpoint of step {} has changed since this run was set up; \
             --restart uses it as it is now",
            init.run, init.step
        ))
        .into());
    }
    let mut trainer = Trainer::new(config, 0, &Device::flex());
    let pair = Match::of(&source.meta.config, config);
    let mut fits = Vec::new();
    for player in &mut trainer.game.players {
        let of_role =
            files(source.meta.config.settings.task).find(|(role, _)| role.name == player.role.name);
        let Some((_, file)) = of_role else { continue };
        // Files of other programs may hold the average of the generator alone.
        if !source.has(file) {
            tracing::info!("{}: not there; keeping the random initialisation", player.role.name);
            continue;
        }
        fits.push((player.role.name, pair.load(&source, file, &mut player.network)?));
        if let Some(average) = &mut player.average {
            average.clone_from(&player.network);
        }
    }
    if fits.iter().all(|(_, fit)| fit.is_empty()) {
        return Err(nothing_fits(init, &source.meta.config, config).into());
    }
    tracing::info!("starting from the weights of {init}");
    fits.iter().for_each(|(role, fit)| tell(role, fit));
    tell_classes(&source.meta.config.data.classes, &config.data.classes);
    Ok(Some(trainer))
}

fn tell(network: &str, fit: &Fit) {
    let Fit { taken, in_part, left, unused } = fit;
    let count = taken.len() + in_part.len();
    match left.is_empty() {
        _ if fit.is_empty() => tracing::warn!(
            "no layer of its {network} fits; keeping the random initialisation: {}",
            left.join(", ")
        ),
        false => tracing::info!(
            "{network}: {count} layers loaded; randomly initialised: {}",
            left.join(", ")
        ),
        true => tracing::info!("{network}: all {count} layers loaded"),
    }
    if !in_part.is_empty() {
        tracing::info!("{network}: loaded in part: {}", in_part.join(", "));
    }
    if !unused.is_empty() {
        tracing::info!("{network}: not used: {}", unused.join(", "));
    }
}

/// Logs which classes are inherited, unless they are the same in the same order.
fn tell_classes(there: &[String], here: &[String]) {
    if there == here || there.is_empty() || here.is_empty() {
        return;
    }
    let (old, new): (Vec<String>, Vec<String>) =
        here.iter().cloned().partition(|class| there.contains(class));
    let gone: Vec<String> = there.iter().filter(|class| !here.contains(class)).cloned().collect();
    let named =
        |classes: &[String]| if classes.is_empty() { "none".to_owned() } else { few(classes) };
    let more = |what: &str, classes: &[String]| {
        if classes.is_empty() { String::new() } else { format!("; {what} {}", few(classes)) }
    };
    tracing::info!(
        "classes matched by name: {}{}{}",
        named(&old),
        more("randomly initialised:", &new),
        more("not used:", &gone)
    );
}

fn nothing_fits(init: &InitConfig, there: &RunConfig, here: &RunConfig) -> UsageError {
    let shapes = ["generator.", "discriminator.", "cond.", "data.size", "data.channels"];
    let differ: Vec<String> = there
        .changes(here)
        .iter()
        .filter(|change| shapes.iter().any(|prefix| change.key.starts_with(prefix)))
        .map(|change| format!("{} = {} there, {} here", change.key, change.was, change.now))
        .collect();
    UsageError(format!(
        "--init-from {}: no layer fits ({}); without --preset and --config a run inherits the \
         other run's networks",
        init.run,
        differ.join(", ")
    ))
}

/// Saves the networks as the checkpoint of step 0, along with `state`.
///
/// # Errors
/// If the checkpoint cannot be written.
pub fn save(run: &Run, config: &RunConfig, trainer: &Trainer, state: Value) -> Result<()> {
    let meta = Meta {
        version: CHECKPOINT_VERSION,
        step: 0,
        epoch: 0,
        config: config.clone(),
        state,
        files: Default::default(),
    };
    checkpoint::save(&run.checkpoint_folder(0), meta, &trainer.parts())?;
    Ok(run.point(Which::Latest, 0)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_folder_and_perhaps_one_of_its_checkpoints() {
        let source = |text: &str| text.parse::<Source>().expect(text);
        let is = |run: &str, which| Source { run: run.into(), which };
        assert_eq!(source("runs/a"), is("runs/a", Which::Best));
        assert_eq!(source("runs/a@latest"), is("runs/a", Which::Latest));
        assert_eq!(source("runs/a@300"), is("runs/a", Which::Step(300)));
        assert_eq!(source("me@home/a"), is("me@home/a", Which::Best));
        assert!("@300".parse::<Source>().expect_err("no folder").to_string().contains("RUN@STEP"));
    }
}
