//! What the tasks that translate pictures have in common.

use burn::tensor::Tensor;
use shared::nn::layers::{Masks, Mode, Pass};
use shared::nn::networks::{Discriminator, Generator};
use shared::nn::parameter::Moved;

use crate::step::game::Game;
use crate::step::turn::Turn;

/// The translation of `x` in training, with the dropout of `purpose`; running statistics go on from
/// `moved`.
///
/// # Shapes
/// `x` [B, C, H, W] gives the same.
pub(super) fn translate(
    generator: &Generator,
    x: Tensor<4>,
    (turn, purpose): (&Turn, &str),
    moved: &mut Moved,
) -> Tensor<4> {
    let mut masks = turn.masks(purpose);
    let mut pass = Pass::new(Mode::Train, None, &mut masks);
    std::mem::swap(&mut pass.moved, moved);
    let pictures = generator.forward(x, &mut pass);
    *moved = pass.moved;
    pictures
}

/// D's logits in training; running statistics go on from `moved`.
///
/// # Shapes
/// `x` [B, C, H, W] gives [B, patches].
pub(super) fn judged(discriminator: &Discriminator, x: Tensor<4>, moved: &mut Moved) -> Tensor<2> {
    let mut masks = Masks::None;
    let mut pass = Pass::new(Mode::Train, None, &mut masks);
    std::mem::swap(&mut pass.moved, moved);
    let logits = discriminator.forward(x, &mut pass).logits;
    *moved = pass.moved;
    logits
}

/// The adversarial term of a generator's loss, `[1]`, from D's input: `fake` leads to the generator,
/// `real` has no graph. D's running statistics are moved.
pub(super) fn fooling(
    game: &mut Game,
    discriminator: &str,
    fake: Tensor<4>,
    real: &Tensor<4>,
) -> Tensor<1> {
    let mut moved = Moved::default();
    let network = game.discriminator(discriminator);
    let of_fake = judged(network, fake, &mut moved);
    let of_real =
        game.loss.compares().then(|| judged(network, real.clone(), &mut moved).autodiff());
    let loss = game.loss.generator(of_real, of_fake);
    game.adopt(discriminator, moved);
    loss
}

/// mean |a − b|, `[1]`; `b` has no graph.
pub(super) fn distance(a: Tensor<4>, b: &Tensor<4>) -> Tensor<1> {
    (a - b.clone().autodiff()).abs().mean()
}
