//! The Wasserstein distance (Arjovsky et al. 2017, arXiv:1701.07875, equations 2 and 3). The loss
//! is meaningful only if D is kept Lipschitz by other means; papers use the sum of D's parts
//! (`reduction = "sum"`).

use burn::tensor::Tensor;

use super::labels::Labels;
use super::pair::{Loss, Parts};
#[cfg(test)]
use super::tests::mean;

/// D maximises real and minimises generated logits; G maximises the generated ones.
#[derive(Clone, Copy, Debug)]
pub struct Wasserstein;

impl Loss for Wasserstein {
    fn generator(&self, _: Tensor<2>, fake: Tensor<2>) -> Parts {
        Parts::one(fake.mean().neg())
    }

    fn discriminator(&self, real: Tensor<2>, fake: Tensor<2>, _: &Labels) -> Parts {
        Parts::two(real.mean().neg(), fake.mean())
    }

    fn needs_bound(&self) -> bool {
        true
    }

    #[cfg(test)]
    fn formula(&self, [real, fake]: [&[f64]; 2], _: [&[f64]; 2]) -> [Vec<f64>; 2] {
        [vec![-mean(real, |l| l), mean(fake, |l| l)], vec![-mean(fake, |l| l)]]
    }
}
