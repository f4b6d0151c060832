//! Checkpoints of a run, and the disk space that it needs.

use std::time::{Duration, Instant};

use anyhow::Result;
use shared::fs;
use shared::nn::checkpoint::{CHECKPOINT_VERSION, Meta, Snapshot};
use shared::signal::Stop;

use super::recent::NotFinite;
use super::sheet::sheet_bytes;
use super::training::Training;
use crate::run::disk::{Forecast, size};
use crate::run::saver::Order;
use crate::tell::curves;
use crate::tell::record::bytes_below;

/// The run's curves are drawn along with checkpoints, but no more often than this.
const DRAWN_EVERY: Duration = Duration::from_secs(60);

impl Training {
    /// Saves the current step in the background.
    ///
    /// # Errors
    /// If weights are not finite, devices disagree, or the previous checkpoint could not be
    /// written.
    pub(super) fn save(&mut self) -> Result<()> {
        let step = self.trainer().game.step;
        // All steps so far must be known to be sound before anything is saved.
        self.take_notice(step)?;
        self.saved_at = Instant::now();
        let content =
            if self.saver.last() == Some(step) { None } else { Some(self.content(step)?) };
        self.order(step, content)?;
        if self.drawn_at.elapsed() >= DRAWN_EVERY {
            self.drawn_at = Instant::now();
            curves::write(&self.run)?;
        }
        Ok(())
    }

    /// Saves the current step if SIGUSR1 or SIGUSR2 asked for it.
    ///
    /// # Errors
    /// As [`Self::save`].
    pub(super) fn save_if_asked(&mut self, stop: &Stop) -> Result<()> {
        if stop.takes_save() {
            self.save()?;
            tracing::info!(
                "checkpoint requested by a signal: step {} is saved, and training continues",
                self.trainer().game.step
            );
        }
        Ok(())
    }

    /// Updates the pointers without saving the current step.
    ///
    /// # Errors
    /// If the previous checkpoint could not be written.
    pub(super) fn point(&mut self) -> Result<()> {
        match self.saver.last() {
            Some(step) => self.order(step, None),
            None => Ok(()),
        }
    }

    fn order(&mut self, step: u64, content: Option<(Meta, Vec<Snapshot>)>) -> Result<()> {
        self.best_saved = self.state.best.as_ref().map(|best| best.step);
        let keep = self.config.settings.checkpoints.keep;
        self.saver.order(Order {
            content,
            step,
            best: self.best_saved,
            keep,
            needed: self.state.needed(),
        })
    }

    fn content(&mut self, step: u64) -> Result<(Meta, Vec<Snapshot>)> {
        self.state.controller = Some(self.trainer().game.controller);
        self.state.unseen = self.backlog.left();
        self.replicas.require_equal()?;
        let parts: Vec<Snapshot> =
            self.trainer().parts().iter().map(|(name, part)| Snapshot::of(name, *part)).collect();
        if let Some((part, tensor)) =
            parts.iter().find_map(|part| Some((part.name(), part.first_not_finite()?)))
        {
            return Err(NotFinite {
                step,
                what: format!("{part} holds values that are not finite ({tensor})"),
            }
            .into());
        }
        let meta = Meta {
            version: CHECKPOINT_VERSION,
            step,
            epoch: step / self.per_epoch,
            config: self.config.clone(),
            state: serde_json::to_value(&self.state)?,
            files: Default::default(),
        };
        Ok((meta, parts))
    }

    /// Logs the disk space that the run needs, and warns if there is too little.
    ///
    /// # Errors
    /// If the sheet of training pictures cannot be made.
    pub(super) fn announce_disk(&self) -> Result<()> {
        let settings = &self.config.settings;
        let sheet = sheet_bytes(&self.batches, settings)?;
        let forecast =
            Forecast::new(settings, self.last_step / self.per_epoch, self.trainer().bytes(), sheet);
        let path = self.run.folder().display();
        let needed = forecast.total().saturating_sub(bytes_below(self.run.folder()));
        let free = fs::free_bytes(self.run.folder());
        let room = free.map_or(String::new(), |free| format!("; {} are free", size(free)));
        tracing::info!("disk: {} in {path}{room}", forecast.text());
        if free.is_some_and(|free| free < needed) {
            tracing::warn!(
                "{path}: the disk has less space than the run still needs ({}); --keep 1 keeps \
                 fewer checkpoints, --set samples.every=10 makes fewer sheets",
                size(needed)
            );
        }
        Ok(())
    }
}
