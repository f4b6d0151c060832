//! The task `adversarial`: a generator makes pictures from latent vectors, a discriminator
//! separates them from real ones (Goodfellow et al. 2014). Both are updated at the same weights, or
//! D first, or in the phases of StyleGAN2.

use burn::tensor::{Device, Tensor};
use shared::nn::config::{Order, RunConfig};
use shared::nn::networks::Generator;
use shared::nn::ops;
use shared::nn::parameter::{Moved, Parameters};

use super::phases;
use super::task::Task;
use crate::step::game::{Game, Sum};
use crate::step::gradient::{DiscriminatorSide, GeneratorSide, generate};
use crate::step::path_length::PathMean;
use crate::step::penalty::{self, At, Kind};
use crate::step::reading::Reading;
use crate::step::turn::{Batch, Origin, Turn, Whose};

/// The generator's role.
pub const G: &str = "generator";
/// The discriminator's role.
pub const D: &str = "discriminator";

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

/// D's input in a turn.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) turn: Turn,
    /// Real pictures.
    pub(super) real: Tensor<4>,
    /// Generated pictures, with their graph back to G if there is one.
    fake: Tensor<4>,
    /// The generated pictures without a graph.
    pub(super) constant: Tensor<4>,
    /// The generator whose weights are the leaves of that graph.
    leaves: Option<Generator>,
    /// The generator's running statistics, moved by the batch.
    pub(super) moved: Moved,
}

/// Prepares D's input in a turn. With `tracked`, the graph of the generated pictures leads to a
/// copy of the generator whose weights are leaves. Real pictures are prepared only if `judged`.
pub(super) fn show(game: &Game, turn: Turn, tracked: bool, judged: bool) -> Shown {
    let made = generate(game.generator(G), &turn, tracked);
    let recipe = game.recipe();
    let real = game.generator(G).as_made(turn.real.clone());
    let real = if judged { recipe.seen(real, Origin::Real, &turn) } else { real };
    let fake = recipe.seen(made.pictures, Origin::Generated, &turn);
    let constant = if tracked { fake.clone().inner() } else { fake.clone() };
    Shown { turn, real, fake, constant, leaves: made.leaves, moved: made.moved }
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

/// D's side of a turn with these penalties.
pub(super) fn judge(game: &Game, shown: &Shown, due: &[(Kind, At)]) -> DiscriminatorSide {
    let inputs = [&shown.real, &shown.constant];
    game.recipe().discriminator(game.discriminator(D), &shown.turn, inputs, due)
}

/// G's side of a turn.
pub(super) fn generator_side(game: &Game, shown: Shown) -> GeneratorSide {
    let Shown { turn, real, fake, leaves, .. } = shown;
    let leaves =
        leaves.unwrap_or_else(|| unreachable!("G learns from pictures that lead back to it"));
    game.recipe().generator(game.discriminator(D), &leaves, &turn, fake, &real)
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

/// Records the measurements of D's side of a turn; with its penalties, unless they follow in a phase
/// of their own.
pub(super) fn note_discriminator(
    seen: &mut Reading,
    side: &DiscriminatorSide,
    with_penalties: bool,
) {
    seen.add("d_loss", side.loss.clone());
    if with_penalties {
        seen.add_penalties("penalty", &side.penalties);
    }
    seen.add_logits("real", &side.logits_real);
    seen.add_logits("fake", &side.logits_fake);
}

/// Records the measurements of G's side of a turn.
fn note_generator(seen: &mut Reading, side: &GeneratorSide) {
    seen.add("g_loss", side.loss.clone());
    seen.add_logits("fooled", &side.logits_fake);
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

pub(super) fn learn(side: GeneratorSide, sum: &mut Sum, seen: &mut Reading) {
    note_generator(seen, &side);
    sum.add(side.gradients);
}
