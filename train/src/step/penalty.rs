//! Penalties on the discriminator's gradient with respect to its pictures. burn differentiates only
//! once, and these penalties already contain gradients; they are exact nonetheless. With g = ∇ₓD(x)
//! from an ordinary backward pass, the gradient of a penalty f(g) with respect to the weights is
//! that of the tangent ⟨∂f/∂g, ∇ₓD(x)⟩ with ∂f/∂g held constant, and that tangent takes one forward
//! pass ([`Discriminator::tangent`]).

use burn::tensor::{Tensor, TensorData};
use shared::nn::config::PenaltyConfig;
use shared::nn::layers::{Classes, Masks, Mode, Pass};
use shared::nn::networks::Discriminator;

use crate::augment::plan::Plan;

/// A penalty: its value, and a tensor with the same gradient with respect to D's weights.
#[derive(Clone, Debug)]
pub struct Penalty {
    /// The kind of penalty.
    pub kind: Kind,
    /// `[1]`; only its gradient is meaningful.
    pub tangent: Tensor<1>,
    /// ‖∇ₓD‖₂² of each picture, `[B]`, on the device.
    pub squares: Tensor<1>,
    /// D's logits at the points, [B, 1], on the device.
    pub logits: Tensor<2>,
}

impl Penalty {
    /// The value added to D's loss. Blocks until the device has computed it.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.kind.value(&self.read())
    }

    /// ‖∇ₓD‖₂ of each picture. Blocks until the device has computed them.
    #[must_use]
    pub fn norms(&self) -> Vec<f64> {
        self.read().into_iter().map(|s| f64::from(s).sqrt()).collect()
    }

    fn read(&self) -> Vec<f32> {
        self.squares.clone().into_data().iter::<f32>().collect()
    }
}

/// Keeps a norm from being zero.
const EPSILON: f64 = 1e-12;

/// The penalised function of the gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// λ·mean (‖g‖ − 1)² (Gulrajani et al. 2017, arXiv:1704.00028, eq. 3).
    Gradient(f64),
    /// γ/2·mean ‖g‖² (Mescheder et al. 2018, arXiv:1801.04406, eq. 9 and 10).
    Square(f64),
}

impl Kind {
    /// The penalty, given ‖∇ₓD‖₂² of the pictures as `squares`.
    #[must_use]
    pub fn value(&self, squares: &[f32]) -> f64 {
        let norms = squares.iter().map(|s| f64::from(*s).sqrt());
        let sum: f64 = match self {
            Self::Gradient(lambda) => norms.map(|norm| lambda * (norm - 1.0).powi(2)).sum(),
            Self::Square(gamma) => norms.map(|norm| gamma / 2.0 * norm.powi(2)).sum(),
        };
        sum / squares.len() as f64
    }

    /// ∂f/∂g of a batch, [B, C, H, W]: g times a factor per picture. Computed on the device, so
    /// that nothing waits for the norms.
    fn slope(&self, g: Tensor<4>, squares: Tensor<1>) -> Tensor<4> {
        let n = g.dims()[0];
        match self {
            Self::Gradient(lambda) => {
                let norms = squares.sqrt();
                let factors =
                    (norms.clone() - 1.0) / norms.clamp_min(EPSILON) * (2.0 * lambda / n as f64);
                g * factors.reshape([n, 1, 1, 1])
            }
            Self::Square(gamma) => g * (gamma / n as f64),
        }
    }
}

/// The points of a penalty, and D's other inputs there.
#[derive(Debug)]
pub struct Points<'a> {
    /// The points, [B, C, H, W], without a graph.
    pub x: Tensor<4>,
    /// Their classes.
    pub classes: Option<&'a Classes>,
    /// The dropout masks, the same in both passes.
    pub masks: &'a Masks,
    /// The augmentation between the points and D, where the derivative is that by pictures as they
    /// are.
    pub view: Option<&'a Plan>,
}

/// The penalty `kind` at `points`. `tracked` is `plain` with its weights as leaves.
#[must_use]
pub fn of(
    kind: Kind,
    plain: &Discriminator,
    tracked: &Discriminator,
    points: &Points<'_>,
) -> Penalty {
    let mut masks = points.masks.clone();
    let x = points.x.clone().autodiff().require_grad();
    let mut pass = Pass::new(Mode::Train, points.classes, &mut masks);
    let view = |x: Tensor<4>| points.view.map_or(x.clone(), |plan| plan.apply(x));
    let logits = plain.forward(view(x.clone()), &mut pass).logits;
    let g = x.grad(&logits.clone().sum().backward()).unwrap_or_else(|| points.x.zeros_like()); // [B, C, H, W]
    let flat: Tensor<2> = g.clone().flatten(1, 3);
    let squares: Tensor<1> = flat.square().sum_dim(1).reshape([-1]); // [B]
    let direction = kind.slope(g, squares.clone());
    let direction = points.view.map_or(direction.clone(), |plan| plan.linear(direction));
    let mut masks = points.masks.clone();
    let mut pass = Pass::new(Mode::Train, points.classes, &mut masks);
    let x = view(points.x.clone()).autodiff();
    let tangent = tracked.tangent(x, direction.autodiff(), &mut pass).tangent;
    let tangent = tangent.map_or_else(|| Tensor::zeros([1], &points.x.device()), Tensor::sum);
    Penalty { kind, tangent, squares, logits: logits.inner() }
}

/// εx + (1 − ε)G(z): points between real and generated pictures, with one ε per picture.
#[must_use]
pub fn between(real: &Tensor<4>, fake: &Tensor<4>, epsilon: Vec<f32>) -> Tensor<4> {
    let batch = real.dims()[0];
    let epsilon =
        Tensor::<4>::from_data(TensorData::new(epsilon, [batch, 1, 1, 1]), &real.device());
    fake.clone() + (real.clone() - fake.clone()) * epsilon
}

/// The penalties that `config` asks for in D's update number `update` (from 0), each with the
/// location of its points.
#[must_use]
pub fn due(config: &PenaltyConfig, update: u64) -> Vec<(Kind, At)> {
    if !update.is_multiple_of(config.interval) {
        return Vec::new();
    }
    let lazy = config.interval as f64;
    let all = [
        (config.gradient, Kind::Gradient(config.gradient * lazy), At::Between),
        (config.r1, Kind::Square(config.r1 * lazy), At::Real),
        (config.r2, Kind::Square(config.r2 * lazy), At::Fake),
    ];
    all.into_iter().filter(|(weight, ..)| *weight > 0.0).map(|(_, kind, at)| (kind, at)).collect()
}

/// Location of a penalty's points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Between real and generated pictures.
    Between,
    /// At the real pictures.
    Real,
    /// At the generated pictures.
    Fake,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lazy_penalties_come_every_so_often_with_as_much_more_weight() {
        let config =
            PenaltyConfig { gradient: 10.0, r1: 2.0, interval: 4, ..PenaltyConfig::default() };
        let expected = vec![(Kind::Gradient(40.0), At::Between), (Kind::Square(8.0), At::Real)];
        for update in 0..12 {
            assert_eq!(
                due(&config, update),
                if update % 4 == 0 { expected.clone() } else { Vec::new() }
            );
        }
    }
}
