//! A result as a row of a table and as a line of JSON. Results of different protocols never share a table.

use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Map, Value};
use shared::table::aligned;

/// Digits of a SHA-256 that a table shows.
const DIGITS_SHOWN: usize = 8;

/// One metric with all that decides whether it may be compared with another. Its JSON is a line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measurement {
    /// `kid`, `fid`, `precision`, …; behind it `_NETWORK` or `_LAYER` where the features are not the protocol's own, and
    /// `_random-features` where the network is untrained.
    pub metric: String,
    /// The protocol's name.
    pub protocol: &'static str,
    /// The metric's value.
    pub value: f64,
    /// Its spread, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std: Option<f64>,
    /// The value less and plus 1.96 standard errors: 95% of the time it holds what infinitely many repetitions would give on
    /// average. Only where the spread is a standard error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    /// Over what the spread was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std_over: Option<SpreadOver>,
    /// How many of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std_count: Option<usize>,
    /// The class, where only its pictures were taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The generated pictures.
    pub generated: PathBuf,
    /// How many.
    pub generated_count: usize,
    /// The real pictures; none for a metric of the generated ones alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub real: Option<PathBuf>,
    /// A name for what they show: equal names mean equal pictures. None for statistics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub real_content: Option<String>,
    /// How many; none for statistics that do not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub real_count: Option<usize>,
    /// The training pictures, where the metric looks at them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub training: Option<PathBuf>,
    /// How many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub training_count: Option<usize>,
    /// Subsets or batches of a KID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subsets: Option<usize>,
    /// Pictures in each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subset_size: Option<usize>,
    /// The size that was asked for, where a set was too small for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subset_size_asked: Option<usize>,
    /// What else belongs to this metric: neighbours, cells, points of a line.
    #[serde(flatten)]
    pub details: Map<String, Value>,
    /// The network of the features.
    pub network: &'static str,
    /// Its layer.
    pub layer: &'static str,
    /// How pictures became its input.
    pub preprocessing: String,
    /// SHA-256 of the weights file; none for an untrained network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights_sha256: Option<String>,
    /// Seed of the draws that the protocol does not fix.
    pub seed: u64,
    /// Training step of the checkpoint that made the pictures, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<u64>,
    /// Checksum of that checkpoint's averaged generator: it tells checkpoints of one step apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_crc32: Option<String>,
    /// Version of this program.
    pub fledge: &'static str,
}

/// Over what a spread was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpreadOver {
    /// Subsets of a KID, as its library prints it.
    Subsets,
    /// Batches of a KID.
    Batches,
    /// Splits of an Inception Score.
    Splits,
    /// Random halves of both sets: an estimate of the standard error of the value.
    Halves,
    /// The line through the points of an extrapolation: the standard error of where it ends.
    Line,
    /// Paths of a Perceptual Path Length.
    Paths,
}

impl SpreadOver {
    const fn name(self) -> &'static str {
        match self {
            Self::Subsets => "subsets",
            Self::Batches => "batches",
            Self::Splits => "splits",
            Self::Halves => "halves",
            Self::Line => "points",
            Self::Paths => "paths",
        }
    }
}

impl Measurement {
    fn cells(&self) -> [String; 6] {
        // Shares and distances near 1 want places, a Z of −30 or a path length of 300 does not.
        let places = if self.value.abs() < 100.0 { 6 } else { 3 };
        let number = |v: f64| format!("{v:.places$}");
        let value = self.std.map_or_else(|| number(self.value), |std| format!("{} ± {}", number(self.value), number(std)));
        let over = match (self.std_over, self.std_count, self.subset_size) {
            (Some(over), Some(n), Some(size)) => format!("{n} {} of {size}", over.name()),
            (Some(over), Some(n), None) => format!("{n} {}", over.name()),
            _ => "–".into(),
        };
        let count = |n: Option<usize>| n.map_or_else(|| "–".into(), |n| n.to_string());
        let weights = match &self.weights_sha256 {
            Some(sum) => sum.chars().take(DIGITS_SHOWN).collect(),
            None => "untrained".to_owned(),
        };
        let name = self.class.as_ref().map_or_else(|| self.metric.clone(), |class| format!("{} of {class}", self.metric));
        let real = match self.training_count {
            Some(n) => format!("{} + {n} trained on", count(self.real_count)),
            None => count(self.real_count),
        };
        [name, value, over, self.generated_count.to_string(), real, format!("{} {} {weights}", self.network, self.layer)]
    }
}

/// The results as aligned columns, a table a protocol.
#[must_use]
pub fn table(results: &[Measurement]) -> String {
    let mut protocols: Vec<&str> = Vec::new();
    for result in results {
        if !protocols.contains(&result.protocol) {
            protocols.push(result.protocol);
        }
    }
    let of = |protocol: &&str| {
        let mut rows = vec![[*protocol, "value", "± over", "generated", "real", "network, layer, weights"].map(str::to_owned)];
        rows.extend(results.iter().filter(|r| r.protocol == *protocol).map(Measurement::cells));
        aligned(&rows)
    };
    protocols.iter().map(of).collect::<Vec<_>>().join("\n")
}

/// One JSON object a line.
///
/// # Errors
/// When a number cannot be written as JSON.
pub fn lines(results: &[Measurement]) -> serde_json::Result<String> {
    results.iter().map(|result| Ok(serde_json::to_string(result)? + "\n")).collect()
}
