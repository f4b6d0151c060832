//! For tests, and to show what the design supports: two generators that translate pictures into
//! their negatives and back, each against a discriminator, with a cycle loss and an image pool (a
//! small version of Zhu et al. 2017, arXiv:1703.10593). A picture's counterpart is its mirrored
//! negative.

use burn::tensor::{Device, Tensor};
use shared::nn::config::RunConfig;
use shared::nn::layers::{Masks, Mode, Pass};
use shared::nn::loss::Labels;
use shared::nn::networks::{Discriminator, Generator};
use shared::nn::parameter::{Parameter, Parameters, Purpose};

use super::task::Task;
use crate::step::game::{Game, Sum};
use crate::step::gradient::flat_gradients;
use crate::step::reading::Reading;
use crate::step::turn::{Batch, Turn, Whose};

const G: [&str; 2] = ["generator_ab", "generator_ba"];
const D: [&str; 2] = ["discriminator_a", "discriminator_b"];

/// Weight of the cycle loss.
const CYCLE: f64 = 10.0;

/// Number of pictures in a pool.
const POOL: usize = 4;

/// The pools of earlier generated pictures for the two discriminators.
#[derive(Clone, Debug)]
pub struct ToyCycle {
    /// [POOL, C, H, W] for each side.
    pools: Vec<Parameter>,
}

impl ToyCycle {
    /// Empty pools.
    #[must_use]
    pub fn new(config: &RunConfig, device: &Device) -> Self {
        let (size, channels) = (config.data.size, config.data.channels);
        let empty =
            || Parameter::filled(0.0, &[POOL, channels, size, size], Purpose::Statistic, device);
        Self { pools: vec![empty(), empty()] }
    }

    /// Exchanges half of `fake` for pictures from this side's pool, once it is full.
    fn look_back(&mut self, side: usize, fake: Tensor<4>, turn: &Turn, step: u64) -> Tensor<4> {
        let mut stream = turn.stream(&format!("pool {side}"));
        let pool: Tensor<4> = self.pools[side].tensor();
        let mut kept: Vec<Tensor<4>> = (0..POOL).map(|i| pool.clone().narrow(0, i, 1)).collect();
        let seen: Vec<Tensor<4>> = (0..fake.dims()[0])
            .map(|i| {
                let new = fake.clone().narrow(0, i, 1);
                let place = stream.below(POOL as u64) as usize;
                let exchanged = step > 0 && stream.coin(0.5);
                let old = std::mem::replace(&mut kept[place], new.clone());
                if exchanged { old } else { new }
            })
            .collect();
        self.pools[side].set(Tensor::cat(kept, 0).flatten(0, 3));
        Tensor::cat(seen, 0)
    }
}

fn translate(generator: &Generator, x: Tensor<4>) -> Tensor<4> {
    generator.forward(x, &mut Pass::new(Mode::Train, None, &mut Masks::None))
}

fn logits(discriminator: &Discriminator, x: Tensor<4>) -> Tensor<2> {
    discriminator.forward(x, &mut Pass::new(Mode::Train, None, &mut Masks::None)).logits
}

impl Task for ToyCycle {
    fn step(&mut self, game: &mut Game, batches: &[Batch], seen: &mut Reading) {
        let step = game.step;
        let mut of_g = [Sum::default(), Sum::default()];
        let mut of_d = [Sum::default(), Sum::default()];
        for turn in game.turns(&batches[0], Whose::Discriminator, step) {
            let real = [turn.real.clone(), turn.real.clone().flip([3]).neg()];
            let leaves = G.map(|role| game.generator(role).tracked());
            // A → B and B → A; a side's generator makes pictures of the other side.
            let fake = [0, 1].map(|side| translate(&leaves[side], real[side].clone().autodiff()));
            let back = [0, 1].map(|side| translate(&leaves[1 - side], fake[side].clone()));
            let cycle = [0, 1]
                .map(|side| (back[side].clone() - real[side].clone().autodiff()).abs().mean());
            let fooled =
                [0, 1].map(|side| logits(game.discriminator(D[1 - side]), fake[side].clone()));
            let losses = [0, 1].map(|side| game.loss.generator(None, fooled[side].clone()));
            let all_cycles = cycle[0].clone() + cycle[1].clone();
            let total = losses[0].clone() + losses[1].clone() + all_cycles.clone() * CYCLE;
            let gradients = total.backward();
            for side in [0, 1] {
                seen.add(["g_ab_loss", "g_ba_loss"][side], losses[side].clone().inner());
                of_g[side].add(flat_gradients(&leaves[side], &gradients));
            }
            seen.add("cycle", all_cycles.inner());
            for side in [0, 1] {
                let made = self.look_back(side, fake[1 - side].clone().inner(), &turn, step);
                let tracked = game.discriminator(D[side]).tracked();
                let of_real = logits(&tracked, real[side].clone().autodiff());
                let of_fake = logits(&tracked, made.autodiff());
                let loss = game.loss.discriminator(of_real.clone(), of_fake, &Labels::PLAIN);
                seen.add(["d_a_loss", "d_b_loss"][side], loss.clone().inner());
                seen.add_logits("real", &of_real.inner());
                of_d[side].add(flat_gradients(&tracked, &loss.backward()));
            }
        }
        for (roles, sums) in [(G, of_g), (D, of_d)] {
            for (role, sum) in roles.into_iter().zip(sums) {
                game.apply(role, sum, step + 1, seen);
            }
        }
    }

    fn parts(&self) -> Vec<(&'static str, &dyn Parameters)> {
        vec![("pools", &self.pools)]
    }

    fn parts_mut(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        vec![("pools", &mut self.pools)]
    }
}
