//! The measurements of a run's checkpoints. Lines of `metrics.jsonl` are reused, so nothing is
//! measured twice and an interrupted command resumes.
//!
//! It is not responsible for measuring a checkpoint: its caller passes a function.

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde_json::{Map, Value};
use shared::cli::one_line;
use shared::jsonl::{self, JsonLines};
use shared::nn::checkpoint::{Checkpoint, Meta};
use shared::nn::run::Run;

use super::curve_plot::Point;
use crate::inputs::run::AVERAGED_GENERATOR;

/// The log of a run's measurements, one metric per line.
const LOG: &str = "metrics.jsonl";

/// The field with the checksum of the averaged generator, which tells checkpoints of the same step
/// apart.
const CHECKSUM: &str = "checkpoint_crc32";

/// The measurements wanted, and the lines of `metrics.jsonl` that count as one of them.
#[derive(Clone, Copy)]
pub struct LogQuery<'a> {
    /// The run.
    pub run: &'a Run,
    /// The metrics' names in `metrics.jsonl`.
    pub metrics: &'a [String],
    /// The fields of a metric's line that identify the measurement: protocol, SHA-256 of the
    /// weights, counts, seed, content of the real set. A field that is null here must be absent
    /// there. Fields that begin with `real` are ignored for lines without a real set: metrics of
    /// the generated pictures alone.
    pub same: &'a dyn Fn(&str) -> Map<String, Value>,
}

/// Measures what `metrics.jsonl` lacks, appends it checkpoint by checkpoint, and returns all points
/// by step.
///
/// `measure` takes a step and its missing metrics, and returns one line for each. Points of
/// checkpoints that no longer exist are included. A damaged checkpoint is skipped with a warning.
///
/// # Errors
/// When the run cannot be read, its log cannot be written, or a measurement fails or is not the one
/// wanted.
pub fn measure_missing<T: Serialize>(
    query: &LogQuery<'_>,
    mut measure: impl FnMut(u64, &[String]) -> Result<Vec<T>>,
) -> Result<Vec<Point>> {
    let path = query.run.file(LOG);
    let mut known = jsonl::read(&path)?;
    known.retain(|line| query.matches(line));
    let mut log = JsonLines::open(&path, |_| true)?;
    let steps = query.run.steps()?;
    let mut kimg_of_step = None;
    for (number, &step) in (1..).zip(&steps) {
        let meta = match Checkpoint::open(&query.run.checkpoint_folder(step)) {
            Ok(checkpoint) => checkpoint.meta,
            Err(damage) if damage.is_damage() => {
                tracing::warn!("{}: the checkpoint is skipped", one_line(&damage));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        kimg_of_step = Some(kimg(&meta, 1));
        let checksum = meta.files.get(AVERAGED_GENERATOR).map(|file| file.crc32.as_str());
        // A run that was rolled back and trained again has other weights at the same step.
        known.retain(|line| line["step"] != step || line[CHECKSUM].as_str() == checksum);
        let has = |metric: &str| {
            known.iter().any(|line| line["step"] == step && line["metric"] == metric)
        };
        let missing: Vec<String> =
            query.metrics.iter().filter(|metric| !has(metric)).cloned().collect();
        if missing.is_empty() {
            continue;
        }
        tracing::info!(
            "checkpoint {number} of {}: {} after step {step}",
            steps.len(),
            missing.join(", ")
        );
        let measured =
            measure(step, &missing).with_context(|| format!("the checkpoint of step {step}"))?;
        for line in measured {
            let mut line = serde_json::to_value(line)?;
            line["step"] = step.into();
            if let (Some(checksum), None) = (checksum, line.get(CHECKSUM)) {
                line[CHECKSUM] = checksum.into();
            }
            query.check(&line, &missing)?;
            log.push(&line)?;
            known.push(line);
        }
        log.sync()?;
    }
    let kimg_of_step = kimg_of_step
        .with_context(|| format!("{} has no intact checkpoint", query.run.folder().display()))?;
    points(&known, kimg_of_step)
}

impl LogQuery<'_> {
    /// Reports if a line of the log is one of the measurements.
    fn matches(&self, line: &Value) -> bool {
        let metric =
            line["metric"].as_str().is_some_and(|name| self.metrics.iter().any(|m| m == name));
        let complete =
            line["step"].is_u64() && line["value"].is_number() && line["class"].is_null();
        metric && complete && self.difference(line).is_none()
    }

    /// The first field in which a line is another measurement.
    fn difference(&self, line: &Value) -> Option<(String, Value)> {
        let without_real = line["real"].is_null();
        let same = (self.same)(line["metric"].as_str().unwrap_or_default());
        // Indexing returns null for an absent field.
        same.into_iter()
            .filter(|(key, _)| !(without_real && key.starts_with("real")))
            .find(|(key, value)| line[key] != *value)
    }

    /// Checks that a new line will match the next time.
    fn check(&self, line: &Value, missing: &[String]) -> Result<()> {
        if let Some((key, wanted)) = self.difference(line) {
            bail!("the measurement is not the one wanted: {key} is {}, not {wanted}", line[&key]);
        }
        if !missing.iter().any(|metric| line["metric"] == metric.as_str()) {
            bail!("{} was measured but not wanted", line["metric"]);
        }
        Ok(())
    }
}

/// Thousands of real pictures that the discriminator has seen after `step` steps.
fn kimg(meta: &Meta, step: u64) -> f64 {
    let schedule = &meta.config.settings.schedule;
    (step * (schedule.batch * schedule.discriminator_steps) as u64) as f64 / 1000.0
}

/// The lines as points, by step; the last line of each step and metric counts.
fn points(lines: &[Value], kimg_of_step: f64) -> Result<Vec<Point>> {
    let mut points: Vec<Point> = Vec::new();
    for line in lines.iter().rev() {
        let text = |key: &str| {
            line[key]
                .as_str()
                .with_context(|| format!("a line of {LOG} has no {key}"))
                .map(str::to_owned)
        };
        let step = line["step"].as_u64().with_context(|| format!("a line of {LOG} has no step"))?;
        // JSON has null for a value that is not finite.
        let value = line["value"].as_f64().unwrap_or(f64::NAN);
        let (metric, protocol) = (text("metric")?, text("protocol")?);
        let is_new = |p: &Point| (p.step, &p.metric, &p.protocol) != (step, &metric, &protocol);
        if points.iter().all(is_new) {
            let kimg = step as f64 * kimg_of_step;
            points.push(Point { step, kimg, metric, protocol, value, std: line["std"].as_f64() });
        }
    }
    points.reverse();
    points.sort_by_key(|point| point.step);
    Ok(points)
}
