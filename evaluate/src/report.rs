//! A result as a row of a table and as a line of JSON.

use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;
use shared::metrics::kid::Kid;
use shared::metrics::network::Weights;
use shared::table::aligned;

use crate::args::Options;
use crate::protocol::Metric;

/// One metric with all that decides whether it may be compared with another. Its JSON is a line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measurement {
    /// `kid`, `fid`, `is`, with `_random-features` behind it where the network is untrained.
    pub metric: String,
    /// The protocol's name.
    pub protocol: &'static str,
    /// The metric's value.
    pub value: f64,
    /// Its spread, where the metric has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std: Option<f64>,
    /// The generated pictures.
    pub generated: PathBuf,
    /// How many.
    pub generated_count: usize,
    /// The real pictures; none for a metric of the generated ones alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub real: Option<PathBuf>,
    /// How many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub real_count: Option<usize>,
    /// Subsets or batches of a KID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subsets: Option<usize>,
    /// Pictures in each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subset_size: Option<usize>,
    /// The size that was asked for, where a set was too small for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subset_size_asked: Option<usize>,
    /// SHA-256 of the weights file; none for an untrained network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights_sha256: Option<String>,
    /// Seed of the draws that the protocol does not fix.
    pub seed: u64,
    /// Training step of the checkpoint that made the pictures, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<u64>,
    /// Version of this program.
    pub fledge: &'static str,
}

/// The two sets that are compared: where they are and how many pictures were taken.
#[derive(Clone, Debug)]
pub struct Sides {
    /// The generated set.
    pub generated: (PathBuf, usize),
    /// The real set.
    pub real: (PathBuf, usize),
}

impl Measurement {
    /// A result whose value is not known yet.
    #[must_use]
    pub fn new(metric: Metric, options: &Options, sides: &Sides, weights: &Weights) -> Self {
        Self {
            metric: metric.label(matches!(weights, Weights::Random { .. })),
            protocol: options.protocol.name(),
            value: f64::NAN,
            std: None,
            generated: sides.generated.0.clone(),
            generated_count: sides.generated.1,
            real: Some(sides.real.0.clone()),
            real_count: Some(sides.real.1),
            subsets: None,
            subset_size: None,
            subset_size_asked: None,
            weights_sha256: weights.sha256().map(str::to_owned),
            seed: options.seed,
            step: None,
            fledge: env!("CARGO_PKG_VERSION"),
        }
    }

    /// With a KID's numbers.
    #[must_use]
    pub fn with_kid(self, kid: &Kid) -> Self {
        Self {
            value: kid.mean,
            std: Some(kid.std),
            subsets: Some(kid.subsets),
            subset_size: Some(kid.subset_size),
            subset_size_asked: kid.shrunk_from,
            ..self
        }
    }

    fn cells(&self) -> [String; 5] {
        let value = self.std.map_or_else(|| format!("{:.6}", self.value), |std| format!("{:.6} ± {std:.6}", self.value));
        let subsets = self.subsets.zip(self.subset_size).map(|(n, size)| format!("{n} × {size}"));
        [
            format!("{} ({})", self.metric, self.protocol),
            value,
            self.generated_count.to_string(),
            self.real_count.map_or_else(|| "–".into(), |n| n.to_string()),
            subsets.unwrap_or_else(|| "–".into()),
        ]
    }
}

/// Prints results on stdout: a table, or one JSON object a line.
///
/// # Errors
/// When stdout cannot be written.
pub fn print(results: &[Measurement], json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        for result in results {
            writeln!(out, "{}", serde_json::to_string(result)?)?;
        }
        return out.flush();
    }
    write!(out, "{}", table(results))?;
    out.flush()
}

/// The results as aligned columns with a heading.
#[must_use]
pub fn table(results: &[Measurement]) -> String {
    let mut rows = vec![["metric (protocol)", "value", "generated", "real", "subsets"].map(str::to_owned)];
    rows.extend(results.iter().map(Measurement::cells));
    aligned(&rows)
}
