//! What a task plays with in a step: the players, batches in turns, and the way from gradients to
//! moved weights. It knows no task.

use burn::tensor::{Device, Tensor};
use shared::nn::collective::Member;
use shared::nn::config::{RunConfig, ScheduleConfig};
use shared::nn::loss::{self, Objective};
use shared::nn::networks::{Discriminator, Generator, Network, Takes};
use shared::nn::parameter::{Moved, Parameters, Purpose};

use crate::augment::Controller;
use crate::step::gradient::Recipe;
use crate::step::players::Player;
use crate::step::rate;
use crate::step::reading::Reading;
use crate::step::turn::{Batch, Turn, Whose};

/// Everything that a step changes but what the task itself keeps.
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
    /// The probability of augmenting a picture, and what moves it.
    pub controller: Controller,
    /// Steps done.
    pub step: u64,
    last_step: u64,
    /// Which of several devices this one is; `None` where it is alone.
    pub(crate) member: Option<Member>,
}

impl Game {
    /// Networks drawn by the run's seed, on `device` (without autodiff), for a run of `last_step`
    /// steps.
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
    /// When the task has no such role.
    #[must_use]
    pub fn player(&self, role: &str) -> &Player {
        &self.players[self.index(role)]
    }

    /// The network of a role, to change it.
    ///
    /// # Panics
    /// When the task has no such role.
    pub fn network_mut(&mut self, role: &str) -> &mut Network {
        let index = self.index(role);
        &mut self.players[index].network
    }

    /// The generator of a role.
    ///
    /// # Panics
    /// When the role has none.
    #[must_use]
    pub fn generator(&self, role: &str) -> &Generator {
        self.player(role).network.generator()
    }

    /// The discriminator of a role.
    ///
    /// # Panics
    /// When the role has none.
    #[must_use]
    pub fn discriminator(&self, role: &str) -> &Discriminator {
        self.player(role).network.discriminator()
    }

    /// Real pictures seen before this step.
    #[must_use]
    pub fn images_seen(&self) -> f64 {
        self.config.settings.schedule.pictures_seen(self.step)
    }

    /// What gradients are taken by, at the present state.
    #[must_use]
    pub fn recipe(&self) -> Recipe<'_> {
        Recipe {
            config: &self.config,
            loss: self.loss,
            probability: self.controller.probability,
            images_seen: self.images_seen(),
        }
    }

    /// This device's parts of a batch, each with the random numbers that belong to it. `update`
    /// counts the updates of the role that the batch is for.
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

    /// A role's network takes over the running statistics that training passes moved.
    pub fn adopt(&mut self, role: &str, moved: Moved) {
        self.network_mut(role).adopt(moved);
    }

    /// One power iteration for the weights of a role with spectral normalisation, before another of
    /// its updates in the same step; the first is made for all.
    pub fn iterate(&mut self, role: &str) {
        self.network_mut(role).iterate();
    }

    /// Moves the weights of a role along the gradients of all parts of its batch, in its `t`-th
    /// update, counted from 1.
    pub fn apply(&mut self, role: &str, sum: Sum, t: u64, seen: &mut Reading) {
        let rate = rate::factor(&self.config.settings.rate, self.step, self.last_step);
        let index = self.index(role);
        let player = &mut self.players[index];
        let gradients = sum.mean(self.member.as_ref(), &mut player.network);
        let norm = player.update(t, rate, gradients);
        seen.set_norm(player.role.short, norm);
    }
}

/// Gradients of the parts of a batch.
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

    /// The gradient of the mean over all parts, those of the other devices included. There the
    /// running statistics of `network` become their mean over the devices, so that nothing about a
    /// replica depends on which one it is; they travel with the gradients, which are far longer.
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

/// In how many parts of equal size `devices` together take a batch through the networks: as many as
/// are accumulated, or the least number beyond that of which every device gets as many.
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
