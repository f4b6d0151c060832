//! Flags of `evaluate nearest`.

use std::path::PathBuf;

use clap::Args;
use shared::cli::UsageError;
use shared::nn::run::Which;

use super::conventions::{ConventionsArgs, only_protocol};
use crate::reports::nearest::NearestOptions;

const EXAMPLES: &str = "\
Examples:
  evaluate nearest runs/birds --train birds64 --out sheet.png                  the 10 of 256 samples nearest to a training picture
  evaluate nearest fakes.zip --train photos/ -k 3 --rows 20 --out sheet.png
  evaluate nearest runs/birds --train birds64 --features vgg16 --out sheet.png";

/// Samples that a run generates by default.
const SAMPLES: usize = 256;

/// Flags of `evaluate nearest`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct NearestArgs {
    /// Generated pictures: a run, a data set, a folder, a zip or tar file
    #[arg(value_name = "RUN|DATASET|FOLDER|ZIP")]
    fake: PathBuf,
    /// Training pictures of the generator
    #[arg(long, value_name = "DATASET|FOLDER|ZIP")]
    train: PathBuf,
    /// PNG to write
    #[arg(long, value_name = "FILE.png")]
    out: PathBuf,
    /// Samples shown: the ones nearest to a training picture, nearest first
    #[arg(long, default_value_t = 10, value_name = "N")]
    rows: usize,
    /// Training pictures beside each sample
    #[arg(short = 'k', default_value_t = 5, value_name = "N")]
    neighbours: usize,
    /// Samples searched [default: 256 of a run, otherwise all]
    #[arg(short = 'n', value_name = "N")]
    count: Option<usize>,
    /// Split of the training data set
    #[arg(long, default_value = "train")]
    split: String,
    /// Checkpoint of a run: best, latest, or a step
    #[arg(long, default_value = "best")]
    checkpoint: Which,
    /// The conventions.
    #[command(flatten)]
    conventions: ConventionsArgs,
}

impl NearestArgs {
    /// Checks what clap cannot.
    ///
    /// # Errors
    /// When a value is out of range.
    pub fn into_options(self) -> Result<NearestOptions, UsageError> {
        if self.rows == 0 || self.neighbours == 0 {
            return Err(UsageError("--rows, -k: expected at least 1".into()));
        }
        let conventions = self.conventions.check()?;
        let protocol = only_protocol(&conventions, "one sheet shows one protocol")?;
        Ok(NearestOptions {
            fake: self.fake,
            train: self.train,
            out: self.out,
            rows: self.rows,
            neighbours: self.neighbours,
            generated: self.count.unwrap_or(SAMPLES),
            count: self.count,
            split: self.split,
            checkpoint: self.checkpoint,
            protocol,
            conventions,
        })
    }
}
