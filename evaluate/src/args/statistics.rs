//! Flags of `evaluate statistics`.

use std::path::PathBuf;

use clap::Args;
use shared::cli::UsageError;

use super::conventions::{ConventionsArgs, PicturesArgs, only_protocol};
use super::measure::at_least;
use crate::features::statistics::StatisticsOptions;
use crate::inputs::InputKind;

const EXAMPLES: &str = "\
Examples:
  evaluate statistics birds64 --split train --out birds.npz                     mu and sigma of the split's Inception features
  evaluate statistics photos.zip --protocol clean-fid --rows --out photos.npz   also the features, for KID
  evaluate --real birds.npz --fake runs/birds -n 5000 --metrics fid             compare with them
  python -m pytorch_fid fakes/ birds.npz                                        pytorch-fid reads them (--protocol pytorch-fid)";

/// Flags of `evaluate statistics`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct StatisticsArgs {
    /// Pictures: a data set of `prep`, a run, a folder, a zip or tar file
    #[arg(value_name = "DATASET|RUN|FOLDER|ZIP")]
    source: PathBuf,
    /// File to write
    #[arg(long, value_name = "FILE.npz")]
    out: PathBuf,
    /// Also write the features (`feats`, clean-fid's name)
    #[arg(long)]
    rows: bool,
    /// Split and checkpoint.
    #[command(flatten)]
    pictures: PicturesArgs,
    /// Use only N pictures, drawn with --seed; required for a run
    #[arg(short = 'n', value_name = "N")]
    count: Option<usize>,
    /// The conventions.
    #[command(flatten)]
    conventions: ConventionsArgs,
}

impl StatisticsArgs {
    /// Checks what clap cannot.
    ///
    /// # Errors
    /// When a value is out of range, or `-n` is missing for a run.
    pub fn into_options(self) -> Result<StatisticsOptions, UsageError> {
        let conventions = self.conventions.check()?;
        let protocol =
            only_protocol(&conventions, "one file holds the statistics of one protocol")?;
        if self.count.is_none() && InputKind::of(&self.source) == InputKind::Run {
            let run = self.source.display();
            return Err(UsageError(format!(
                "-n is needed: the number of pictures that {run} generates"
            )));
        }
        Ok(StatisticsOptions {
            source: self.source,
            out: self.out,
            with_features: self.rows,
            split: self.pictures.split(),
            checkpoint: self.pictures.checkpoint,
            count: at_least(self.count, 2, "-n")?,
            protocol,
            conventions,
        })
    }
}
