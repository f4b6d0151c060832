//! `evaluate curve` put together: a comparison with one real side, made with every checkpoint of a run.

use anyhow::Result;
use serde_json::{Map, Value, json};
use shared::cli::UsageError;
use shared::metrics::kid::{Batches, Subsets};
use shared::nn::run::{Run, Which};

use crate::args::{Options, Repeats, at_least, metrics};
use crate::curve::{CurveArgs, Plan, measure_missing, present};
use crate::lab::Lab;
use crate::measure::Comparison;
use crate::metric::{Metric, Needs};
use crate::protocol::{KidRule, Protocol};

/// Carries out `evaluate curve`.
///
/// # Errors
/// When the run or the pictures cannot be read, or nothing can be written.
pub fn run(args: &CurveArgs) -> Result<()> {
    let conventions = args.conventions.clone().check()?;
    let [protocol] = conventions.protocols[..] else {
        return Err(UsageError("--protocol: one curve follows one protocol; repeat the command for another".into()).into());
    };
    let wanted = metrics(&args.metrics, &[protocol])?;
    // Metrics of several rows could not be told apart from missing ones.
    let single =
        |metric: &Metric| metric.needs() != Needs::Generator && *metric != Metric::Prdc && *metric != Metric::Authenticity;
    if let Some(metric) = wanted.iter().find(|metric| !single(metric)) {
        return Err(UsageError(format!("--metrics {metric}: a curve shows kid, fid, fid-inf, is and mind")).into());
    }
    let run = Run::open(&args.run)?;
    let lab = Lab::open(conventions.clone())?;
    let base = Options {
        real: Some(args.real.clone()),
        split: args.split.clone(),
        metrics: wanted.clone(),
        count: at_least(args.count, 2, "-n")?,
        generate: at_least(args.generate, 2, "--generate")?,
        repeats: Repeats::of(args.repeats)?,
        ..Options::of(&args.run, conventions.clone())
    };
    let comparison = Comparison::open(&lab, &base)?;
    let names: Vec<(Metric, String)> = wanted
        .iter()
        .map(|&metric| {
            Ok((metric, format!("{metric}{}", conventions.suffix(protocol, metric, conventions.source(protocol, metric)?))))
        })
        .collect::<Result<_, UsageError>>()?;
    let mut facts: Vec<(String, Map<String, Value>)> = Vec::new();
    for (metric, name) in &names {
        facts.push((name.clone(), comparison.facts(protocol, *metric, &base)?));
    }
    let same = |name: &str| facts.iter().find(|(n, _)| n == name).map(|(_, facts)| facts.clone()).unwrap_or_default();
    let labels: Vec<String> = names.iter().map(|(_, name)| name.clone()).collect();
    let rows = measure_missing(&Plan { run: &run, metrics: &labels, same: &same }, |step, missing| {
        let metrics = names.iter().filter(|(_, name)| missing.contains(name)).map(|(metric, _)| *metric).collect();
        comparison.measure(&Options { checkpoint: Which::Step(step), metrics, ..base.clone() })?.whole()
    })?;
    present(args, &rows)
}

impl Comparison<'_> {
    /// What every line of `metric` under `protocol` says in this comparison.
    ///
    /// # Errors
    /// When a picture or the weights cannot be read.
    fn facts(&self, protocol: &Protocol, metric: Metric, options: &Options) -> Result<Map<String, Value>> {
        let mut facts = Map::new();
        let source = self.lab().conventions.source(protocol, metric)?;
        let network = self.lab().network(source.network)?;
        facts.insert("weights_sha256".into(), json!(network.weights().sha256()));
        facts.insert("real_count".into(), json!(self.real_count()));
        // A line without a spread, or with one over fewer halves, is another's.
        if matches!(metric, Metric::Fid | Metric::Mind) {
            facts.insert("std_count".into(), json!((options.repeats.0 > 0).then_some(options.repeats.0)));
        }
        if metric == Metric::Kid {
            let least = self.real_count().unwrap_or(usize::MAX).min(self.generated_count());
            if let Some(KidRule::Subsets { .. }) = protocol.kid {
                facts.insert("subsets".into(), json!(Subsets::default().count));
                facts.insert("subset_size".into(), json!(Subsets::default().size.min(least).max(2)));
            } else {
                facts.insert("subset_size".into(), json!(Batches::default().size.min(least).max(2)));
            }
        }
        facts.insert("protocol".into(), json!(protocol.name));
        facts.insert("seed".into(), json!(self.lab().conventions.seed));
        facts.insert("real_content".into(), json!(self.real_content()?));
        facts.insert("generated_count".into(), json!(self.generated_count()));
        Ok(facts)
    }
}
