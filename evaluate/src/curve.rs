//! `evaluate curve`: the metrics of every checkpoint that a run keeps, against kimg. What `metrics.jsonl` holds already is taken
//! from there, so nothing is measured twice, and a command that was killed half way goes on where it stopped.
//!
//! It is not responsible for measuring one checkpoint: who calls it is.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value};
use shared::cli::one_line;
use shared::fs;
use shared::jsonl::{self, JsonLines};
use shared::nn::checkpoint::{Checkpoint, Meta};
use shared::nn::run::Run;
use shared::table::aligned;

use crate::args::ConventionsArgs;
use crate::metric::Metric;
use crate::plots::curve::{Row, best, curve, series};

/// What is measured of a run, a metric a line.
const LOG: &str = "metrics.jsonl";

/// The plot's name in the run's folder, unless another one is asked for.
const PLOT: &str = "metrics.png";

/// A checkpoint's file of the averaged generator, whose checksum tells checkpoints of one step apart.
const GENERATOR: &str = "ema.safetensors";

/// The field that holds this checksum.
const CHECKSUM: &str = "checkpoint_crc32";

const EXAMPLES: &str = "\
Examples:
  evaluate curve runs/birds --real birds64                       KID and FID of every checkpoint, runs/birds/metrics.png
  evaluate curve runs/birds --real birds64 --protocol clean-fid --metrics fid --out fid.png
  evaluate curve runs/birds --real birds64 --json                a line for each checkpoint and metric

A checkpoint that metrics.jsonl has the same measurement of is not measured again: a command that was stopped goes on, and
after more training only the new checkpoints are measured.";

/// Flags of `evaluate curve`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CurveArgs {
    /// Run of `train`
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Real pictures: a data set of `prep`, a folder, or a zip file
    #[arg(long, value_name = "DATASET|FOLDER|ZIP")]
    pub real: PathBuf,
    /// Metrics of features, separated by commas [default: all of kid,fid that the protocol defines]
    #[arg(long, value_delimiter = ',')]
    pub metrics: Vec<Metric>,
    /// Split of a data set
    #[arg(long, default_value = "val")]
    pub split: String,
    /// Take only this many real pictures, drawn under --seed [default: all]
    #[arg(short = 'n', value_name = "N")]
    pub count: Option<usize>,
    /// Pictures that every checkpoint makes [default: as many as there are real ones]
    #[arg(long, value_name = "N")]
    pub generate: Option<usize>,
    /// Random halves of both sets from which the spread of a value comes; 0 for none
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub repeats: usize,
    /// Where the plot goes [default: metrics.png in the run's folder]
    #[arg(long, value_name = "PNG")]
    pub out: Option<PathBuf>,
    /// What decides a number beside the pictures.
    #[command(flatten)]
    pub conventions: ConventionsArgs,
    /// Print one JSON object for each checkpoint and metric instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Which measurements are wanted.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// The run.
    pub run: &'a Run,
    /// The metrics' names as the lines of `metrics.jsonl` carry them.
    pub metrics: &'a [String],
    /// What a line of a metric must say to be the same measurement: protocol, SHA-256 of the weights, counts, seed, content of the real set.
    /// A field that is null here must be absent there. What begins with `real` is not asked of a metric of the generated pictures
    /// alone, whose lines name no real set.
    pub same: &'a dyn Fn(&str) -> Map<String, Value>,
}

