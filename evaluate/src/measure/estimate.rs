//! Features → estimates: each metric by the rules of its protocol, with its spread.

use anyhow::Result;
use serde_json::{Map, Value, json};
use shared::cli::{DataError, UsageError, one_line};
use shared::metrics::features::{self, Features, FeaturesError};
use shared::metrics::kid::{self, Batches, Kid, Subsets};

use super::measurement::SpreadOver;
use super::options::MeasureOptions;
use crate::features::side::Taken;
use crate::metrics::authenticity::{Authenticity, Distances};
use crate::metrics::ct::{self, Cells, CtError};
use crate::metrics::fid::{self, Moments, RELIABLE_COUNT, Reference};
use crate::metrics::fid_infinity::{Sizes, fid_infinity};
use crate::metrics::isc::{Order, inception_score};
use crate::metrics::mind::mind;
use crate::metrics::prdc;
use crate::metrics::spread::{self, Halves};
use crate::metrics::subset::subset;
use crate::protocols::protocol::{KidRule, ManifoldRule, TORCH_FIDELITY_SEED};
use crate::protocols::{Metric, Protocol};

/// The inputs of a metric.
pub struct Inputs<'a> {
    /// Features of the generated pictures.
    pub generated: &'a Taken,
    /// Features of the real pictures.
    pub real: Option<&'a Taken>,
    /// Features of the training pictures.
    pub training: Option<&'a Taken>,
}

/// Subsets or batches of a KID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KidSubsets {
    /// Their number.
    pub count: usize,
    /// Pictures in each.
    pub size: usize,
    /// The size asked for, if a set was too small for it.
    pub asked: Option<usize>,
}

/// A value with its spread.
#[derive(Clone, Debug, Default)]
pub struct Estimate {
    /// The value's name.
    pub name: &'static str,
    /// The value.
    pub value: f64,
    /// Its spread.
    pub std: Option<f64>,
    /// The samples behind the spread.
    pub over: Option<SpreadOver>,
    /// Number of these samples.
    pub count: Option<usize>,
    /// Subsets of a KID.
    pub subsets: Option<KidSubsets>,
    /// Further fields of the metric.
    pub details: Map<String, Value>,
}

/// The estimates of a metric under a protocol that defines it.
///
/// # Errors
/// When a side has only statistics but rows are needed, or too few pictures.
pub fn estimates(
    metric: Metric,
    protocol: &Protocol,
    inputs: &Inputs<'_>,
    options: &MeasureOptions,
) -> Result<Vec<Estimate>> {
    let unusable =
        |e: FeaturesError| anyhow::Error::from(DataError(format!("{metric}: {}", one_line(&e))));
    let missing = |flag: &str| UsageError(format!("--metrics {metric}: {flag} is needed"));
    let real = || inputs.real.ok_or_else(|| missing("--real"));
    if metric == Metric::Fid {
        return fid_estimates(protocol, inputs.generated, real()?, options).map_err(unusable);
    }
    let generated = inputs.generated.rows(metric, "--fake")?;
    if metric == Metric::Is {
        return score_estimates(protocol, generated).map_err(unusable);
    }
    let real = real()?.rows(metric, "--real")?;
    let training = || -> Result<&Features> {
        Ok(inputs.training.ok_or_else(|| missing("--train"))?.rows(metric, "--train")?)
    };
    match metric {
        Metric::Kid => kid_estimates(protocol, generated, real, options).map_err(unusable),
        Metric::FidInfinity => {
            infinity_estimates(protocol, generated, real, options).map_err(unusable)
        }
        Metric::Prdc => prdc_estimates(protocol, generated, real, options).map_err(unusable),
        Metric::Mind => mind_estimates(generated, real, options).map_err(unusable),
        Metric::Authenticity => {
            authenticity_estimates(generated, training()?, real, options).map_err(unusable)
        }
        Metric::Ct => ct_estimates(generated, training()?, real, options),
        Metric::Fid | Metric::Is | Metric::Ppl | Metric::PathLength(_) => Ok(Vec::new()),
    }
}

type Estimates = Result<Vec<Estimate>, FeaturesError>;

/// numpy's seed: the protocol's, or the user's, which was checked to fit.
fn numpy_seed(fixed: Option<u32>, options: &MeasureOptions) -> u32 {
    fixed.unwrap_or(options.conventions.seed as u32)
}

