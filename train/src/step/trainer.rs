//! One step of any task. The loop knows no preset, family or task: the task defines the step, the
//! game holds the state.

use burn::tensor::Device;
use shared::nn::checkpoint::{Checkpoint, CheckpointError};
use shared::nn::collective::Member;
use shared::nn::config::RunConfig;
use shared::nn::device::on_workers;
use shared::nn::networks::{Generator, Network};
use shared::nn::parameter::Parameters;

use crate::augment::controller::Observation;
use crate::step::ema;
use crate::step::game::Game;
use crate::step::measured::Measured;
use crate::step::players;
use crate::step::reading::Reading;
use crate::step::tasks::{AnyTask, Task};
use crate::step::turn::Batch;

/// Everything that a step changes.
#[derive(Clone, Debug)]
pub struct Trainer {
    /// The networks and the progress of the run.
    pub game: Game,
    task: AnyTask,
}

impl Trainer {
    /// Networks initialised from the run's seed, on `device` (without autodiff), for a run of
    /// `last_step` steps.
    #[must_use]
    pub fn new(config: &RunConfig, last_step: u64, device: &Device) -> Self {
        Self { game: Game::new(config, last_step, device), task: AnyTask::new(config, device) }
    }

    /// Makes this trainer one of several devices: each takes its parts of every batch, and all
    /// apply the same updates.
    #[must_use]
    pub fn into_member(mut self, member: Member) -> Self {
        if self.game.config.settings.schedule.sync_batch_norm {
            self.game.players.iter_mut().for_each(|player| player.synchronize(&member));
        }
        self.game.member = Some(member);
        self
    }

    /// The generator used for samples, evaluation and export: the average of its weights.
    #[must_use]
    pub fn shown(&self) -> &Generator {
        self.game.player(self.game.config.settings.task.shown().name).shown().generator()
    }

    /// The network of a role.
    ///
    /// # Panics
    /// If the task has no such role.
    #[must_use]
    pub fn network(&self, role: &str) -> &Network {
        &self.game.player(role).network
    }

    /// The files of a checkpoint with their contents.
    #[must_use]
    pub fn parts(&self) -> Vec<(&'static str, &dyn Parameters)> {
        let mut parts = players::parts(&self.game.players);
        parts.extend(self.task.parts());
        parts
    }

    /// Size of a checkpoint's tensors in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let values: usize = self
            .parts()
            .iter()
            .flat_map(|(_, part)| part.parameters())
            .map(|(_, p)| p.count())
            .sum();
        (values * size_of::<f32>()) as u64
    }

    /// Loads a checkpoint's tensors.
    ///
    /// # Errors
    /// If a file is damaged or does not fit.
    pub fn load(&mut self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        self.game.players.iter_mut().try_for_each(|player| player.load(checkpoint))?;
        self.task
            .parts_mut()
            .into_iter()
            .try_for_each(|(name, part)| checkpoint.load(name, part))?;
        self.game.step = checkpoint.meta.step;
        self.grow();
        Ok(())
    }

    /// Switches the networks to the resolution for the pictures seen so far, in families that grow.
    fn grow(&mut self) {
        let seen = self.game.images_seen();
        self.game.players.iter_mut().for_each(|player| player.grow(seen));
    }

    /// The device that computes.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.game.device
    }

    /// Takes one step on as many batches as D has updates in it. Waits for the device and passes
    /// the measurements to the controller.
    pub fn step(&mut self, batches: &[Batch]) -> Measured {
        let values = self.take_step(batches).read();
        self.observe(values.observation());
        values.measured(self.game.config.settings.task)
    }

    /// Takes one step on as many batches as D has updates in it, without waiting for the device.
    /// Its measurements are for [`Trainer::observe`].
    pub fn take_step(&mut self, batches: &[Batch]) -> Reading {
        // Devices other than the CPU keep a separate stream per thread, so a step stays on this
        // thread there. A thread that waits for other devices must also not be one of the pool that
        // they compute on.
        if self.game.member.is_none() && self.game.device == Device::flex() {
            return on_workers(|| self.step_here(batches));
        }
        let reading = self.step_here(batches);
        // Submits whatever is still queued. Another thread that reads the result would submit it
        // too, but in the middle of the next step, and fusion would differ from step to step. A
        // failure reappears where the result is read.
        let _ = self.game.device.flush();
        reading
    }

    /// Passes D's logits of an earlier step to the controller.
    pub fn observe(&mut self, seen: Observation) {
        let augment = &self.game.config.settings.augment;
        if augment.pipeline.has_probability() {
            self.game.controller.observe(augment, seen);
        }
    }

    fn step_here(&mut self, batches: &[Batch]) -> Reading {
        self.grow();
        self.game.players.iter_mut().for_each(|player| player.network.iterate());
        let mut seen = Reading::default();
        let precision = self.game.config.settings.schedule.precision;
        precision.during(|| self.task.step(&mut self.game, batches, &mut seen));
        let schedule = &self.game.config.settings.schedule;
        let decay =
            ema::decay(schedule, self.game.images_seen(), schedule.pictures_a_step() as usize);
        self.game.step += 1;
        self.game.players.iter_mut().for_each(|player| player.follow(decay));
        seen.joined()
    }
}
