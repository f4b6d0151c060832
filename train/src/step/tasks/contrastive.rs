//! The task `contrastive`: a generator translates one set of pictures into another against a
//! discriminator, and a patch of the translation is to be told from other patches of the source by what
//! the generator's own encoder makes of them (Park et al. 2020, "Contrastive learning for unpaired
//! image-to-image translation", arXiv:2007.15651, in the order of contrastive-unpaired-translation: D
//! first, the generator and the projector of its features through the updated D).

use burn::tensor::{Int, Tensor, TensorData, activation};
use shared::nn::config::TranslateConfig;
use shared::nn::layers::{Mode, Pass};
use shared::nn::networks::{Generator, Projector};
use shared::nn::ops;
use shared::nn::parameter::{Moved, Parameters};

use super::sides::{D, G, note_discriminator};
use super::task::Task;
use super::translation::{fooling, translate};
use crate::step::game::{Game, Sum};
use crate::step::gradient::flat_gradients;
use crate::step::penalty;
use crate::step::reading::Reading;
use crate::step::turn::{Batch, Turn, Whose};

/// The projector's role.
const F: &str = "projector";

/// Similarity of a patch with itself among its negatives, which takes it out: e^(−10/τ) is nothing.
const OWN: f64 = -10.0;

/// The task.
#[derive(Clone, Copy, Debug)]
pub struct Contrastive;

/// A turn between the updates.
struct Shown {
    turn: Turn,
    /// The translation and, if wanted, what is made of the target, with their graph back to `leaves`.
    fake: Tensor<4>,
    same: Option<Tensor<4>>,
    leaves: Generator,
    /// Whether the generator was given mirrored pictures.
    mirrored: bool,
}

impl Task for Contrastive {
    fn step(&mut self, game: &mut Game, batches: &[Batch], seen: &mut Reading) {
        let step = game.step;
        let weights = game.config.settings.translate.clone();
        let due = penalty::due(&game.config.settings.penalty, step);
        let (mut of_d, mut of_g, mut of_f) = (Sum::default(), Sum::default(), Sum::default());
        let mut all = Vec::new();
        for turn in game.turns(&batches[0], Whose::Discriminator, step) {
            let (shown, moved) = show(game.generator(G), turn, &weights);
            game.adopt(G, moved);
            let inputs = [&shown.turn.real, &shown.fake.clone().inner()];
            let mut side =
                game.recipe().discriminator(game.discriminator(D), &shown.turn, inputs, &due);
            game.adopt(D, std::mem::take(&mut side.moved));
            note_discriminator(seen, &side, true);
            of_d.add(side.gradients);
            all.push(shown);
        }
        game.apply(D, of_d, step + 1, seen);
        for shown in all {
            let Shown { turn, fake, same, leaves, .. } = &shown;
            let gan = fooling(game, D, fake.clone(), &turn.real);
            let mut loss = gan.clone() * weights.gan;
            let projector = game.player(F).network.projector().tracked();
            let contrast = Contrast { game: &*game, shown: &shown, projector: &projector };
            let nce = contrast.of(turn.source(), fake.clone(), "patches", &weights);
            let mut both = nce.clone();
            if let Some(same) = same {
                let own = contrast.of(turn.real.clone(), same.clone(), "own patches", &weights);
                both = (both + own.clone()) * 0.5;
                seen.add("identity", own.inner());
            }
            loss = loss + both * weights.nce;
            let gradients = loss.backward();
            of_g.add(flat_gradients(leaves, &gradients));
            of_f.add(flat_gradients(&projector, &gradients));
            for (name, value) in [("g_loss", loss), ("gan", gan), ("nce", nce)] {
                seen.add(name, value.inner());
            }
        }
        game.apply(G, of_g, step + 1, seen);
        game.apply(F, of_f, step + 1, seen);
    }
}

