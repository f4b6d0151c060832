//! What a step takes of the host's memory, from the networks' shapes alone: known before anything is allocated, within a factor of about
//! two. What steps measure is exact; this says whether it is safe to take one.

use shared::nn::config::RunConfig;

/// Copies of G's weights: generator, average, two moments, gradient.
const GENERATORS: u64 = 5;
/// Of D's: two moments, gradient.
const DISCRIMINATORS: u64 = 4;

/// Values that a step keeps for each one that a layer gives: its output, what follows it, and their gradients. At 64×64 it was 2.2
/// (`gan-ada`) to 5 (`wgan-gp`, whose penalty keeps tangents too).
const KEPT: f64 = 3.3;

const VALUE_BYTES: u64 = size_of::<f32>() as u64;

/// Values that the layers of both networks give for one picture, and weights of G and of D.
fn counts(config: &RunConfig) -> (u64, u64, u64) {
    let (settings, data) = (&config.settings, &config.data);
    let (g, d) = (&settings.generator, &settings.discriminator);
    let stem = g.channels(0) * g.base * g.base;
    let (mut given, mut of_g, mut of_d) = (stem, (g.latent + settings.cond.embedding) * stem, 0);
    for (conv, extent) in g.convs(data.size, data.channels).iter().zip(g.extents(data.size).iter().skip(1)) {
        given += conv.outputs * extent * extent;
        of_g += conv.inputs * conv.outputs * conv.kernel * conv.kernel;
    }
    for (conv, extent) in d.convs(data.size, data.channels).iter().zip(d.extents(data.size).iter().skip(1)) {
        // Of real and generated pictures.
        given += 2 * conv.outputs * extent * extent;
        of_d += conv.inputs * conv.outputs * conv.kernel * conv.kernel;
    }
    (given as u64, of_g as u64, of_d as u64)
}

/// Bytes that the networks and their optimizers take.
#[must_use]
pub fn networks(config: &RunConfig) -> u64 {
    let (_, of_g, of_d) = counts(config);
    VALUE_BYTES * (GENERATORS * of_g + DISCRIMINATORS * of_d)
}

/// Bytes that a step takes beside them with so many pictures at a time.
#[must_use]
pub fn step(config: &RunConfig, pictures: usize) -> u64 {
    let (given, ..) = counts(config);
    (KEPT * (VALUE_BYTES * given) as f64) as u64 * pictures as u64
}
