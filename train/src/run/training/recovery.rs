//! Recovery from values that are not finite, and reporting of memory exhaustion.

use anyhow::{Error, Result, bail};
use serde_json::json;
use shared::cli::UsageError;
use shared::fs;
use shared::fs::AtomicFolder;
use shared::nn::device::memory::{self, OutOfMemory};
use shared::nn::run::Which;
use shared::{alloc, process};

use super::recent::NotFinite;
use super::training::Training;
use crate::run::folder::last_checkpoint;
use crate::run::saver::Saver;
use crate::step::game;
use crate::step::replicas;

impl Training {
    /// Rolls back to the last checkpoint and retries with other random numbers; ends the run after
    /// the configured number of tries.
    pub(super) fn roll_back(&mut self, failure: &NotFinite) -> Result<()> {
        self.saver.finish()?;
        let saved = self.run.step_of(Which::Latest)?;
        let tries = self.recent.fail(failure.step);
        let from =
            saved.map_or("the start".into(), |step| format!("the checkpoint of step {step}"));
        if tries > self.retries {
            let dump = self.dump(failure)?;
            bail!(
                "{failure}; {} tries with other random numbers failed as well ({from} is \
                 untouched; the failure is recorded in {}). Try a lower learning rate in a new \
                 run (--set optimizer.learning_rate=1e-4), --set optimizer.clip_norm=1, or \
                 --precision f32",
                self.retries,
                dump.display()
            );
        }
        self.tell_not_finite(
            failure.step,
            &format!("{}; back to {from}, try {tries} of {}", failure.what, self.retries),
        )?;
        let attempt = self.state.attempt + 1;
        let checkpoint = last_checkpoint(&self.run)?;
        self.saver = Saver::new(
            self.run.clone(),
            checkpoint.as_ref().map(|checkpoint| checkpoint.meta.step),
        );
        self.load(checkpoint.as_ref(), Some(attempt))
    }

    /// Writes what led to a failure into its own folder.
    fn dump(&self, failure: &NotFinite) -> Result<std::path::PathBuf> {
        let folder = self.run.file(&format!("failed-{:08}", failure.step));
        fs::remove(&folder)?;
        let staged = AtomicFolder::create(&folder)?;
        let lines = self
            .recent
            .steps
            .iter()
            .map(|(step, measured)| json!({"step": step, "metrics": measured}).to_string());
        fs::write(
            staged.path().join("steps.jsonl"),
            (lines.collect::<Vec<_>>().join("\n") + "\n").as_bytes(),
        )?;
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
        fs::write(
            staged.path().join("failure.json"),
            serde_json::to_string_pretty(&summary)?.as_bytes(),
        )?;
        fs::write(staged.path().join("config.toml"), toml::to_string(&self.config)?.as_bytes())?;
        fs::write(staged.path().join("samples.png"), &self.samples()?.png()?)?;
        staged.commit()?;
        Ok(folder)
    }

    /// Prepares the advice for a failed allocation on the host in advance, because nothing can be
    /// allocated then.
    pub(super) fn prepare_for_out_of_memory(&self) -> Result<()> {
        let schedule = &self.config.settings.schedule;
        let part = schedule.batch / game::parts(schedule, self.feeds.len());
        let limit =
            process::room().map_or(String::new(), |room| format!(" ({} holds)", room.limit));
        let advice = format!(
            "a step worked on {part} pictures at a time{limit}; {}",
            memory::advice(schedule.batch, part, None)
        );
        alloc::prepare(advice, Some(fs::open_append(self.run.file("train.log"))?));
        Ok(())
    }

    /// The error, with advice, for a device that is out of memory; `free` is its free memory in
    /// bytes before the first step.
    pub(super) fn out_of_memory(&self, error: OutOfMemory, free: Option<u64>) -> Error {
        let schedule = &self.config.settings.schedule;
        let saved = match self.run.step_of(Which::Latest) {
            Ok(Some(step)) => format!("the checkpoint of step {step} is untouched"),
            _ => "there was no checkpoint yet".into(),
        };
        let (part, advice) =
            replicas::smaller_batch(schedule, self.feeds.len(), self.device(), error, free);
        UsageError(format!(
            "the device is out of memory after step {} with {part} pictures at a time: {advice}; \
             {saved}, but a run's batch size is fixed: choose another --out, or --restart",
            self.trainer().game.step
        ))
        .into()
    }
}
