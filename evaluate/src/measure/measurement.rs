//! A result as a table row and as a line of JSON. Results of different protocols never share a
//! table.

use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Map, Value};
use shared::table::aligned;

/// Digits of a SHA-256 in a table.
const DIGITS_SHOWN: usize = 8;

/// One value with everything that makes it comparable with another. Its JSON is a line of
/// `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measurement {
    /// `kid`, `fid`, `precision`, …, with the suffix `_NETWORK` or `_LAYER` if the features are not
    /// the protocol's own, and `_random-features` if the network is untrained.
    pub metric: String,
    /// The protocol's name.
    pub protocol: &'static str,
    /// The value.
    pub value: f64,
    /// Its spread, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std: Option<f64>,
    /// 95 % confidence interval: the value minus and plus 1.96 standard errors. `None` if the
    /// spread is no standard error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    /// The samples behind the spread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std_over: Option<SpreadOver>,
    /// Number of these samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std_count: Option<usize>,
    /// The class, if only its pictures were measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The generated pictures.
    pub generated: PathBuf,
    /// Their number.
    pub generated_count: usize,
    /// The real pictures; `None` for a metric of the generated ones alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub real: Option<PathBuf>,
    /// Identifier of their content: equal identifiers mean equal pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub real_content: Option<String>,
    /// Their number; `None` for statistics that do not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub real_count: Option<usize>,
    /// The training pictures, if the metric needs them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub training: Option<PathBuf>,
    /// Their number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub training_count: Option<usize>,
    /// Subsets or batches of a KID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subsets: Option<usize>,
    /// Pictures in each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subset_size: Option<usize>,
    /// The size asked for, if a set was too small for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subset_size_asked: Option<usize>,
    /// Further fields of the metric: neighbours, cells, points of a line.
    #[serde(flatten)]
    pub details: Map<String, Value>,
    /// The feature network.
    pub network: &'static str,
    /// Its layer.
    pub layer: &'static str,
    /// The preprocessing of its input.
    pub preprocessing: String,
    /// SHA-256 of the weights file; `None` for an untrained network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights_sha256: Option<String>,
    /// Seed of the draws that the protocol leaves open.
    pub seed: u64,
    /// Training step of the checkpoint, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<u64>,
    /// Checksum of the checkpoint's averaged generator, which tells checkpoints of the same step
    /// apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_crc32: Option<String>,
    /// Version of this program.
    pub fledge: &'static str,
}

/// The samples behind a spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpreadOver {
    /// Subsets of a KID, as its library prints it.
    Subsets,
    /// Batches of a KID.
    Batches,
    /// Splits of an Inception Score.
    Splits,
    /// Random halves of both sets: an estimate of the standard error.
    Halves,
    /// The points of an extrapolated line: the standard error of its intercept.
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
        // Shares and distances near 1 need more digits than a Z of −30 or a path length of 300.
        let places = if self.value.abs() < 100.0 { 6 } else { 3 };
        let number = |v: f64| format!("{v:.places$}");
        let value = self.std.map_or_else(
            || number(self.value),
            |std| format!("{} ± {}", number(self.value), number(std)),
        );
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
        let name = self
            .class
            .as_ref()
            .map_or_else(|| self.metric.clone(), |class| format!("{} of {class}", self.metric));
        let real = match self.training_count {
            Some(n) => format!("{} + {n} trained on", count(self.real_count)),
            None => count(self.real_count),
        };
        [
            name,
            value,
            over,
            self.generated_count.to_string(),
            real,
            format!("{} {} {weights}", self.network, self.layer),
        ]
    }
}

/// The results as aligned columns, one table per protocol.
#[must_use]
pub fn table(results: &[Measurement]) -> String {
    let mut protocols: Vec<&str> = Vec::new();
    for result in results {
        if !protocols.contains(&result.protocol) {
            protocols.push(result.protocol);
        }
    }
    let of = |protocol: &&str| {
        let mut rows = vec![
            [*protocol, "value", "± over", "generated", "real", "network, layer, weights"]
                .map(str::to_owned),
        ];
        rows.extend(results.iter().filter(|r| r.protocol == *protocol).map(Measurement::cells));
        aligned(&rows)
    };
    protocols.iter().map(of).collect::<Vec<_>>().join("\n")
}

/// One JSON object per line.
///
/// # Errors
/// When a number cannot be written as JSON.
pub fn lines(results: &[Measurement]) -> serde_json::Result<String> {
    results.iter().map(|result| Ok(serde_json::to_string(result)? + "\n")).collect()
}
