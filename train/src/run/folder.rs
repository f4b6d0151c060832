//! The folder of a run before its first step: whether it may be had, what was begun there, where it
//! goes on from.

use std::path::{Path, PathBuf};

use anyhow::Result;
use shared::cli::UsageError;
use shared::nn::checkpoint::Checkpoint;
use shared::nn::config::RunConfig;
use shared::nn::owner::Owner;
use shared::nn::run::{Run, Which};
use shared::{fs, log};

use crate::run::remembered::Flags;

/// The lock of the run in `out`, where there is one already: it is taken before data and devices
/// are opened, which takes its time. A folder that holds something else is not turned into a run.
///
/// # Errors
/// If `out` is such a folder; within a second, when another process trains the run.
pub fn claim(out: &Path) -> Result<Option<Owner>> {
    if Run::is_run(out) {
        let run = Run::open(out)?;
        let owner = run.own()?;
        // A refusal stands in the log of the run as well.
        log::copy_to(fs::open_append(run.file("train.log"))?);
        return Ok(Some(owner));
    }
    if out.is_dir() && !fs::is_vacant(out)? {
        return Err(UsageError(format!(
            "--out {}: the folder is not empty and is no run; choose another",
            out.display()
        ))
        .into());
    }
    Ok(None)
}

/// The run folder, of this process alone, without what killed processes left, and without anything
/// where it is to begin anew; what is logged from here on goes to its `train.log`, too. `claimed`
/// is what [`claim`] gave.
///
/// # Errors
/// If another process trains the run, or the system refuses a file operation.
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

/// The checkpoint that a run goes on from, if it has one: the latest that is whole. What was saved
/// after it is gone then.
///
/// # Errors
/// If none is whole, or a file operation fails.
pub fn last_checkpoint(run: &Run) -> Result<Option<Checkpoint>> {
    if run.step_of(Which::Latest)?.is_none() {
        return Ok(None);
    }
    let checkpoint = run.checkpoint(Which::Latest)?;
    run.go_back_to(checkpoint.meta.step)?;
    Ok(Some(checkpoint))
}

/// What a run was begun with.
#[derive(Clone, Debug)]
pub struct Earlier {
    run: Run,
    /// Its settings.
    pub config: RunConfig,
    /// What else it was told.
    pub flags: Flags,
}

impl Earlier {
    /// Where the run's data set lies: where it was at the last start, or where the name that was
    /// given then leads now.
    ///
    /// # Errors
    /// If it is at neither place.
    pub fn data(&self) -> Result<PathBuf, UsageError> {
        let named = PathBuf::from(&self.config.data.path);
        let Some(noted) = self.flags.data.as_deref().filter(|noted| noted.exists()) else {
            if named.exists() {
                return Ok(named);
            }
            let (run, data) = (
                self.run.folder().display(),
                self.flags.data.as_deref().unwrap_or(&named).display(),
            );
            return Err(UsageError(format!(
                "{run} learns from {data}, which is not there any more: name its place with --data NEW (the same pictures at another \
                 place are accepted)"
            )));
        };
        // By the name that was given as long as it means the same folder.
        let same = std::fs::canonicalize(&named)
            .is_ok_and(|named| std::fs::canonicalize(noted).is_ok_and(|noted| noted == named));
        Ok(if same { named } else { noted.to_owned() })
    }
}

/// What a run was begun with; `None` where nothing was begun. Where `config.toml` is damaged, or is
/// not what the last checkpoint was computed by, its settings are those that the checkpoint holds.
///
/// # Errors
/// If there are settings that this program cannot read.
pub fn earlier(run: &Run) -> Result<Option<Earlier>> {
    let path = run.file("config.toml");
    if !path.exists() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&fs::read_bounded(&path, 1 << 20)?).into_owned();
    let config = match toml::from_str(&text) {
        Ok(config) => config,
        Err(error) => {
            let damage = format!("{}: {}", path.display(), error.message());
            match run.checkpoint(Which::Latest) {
                Ok(checkpoint) => {
                    tracing::warn!(
                        "{damage}; the settings are taken from the checkpoint of step {}",
                        checkpoint.meta.step
                    );
                    checkpoint.meta.config
                }
                Err(_) => return Err(UsageError(format!("{damage}; --restart begins anew")).into()),
            }
        }
    };
    let config = as_computed(run, config)?;
    Ok(Some(Earlier { run: run.clone(), config, flags: Flags::read(run)? }))
}

/// `config`, unless what it says is not what the last checkpoint was computed by: no checksum
/// guards what people may read and edit, and the steps that follow must be by the same settings.
fn as_computed(run: &Run, config: RunConfig) -> Result<RunConfig> {
    let Some(step) = run.step_of(Which::Latest)? else { return Ok(config) };
    // Where it is damaged, another takes its place when it is loaded.
    let Ok(checkpoint) = Checkpoint::open(&run.checkpoint_folder(step)) else { return Ok(config) };
    let computed = checkpoint.meta.config;
    match computed.changes(&config).iter().find(|change| !change.is_free) {
        None => Ok(config),
        Some(change) => {
            tracing::warn!(
                "{} has {} = {} where step {step} was computed by {}; the settings are taken from its checkpoint",
                run.file("config.toml").display(),
                change.key,
                change.now,
                change.was
            );
            Ok(computed)
        }
    }
}
