//! What a task gives.

use shared::nn::parameter::Parameters;

use crate::step::game::Game;
use crate::step::reading::Reading;
use crate::step::turn::Batch;

/// What a step does with the networks.
pub trait Task {
    /// One step on as many batches as a discriminator has updates in it: takes gradients, moves the
    /// players, and leaves what it measured in `seen`, under the names of its measures.
    fn step(&mut self, game: &mut Game, batches: &[Batch], seen: &mut Reading);

    /// Tensors of its own that a checkpoint keeps, each with the name of its file.
    fn parts(&self) -> Vec<(&'static str, &dyn Parameters)> {
        Vec::new()
    }

    /// The same, to change them.
    fn parts_mut(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        Vec::new()
    }
}
