//! The metrics of stylegan2-ada-pytorch and stylegan3 by their own names (`metrics/metric_main.py`).
//! Each is a metric together with what its value depends on: the protocol `stylegan`, 50,000
//! generated pictures, and all pictures that the generator was trained on, not mirrored.

use std::str::FromStr;

use shared::cli::UsageError;

use super::metric::Metric;

/// Number of pictures that the generator makes.
pub const GENERATED: usize = 50_000;
/// The protocol.
pub const PROTOCOL: &str = "stylegan";
/// The split of a data set.
pub const SPLIT: &str = "train";

/// Every name, and its metric.
pub const ALL: [(&str, Metric); 3] =
    [("fid50k_full", Metric::Fid), ("kid50k_full", Metric::Kid), ("is50k", Metric::Is)];
/// The names of metrics that compare with at most 50,000 real pictures, mirrored ones included if
/// the training had them.
const LIMITED: [&str; 2] = ["fid50k", "kid50k"];
/// The names of precision and recall over NVIDIA's own VGG16 file, with distances in half
/// precision.
const OWN_VGG16: [&str; 2] = ["pr50k3", "pr50k3_full"];

/// An item of `--metrics`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A metric; other flags determine the rest.
    Metric(Metric),
    /// A metric of [`ALL`].
    Named(&'static str, Metric),
}

impl Asked {
    /// The metric.
    #[must_use]
    pub const fn metric(self) -> Metric {
        match self {
            Self::Metric(metric) | Self::Named(_, metric) => metric,
        }
    }

    /// The name, if it is one of [`ALL`].
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Metric(_) => None,
            Self::Named(name, _) => Some(name),
        }
    }
}

impl FromStr for Asked {
    type Err = UsageError;

    fn from_str(text: &str) -> Result<Self, UsageError> {
        if let Some((name, metric)) = ALL.into_iter().find(|(name, _)| *name == text) {
            return Ok(Self::Named(name, metric));
        }
        if LIMITED.contains(&text) {
            return Err(UsageError(format!(
                "--metrics {text}: it compares with 50,000 real pictures, mirrored as in training; \
                 {text}_full compares with all of them as they are"
            )));
        }
        if OWN_VGG16.contains(&text) {
            return Err(UsageError(format!(
                "--metrics {text}: it needs NVIDIA's own VGG16 file; \
                 --protocol torch-fidelity --metrics prdc is the same over the published VGG16"
            )));
        }
        text.parse().map(Self::Metric)
    }
}
