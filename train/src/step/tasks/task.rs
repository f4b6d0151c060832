//! The trait of tasks.

use shared::nn::parameter::Parameters;

use crate::step::game::Game;
use crate::step::reading::Reading;
use crate::step::turn::Batch;

/// One step's work on the networks.
pub trait Task {
    /// Takes one step on as many batches as a discriminator has updates in it: computes gradients,
    /// updates the players, and adds its measurements to `seen` under the names of its measures.
    fn step(&mut self, game: &mut Game, batches: &[Batch], seen: &mut Reading);

    /// The task's own tensors for a checkpoint, each with its file name.
    fn parts(&self) -> Vec<(&'static str, &dyn Parameters)> {
        Vec::new()
    }

    /// The task's own tensors, mutable.
    fn parts_mut(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        Vec::new()
    }
}
