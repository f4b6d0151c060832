//! The state that tasks work on: the players, batches in turns, and the path from gradients to
//! updated weights. Independent of the task.

use burn::tensor::{Device, Tensor};
use shared::nn::collective::Member;
use shared::nn::config::{Order, RunConfig, ScheduleConfig};
use shared::nn::loss::{self, Objective};
use shared::nn::networks::{Discriminator, Generator, Network, Takes};
use shared::nn::parameter::{Moved, Parameters, Purpose};

use crate::augment::Controller;
use crate::step::gradient::Recipe;
use crate::step::players::Player;
use crate::step::rate;
use crate::step::reading::Reading;
use crate::step::turn::{Batch, Turn, Whose};

/// Everything that a step changes, except the task's own state.
#[derive(Clone, Debug)]
pub struct Game {
    /// The run's settings.
    pub config: RunConfig,
    /// The device that computes.
    pub device: Device,
    /// The run's loss.
    pub loss: Objective,
    /// The networks by role, in the task's order.
    pub players: Vec<Player>,
    /// Controls the probability of augmenting a picture.
    pub controller: Controller,
    /// Number of completed steps.
    pub step: u64,
    last_step: u64,
    /// This device's membership in a group; `None` if there is only one device.
    pub(crate) member: Option<Member>,
}

impl Game {
    /// Networks initialised from the run's seed, on `device` (without autodiff), for a run of
    /// `last_step` steps.
    #[must_use]
    pub fn new(config: &RunConfig, last_step: u64, device: &Device) -> Self {
        let settings = &config.settings;
        Self {
            loss: loss::of(&settings.loss),
            players: settings
                .task
                .roles()
                .iter()
                .map(|role| Player::new(role, config, device))
                .collect(),
            controller: Controller::new(&settings.augment),
            config: config.clone(),
            device: device.clone(),
            step: 0,
            last_step,
            member: None,
        }
    }

    fn index(&self, role: &str) -> usize {
        let index = self.players.iter().position(|player| player.role.name == role);
        index.unwrap_or_else(|| {
            unreachable!("task = {} has no role {role}", self.config.settings.task.name())
        })
    }

    /// The player of a role.
    ///
    /// # Panics
    /// If the task has no such role.
    #[must_use]
    pub fn player(&self, role: &str) -> &Player {
        &self.players[self.index(role)]
    }

    /// The network of a role, mutable.
    ///
    /// # Panics
    /// If the task has no such role.
    pub fn network_mut(&mut self, role: &str) -> &mut Network {
        let index = self.index(role);
        &mut self.players[index].network
    }

    /// The generator of a role.
    ///
    /// # Panics
    /// If the role has none.
    #[must_use]
    pub fn generator(&self, role: &str) -> &Generator {
        self.player(role).network.generator()
    }

    /// The discriminator of a role.
    ///
    /// # Panics
    /// If the role has none.
    #[must_use]
    pub fn discriminator(&self, role: &str) -> &Discriminator {
        self.player(role).network.discriminator()
    }

    /// Number of real pictures seen before this step.
    #[must_use]
    pub fn images_seen(&self) -> f64 {
        self.config.settings.schedule.pictures_seen(self.step)
    }

