//! The output of `sample`: latents, and 8-bit pictures from every preset's generator, made of
//! latents or of other pictures.

use burn::tensor::Device;
use shared::nn::config::{DataConfig, RunConfig};
use shared::nn::preset;
use shared::nn::sampler::Sampler;

use super::case::{Case, Outputs, Scale};
use super::extent::Extent;
use super::networks::Networks;
use super::numbers::{moved, pictures};
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
    let networks = Networks::narrow(preset, width, 2);
    let (size, channels) = (networks.size, networks.channels);
    let sampler = sampler(&networks, device);
    let mut outputs = Outputs::default();
    let seeds: Vec<u64> = (0..count).collect();
    let made = if sampler.latents().is_ok() {
        let latents = seeds.iter().flat_map(|&seed| sampler.latent(seed)).collect();
        outputs.list("latents", latents, Scale::Own);
        sampler.pictures(&seeds)
    } else {
        let drawn = pictures("sources", [count as usize, channels, size, size], &Device::flex());
        let values: Vec<f32> = drawn.permute([0, 2, 3, 1]).into_data().iter::<f32>().collect();
        let unit: Vec<f32> = values.iter().map(|value| (value + 1.0) / 2.0).collect();
        sampler.translated(&shared::nn::sampler::pictures(&unit, [size, size, channels]))
    };
    let levels = made.into_iter().flat_map(|p| p.pixels).map(f32::from).collect();
    outputs.list("levels", levels, Scale::One);
    outputs
}
