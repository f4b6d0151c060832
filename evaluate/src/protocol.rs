//! Named sets of conventions. Two numbers may be compared when they were computed under the same one; every result carries
//! its name.
//!
//! | | `torch-fidelity` | `keras` |
//! |---|---|---|
//! | input | 8-bit RGB | 8-bit RGB |
//! | resize | 299×299, TF 1 bilinear | 75×75, Keras bilinear |
//! | metrics | KID, FID, IS | KID |
//! | KID | 100 subsets × 1000 of `RandomState(2020)` | consecutive batches of 128 in a shuffled order |
//! | spread | over subsets | over batches |
//! | FID | f64, N−1, Σ √eig | – |
//! | IS | 10 splits of `RandomState(2020)` | – |
//!
//! Features are the 2048-d global average of the FID InceptionV3 under both. The Keras example `gan_ada` takes Keras'
//! ImageNet weights instead, so the absolute values differ from those it prints; the estimator and the resizing are its own.

use std::fmt;
use std::str::FromStr;

use shared::cli::UsageError;
use shared::metrics::features::{Features, FeaturesError};
use shared::metrics::inception::{LOGITS_UNBIASED, POOL_2048};
use shared::metrics::kid::{self, Batches, Kid, Subsets};
use shared::metrics::network::Layer;
use shared::metrics::resize::Preprocessing;

/// A set of conventions by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// torch-fidelity 0.4's defaults.
    #[default]
    TorchFidelity,
    /// The Keras example "Data-efficient GANs with ADA": KID at 75×75, averaged over batches.
    Keras,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Kernel Inception Distance.
    Kid,
    /// Fréchet Inception Distance.
    Fid,
    /// Inception Score, of the generated set alone.
    Is,
}

/// Settings of a KID that a user may override; what is `None` is the protocol's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KidSettings {
    /// Number of subsets (`torch-fidelity` only: under `keras` it follows from the pictures).
    pub subsets: Option<usize>,
    /// Pictures in a subset (`torch-fidelity`: 1000) or batch (`keras`: 128).
    pub subset_size: Option<usize>,
    /// Seed of the order under `keras`. `torch-fidelity` always draws with `RandomState(2020)`, so that values agree.
    pub seed: u64,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 2] = [Self::TorchFidelity, Self::Keras];

    /// The name that results carry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TorchFidelity => "torch-fidelity",
            Self::Keras => "keras",
        }
    }

    /// How pictures become the network's input.
    #[must_use]
    pub const fn preprocessing(self) -> Preprocessing {
        match self {
            Self::TorchFidelity => Preprocessing::TORCH_FIDELITY,
            Self::Keras => Preprocessing::KERAS_75,
        }
    }

    /// Whether this protocol says how the metric is computed.
    #[must_use]
    pub const fn defines(self, metric: Metric) -> bool {
        matches!((self, metric), (Self::TorchFidelity, _) | (Self::Keras, Metric::Kid))
    }

    /// Seed of numpy's legacy generator, where the protocol draws with it.
    #[must_use]
    pub const fn numpy_seed(self) -> u32 {
        2020
    }

    /// KID of 2048-d features under this protocol.
    ///
    /// # Errors
    /// When the rows differ in length, are not finite, or a set has fewer than 2.
    pub fn kid(self, generated: &Features, real: &Features, settings: KidSettings) -> Result<Kid, FeaturesError> {
        match self {
            Self::TorchFidelity => {
                let default = Subsets::default();
                let subsets = Subsets {
                    count: settings.subsets.unwrap_or(default.count),
                    size: settings.subset_size.unwrap_or(default.size),
                    seed: self.numpy_seed(),
                    first: kid::First::Generated,
                };
                kid::over_subsets(generated, real, subsets)
            }
            Self::Keras => {
                let size = settings.subset_size.unwrap_or(Batches::default().size);
                kid::over_batches(generated, real, Batches { size, seed: settings.seed })
            }
        }
    }
}

impl FromStr for Protocol {
    type Err = UsageError;

    fn from_str(text: &str) -> Result<Self, UsageError> {
        let names = || Self::ALL.map(Self::name).join(", ");
        Self::ALL
            .into_iter()
            .find(|p| p.name() == text)
            .ok_or_else(|| UsageError(format!("--protocol {text}: expected one of {}", names())))
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 3] = [Self::Kid, Self::Fid, Self::Is];

    /// The short name: that of the flag.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kid => "kid",
            Self::Fid => "fid",
            Self::Is => "is",
        }
    }

    /// The name that results carry: features of an untrained network are no measure of quality, and the name says so.
    #[must_use]
    pub fn label(self, random_features: bool) -> String {
        if random_features { format!("{}_random-features", self.name()) } else { self.name().to_owned() }
    }

    /// The layer whose output it is computed from.
    #[must_use]
    pub const fn layer(self) -> Layer {
        match self {
            Self::Kid | Self::Fid => POOL_2048,
            Self::Is => LOGITS_UNBIASED,
        }
    }
}

impl FromStr for Metric {
    type Err = UsageError;

    fn from_str(text: &str) -> Result<Self, UsageError> {
        let names = || Self::ALL.map(Self::name).join(", ");
        Self::ALL
            .into_iter()
            .find(|m| m.name() == text)
            .ok_or_else(|| UsageError(format!("--metrics {text}: expected some of {}", names())))
    }
}
