//! The command line, and the validated options it becomes.

mod conventions;
mod foreign;
mod measure;

use clap::{Parser, Subcommand};
use shared::threads::ThreadsFlag;

pub use self::conventions::{Conventions, ConventionsArgs, PicturesArgs, WeightsChoice};
pub use self::foreign::PROGRAM;
pub use self::measure::{MeasureArgs, Options, Repeats};
pub(crate) use self::measure::{at_least, metrics};
use crate::cache::CacheArgs;
use crate::curve::CurveArgs;
use crate::neighbours::NearestArgs;
use crate::overview::{PlaneArgs, ScatterArgs};
use crate::statistics::StatisticsArgs;
use crate::weights::WeightsArgs;

const EXAMPLES: &str = "\
Examples:
  evaluate weights --fetch                                  get the Inception weights once (96 MB)
  evaluate --real birds64 --fake runs/birds                 KID and FID of a run's best checkpoint against the split val
  evaluate --real birds64 --fake fakes.zip                  the same of pictures
  evaluate --real photos/ --fake fakes/ --metrics kid,fid,is,prdc --json
  evaluate --real birds64 --fake runs/birds --metrics authpct,ct       does it copy? against the split train
  evaluate --real birds64 --fake fakes/ --protocol torch-fidelity,clean-fid,pytorch-fid     three tables
  evaluate --real ffhq.npz --fake fakes/ --protocol clean-fid --metrics fid                 published statistics
  evaluate --real birds64 --fake fakes/ --features dinov2-vit-s-14     FD-DINOv2 (evaluate weights --fetch dinov2-vit-s-14)
  evaluate --real birds64 --fake fakes/ --features random   smoke run without weights: no measure of quality
  evaluate curve runs/birds --real birds64                  KID and FID of every checkpoint: runs/birds/metrics.png
  evaluate nearest runs/birds --train birds64 --out sheet.png          samples beside their nearest training pictures
  evaluate protocols                                        what the protocols do differently

Numbers may be compared only when protocol, weights, and numbers of pictures are the same (docs/METRICS.md).
Exit codes: 0 done, 1 failed (also a result that stdout did not take), 2 wrong usage, 3 data damaged or unusable.";

/// Measures generated pictures against real ones
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Cli {
    /// Another task than measuring.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What to measure.
    #[command(flatten)]
    pub measure: MeasureArgs,
    /// How many threads compute.
    #[command(flatten)]
    pub threads: ThreadsFlag,
}

/// Tasks beside measuring.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what the protocols do differently
    Protocols,
    /// Show, fetch or check the weights of the networks
    Weights(WeightsArgs),
    /// Show or clear the features that are kept
    Cache(CacheArgs),
    /// Measure every checkpoint of a run, and draw KID and FID against kimg
    Curve(CurveArgs),
    /// Write a set's statistics as .npz, as pytorch-fid and clean-fid read them
    Statistics(StatisticsArgs),
    /// Draw samples beside the training pictures that are nearest to them
    Nearest(NearestArgs),
    /// Draw the features of several sets along their two principal components
    Scatter(ScatterArgs),
    /// Draw precision against recall, and density against coverage, of several runs
    Plane(PlaneArgs),
}
