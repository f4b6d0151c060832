//! The folder of a run before its first step: whether it may be had, what was begun there, where it goes on from.

use std::path::Path;

use anyhow::Result;
use shared::cli::UsageError;
use shared::nn::checkpoint::Checkpoint;
use shared::nn::config::RunConfig;
use shared::nn::owner::Owner;
use shared::nn::run::{Run, Which};
use shared::{fs, log};

/// The lock of the run in `out`, where there is one already: it is taken before data and devices are opened, which takes its time.
/// A folder that holds something else is not turned into a run.
///
/// # Errors
/// When `out` is such a folder; within a second, when another process trains the run.
pub fn claim(out: &Path) -> Result<Option<Owner>> {
    if Run::is_run(out) {
        let run = Run::open(out)?;
        let owner = run.own()?;
        // A refusal stands in the log of the run as well.
        log::copy_to(fs::open_append(run.file("train.log"))?);
        return Ok(Some(owner));
    }
    if out.is_dir() && !fs::is_vacant(out)? {
        return Err(UsageError(format!("--out {}: the folder is not empty and is no run; choose another", out.display())).into());
    }
    Ok(None)
}

/// The run folder, of this process alone, without what killed processes left, and without anything where it is to begin anew; what is
/// logged from here on goes to its `train.log`, too. `claimed` is what [`claim`] gave.
///
/// # Errors
/// When another process trains the run, or the system refuses a file operation.
pub fn take_over(out: &Path, claimed: Option<Owner>, restart: bool) -> Result<(Run, Owner)> {
    let run = Run::create(out)?;
    let owner = match claimed {
        Some(owner) => owner,
        None => run.own()?,
    };
    if restart {
        run.clear()?;
        Run::create(out)?;
    }
    for folder in ["", "checkpoints", "samples"] {
        fs::remove_leftovers(run.file(folder))?;
    }
    log::copy_to(fs::open_append(run.file("train.log"))?);
    Ok((run, owner))
}

/// The checkpoint that a run goes on from, if it has one: the latest that is whole. What was saved after it is gone then.
///
/// # Errors
/// When none is whole, or a file operation fails.
pub fn last_checkpoint(run: &Run) -> Result<Option<Checkpoint>> {
    if run.step_of(Which::Latest)?.is_none() {
        return Ok(None);
    }
    let checkpoint = run.checkpoint(Which::Latest)?;
    run.go_back_to(checkpoint.meta.step)?;
    Ok(Some(checkpoint))
}

/// The settings that a run was begun with; `None` where nothing was begun. Where `config.toml` is damaged, those that its last checkpoint
/// holds.
///
/// # Errors
/// When there are settings that this program cannot read.
pub fn earlier(run: &Run) -> Result<Option<RunConfig>> {
    let path = run.file("config.toml");
    if !path.exists() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&fs::read_bounded(&path, 1 << 20)?).into_owned();
    match toml::from_str(&text) {
        Ok(config) => Ok(Some(config)),
        Err(error) => {
            let damage = format!("{}: {}", path.display(), error.message());
            match run.checkpoint(Which::Latest) {
                Ok(checkpoint) => {
                    tracing::warn!("{damage}; the settings are taken from the checkpoint of step {}", checkpoint.meta.step);
                    Ok(Some(checkpoint.meta.config))
                }
                Err(_) => Err(UsageError(format!("{damage}; --restart begins anew")).into()),
            }
        }
    }
}
