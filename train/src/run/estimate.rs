//! The host memory that a step needs, estimated from the networks' shapes alone: known before
//! anything is allocated, within a factor of about two. Measured steps are exact; this decides
//! whether it is safe to take one.

use burn::tensor::Device;
use shared::nn::config::RunConfig;
use shared::nn::parameter::{Parameters, Purpose};
use shared::nn::task::Part;

/// Copies of a network's weights besides itself: two moments and the gradient.
const COPIES: u64 = 3;

/// Values that a step keeps for each output value of a layer: the output, what follows it, and
/// their gradients. Measured at 64×64: 2.2 (`gan-ada`) to 5 (`wgan-gp`, whose penalty also keeps
/// tangents).
const KEPT: f64 = 3.3;

const VALUE_BYTES: u64 = size_of::<f32>() as u64;

/// Bytes of the networks, their averages and their optimizers.
#[must_use]
pub fn networks(config: &RunConfig) -> u64 {
    let bytes = |role| {
        let network = config.outline(role, &Device::flex());
        let weights =
            network.parameters().into_iter().filter(|(_, p)| p.purpose() == Purpose::Weight);
        let count: usize = weights.map(|(_, p)| p.count()).sum();
        count as u64 * (1 + COPIES + u64::from(role.average.is_some())) * VALUE_BYTES
    };
    config.settings.task.roles().iter().map(bytes).sum()
}

/// Additional bytes for a step with this many pictures at a time.
#[must_use]
pub fn step(config: &RunConfig, pictures: usize) -> u64 {
    let (settings, data) = (&config.settings, &config.data);
    let given = |part| match part {
        Part::Generator => settings.generator.activations(data.size, data.channels),
        // For real and generated pictures.
        Part::Discriminator => 2 * settings.discriminator.activations(data.size, data.channels),
        // Of some hundred patches, whatever their size.
        Part::Projector => 0,
    };
    let given: usize = settings.task.roles().iter().map(|role| given(role.part)).sum();
    (KEPT * (VALUE_BYTES * given as u64) as f64) as u64 * pictures as u64
}
