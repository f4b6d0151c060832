//! Adam as Keras computes it (Kingma & Ba 2015, the efficient form at the end of section 2):
//! m ← m + (1−β₁)(g−m), v ← v + (1−β₂)(g²−v), w ← w − α·m/(√v + ε) with α = lr·√(1−β₂ᵗ)/(1−β₁ᵗ).
//! ε is added to the uncorrected √v (`keras/src/optimizers/adam.py`), unlike PyTorch and burn.

use burn::tensor::Tensor;
use shared::nn::config::OptimizerConfig;
use shared::nn::ops::{self, AdamConstants};
use shared::nn::parameter::{Parameter, Parameters, Role};

/// The optimizer of one network.
#[derive(Clone, Debug)]
pub struct Adam {
    config: OptimizerConfig,
    moments: Vec<Moments>,
}

#[derive(Clone, Debug)]
struct Moments {
    name: String,
    first: Parameter,
    second: Parameter,
}

impl Adam {
    /// An optimizer of all weights of `network`, its moments 0.
    #[must_use]
    pub fn new(config: &OptimizerConfig, network: &dyn Parameters) -> Self {
        let moments = network
            .parameters()
            .into_iter()
            .filter(|(_, p)| p.role() == Role::Weight)
            .map(|(name, p)| {
                let zeros = Parameter::filled(0.0, p.shape(), Role::Statistic, &p.flat().device());
                Moments { name, first: zeros.clone(), second: zeros }
            })
            .collect();
        Self { config: config.clone(), moments }
    }

    /// The `t`-th update (counted from 1) of the weights of `network` along `gradients`, flat and in the weights' order.
    pub fn step(&mut self, t: u64, network: &mut dyn Parameters, gradients: Vec<Tensor<1>>) {
        let OptimizerConfig { learning_rate, beta_1, beta_2, epsilon } = self.config;
        let correction = |beta: f64| 1.0 - beta.powf(t as f64);
        let alpha = learning_rate * correction(beta_2).sqrt() / correction(beta_1);
        let constants = AdamConstants { alpha, beta_1, beta_2, epsilon };
        let mut weights: Vec<_> =
            network.parameters_mut().into_iter().map(|(_, p)| p).filter(|p| p.role() == Role::Weight).collect();
        let items = weights.iter_mut().zip(&mut self.moments);
        let items = items.map(|(w, m)| [w.take(), m.first.take(), m.second.take()]).collect();
        for ((weight, moments), [w, m, v]) in
            weights.iter_mut().zip(&mut self.moments).zip(ops::adam(items, gradients, constants))
        {
            weight.set(w);
            moments.first.set(m);
            moments.second.set(v);
        }
    }
}

impl Parameters for Adam {
    fn collect<'a>(&'a self, prefix: &str, list: &mut Vec<(String, &'a Parameter)>) {
        for moments in &self.moments {
            list.push((format!("{prefix}first.{}", moments.name), &moments.first));
            list.push((format!("{prefix}second.{}", moments.name), &moments.second));
        }
    }

    fn collect_mut<'a>(&'a mut self, prefix: &str, list: &mut Vec<(String, &'a mut Parameter)>) {
        for moments in &mut self.moments {
            list.push((format!("{prefix}first.{}", moments.name), &mut moments.first));
            list.push((format!("{prefix}second.{}", moments.name), &mut moments.second));
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn a_tiny_constant_gradient_moves_as_far_as_in_keras() {
        let device = Device::flex();
        let config = OptimizerConfig { learning_rate: 1e-4, beta_1: 0.5, beta_2: 0.999, epsilon: 1e-7 };
        let mut weight = Parameter::filled(0.0, &[1], Role::Weight, &device);
        let mut adam = Adam::new(&config, &weight);
        for t in 1..=3 {
            adam.step(t, &mut weight, vec![Tensor::full([1], 1e-7, &device)]);
        }
        // The same three updates in f64, by the formula above.
        let (mut w, mut m, mut v) = (0.0, 0.0, 0.0f64);
        for t in 1..=3 {
            m += (1e-7 - m) * 0.5;
            v += (1e-14 - v) * 0.001;
            let alpha = 1e-4 * (1.0 - 0.999f64.powi(t)).sqrt() / (1.0 - 0.5f64.powi(t));
            w -= alpha * m / (v.sqrt() + 1e-7);
        }
        let found = f64::from(weight.to_vec()[0]);
        // f32 rounds 1e-14·0.001 and its root at 1e-7 relative each.
        assert!((found - w).abs() < 1e-5 * w.abs(), "{found} {w}");
    }
}
