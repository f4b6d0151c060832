//! Perceptual Path Length of a run's generator.

use anyhow::Result;
use serde_json::{Map, json};
use shared::cli::{DataError, UsageError, one_line};
use shared::metrics::network::Weights;
use shared::metrics::resize::RgbPicture;
use shared::metrics::weights;
use shared::nn::config::Distribution;
use shared::nn::run::Run;
use shared::nn::sampler::Sampler;

use super::measurement::{Measurement, SpreadOver};
use super::options::MeasureOptions;
use crate::features::lab::{Lab, check_stored, unusable};
use crate::inputs::InputKind;
use crate::inputs::run::AVERAGED_GENERATOR;
use crate::metrics::ppl::{Noise, PplSettings, ppl};
use crate::networks::lpips::{Backbone, Lpips};
use crate::networks::{Known, StoredWeights, VGG16};
use crate::protocols::Protocol;
use crate::protocols::protocol::TORCH_FIDELITY_SEED;

/// Default number of pairs of latent vectors; the paper's is 50,000.
const PAIRS: usize = 10_000;

/// LPIPS with its published weights, or with those of `--weights vgg16=FILE`, `squeezenet=FILE`,
/// `lpips-vgg=FILE` or `lpips-squeeze=FILE`.
///
/// # Errors
/// When weights are missing or unusable.
pub fn similarity(lab: &Lab, backbone: Backbone) -> Result<Lpips> {
    if lab.conventions.network.is_some_and(Known::is_untrained) {
        return Ok(Lpips::random(backbone, lab.conventions.seed, &lab.device));
    }
    let parts = match backbone {
        Backbone::Vgg16 => [&weights::VGG16, &weights::LPIPS_VGG],
        Backbone::SqueezeNet => [&weights::SQUEEZENET, &weights::LPIPS_SQUEEZE],
    };
    let [network, linear] =
        parts.map(|part| lab.weights_of(part.name, StoredWeights::Published(part)));
    let paths = [network?, linear?];
    let lpips = Lpips::load(backbone, &paths[0], &paths[1], &lab.device).map_err(unusable)?;
    for ((part, path), weights) in parts.into_iter().zip(&paths).zip(lpips.weights()) {
        check_stored(StoredWeights::Published(part), path, weights.sha256())?;
    }
    Ok(lpips)
}

/// Checks that the generated side is a run with normal latents.
///
/// # Errors
/// When it is not.
pub fn check(options: &MeasureOptions) -> Result<()> {
    let fake = &options.fake;
    if InputKind::of(fake) != InputKind::Run {
        return Err(UsageError(format!(
            "--metrics ppl: --fake {} is not a run of `train`: pictures have no latents",
            fake.display()
        ))
        .into());
    }
    let meta = Run::open(fake)?.checkpoint(options.checkpoint)?.meta;
    noise(meta.config.settings.generator.takes().latents()?.distribution)?;
    Ok(())
}

/// PPL of the run on the generated side of `options`.
///
/// # Errors
/// When it is not a run, its latents are not normal, or weights are missing.
pub fn measure(
    lab: &Lab,
    protocol: &Protocol,
    options: &MeasureOptions,
) -> Result<Vec<Measurement>> {
    let fake = &options.fake;
    let lpips = similarity(lab, options.lpips)?;
    let (sampler, meta) = Sampler::open(fake, options.checkpoint, &lab.device)?;
    let latents = sampler.latents()?;
    let noise = noise(latents.distribution)?;
    let count = options.generate.or(options.count).unwrap_or(PAIRS);
    let settings = PplSettings {
        count,
        noise,
        seed: TORCH_FIDELITY_SEED,
        batch: lab.conventions.batch,
        ..PplSettings::new(latents.length)
    };
    let pictures = |latents: &[Vec<f32>]| -> Result<Vec<RgbPicture>, std::convert::Infallible> {
        Ok(sampler.pictures_of_latents(latents).into_iter().map(Into::into).collect())
    };
    let found = ppl(&lpips, &settings, pictures)
        .map_err(|e| DataError(format!("ppl: {}", one_line(&e))))?;
    let mut details = Map::new();
    details.insert("epsilon".into(), json!(settings.epsilon));
    details.insert("resize".into(), json!(settings.resize));
    details.insert("paths".into(), json!(count));
    let [network, linear] = lpips.weights();
    details.insert("lpips_sha256".into(), json!(linear.sha256()));
    let drawn = matches!(network, Weights::Random { .. });
    let suffix = match (drawn, lpips.backbone()) {
        (true, Backbone::Vgg16) => "_random-features",
        (true, Backbone::SqueezeNet) => "_squeezenet_random-features",
        (false, Backbone::Vgg16) => "",
        (false, Backbone::SqueezeNet) => "_squeezenet",
    };
    Ok(vec![Measurement {
        metric: format!("ppl{suffix}"),
        protocol: protocol.name,
        value: found.mean,
        std: Some(found.std),
        interval: None,
        std_over: Some(SpreadOver::Paths),
        std_count: Some(found.kept),
        class: None,
        generated: fake.clone(),
        generated_count: count,
        real: None,
        real_content: None,
        real_count: None,
        training: None,
        training_count: None,
        subsets: None,
        subset_size: None,
        subset_size_asked: None,
        details,
        network: lpips.backbone().name(),
        layer: if lpips.backbone() == Backbone::Vgg16 { VGG16.name } else { "squeezenet" },
        preprocessing: format!("lpips-{}", settings.resize.unwrap_or(0)),
        weights_sha256: network.sha256().map(str::to_owned),
        seed: lab.conventions.seed,
        step: Some(meta.step),
        checkpoint_crc32: meta.files.get(AVERAGED_GENERATOR).map(|file| file.crc32.clone()),
        fledge: env!("CARGO_PKG_VERSION"),
    }])
}

/// torch-fidelity's name for the distribution of the run's latents.
///
/// # Errors
/// When it has none.
fn noise(distribution: Distribution) -> Result<Noise, UsageError> {
    match distribution {
        Distribution::Normal => Ok(Noise::Normal),
        other => Err(UsageError(format!(
            "--metrics ppl: defined only for normal latents; those of the run are {} (generator.distribution)",
            serde_json::to_value(other)
                .ok()
                .and_then(|v| v.as_str().map(str::to_owned))
                .unwrap_or_default()
        ))),
    }
}
