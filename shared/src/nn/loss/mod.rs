//! What both networks are trained on, from logits: a table of losses, each in a file with others of its kind.
//!
//! | module | holds |
//! |---|---|
//! | [`name`] | which row settings mean |
//! | [`labels`] | what D is told about each picture |
//! | [`entropy`] | minimax and non-saturating |
//! | [`least_squares`] | on logits and on σ(logit) |
//! | [`hinge`], [`wasserstein`] | those without labels |
//! | [`relativistic`] | those that judge a picture beside one of the other kind |

pub mod entropy;
pub mod hinge;
pub mod labels;
pub mod least_squares;
pub mod name;
pub mod relativistic;
pub mod wasserstein;

use std::fmt::Debug;

use burn::tensor::Tensor;

use crate::nn::config::{LossConfig, Reduction};
use entropy::{Minimax, NonSaturating};
use hinge::Hinge;
pub use labels::{Label, LabelRange, Labels};
use least_squares::{Lsgan, LsganSigmoid};
pub use name::LossName;
use relativistic::{Relativistic, RelativisticAverage, Surrogate};
use wasserstein::Wasserstein;

/// A pair of losses over logits [B, 1].
pub trait Loss: Debug + Sync {
    /// What the generator lowers, from D's logits of its pictures and, if [`Loss::compares`], of the real ones.
    fn generator(&self, real: Tensor<2>, fake: Tensor<2>) -> Parts;

    /// What the discriminator lowers, from its logits of real and generated pictures. A loss without labels ignores them.
    fn discriminator(&self, real: Tensor<2>, fake: Tensor<2>, labels: &Labels) -> Parts;

    /// Whether G's loss depends on D's logits of real pictures.
    fn compares(&self) -> bool {
        false
    }

    /// Whether D's loss falls without end unless something bounds how steep D is.
    fn needs_bound(&self) -> bool {
        false
    }

    /// The parts of D's loss and those of G's in f64, written anew from the definition: what the tests compare with.
    /// `logits` and `labels` are those of the real and of the generated pictures.
    #[cfg(test)]
    fn formula(&self, logits: [&[f64]; 2], labels: [&[f64]; 2]) -> [Vec<f64>; 2];
}

/// A loss of one part, or of two: one for the real and one for the generated pictures. Each is a mean over a batch, `[1]`.
#[derive(Clone, Debug)]
pub struct Parts(Tensor<1>, Option<Tensor<1>>);

impl Parts {
    /// A loss of one part.
    #[must_use]
    pub fn one(loss: Tensor<1>) -> Self {
        Self(loss, None)
    }

    /// A loss of two parts.
    #[must_use]
    pub fn two(real: Tensor<1>, fake: Tensor<1>) -> Self {
        Self(real, Some(fake))
    }
}

/// A loss, and what is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What settings call it, in kebab-case.
    pub name: &'static str,
    /// What it is, in a line.
    pub summary: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// Which labels D can be given.
    pub labels: LabelRange,
    /// How it is computed.
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

/// A run's loss: one of [`LOSSES`] and how its parts become one number.
#[derive(Clone, Copy, Debug)]
pub struct Objective {
    loss: &'static dyn Loss,
    reduction: Reduction,
}

/// The loss that a run asks for.
#[must_use]
pub fn of(config: &LossConfig) -> Objective {
    Objective { loss: config.name.row().loss, reduction: config.reduction }
}

impl Objective {
    /// What the generator lowers, `[1]`, from D's logits of real and generated pictures, each [B, 1]. Those of real ones only
    /// count where the loss [compares](Objective::compares) both kinds; `None` then stands for logits 0.
    #[must_use]
    pub fn generator(&self, real: Option<Tensor<2>>, fake: Tensor<2>) -> Tensor<1> {
        debug_assert!(real.is_some() || !self.compares(), "{self:?} needs the logits of real pictures");
        let real = real.unwrap_or_else(|| fake.zeros_like());
        self.reduce(self.loss.generator(real, fake))
    }

    /// What the discriminator lowers, `[1]`, from its logits of real and generated pictures, each [B, 1].
    #[must_use]
    pub fn discriminator(&self, real: Tensor<2>, fake: Tensor<2>, labels: &Labels) -> Tensor<1> {
        self.reduce(self.loss.discriminator(real, fake, labels))
    }

    /// Whether G's loss depends on D's logits of real pictures.
    #[must_use]
    pub fn compares(&self) -> bool {
        self.loss.compares()
    }

    fn reduce(&self, parts: Parts) -> Tensor<1> {
        match (parts, self.reduction) {
            (Parts(loss, None), _) => loss,
            (Parts(real, Some(fake)), Reduction::Mean) => (real + fake) * 0.5,
            (Parts(real, Some(fake)), Reduction::Sum) => real + fake,
        }
    }
}

#[cfg(test)]
mod tests;
