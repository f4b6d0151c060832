//! The command line: flags are parsed and checked here, and become the options of the work below.
//! Nothing below depends on this folder.

mod cache;
mod conventions;
mod curve;
mod foreign;
mod measure;
mod nearest;
mod pairs;
mod plots;
mod statistics;
mod weights;

use clap::{Parser, Subcommand};
use shared::threads::ThreadsFlag;

pub use self::cache::CacheArgs;
pub use self::conventions::{ConventionsArgs, PicturesArgs};
pub use self::curve::CurveArgs;
pub use self::foreign::PROGRAM;
pub use self::measure::MeasureArgs;
pub use self::nearest::NearestArgs;
pub use self::pairs::PairsArgs;
pub use self::plots::{PlaneArgs, ScatterArgs};
pub use self::statistics::StatisticsArgs;
pub use self::weights::WeightsArgs;

const EXAMPLES: &str = "\
Examples:
  evaluate weights --fetch                                  download the Inception weights once (96 MB)
  evaluate --real birds64 --fake runs/birds                 KID and FID of a run's best checkpoint, on the val split
  evaluate --real birds64 --fake fakes.zip                  the same for a zip of generated pictures
  evaluate --real photos/ --fake fakes/ --metrics kid,fid,is,prdc --json
  evaluate --real birds64 --fake runs/birds --metrics authpct,ct       memorisation: tests against the train split
  evaluate --real birds64 --fake fakes/ --protocol torch-fidelity,clean-fid,pytorch-fid     three tables
  evaluate --real ffhq.npz --fake fakes/ --protocol clean-fid --metrics fid                 published statistics
  evaluate --real birds64 --fake fakes/ --features dinov2-vit-s-14     FD-DINOv2 (evaluate weights --fetch dinov2-vit-s-14)
  evaluate --real birds64 --fake fakes/ --features random   smoke test without weights; no measure of quality
  evaluate curve runs/birds --real birds64                  KID and FID of every checkpoint: runs/birds/metrics.png
  evaluate pairs --real maps --fake runs/maps               translations beside their targets: L1, PSNR, SSIM, LPIPS, ranks
  evaluate nearest runs/birds --train birds64 --out sheet.png          samples beside their nearest training pictures
  evaluate protocols                                        how the protocols differ

Two numbers are comparable only if protocol, weights and picture counts are the same (docs/METRICS.md).
Exit codes: 0 done, 1 failed (including a failed write to stdout), 2 wrong usage, 3 data damaged or unusable.";

/// Measure generated pictures against real ones
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Cli {
    /// A task other than measuring.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The measurement.
    #[command(flatten)]
    pub measure: MeasureArgs,
    /// The number of threads.
    #[command(flatten)]
    pub threads: ThreadsFlag,
}

/// Tasks other than measuring.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show how the protocols differ
    Protocols,
    /// List, fetch, check or import the weights of the networks
    Weights(WeightsArgs),
    /// List or clear cached features
    Cache(CacheArgs),
    /// Measure translations beside their targets, picture by picture
    Pairs(PairsArgs),
    /// Measure every checkpoint of a run, and plot KID and FID against kimg
    Curve(CurveArgs),
    /// Write the statistics of a set as .npz, readable by pytorch-fid and clean-fid
    Statistics(StatisticsArgs),
    /// Draw samples beside their nearest training pictures
    Nearest(NearestArgs),
    /// Plot the features of several sets along their first two principal components
    Scatter(ScatterArgs),
    /// Plot precision against recall, and density against coverage, for several runs
    Plane(PlaneArgs),
}
