//! `train status`: the state of runs, read from their folders. It only reads, and does not disturb
//! a run that starts meanwhile.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value};
use shared::cli::{Ending, one_line};
use shared::nn::config::TaskName;
use shared::nn::run::Run;
use shared::nn::task::{Kind, Measure};

use crate::tell::numbers::{count, duration, rounded};
use crate::tell::record::{Best, Record, begun, bytes_below};

/// Show the state of runs: activity, progress, measurements, files on disk.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct StatusArgs {
    /// Run folders.
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Print one JSON object per run.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  train status runs/birds                      one run
  train status runs/*                          all of them
  train status runs/birds --json | jq .state   machine-readable
  watch -n 60 train status runs/birds          every minute

A run is running, finished, stopped (with the cause; the same command resumes it) or failed (with
the error). With --json these are the values of `state`, and `ended_by` is done, the signal's name,
error, panic, memory, or kill if the run could not record the cause. Nothing in its folder is
changed.
Anything that is not a run, or was never started, is skipped with a warning.
Exit code 3 if a file of a run is damaged.";

/// The state of a run, printed as JSON by `--json`; null where unknown.
#[derive(Clone, Debug, Serialize)]
struct Status {
    run: PathBuf,
    state: &'static str,
    /// The process that trains it.
    process: Option<u32>,
    /// Seconds since the last start.
    seconds_since_start: Option<u64>,
    /// What ended the last start: done, the name of a signal, error, panic, memory, or kill if the
    /// run could not record it.
    ended_by: Option<String>,
    /// The error that ended it.
    error: Option<String>,
    preset: String,
    step: u64,
    last_step: Option<u64>,
    epoch: Option<u64>,
    kimg: f64,
    img_per_s: Option<f64>,
    /// Seconds of training over all starts.
    seconds: Option<f64>,
    seconds_left: Option<f64>,
    /// The task's main measures: losses, then accuracies.
    #[serde(flatten)]
    measures: Map<String, Value>,
    #[serde(skip)]
    task: TaskName,
    aug_p: Option<f64>,
    kid: Option<f64>,
    kid_step: Option<u64>,
    best_kid: Option<f64>,
    best_kid_step: Option<u64>,
    checkpoints: Vec<u64>,
    checkpoint_bytes: u64,
    alarms: usize,
    last_alarm: Option<Value>,
    /// The last change of settings, with its start.
    last_change: Option<Value>,
    /// Seconds since the last line of `stats.jsonl` was written.
    seconds_since_line: Option<u64>,
    /// Things that could not be read.
    damaged: Vec<String>,
}

impl StatusArgs {
    /// Prints a block of lines or a JSON object for each run.
    ///
    /// # Errors
    /// If no folder is a run, or the settings of one cannot be read; whatever is known about the
    /// others is printed first.
    pub fn run(self) -> Result<Ending> {
        let (mut texts, mut failure, mut ending) = (Vec::new(), None, Ending::Done);
        for (folder, run) in begun(&self.runs)? {
            match Status::of(folder, &run) {
                Ok(status) => {
                    if !status.damaged.is_empty() {
                        ending = Ending::Damaged;
                    }
                    texts.push(if self.json {
                        format!("{}\n", serde_json::to_string(&status)?)
                    } else {
                        status.text()
                    });
                }
                Err(error) => {
                    if let Some(earlier) = failure.replace(error) {
                        tracing::error!("{}", one_line(earlier.as_ref()));
                    }
                }
            }
        }
        shared::cli::print(&texts.join(if self.json { "" } else { "\n" }))?;
        failure.map_or(Ok(ending), Err)
    }
}

impl Status {
    fn of(folder: &Path, run: &Run) -> Result<Self> {
        let mut record = Record::read(run)?;
        let state = record.word(false);
        let error = record.failure().filter(|_| state == "failed");
        let running = state == "running";
        let ended_by = record.ended().word().map(str::to_owned).filter(|_| !running);
        let last = record.stats.last().cloned().unwrap_or_default();
        let measured = record
            .stats
            .iter()
            .rfind(|line| line["kid"].as_f64().is_some())
            .cloned()
            .unwrap_or_default();
        let best = record.best();
        let checkpoints = run.steps().unwrap_or_else(|error| {
            record.complaints.push(one_line(&error));
            Vec::new()
        });
        let seconds = |name: &str| record.age(name).map(|age| age.as_secs());
        let task = record.config.settings.task;
        Ok(Self {
            run: folder.to_owned(),
            state,
            process: run.holder(),
            // Rewritten at every start.
            seconds_since_start: seconds("config.toml").filter(|_| running),
            ended_by,
            error,
            preset: record.config.preset.clone(),
            step: record.step,
            last_step: record.last_step(),
            epoch: last["epoch"].as_u64(),
            kimg: record.kimg(),
            img_per_s: record.speed(),
            seconds: record.seconds(),
            seconds_left: record.seconds_left().filter(|_| running),
            measures: looked_for(task)
                .map(|(_, m)| (m.key.to_owned(), last[m.key].clone()))
                .collect(),
            task,
            aug_p: last["aug_p"]
                .as_f64()
                .filter(|_| record.config.settings.augment.pipeline.has_probability()),
            kid: measured["kid"].as_f64(),
            kid_step: measured["step"].as_u64(),
            best_kid: best.map(|Best { kid, .. }| kid),
            best_kid_step: best.map(|Best { step, .. }| step),
            checkpoints,
            checkpoint_bytes: bytes_below(&run.file("checkpoints")),
            alarms: record.alarms.len(),
            last_alarm: record.alarms.last().cloned(),
            last_change: last_change(&record.starts),
            seconds_since_line: seconds("stats.jsonl").filter(|_| !record.stats.is_empty()),
            damaged: record.complaints,
        })
    }

    /// Human-readable output.
    fn text(&self) -> String {
        let process = self.process.map_or(String::new(), |process| format!(" (process {process})"));
        let since = self
            .seconds_since_start
            .map_or(String::new(), |s| format!(" for {}", duration(s as f64)));
        let mut text = format!("{}: {}{process}{since}\n", self.run.display(), self.state);
        let mut row = |name: &str, value: String| {
            if !value.is_empty() {
                text += &format!("  {name:<12} {value}\n");
            }
        };
        row("ended by", self.ended());
        row("error", self.error.clone().unwrap_or_default());
        row("progress", self.progress());
        row("speed", self.speed());
        row("losses", self.losses());
        row("p", self.aug_p.map_or(String::new(), |p| format!("{p:.3}")));
        let at = |step: Option<u64>| {
            step.map_or(String::new(), |step| format!(" after step {}", count(step)))
        };
        row(
            "KID",
            match (self.kid, self.best_kid) {
                (Some(kid), Some(_)) if self.kid_step == self.best_kid_step => {
                    format!("{}{}, the best so far", rounded(kid, 3), at(self.kid_step))
                }
                (Some(kid), Some(best)) => {
                    format!(
                        "{}{}; best {}{}",
                        rounded(kid, 3),
                        at(self.kid_step),
                        rounded(best, 3),
                        at(self.best_kid_step)
                    )
                }
                _ => "not measured".into(),
            },
        );
        row("checkpoints", self.checkpoints());
        row("alarms", self.last_alarm.as_ref().map_or_else(String::new, |alarm| self.alarm(alarm)));
        row("changed", self.last_change.as_ref().map_or_else(String::new, change));
        row(
            "last line",
            self.seconds_since_line
                .map_or(String::new(), |s| format!("{} ago", duration(s as f64))),
        );
        self.damaged.iter().for_each(|what| row("damaged", what.clone()));
        text
    }

    /// The cause of the end, unless the run completed or its error is shown anyway.
    fn ended(&self) -> String {
        match self.ended_by.as_deref() {
            Some("kill") if self.state == "stopped" => {
                "nothing that could be recorded: kill -9, a system out of memory, a power cut; \
                 the same command resumes it"
                    .into()
            }
            Some(signal) if self.state == "stopped" && signal != "done" => signal.to_owned(),
            Some("panic") if self.state == "failed" => "a bug of this program".into(),
            _ => String::new(),
        }
    }

    /// Losses and accuracies of discriminators; empty before the first epoch.
    fn losses(&self) -> String {
        let value = |measure: &Measure| self.measures[measure.key].as_f64();
        let losses: Vec<String> = self
            .task
            .shown_measures(Kind::Loss)
            .map(|(label, m)| {
                format!("{label} {}", value(m).map_or_else(|| "–".into(), |v| rounded(v, 4)))
            })
            .collect();
        let shares: Vec<String> = self
            .task
            .shown_measures(Kind::Accuracy)
            .filter_map(|(label, m)| Some(format!("{:.0}% of {label}", 100.0 * value(m)?)))
            .collect();
        if !looked_for(self.task).any(|(_, m)| value(m).is_some()) {
            return String::new();
        }
        let right = if shares.is_empty() {
            String::new()
        } else {
            format!(", D right about {} pictures", shares.join(" and "))
        };
        format!("{}{right}", losses.join(", "))
    }

    fn progress(&self) -> String {
        let of = self.last_step.map_or(String::new(), |last| {
            // A run whose end was moved to an earlier step may be beyond it.
            let percent = 100.0 * self.step as f64 / last.max(self.step).max(1) as f64;
            format!(" of {} ({percent:.0}%)", count(last))
        });
        let epoch = self.epoch.map_or(String::new(), |epoch| format!(", epoch {epoch}"));
        format!("step {}{of}{epoch}, {} kimg", count(self.step), rounded(self.kimg, 4))
    }

    fn speed(&self) -> String {
        let parts = [
            self.img_per_s.map(|speed| format!("{} img/s", rounded(speed, 3))),
            self.seconds.map(|seconds| format!("{} of training", duration(seconds))),
            self.seconds_left.map(|seconds| format!("about {} left", duration(seconds))),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    fn checkpoints(&self) -> String {
        let steps: Vec<String> = self.checkpoints.iter().map(|step| count(*step)).collect();
        match &steps[..] {
            [] => "none yet".into(),
            steps => {
                format!("step {}: {:.1} MB", steps.join("; "), self.checkpoint_bytes as f64 / 1e6)
            }
        }
    }

    fn alarm(&self, last: &Value) -> String {
        let said = |key: &str| last[key].as_str().unwrap_or("–").to_owned();
        let advice =
            last["advice"].as_str().map_or(String::new(), |advice| format!("; to try: {advice}"));
        format!(
            "{}, the last after step {}: {}: {}{advice}",
            self.alarms,
            last["step"],
            said("kind"),
            said("what")
        )
    }
}

/// The task's main measures.
fn looked_for(task: TaskName) -> impl Iterator<Item = (&'static str, &'static Measure)> {
    task.shown_measures(Kind::Loss).chain(task.shown_measures(Kind::Accuracy))
}

/// The last start that changed settings.
fn last_change(starts: &[Value]) -> Option<Value> {
    starts
        .iter()
        .rfind(|start| start["changes"].as_array().is_some_and(|changes| !changes.is_empty()))
        .cloned()
}

fn change(start: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let changes = start["changes"].as_array().into_iter().flatten();
    let changes: Vec<_> = changes
        .map(|change| {
            format!("{} {} → {}", text(&change["key"]), text(&change["was"]), text(&change["now"]))
        })
        .collect();
    format!(
        "{}, at the start after step {} ({})",
        changes.join(", "),
        start["step"],
        text(&start["time"])
    )
}
