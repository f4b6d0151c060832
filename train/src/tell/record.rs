//! The contents of a run folder: settings and logs. Only the settings are required; anything else
//! that cannot be read is reported but not fatal. Nothing in the folder is changed.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use serde_json::Value;
use shared::nn::config::RunConfig;
use shared::nn::run::{Run, Which};
use shared::{cli, fs, jsonl, log};

use crate::tell::numbers::median;

/// `config.toml` stays far below this.
const CONFIG_LIMIT: u64 = 1 << 20;

/// Number of latest epochs that determine the current speed.
const RECENT: usize = 20;

/// State of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// All steps are done.
    Finished,
    /// It can be resumed.
    Stopped,
    /// A process trains it now.
    Training,
}

/// The end of a run's last start, from the last line of its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It completed its work.
    Done,
    /// This signal.
    Signal(String),
    /// This error.
    Failed(String),
    /// Nothing was logged: `kill -9`, a system out of memory, a power cut.
    Killed,
    /// There is no log.
    Unknown,
}

impl Ended {
    /// Reads the end of the log at `path`.
    pub(crate) fn of(path: &Path) -> Self {
        let Ok(log) = fs::read(path) else { return Self::Unknown };
        let Some(last) = log.split(|&b| b == b'\n').rfind(|line| !line.is_empty()) else {
            return Self::Unknown;
        };
        let last = String::from_utf8_lossy(last).into_owned();
        if let Some(error) = last.trim_start().strip_prefix("ERROR ") {
            return Self::Failed(error.to_owned());
        }
        match last.strip_prefix(log::ENDED) {
            Some("done") => Self::Done,
            Some(how) => Self::Signal(
                how.split([' ', ';'])
                    .find(|word| word.starts_with("SIG"))
                    .unwrap_or("a signal")
                    .to_owned(),
            ),
            // Logs of earlier versions.
            None if last.contains("stopped after step") => Self::Signal("a signal".into()),
            None if last.contains("the run ends") => Self::Done,
            None => Self::Killed,
        }
    }

    /// One word, for programs.
    pub(crate) fn word(&self) -> Option<&str> {
        match self {
            Self::Done => Some("done"),
            Self::Signal(name) => Some(name),
            Self::Failed(error) if error.contains("panicked at") => Some("panic"),
            Self::Failed(error)
                if error.contains("out of memory") || error.contains("memory allocation of") =>
            {
                Some("memory")
            }
            Self::Failed(_) => Some("error"),
            Self::Killed => Some("kill"),
            Self::Unknown => None,
        }
    }
}

/// True if the last start of the run in `out` was killed before its work was done.
pub(crate) fn was_killed(out: &Path) -> bool {
    let record = Run::open(out).ok().and_then(|run| Record::read(&run).ok());
    record.is_some_and(|record| {
        record.state(true) == State::Stopped && record.ended() == Ended::Killed
    })
}

/// A KID measured during training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Best {
    pub(crate) kid: f64,
    pub(crate) step: u64,
}

/// KIDs measured under the same conventions, and therefore comparable.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Kids {
    /// The conventions: protocol, weights, pictures on each side. Null in runs of earlier versions,
    /// which did not record them.
    pub(crate) of: Value,
    /// Index of the line in `stats.jsonl`, with its KID.
    pub(crate) values: Vec<(usize, f64)>,
}

impl Kids {
    /// Index in `values` of the lowest KID; the first of equal ones.
    pub(crate) fn lowest(&self) -> Option<usize> {
        let all = self.values.iter().enumerate();
        all.min_by(|(_, a), (_, b)| a.1.total_cmp(&b.1)).map(|(i, _)| i)
    }

    /// The conventions for people.
    pub(crate) fn conventions(of: &Value) -> String {
        let Some(protocol) = of["protocol"].as_str() else {
            return "measured by an earlier version, which did not record how".into();
        };
        let pictures = of["pictures"]
            .as_u64()
            .map_or(String::new(), |n| format!(", {n} pictures on each side"));
        let weights = of["weights_sha256"]
            .as_str()
            .map_or("untrained weights", |sum| sum.get(..8).unwrap_or(sum));
        format!("{protocol}{pictures}, weights {weights}")
    }
}

