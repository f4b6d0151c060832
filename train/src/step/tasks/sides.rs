//! Both sides of a turn of the task `adversarial`: what D is shown, the gradients, and what is
//! measured of them.

use burn::tensor::Tensor;
use shared::nn::networks::Generator;
use shared::nn::parameter::Moved;

use crate::step::game::{Game, Sum};
use crate::step::gradient::{DiscriminatorSide, GeneratorSide, generate};
use crate::step::penalty::{At, Kind};
use crate::step::reading::Reading;
use crate::step::turn::{Origin, Turn};

/// The generator's role.
pub const G: &str = "generator";
/// The discriminator's role.
pub const D: &str = "discriminator";

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
pub(super) fn note_generator(seen: &mut Reading, side: &GeneratorSide) {
    seen.add("g_loss", side.loss.clone());
    seen.add_logits("fooled", &side.logits_fake);
}

/// Records G's side of a turn and adds its gradients.
pub(super) fn learn(side: GeneratorSide, sum: &mut Sum, seen: &mut Reading) {
    note_generator(seen, &side);
    sum.add(side.gradients);
}
