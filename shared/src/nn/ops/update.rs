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
    items.into_iter().zip(gradients).map(|(item, g)| by_burn(update, item, g)).collect()
}

/// [`update`] of one weight in operations of burn.
fn by_burn(update: Update, item: Vec<Tensor<1>>, mut g: Tensor<1>) -> Vec<Tensor<1>> {
    let mut item = item.into_iter();
    // `update` has counted the tensors.
    let mut next = || item.next().unwrap_or_else(|| g.zeros_like());
    let (mut w, kept) = (next(), (0..update.rule.kept()).map(|_| next()).collect::<Vec<_>>());
    let mut kept = kept.into_iter();
    if update.scale != 1.0 {
        g = g * update.scale;
    }
    if update.pull != 0.0 {
        g = g + w.clone() * update.pull;
    }
    if update.kept != 1.0 {
        w = w * update.kept;
    }
    match (update.rule, kept.next(), kept.next()) {
        (Rule::Adam { alpha, beta_1, beta_2, epsilon }, Some(m), Some(v)) => {
            let m = m.clone() + (g.clone() - m) * (1.0 - beta_1);
            let v = v.clone() + (g.square() - v) * (1.0 - beta_2);
            vec![w - m.clone() * alpha / (v.clone().sqrt() + epsilon), m, v]
        }
        (Rule::RmsProp { rho, inside, outside, momentum, gain, alpha }, Some(v), b) => {
            let v = v.clone() + (g.clone().square() - v) * (1.0 - rho);
            let d = g / ((v.clone() + inside).sqrt() + outside);
            let (w, b) = descend(w, b, d, momentum.unwrap_or_default(), false, gain, alpha);
            [Some(w), Some(v), b].into_iter().flatten().collect()
        }
        (Rule::Sgd { momentum, nesterov, gain, alpha }, b, _) => {
            let (w, b) = descend(w, b, g, momentum.unwrap_or_default(), nesterov, gain, alpha);
            [Some(w), b].into_iter().flatten().collect()
        }
        (_, first, second) => [Some(w), first, second].into_iter().flatten().collect(),
    }
}

/// The part of a rule that [`Rule::Sgd`] describes.
fn descend(
    w: Tensor<1>,
    b: Option<Tensor<1>>,
    d: Tensor<1>,
    momentum: f64,
    nesterov: bool,
    gain: f64,
    alpha: f64,
) -> (Tensor<1>, Option<Tensor<1>>) {
    let new = d * gain;
    let Some(b) = b else { return (w - new * alpha, None) };
    let b = b * momentum + new.clone();
    let step = if nesterov { b.clone() * momentum + new } else { b.clone() };
    (w - step * alpha, Some(b))
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
    averages.into_iter().zip(current).map(|(a, c)| a * decay + c * (1.0 - decay)).collect()
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    const N: usize = 50_001;

    fn drawn(seed: u64) -> Tensor<1> {
        let values = crate::rng::stream(seed, "update test", 0).normals(N);
        Tensor::from_data(TensorData::new(values, [N]), &Device::flex())
    }

    fn values(tensor: Tensor<1>) -> Vec<f32> {
        tensor.into_data().iter::<f32>().collect()
    }

    const ADAM: Rule = Rule::Adam { alpha: 0.01, beta_1: 0.5, beta_2: 0.999, epsilon: 1e-7 };

    /// Every rule with and without what it may keep, with the gradient as it is and not.
    fn updates() -> Vec<Update> {
        let mut rules = vec![ADAM];
        for momentum in [None, Some(0.9)] {
            rules.push(Rule::RmsProp { rho: 0.9, inside: 1e-3, outside: 1e-2, momentum, gain: 0.7, alpha: 0.1 });
            rules.push(Rule::Sgd { momentum, nesterov: false, gain: 0.7, alpha: 0.1 });
        }
        rules.push(Rule::Sgd { momentum: Some(0.9), nesterov: true, gain: 0.7, alpha: 0.1 });
        let plain = rules.iter().map(|&rule| Update { rule, scale: 1.0, pull: 0.0, kept: 1.0 });
        plain.chain(rules.iter().map(|&rule| Update { rule, scale: 0.3, pull: 0.1, kept: 0.9 })).collect()
    }

    #[test]
    fn one_pass_on_the_cpu_gives_what_burns_operations_give() {
        for step in updates() {
            let item: Vec<Tensor<1>> =
                (0..=step.rule.kept() as u64).map(|i| if i == 0 { drawn(0) } else { drawn(i).square() }).collect();
            // The items are held here as well, so that a change in place would show.
            let found = update(step, vec![item.clone()], vec![drawn(9)]).remove(0);
            let expected = by_burn(step, item.clone(), drawn(9));
            assert_eq!((found.len(), values(item[0].clone())), (expected.len(), values(drawn(0))), "{step:?}");
            for (found, expected) in found.into_iter().zip(expected) {
                for (f, e) in values(found).into_iter().zip(values(expected)) {
                    // A few roundings of numbers of about 1 each.
                    assert!((f - e).abs() < 2e-6 * e.abs().max(1.0), "{step:?}: {f} {e}");
                }
            }
        }
    }

    #[test]
    fn a_weight_that_nobody_else_holds_is_changed_where_it_lies() {
        let weight = cpu::own_flex(drawn(0) + 1.0);
        let at = weight.bytes().as_ptr();
        let step = Update { rule: Rule::Sgd { momentum: None, nesterov: false, gain: 1.0, alpha: 0.1 }, ..updates()[0] };
        let after = update(step, vec![vec![lift(weight)]], vec![drawn(1)]).remove(0).remove(0);
        assert_eq!(cpu::own_flex(after).bytes().as_ptr(), at);
    }

    #[test]
    fn the_norm_is_that_of_all_numbers_for_any_number_of_threads() {
        let tensors = [drawn(1), drawn(2) * 3.0, drawn(3).narrow(0, 5, 7)];
        let squares = tensors.iter().flat_map(|t| values(t.clone())).map(|x| f64::from(x).powi(2)).sum::<f64>();
        let found = norm(&tensors);
        assert!((found - squares.sqrt()).abs() < 1e-12 * found, "{found} {}", squares.sqrt());
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            assert_eq!(pool.install(|| norm(&tensors)), found);
        }
    }
}
