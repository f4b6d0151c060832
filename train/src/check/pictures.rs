//! The output of `sample`: latents, and 8-bit pictures from every preset's generator.

use burn::tensor::Device;
use shared::nn::config::{DataConfig, RunConfig};
use shared::nn::preset;
use shared::nn::sampler::Sampler;

use super::case::{Case, Outputs, Scale};
use super::extent::Extent;
use super::networks::Networks;
use super::numbers::moved;
use super::tolerance::Kind;

/// All rows.
#[must_use]
pub fn cases(extent: Extent) -> Vec<Case> {
    let (width, count) = if extent == Extent::Whole { (16, 20) } else { (4, 3) };
    let case = |preset: &'static preset::Preset| {
        Case::new(format!("pictures {}", preset.name), Kind::Picture, move |device| {
            of(preset, width, count, device)
        })
    };
    preset::PRESETS.iter().map(case).collect()
}

/// A sampler of an untrained generator at this width.
#[must_use]
pub fn sampler(networks: &Networks, device: &Device) -> Sampler {
    let data = DataConfig::of_extent(networks.size, networks.channels);
    let config = RunConfig::new(networks.preset, networks.settings(), 0, data);
    Sampler::new(moved(config.generator(device), device), &config, device.clone())
}

fn of(preset: &'static preset::Preset, width: usize, count: u64, device: &Device) -> Outputs {
    let sampler = sampler(&Networks::narrow(preset, width, 2), device);
    let mut outputs = Outputs::default();
    let seeds: Vec<u64> = (0..count).collect();
    outputs.list(
        "latents",
        seeds.iter().flat_map(|&seed| sampler.latent(seed)).collect(),
        Scale::Own,
    );
    let levels =
        sampler.pictures(&seeds).into_iter().flat_map(|p| p.pixels).map(f32::from).collect();
    outputs.list("levels", levels, Scale::One);
    outputs
}
