//! The networks, their optimizers, and one step. Which parts a step consists of follows from the settings; no recipe is known by
//! name here.

use burn::tensor::{Device, Tensor};
use shared::nn::checkpoint::{Checkpoint, CheckpointError};
use shared::nn::config::{Order, RunConfig};
use shared::nn::device::on_workers;
use shared::nn::discriminator::Discriminator;
use shared::nn::generator::Generator;
use shared::nn::loss::{self, Objective};
use shared::nn::ops;
use shared::nn::parameter::{Parameters, Role};

use crate::augment::Controller;
use crate::gradient::{DiscriminatorSide, GeneratorSide, Recipe, generate};
use crate::metrics::StepMetrics;
use crate::optimizer::Optimizer;
use crate::turn::{Batch, Turn, Whose};
use crate::{ema, rate};

/// Everything that a step changes.
#[derive(Clone, Debug)]
pub struct Trainer {
    config: RunConfig,
    device: Device,
    loss: Objective,
    last_step: u64,
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

/// What an update of D, or of G, left for the step's metrics.
#[derive(Debug, Default)]
struct Seen {
    g_loss: Vec<f64>,
    d_loss: Vec<f64>,
    penalty: Vec<f64>,
    real: Vec<f32>,
    fake: Vec<f32>,
    /// D's logits of generated pictures when G learned from them.
    fooled: Vec<f32>,
    d_norm: Option<f64>,
    g_norm: Option<f64>,
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

    /// One step on as many batches as D has updates in it.
    pub fn step(&mut self, batches: &[Batch]) -> StepMetrics {
        on_workers(|| self.step_here(batches))
    }

    fn step_here(&mut self, batches: &[Batch]) -> StepMetrics {
        self.generator.iterate();
        self.discriminator.iterate();
        let mut seen = Seen::default();
        match self.config.settings.schedule.order {
            Order::Simultaneous => self.both(&batches[0], &mut seen),
            Order::Alternating => self.in_turn(batches, &mut seen),
        }
        let schedule = &self.config.settings.schedule;
        let images = self.images_a_step();
        let decay = ema::decay(schedule, (self.step * images) as f64, images as usize);
        self.step += 1;
        ema::update(&mut self.ema, &self.generator, decay);
        let augment = &self.config.settings.augment;
        if augment.pipeline.has_probability() {
            self.controller.observe(augment, &seen.real);
        }
        seen.metrics()
    }

    fn turns(&self, batch: &Batch, whose: Whose, update: u64) -> Vec<Turn> {
        let parts = self.config.settings.schedule.accumulate;
        let generator = self.generator.config();
        let turn = |(i, part): (usize, &Batch)| {
            Turn::new(part, self.config.seed, whose, update * parts as u64 + i as u64, generator, &self.device)
        };
        batch.split(parts).iter().enumerate().map(turn).collect()
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
    fn both(&mut self, batch: &Batch, seen: &mut Seen) {
        let (mut of_d, mut of_g) = (Sum::default(), Sum::default());
        for turn in self.turns(batch, Whose::Discriminator, self.step) {
            let (d, g) = self.gradient(&turn);
            seen.add_discriminator(&d);
            seen.add_generator(&g);
            of_d.add(d.gradients);
            of_g.add(g.gradients);
        }
        seen.g_norm = self.move_generator(of_g, self.step + 1);
        seen.d_norm = self.move_discriminator(of_d, self.step + 1);
    }

    /// D moves as often as it should, each time on a batch of its own; then G, through the moved D.
    fn in_turn(&mut self, batches: &[Batch], seen: &mut Seen) {
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
            seen.d_norm = self.move_discriminator(sum, update + 1);
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
            seen.g_norm = self.move_generator(sum, update + 1);
        }
    }

    fn move_generator(&mut self, sum: Sum, t: u64) -> Option<f64> {
        let rate = rate::factor(&self.config.settings.rate, self.step, self.last_step);
        self.optimizer_g.step(t, rate, &mut self.generator, sum.mean())
    }

    fn move_discriminator(&mut self, sum: Sum, t: u64) -> Option<f64> {
        let rate = rate::factor(&self.config.settings.rate, self.step, self.last_step);
        let norm = self.optimizer_d.step(t, rate, &mut self.discriminator, sum.mean());
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

    /// The gradient of the mean over all parts.
    fn mean(self) -> Vec<Tensor<1>> {
        if self.parts == 1 {
            return self.gradients;
        }
        self.gradients.into_iter().map(|g| g / self.parts as f64).collect()
    }
}

impl Seen {
    fn add_discriminator(&mut self, side: &DiscriminatorSide) {
        self.d_loss.push(side.loss);
        self.penalty.push(side.penalty);
        self.real.extend(side.logits_real.clone().into_data().iter::<f32>());
        self.fake.extend(side.logits_fake.clone().into_data().iter::<f32>());
    }

    fn add_generator(&mut self, side: &GeneratorSide) {
        self.g_loss.push(side.loss);
        self.fooled.extend(side.logits_fake.clone().into_data().iter::<f32>());
    }

    fn metrics(&self) -> StepMetrics {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let share =
            |logits: &[f32], holds: fn(f32) -> bool| logits.iter().filter(|&&l| holds(l)).count() as f64 / logits.len() as f64;
        let sigmoid = |logits: &[f32]| mean(&logits.iter().map(|&l| 1.0 / (1.0 + (-f64::from(l)).exp())).collect::<Vec<_>>());
        StepMetrics {
            g_loss: mean(&self.g_loss),
            d_loss: mean(&self.d_loss),
            penalty: mean(&self.penalty),
            real_accuracy: share(&self.real, |l| l > 0.0),
            generated_accuracy: share(&self.fake, |l| l < 0.0),
            d_real: sigmoid(&self.real),
            d_fake: sigmoid(&self.fake),
            d_fooled: sigmoid(&self.fooled),
            g_norm: self.g_norm.unwrap_or(0.0),
            d_norm: self.d_norm.unwrap_or(0.0),
        }
    }
}
