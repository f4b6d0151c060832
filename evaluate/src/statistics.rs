//! `evaluate statistics`: a set's mean and covariance as `.npz`, as pytorch-fid and clean-fid write and read them.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::json;
use shared::cli::{DataError, UsageError, one_line};
use shared::metrics::features;

use crate::args::{ConventionsArgs, PicturesArgs, at_least};
use crate::input::{Kind, Wanted};
use crate::lab::Lab;
use crate::metric::Metric;
use crate::metrics::fid::Gaussian;
use crate::npz::{self, NpzContents, Statistics};
use crate::side::Side;

const EXAMPLES: &str = "\
Examples:
  evaluate statistics birds64 --split train --out birds.npz                     mu and sigma of the split's Inception features
  evaluate statistics photos.zip --protocol clean-fid --rows --out photos.npz   and the features themselves, for KID
  evaluate --real birds.npz --fake runs/birds -n 5000 --metrics fid             what they are for
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
    /// Write the features themselves, too (`feats`, as clean-fid names them)
    #[arg(long)]
    rows: bool,
    /// Which of a data set and of a run.
    #[command(flatten)]
    pictures: PicturesArgs,
    /// Take only this many pictures, drawn under --seed; needed for a run
    #[arg(short = 'n', value_name = "N")]
    count: Option<usize>,
    /// What decides a number beside the pictures.
    #[command(flatten)]
    conventions: ConventionsArgs,
}

/// Carries out `evaluate statistics`.
///
/// # Errors
/// When pictures cannot be read, or the file cannot be written.
pub fn run(args: StatisticsArgs) -> Result<()> {
    let lab = Lab::open(args.conventions.check()?)?;
    let [protocol] = lab.conventions.protocols[..] else {
        return Err(UsageError("--protocol: one file holds the statistics of one protocol".into()).into());
    };
    if args.count.is_none() && Kind::of(&args.source) == Kind::Run {
        return Err(UsageError(format!("-n is needed: how many pictures {} is to make", args.source.display())).into());
    }
    let count = at_least(args.count, 2, "-n")?;
    let wanted = Wanted {
        split: &args.pictures.split,
        generated: count.unwrap_or(0),
        checkpoint: args.pictures.checkpoint,
        device: &lab.device,
        protocols: &lab.conventions.protocols,
    };
    let side = Side::open(&args.source, "SOURCE", &wanted, count, lab.conventions.seed)?;
    let source = lab.conventions.source(protocol, Metric::Fid)?;
    let mut taken = side.take(&lab, protocol, &[source])?;
    let features = taken.remove(0).into_rows("statistics", "SOURCE")?;
    features::check_one("given", &features, 2).map_err(|e| DataError(one_line(&e)))?;
    let gaussian = Gaussian::of(&features, protocol.fid.unwrap_or_default());
    let network = lab.network(source.network)?;
    let facts = json!({
        "protocol": protocol.name, "network": source.network.name, "layer": source.layer.name, "count": features.count(),
        "preprocessing": Lab::preprocessing(protocol, source.network).name(),
        "weights_sha256": network.weights().sha256(), "step": side.step, "fledge": env!("CARGO_PKG_VERSION"),
    });
    // Symmetric: a column is a row.
    let covariance = gaussian.covariance.col_iter().flat_map(|column| column.iter().copied()).collect();
    let statistics = Statistics { mean: gaussian.mean, covariance };
    let contents = NpzContents { statistics: Some(statistics), features: args.rows.then_some(features), facts: Some(facts) };
    npz::write(&args.out, &contents).map_err(|e| anyhow::Error::msg(one_line(&e)))?;
    shared::cli::tell(&format!("{}\n", args.out.display()));
    Ok(())
}
