//! What is done when values are not finite or memory is out.

use std::collections::VecDeque;

use anyhow::{Error, Result, bail};
use serde_json::json;
use shared::cli::UsageError;
use shared::fs;
use shared::fs::AtomicFolder;
use shared::nn::config::TaskName;
use shared::nn::device::memory::{self, OutOfMemory};
use shared::nn::run::Which;
use shared::nn::task::Kind;
use shared::{alloc, process};
use thiserror::Error;

use super::Training;
use super::epoch::sheet;
use crate::folder::last_checkpoint;
use crate::game;
use crate::measured::Measured;
use crate::replicas;
use crate::saver::Saver;

/// Steps whose numbers are kept for a look at what came before.
const RECENT: usize = 100;

/// Losses or weights that are no numbers any more.
#[derive(Clone, Debug, Error)]
#[error("step {step}: {what}")]
pub(super) struct NotFinite {
    /// After which step it showed.
    pub(super) step: u64,
    /// What is not finite.
    pub(super) what: String,
}

/// What the last steps measured, and how often in a row the run went back.
#[derive(Debug, Default)]
pub(super) struct Recent {
    steps: VecDeque<(u64, Measured)>,
    /// How often, without getting past `furthest`.
    failures: u64,
    furthest: u64,
}

impl Recent {
    /// Takes in a step's numbers.
    ///
    /// # Errors
    /// When a loss is not finite.
    pub(super) fn add(&mut self, step: u64, measured: &Measured, task: TaskName) -> Result<(), NotFinite> {
        if self.steps.len() == RECENT {
            self.steps.pop_front();
        }
        self.steps.push_back((step, measured.clone()));
        let losses = || task.measures().iter().filter(|m| m.kind == Kind::Loss).map(|m| (m.key, measured.get(m.key)));
        if losses().all(|(_, loss)| loss.is_finite()) {
            return Ok(());
        }
        let shown: Vec<String> = losses().map(|(key, loss)| format!("{key} {loss}")).collect();
        Err(NotFinite { step, what: format!("the losses are not finite ({})", shown.join(", ")) })
    }

    /// Counts a failure at `step`; failures further on begin a new count.
    fn fail(&mut self, step: u64) -> u64 {
        if step > self.furthest {
            (self.failures, self.furthest) = (0, step);
        }
        self.failures += 1;
        self.failures
    }
}

impl Training {
    /// Goes back to the last checkpoint and on with other random numbers; ends the run after as many tries as it was given.
    pub(super) fn roll_back(&mut self, failure: &NotFinite) -> Result<()> {
        self.saver.finish()?;
        let saved = self.run.step_of(Which::Latest)?;
        let tries = self.recent.fail(failure.step);
        let from = saved.map_or("the start".into(), |step| format!("the checkpoint of step {step}"));
        if tries > self.retries {
            let dump = self.dump(failure)?;
            bail!(
                "{failure}; {} tries with other random numbers ended likewise ({from} is untouched; what led here is in {}). Try a \
                 lower learning rate in a new run (--set optimizer.learning_rate=1e-4), --set optimizer.clip_norm=1, or \
                 --precision f32",
                self.retries,
                dump.display()
            );
        }
        self.tell_not_finite(failure.step, &format!("{}; back to {from}, try {tries} of {}", failure.what, self.retries))?;
        let attempt = self.state.attempt + 1;
        let checkpoint = last_checkpoint(&self.run)?;
        self.saver = Saver::new(self.run.clone(), checkpoint.as_ref().map(|checkpoint| checkpoint.meta.step));
        self.load(checkpoint.as_ref(), Some(attempt))
    }