/// Measures what `metrics.jsonl` lacks, appends it there, checkpoint by checkpoint, and gives all rows by step. `measure` is given a
/// step and the metrics that are missing of it, and gives a line for each. Rows of checkpoints that are gone by now are among them.
/// A damaged checkpoint is left out with a warning.
///
/// # Errors
/// When the run cannot be read or its log not be written, a measurement fails, or is not the one that was planned.
pub fn measure_missing<T: Serialize>(
    plan: &Plan<'_>,
    mut measure: impl FnMut(u64, &[String]) -> Result<Vec<T>>,
) -> Result<Vec<Row>> {
    let path = plan.run.file(LOG);
    let mut known = jsonl::read(&path)?;
    known.retain(|line| plan.takes(line));
    let mut log = JsonLines::open(&path, |_| true)?;
    let steps = plan.run.steps()?;
    let mut kimg_of_step = None;
    for (number, &step) in (1..).zip(&steps) {
        let meta = match Checkpoint::open(&plan.run.checkpoint_folder(step)) {
            Ok(checkpoint) => checkpoint.meta,
            Err(damage) if damage.is_damage() => {
                tracing::warn!("{}: it is left out", one_line(&damage));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        kimg_of_step = Some(kimg(&meta, 1));
        let checksum = meta.files.get(GENERATOR).map(|file| file.crc32.as_str());
        // A run that went back and took another way has other weights under the same step.
        known.retain(|line| line["step"] != step || line[CHECKSUM].as_str() == checksum);
        let has = |metric: &str| known.iter().any(|line| line["step"] == step && line["metric"] == metric);
        let missing: Vec<String> = plan.metrics.iter().filter(|metric| !has(metric)).cloned().collect();
        if missing.is_empty() {
            continue;
        }
        tracing::info!("checkpoint {number} of {}: {} after step {step}", steps.len(), missing.join(", "));
        let measured = measure(step, &missing).with_context(|| format!("the checkpoint of step {step}"))?;
        for line in measured {
            let mut line = serde_json::to_value(line)?;
            line["step"] = step.into();
            if let (Some(checksum), None) = (checksum, line.get(CHECKSUM)) {
                line[CHECKSUM] = checksum.into();
            }
            plan.check(&line, &missing)?;
            log.push(&line)?;
            known.push(line);
        }
        log.sync()?;
    }
    let kimg_of_step = kimg_of_step.with_context(|| format!("{} has no whole checkpoint", plan.run.folder().display()))?;
    rows(&known, kimg_of_step)
}

impl Plan<'_> {
    /// Whether a line of the log is one of the measurements.
    fn takes(&self, line: &Value) -> bool {
        let metric = line["metric"].as_str().is_some_and(|name| self.metrics.iter().any(|metric| metric == name));
        let whole = line["step"].is_u64() && line["value"].is_number() && line["class"].is_null();
        metric && whole && self.difference(line).is_none()
    }

    /// The first field in which a line is another measurement.
    fn difference(&self, line: &Value) -> Option<(String, Value)> {
        let alone = line["real"].is_null();
        let same = (self.same)(line["metric"].as_str().unwrap_or_default());
        // Indexing gives null for what is absent.
        same.into_iter().filter(|(key, _)| !(alone && key.starts_with("real"))).find(|(key, value)| line[key] != *value)
    }

    /// That a fresh line will be taken the next time.
    fn check(&self, line: &Value, missing: &[String]) -> Result<()> {
        if let Some((key, planned)) = self.difference(line) {
            bail!("the measurement is another than planned: {key} is {}, not {planned}", line[&key]);
        }
        if !missing.iter().any(|metric| line["metric"] == metric.as_str()) {
            bail!("{} was measured and is not wanted", line["metric"]);
        }
        Ok(())
    }
}

/// Thousands of real pictures that D had seen after `step` steps.
fn kimg(meta: &Meta, step: u64) -> f64 {
    let schedule = &meta.config.settings.schedule;
    (step * (schedule.batch * schedule.discriminator_steps) as u64) as f64 / 1000.0
}

/// The lines as rows, by step; of several of one step and metric the last.
fn rows(lines: &[Value], kimg_of_step: f64) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = Vec::new();
    for line in lines.iter().rev() {
        let text = |key: &str| line[key].as_str().with_context(|| format!("a line of {LOG} has no {key}")).map(str::to_owned);
        let step = line["step"].as_u64().with_context(|| format!("a line of {LOG} has no step"))?;
        // What is not finite is null in JSON.
        let value = line["value"].as_f64().unwrap_or(f64::NAN);
        let (metric, protocol) = (text("metric")?, text("protocol")?);
        if rows.iter().all(|row| (row.step, &row.metric, &row.protocol) != (step, &metric, &protocol)) {
            rows.push(Row { step, kimg: step as f64 * kimg_of_step, metric, protocol, value, std: line["std"].as_f64() });
        }
    }
    rows.reverse();
    rows.sort_by_key(|row| row.step);
    Ok(rows)
}

/// Draws the plot and prints the rows.
///
/// # Errors
/// When the plot cannot be written or stdout is gone.
pub fn present(args: &CurveArgs, rows: &[Row]) -> Result<()> {
    let name = args.run.file_name().unwrap_or(args.run.as_os_str()).to_string_lossy();
    let path = args.out.clone().unwrap_or_else(|| args.run.join(PLOT));
    fs::create_folder_for(&path)?;
    fs::write(&path, &curve(&name, rows).to_png()?)?;
    tracing::info!("{} shows them", path.display());
    let text = match args.json {
        true => rows.iter().map(|row| Ok(serde_json::to_string(row)? + "\n")).collect::<Result<String>>()?,
        false => table(rows),
    };
    Ok(shared::cli::print(&text)?)
}

/// A line for each checkpoint, a column for each metric under each protocol; the best of a column has a star.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let columns = series(rows);
    let mut heading = vec!["step".to_owned(), "kimg".to_owned()];
    heading.extend(columns.iter().map(|of| format!("{} ({})", of[0].metric, of[0].protocol)));
    let mut steps: Vec<(u64, f64)> = rows.iter().map(|row| (row.step, row.kimg)).collect();
    steps.sort_by_key(|(step, _)| *step);
    steps.dedup_by_key(|(step, _)| *step);
    let bests: Vec<Option<u64>> = columns.iter().map(|of| best(of).map(|i| of[i].step)).collect();
    let mut lines = vec![heading];
    for (step, kimg) in steps {
        let mut line = vec![step.to_string(), format!("{kimg:.1}")];
        for (of, best) in columns.iter().zip(&bests) {
            let star = if *best == Some(step) { " *" } else { "" };
            line.push(of.iter().find(|row| row.step == step).map_or_else(
                || "–".into(),
                |row| match row.std {
                    Some(std) => format!("{:.6} ± {std:.6}{star}", row.value),
                    None => format!("{:.6}{star}", row.value),
                },
            ));
        }
        lines.push(line);
    }
    aligned(&lines)
}
