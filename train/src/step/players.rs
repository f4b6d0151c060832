//! The networks of a run by role, each with its average and its optimizer. Checkpoints, averages,
//! devices, freezing and statistics iterate over them without knowing any role by name.

use burn::tensor::{Device, Tensor};
use shared::nn::checkpoint::{Checkpoint, CheckpointError};
use shared::nn::collective::Member;
use shared::nn::config::RunConfig;
use shared::nn::networks::Network;
use shared::nn::parameter::{Parameters, Purpose};
use shared::nn::task::{Part, Role};

use crate::step::ema;
use crate::step::optimizer::{Norm, Optimizer};

/// The network of a role with its training state.
#[derive(Clone, Debug)]
pub struct Player {
    /// Its role.
    pub role: &'static Role,
    /// The network.
    pub network: Network,
    /// The average of its weights, used for samples.
    pub average: Option<Network>,
    optimizer: Optimizer,
    /// Weights are clamped to ± this after each step; 0 = not clamped.
    weight_clip: f64,
}

impl Player {
    /// The network initialised from the run's seed, on `device` (without autodiff).
    #[must_use]
    pub fn new(role: &'static Role, config: &RunConfig, device: &Device) -> Self {
        let network = config.network(role, device);
        let settings = &config.settings;
        Self {
            role,
            average: role.average.map(|_| network.clone()),
            optimizer: Optimizer::new(&settings.optimizer_of(role.part), &network),
            weight_clip: if role.part == Part::Discriminator {
                settings.penalty.weight_clip
            } else {
                0.0
            },
            network,
        }
    }

    /// The average if there is one, else the network.
    #[must_use]
    pub fn shown(&self) -> &Network {
        self.average.as_ref().unwrap_or(&self.network)
    }

    /// Switches to the resolution for this many real pictures seen, in families that grow.
    pub fn grow(&mut self, images_seen: f64) {
        self.network.grow(images_seen);
        self.average.iter_mut().for_each(|average| average.grow(images_seen));
    }

    /// Makes BatchNorm use the statistics of all members in training from now on. The average is
    /// unaffected: it makes samples with its running statistics, on the first device alone.
    pub fn synchronize(&mut self, member: &Member) {
        self.network.synchronize(member);
    }

    /// Runs the `t`-th update (counted from 1) of the weights with `gradients` and the learning
    /// rate's factor `rate`. Returns the norm of all gradients if clipping needed it.
    pub fn update(&mut self, t: u64, rate: f64, gradients: Vec<Tensor<1>>) -> Option<Norm> {
        let norm = self.optimizer.step(t, rate, &mut self.network, gradients);
        let clip = self.weight_clip;
        if clip > 0.0 {
            let weights = self
                .network
                .parameters_mut()
                .into_iter()
                .filter(|(_, p)| p.purpose() == Purpose::Weight);
            weights.for_each(|(_, p)| p.set(p.flat().clamp(-clip, clip)));
        }
        norm
    }

    /// Updates the average after a step.
    pub fn follow(&mut self, decay: f64) {
        if let Some(average) = &mut self.average {
            ema::update(average, &self.network, decay);
        }
    }

    /// The checkpoint files of network and average with their contents.
    fn networks(&self) -> impl Iterator<Item = (&'static str, &dyn Parameters)> {
        let average =
            self.role.average.zip(self.average.as_ref().map(|average| average as &dyn Parameters));
        std::iter::once((self.role.name, &self.network as &dyn Parameters)).chain(average)
    }

    /// Loads the tensors of a checkpoint.
    ///
    /// # Errors
    /// If a file is damaged or does not fit.
    pub fn load(&mut self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        checkpoint.load(self.role.name, &mut self.network)?;
        if let (Some(file), Some(average)) = (self.role.average, &mut self.average) {
            checkpoint.load(file, average)?;
        }
        checkpoint.load(self.role.optimizer, &mut self.optimizer)
    }
}

/// The files of a checkpoint with their contents: networks and averages, then optimizers.
#[must_use]
pub fn parts(players: &[Player]) -> Vec<(&'static str, &dyn Parameters)> {
    let optimizers =
        players.iter().map(|player| (player.role.optimizer, &player.optimizer as &dyn Parameters));
    players.iter().flat_map(Player::networks).chain(optimizers).collect()
}
