//! The networks, their optimizers, and one step. Which parts a step consists of follows from the settings; no recipe is known by
//! name here.

use burn::tensor::{Device, Tensor};
use shared::nn::checkpoint::{Checkpoint, CheckpointError};
use shared::nn::collective::Member;
use shared::nn::config::{Order, RunConfig, ScheduleConfig};
use shared::nn::device::on_workers;
use shared::nn::discriminator::Discriminator;
use shared::nn::generator::Generator;
use shared::nn::loss::{self, Objective};
use shared::nn::ops;
use shared::nn::parameter::{Parameters, Role};

use crate::augment::Controller;
use crate::augment::controller::Observation;
use crate::gradient::{DiscriminatorSide, GeneratorSide, Recipe, generate};
use crate::metrics::StepMetrics;
use crate::optimizer::{Norm, Optimizer};
use crate::reading::Reading;
use crate::turn::{Batch, Turn, Whose};
use crate::{ema, rate};

/// Everything that a step changes.
#[derive(Clone, Debug)]
pub struct Trainer {
    config: RunConfig,
    device: Device,
    loss: Objective,
    last_step: u64,
    /// Which of several devices this one is; `None` where it is alone.
    member: Option<Member>,
    /// The generator.
    pub generator: Generator,
    /// Its average, which makes the samples.
    pub ema: Generator,
    /// The discriminator.
    pub discriminator: Discriminator,
    optimizer_g: Optimizer,
    optimizer_d: Optimizer,
    /// The probability of augmenting a picture, and what moves it.
    pub controller: Controller,
    /// Steps done.
    pub step: u64,
}

/// What D sees in a turn.
#[derive(Debug)]
struct Shown {
    turn: Turn,
    /// Real pictures.
    real: Tensor<4>,
    /// Generated ones, with the way back to G where there is one.
    fake: Tensor<4>,
    /// The same without it.
    constant: Tensor<4>,
    generator: Generator,
}

impl Trainer {
    /// Networks drawn by the run's seed, on `device` (without autodiff), for a run of `last_step` steps.
    #[must_use]
    pub fn new(config: &RunConfig, last_step: u64, device: &Device) -> Self {
        let settings = &config.settings;
        let (generator, discriminator) = (config.generator(device), config.discriminator(device));
        Self {
            loss: loss::of(&settings.loss),
            last_step,
            member: None,
            ema: generator.clone(),
            optimizer_g: Optimizer::new(&settings.optimizer.generator, &generator),
            optimizer_d: Optimizer::new(&settings.optimizer.discriminator, &discriminator),
            controller: Controller::new(&settings.augment),
            config: config.clone(),
            device: device.clone(),
            generator,
            discriminator,
            step: 0,
        }
    }

    /// The same as one of several devices: each takes its parts of every batch, and all take the same updates.
    #[must_use]
    pub fn into_member(mut self, member: Member) -> Self {
        if self.config.settings.schedule.sync_batch_norm {
            // The average makes samples, by its running statistics and on the first device alone: it is left as it is.
            self.generator.synchronize(&member);
            self.discriminator.synchronize(&member);
        }
        Self { member: Some(member), ..self }
    }

    /// The files of a checkpoint and what goes into each.
    #[must_use]
    pub fn parts(&self) -> [(&'static str, &dyn Parameters); 5] {
        [
            ("generator", &self.generator),
            ("ema", &self.ema),
            ("discriminator", &self.discriminator),
            ("optimizer.generator", &self.optimizer_g),
            ("optimizer.discriminator", &self.optimizer_d),
        ]
    }

    /// Bytes of a checkpoint's tensors.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let values: usize = self.parts().iter().flat_map(|(_, part)| part.parameters()).map(|(_, p)| p.count()).sum();
        (values * size_of::<f32>()) as u64
    }

    /// Takes over a checkpoint's tensors.
    ///
    /// # Errors
    /// When a file is damaged or does not fit.
    pub fn load(&mut self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        let parts: [(&str, &mut dyn Parameters); 5] = [
            ("generator", &mut self.generator),
            ("ema", &mut self.ema),
            ("discriminator", &mut self.discriminator),
            ("optimizer.generator", &mut self.optimizer_g),
            ("optimizer.discriminator", &mut self.optimizer_d),
        ];
        for (name, part) in parts {
            checkpoint.load(name, part)?;
        }
        self.step = checkpoint.meta.step;
        Ok(())
    }

