//! The run folder: the paths of its files, and the choice of a checkpoint. Write access is the
//! business of [`super::owner`], the contents of the files that of other modules.
//!
//! ```
//! use fledge_runs::run::{Run, Which};
//!
//! let folder = std::env::temp_dir().join(format!("fledge-run-example-{}", std::process::id()));
//! let run = Run::create(&folder)?;
//! assert_eq!(run.step_of(Which::Latest)?, None);
//! # fledge_base::fs::remove_folder(&folder)?;
//! # Ok::<(), fledge_runs::run::RunError>(())
//! ```

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::checkpoint::{Checkpoint, CheckpointError};
use super::foreign::{self, ForeignError};
use fledge_base::cli::{UsageError, one_line};
use fledge_base::fs::{self, FsError};
use fledge_base::sealed::{self, SealedError};

/// An error of using a run folder.
#[derive(Debug, Error)]
pub enum RunError {
    /// The folder is not a run.
    #[error(
        "{0} is not a run: it has no folder `checkpoints`; name the folder given to `train --out`"
    )]
    NotARun(PathBuf),
    /// No such checkpoint has been saved.
    #[error("{path} has no checkpoint {which}; available: {}", if there.is_empty() { "none".to_owned() } else { there.join(", ") })]
    NoCheckpoint {
        /// The run.
        path: PathBuf,
        /// The checkpoint requested.
        which: String,
        /// The checkpoints that exist.
        there: Vec<String>,
    },
    /// The run has checkpoints, but all are damaged.
    #[error("{path} has no intact checkpoint: `train --restart` starts over")]
    AllDamaged {
        /// The run.
        path: PathBuf,
        /// The damage of the checkpoint that was requested.
        source: CheckpointError,
    },
    /// Another process is training the run.
    #[error("{path} is in use by {}: wait for it to end, or choose another --out", process(*.holder))]
    Locked {
        /// The run.
        path: PathBuf,
        /// ID of that process, if known.
        holder: Option<u32>,
    },
    /// A file operation failed.
    #[error("{0}")]
    File(#[from] FsError),
    /// A pointer is damaged.
    #[error("{0}")]
    Pointer(#[from] SealedError),
    /// A checkpoint is damaged.
    #[error("{0}")]
    Checkpoint(#[from] CheckpointError),
    /// The file of another program was not accepted.
    #[error("{0}")]
    Foreign(#[from] ForeignError),
    /// The run has no such role.
    #[error("{0}")]
    Role(#[from] UsageError),
}

fn process(number: Option<u32>) -> String {
    number.map_or_else(|| "another process".into(), |number| format!("process {number}"))
}

/// The choice of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one with the best KID, or the latest if none was measured.
    Best,
    /// The one saved last.
    Latest,
    /// The one saved after this step.
    Step(u64),
}

impl std::str::FromStr for Which {
    type Err = UsageError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "best" => Ok(Self::Best),
            "latest" => Ok(Self::Latest),
            _ => text.parse().map(Self::Step).map_err(|_| {
                UsageError(format!("--checkpoint {text}: expected best, latest or a step"))
            }),
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

/// The file locked by the process that trains the run; it holds the ID of the last owner.
pub(super) const LOCK: &str = "lock";

const MEND_POINTER: &str = "using the checkpoint of the highest step instead";

/// Files and folders that make up a run, besides its lock. Anything else in the folder is the
/// user's.
const PARTS: [&str; 12] = [
    "checkpoints",
    "samples",
    "config.toml",
    "flags.toml",
    "stats.jsonl",
    "metrics.jsonl",
    "alarms.jsonl",
    "starts.jsonl",
    "train.log",
    "curves.png",
    "metrics.png",
    "report.html",
];

/// Prefixes of the names of further files.
const NUMBERED_PARTS: [&str; 2] = ["events.out.tfevents.", "failed-"];

/// Returns true if training or evaluation uses this name in a run folder.
fn is_part(name: &str) -> bool {
    PARTS.contains(&name.strip_suffix(".damaged").unwrap_or(name))
        || NUMBERED_PARTS.iter().any(|part| name.starts_with(part))
}

/// At most `most` items of `list`, evenly spaced and including the first and the last (only the
/// last if `most` is 1).
#[must_use]
pub fn spread<T: Clone>(list: &[T], most: usize) -> Vec<T> {
    let count = most.min(list.len());
    let place =
        |i: usize| if count == 1 { list.len() - 1 } else { i * (list.len() - 1) / (count - 1) };
    (0..count).map(|i| list[place(i)].clone()).collect()
}

/// Opens a checkpoint of the run in the folder `path`, or the networks in the file `path` of another
/// program, which is its only checkpoint, of step 0.
///
/// # Errors
/// Those of [`Run::checkpoint`] and of [`foreign::open`].
pub fn open_checkpoint(path: &Path, which: Which) -> Result<Checkpoint, RunError> {
    if !path.is_file() {
        return Run::open(path)?.checkpoint(which);
    }
    match which {
        Which::Best | Which::Latest | Which::Step(0) => Ok(foreign::open(path)?),
        Which::Step(_) => Err(RunError::NoCheckpoint {
            path: path.to_owned(),
            which: which.to_string(),
            there: vec!["0".into()],
        }),
    }
}

/// A run folder.
#[derive(Clone, Debug)]
pub struct Run {
    folder: PathBuf,
}

impl Run {
    /// Opens the run in `folder`.
    ///
    /// # Errors
    /// If the folder is not a run.
    pub fn open(folder: &Path) -> Result<Self, RunError> {
        if !Self::is_run(folder) {
            return Err(RunError::NotARun(folder.to_owned()));
        }
        Ok(Self { folder: folder.to_owned() })
    }

    /// Returns true if `folder` looks like a run.
    #[must_use]
    pub fn is_run(folder: &Path) -> bool {
        folder.join("checkpoints").is_dir()
    }

    /// Creates the folders of a run where they are missing.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn create(folder: &Path) -> Result<Self, RunError> {
        fs::create_folder(folder.join("checkpoints"))?;
        fs::create_folder(folder.join("samples"))?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Removes all files of the run except its lock.
    ///
    /// # Errors
    /// If the folder cannot be listed or something cannot be removed.
    pub fn clear(&self) -> Result<(), RunError> {
        for (_, path) in self.numbered("", |name| is_part(name).then_some(0))? {
            fs::remove(path)?;
        }
        Ok(())
    }

    /// Returns true if `path`, which need not exist, is part of the run or lies in such a part;
    /// files that users put into the folder are not.
    #[must_use]
    pub fn holds(&self, path: &Path) -> bool {
        let (Ok(run), Ok(path)) = (self.folder.canonicalize(), std::path::absolute(path)) else {
            return false;
        };
        // Parent folders that do not exist yet have no other name; the file itself may be a link.
        let known =
            path.ancestors().skip(1).find_map(|above| Some((above, above.canonicalize().ok()?)));
        let Some((above, real)) = known else { return false };
        let Ok(rest) = path.strip_prefix(above) else { return false };
        let Ok(below) = real.join(rest).strip_prefix(run).map(Path::to_owned) else { return false };
        let part =
            below.components().next().map(|part| part.as_os_str().to_string_lossy().into_owned());
        // The lock, and its substitute on file systems without locks.
        part.is_some_and(|part| {
            is_part(&part) || part.strip_suffix(".held").unwrap_or(&part) == LOCK
        })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of a file of the run.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The path of the checkpoint of `step`, whether it exists or not.
    #[must_use]
    pub fn checkpoint_folder(&self, step: u64) -> PathBuf {
        self.folder.join("checkpoints").join(format!("{step:08}"))
    }

    /// The path of the fixed-latent sheet of `epoch`, whether it exists or not.
    #[must_use]
    pub fn sheet(&self, epoch: u64) -> PathBuf {
        self.folder.join("samples").join(format!("fakes-{epoch:06}.png"))
    }

    /// All sheets with their epochs.
    ///
    /// # Errors
    /// If the folder cannot be listed.
    pub fn sheets(&self) -> Result<Vec<(u64, PathBuf)>, RunError> {
        let epoch = |name: &str| name.strip_prefix("fakes-")?.strip_suffix(".png")?.parse().ok();
        self.numbered("samples", epoch)
    }

    /// At most `most` of the sheets, evenly spaced and including the first and the last (only the
    /// last if `most` is 1).
    ///
    /// # Errors
    /// If the folder cannot be listed.
    pub fn sheets_over_time(&self, most: usize) -> Result<Vec<(u64, PathBuf)>, RunError> {
        Ok(spread(&self.sheets()?, most))
    }

    /// The steps of all checkpoints, ascending.
    ///
    /// # Errors
    /// If the folder cannot be listed.
    pub fn steps(&self) -> Result<Vec<u64>, RunError> {
        Ok(self
            .numbered("checkpoints", |name| name.parse().ok())?
            .into_iter()
            .map(|(step, _)| step)
            .collect())
    }

    fn numbered(
        &self,
        folder: &str,
        number: impl Fn(&str) -> Option<u64>,
    ) -> Result<Vec<(u64, PathBuf)>, RunError> {
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

    /// Points `best` or `latest` at `step`.
    ///
    /// # Errors
    /// If writing fails.
    pub fn point(&self, which: Which, step: u64) -> Result<(), RunError> {
        Ok(sealed::write(&self.pointer(which), &Pointer { step })?)
    }

    fn pointer(&self, which: Which) -> PathBuf {
        self.folder.join("checkpoints").join(format!("{which}.json"))
    }

    /// Returns the step that `which` refers to, or `None` if nothing is saved yet. A damaged
    /// pointer is logged as a warning and replaced by the highest step.
    ///
    /// # Errors
    /// If a pointer cannot be read or the folder cannot be listed.
    pub fn step_of(&self, which: Which) -> Result<Option<u64>, RunError> {
        let highest = || Ok(self.steps()?.last().copied());
        match which {
            Which::Step(step) => return Ok(self.steps()?.contains(&step).then_some(step)),
            Which::Best if !self.pointer(which).exists() => return self.step_of(Which::Latest),
            _ if !self.pointer(which).exists() => return highest(),
            _ => {}
        }
        match sealed::read::<Pointer>(&self.pointer(which), MEND_POINTER) {
            Ok(pointer) => Ok(Some(pointer.step)),
            Err(damage @ SealedError::Damaged { .. }) => {
                tracing::warn!("{damage}");
                highest()
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a checkpoint. If the latest or the best is damaged or missing, returns the newest
    /// checkpoint that verifies (for the latest, among the earlier ones) and logs the reason as a
    /// warning. A checkpoint requested by step is verified only as far as it is read.
    ///
    /// # Errors
    /// If there is none, it has another version, or all are damaged.
    pub fn checkpoint(&self, which: Which) -> Result<Checkpoint, RunError> {
        let Some(asked) = self.step_of(which)? else { return Err(self.no_checkpoint(which)) };
        let taken = match which {
            Which::Step(step) => return Ok(Checkpoint::open(&self.checkpoint_folder(step))?),
            Which::Latest => self.newest_whole(asked),
            Which::Best => self.whole(asked).map_err(RunError::from),
        };
        match taken {
            // The process that trains the run saved another checkpoint meanwhile and removed this
            // one.
            Err(_) if self.step_of(which)? != Some(asked) => self.checkpoint(which),
            Err(RunError::Checkpoint(damage)) if which == Which::Best && damage.is_damage() => {
                tracing::warn!(
                    "{}: using the latest checkpoint instead of the best",
                    one_line(&damage)
                );
                self.checkpoint(Which::Latest)
            }
            taken => taken,
        }
    }

    fn no_checkpoint(&self, which: Which) -> RunError {
        match self.steps() {
            Ok(steps) => RunError::NoCheckpoint {
                path: self.folder.clone(),
                which: which.to_string(),
                there: steps.iter().map(u64::to_string).collect(),
            },
            Err(error) => error,
        }
    }

    /// Returns the newest checkpoint up to step `asked` that verifies.
    fn newest_whole(&self, asked: u64) -> Result<Checkpoint, RunError> {
        let mut first = None;
        for step in self.steps()?.into_iter().rev().filter(|step| *step <= asked) {
            match self.whole(step) {
                Err(damage) if damage.is_damage() => {
                    tracing::warn!("{}", one_line(&damage));
                    first = first.or(Some(damage));
                }
                Err(error) => return Err(error.into()),
                Ok(checkpoint) => {
                    if step != asked {
                        tracing::warn!(
                            "using the checkpoint of step {step} instead of step {asked}"
                        );
                    }
                    return Ok(checkpoint);
                }
            }
        }
        match first {
            Some(source) => Err(RunError::AllDamaged { path: self.folder.clone(), source }),
            None => Err(self.no_checkpoint(Which::Latest)),
        }
    }

    /// Opens the checkpoint of `step` and verifies every byte of it.
    fn whole(&self, step: u64) -> Result<Checkpoint, CheckpointError> {
        let checkpoint = Checkpoint::open(&self.checkpoint_folder(step))?;
        checkpoint.verify()?;
        Ok(checkpoint)
    }

    /// Makes the checkpoint of `step` (0: none) the last one, so that the run can resume from it.
    /// Later checkpoints are removed, damaged ones are kept as `damaged-STEP`, and pointers to them
    /// are reset.
    ///
    /// # Errors
    /// If a file operation fails.
    pub fn go_back_to(&self, step: u64) -> Result<(), RunError> {
        // Pointers first: if the process is killed in between, their targets still exist.
        if step > 0 && self.step_of(Which::Latest)? != Some(step) {
            self.point(Which::Latest, step)?;
        }
        if step == 0 {
            fs::remove(self.pointer(Which::Latest))?;
        }
        if self.pointer(Which::Best).exists()
            && self.step_of(Which::Best)?.is_some_and(|best| best > step)
        {
            fs::remove(self.pointer(Which::Best))?;
        }
        for later in self.steps()?.into_iter().filter(|later| *later > step) {
            let folder = self.checkpoint_folder(later);
            match self.whole(later) {
                Err(damage) if damage.is_damage() => {
                    let apart = folder.with_file_name(format!("damaged-{later:08}"));
                    tracing::warn!("{} was moved to {}", folder.display(), apart.display());
                    fs::remove(&apart)?;
                    fs::rename(&folder, &apart)?;
                }
                Err(error) => return Err(error.into()),
                Ok(_) => fs::remove_folder(&folder)?,
            }
        }
        Ok(())
    }

    /// Removes all checkpoints except the `keep` latest and those in `spare`.
    ///
    /// # Errors
    /// If one cannot be removed.
    pub fn prune(&self, keep: usize, spare: &[u64]) -> Result<(), RunError> {
        let steps = self.steps()?;
        for step in steps.iter().rev().skip(keep).filter(|step| !spare.contains(step)) {
            fs::remove_folder(self.checkpoint_folder(*step))?;
        }
        Ok(())
    }
}
