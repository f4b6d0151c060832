//! The run folder: who owns it and where its files are. What is inside the files is others' business.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::checkpoint::{Checkpoint, CheckpointError};
use crate::fs::{self, FsError};
use crate::sealed::{self, SealedError};

/// What is wrong with a run folder.
#[derive(Debug, Error)]
pub enum RunError {
    /// The folder is no run.
    #[error("{0} is no run: it has no folder `checkpoints`; name the folder that was given to `train --out`")]
    NotARun(PathBuf),
    /// Nothing is saved yet.
    #[error("{path} has no checkpoint {which}; there are {}", if there.is_empty() { "none yet".to_owned() } else { there.join(", ") })]
    NoCheckpoint {
        /// The run.
        path: PathBuf,
        /// What was asked for.
        which: String,
        /// Those there are.
        there: Vec<String>,
    },
    /// Another process is training it.
    #[error("{0} is in use by another process: wait for it to end, or choose another --out")]
    Locked(PathBuf),
    /// A file operation failed.
    #[error("{0}")]
    File(#[from] FsError),
    /// A pointer is damaged.
    #[error("{0}")]
    Pointer(#[from] SealedError),
    /// A checkpoint is damaged.
    #[error("{0}")]
    Checkpoint(#[from] CheckpointError),
}

/// Which checkpoint is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one with the best KID; the latest where none was measured.
    Best,
    /// The last one saved.
    Latest,
    /// The one saved after this step.
    Step(u64),
}

impl std::str::FromStr for Which {
    type Err = crate::cli::UsageError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "best" => Ok(Self::Best),
            "latest" => Ok(Self::Latest),
            _ => text
                .parse()
                .map(Self::Step)
                .map_err(|_| crate::cli::UsageError(format!("--checkpoint {text}: expected best, latest or a step"))),
        }
    }
}

impl std::fmt::Display for Which {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Best => f.write_str("best"),
            Self::Latest => f.write_str("latest"),
            Self::Step(step) => write!(f, "{step}"),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pointer {
    step: u64,
}

const MEND_POINTER: &str = "remove it, and the checkpoint of the highest step is taken";

/// A run folder.
#[derive(Clone, Debug)]
pub struct Run {
    folder: PathBuf,
}

/// Proof that this process alone trains a run; the system gives it back however the process ends.
#[derive(Debug)]
pub struct Owner {
    _lock: File,
}

impl Run {
    /// The run in `folder`, which must be one.
    ///
    /// # Errors
    /// When it is not.
    pub fn open(folder: &Path) -> Result<Self, RunError> {
        if !Self::is_run(folder) {
            return Err(RunError::NotARun(folder.to_owned()));
        }
        Ok(Self { folder: folder.to_owned() })
    }

    /// Whether `folder` looks like a run.
    #[must_use]
    pub fn is_run(folder: &Path) -> bool {
        folder.join("checkpoints").is_dir()
    }

    /// Creates the folders of a run where they are missing.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn create(folder: &Path) -> Result<Self, RunError> {
        fs::create_folder(folder.join("checkpoints"))?;
        fs::create_folder(folder.join("samples"))?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Makes this process the only one that trains the run.
    ///
    /// # Errors
    /// At once, when another one does.
    pub fn own(&self) -> Result<Owner, RunError> {
        let file = fs::open_append(self.folder.join("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Owner { _lock: file }),
            Err(_) => Err(RunError::Locked(self.folder.clone())),
        }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A file of the run.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Where the checkpoint of `step` is or will be.
    #[must_use]
    pub fn checkpoint_folder(&self, step: u64) -> PathBuf {
        self.folder.join("checkpoints").join(format!("{step:08}"))
    }

    /// Where the sheet of fixed latents of `epoch` is or will be.
    #[must_use]
    pub fn sheet(&self, epoch: u64) -> PathBuf {
        self.folder.join("samples").join(format!("fakes-{epoch:06}.png"))
    }

    /// The sheets there are, by epoch.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn sheets(&self) -> Result<Vec<(u64, PathBuf)>, RunError> {
        let epoch = |name: &str| name.strip_prefix("fakes-")?.strip_suffix(".png")?.parse().ok();
        self.numbered("samples", epoch)
    }

    /// At most `most` of the sheets, evenly spread, the first and the last among them (the last, where only one is wanted).
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn sheets_over_time(&self, most: usize) -> Result<Vec<(u64, PathBuf)>, RunError> {
        let sheets = self.sheets()?;
        let count = most.min(sheets.len());
        let place = |i: usize| if count == 1 { sheets.len() - 1 } else { i * (sheets.len() - 1) / (count - 1) };
        Ok((0..count).map(|i| sheets[place(i)].clone()).collect())
    }

    /// The steps of the checkpoints there are, ascending.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn steps(&self) -> Result<Vec<u64>, RunError> {
        Ok(self.numbered("checkpoints", |name| name.parse().ok())?.into_iter().map(|(step, _)| step).collect())
    }

    fn numbered(&self, folder: &str, number: impl Fn(&str) -> Option<u64>) -> Result<Vec<(u64, PathBuf)>, RunError> {
        let folder = self.folder.join(folder);
        let failed = |source| FsError { operation: "list", path: folder.clone(), source };
        let mut list = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if let Some(n) = entry.file_name().to_str().and_then(&number) {
                list.push((n, entry.path()));
            }
        }
        list.sort();
        Ok(list)
    }

    /// Lets `best` or `latest` point at `step`.
    ///
    /// # Errors
    /// When writing fails.
    pub fn point(&self, which: Which, step: u64) -> Result<(), RunError> {
        Ok(sealed::write(&self.pointer(which), &Pointer { step })?)
    }

    fn pointer(&self, which: Which) -> PathBuf {
        self.folder.join("checkpoints").join(format!("{which}.json"))
    }

    /// The step that `which` means; `None` when nothing is saved yet.
    ///
    /// # Errors
    /// When a pointer is damaged or the folder cannot be listed.
    pub fn step_of(&self, which: Which) -> Result<Option<u64>, RunError> {
        match which {
            Which::Step(step) => Ok(self.steps()?.contains(&step).then_some(step)),
            Which::Best if !self.pointer(which).exists() => self.step_of(Which::Latest),
            _ if self.pointer(which).exists() => Ok(Some(sealed::read::<Pointer>(&self.pointer(which), MEND_POINTER)?.step)),
            _ => Ok(self.steps()?.last().copied()),
        }
    }

    /// Opens a checkpoint.
    ///
    /// # Errors
    /// When there is none or it is damaged.
    pub fn checkpoint(&self, which: Which) -> Result<Checkpoint, RunError> {
        let step = self.step_of(which)?.filter(|&step| self.checkpoint_folder(step).exists());
        match step {
            Some(step) => Ok(Checkpoint::open(&self.checkpoint_folder(step))?),
            None => Err(RunError::NoCheckpoint {
                path: self.folder.clone(),
                which: which.to_string(),
                there: self.steps()?.iter().map(u64::to_string).collect(),
            }),
        }
    }

    /// Removes the checkpoints beyond the `keep` latest, but never those in `spare`.
    ///
    /// # Errors
    /// When one cannot be removed.
    pub fn prune(&self, keep: usize, spare: &[u64]) -> Result<(), RunError> {
        let steps = self.steps()?;
        for step in steps.iter().rev().skip(keep).filter(|step| !spare.contains(step)) {
            fs::remove(self.checkpoint_folder(*step))?;
        }
        Ok(())
    }
}
