//! The metrics by name.

use std::fmt;
use std::str::FromStr;

use shared::cli::UsageError;

use crate::metrics::stylegan_ppl::PathKind;

/// A metric; some have several values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// Kernel Inception Distance.
    Kid,
    /// Fréchet Inception Distance.
    Fid,
    /// FID extrapolated to infinitely many generated pictures.
    FidInfinity,
    /// Inception Score, of the generated set alone.
    Is,
    /// Precision and recall, density and coverage.
    Prdc,
    /// Monge Inception Distance.
    Mind,
    /// Share of generated pictures that are not copies, and their distances to the training
    /// pictures.
    Authenticity,
    /// The C_T test of data copying.
    Ct,
    /// Perceptual Path Length of a generator.
    Ppl,
    /// The same as StyleGAN measures it.
    PathLength(PathKind),
}

/// The inputs of a metric besides the generated pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// Real pictures.
    Real,
    /// Held-out real pictures and training pictures.
    RealAndTraining,
    /// The generator itself.
    Generator,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 14] = [
        Self::Kid,
        Self::Fid,
        Self::FidInfinity,
        Self::Is,
        Self::Prdc,
        Self::Mind,
        Self::Authenticity,
        Self::Ct,
        Self::Ppl,
        Self::PathLength(PathKind::Wend2),
        Self::PathLength(PathKind::Zfull),
        Self::PathLength(PathKind::Wfull),
        Self::PathLength(PathKind::Zend),
        Self::PathLength(PathKind::Wend),
    ];

    /// The name, as flags take it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kid => "kid",
            Self::Fid => "fid",
            Self::FidInfinity => "fid-inf",
            Self::Is => "is",
            Self::Prdc => "prdc",
            Self::Mind => "mind",
            Self::Authenticity => "authpct",
            Self::Ct => "ct",
            Self::Ppl => "ppl",
            Self::PathLength(kind) => kind.name(),
        }
    }

    /// One line for `--help` and tables.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Kid => "Kernel Inception Distance; unbiased, also for few pictures",
            Self::Fid => "Fréchet Inception Distance; needs at least 2,048 pictures",
            Self::FidInfinity => "FID extrapolated to infinitely many generated pictures",
            Self::Is => "Inception Score, of the generated pictures alone",
            Self::Prdc => "precision, recall, density, coverage",
            Self::Mind => "Monge Inception Distance (sliced 2-Wasserstein)",
            Self::Authenticity => {
                "memorisation: authentic share, distances to training and held-out pictures"
            }
            Self::Ct => "memorisation: the C_T test of data copying",
            Self::Ppl => "Perceptual Path Length of a run's generator",
            Self::PathLength(PathKind::Wend2) => {
                "StyleGAN2's path length: in w, at the beginning of paths"
            }
            Self::PathLength(_) => "StyleGAN's path length: in z or w, of the middle of pictures",
        }
    }

    /// Its inputs besides the generated pictures.
    #[must_use]
    pub const fn needs(self) -> Needs {
        match self {
            Self::Kid | Self::Fid | Self::FidInfinity | Self::Prdc | Self::Mind => Needs::Real,
            Self::Authenticity | Self::Ct => Needs::RealAndTraining,
            Self::Is => Needs::Nothing,
            Self::Ppl | Self::PathLength(_) => Needs::Generator,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
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
