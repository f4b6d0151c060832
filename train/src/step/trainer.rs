//! One step of any task. The loop knows no preset, no family and no task: what a step does is the
//! task's, what it is done with lies in the game.

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
    /// The networks, and where the run stands.
    pub game: Game,
    task: AnyTask,
}

impl Trainer {
    /// Networks drawn by the run's seed, on `device` (without autodiff), for a run of `last_step`
    /// steps.
    #[must_use]
    pub fn new(config: &RunConfig, last_step: u64, device: &Device) -> Self {
        Self { game: Game::new(config, last_step, device), task: AnyTask::new(config, device) }
    }

    /// The same as one of several devices: each takes its parts of every batch, and all take the
    /// same updates.
    #[must_use]
    pub fn into_member(mut self, member: Member) -> Self {
        if self.game.config.settings.schedule.sync_batch_norm {
            self.game.players.iter_mut().for_each(|player| player.synchronize(&member));
        }
        self.game.member = Some(member);
        self
    }

    /// The generator whose pictures are shown, measured and exported: the average of its weights.
    #[must_use]
    pub fn shown(&self) -> &Generator {
        self.game.player(self.game.config.settings.task.shown().name).shown().generator()
    }

    /// The network of a role.
    ///
    /// # Panics
    /// When the task has no such role.
    #[must_use]
    pub fn network(&self, role: &str) -> &Network {
        &self.game.player(role).network
    }

    /// The files of a checkpoint and what goes into each.
    #[must_use]
    pub fn parts(&self) -> Vec<(&'static str, &dyn Parameters)> {
        let mut parts = players::parts(&self.game.players);
        parts.extend(self.task.parts());
        parts
    }

    /// Bytes of a checkpoint's tensors.
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

    /// Takes over a checkpoint's tensors.
    ///
    /// # Errors
    /// When a file is damaged or does not fit.
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

    /// The networks take the extent that belongs to the pictures seen, in families that grow.
    fn grow(&mut self) {
        let seen = self.game.images_seen();
        self.game.players.iter_mut().for_each(|player| player.grow(seen));
    }

    /// The device that computes.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.game.device
    }

    /// One step on as many batches as D has updates in it. Waits until the device is done with it
    /// and takes notice of what it measured.
    pub fn step(&mut self, batches: &[Batch]) -> Measured {
        let values = self.take_step(batches).read();
        self.observe(values.observation());
        values.measured(self.game.config.settings.task)
    }

    /// One step on as many batches as D has updates in it, without waiting for the device. What it
    /// measured is for [`Trainer::observe`].
    pub fn take_step(&mut self, batches: &[Batch]) -> Reading {
        // Devices other than the CPU keep what belongs together apart by thread, so that there a
        // step stays on its own. And a thread that waits for other devices must not be one of those
        // that they compute on.
        if self.game.member.is_none() && self.game.device == Device::flex() {
            return on_workers(|| self.step_here(batches));
        }
        let reading = self.step_here(batches);
        // What is still collected here starts now. Another thread that reads the result would start
        // it, too, but in the middle of the next step, and what is fused with what would differ
        // from step to step. A failure shows again where the result is read.
        let _ = self.game.device.flush();
        reading
    }

    /// Takes notice of D's logits in an earlier step.
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
        self.task.step(&mut self.game, batches, &mut seen);
        let schedule = &self.game.config.settings.schedule;
        let decay =
            ema::decay(schedule, self.game.images_seen(), schedule.pictures_a_step() as usize);
        self.game.step += 1;
        self.game.players.iter_mut().for_each(|player| player.follow(decay));
        seen.joined()
    }
}