/// The generator's pass of a turn, and its moved statistics. Source and target go through it in one
/// batch.
fn show(generator: &Generator, turn: Turn, weights: &TranslateConfig) -> (Shown, Moved) {
    let leaves = generator.tracked();
    let source = turn.source();
    let count = source.dims()[0];
    let mirrored = weights.flip_equivariance && turn.stream("mirrored sources").coin(0.5);
    let x = match weights.nce_identity {
        true => Tensor::cat(vec![source, turn.real.clone()], 0),
        false => source,
    };
    let x = if mirrored { x.flip([3]) } else { x };
    let mut moved = Moved::default();
    let made = translate(&leaves, x.autodiff(), (&turn, "generator"), &mut moved);
    let fake = made.clone().narrow(0, 0, count);
    let same = weights.nce_identity.then(|| made.narrow(0, count, count));
    (Shown { turn, fake, same, leaves, mirrored }, moved)
}

/// What the patches of a turn are compared by.
struct Contrast<'a> {
    game: &'a Game,
    shown: &'a Shown,
    /// The projector with its weights as leaves.
    projector: &'a Projector,
}

impl Contrast<'_> {
    /// The mean over the layers of the contrast of patches of `made`, the translation of `source`,
    /// `[1]`. Gradients flow through `made` and through the encoder's pass over it; what the source's
    /// patches are is held constant.
    fn of(
        &self,
        source: Tensor<4>,
        made: Tensor<4>,
        purpose: &str,
        weights: &TranslateConfig,
    ) -> Tensor<1> {
        let Shown { turn, leaves, mirrored, .. } = self.shown;
        let layers = &weights.nce_layers;
        let features = |generator: &Generator, x: Tensor<4>| {
            let mut masks = turn.masks(purpose);
            let mut pass = Pass::new(Mode::Train, None, &mut masks);
            let network = generator.resnet_translator();
            let network =
                network.unwrap_or_else(|| unreachable!("the settings ask for an encoder"));
            network.features(x, layers, &mut pass)
        };
        let queries = features(leaves, made);
        let keys = features(self.game.generator(G), source);
        let constant = self.game.player(F).network.projector();
        let mut sum: Option<Tensor<1>> = None;
        for (i, (query, key)) in queries.into_iter().zip(keys).enumerate() {
            let query = if *mirrored { query.flip([3]) } else { query };
            let [_, _, height, width] = key.dims();
            let mut places =
                turn.stream(&format!("{purpose} of layer {i}")).permutation(height * width);
            places.truncate(weights.nce_patches);
            let places: Vec<i32> = places.into_iter().map(|place| place as i32).collect();
            let count = places.len();
            let places: Tensor<1, Int> =
                Tensor::from_data(TensorData::new(places, [count]), &key.device());
            let key = constant.forward(i, key, places.clone());
            let query = self.projector.forward(i, query, places);
            let loss = patch_nce(query, key, weights.nce_temperature);
            sum = Some(sum.map_or(loss.clone(), |sum| sum + loss));
        }
        let sum = sum.unwrap_or_else(|| unreachable!("the settings name a layer"));
        sum / layers.len() as f64
    }
}

/// The cross-entropy of finding the patch of the same place among the patches of the same picture, by
/// similarity over `temperature`, averaged over all patches (equation 3; `patchnce.py`).
///
/// # Shapes
/// `query`, and `key` without a graph, [B, P, width], give `[1]`.
#[must_use]
pub fn patch_nce(query: Tensor<3>, key: Tensor<3>, temperature: f64) -> Tensor<1> {
    let count = key.dims()[1];
    let own = Tensor::<2>::eye(count, &key.device()).unsqueeze::<3>().autodiff(); // [1, P, P]
    let key = key.autodiff();
    let positive = (query.clone() * key.clone()).sum_dim(2); // [B, P, 1]
    let others = ops::matmul(query, key.transpose()); // [B, P, P]
    let others = others * (own.clone().neg() + 1.0) + own * OWN;
    let logits = Tensor::cat(vec![positive, others], 2) / temperature; // [B, P, 1 + P]
    activation::log_softmax(logits, 2).narrow(2, 0, 1).mean().neg()
}