    /// The recipe for gradients at the current state.
    #[must_use]
    pub fn recipe(&self) -> Recipe<'_> {
        Recipe {
            config: &self.config,
            loss: self.loss,
            probability: self.controller.probability,
            images_seen: self.images_seen(),
        }
    }

    /// This device's parts of a batch, each with its random numbers. `update` counts the updates of
    /// the role that the batch is for.
    #[must_use]
    pub fn turns(&self, batch: &Batch, whose: Whose, update: u64) -> Vec<Turn> {
        let (index, devices) = self.member.as_ref().map_or((0, 1), |m| (m.index(), m.count()));
        let all = parts(&self.config.settings.schedule, devices);
        let mine = all / devices;
        let first = update * all as u64 + (index * mine) as u64;
        let latents = match self.config.settings.generator.takes() {
            Takes::Latents(latents) => Some(latents),
            Takes::Pictures => None,
        };
        let turn = |(i, part): (usize, &Batch)| {
            Turn::new(
                part,
                self.config.seed,
                whose,
                first + i as u64,
                latents.as_ref(),
                &self.device,
            )
        };
        batch.split(mine).iter().enumerate().map(turn).collect()
    }

    /// Copies the running statistics moved by training passes into a role's network.
    pub fn adopt(&mut self, role: &str, moved: Moved) {
        self.network_mut(role).adopt(moved);
    }

    /// Makes the running statistics of a role the mean of those that the parts of a batch have
    /// moved, each from the present ones, over all devices.
    pub fn adopt_mean(&mut self, role: &str, moved: Vec<Moved>) {
        let mut mean = Moved::mean(moved);
        if let Some(member) = &self.member {
            let devices = member.count() as f64;
            mean = mean.map(|values| member.sum(values).into_iter().map(|v| v / devices).collect());
        }
        self.adopt(role, mean);
    }

    /// The mean of one tensor from each part of a batch, over all devices.
    ///
    /// # Panics
    /// If there is no part.
    #[must_use]
    pub fn mean_of_parts(&self, parts: Vec<Tensor<1>>) -> Tensor<1> {
        let mut count = parts.len();
        let sum = parts.into_iter().reduce(|a, b| a + b);
        let mut sum = sum.unwrap_or_else(|| unreachable!("a batch has a part"));
        if let Some(member) = &self.member {
            count *= member.count();
            sum = member.sum(vec![sum]).remove(0);
        }
        sum / count as f64
    }

    /// Runs one power iteration for a role's weights with spectral normalisation, before each of
    /// its later updates in a step; the first iteration is run for all roles at once.
    pub fn iterate(&mut self, role: &str) {
        self.network_mut(role).iterate();
    }

    /// Updates the weights of a role with the gradients of all parts of its batch, in its `t`-th
    /// update, counted from 1.
    pub fn apply(&mut self, role: &str, sum: Sum, t: u64, seen: &mut Reading) {
        let per_epoch = self.config.steps_per_epoch();
        let rate = rate::factor(&self.config.settings.rate, self.step, self.last_step, per_epoch);
        let index = self.index(role);
        let player = &mut self.players[index];
        let mut gradients = sum.mean(self.member.as_ref(), &mut player.network);
        if self.config.settings.schedule.order == Order::Phases {
            gradients = gradients.into_iter().map(finite).collect();
        }
        let norm = player.update(t, rate, gradients);
        seen.set_norm(player.role.short, norm);
    }
}

/// NaN becomes 0, infinities ±1e5 (`nan_to_num` in stylegan2-ada-pytorch's `training_loop.py`).
fn finite(gradient: Tensor<1>) -> Tensor<1> {
    const MOST: f32 = 1e5;
    let gradient = gradient.clone().mask_fill(gradient.is_nan(), 0.0);
    let (high, low) = (
        gradient.clone().equal_elem(f32::INFINITY),
        gradient.clone().equal_elem(f32::NEG_INFINITY),
    );
    gradient.mask_fill(high, MOST).mask_fill(low, -MOST)
}

/// Sum of the gradients over the parts of a batch.
#[derive(Debug, Default)]
pub struct Sum {
    gradients: Vec<Tensor<1>>,
    parts: usize,
}

impl Sum {
    /// Adds the gradients of a part.
    pub fn add(&mut self, gradients: Vec<Tensor<1>>) {
        self.parts += 1;
        self.gradients = match std::mem::take(&mut self.gradients) {
            none if none.is_empty() => gradients,
            sums => sums.into_iter().zip(gradients).map(|(a, b)| a + b).collect(),
        };
    }

    /// The gradient of the mean over all parts, including those of other devices. With several
    /// devices, the running statistics of `network` are averaged as well, so that all replicas stay
    /// identical; they travel with the gradients, which are far longer.
    fn mean(self, member: Option<&Member>, network: &mut dyn Parameters) -> Vec<Tensor<1>> {
        let (mut gradients, mut parts) = (self.gradients, self.parts);
        if let Some(member) = member {
            let weights = gradients.len();
            let mut statistics: Vec<_> = network
                .parameters_mut()
                .into_iter()
                .map(|(_, p)| p)
                .filter(|p| p.purpose() == Purpose::Statistic)
                .collect();
            gradients.extend(statistics.iter().map(|p| p.flat()));
            gradients = member.sum(gradients);
            let sums = gradients.split_off(weights);
            let devices = member.count();
            statistics.iter_mut().zip(sums).for_each(|(p, sum)| p.set(sum / devices as f64));
            parts *= devices;
        }
        if parts == 1 {
            return gradients;
        }
        gradients.into_iter().map(|g| g / parts as f64).collect()
    }
}

/// Number of equal parts into which `devices` together split a batch: the configured number of
/// accumulated parts, or the next larger number that divides evenly among the devices.
#[must_use]
pub fn parts(schedule: &ScheduleConfig, devices: usize) -> usize {
    let common = |mut a: usize, mut b: usize| {
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    schedule.accumulate / common(schedule.accumulate, devices) * devices
}
