//! Perceptual Path Length of a run's generator.

use std::str::FromStr;

use anyhow::Result;
use serde_json::{Map, json};
use shared::cli::{DataError, UsageError, one_line};
use shared::metrics::network::Weights;
use shared::metrics::resize::RgbPicture;
use shared::metrics::weights;
use shared::nn::config::Distribution;
use shared::nn::run::Run;
use shared::nn::sampler::Sampler;

use crate::args::Options;
use crate::input::Kind as InputKind;
use crate::lab::{Lab, check_stored, unusable};
use crate::metrics::ppl::{Noise, Settings, ppl};
use crate::networks::lpips::{Kind, Lpips};
use crate::networks::{Kept, VGG16};
use crate::protocol::{Protocol, TORCH_FIDELITY_SEED};
use crate::report::{Measurement, SpreadOver};

/// Pairs of latent vectors unless told otherwise; the paper takes 50,000.
const PAIRS: usize = 10_000;

/// The network below LPIPS, as a flag's value.
#[derive(Clone, Copy, Debug)]
pub struct Backbone(pub Kind);

impl FromStr for Backbone {
    type Err = UsageError;

    fn from_str(text: &str) -> Result<Self, UsageError> {
        match text {
            "vgg16" => Ok(Self(Kind::Vgg16)),
            "squeezenet" => Ok(Self(Kind::SqueezeNet)),
            _ => Err(UsageError(format!("--lpips {text}: expected vgg16 or squeezenet"))),
        }
    }
}

/// The similarity with its published weights, or those that `--weights vgg16=FILE`, `squeezenet=FILE`, `lpips-vgg=FILE` or
/// `lpips-squeeze=FILE` name.
///
/// # Errors
/// When weights are not there or unusable.
pub fn similarity(lab: &Lab, Backbone(kind): Backbone) -> Result<Lpips> {
    if lab.conventions.network.is_some_and(crate::networks::Known::is_drawn) {
        return Ok(Lpips::random(kind, lab.conventions.seed, &lab.device));
    }
    let parts = match kind {
        Kind::Vgg16 => [&weights::VGG16, &weights::LPIPS_VGG],
        Kind::SqueezeNet => [&weights::SQUEEZENET, &weights::LPIPS_SQUEEZE],
    };
    let [backbone, linear] = parts.map(|part| lab.weights_of(part.name, Kept::Published(part)));
    let paths = [backbone?, linear?];
    let lpips = Lpips::load(kind, &paths[0], &paths[1], &lab.device).map_err(unusable)?;
    for ((part, path), weights) in parts.into_iter().zip(&paths).zip(lpips.weights()) {
        check_stored(Kept::Published(part), path, weights.sha256())?;
    }
    Ok(lpips)
}

/// That the generated side is a run, and its latents are normal.
///
/// # Errors
/// When they are not.
pub fn check(options: &Options) -> Result<()> {
    let fake = &options.fake;
    if InputKind::of(fake) != InputKind::Run {
        return Err(UsageError(format!(
            "--metrics ppl: --fake {} is no run of `train`: pictures have no latents",
            fake.display()
        ))
        .into());
    }
    let meta = Run::open(fake)?.checkpoint(options.checkpoint)?.meta;
    let latents = meta.config.settings.generator.takes().latents()?;
    noise(latents.distribution)?;
    Ok(())
}

/// PPL of the run that `options` names as the generated side.
///
/// # Errors
/// When it is no run, its latents are not normal, or weights are not there.
pub fn measure(lab: &Lab, protocol: &Protocol, options: &Options) -> Result<Vec<Measurement>> {
    let fake = &options.fake;
    let lpips = similarity(lab, options.lpips)?;
    let (sampler, meta) = Sampler::open(fake, options.checkpoint, &lab.device)?;
    let latents = sampler.latents()?;
    let noise = noise(latents.distribution)?;
    let count = options.generate.or(options.count).unwrap_or(PAIRS);
    let settings =
        Settings { count, noise, seed: TORCH_FIDELITY_SEED, batch: lab.conventions.batch, ..Settings::new(latents.length) };
    let pictures = |latents: &[Vec<f32>]| -> Result<Vec<RgbPicture>, std::convert::Infallible> {
        Ok(sampler.pictures_of_latents(latents).into_iter().map(Into::into).collect())
    };
    let found = ppl(&lpips, &settings, pictures).map_err(|e| DataError(format!("ppl: {}", one_line(&e))))?;
    let mut details = Map::new();
    details.insert("epsilon".into(), json!(settings.epsilon));
    details.insert("resize".into(), json!(settings.resize));
    details.insert("paths".into(), json!(count));
    let [backbone, linear] = lpips.weights();
    details.insert("lpips_sha256".into(), json!(linear.sha256()));
    let drawn = matches!(backbone, Weights::Random { .. });
    let suffix = match (drawn, lpips.kind()) {
        (true, Kind::Vgg16) => "_random-features",
        (true, Kind::SqueezeNet) => "_squeezenet_random-features",
        (false, Kind::Vgg16) => "",
        (false, Kind::SqueezeNet) => "_squeezenet",
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
        network: lpips.kind().name(),
        layer: if lpips.kind() == Kind::Vgg16 { VGG16.name } else { "squeezenet" },
        preprocessing: format!("lpips-{}", settings.resize.unwrap_or(0)),
        weights_sha256: backbone.sha256().map(str::to_owned),
        seed: lab.conventions.seed,
        step: Some(meta.step),
        checkpoint_crc32: meta.files.get("ema.safetensors").map(|file| file.crc32.clone()),
        fledge: env!("CARGO_PKG_VERSION"),
    }])
}

/// As what torch-fidelity would know the run's latents.
///
/// # Errors
/// When it has no such kind.
fn noise(distribution: Distribution) -> Result<Noise, UsageError> {
    match distribution {
        Distribution::Normal => Ok(Noise::Normal),
        other => Err(UsageError(format!(
            "--metrics ppl: it is defined for normal latents; the run's are {} (generator.latent_distribution)",
            serde_json::to_value(other).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
        ))),
    }
}
