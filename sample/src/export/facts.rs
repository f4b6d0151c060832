//! What a file says about the run that it comes from.

use serde_json::{Value, json};
use shared::nn::checkpoint::Meta;
use shared::nn::config::Distribution;
use shared::nn::networks::Takes;
use shared::nn::sampler::Weights;

use crate::source::DrawArgs;

/// By name, in a fixed order: which recipe, how long it was trained, what its pictures and latent
/// vectors are. Nothing of the machine, so that the same checkpoint gives the same file everywhere.
#[must_use]
pub fn facts(meta: &Meta, weights: Weights) -> Vec<(&'static str, Value)> {
    let (data, takes) = (&meta.config.data, meta.config.settings.generator.takes());
    let mut list = vec![
        ("fledge", json!(env!("CARGO_PKG_VERSION"))),
        ("preset", json!(meta.config.preset)),
        ("step", json!(meta.step)),
        ("epoch", json!(meta.epoch)),
        ("weights", json!(if weights == Weights::Averaged { "averaged" } else { "trained" })),
        ("size", json!(data.size)),
        ("channels", json!(data.channels)),
        ("classes", json!(data.classes)),
    ];
    if let Takes::Latents(latents) = takes {
        list.push(("latent", json!(latents.length)));
        list.push(("distribution", json!(latents.distribution.name())));
        if latents.distribution == Distribution::Truncated {
            list.push(("threshold", json!(latents.threshold)));
        }
    }
    list
}

/// How the file's pictures are drawn, as far as that differs from training.
#[must_use]
pub fn of_draw(draw: &DrawArgs) -> Vec<(&'static str, Value)> {
    let truncation = draw.truncation.map(|psi| ("truncation", json!(psi)));
    let cutoff = draw.styles.cutoff.map(|layers| ("cutoff", json!(layers)));
    let noise = draw.styles.noise.map(|mode| ("noise", json!(mode.name())));
    [truncation, cutoff, noise].into_iter().flatten().collect()
}
