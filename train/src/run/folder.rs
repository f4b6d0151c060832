//! The run folder before the first step: locking, the settings it was started with, and the
//! checkpoint to resume from.

use std::path::{Path, PathBuf};

use anyhow::Result;
use shared::cli::UsageError;
use shared::nn::checkpoint::Checkpoint;
use shared::nn::config::RunConfig;
use shared::nn::owner::Owner;
use shared::nn::run::{Run, Which};
use shared::{fs, log};

use crate::run::remembered::Flags;

/// Locks the run in `out`, if there is one, before data and devices are opened, which takes time. A
/// folder with other contents is not turned into a run.
///
/// # Errors
/// If `out` is such a folder, or, within a second, if another process is training the run.
pub fn claim(out: &Path) -> Result<Option<Owner>> {
    if Run::is_run(out) {
        let run = Run::open(out)?;
        let owner = run.own()?;
        // A refusal must appear in the run's log as well.
        log::copy_to(fs::open_append(run.file("train.log"))?);
        return Ok(Some(owner));
    }
    if out.is_dir() && !fs::is_vacant(out)? {
        return Err(UsageError(format!(
            "--out {}: the folder is not empty and not a run; choose another",
            out.display()
        ))
        .into());
    }
    Ok(None)
}

/// Takes ownership of the run folder, deletes leftovers of killed processes, and on `restart`
/// everything else too. From here on, logs are copied to its `train.log`. `claimed` is the result
/// of [`claim`].
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

/// The checkpoint to resume from, if there is one: the latest that verifies. Later ones are
/// removed.
///
/// # Errors
/// If checkpoints exist but none verifies, or a file operation fails.
pub fn last_checkpoint(run: &Run) -> Result<Option<Checkpoint>> {
    if run.step_of(Which::Latest)?.is_none() {
        return Ok(None);
    }
    let checkpoint = run.checkpoint(Which::Latest)?;
    run.go_back_to(checkpoint.meta.step)?;
    Ok(Some(checkpoint))
}

/// Settings and flags of an earlier start.
#[derive(Clone, Debug)]
pub struct Earlier {
    run: Run,
    /// Its settings.
    pub config: RunConfig,
    /// Its other flags.
    pub flags: Flags,
}

impl Earlier {
    /// The location of the run's data set: the path of the last start, or what the name given then
    /// resolves to now.
    ///
    /// # Errors
    /// If it is at neither.
    pub fn data(&self) -> Result<PathBuf, UsageError> {
        self.found(&self.config.data.path, self.flags.data.as_deref())
    }

    /// The same of the second data set of a translation between two, if it has one.
    ///
    /// # Errors
    /// As [`Earlier::data`].
    pub fn other(&self) -> Result<Option<PathBuf>, UsageError> {
        let Some(other) = &self.config.data.other else { return Ok(None) };
        self.found(&other.path, self.flags.other.as_deref()).map(Some)
    }

    fn found(&self, named: &str, noted: Option<&Path>) -> Result<PathBuf, UsageError> {
        let named = PathBuf::from(named);
        let Some(there) = noted.filter(|noted| noted.exists()) else {
            if named.exists() {
                return Ok(named);
            }
            let (run, data) = (self.run.folder().display(), noted.unwrap_or(&named).display());
            return Err(UsageError(format!(
                "{run} was trained on {data}, which no longer exists: pass its new location with \
                 --data NEW (it must hold the same pictures)"
            )));
        };
        // The name as given, as long as it resolves to the same folder.
        let same = std::fs::canonicalize(&named)
            .is_ok_and(|named| std::fs::canonicalize(there).is_ok_and(|there| there == named));
        Ok(if same { named } else { there.to_owned() })
    }
}

/// The settings and flags of a run's earlier start; `None` if there is none. If `config.toml` is
/// damaged or disagrees with the last checkpoint, the settings come from the checkpoint.
///
/// # Errors
/// If there are settings that this version cannot read.
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
                        "{damage}; using the settings from the checkpoint of step {}",
                        checkpoint.meta.step
                    );
                    checkpoint.meta.config
                }
                Err(_) => return Err(UsageError(format!("{damage}; --restart starts over")).into()),
            }
        }
    };
    let config = as_computed(run, config)?;
    Ok(Some(Earlier { run: run.clone(), config, flags: Flags::read(run)? }))
}

/// Returns `config`, or the last checkpoint's settings if they disagree: no checksum guards a file
/// that people may edit, and the following steps must use the same settings.
fn as_computed(run: &Run, config: RunConfig) -> Result<RunConfig> {
    let Some(step) = run.step_of(Which::Latest)? else { return Ok(config) };
    // If it is damaged, loading falls back to another one.
    let Ok(checkpoint) = Checkpoint::open(&run.checkpoint_folder(step)) else { return Ok(config) };
    let computed = checkpoint.meta.config;
    match computed.changes(&config).iter().find(|change| !change.is_free) {
        None => Ok(config),
        Some(change) => {
            tracing::warn!(
                "{} has {} = {} but step {step} was computed with {}; using the settings from its \
                 checkpoint",
                run.file("config.toml").display(),
                change.key,
                change.now,
                change.was
            );
            Ok(computed)
        }
    }
}
