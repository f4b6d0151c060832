//! The task `cycle`: two generators translate between two sets of pictures, each against a
//! discriminator, and a picture that is translated there and back is to be the same (Zhu et al. 2017,
//! "Unpaired image-to-image translation using cycle-consistent adversarial networks",
//! arXiv:1703.10593, as in pytorch-CycleGAN-and-pix2pix: the generators first, the discriminators on
//! translations of the same pass and of a pool).

use burn::tensor::{Device, Tensor};
use shared::nn::config::RunConfig;
use shared::nn::parameter::{Moved, Parameters};

use super::task::Task;
use super::translation::{distance, fooling, translate};
use crate::step::game::{Game, Sum};
use crate::step::gradient::flat_gradients;
use crate::step::penalty;
use crate::step::pool::{Pool, Pools};
use crate::step::reading::Reading;
use crate::step::turn::{Batch, Turn, Whose};

/// From A to B, and back.
const G: [&str; 2] = ["generator_ab", "generator_ba"];
/// Of pictures of A, and of B.
const D: [&str; 2] = ["discriminator_a", "discriminator_b"];

/// The task.
#[derive(Clone, Debug)]
pub struct Cycle {
    /// Earlier translations, if any are kept.
    pools: Option<Pools>,
}

impl Cycle {
    /// The task of a run before its first step.
    #[must_use]
    pub fn new(config: &RunConfig, device: &Device) -> Self {
        let (size, channels) = (config.data.size, config.data.channels);
        let empty = || Pool::new(config.settings.translate.pool, [channels, size, size], device);
        let pools = config.settings.pools().then(|| Pools([empty(), empty()]));
        Self { pools }
    }

    /// What the discriminator of a side is shown: `made`, or some of its pool.
    fn look_back(&mut self, side: usize, made: Tensor<4>, turn: &Turn, seen: u64) -> Tensor<4> {
        match &mut self.pools {
            None => made,
            Some(pools) => {
                let purpose = ["pool A", "pool B"][side];
                pools.0[side].query(made, seen, &mut turn.stream(purpose))
            }
        }
    }
}

impl Task for Cycle {
    fn step(&mut self, game: &mut Game, batches: &[Batch], seen: &mut Reading) {
        let step = game.step;
        let weights = game.config.settings.translate.clone();
        let cycles = [weights.cycle_a, weights.cycle_b];
        let due = penalty::due(&game.config.settings.penalty, step);
        let mut of_g = [Sum::default(), Sum::default()];
        let mut of_d = [Sum::default(), Sum::default()];
        let mut before = step * game.config.settings.schedule.batch as u64;
        for turn in game.turns(&batches[0], Whose::Discriminator, step) {
            // A and B; `side` is where a picture comes from.
            let real = [turn.source(), turn.real.clone()];
            let leaves = G.map(|role| game.generator(role).tracked());
            let mut moved = [Moved::default(), Moved::default()];
            let mut through = |by: usize, x: Tensor<4>, what: &str| {
                let purpose = format!("{} {what}", G[by]);
                translate(&leaves[by], x, (&turn, &purpose), &mut moved[by])
            };
            let inputs = [0, 1].map(|side: usize| real[side].clone().autodiff());
            let fake = [0, 1].map(|side: usize| through(side, inputs[side].clone(), "there"));
            let back = [0, 1].map(|side: usize| through(1 - side, fake[side].clone(), "back"));
            // What a generator makes of a picture of its own target.
            let same = (weights.identity > 0.0)
                .then(|| [0, 1].map(|side: usize| through(1 - side, inputs[side].clone(), "same")));
            for (role, moved) in G.into_iter().zip(moved) {
                game.adopt(role, moved);
            }
            let gan = [0, 1]
                .map(|side: usize| fooling(game, D[1 - side], fake[side].clone(), &real[1 - side]));
            let cycle = [0, 1].map(|side: usize| distance(back[side].clone(), &real[side]));
            let mut loss = (gan[0].clone() + gan[1].clone()) * weights.gan;
            loss = loss + cycle[0].clone() * cycles[0] + cycle[1].clone() * cycles[1];
            if let Some(same) = same {
                let of = [0, 1].map(|side: usize| distance(same[side].clone(), &real[side]));
                let [a, b] =
                    [0, 1].map(|side: usize| of[side].clone() * (weights.identity * cycles[side]));
                loss = loss + a + b;
                let [a, b] = of;
                seen.add("identity", (a + b).inner());
            }
            let gradients = loss.backward();
            for side in [0, 1] {
                of_g[side].add(flat_gradients(&leaves[side], &gradients));
            }
            seen.add("g_loss", loss.inner());
            let ([ab, ba], [a, b]) = (gan, cycle);
            for (name, value) in [("gan_ab", ab), ("gan_ba", ba), ("cycle", a + b)] {
                seen.add(name, value.inner());
            }
            for side in [0, 1] {
                let made = fake[1 - side].clone().inner();
                let shown = self.look_back(side, made, &turn, before);
                let judge = game.discriminator(D[side]);
                let inputs = [&real[side], &shown];
                let mut judged = game.recipe().discriminator(judge, &turn, inputs, &due);
                game.adopt(D[side], std::mem::take(&mut judged.moved));
                seen.add(["d_a_loss", "d_b_loss"][side], judged.loss.clone());
                seen.add_penalties(["penalty_a", "penalty_b"][side], &judged.penalties);
                seen.add_logits(["real_a", "real_b"][side], &judged.logits_real);
                seen.add_logits(["fake_a", "fake_b"][side], &judged.logits_fake);
                of_d[side].add(judged.gradients);
            }
            before += real[0].dims()[0] as u64;
        }
        for (roles, sums) in [(G, of_g), (D, of_d)] {
            for (role, sum) in roles.into_iter().zip(sums) {
                game.apply(role, sum, step + 1, seen);
            }
        }
    }

    fn parts(&self) -> Vec<(&'static str, &dyn Parameters)> {
        self.pools.iter().map(|pools| ("pools", pools as &dyn Parameters)).collect()
    }

    fn parts_mut(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        self.pools.iter_mut().map(|pools| ("pools", pools as &mut dyn Parameters)).collect()
    }
}