    /// Where it computes.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// What gradients are taken by, at the present state.
    #[must_use]
    pub fn recipe(&self) -> Recipe<'_> {
        let images_seen = (self.step * self.images_a_step()) as f64;
        Recipe { config: &self.config, loss: self.loss, probability: self.controller.probability, images_seen }
    }

    /// Real pictures that a step takes.
    fn images_a_step(&self) -> u64 {
        let schedule = &self.config.settings.schedule;
        (schedule.batch * schedule.discriminator_steps) as u64
    }

    /// One step on as many batches as D has updates in it. Waits until the device is done with it and takes notice of what it
    /// measured.
    pub fn step(&mut self, batches: &[Batch]) -> StepMetrics {
        let values = self.take_step(batches).read();
        self.observe(values.observation());
        values.metrics()
    }

    /// One step on as many batches as D has updates in it, without waiting for the device. What it measured is for
    /// [`Trainer::observe`].
    pub fn take_step(&mut self, batches: &[Batch]) -> Reading {
        // Devices other than the CPU keep what belongs together apart by thread, so that there a step stays on its own. And a thread
        // that waits for other devices must not be one of those that they compute on.
        if self.member.is_none() && self.device == Device::flex() {
            return on_workers(|| self.step_here(batches));
        }
        let reading = self.step_here(batches);
        // What is still collected here starts now. Another thread that reads the result would start it, too, but in the middle of the
        // next step, and what is fused with what would differ from step to step. A failure shows again where the result is read.
        let _ = self.device.flush();
        reading
    }

    /// Takes notice of D's logits in an earlier step.
    pub fn observe(&mut self, seen: Observation) {
        let augment = &self.config.settings.augment;
        if augment.pipeline.has_probability() {
            self.controller.observe(augment, seen);
        }
    }

    fn step_here(&mut self, batches: &[Batch]) -> Reading {
        self.generator.iterate();
        self.discriminator.iterate();
        let mut seen = Reading::default();
        match self.config.settings.schedule.order {
            Order::Simultaneous => self.both(&batches[0], &mut seen),
            Order::Alternating => self.in_turn(batches, &mut seen),
        }
        let schedule = &self.config.settings.schedule;
        let images = self.images_a_step();
        let decay = ema::decay(schedule, (self.step * images) as f64, images as usize);
        self.step += 1;
        ema::update(&mut self.ema, &self.generator, decay);
        seen.joined()
    }

    fn turns(&self, batch: &Batch, whose: Whose, update: u64) -> Vec<Turn> {
        let (index, devices) = self.member.as_ref().map_or((0, 1), |m| (m.index(), m.count()));
        let all = parts(&self.config.settings.schedule, devices);
        let mine = all / devices;
        let first = update * all as u64 + (index * mine) as u64;
        let generator = self.generator.config();
        let turn =
            |(i, part): (usize, &Batch)| Turn::new(part, self.config.seed, whose, first + i as u64, generator, &self.device);
        batch.split(mine).iter().enumerate().map(turn).collect()
    }

    /// What D sees in a turn. With `tracked` the generated pictures lead back to a copy of the generator whose weights are leaves.
    /// Real pictures are only prepared where they are `judged`.
    fn show(&mut self, turn: Turn, tracked: bool, judged: bool) -> Shown {
        let (fake, generator) = generate(&mut self.generator, &turn, tracked);
        let recipe = self.recipe();
        let real = if judged { recipe.seen(turn.real.clone(), "real", &turn) } else { turn.real.clone() };
        let fake = recipe.seen(fake, "generated", &turn);
        let constant = if tracked { fake.clone().inner() } else { fake.clone() };
        Shown { turn, real, fake, constant, generator }
    }

    /// D's side of what it is shown, in its `update`-th update; its running statistics move: by the real, then by the generated
    /// batch.
    fn discriminator_side(&mut self, shown: &Shown, update: u64) -> DiscriminatorSide {
        let mut discriminator = self.discriminator.clone();
        let side = self.recipe().discriminator(&mut discriminator, &shown.turn, [&shown.real, &shown.constant], update);
        self.discriminator = discriminator;
        side
    }

    /// G's side of what D is shown.
    fn generator_side(&self, shown: Shown) -> GeneratorSide {
        let Shown { turn, real, fake, generator, .. } = shown;
        self.recipe().generator(&self.discriminator, &generator, &turn, fake, &real)
    }

    /// Both gradients of one turn at the present weights. The running statistics move, too: G's once, D's twice.
    pub fn gradient(&mut self, turn: &Turn) -> (DiscriminatorSide, GeneratorSide) {
        let shown = self.show(turn.clone(), true, true);
        // D's weights are leaves for its own loss and constants for G's: two graphs, but what D makes of the generated pictures
        // is computed once.
        let once = ops::remember();
        let d = self.discriminator_side(&shown, self.step);
        let g = self.generator_side(shown);
        drop(once);
        (d, g)
    }

    /// Both gradients at the same weights, then both networks move.
    fn both(&mut self, batch: &Batch, seen: &mut Reading) {
        let (mut of_d, mut of_g) = (Sum::default(), Sum::default());
        for turn in self.turns(batch, Whose::Discriminator, self.step) {
            let (d, g) = self.gradient(&turn);
            seen.add_discriminator(&d);
            seen.add_generator(&g);
            of_d.add(d.gradients);
            of_g.add(g.gradients);
        }
        seen.set_g_norm(self.move_generator(of_g, self.step + 1));
        seen.set_d_norm(self.move_discriminator(of_d, self.step + 1));
    }

    /// D moves as often as it should, each time on a batch of its own; then G, through the moved D.
    fn in_turn(&mut self, batches: &[Batch], seen: &mut Reading) {
        let schedule = self.config.settings.schedule.clone();
        let (d_steps, g_steps) = (schedule.discriminator_steps as u64, schedule.generator_steps as u64);
        // What D saw last, where G learns from the same pictures.
        let mut reused = Vec::new();
        for (j, batch) in batches.iter().enumerate() {
            let update = self.step * d_steps + j as u64;
            let is_last = j + 1 == batches.len();
            let keep = schedule.reuse_latents && is_last;
            let mut sum = Sum::default();
            for turn in self.turns(batch, Whose::Discriminator, update) {
                let shown = self.show(turn, keep, true);
                let d = self.discriminator_side(&shown, update);
                seen.add_discriminator(&d);
                sum.add(d.gradients);
                reused.extend(keep.then_some(shown));
            }
            seen.set_d_norm(self.move_discriminator(sum, update + 1));
            if !is_last {
                self.discriminator.iterate();
            }
        }
        for k in 0..g_steps {
            let update = self.step * g_steps + k;
            if k > 0 {
                self.generator.iterate();
            }
            let mut sum = Sum::default();
            let mut learn = |g: GeneratorSide| {
                seen.add_generator(&g);
                sum.add(g.gradients);
            };
            if reused.is_empty() {
                // A part's graph is gone before the next one is built.
                for turn in self.turns(&batches[batches.len() - 1], Whose::Generator, update) {
                    let shown = self.show(turn, true, self.loss.compares());
                    learn(self.generator_side(shown));
                }
            } else {
                reused.drain(..).for_each(|shown| learn(self.generator_side(shown)));
            }
            seen.set_g_norm(self.move_generator(sum, update + 1));
        }
    }

    fn move_generator(&mut self, sum: Sum, t: u64) -> Option<Norm> {
        let rate = rate::factor(&self.config.settings.rate, self.step, self.last_step);
        let gradients = sum.mean(self.member.as_ref(), &mut self.generator);
        self.optimizer_g.step(t, rate, &mut self.generator, gradients)
    }

    fn move_discriminator(&mut self, sum: Sum, t: u64) -> Option<Norm> {
        let rate = rate::factor(&self.config.settings.rate, self.step, self.last_step);
        let gradients = sum.mean(self.member.as_ref(), &mut self.discriminator);
        let norm = self.optimizer_d.step(t, rate, &mut self.discriminator, gradients);
        let clip = self.config.settings.penalty.weight_clip;
        if clip > 0.0 {
            let weights = self.discriminator.parameters_mut().into_iter().filter(|(_, p)| p.role() == Role::Weight);
            weights.for_each(|(_, p)| p.set(p.flat().clamp(-clip, clip)));
        }
        norm
    }
}

/// Gradients of the parts of a batch.
#[derive(Debug, Default)]
struct Sum {
    gradients: Vec<Tensor<1>>,
    parts: usize,
}

impl Sum {
    fn add(&mut self, gradients: Vec<Tensor<1>>) {
        self.parts += 1;
        self.gradients = match std::mem::take(&mut self.gradients) {
            none if none.is_empty() => gradients,
            sums => sums.into_iter().zip(gradients).map(|(a, b)| a + b).collect(),
        };
    }

    /// The gradient of the mean over all parts, those of the other devices included. There the running statistics of `network`
    /// become their mean over the devices, so that nothing about a replica depends on which one it is; they travel with the
    /// gradients, which are far longer.
    fn mean(self, member: Option<&Member>, network: &mut dyn Parameters) -> Vec<Tensor<1>> {
        let (mut gradients, mut parts) = (self.gradients, self.parts);
        if let Some(member) = member {
            let weights = gradients.len();
            let mut statistics: Vec<_> =
                network.parameters_mut().into_iter().map(|(_, p)| p).filter(|p| p.role() == Role::Statistic).collect();
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

/// In how many parts of equal size `devices` together take a batch through the networks: as many as are accumulated, or the least
/// number beyond that of which every device gets as many.
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
