//! The task `adversarial`: a generator makes pictures of latent vectors, a discriminator tells them
//! from real ones (Goodfellow et al. 2014). Both move at the same weights, or D first.

use burn::tensor::Tensor;
use shared::nn::config::Order;
use shared::nn::networks::Generator;
use shared::nn::ops;

use super::task::Task;
use crate::step::game::{Game, Sum};
use crate::step::gradient::{DiscriminatorSide, GeneratorSide, generate};
use crate::step::reading::Reading;
use crate::step::turn::{Batch, Turn, Whose};

/// The generator's role.
pub const G: &str = "generator";
/// The discriminator's role.
pub const D: &str = "discriminator";

/// The task; it keeps nothing of its own.
#[derive(Clone, Copy, Debug)]
pub struct Adversarial;

impl Task for Adversarial {
    fn step(&mut self, game: &mut Game, batches: &[Batch], seen: &mut Reading) {
        match game.config.settings.schedule.order {
            Order::Simultaneous => both(game, &batches[0], seen),
            Order::Alternating => in_turn(game, batches, seen),
        }
    }
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
    /// The generator whose weights are the leaves of that way.
    leaves: Option<Generator>,
}

/// What D sees in a turn. With `tracked` the generated pictures lead back to a copy of the
/// generator whose weights are leaves. Real pictures are only prepared where they are `judged`.
fn show(game: &mut Game, turn: Turn, tracked: bool, judged: bool) -> Shown {
    let made = generate(game.generator(G), &turn, tracked);
    game.adopt(G, made.moved);
    let recipe = game.recipe();
    let real = game.generator(G).as_made(turn.real.clone());
    let real = if judged { recipe.seen(real, "real", &turn) } else { real };
    let fake = recipe.seen(made.pictures, "generated", &turn);
    let constant = if tracked { fake.clone().inner() } else { fake.clone() };
    Shown { turn, real, fake, constant, leaves: made.leaves }
}

/// D's side of what it is shown, in its `update`-th update; its running statistics move: by the
/// real, then by the generated batch.
fn discriminator_side(game: &mut Game, shown: &Shown, update: u64) -> DiscriminatorSide {
    let recipe = game.recipe();
    let mut side = recipe.discriminator(
        game.discriminator(D),
        &shown.turn,
        [&shown.real, &shown.constant],
        update,
    );
    game.adopt(D, std::mem::take(&mut side.moved));
    side
}

/// G's side of what D is shown.
fn generator_side(game: &Game, shown: Shown) -> GeneratorSide {
    let Shown { turn, real, fake, leaves, .. } = shown;
    let leaves =
        leaves.unwrap_or_else(|| unreachable!("G learns from pictures that lead back to it"));
    game.recipe().generator(game.discriminator(D), &leaves, &turn, fake, &real)
}

/// Both gradients of one turn at the present weights. The running statistics move, too: G's once,
/// D's twice.
pub fn gradient(game: &mut Game, turn: &Turn) -> (DiscriminatorSide, GeneratorSide) {
    let shown = show(game, turn.clone(), true, true);
    // D's weights are leaves for its own loss and constants for G's: two graphs, but what D makes
    // of the generated pictures is computed once.
    let once = ops::remember();
    let d = discriminator_side(game, &shown, game.step);
    let g = generator_side(game, shown);
    drop(once);
    (d, g)
}

/// What D's side of a turn tells.
fn note_discriminator(seen: &mut Reading, side: &DiscriminatorSide) {
    seen.add("d_loss", side.loss.clone());
    seen.add_penalties("penalty", &side.penalties);
    seen.add_logits("real", &side.logits_real);
    seen.add_logits("fake", &side.logits_fake);
}

/// What G's side of a turn tells.
fn note_generator(seen: &mut Reading, side: &GeneratorSide) {
    seen.add("g_loss", side.loss.clone());
    seen.add_logits("fooled", &side.logits_fake);
}

/// Both gradients at the same weights, then both networks move.
fn both(game: &mut Game, batch: &Batch, seen: &mut Reading) {
    let (mut of_d, mut of_g) = (Sum::default(), Sum::default());
    for turn in game.turns(batch, Whose::Discriminator, game.step) {
        let (d, g) = gradient(game, &turn);
        note_discriminator(seen, &d);
        note_generator(seen, &g);
        of_d.add(d.gradients);
        of_g.add(g.gradients);
    }
    let update = game.step + 1;
    game.apply(G, of_g, update, seen);
    game.apply(D, of_d, update, seen);
}

/// D moves as often as it should, each time on a batch of its own; then G, through the moved D.
fn in_turn(game: &mut Game, batches: &[Batch], seen: &mut Reading) {
    let schedule = game.config.settings.schedule.clone();
    let (d_steps, g_steps) = (schedule.discriminator_steps as u64, schedule.generator_steps as u64);
    // What D saw last, where G learns from the same pictures.
    let mut reused = Vec::new();
    for (j, batch) in batches.iter().enumerate() {
        let update = game.step * d_steps + j as u64;
        let is_last = j + 1 == batches.len();
        let keep = schedule.reuse_latents && is_last;
        let mut sum = Sum::default();
        for turn in game.turns(batch, Whose::Discriminator, update) {
            let shown = show(game, turn, keep, true);
            let d = discriminator_side(game, &shown, update);
            note_discriminator(seen, &d);
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
            // A part's graph is gone before the next one is built.
            for turn in game.turns(&batches[batches.len() - 1], Whose::Generator, update) {
                let shown = show(game, turn, true, game.loss.compares());
                learn(generator_side(game, shown), &mut sum, seen);
            }
        } else {
            reused.drain(..).for_each(|shown| learn(generator_side(game, shown), &mut sum, seen));
        }
        game.apply(G, sum, update + 1, seen);
    }
}

fn learn(side: GeneratorSide, sum: &mut Sum, seen: &mut Reading) {
    note_generator(seen, &side);
    sum.add(side.gradients);
}