/// The contents of a run folder.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) run: Run,
    pub(crate) config: RunConfig,
    /// Lines of `stats.jsonl`.
    pub(crate) stats: Vec<Value>,
    /// Lines of `metrics.jsonl`.
    pub(crate) metrics: Vec<Value>,
    /// Lines of `alarms.jsonl`.
    pub(crate) alarms: Vec<Value>,
    /// Lines of `starts.jsonl`.
    pub(crate) starts: Vec<Value>,
    /// One sentence for each thing that could not be read.
    pub(crate) complaints: Vec<String>,
    /// Number of completed steps.
    pub(crate) step: u64,
}

/// The folders that are runs and have been started, since `runs/*` may match other things too;
/// warns about the others.
///
/// # Errors
/// If there is none.
pub(crate) fn begun(folders: &[PathBuf]) -> Result<Vec<(&Path, Run)>> {
    let (mut runs, mut first) = (Vec::new(), None);
    for folder in folders {
        let refused: anyhow::Error = match Run::open(folder) {
            Ok(run) if run.file("config.toml").exists() => {
                runs.push((folder.as_path(), run));
                continue;
            }
            Ok(_) => cli::DataError(format!(
                "{}: the run was never started: it has no config.toml",
                folder.display()
            ))
            .into(),
            Err(error) => error.into(),
        };
        match folders.len() {
            1 => {}
            _ => tracing::warn!("skipped: {}", cli::one_line(refused.as_ref())),
        }
        first.get_or_insert(refused);
    }
    match first {
        Some(refused) if runs.is_empty() => Err(refused),
        _ => Ok(runs),
    }
}

impl Record {
    /// Reads the folder.
    ///
    /// # Errors
    /// If `config.toml` is missing or invalid.
    pub(crate) fn read(run: &Run) -> Result<Self> {
        let path = run.file("config.toml");
        let text = String::from_utf8_lossy(&fs::read_bounded(&path, CONFIG_LIMIT)?).into_owned();
        let config = toml::from_str(&text)
            .with_context(|| format!("{} holds no settings", path.display()))?;
        let mut complaints = Vec::new();
        let [stats, metrics, alarms, starts] = ["stats", "metrics", "alarms", "starts"]
            .map(|name| lines(run, &format!("{name}.jsonl"), &mut complaints));
        let saved = run.step_of(Which::Latest).unwrap_or_else(|error| {
            complaints.push(cli::one_line(&error));
            None
        });
        let told = stats.last().and_then(|line| line["step"].as_u64());
        let step = saved.max(told).unwrap_or(0);
        Ok(Self { run: run.clone(), config, stats, metrics, alarms, starts, complaints, step })
    }

    /// The last step of the run, once an epoch is done and its length is known.
    pub(crate) fn last_step(&self) -> Option<u64> {
        let schedule = &self.config.settings.schedule;
        // Not the last line, because a run may have ended within an epoch.
        let line = self.stats.first();
        let per_epoch =
            line.and_then(|line| line["step"].as_u64()?.checked_div(line["epoch"].as_u64()?));
        match (schedule.steps > 0 || schedule.kimg > 0.0, per_epoch) {
            (true, _) => Some(schedule.last_step(1)),
            (false, per_epoch) => per_epoch.map(|steps| schedule.last_step(steps)),
        }
    }

    /// The run's state. `asked_by_owner` is for its owner, which still holds the lock when its work
    /// is done.
    pub(crate) fn state(&self, asked_by_owner: bool) -> State {
        if !asked_by_owner && self.run.is_owned() {
            State::Training
        } else if self.last_step().is_some_and(|last| self.step >= last) {
            State::Finished
        } else {
            State::Stopped
        }
    }

    /// The error that ended the last start, if one did.
    pub(crate) fn failure(&self) -> Option<String> {
        match self.ended() {
            Ended::Failed(error) => Some(error),
            _ => None,
        }
    }

    /// The end of the last start.
    pub(crate) fn ended(&self) -> Ended {
        Ended::of(&self.run.file("train.log"))
    }

