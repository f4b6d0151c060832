//! `evaluate statistics`: mean and covariance of a set's features as `.npz`, in the format of
//! pytorch-fid and clean-fid.

use std::path::PathBuf;

use anyhow::Result;
use serde_json::json;
use shared::cli::{DataError, one_line};
use shared::metrics::features;
use shared::nn::run::Which;

use super::lab::Lab;
use super::side::Side;
use crate::inputs::Wanted;
use crate::inputs::npz::{self, NpzContents, Statistics};
use crate::metrics::fid::Gaussian;
use crate::protocols::{Conventions, Metric, Protocol};

/// The options of `evaluate statistics`.
#[derive(Clone, Debug)]
pub struct StatisticsOptions {
    /// The pictures.
    pub source: PathBuf,
    /// The file to write.
    pub out: PathBuf,
    /// Also write the features.
    pub with_features: bool,
    /// Split of a data set.
    pub split: String,
    /// Checkpoint of a run.
    pub checkpoint: Which,
    /// Pictures; `None` for all. Always given for a run.
    pub count: Option<usize>,
    /// The one protocol of the conventions.
    pub protocol: &'static Protocol,
    /// The conventions.
    pub conventions: Conventions,
}

/// Runs `evaluate statistics`.
///
/// # Errors
/// When pictures cannot be read, or the file cannot be written.
pub fn run(options: &StatisticsOptions) -> Result<()> {
    let lab = Lab::open(options.conventions.clone())?;
    let protocol = options.protocol;
    let wanted = Wanted {
        split: &options.split,
        generated: options.count.unwrap_or(0),
        checkpoint: options.checkpoint,
        device: &lab.device,
        protocols: &lab.conventions.protocols,
        pairs: None,
    };
    let side = Side::open(&options.source, "SOURCE", &wanted, options.count, lab.conventions.seed)?;
    let layer = lab.conventions.layer(protocol, Metric::Fid)?;
    let mut taken = side.take(&lab, protocol, &[layer])?;
    let features = taken.remove(0).into_rows("statistics", "SOURCE")?;
    features::check_one("given", &features, 2).map_err(|e| DataError(one_line(&e)))?;
    let gaussian = Gaussian::of(&features, protocol.fid.unwrap_or_default());
    let network = lab.network(layer.network)?;
    let facts = json!({
        "protocol": protocol.name, "network": layer.network.name, "layer": layer.layer.name,
        "count": features.count(),
        "preprocessing": Lab::preprocessing(protocol, layer.network).name(),
        "weights_sha256": network.weights().sha256(), "step": side.step, "fledge": env!("CARGO_PKG_VERSION"),
    });
    // Symmetric: a column is a row.
    let covariance =
        gaussian.covariance.col_iter().flat_map(|column| column.iter().copied()).collect();
    let statistics = Statistics { mean: gaussian.mean, covariance };
    let features = options.with_features.then_some(features);
    let contents = NpzContents { statistics: Some(statistics), features, facts: Some(facts) };
    npz::write(&options.out, &contents).map_err(|e| anyhow::Error::msg(one_line(&e)))?;
    shared::cli::tell(&format!("{}\n", options.out.display()));
    Ok(())
}
