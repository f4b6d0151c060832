//! Flags of `evaluate scatter` and `evaluate plane`: several sets in one plot.

use std::path::PathBuf;

use clap::Args;
use shared::cli::UsageError;

use super::conventions::{ConventionsArgs, PicturesArgs, only_protocol};
use super::measure::{at_least, chosen_metrics, repeats};
use crate::measure::MeasureOptions;
use crate::protocols::Metric;
use crate::reports::plane::PlaneOptions;
use crate::reports::scatter::ScatterOptions;

const SCATTER_EXAMPLES: &str = "\
Examples:
  evaluate scatter birds64 runs/birds --out scatter.png             real pictures and samples along their two principal components
  evaluate scatter birds64 runs/a runs/b -n 500 --out scatter.png";

const PLANE_EXAMPLES: &str = "\
Examples:
  evaluate plane runs/a runs/b runs/c --real birds64 --features inception-v3-compat --out plane.png";

/// Pictures of each set in a scatter plot by default.
const POINTS: usize = 1000;

/// Flags of `evaluate scatter`.
#[derive(Args, Debug)]
#[command(after_help = SCATTER_EXAMPLES)]
pub struct ScatterArgs {
    /// Sets of pictures: runs, data sets, folders, zip or tar files
    #[arg(value_name = "SET", required = true, num_args = 1..)]
    sets: Vec<PathBuf>,
    /// PNG to write
    #[arg(long, value_name = "FILE.png")]
    out: PathBuf,
    /// Pictures of each set, at most
    #[arg(short = 'n', default_value_t = POINTS, value_name = "N")]
    count: usize,
    /// Split and checkpoint.
    #[command(flatten)]
    pictures: PicturesArgs,
    /// The conventions.
    #[command(flatten)]
    conventions: ConventionsArgs,
}

impl ScatterArgs {
    /// Checks what clap cannot.
    ///
    /// # Errors
    /// When a value is out of range.
    pub fn into_options(self) -> Result<ScatterOptions, UsageError> {
        let conventions = self.conventions.check()?;
        let protocol = only_protocol(&conventions, "one scatter shows one protocol")?;
        Ok(ScatterOptions {
            sets: self.sets,
            out: self.out,
            count: self.count,
            split: self.pictures.split(),
            checkpoint: self.pictures.checkpoint,
            protocol,
            conventions,
        })
    }
}

/// Flags of `evaluate plane`.
#[derive(Args, Debug)]
#[command(after_help = PLANE_EXAMPLES)]
pub struct PlaneArgs {
    /// Sets of generated pictures: runs, data sets, folders, zip or tar files
    #[arg(value_name = "SET", required = true, num_args = 1..)]
    sets: Vec<PathBuf>,
    /// Real pictures: a data set of `prep`, a folder, a zip or tar file
    #[arg(long, value_name = "DATASET|FOLDER|ZIP")]
    real: PathBuf,
    /// PNG to write
    #[arg(long, value_name = "FILE.png")]
    out: PathBuf,
    /// Pictures of each side [default: all real ones, and as many samples of a run]
    #[arg(short = 'n', value_name = "N")]
    count: Option<usize>,
    /// Random halves of both sets, from which error bars are estimated; 0 disables them
    #[arg(long, default_value_t = 10, value_name = "N")]
    repeats: usize,
    /// Split and checkpoint.
    #[command(flatten)]
    pictures: PicturesArgs,
    /// The conventions.
    #[command(flatten)]
    conventions: ConventionsArgs,
}

impl PlaneArgs {
    /// Checks what clap cannot.
    ///
    /// # Errors
    /// When a value is out of range, or the protocol does not define precision and recall.
    pub fn into_options(self) -> Result<PlaneOptions, UsageError> {
        let conventions = self.conventions.check()?;
        let protocol = only_protocol(&conventions, "one plane shows one protocol")?;
        let metrics = chosen_metrics(&[Metric::Prdc], &[protocol])?;
        let (count, repeats) = (at_least(self.count, 2, "-n")?, repeats(self.repeats)?);
        let of_set = |set: &PathBuf| MeasureOptions {
            real: Some(self.real.clone()),
            checkpoint: self.pictures.checkpoint,
            split: self.pictures.split(),
            metrics: metrics.clone(),
            count,
            repeats,
            ..MeasureOptions::of(set, conventions.clone())
        };
        let sets = self.sets.iter().map(of_set).collect();
        Ok(PlaneOptions { sets, real: self.real.clone(), out: self.out, protocol, conventions })
    }
}
