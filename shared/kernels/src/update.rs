//! How many flat weights follow their gradients at once, and averages of them.

use burn::tensor::Tensor;

use super::cpu::{self, lift};
use super::on_cpu;

/// One update of weights: first w ← kept·w and g ← scale·g + pull·w (of the weight as it was), then the rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Update {
    /// What is done with weight and gradient.
    pub rule: Rule,
    /// Factor of the gradients; 1 = as they are.
    pub scale: f64,
    /// Part of a weight that joins its gradient; 0 = none.
    pub pull: f64,
    /// Part of a weight that stays; 1 = all of it.
    pub kept: f64,
}

/// How weights follow gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// m ← m + (1−β₁)(g−m), v ← v + (1−β₂)(g²−v), w ← w − α·m/(√v + ε). Keeps m and v beside a weight.
    Adam {
        /// Learning rate times √(1−β₂ᵗ)/(1−β₁ᵗ).
        alpha: f64,
        /// Decay of the first moment.
        beta_1: f64,
        /// Decay of the second moment.
        beta_2: f64,
        /// What is added to the uncorrected root.
        epsilon: f64,
    },
    /// v ← v + (1−ρ)(g²−v), d = g/(√(v + inside) + outside), then as [`Rule::Sgd`] along d. Keeps v and, with a momentum, b.
    RmsProp {
        /// Decay of the mean square.
        rho: f64,
        /// What is added under the root.
        inside: f64,
        /// What is added to the root.
        outside: f64,
        /// μ.
        momentum: Option<f64>,
        /// Factor of what enters b.
        gain: f64,
        /// Factor of b.
        alpha: f64,
    },
    /// b ← μ·b + gain·g, w ← w − α·b; with Nesterov's momentum w ← w − α·(μ·b + gain·g); without a momentum
    /// w ← w − α·gain·g. Keeps b, if there is a momentum.
    Sgd {
        /// μ.
        momentum: Option<f64>,
        /// Whether the step is taken from where b leads.
        nesterov: bool,
        /// Factor of what enters b.
        gain: f64,
        /// Factor of b.
        alpha: f64,
    },
}

impl Rule {
    /// How many tensors it keeps beside a weight.
    #[must_use]
    pub const fn kept(&self) -> usize {
        match self {
            Self::Adam { .. } => 2,
            Self::RmsProp { momentum, .. } => 1 + momentum.is_some() as usize,
            Self::Sgd { momentum, .. } => momentum.is_some() as usize,
        }
    }
}

/// One update of many flat weights. An item is a weight and what the rule keeps beside it, in the order that the rule names
/// them; all are changed in place where nobody else holds them. `gradients` are one an item.
#[must_use]
pub fn update(update: Update, items: Vec<Vec<Tensor<1>>>, gradients: Vec<Tensor<1>>) -> Vec<Vec<Tensor<1>>> {
    debug_assert_eq!(items.len(), gradients.len());
    debug_assert!(items.iter().all(|item| item.len() == 1 + update.rule.kept()), "{update:?}");
    if items.iter().flatten().all(on_cpu) {
        let items = items.into_iter().map(|item| item.into_iter().map(cpu::own_flex).collect()).collect();
        let gradients = gradients.into_iter().map(cpu::own_flex).collect();
        return cpu::update::update(update, items, gradients).into_iter().map(|i| i.into_iter().map(lift).collect()).collect();
    }
    #[cfg(feature = "cubecl")]
    return super::cube::update::update(update, items, gradients);
    #[cfg(not(feature = "cubecl"))]
    unreachable!("without CubeCL, the CPU is the only device")
}

/// The Euclidean norm of all numbers of `tensors` together.
#[must_use]
pub fn norm(tensors: &[Tensor<1>]) -> f64 {
    if tensors.iter().all(on_cpu) {
        return cpu::update::squares(tensors.iter().cloned().map(cpu::own_flex).collect()).sqrt();
    }
    let squares = tensors.iter().map(|t| t.clone().square().sum()).collect();
    f64::from(Tensor::cat(squares, 0).sum().into_scalar::<f32>()).sqrt()
}

/// average ← decay·average + (1 − decay)·current for many flat tensors, in place where nobody else holds them.
#[must_use]
pub fn moving_average(averages: Vec<Tensor<1>>, current: Vec<Tensor<1>>, decay: f64) -> Vec<Tensor<1>> {
    debug_assert_eq!(averages.len(), current.len());
    if averages.iter().all(on_cpu) {
        let [averages, current] = [averages, current].map(|list| list.into_iter().map(cpu::own_flex).collect());
        return cpu::update::average(averages, current, decay).into_iter().map(lift).collect();
    }
    #[cfg(feature = "cubecl")]
    return super::cube::update::average(averages, current, decay);
    #[cfg(not(feature = "cubecl"))]
    unreachable!("without CubeCL, the CPU is the only device")
}

#[cfg(test)]
mod tests;
