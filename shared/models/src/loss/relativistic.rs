//! Losses that judge whether a real picture looks more real than generated ones
//! (Jolicoeur-Martineau 2018, arXiv:1807.00734). G's loss is D's with real and generated exchanged,
//! so it also pushes real logits down.

use burn::tensor::{Tensor, activation};

use super::hinge::margin;
use super::labels::Labels;
use super::pair::{Loss, Parts};
#[cfg(test)]
use super::tests::{mean, softplus};

/// The penalty on a difference of logits that should be large; a difference that should be small is
/// negated first.
#[derive(Clone, Copy, Debug)]
pub enum Surrogate {
    /// −log σ(x).
    Entropy,
    /// max(0, 1 − x).
    Hinge,
    /// (x − 1)².
    LeastSquares,
}

impl Surrogate {
    fn pays(self, x: Tensor<2>) -> Tensor<1> {
        match self {
            Self::Entropy => activation::log_sigmoid(x).mean().neg(),
            Self::Hinge => margin(x),
            Self::LeastSquares => (x - 1.0).square().mean(),
        }
    }

    #[cfg(test)]
    fn number(self, x: f64) -> f64 {
        match self {
            Self::Entropy => softplus(-x),
            Self::Hinge => (1.0 - x).max(0.0),
            Self::LeastSquares => (x - 1.0) * (x - 1.0),
        }
    }
}

/// Sections 4.1 and 4.2: the i-th real picture is compared with the i-th generated one; both
/// batches have the same size.
#[derive(Clone, Copy, Debug)]
pub struct Relativistic(pub Surrogate);

impl Loss for Relativistic {
    fn generator(&self, real: Tensor<2>, fake: Tensor<2>) -> Parts {
        Parts::one(self.0.pays(fake - real))
    }

    fn discriminator(&self, real: Tensor<2>, fake: Tensor<2>, _: &Labels) -> Parts {
        Parts::one(self.0.pays(real - fake))
    }

    fn compares(&self) -> bool {
        true
    }

    #[cfg(test)]
    fn formula(&self, [real, fake]: [&[f64]; 2], _: [&[f64]; 2]) -> [Vec<f64>; 2] {
        let differences: Vec<f64> = real.iter().zip(fake).map(|(r, f)| r - f).collect();
        [1.0, -1.0].map(|sign| vec![mean(&differences, |x| self.0.number(sign * x))])
    }
}

/// Section 4.3: every picture is compared with the mean logit of the other kind. Both networks'
/// losses have two parts.
#[derive(Clone, Copy, Debug)]
pub struct RelativisticAverage(pub Surrogate);

impl RelativisticAverage {
    /// `upper` should lie above the mean of `lower`, and `lower` below the mean of `upper`.
    fn parts(self, upper: Tensor<2>, lower: Tensor<2>) -> [Tensor<1>; 2] {
        let mean = |logits: &Tensor<2>| logits.clone().mean().reshape([1, 1]);
        let (above, below) = (upper.clone() - mean(&lower), mean(&upper) - lower);
        [self.0.pays(above), self.0.pays(below)]
    }
}

impl Loss for RelativisticAverage {
    fn generator(&self, real: Tensor<2>, fake: Tensor<2>) -> Parts {
        let [fake, real] = self.parts(fake, real);
        Parts::two(real, fake)
    }

    fn discriminator(&self, real: Tensor<2>, fake: Tensor<2>, _: &Labels) -> Parts {
        let [real, fake] = self.parts(real, fake);
        Parts::two(real, fake)
    }

    fn compares(&self) -> bool {
        true
    }

    #[cfg(test)]
    fn formula(&self, [real, fake]: [&[f64]; 2], _: [&[f64]; 2]) -> [Vec<f64>; 2] {
        let (mean_real, mean_fake) = (mean(real, |l| l), mean(fake, |l| l));
        [1.0, -1.0].map(|sign| {
            let of_reals = mean(real, |l| self.0.number(sign * (l - mean_fake)));
            vec![of_reals, mean(fake, |l| self.0.number(sign * (mean_real - l)))]
        })
    }
}