fn kid_estimates(
    protocol: &Protocol,
    generated: &Features,
    real: &Features,
    options: &MeasureOptions,
) -> Estimates {
    let (kid, over): (Kid, SpreadOver) = match protocol.kid {
        Some(KidRule::Subsets { seed, first }) => {
            let default = Subsets::default();
            let subsets = Subsets {
                count: options.kid_subsets.unwrap_or(default.count),
                size: options.kid_subset_size.unwrap_or(default.size),
                seed: numpy_seed(seed, options),
                first,
            };
            (kid::over_subsets(generated, real, subsets)?, SpreadOver::Subsets)
        }
        Some(KidRule::Batches) | None => {
            let size = options.kid_subset_size.unwrap_or(Batches::default().size);
            let batches = Batches { size, seed: options.conventions.seed };
            (kid::over_batches(generated, real, batches)?, SpreadOver::Batches)
        }
    };
    if let Some(asked) = kid.shrunk_from {
        let size = kid.subset_size;
        tracing::warn!(
            "KID: subsets of {size} pictures instead of {asked}: a set has no more (--kid-subset-size)"
        );
    }
    if kid.subsets > 1 && kid.subset_size == generated.count() && kid.subset_size == real.count() {
        tracing::warn!(
            "KID: every subset is both whole sets, so the spread of 0 is meaningless (--kid-subset-size)"
        );
    }
    Ok(vec![Estimate {
        name: "kid",
        value: kid.mean,
        // One subset or batch has no spread.
        std: (kid.subsets > 1).then_some(kid.std),
        over: (kid.subsets > 1).then_some(over),
        count: (kid.subsets > 1).then_some(kid.subsets),
        subsets: Some(KidSubsets {
            count: kid.subsets,
            size: kid.subset_size,
            asked: kid.shrunk_from,
        }),
        ..Estimate::default()
    }])
}

fn fid_estimates(
    protocol: &Protocol,
    generated: &Taken,
    real: &Taken,
    options: &MeasureOptions,
) -> Estimates {
    let divisor = protocol.fid.unwrap_or_default();
    let counted =
        |taken: &Taken| if let Taken::Rows(rows) = taken { rows.count() } else { usize::MAX };
    let least = counted(generated).min(counted(real));
    if least < RELIABLE_COUNT {
        tracing::warn!(
            "FID of {least} pictures is unreliable: it depends on the count below {RELIABLE_COUNT}; prefer KID"
        );
    }
    let (a, b) = match (generated, real) {
        (Taken::Rows(a), Taken::Rows(b)) => (a, b),
        (Taken::Gaussian(a), Taken::Gaussian(b)) => {
            return Ok(vec![Estimate {
                name: "fid",
                value: fid::frechet(a.clone(), b.clone())?,
                ..Estimate::default()
            }]);
        }
        // The distance is symmetric.
        (Taken::Rows(rows), Taken::Gaussian(fixed))
        | (Taken::Gaussian(fixed), Taken::Rows(rows)) => {
            features::check_one("given", rows, 2)?;
            let fixed = Reference::new(Moments::from(fixed.clone()))?;
            let of_half =
                |rows: &Features, _: &Features| Ok([fixed.distance(&Moments::of(rows, divisor))?]);
            return with_halves(["fid"], rows, rows, options, of_half);
        }
    };
    let fid = |a: &Features, b: &Features| Ok([fid::fid(a, b, divisor)?]);
    with_halves(["fid"], a, b, options, fid)
}

fn infinity_estimates(
    protocol: &Protocol,
    generated: &Features,
    real: &Features,
    options: &MeasureOptions,
) -> Estimates {
    let sizes = Sizes { seed: numpy_seed(None, options), ..Sizes::default() };
    let line = fid_infinity(generated, real, sizes, protocol.fid.unwrap_or_default())?;
    if let Some((first, _)) = line.points.first().filter(|(n, _)| *n < RELIABLE_COUNT) {
        tracing::warn!(
            "FID∞ from {first} pictures is unreliable: FID is linear in 1/N only for thousands; use a larger --generate"
        );
    }
    let mut details = Map::new();
    details.insert("slope".into(), json!(line.slope));
    details.insert("points".into(), json!(line.points));
    let count = Some(line.points.len());
    Ok(vec![Estimate {
        name: "fid-inf",
        value: line.value,
        std: Some(line.standard_error),
        over: Some(SpreadOver::Line),
        count,
        details,
        ..Estimate::default()
    }])
}

fn score_estimates(protocol: &Protocol, logits: &Features) -> Estimates {
    let order = protocol.isc.unwrap_or(Order::Permuted(TORCH_FIDELITY_SEED));
    let score = inception_score(logits, order)?;
    let std = Some(score.std);
    let count = Some(crate::metrics::isc::SPLITS);
    Ok(vec![Estimate {
        name: "is",
        value: score.mean,
        std,
        over: Some(SpreadOver::Splits),
        count,
        ..Estimate::default()
    }])
}

