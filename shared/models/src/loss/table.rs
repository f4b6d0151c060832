//! The table of losses.
//!
//! ```
//! use fledge_models::loss::LOSSES;
//!
//! assert!(LOSSES.iter().any(|row| row.name == "wasserstein"));
//! ```

use super::entropy::{Minimax, NonSaturating};
use super::hinge::Hinge;
use super::labels::LabelRange;
use super::least_squares::{Lsgan, LsganSigmoid};
use super::pair::Loss;
use super::relativistic::{Relativistic, RelativisticAverage, Surrogate};
use super::wasserstein::Wasserstein;

/// A loss and its properties.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Name in the settings, in kebab-case.
    pub name: &'static str,
    /// One-line description.
    pub summary: &'static str,
    /// Reference.
    pub source: &'static str,
    /// The labels that D accepts.
    pub labels: LabelRange,
    /// Implementation.
    pub loss: &'static dyn Loss,
}

/// All losses, in the order of `--list-losses`.
pub const LOSSES: &[Row] = &[
    Row {
        name: "minimax",
        summary: "cross-entropy; G lowers log(1 − D(G(z)))",
        source: "Goodfellow et al. 2014, arXiv:1406.2661, equation 1",
        labels: LabelRange::Fractions,
        loss: &Minimax,
    },
    Row {
        name: "non-saturating",
        summary: "cross-entropy; G raises log D(G(z))",
        source: "Goodfellow et al. 2014, arXiv:1406.2661, section 3",
        labels: LabelRange::Fractions,
        loss: &NonSaturating,
    },
    Row {
        name: "lsgan",
        summary: "least squares between logits and labels",
        source: "Mao et al. 2017, arXiv:1611.04076, equation 2",
        labels: LabelRange::Numbers,
        loss: &Lsgan,
    },
    Row {
        name: "lsgan-sigmoid",
        summary: "least squares between σ(logits) and labels",
        source: "Mao et al. 2017, arXiv:1611.04076, equation 2, on a D that ends in a sigmoid",
        labels: LabelRange::Fractions,
        loss: &LsganSigmoid,
    },
    Row {
        name: "hinge",
        summary: "D learns until its margin is 1; G raises D's logits",
        source: "Lim & Ye 2017, arXiv:1705.02894; Miyato et al. 2018, arXiv:1802.05957, equations 16 and 17",
        labels: LabelRange::None,
        loss: &Hinge,
    },
    Row {
        name: "wasserstein",
        summary: "difference of the mean logits; D must be kept Lipschitz",
        source: "Arjovsky et al. 2017, arXiv:1701.07875, equations 2 and 3",
        labels: LabelRange::None,
        loss: &Wasserstein,
    },
    Row {
        name: "relativistic",
        summary: "cross-entropy of the difference between a real and a generated picture's logits",
        source: "Jolicoeur-Martineau 2018, arXiv:1807.00734, section 4.1 (RSGAN)",
        labels: LabelRange::None,
        loss: &Relativistic(Surrogate::Entropy),
    },
    Row {
        name: "relativistic-hinge",
        summary: "the same with the hinge",
        source: "Jolicoeur-Martineau 2018, arXiv:1807.00734, section 4.2",
        labels: LabelRange::None,
        loss: &Relativistic(Surrogate::Hinge),
    },
    Row {
        name: "relativistic-ls",
        summary: "the same with least squares",
        source: "Jolicoeur-Martineau 2018, arXiv:1807.00734, section 4.2",
        labels: LabelRange::None,
        loss: &Relativistic(Surrogate::LeastSquares),
    },
    Row {
        name: "relativistic-average",
        summary: "cross-entropy of the difference from the mean logit of the other kind",
        source: "Jolicoeur-Martineau 2018, arXiv:1807.00734, section 4.3 (RaSGAN)",
        labels: LabelRange::None,
        loss: &RelativisticAverage(Surrogate::Entropy),
    },
    Row {
        name: "relativistic-average-hinge",
        summary: "the same with the hinge",
        source: "Jolicoeur-Martineau 2018, arXiv:1807.00734, RaHingeGAN",
        labels: LabelRange::None,
        loss: &RelativisticAverage(Surrogate::Hinge),
    },
    Row {
        name: "relativistic-average-ls",
        summary: "the same with least squares",
        source: "Jolicoeur-Martineau 2018, arXiv:1807.00734, RaLSGAN",
        labels: LabelRange::None,
        loss: &RelativisticAverage(Surrogate::LeastSquares),
    },
];
