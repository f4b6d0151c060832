//! The order `phases` of the task `adversarial`, that of stylegan2-ada-pytorch's `training_loop.py`:
//! G's loss, G's path length, D's loss on pictures of the updated G, D's penalty on real pictures.
//! Each is an update of its own; the penalties come every few steps, with as much more weight.
//!
//! Every part of a batch starts from the same running values (the average of w, the mean of path
//! lengths), and their mean over all parts and devices is kept: it makes no difference in how many
//! parts a batch is computed, and on how many devices.

use shared::nn::config::PenaltyConfig;

use super::sides::{D, G, generator_side, judge, learn, note_discriminator, show};
use crate::step::game::{Game, Sum};
use crate::step::path_length::{self, PathMean};
use crate::step::penalty::Kind;
use crate::step::reading::Reading;
use crate::step::turn::{Batch, Whose};

/// Number of updates of a network before a step, with one more in every `interval`-th step for its
/// penalty, if it has one.
fn updates_before(step: u64, interval: Option<u64>) -> u64 {
    step + interval.map_or(0, |interval| step.div_ceil(interval))
}

/// Returns true if a penalty is due in a step.
fn is_due(step: u64, interval: Option<u64>) -> bool {
    interval.is_some_and(|interval| step.is_multiple_of(interval))
}

/// Takes one step.
pub(super) fn step(
    game: &mut Game,
    batch: &Batch,
    path: Option<&mut PathMean>,
    seen: &mut Reading,
) {
    let penalty = game.config.settings.penalty.clone();
    generator(game, batch, &penalty, path, seen);
    discriminator(game, batch, &penalty, seen);
}

/// G's phases.
fn generator(
    game: &mut Game,
    batch: &Batch,
    penalty: &PenaltyConfig,
    path: Option<&mut PathMean>,
    seen: &mut Reading,
) {
    let step = game.step;
    let interval = path.is_some().then_some(penalty.path_interval);
    let update = updates_before(step, interval) + 1;
    let (mut sum, mut moved) = (Sum::default(), Vec::new());
    for turn in game.turns(batch, Whose::Generator, step) {
        let compares = game.loss.compares();
        let mut shown = show(game, turn, true, compares);
        moved.push(std::mem::take(&mut shown.moved));
        learn(generator_side(game, shown), &mut sum, seen);
    }
    game.adopt_mean(G, moved);
    game.apply(G, sum, update, seen);
    let Some(path) = path else { return };
    if !is_due(step, interval) {
        seen.add("path_penalty", path.value().zeros_like());
        return;
    }
    let weight = penalty.path_length * penalty.path_interval as f64;
    let (mut sum, mut moved, mut means) = (Sum::default(), Vec::new(), Vec::new());
    for turn in game.turns(batch, Whose::GeneratorPenalty, step) {
        let side = path_length::penalty(game.generator(G), &turn.half(), &path.value(), weight);
        seen.add("path_penalty", side.penalties);
        sum.add(side.gradients);
        moved.push(side.moved);
        means.push(side.mean);
    }
    game.adopt_mean(G, moved);
    path.set(game.mean_of_parts(means));
    game.apply(G, sum, update + 1, seen);
}

/// D's phases.
fn discriminator(game: &mut Game, batch: &Batch, penalty: &PenaltyConfig, seen: &mut Reading) {
    let step = game.step;
    let interval = (penalty.r1 > 0.0).then_some(penalty.interval);
    let due = is_due(step, interval);
    let update = updates_before(step, interval) + 1;
    let (mut sum, mut of_g, mut of_d) = (Sum::default(), Vec::new(), Vec::new());
    for turn in game.turns(batch, Whose::Discriminator, step) {
        let mut shown = show(game, turn, false, true);
        of_g.push(std::mem::take(&mut shown.moved));
        let mut side = judge(game, &shown, &[]);
        of_d.push(std::mem::take(&mut side.moved));
        note_discriminator(seen, &side, !due);
        sum.add(side.gradients);
    }
    game.adopt_mean(G, of_g);
    game.adopt_mean(D, of_d);
    game.apply(D, sum, update, seen);
    if !due {
        return;
    }
    let kind = Kind::Square(penalty.r1 * penalty.interval as f64);
    let mut sum = Sum::default();
    for turn in game.turns(batch, Whose::DiscriminatorPenalty, step) {
        let (gradients, found) = game.recipe().penalty(game.discriminator(D), &turn, kind);
        seen.add_penalties("penalty", &[(kind, found.squares)]);
        seen.add_logits("real_again", &found.logits);
        sum.add(gradients);
    }
    game.apply(D, sum, update + 1, seen);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_are_counted_with_those_for_penalties() {
        // Step 0 has both, so step 1 begins after two; with every fourth, step 5 after seven.
        let before: Vec<u64> = (0..6).map(|step| updates_before(step, Some(4))).collect();
        assert_eq!(before, [0, 2, 3, 4, 5, 7]);
        assert_eq!(updates_before(5, None), 5);
        let due: Vec<bool> = (0..6).map(|step| is_due(step, Some(4))).collect();
        assert_eq!(due, [true, false, false, false, true, false]);
        assert!(!is_due(0, None));
    }
}
