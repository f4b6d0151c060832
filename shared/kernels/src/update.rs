//! Updates and moving averages of many flat weights at once.

use burn::tensor::Tensor;

use crate::cpu::{self, lift, on_cpu};
use crate::rule::Update;

/// One update of many flat weights. An item is a weight and the states of the rule, in the order in
/// which the rule lists them; all are changed in place if they are not shared. There is one of
/// `gradients` per item.
#[must_use]
pub fn update(
    update: Update,
    items: Vec<Vec<Tensor<1>>>,
    gradients: Vec<Tensor<1>>,
) -> Vec<Vec<Tensor<1>>> {
    debug_assert_eq!(items.len(), gradients.len());
    debug_assert!(items.iter().all(|item| item.len() == 1 + update.rule.kept()), "{update:?}");
    if items.iter().flatten().all(on_cpu) {
        let items =
            items.into_iter().map(|item| item.into_iter().map(cpu::own_flex).collect()).collect();
        let gradients = gradients.into_iter().map(cpu::own_flex).collect();
        return cpu::update::update(update, items, gradients)
            .into_iter()
            .map(|i| i.into_iter().map(lift).collect())
            .collect();
    }
    #[cfg(feature = "cubecl")]
    return crate::cube::update::update(update, items, gradients);
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

/// average ← decay·average + (1 − decay)·current for many flat tensors, in place if they are not
/// shared.
#[must_use]
pub fn moving_average(
    averages: Vec<Tensor<1>>,
    current: Vec<Tensor<1>>,
    decay: f64,
) -> Vec<Tensor<1>> {
    debug_assert_eq!(averages.len(), current.len());
    if averages.iter().all(on_cpu) {
        let [averages, current] =
            [averages, current].map(|list| list.into_iter().map(cpu::own_flex).collect());
        return cpu::update::average(averages, current, decay).into_iter().map(lift).collect();
    }
    #[cfg(feature = "cubecl")]
    return crate::cube::update::average(averages, current, decay);
    #[cfg(not(feature = "cubecl"))]
    unreachable!("without CubeCL, the CPU is the only device")
}

#[cfg(test)]
mod tests;
