//! A run in progress: its identity, the state of its steps, and its background work.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use burn::tensor::Device;
use serde_json::Value;
use shared::jsonl::JsonLines;
use shared::nn::config::RunConfig;
use shared::nn::owner::Owner;
use shared::nn::run::Run;

use crate::augment::backlog::Backlog;
use crate::data::batches::Batches;
use crate::data::feed::{DataOn, Feed};
use crate::run::evaluations::Evaluations;
use crate::run::saver::Saver;
use crate::run::state::State;
use crate::step::readback::Readback;
use crate::step::replicas::Replicas;
use crate::step::trainer::Trainer;
use crate::watch::epoch_log::EpochLog;
use crate::watch::live::Live;
use crate::watch::pace::{Forecast, Pace};

use super::recent::Recent;

/// A run in progress.
pub(super) struct Training {
    pub(super) run: Run,
    pub(super) _owner: Owner,
    pub(super) config: RunConfig,
    pub(super) data_on: DataOn,
    pub(super) devices: Vec<Device>,
    pub(super) per_epoch: u64,
    pub(super) last_step: u64,
    pub(super) save_every: Duration,
    pub(super) retries: u64,
    pub(super) stop_after: u64,

    // State of the steps; rebuilt on a rollback.
    pub(super) batches: Arc<Batches>,
    /// One per device.
    pub(super) feeds: Vec<Feed>,
    pub(super) replicas: Replicas,
    pub(super) readback: Readback,
    pub(super) backlog: Backlog,
    pub(super) state: State,
    pub(super) log: EpochLog,

    // Background work.
    pub(super) evaluations: Option<Evaluations>,
    /// The conventions that make KIDs comparable.
    pub(super) conventions: Value,
    /// Measurements of the epoch whose KID is pending, which checkpoints do not keep.
    pub(super) pending_times: Value,
    pub(super) saver: Saver,
    pub(super) saved_at: Instant,
    pub(super) drawn_at: Instant,
    /// The step that the `best` pointer was last set to.
    pub(super) best_saved: Option<u64>,
    pub(super) alarms: JsonLines,
    pub(super) live: Live,
    pub(super) recent: Recent,
    pub(super) pace: Pace,
    pub(super) forecast: Forecast,
    pub(super) started: Instant,
    /// Seconds trained by earlier processes.
    pub(super) seconds_before: f64,
}

impl Training {
    pub(super) fn trainer(&self) -> &Trainer {
        &self.replicas.first
    }

    pub(super) fn device(&self) -> &Device {
        self.trainer().device()
    }

    pub(super) fn pictures_a_step(&self) -> u64 {
        self.config.settings.schedule.pictures_a_step()
    }

    /// Seconds of training, including earlier processes.
    pub(super) fn seconds(&self) -> f64 {
        self.seconds_before + self.started.elapsed().as_secs_f64()
    }

    /// Adds the measurements of all steps up to `through` to the sums, and passes those beyond the
    /// device's lag to the controller. The time at which values arrive makes no difference.
    pub(super) fn take_notice(&mut self, through: u64) -> Result<()> {
        for (step, values) in self.readback.take(through) {
            let measured = values.measured(self.config.settings.task);
            self.recent.add(step, &measured, self.config.settings.task)?;
            self.state.sums.add(&measured);
            self.backlog.push(step, values.observation());
        }
        let due = self.trainer().game.step.saturating_sub(self.readback.lag());
        self.backlog.due(due).for_each(|seen| self.replicas.first.observe(seen));
        Ok(())
    }
}