fn prdc_estimates(
    protocol: &Protocol,
    generated: &Features,
    real: &Features,
    options: &MeasureOptions,
) -> Estimates {
    let by_prdc = |k: usize| {
        move |a: &Features, b: &Features| {
            prdc::prdc(a, b, k).map(|v| [v.precision, v.recall, v.density, v.coverage])
        }
    };
    let prdc_k = options.neighbours.unwrap_or(prdc::PRDC_NEIGHBOUR);
    if protocol.prdc != Some(ManifoldRule::TorchFidelity) {
        let estimates = with_halves(
            ["precision", "recall", "density", "coverage"],
            generated,
            real,
            options,
            by_prdc(prdc_k),
        )?;
        return Ok(estimates.into_iter().map(|e| e.with("neighbours", json!(prdc_k))).collect());
    }
    let k = options.neighbours.unwrap_or(prdc::NEIGHBOUR);
    let manifold = |a: &Features, b: &Features| {
        prdc::precision_recall(a, b, k).map(|v| [v.precision, v.recall, v.f_score])
    };
    let estimates =
        with_halves(["precision", "recall", "f-score"], generated, real, options, manifold)?;
    let mut estimates: Vec<Estimate> =
        estimates.into_iter().map(|e| e.with("neighbours", json!(k))).collect();
    let all = with_halves(
        ["precision", "recall", "density", "coverage"],
        generated,
        real,
        options,
        by_prdc(prdc_k),
    )?;
    estimates.extend(all.into_iter().skip(2).map(|e| e.with("neighbours", json!(prdc_k))));
    Ok(estimates)
}

fn mind_estimates(generated: &Features, real: &Features, options: &MeasureOptions) -> Estimates {
    let estimates = with_halves(["mind"], generated, real, options, |a, b| {
        Ok([mind(a, b, TORCH_FIDELITY_SEED)?.value])
    })?;
    // The larger set is cut to the size of the smaller.
    let count = generated.count().min(real.count());
    Ok(estimates.into_iter().map(|e| e.with("pictures", json!(count))).collect())
}

fn authenticity_estimates(
    generated: &Features,
    training: &Features,
    held_out: &Features,
    options: &MeasureOptions,
) -> Estimates {
    let names =
        ["authpct", "nearest-training", "nearest-training-of-held-out", "nearer-to-training"];
    let values =
        |of: Authenticity| [of.percent, of.generated_median, of.held_out_median, of.nearer_percent];
    let mut distances = Distances::new(generated, training, held_out, options.conventions.seed)?;
    let whole = values(distances.whole());
    let counts = (generated.count(), held_out.count());
    Ok(spread_estimates(names, whole, counts, options, |half| distances.half(half).map(values)))
}

fn ct_estimates(
    generated: &Features,
    training: &Features,
    held_out: &Features,
    options: &MeasureOptions,
) -> Result<Vec<Estimate>> {
    let cells = Cells { count: options.cells, seed: options.conventions.seed, ..Cells::default() };
    let found = ct::ct(generated, training, held_out, cells)
        .map_err(|e: CtError| DataError(format!("ct: {} (--cells)", one_line(&e))))?;
    let mut details = Map::new();
    details
        .insert("cells".into(), json!(found.cells.iter().map(|cell| cell.z).collect::<Vec<_>>()));
    details.insert(
        "cells_counted".into(),
        json!(found.cells.iter().filter(|cell| cell.counts).count()),
    );
    Ok(vec![Estimate { name: "ct", value: found.value, details, ..Estimate::default() }])
}

/// Values of the whole sets, with their spread over random halves of both.
fn with_halves<const N: usize>(
    names: [&'static str; N],
    generated: &Features,
    real: &Features,
    options: &MeasureOptions,
    values: impl Fn(&Features, &Features) -> Result<[f64; N], FeaturesError>,
) -> Estimates {
    let whole = values(generated, real)?;
    let of_half =
        |half: &Halves| values(&subset(generated, &half.generated), &subset(real, &half.real));
    Ok(spread_estimates(names, whole, (generated.count(), real.count()), options, of_half))
}

/// The values `whole` with their spread over random halves of `counts` generated and real pictures.
fn spread_estimates<const N: usize>(
    names: [&'static str; N],
    whole: [f64; N],
    counts: (usize, usize),
    options: &MeasureOptions,
    of_half: impl FnMut(&Halves) -> Result<[f64; N], FeaturesError>,
) -> Vec<Estimate> {
    let repeats = options.repeats.0;
    let spread = match repeats {
        0 => None,
        _ => match spread::spread(counts, repeats as u64, options.conventions.seed, of_half) {
            Ok(spread) => Some(spread),
            Err(why) => {
                let names = names.join(", ");
                tracing::warn!(
                    "{names}: no spread: half of the pictures are too few: {}",
                    one_line(&why)
                );
                None
            }
        },
    };
    let estimate = |i: usize| Estimate {
        name: names[i],
        value: whole[i],
        std: spread.as_ref().map(|s| s[i]),
        over: spread.as_ref().map(|_| SpreadOver::Halves),
        count: spread.as_ref().map(|_| repeats),
        ..Estimate::default()
    };
    (0..N).map(estimate).collect()
}

impl Estimate {
    /// The value minus and plus 1.96 standard errors, if the spread is a standard error.
    #[must_use]
    pub fn interval(&self) -> Option<[f64; 2]> {
        let error = self
            .std
            .filter(|_| matches!(self.over, Some(SpreadOver::Halves | SpreadOver::Line)))?;
        Some([self.value - 1.96 * error, self.value + 1.96 * error])
    }

    fn with(mut self, key: &str, value: Value) -> Self {
        self.details.insert(key.into(), value);
        self
    }
}
