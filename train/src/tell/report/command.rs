//! `train report`: flags and output.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use shared::cli::Ending;
use shared::nn::run::Run;

use super::{FILE, write_to};

/// Write an HTML report on a run, as the end of training does: key figures, curves, samples over
/// time and beside the nearest training pictures, measures, alarms, starts, settings.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ReportArgs {
    /// Run folder; the run may still be training.
    run: PathBuf,
    /// Output file. Default: report.html in the run folder.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The run's data set, if it has moved.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  train report runs/birds                            write runs/birds/report.html
  train report runs/birds --out birds.html           … elsewhere
  train report copied/birds --data /data/birds64     the data set has moved";

impl ReportArgs {
    /// Writes the report and prints its path.
    ///
    /// # Errors
    /// If the run or `--data` cannot be used, or the file cannot be written.
    pub fn run(self) -> Result<Ending> {
        let run = Run::open(&self.run)?;
        let out = self.out.unwrap_or_else(|| run.file(FILE));
        write_to(&run, &out, self.data.as_deref())?;
        shared::cli::tell(&format!("{}\n", out.display()));
        Ok(Ending::Done)
    }
}
