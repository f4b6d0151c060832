//! Perceptual Path Length of a run's generator.

use anyhow::Result;
use burn::tensor::{Tensor, TensorData};
use serde_json::{Map, json};
use shared::cli::{DataError, UsageError, one_line};
use shared::log::Progress;
use shared::metrics::lpips::{Backbone, Lpips};
use shared::metrics::network::Weights;
use shared::metrics::resize::RgbPicture;
use shared::metrics::weights;
use shared::nn::config::Distribution;
use shared::nn::device::on_workers;
use shared::nn::layers::{Masks, Mode, Noise as PassNoise, Pass};
use shared::nn::ops::Precision;
use shared::nn::run::open_checkpoint;
use shared::nn::sampler::{Sampler, Wish};
use shared::rng;

use super::measurement::{Measurement, SpreadOver};
use super::options::MeasureOptions;
use crate::features::lab::{Lab, check_stored, unusable};
use crate::inputs::InputKind;
use crate::inputs::run::AVERAGED_GENERATOR;
use crate::metrics::ppl::{Noise, Ppl, PplSettings, ppl, summary};
use crate::metrics::stylegan_ppl::{self, EPSILON, PathKind};
use crate::networks::{Known, StoredWeights, VGG16};
use crate::protocols::Protocol;
use crate::protocols::metric::Metric;
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
            "--metrics: --fake {} is neither a run of `train` nor a network.pkl: pictures have no latents",
            fake.display()
        ))
        .into());
    }
    let meta = open_checkpoint(fake, options.checkpoint)?.meta;
    noise(meta.config.settings.generator.takes().latents()?.distribution)?;
    Ok(())
}

/// Pairs whose pictures are made together, with the same noise.
const TOGETHER: usize = 8;
/// Percentiles between which StyleGAN keeps distances.
const KEPT: [f64; 2] = [1.0, 99.0];

/// The path lengths of `kind` of a generator with styles, for `count` pairs.
fn stylegan(
    lpips: &Lpips,
    sampler: &Sampler,
    kind: PathKind,
    (count, seed): (usize, u64),
) -> Result<Ppl> {
    let [layers, styles] = sampler.style_shape(&format!("--metrics {}", kind.name()))?;
    // Two layers for every extent from 4 on, but one for the first and one for the colours.
    let (size, least) = (1usize << (layers / 2 + 1), kind.least_size());
    if size < least {
        return Err(UsageError(format!(
            "--metrics {}: pictures of {size}×{size} are too small for VGG16, which halves what is \
             compared four times; it takes {least}×{least} or larger",
            kind.name()
        ))
        .into());
    }
    let generator = sampler.generator();
    let length = sampler.latents()?.length;
    let progress = Progress::new(kind.name(), count as u64);
    let mut distances = Vec::with_capacity(count);
    for batch in 0..count.div_ceil(TOGETHER) {
        let pairs = batch * TOGETHER..count.min((batch + 1) * TOGETHER);
        let (mut ends, mut places) = ([Vec::new(), Vec::new()], Vec::new());
        for pair in pairs.clone() {
            let mut stream = rng::stream(seed, "path length", pair as u64);
            let class = sampler.class(pair as u64);
            for end in &mut ends {
                end.push(Wish { latent: stream.normals(length), class, seed: 0 });
            }
            places.push(if kind.is_full() { stream.between(0.0, 1.0) } else { 0.0 });
        }
        let step = |offset: f64| -> Result<Vec<Vec<f32>>, UsageError> {
            let both = ends[0].iter().zip(&ends[1]).zip(&places);
            if kind.in_w() {
                let [a, b] = [sampler.mapped("", &ends[0])?, sampler.mapped("", &ends[1])?];
                let line = |((a, b), t): ((&Vec<f32>, &Vec<f32>), &f64)| {
                    let t = (t + offset) as f32;
                    a.iter().zip(b).map(|(a, b)| a + (b - a) * t).collect()
                };
                return Ok(a.iter().zip(&b).zip(&places).map(line).collect());
            }
            let arc = |((a, b), t): ((&Wish, &Wish), &f64)| Wish {
                latent: stylegan_ppl::arc(&a.latent, &b.latent, t + offset),
                ..a.clone()
            };
            sampler.mapped("", &both.map(arc).collect::<Vec<_>>())
        };
        let mut stream = rng::stream(seed, "path length noise", batch as u64);
        let noise: Vec<Tensor<4>> = generator
            .noise_extents()
            .into_iter()
            .map(|extent| {
                let values =
                    TensorData::new(stream.normals(extent * extent), [1, 1, extent, extent]);
                Tensor::from_data(values, sampler.device())
            })
            .collect();
        let made = |ws: Vec<Vec<f32>>| {
            let values = TensorData::new(ws.concat(), [ws.len(), 1, styles]);
            let ws = Tensor::<3>::from_data(values, sampler.device());
            let ws = ws.repeat_dim(1, generator.style_shape().map_or(1, |[layers, _]| layers));
            let mut masks = Masks::None;
            let mut pass = Pass::new(Mode::Infer, None, &mut masks);
            pass.noise = PassNoise::Given(noise.clone());
            sampler.range().to_signed(generator.forward(ws, &mut pass))
        };
        let [first, second] = [step(0.0)?, step(EPSILON)?];
        distances.extend(on_workers(|| {
            Precision::F32
                .during(|| stylegan_ppl::distances(lpips, kind, made(first), made(second)))
        }));
        progress.add(pairs.len() as u64);
    }
    let found = summary::<std::convert::Infallible>(distances, KEPT);
    Ok(found.map_err(|e| DataError(format!("{}: {}", kind.name(), one_line(&e))))?)
}

/// The path length `metric` of the run on the generated side of `options`.
///
/// # Errors
/// When it is not a run, its latents are not normal, it has no styles where they are needed, or
/// weights are missing.
pub fn measure(
    lab: &Lab,
    protocol: &Protocol,
    metric: Metric,
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
    let (found, resize) = match metric {
        Metric::PathLength(kind) => {
            let seed = lab.conventions.seed;
            (stylegan(&lpips, &sampler, kind, (count, seed))?, None)
        }
        _ => {
            let found = ppl(&lpips, &settings, pictures)
                .map_err(|e| DataError(format!("ppl: {}", one_line(&e))))?;
            (found, settings.resize)
        }
    };
    let mut details = Map::new();
    details.insert("epsilon".into(), json!(settings.epsilon));
    details.insert("resize".into(), json!(resize));
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
        metric: format!("{metric}{suffix}"),
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
        preprocessing: resize.map_or_else(|| "lpips-f32".into(), |side| format!("lpips-{side}")),
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
