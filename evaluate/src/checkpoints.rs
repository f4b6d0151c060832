//! `evaluate curve` put together: a comparison with one real side, made with every checkpoint of a run.

use anyhow::Result;
use serde_json::{Map, Value, json};
use shared::cli::UsageError;
use shared::nn::run::{Run, Which};

use crate::args::{Options, Repeats, metrics};
use crate::curve::{CurveArgs, Plan, measure_missing, present};
use crate::lab::Lab;
use crate::measure::Comparison;
use crate::metric::{Metric, Needs};

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
        return Err(UsageError(format!("--metrics {metric}: a curve shows kid, fid, fid-inf, is, mind or ct")).into());
    }
    let run = Run::open(&args.run)?;
    let lab = Lab::open(conventions.clone())?;
    let base = Options {
        real: Some(args.real.clone()),
        split: args.split.clone(),
        metrics: wanted.clone(),
        count: args.count,
        generate: args.generate,
        repeats: Repeats(args.repeats),
        ..Options::of(&args.run, conventions.clone())
    };
    let comparison = Comparison::open(&lab, &base)?;
    let names: Vec<(Metric, String)> = wanted
        .iter()
        .map(|&metric| {
            Ok((metric, format!("{metric}{}", conventions.suffix(protocol, metric, conventions.source(protocol, metric)?))))
        })
        .collect::<Result<_, UsageError>>()?;
    let same: Map<String, Value> = comparison.facts(protocol)?;
    let labels: Vec<String> = names.iter().map(|(_, name)| name.clone()).collect();
    let rows = measure_missing(&Plan { run: &run, metrics: &labels, same: &same }, |step, missing| {
        let metrics = names.iter().filter(|(_, name)| missing.contains(name)).map(|(metric, _)| *metric).collect();
        comparison.measure(&Options { checkpoint: Which::Step(step), metrics, ..base.clone() })?.whole()
    })?;
    present(args, &rows)
}

impl Comparison<'_> {
    /// What every line of this comparison under `protocol` says.
    ///
    /// # Errors
    /// When the weights are not there.
    fn facts(&self, protocol: &crate::protocol::Protocol) -> Result<Map<String, Value>> {
        let mut facts = Map::new();
        facts.insert("protocol".into(), json!(protocol.name));
        facts.insert("seed".into(), json!(self.lab().conventions.seed));
        facts.insert("real_content".into(), json!(self.real_content()?));
        facts.insert("generated_count".into(), json!(self.generated_count()));
        Ok(facts)
    }
}
