//! The task `adversarial`: a generator makes pictures from latent vectors, a discriminator
//! separates them from real ones (Goodfellow et al. 2014). Both are updated at the same weights, or
//! D first, or in the phases of StyleGAN2.

use burn::tensor::Device;
use shared::nn::config::{Order, RunConfig};
use shared::nn::ops;
use shared::nn::parameter::Parameters;

use super::phases;
pub use super::sides::{D, G};
use super::sides::{Shown, generator_side, judge, learn, note_discriminator, note_generator, show};
use super::task::Task;
use crate::step::game::{Game, Sum};
use crate::step::gradient::{DiscriminatorSide, GeneratorSide};
use crate::step::path_length::PathMean;
use crate::step::penalty;
use crate::step::reading::Reading;
use crate::step::turn::{Batch, Turn, Whose};

/// The task.
#[derive(Clone, Debug)]
pub struct Adversarial {
    /// The running mean of path lengths, where they are penalised.
    path: Option<PathMean>,
}

impl Adversarial {
    /// The task of a run before its first step.
    #[must_use]
    pub fn new(config: &RunConfig, device: &Device) -> Self {
        let penalised = config.settings.penalty.path_length > 0.0;
        Self { path: penalised.then(|| PathMean::new(device)) }
    }
}

impl Task for Adversarial {
    fn step(&mut self, game: &mut Game, batches: &[Batch], seen: &mut Reading) {
        match game.config.settings.schedule.order {
            Order::Simultaneous => both(game, &batches[0], seen),
            Order::Alternating => in_turn(game, batches, seen),
            Order::Phases => phases::step(game, &batches[0], self.path.as_mut(), seen),
        }
    }

    fn parts(&self) -> Vec<(&'static str, &dyn Parameters)> {
        self.path.iter().map(|path| ("path_length", path as &dyn Parameters)).collect()
    }

    fn parts_mut(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        self.path.iter_mut().map(|path| ("path_length", path as &mut dyn Parameters)).collect()
    }
}

/// [`show`], after which the generator's statistics are those that the batch moved.
fn show_and_adopt(game: &mut Game, turn: Turn, tracked: bool, judged: bool) -> Shown {
    let mut shown = show(game, turn, tracked, judged);
    game.adopt(G, std::mem::take(&mut shown.moved));
    shown
}

/// D's side of a turn, in its `update`-th update. Moves D's running statistics with the real batch,
/// then with the generated one.
fn discriminator_side(game: &mut Game, shown: &Shown, update: u64) -> DiscriminatorSide {
    let due = penalty::due(&game.config.settings.penalty, update);
    let mut side = judge(game, shown, &due);
    game.adopt(D, std::mem::take(&mut side.moved));
    side
}

/// Both gradients of one turn at the current weights. Also moves the running statistics: G's once,
/// D's twice.
pub fn gradient(game: &mut Game, turn: &Turn) -> (DiscriminatorSide, GeneratorSide) {
    let shown = show_and_adopt(game, turn.clone(), true, true);
    // D's weights are leaves for its own loss and constants for G's: two graphs, but D's result for
    // the generated pictures is computed once.
    let once = ops::remember();
    let d = discriminator_side(game, &shown, game.step);
    let g = generator_side(game, shown);
    drop(once);
    (d, g)
}

/// Takes both gradients at the same weights, then updates both networks.
fn both(game: &mut Game, batch: &Batch, seen: &mut Reading) {
    let (mut of_d, mut of_g) = (Sum::default(), Sum::default());
    for turn in game.turns(batch, Whose::Discriminator, game.step) {
        let (d, g) = gradient(game, &turn);
        note_discriminator(seen, &d, true);
        note_generator(seen, &g);
        of_d.add(d.gradients);
        of_g.add(g.gradients);
    }
    let update = game.step + 1;
    game.apply(G, of_g, update, seen);
    game.apply(D, of_d, update, seen);
}

/// Updates D as often as configured, each time on its own batch; then G, through the updated D.
fn in_turn(game: &mut Game, batches: &[Batch], seen: &mut Reading) {
    let schedule = game.config.settings.schedule.clone();
    let (d_steps, g_steps) = (schedule.discriminator_steps as u64, schedule.generator_steps as u64);
    // D's last input, if G learns from the same pictures.
    let mut reused = Vec::new();
    for (j, batch) in batches.iter().enumerate() {
        let update = game.step * d_steps + j as u64;
        let is_last = j + 1 == batches.len();
        let keep = schedule.reuse_latents && is_last;
        let mut sum = Sum::default();
        for turn in game.turns(batch, Whose::Discriminator, update) {
            let shown = show_and_adopt(game, turn, keep, true);
            let d = discriminator_side(game, &shown, update);
            note_discriminator(seen, &d, true);
            sum.add(d.gradients);
            reused.extend(keep.then_some(shown));
        }
        game.apply(D, sum, update + 1, seen);
        if !is_last {
            game.iterate(D);
        }
    }
    for k in 0..g_steps {
        let update = game.step * g_steps + k;
        if k > 0 {
            game.iterate(G);
        }
        let mut sum = Sum::default();
        if reused.is_empty() {
            // Each part's graph is dropped before the next one is built.
            for turn in game.turns(&batches[batches.len() - 1], Whose::Generator, update) {
                let compares = game.loss.compares();
                let shown = show_and_adopt(game, turn, true, compares);
                learn(generator_side(game, shown), &mut sum, seen);
            }
        } else {
            reused.drain(..).for_each(|shown| learn(generator_side(game, shown), &mut sum, seen));
        }
        game.apply(G, sum, update + 1, seen);
    }
}
