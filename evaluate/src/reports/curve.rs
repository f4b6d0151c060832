//! `evaluate curve`: the metrics of every checkpoint of a run, against kimg.

use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Map, Value, json};
use shared::cli::UsageError;
use shared::fs;
use shared::metrics::kid::{Batches, Subsets};
use shared::nn::run::{Run, Which};
use shared::table::aligned;

use super::checkpoints::{LogQuery, measure_missing};
use super::curve_plot::{Point, best, draw, series};
use crate::features::lab::Lab;
use crate::measure::{Comparison, MeasureOptions};
use crate::protocols::protocol::KidRule;
use crate::protocols::{Metric, Protocol};

/// Default name of the plot, in the run's folder.
const PLOT: &str = "metrics.png";

/// The options of `evaluate curve`.
#[derive(Clone, Debug)]
pub struct CurveOptions {
    /// The measurement of each checkpoint of the run `fake`.
    pub measure: MeasureOptions,
    /// The one protocol of the conventions.
    pub protocol: &'static Protocol,
    /// The plot to write; `None` for `metrics.png` in the run's folder.
    pub out: Option<PathBuf>,
    /// Print JSON instead of a table.
    pub json: bool,
}

/// Runs `evaluate curve`.
///
/// # Errors
/// When the run or the pictures cannot be read, or the plot cannot be written.
pub fn run(options: &CurveOptions) -> Result<()> {
    let (measure, protocol) = (&options.measure, options.protocol);
    let run = Run::open(&measure.fake)?;
    let lab = Lab::open(measure.conventions.clone())?;
    let comparison = Comparison::open(&lab, measure)?;
    let names: Vec<(Metric, String)> = measure
        .metrics
        .iter()
        .map(|&metric| {
            let layer = lab.conventions.layer(protocol, metric)?;
            Ok((metric, format!("{metric}{}", lab.conventions.suffix(protocol, metric, layer))))
        })
        .collect::<Result<_, UsageError>>()?;
    let mut facts: Vec<(String, Map<String, Value>)> = Vec::new();
    for (metric, name) in &names {
        facts.push((name.clone(), facts_of(&comparison, protocol, *metric, measure)?));
    }
    let same = |name: &str| {
        let found = facts.iter().find(|(n, _)| n == name);
        found.map(|(_, facts)| facts.clone()).unwrap_or_default()
    };
    let labels: Vec<String> = names.iter().map(|(_, name)| name.clone()).collect();
    let query = LogQuery { run: &run, metrics: &labels, same: &same };
    let points = measure_missing(&query, |step, missing| {
        let missing = names.iter().filter(|(_, name)| missing.contains(name));
        let metrics = missing.map(|(metric, _)| *metric).collect();
        let of_step = MeasureOptions { checkpoint: Which::Step(step), metrics, ..measure.clone() };
        comparison.measure(&of_step)?.whole()
    })?;
    present(options, &points)
}

/// The fields that every line of `metric` has in this comparison.
///
/// # Errors
/// When a picture or the weights cannot be read.
fn facts_of(
    comparison: &Comparison<'_>,
    protocol: &Protocol,
    metric: Metric,
    options: &MeasureOptions,
) -> Result<Map<String, Value>> {
    let mut facts = Map::new();
    let layer = comparison.lab().conventions.layer(protocol, metric)?;
    let network = comparison.lab().network(layer.network)?;
    facts.insert("weights_sha256".into(), json!(network.weights().sha256()));
    facts.insert("real_count".into(), json!(comparison.real_count()));
    // A line without a spread, or with one over another number of halves, is another measurement.
    if matches!(metric, Metric::Fid | Metric::Mind) {
        facts.insert(
            "std_count".into(),
            json!((options.repeats.0 > 0).then_some(options.repeats.0)),
        );
    }
    if metric == Metric::Kid {
        let least = comparison.real_count().unwrap_or(usize::MAX).min(comparison.generated_count());
        if let Some(KidRule::Subsets { .. }) = protocol.kid {
            facts.insert("subsets".into(), json!(Subsets::default().count));
            facts.insert("subset_size".into(), json!(Subsets::default().size.min(least).max(2)));
        } else {
            facts.insert("subset_size".into(), json!(Batches::default().size.min(least).max(2)));
        }
    }
    facts.insert("protocol".into(), json!(protocol.name));
    facts.insert("seed".into(), json!(comparison.lab().conventions.seed));
    facts.insert("real_content".into(), json!(comparison.real_content()?));
    facts.insert("generated_count".into(), json!(comparison.generated_count()));
    Ok(facts)
}

/// Writes the plot and prints the points.
fn present(options: &CurveOptions, points: &[Point]) -> Result<()> {
    let run = &options.measure.fake;
    let name = run.file_name().unwrap_or(run.as_os_str()).to_string_lossy();
    let path = options.out.clone().unwrap_or_else(|| run.join(PLOT));
    fs::create_folder_for(&path)?;
    fs::write(&path, &draw(&name, points).to_png()?)?;
    tracing::info!("plot written to {}", path.display());
    let text = match options.json {
        true => points
            .iter()
            .map(|point| Ok(serde_json::to_string(point)? + "\n"))
            .collect::<Result<String>>()?,
        false => table(points),
    };
    Ok(shared::cli::print(&text)?)
}

/// One line per checkpoint, one column per metric and protocol; the best value of a column has a
/// star.
#[must_use]
pub fn table(points: &[Point]) -> String {
    let columns = series(points);
    let mut heading = vec!["step".to_owned(), "kimg".to_owned()];
    heading.extend(columns.iter().map(|of| format!("{} ({})", of[0].metric, of[0].protocol)));
    let mut steps: Vec<(u64, f64)> = points.iter().map(|point| (point.step, point.kimg)).collect();
    steps.sort_by_key(|(step, _)| *step);
    steps.dedup_by_key(|(step, _)| *step);
    let bests: Vec<Option<u64>> = columns.iter().map(|of| best(of).map(|i| of[i].step)).collect();
    let mut lines = vec![heading];
    for (step, kimg) in steps {
        let mut line = vec![step.to_string(), format!("{kimg:.1}")];
        for (of, best) in columns.iter().zip(&bests) {
            let star = if *best == Some(step) { " *" } else { "" };
            line.push(of.iter().find(|point| point.step == step).map_or_else(
                || "–".into(),
                |point| match point.std {
                    Some(std) => format!("{:.6} ± {std:.6}{star}", point.value),
                    None => format!("{:.6}{star}", point.value),
                },
            ));
        }
        lines.push(line);
    }
    aligned(&lines)
}
