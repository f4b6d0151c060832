//! Options → results.

use anyhow::{Context, Result};
use burn::tensor::Device;
use shared::cli::{DataError, UsageError, one_line};
use shared::metrics::cache::FeatureCache;
use shared::metrics::extract::Extractor;
use shared::metrics::features::{Features, FeaturesError};
use shared::metrics::inception::Inception;
use shared::metrics::network::{FeatureNetwork, Layer};
use shared::metrics::source::{PictureSource, Selection};
use shared::metrics::state_dict::WeightsError;
use shared::metrics::weights::INCEPTION;
use shared::nn::ops::Precision;
use shared::rng;

use crate::args::{NetworkChoice, Options};
use crate::input::{self, Kind, Wanted};
use crate::metrics::fid::{Divisor, RELIABLE_COUNT, fid};
use crate::metrics::isc::{Order, inception_score};
use crate::protocol::Metric;
use crate::report::{Measurement, Sides};

/// Computes every metric of `options`, in their order.
///
/// # Errors
/// When pictures or weights cannot be read, or are too few for a metric.
pub fn measure(options: &Options) -> Result<Vec<Measurement>> {
    // Numbers must not depend on the device.
    Precision::F32.set();
    let device = options.device.open()?;
    let mut wanted = Wanted { split: &options.split, generated: 0, checkpoint: options.checkpoint, device: &device };
    if Kind::of(&options.real) == Kind::Run {
        return Err(
            UsageError(format!("--real {}: it is a run; runs make generated pictures: --fake", options.real.display())).into()
        );
    }
    let (real, _) = input::open(&options.real, &wanted)?;
    let real = select(real.as_ref(), options, "--real")?;
    // A run makes as many pictures as they are compared with.
    wanted.generated = options.count.unwrap_or(real.len());
    let (fake, step) = input::open(&options.fake, &wanted)?;
    let fake = select(fake.as_ref(), options, "--fake")?;
    let inception = network(&options.network, options.seed, &device)?;
    let extractor = Extractor { network: &inception, preprocessing: options.protocol.preprocessing(), batch: options.batch };
    let cache = if options.cache { FeatureCache::standard() } else { FeatureCache::off() };

    let taps_of = |metrics: &[Metric]| {
        let mut taps: Vec<Layer> = metrics.iter().map(|m| m.layer()).collect();
        taps.sort_unstable_by_key(|l| l.name);
        taps.dedup();
        taps
    };
    // The Inception Score looks at the generated pictures alone.
    let paired: Vec<Metric> = options.metrics.iter().copied().filter(|&m| m != Metric::Is).collect();
    let (fake_taps, real_taps) = (taps_of(&options.metrics), taps_of(&paired));
    let real_features = if real_taps.is_empty() { Vec::new() } else { extractor.features(&real, &real_taps, &cache)? };
    let fake_features = extractor.features(&fake, &fake_taps, &cache)?;

    let sides = Sides { generated: (options.fake.clone(), fake.len()), real: (options.real.clone(), real.len()) };
    let sets = Sets { generated: (&fake_taps, &fake_features), real: (&real_taps, &real_features) };
    let results = options.metrics.iter().map(|&metric| {
        let measured = one(metric, options, &sets, &sides, &inception)?;
        Ok(Measurement { step, ..measured })
    });
    results.collect()
}

/// Features of both sides with the taps they belong to.
struct Sets<'a> {
    generated: (&'a [Layer], &'a [Features]),
    real: (&'a [Layer], &'a [Features]),
}

fn one(metric: Metric, options: &Options, sets: &Sets<'_>, sides: &Sides, inception: &Inception) -> Result<Measurement> {
    let at = |(taps, features): (&[Layer], &[Features])| -> Result<usize> {
        taps.iter().position(|&t| t == metric.layer()).filter(|&i| i < features.len()).context("a layer was not extracted")
    };
    let generated = &sets.generated.1[at(sets.generated)?];
    let unusable = |e: FeaturesError| DataError(format!("{}: {}", metric.name(), one_line(&e)));
    let mut result = Measurement::new(metric, options, sides, inception.weights());
    match metric {
        Metric::Kid => {
            let real = &sets.real.1[at(sets.real)?];
            let kid = options.protocol.kid(generated, real, options.kid).map_err(unusable)?;
            if let Some(asked) = kid.shrunk_from {
                tracing::warn!(
                    "KID: subsets of {} pictures instead of {asked}: a set has no more (--kid-subset-size)",
                    kid.subset_size
                );
            }
            if kid.subsets > 1 && kid.subset_size == generated.count() && kid.subset_size == real.count() {
                tracing::warn!(
                    "KID: every subset is the whole of both sets, so the spread is 0 and says nothing (--kid-subset-size)"
                );
            }
            result = result.with_kid(&kid);
        }
        Metric::Fid => {
            let real = &sets.real.1[at(sets.real)?];
            let least = generated.count().min(real.count());
            if least < RELIABLE_COUNT {
                tracing::warn!(
                    "FID of {least} pictures is unreliable: it depends on their number below {RELIABLE_COUNT}; prefer KID"
                );
            }
            result.value = fid(generated, real, Divisor::Unbiased).map_err(unusable)?;
        }
        Metric::Is => {
            let score = inception_score(generated, Order::Permuted(options.protocol.numpy_seed())).map_err(unusable)?;
            result.value = score.mean;
            result.std = Some(score.std);
            result.real = None;
            result.real_count = None;
        }
    }
    Ok(result)
}

/// The first or, with `-n`, a drawn part of the pictures, in their order.
fn select<'a>(source: &'a dyn PictureSource, options: &Options, flag: &str) -> Result<Selection<'a>> {
    let available = source.len();
    let indices = match options.count {
        None => (0..available).collect(),
        Some(n) if n > available => {
            return Err(UsageError(format!("-n {n}: {flag} {} has only {available} pictures", source.origin())).into());
        }
        Some(n) => {
            let mut drawn: Vec<usize> = rng::stream(options.seed, &format!("evaluate {flag}"), 0).permutation(available)[..n]
                .iter()
                .map(|&i| i as usize)
                .collect();
            drawn.sort_unstable();
            drawn
        }
    };
    Ok(Selection::new(source, indices))
}

/// The network that features come from.
fn network(choice: &NetworkChoice, seed: u64, device: &Device) -> Result<Inception> {
    let load = |path: &std::path::Path| {
        Inception::load(path, device).map_err(|e| match e {
            WeightsError::File(e) => anyhow::Error::from(e),
            damaged => DataError(one_line(&damaged)).into(),
        })
    };
    match choice {
        NetworkChoice::Random => {
            tracing::warn!("--features random: an untrained network; the numbers are no measure of quality");
            Ok(Inception::random(seed, device))
        }
        NetworkChoice::File(path) => load(path),
        NetworkChoice::Stored => {
            let path = INCEPTION.find()?;
            let inception = load(&path)?;
            if inception.weights().sha256() != Some(INCEPTION.sha256) {
                let text =
                    format!("{} is not the published file (its SHA-256 differs): run `evaluate weights --fetch`", path.display());
                return Err(DataError(text).into());
            }
            Ok(inception)
        }
    }
}