    /// Writes what led to a failure into a folder of its own.
    fn dump(&self, failure: &NotFinite) -> Result<std::path::PathBuf> {
        let folder = self.run.file(&format!("failed-{:08}", failure.step));
        fs::remove(&folder)?;
        let staged = AtomicFolder::create(&folder)?;
        let lines = self.recent.steps.iter().map(|(step, measured)| json!({"step": step, "metrics": measured}).to_string());
        fs::write(staged.path().join("steps.jsonl"), (lines.collect::<Vec<_>>().join("\n") + "\n").as_bytes())?;
        let parts = self.trainer().parts();
        let tensors = parts.iter().flat_map(|(name, part)| {
            part.parameters().into_iter().map(move |(tensor, p)| {
                let values = p.to_vec();
                let bad = values.iter().filter(|v| !v.is_finite()).count();
                let largest = values.iter().filter(|v| v.is_finite()).fold(0f32, |m, v| m.max(v.abs()));
                json!({"part": name, "tensor": tensor, "values": values.len(), "not_finite": bad, "largest": largest})
            })
        });
        let summary = json!({
            "step": failure.step, "what": failure.what, "attempt": self.state.attempt, "seed": self.config.seed,
            "p": self.trainer().game.controller.probability, "tensors": tensors.collect::<Vec<_>>(),
        });
        fs::write(staged.path().join("failure.json"), serde_json::to_string_pretty(&summary)?.as_bytes())?;
        fs::write(staged.path().join("config.toml"), toml::to_string(&self.config)?.as_bytes())?;
        let samples = &self.config.settings.samples;
        fs::write(staged.path().join("samples.png"), &sheet(&self.samples()?, samples.columns)?)?;
        staged.commit()?;
        Ok(folder)
    }

    /// Has the advice ready that is given where the host refuses memory: then nothing can be made any more.
    pub(super) fn prepare_for_out_of_memory(&self) -> Result<()> {
        let schedule = &self.config.settings.schedule;
        let part = schedule.batch / game::parts(schedule, self.feeds.len());
        let limit = process::room().map_or(String::new(), |room| format!(" ({} holds)", room.limit));
        let advice = format!("a step worked on {part} pictures at a time{limit}; {}", memory::advice(schedule.batch, part, None));
        alloc::prepare(advice, Some(fs::open_append(self.run.file("train.log"))?));
        Ok(())
    }

    /// What to do where the device is out of memory; `free` bytes of it were there before the first step.
    pub(super) fn out_of_memory(&self, error: OutOfMemory, free: Option<u64>) -> Error {
        let schedule = &self.config.settings.schedule;
        let saved = match self.run.step_of(Which::Latest) {
            Ok(Some(step)) => format!("the checkpoint of step {step} is untouched"),
            _ => "no checkpoint was there yet".into(),
        };
        let (part, advice) = replicas::smaller_batch(schedule, self.feeds.len(), self.device(), error, free);
        UsageError(format!(
            "the device is out of memory after step {} with {part} pictures at a time: {advice}; {saved}, but a run keeps its batch: \
             choose another --out, or --restart",
            self.trainer().game.step
        ))
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_that_is_not_finite_is_an_error_and_all_before_it_are_kept() {
        let mut recent = Recent::default();
        let losses = |d_loss| {
            let mut measured = Measured::default();
            measured.set("g_loss", 1.0);
            measured.set("d_loss", d_loss);
            measured
        };
        for step in 1..=150 {
            recent.add(step, &losses(0.5), TaskName::Adversarial).expect("finite");
        }
        let error = recent.add(151, &losses(f64::NAN), TaskName::Adversarial).expect_err("a NaN");
        assert!(error.what.contains("g_loss 1, d_loss NaN"), "{}", error.what);
        assert_eq!(error.step, 151);
        let kept: Vec<u64> = recent.steps.iter().map(|(step, _)| *step).collect();
        assert_eq!(kept, (52..=151).collect::<Vec<_>>());
    }

    #[test]
    fn failures_are_counted_until_a_later_step_is_reached() {
        let mut recent = Recent::default();
        assert_eq!([10, 9, 10].map(|step| recent.fail(step)), [1, 2, 3]);
        assert_eq!([40, 12].map(|step| recent.fail(step)), [1, 2]);
    }
}