    /// The state in one word.
    pub(crate) fn word(&self, asked_by_owner: bool) -> &'static str {
        match self.state(asked_by_owner) {
            State::Training => "running",
            State::Finished => "finished",
            State::Stopped if self.failure().is_some() => "failed",
            State::Stopped => "stopped",
        }
    }

    /// The best KID under the conventions of the latest one.
    pub(crate) fn best(&self) -> Option<Best> {
        let last = self.stats.iter().rfind(|line| line["kid"].as_f64().is_some())?;
        self.best_of(&last["kid_of"])
    }

    /// The best KID under these conventions.
    pub(crate) fn best_of(&self, of: &Value) -> Option<Best> {
        let kids = self.kids().into_iter().find(|kids| kids.of == *of)?;
        let (line, kid) = *kids.values.get(kids.lowest()?)?;
        Some(Best { kid, step: self.stats[line]["step"].as_u64()? })
    }

    /// All KIDs, grouped by conventions, in order of first appearance.
    pub(crate) fn kids(&self) -> Vec<Kids> {
        let mut kinds: Vec<Kids> = Vec::new();
        for (i, line) in self.stats.iter().enumerate() {
            let Some(kid) = line["kid"].as_f64() else { continue };
            match kinds.iter_mut().find(|kind| kind.of == line["kid_of"]) {
                Some(kind) => kind.values.push((i, kid)),
                None => kinds.push(Kids { of: line["kid_of"].clone(), values: vec![(i, kid)] }),
            }
        }
        kinds
    }

    /// Thousands of real pictures seen by D.
    pub(crate) fn kimg(&self) -> f64 {
        (self.step * self.pictures_a_step()) as f64 / 1000.0
    }

    fn pictures_a_step(&self) -> u64 {
        self.config.settings.schedule.pictures_a_step()
    }

    /// Seconds of training over all starts; in runs of earlier versions, of the epochs' steps
    /// alone.
    pub(crate) fn seconds(&self) -> Option<f64> {
        // An epoch's line has no times if its KID was computed after a restart.
        let noted = self.stats.iter().rev().find_map(|line| line["seconds"].as_f64());
        noted.or_else(|| {
            let mut before = 0.0;
            let epochs = self.stats.iter().map(|line| {
                let kimg = line["kimg"].as_f64()?;
                let pictures = 1000.0 * (kimg - std::mem::replace(&mut before, kimg));
                Some(pictures / line["img_per_s"].as_f64().filter(|rate| *rate > 0.0)?)
            });
            epochs.sum()
        })
    }

    /// Number of steps completed when `epoch` ended.
    pub(crate) fn step_of_epoch(&self, epoch: u64) -> Option<u64> {
        self.stats.iter().find(|line| line["epoch"].as_u64() == Some(epoch))?["step"].as_u64()
    }

    /// Real pictures per second in recent epochs.
    pub(crate) fn speed(&self) -> Option<f64> {
        median(
            self.stats
                .iter()
                .rev()
                .take(RECENT)
                .filter_map(|line| line["img_per_s"].as_f64())
                .collect(),
        )
    }

    /// Time remaining in seconds, at the speed of recent epochs and including their sheets, KID and
    /// checkpoints if known.
    pub(crate) fn seconds_left(&self) -> Option<f64> {
        let left = self.last_step()?.saturating_sub(self.step) as f64;
        let recent = &self.stats[self.stats.len().saturating_sub(RECENT)..];
        let mut timed = recent
            .iter()
            .filter_map(|line| Some((line["step"].as_f64()?, line["seconds"].as_f64()?)));
        let rate = match (timed.next(), timed.next_back()) {
            (Some(first), Some(last)) if last.0 > first.0 && last.1 > first.1 => {
                (last.0 - first.0) / (last.1 - first.1)
            }
            _ => self.speed()? / self.pictures_a_step() as f64,
        };
        (rate > 0.0).then(|| left / rate)
    }

    /// Time since a file of the run was last written.
    pub(crate) fn age(&self, name: &str) -> Option<Duration> {
        let written =
            std::fs::metadata(self.run.file(name)).and_then(|meta| meta.modified()).ok()?;
        // Zero if the clock has been set back since then.
        Some(SystemTime::now().duration_since(written).unwrap_or_default())
    }
}

/// Total size in bytes of all files below a folder. Files that disappear meanwhile count as zero.
pub(crate) fn bytes_below(folder: &Path) -> u64 {
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => bytes_below(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    };
    std::fs::read_dir(folder).map_or(0, |entries| entries.flatten().map(size).sum())
}

fn lines(run: &Run, name: &str, complaints: &mut Vec<String>) -> Vec<Value> {
    match jsonl::read_sound(&run.file(name)) {
        Ok((lines, damaged)) => {
            if !damaged.is_empty() {
                let (few, more) =
                    (damaged.iter().take(5), if damaged.len() > 5 { ", …" } else { "" });
                let few: Vec<String> = few.map(usize::to_string).collect();
                complaints.push(format!("{name}: skipped damaged lines: {}{more}", few.join(", ")));
            }
            lines
        }
        Err(error) => {
            complaints.push(cli::one_line(&error));
            Vec::new()
        }
    }
}
