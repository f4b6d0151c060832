//! Flags of `evaluate curve`.

use std::path::PathBuf;

use clap::Args;
use shared::cli::UsageError;

use super::conventions::{ConventionsArgs, only_protocol};
use super::measure::{at_least, chosen_metrics, repeats};
use crate::measure::MeasureOptions;
use crate::protocols::{Metric, Needs};
use crate::reports::curve::CurveOptions;

const EXAMPLES: &str = "\
Examples:
  evaluate curve runs/birds --real birds64                       KID and FID of every checkpoint, runs/birds/metrics.png
  evaluate curve runs/birds --real birds64 --protocol clean-fid --metrics fid --out fid.png
  evaluate curve runs/birds --real birds64 --json                one line per checkpoint and metric

Measurements that metrics.jsonl already holds are reused: an interrupted command resumes, and after more training only
the new checkpoints are measured.";

/// Flags of `evaluate curve`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CurveArgs {
    /// Run of `train`
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Real pictures: a data set of `prep`, a folder, or a zip file
    #[arg(long, value_name = "DATASET|FOLDER|ZIP")]
    real: PathBuf,
    /// Metrics, separated by commas: kid, fid, fid-inf, is, mind [default: kid and fid, if the
    /// protocol defines them]
    #[arg(long, value_delimiter = ',')]
    metrics: Vec<Metric>,
    /// Split of a data set
    #[arg(long, default_value = "val")]
    split: String,
    /// Use only N real pictures, drawn with --seed [default: all]
    #[arg(short = 'n', value_name = "N")]
    count: Option<usize>,
    /// Pictures that each checkpoint generates [default: as many as real ones]
    #[arg(long, value_name = "N")]
    generate: Option<usize>,
    /// Random halves of both sets, from which a value's standard error is estimated; 0 disables it
    #[arg(long, default_value_t = 10, value_name = "N")]
    repeats: usize,
    /// Plot to write [default: metrics.png in the run's folder]
    #[arg(long, value_name = "PNG")]
    out: Option<PathBuf>,
    /// The conventions.
    #[command(flatten)]
    conventions: ConventionsArgs,
    /// Print one JSON object per checkpoint and metric instead of a table
    #[arg(long)]
    json: bool,
}

impl CurveArgs {
    /// Checks what clap cannot.
    ///
    /// # Errors
    /// When a value is out of range or a metric has no curve.
    pub fn into_options(self) -> Result<CurveOptions, UsageError> {
        let conventions = self.conventions.check()?;
        let why = "one curve follows one protocol; repeat the command for another";
        let protocol = only_protocol(&conventions, why)?;
        let metrics = chosen_metrics(&self.metrics, &[protocol])?;
        // A metric of several rows could not be told apart from a missing one.
        let single = |metric: &Metric| {
            metric.needs() != Needs::Generator
                && !matches!(metric, Metric::Prdc | Metric::Authenticity)
        };
        if let Some(metric) = metrics.iter().find(|metric| !single(metric)) {
            return Err(UsageError(format!(
                "--metrics {metric}: a curve shows kid, fid, fid-inf, is and mind"
            )));
        }
        let measure = MeasureOptions {
            real: Some(self.real),
            split: self.split,
            metrics,
            count: at_least(self.count, 2, "-n")?,
            generate: at_least(self.generate, 2, "--generate")?,
            repeats: repeats(self.repeats)?,
            ..MeasureOptions::of(&self.run, conventions)
        };
        Ok(CurveOptions { measure, protocol, out: self.out, json: self.json })
    }
}
