//! The task `paired`: a generator translates a picture into another, a discriminator judges the result
//! beside its source, and the mean absolute difference from the target is lowered, too (Isola et al.
//! 2017, "Image-to-image translation with conditional adversarial networks", arXiv:1611.07004, in the
//! order of pytorch-CycleGAN-and-pix2pix: D first, G through the updated D).

use burn::tensor::Tensor;
use shared::nn::networks::Generator;
use shared::nn::ops;
use shared::nn::parameter::{Moved, Parameters};

use super::sides::{D, G, note_discriminator};
use super::task::Task;
use super::translation::{distance, fooling, translate};
use crate::step::game::{Game, Sum};
use crate::step::gradient::flat_gradients;
use crate::step::penalty;
use crate::step::reading::Reading;
use crate::step::turn::{Batch, Turn, Whose};

/// The task.
#[derive(Clone, Copy, Debug)]
pub struct Paired;

/// A turn between both updates.
struct Shown {
    turn: Turn,
    /// The translation, with its graph back to `leaves`.
    fake: Tensor<4>,
    leaves: Generator,
    /// D's input for the target.
    real: Tensor<4>,
}

impl Task for Paired {
    fn step(&mut self, game: &mut Game, batches: &[Batch], seen: &mut Reading) {
        let step = game.step;
        let weights = game.config.settings.translate.clone();
        let pairs = game.config.settings.discriminator.judges_pairs();
        let due = penalty::due(&game.config.settings.penalty, step);
        let (mut of_d, mut of_g, mut all) = (Sum::default(), Sum::default(), Vec::new());
        for turn in game.turns(&batches[0], Whose::Discriminator, step) {
            let leaves = game.generator(G).tracked();
            let mut moved = Moved::default();
            let source = turn.source().autodiff();
            let fake = translate(&leaves, source, (&turn, "generator"), &mut moved);
            game.adopt(G, moved);
            let beside = |x: Tensor<4>| if pairs { ops::beside(turn.source(), x) } else { x };
            let (real, made) = (beside(turn.real.clone()), beside(fake.clone().inner()));
            let mut side =
                game.recipe().discriminator(game.discriminator(D), &turn, [&real, &made], &due);
            game.adopt(D, std::mem::take(&mut side.moved));
            note_discriminator(seen, &side, true);
            of_d.add(side.gradients);
            all.push(Shown { turn, fake, leaves, real });
        }
        game.apply(D, of_d, step + 1, seen);
        for Shown { turn, fake, leaves, real } in all {
            let input = match pairs {
                true => ops::beside(turn.source().autodiff(), fake.clone()),
                false => fake.clone(),
            };
            let gan = fooling(game, D, input, &real);
            let l1 = distance(fake, &turn.real);
            let loss = gan.clone() * weights.gan + l1.clone() * weights.l1;
            of_g.add(flat_gradients(&leaves, &loss.backward()));
            for (name, value) in [("g_loss", loss), ("gan", gan), ("l1", l1)] {
                seen.add(name, value.inner());
            }
        }
        game.apply(G, of_g, step + 1, seen);
    }
}
