//! What both networks are trained on, from logits.

use burn::tensor::{Tensor, activation};
use shared::nn::config::LossName;

/// A pair of losses over logits [B, 1]; each gives a mean, `[1]`.
pub trait Loss: std::fmt::Debug + Sync {
    /// What the generator lowers, from D's logits of its pictures.
    fn generator(&self, fake: Tensor<2>) -> Tensor<1>;

    /// What the discriminator lowers, from its logits of real and generated pictures.
    fn discriminator(&self, real: Tensor<2>, fake: Tensor<2>) -> Tensor<1>;
}

/// The loss of this name.
#[must_use]
pub fn of(name: LossName) -> &'static dyn Loss {
    match name {
        LossName::NonSaturating => &NonSaturating,
    }
}

/// Binary cross-entropy with logits for the label `true`: −log σ(l) = softplus(−l).
fn taken_for_real(logits: Tensor<2>) -> Tensor<1> {
    activation::log_sigmoid(logits).mean().neg()
}

/// Goodfellow et al. 2014 (arXiv:1406.2661), section 3: G maximises log D(G(z)). D's loss is the mean over real and
/// generated pictures together, as the Keras example has it: half the sum of the two means.
#[derive(Clone, Copy, Debug)]
pub struct NonSaturating;

impl Loss for NonSaturating {
    fn generator(&self, fake: Tensor<2>) -> Tensor<1> {
        taken_for_real(fake)
    }

    fn discriminator(&self, real: Tensor<2>, fake: Tensor<2>) -> Tensor<1> {
        (taken_for_real(real) + taken_for_real(fake.neg())) * 0.5
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn values_and_gradients_equal_the_formula_in_f64_also_far_from_zero() {
        let logits = [-80.0f32, -3.0, -0.1, 0.0, 0.5, 4.0, 60.0];
        let n = logits.len() as f64;
        let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let leaf = || Tensor::<1>::from_floats(logits, &Device::flex()).reshape([7, 1]).autodiff().require_grad();
        let check = |loss: Tensor<1>, leaf: Tensor<2>, value: f64, slope: &dyn Fn(f64) -> f64| {
            let found: f32 = loss.clone().into_scalar();
            assert!((f64::from(found) - value).abs() < 1e-6 * value.abs(), "{found} {value}");
            let gradient = leaf.grad(&loss.backward()).expect("gradient").into_data();
            for (g, &l) in gradient.iter::<f32>().zip(&logits) {
                assert!((f64::from(g) - slope(f64::from(l))).abs() < 1e-7, "{l}: {g}");
            }
        };
        let mean = |f: &dyn Fn(f64) -> f64| logits.iter().map(|&l| f(f64::from(l))).sum::<f64>() / n;
        let fake = leaf();
        check(NonSaturating.generator(fake.clone()), fake, mean(&|l| softplus(-l)), &|l| (sigmoid(l) - 1.0) / n);
        let (real, fake) = (leaf(), leaf());
        let value = 0.5 * (mean(&|l| softplus(-l)) + mean(&softplus));
        let d_loss = || NonSaturating.discriminator(real.clone(), fake.clone());
        check(d_loss(), real.clone(), value, &|l| 0.5 * (sigmoid(l) - 1.0) / n);
        check(d_loss(), fake.clone(), value, &|l| 0.5 * sigmoid(l) / n);
    }
}
