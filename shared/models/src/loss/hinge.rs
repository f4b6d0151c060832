//! The hinge loss (Lim & Ye 2017, arXiv:1705.02894; Miyato et al. 2018, arXiv:1802.05957, equations
//! 16 and 17).

use burn::tensor::{Tensor, activation};

use super::labels::Labels;
use super::pair::{Loss, Parts};
#[cfg(test)]
use super::tests::mean;

/// max(0, 1 − x), averaged.
pub(super) fn margin(x: Tensor<2>) -> Tensor<1> {
    activation::relu(x.neg() + 1.0).mean()
}

/// D is penalised for real logits below 1 and generated ones above −1; G maximises the generated
/// ones.
#[derive(Clone, Copy, Debug)]
pub struct Hinge;

impl Loss for Hinge {
    fn generator(&self, _: Tensor<2>, fake: Tensor<2>) -> Parts {
        Parts::one(fake.mean().neg())
    }

    fn discriminator(&self, real: Tensor<2>, fake: Tensor<2>, _: &Labels) -> Parts {
        Parts::two(margin(real), margin(fake.neg()))
    }

    #[cfg(test)]
    fn formula(&self, [real, fake]: [&[f64]; 2], _: [&[f64]; 2]) -> [Vec<f64>; 2] {
        let pays = |x: f64| (1.0 - x).max(0.0);
        [vec![mean(real, pays), mean(fake, |l| pays(-l))], vec![-mean(fake, |l| l)]]
    }
}
