//! The task of a run, chosen by its settings.

use burn::tensor::Device;
use shared::nn::config::{RunConfig, TaskName};
use shared::nn::parameter::Parameters;

use super::adversarial::Adversarial;
use super::contrastive::Contrastive;
use super::cycle::Cycle;
use super::paired::Paired;
use super::task::Task;
#[cfg(feature = "toys")]
use super::toy_cycle::ToyCycle;
use crate::step::game::Game;
use crate::step::reading::Reading;
use crate::step::turn::Batch;

/// The task of a run.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a run has one")]
pub enum AnyTask {
    /// A generator of latent vectors against a discriminator.
    Adversarial(Adversarial),
    /// A generator that translates, taught by pairs.
    Paired(Paired),
    /// Two generators that translate between two sets.
    Cycle(Cycle),
    /// A generator that translates, taught by the contrast of patches.
    Contrastive(Contrastive),
    /// For tests: two generators that translate.
    #[cfg(feature = "toys")]
    ToyCycle(ToyCycle),
}

/// Dispatches to the task inside.
macro_rules! of_any {
    ($any:expr, $it:ident => $do:expr) => {
        match $any {
            Self::Adversarial($it) => $do,
            Self::Paired($it) => $do,
            Self::Cycle($it) => $do,
            Self::Contrastive($it) => $do,
            #[cfg(feature = "toys")]
            Self::ToyCycle($it) => $do,
        }
    };
}

impl AnyTask {
    /// The task named in a run's settings.
    #[must_use]
    pub fn new(config: &RunConfig, device: &Device) -> Self {
        match config.settings.task {
            TaskName::Adversarial => Self::Adversarial(Adversarial::new(config, device)),
            TaskName::Paired => Self::Paired(Paired),
            TaskName::Cycle => Self::Cycle(Cycle::new(config, device)),
            TaskName::Contrastive => Self::Contrastive(Contrastive),
            #[cfg(feature = "toys")]
            TaskName::ToyCycle => Self::ToyCycle(ToyCycle::new(config, device)),
        }
    }
}

impl Task for AnyTask {
    fn step(&mut self, game: &mut Game, batches: &[Batch], seen: &mut Reading) {
        of_any!(self, task => task.step(game, batches, seen));
    }

    fn parts(&self) -> Vec<(&'static str, &dyn Parameters)> {
        of_any!(self, task => task.parts())
    }

    fn parts_mut(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        of_any!(self, task => task.parts_mut())
    }
}
