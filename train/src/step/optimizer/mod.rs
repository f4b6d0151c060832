//! The optimizer of one network: a rule from the settings, in the arithmetic of Keras or of
//! PyTorch.
//!
//! Both libraries' rules are the same few formulas ([`Rule`]) with different constants:
//! - Adam (Kingma & Ba 2015, the efficient form at the end of section 2): w ← w − α·m/(√v + ε) with
//!   α = lr·√(1−β₂ᵗ)/(1−β₁ᵗ). Keras adds ε to the uncorrected √v; PyTorch to √(v/(1−β₂ᵗ)), which is
//!   ε·√(1−β₂ᵗ) here.
//! - RMSprop: Keras has ε under the root, PyTorch beside it.
//! - Momentum: Keras' velocity holds lr·g, PyTorch's holds g.
//! - Weight decay: PyTorch adds `weight_decay`·w to g, with AdamW it shrinks w by
//!   lr·`weight_decay`; Keras always does that.

use burn::tensor::{Device, Tensor};
use shared::nn::config::{Convention, OptimizerConfig, OptimizerName};
use shared::nn::ops::{self, Rule, Update};
use shared::nn::parameter::{Parameter, Parameters, Purpose};

/// Added to the norm when clipping gradients, as in `torch.nn.utils.clip_grad_norm_`.
const CLIP_EPSILON: f64 = 1e-6;

/// The optimizer of one network.
#[derive(Clone, Debug)]
pub struct Optimizer {
    config: OptimizerConfig,
    states: Vec<State>,
}

/// The state kept for one weight, by name and in the order of the [`Rule`].
#[derive(Clone, Debug)]
struct State {
    weight: String,
    kept: Vec<(&'static str, Parameter)>,
}

/// The joint Euclidean norm of all gradients of a network, where it was computed.
#[derive(Clone, Debug)]
pub enum Norm {
    /// On the host.
    Host(f64),
    /// On the device, `[1]`, without waiting for it.
    Device(Box<Tensor<1>>),
}

impl Norm {
    /// The value; blocks until the device has computed it.
    #[must_use]
    pub fn value(&self) -> f64 {
        match self {
            Self::Host(norm) => *norm,
            Self::Device(norm) => f64::from(norm.as_ref().clone().into_scalar::<f32>()),
        }
    }
}

impl Optimizer {
    /// An optimizer of all weights of `network`, with zero moments.
    #[must_use]
    pub fn new(config: &OptimizerConfig, network: &dyn Parameters) -> Self {
        let weights =
            network.parameters().into_iter().filter(|(_, p)| p.purpose() == Purpose::Weight);
        let states = weights.map(|(weight, p)| {
            let zeros =
                || Parameter::filled(0.0, p.shape(), Purpose::Statistic, &p.flat().device());
            State { weight, kept: names(config).iter().map(|&name| (name, zeros())).collect() }
        });
        Self { states: states.collect(), config: config.clone() }
    }

    /// Runs the `t`-th update (counted from 1) of the weights of `network` with `gradients`, flat
    /// and in the weights' order. `rate` is the learning rate's factor.
    ///
    /// Returns the joint norm of the gradients if clipping needed it.
    pub fn step(
        &mut self,
        t: u64,
        rate: f64,
        network: &mut dyn Parameters,
        gradients: Vec<Tensor<1>>,
    ) -> Option<Norm> {
        let (gradients, scale, norm) = self.clip(gradients);
        let update = update(&self.config, t, self.config.learning_rate * rate, scale);
        let mut weights: Vec<_> = network
            .parameters_mut()
            .into_iter()
            .map(|(_, p)| p)
            .filter(|p| p.purpose() == Purpose::Weight)
            .collect();
        let items = weights.iter_mut().zip(&mut self.states).map(|(weight, state)| {
            let kept = state.kept.iter_mut().map(|(_, p)| p.take());
            std::iter::once(weight.take()).chain(kept).collect()
        });
        let items = items.collect();
        for ((weight, state), item) in
            weights.iter_mut().zip(&mut self.states).zip(ops::update(update, items, gradients))
        {
            let parameters =
                std::iter::once(&mut **weight).chain(state.kept.iter_mut().map(|(_, p)| p));
            parameters.zip(item).for_each(|(parameter, value)| parameter.set(value));
        }
        norm
    }

    /// The gradients, a factor still to be applied to them, and their norm if it was needed. On the
    /// CPU the norm is summed in f64 and available at once; elsewhere it stays on the device,
    /// because the host would have to wait for it.
    fn clip(&self, gradients: Vec<Tensor<1>>) -> (Vec<Tensor<1>>, f64, Option<Norm>) {
        let bound = self.config.clip_norm;
        if bound <= 0.0 || gradients.is_empty() {
            return (gradients, 1.0, None);
        }
        if gradients.iter().all(|g| g.device() == Device::flex()) {
            let norm = ops::norm(&gradients);
            return (gradients, (bound / (norm + CLIP_EPSILON)).min(1.0), Some(Norm::Host(norm)));
        }
        let (gradients, norm) = clipped_there(gradients, bound);
        (gradients, 1.0, Some(Norm::Device(Box::new(norm))))
    }
}

/// The gradients scaled down jointly to a norm of at most `bound`, and the norm before, `[1]`, all
/// on their device.
fn clipped_there(gradients: Vec<Tensor<1>>, bound: f64) -> (Vec<Tensor<1>>, Tensor<1>) {
    let squares = gradients.iter().map(|g| g.clone().square().sum()).collect();
    let norm = Tensor::cat(squares, 0).sum().sqrt();
    let factor = ((norm.clone() + CLIP_EPSILON).recip() * bound).clamp_max(1.0);
    (gradients.into_iter().map(|g| g * factor.clone()).collect(), norm)
}

/// The names of the state that the rule keeps for every weight.
fn names(config: &OptimizerConfig) -> &'static [&'static str] {
    match (config.name, config.momentum > 0.0) {
        (OptimizerName::Adam | OptimizerName::Adamw, _) => &["first", "second"],
        (OptimizerName::Rmsprop, false) => &["second"],
        (OptimizerName::Rmsprop, true) => &["second", "momentum"],
        (OptimizerName::Sgd, false) => &[],
        (OptimizerName::Sgd, true) => &["momentum"],
    }
}

/// The constants of the `t`-th update.
fn update(config: &OptimizerConfig, t: u64, rate: f64, scale: f64) -> Update {
    let OptimizerConfig {
        name,
        convention,
        beta_1,
        beta_2,
        epsilon,
        rho,
        nesterov,
        weight_decay,
        ..
    } = *config;
    let keras = convention == Convention::Keras;
    let momentum = (config.momentum > 0.0).then_some(config.momentum);
    let (gain, alpha) = if keras { (rate, 1.0) } else { (1.0, rate) };
    let rule = match name {
        OptimizerName::Adam | OptimizerName::Adamw => {
            let correction = |beta: f64| 1.0 - beta.powf(t as f64);
            let root = correction(beta_2).sqrt();
            let epsilon = if keras { epsilon } else { epsilon * root };
            Rule::Adam { alpha: rate * root / correction(beta_1), beta_1, beta_2, epsilon }
        }
        OptimizerName::Rmsprop => {
            let (inside, outside) = if keras { (epsilon, 0.0) } else { (0.0, epsilon) };
            Rule::RmsProp { rho, inside, outside, momentum, gain, alpha }
        }
        OptimizerName::Sgd => Rule::Sgd { momentum, nesterov, gain, alpha },
    };
    if keras || name == OptimizerName::Adamw {
        Update { rule, scale, pull: 0.0, kept: 1.0 - rate * weight_decay }
    } else {
        Update { rule, scale, pull: weight_decay, kept: 1.0 }
    }
}

impl Parameters for Optimizer {
    fn collect<'a>(&'a self, prefix: &str, list: &mut Vec<(String, &'a Parameter)>) {
        for State { weight, kept } in &self.states {
            list.extend(kept.iter().map(|(name, p)| (format!("{prefix}{name}.{weight}"), p)));
        }
    }

    fn collect_mut<'a>(&'a mut self, prefix: &str, list: &mut Vec<(String, &'a mut Parameter)>) {
        for State { weight, kept } in &mut self.states {
            list.extend(kept.iter_mut().map(|(name, p)| (format!("{prefix}{name}.{weight}"), p)));
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
        let config = OptimizerConfig { learning_rate: 1e-4, ..OptimizerConfig::default() };
        let mut weight = Parameter::filled(0.0, &[1], Purpose::Weight, &device);
        let mut adam = Optimizer::new(&config, &weight);
        for t in 1..=3 {
            assert!(
                adam.step(t, 1.0, &mut weight, vec![Tensor::full([1], 1e-7, &device)]).is_none()
            );
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
        // f32 rounds 1e-14·0.001 and its root to a relative 1e-7 each.
        assert!((found - w).abs() < 1e-5 * w.abs(), "{found} {w}");
    }

    #[test]
    fn a_file_holds_what_the_rule_keeps_under_the_weights_names() {
        let network = vec![Parameter::filled(0.0, &[2], Purpose::Weight, &Device::flex())];
        for (name, momentum, expected) in [
            (OptimizerName::Adam, 0.9, vec!["first.0", "second.0"]),
            (OptimizerName::Adamw, 0.0, vec!["first.0", "second.0"]),
            (OptimizerName::Rmsprop, 0.0, vec!["second.0"]),
            (OptimizerName::Rmsprop, 0.9, vec!["second.0", "momentum.0"]),
            (OptimizerName::Sgd, 0.0, vec![]),
            (OptimizerName::Sgd, 0.9, vec!["momentum.0"]),
        ] {
            let config = OptimizerConfig { name, momentum, ..OptimizerConfig::default() };
            let optimizer = Optimizer::new(&config, &network);
            let found: Vec<_> = optimizer.parameters().into_iter().map(|(name, _)| name).collect();
            assert_eq!(found, expected, "{name:?}");
        }
    }

    #[test]
    fn gradients_beyond_the_norm_are_scaled_down_together_and_others_left() {
        let device = Device::flex();
        let config = OptimizerConfig {
            name: OptimizerName::Sgd,
            learning_rate: 1.0,
            clip_norm: 1.0,
            ..OptimizerConfig::default()
        };
        let zeros = || {
            vec![
                Parameter::filled(0.0, &[1], Purpose::Weight, &device),
                Parameter::filled(0.0, &[1], Purpose::Weight, &device),
            ]
        };
        for (gradients, expected) in [([3.0f32, -4.0], [-0.6f32, 0.8]), ([0.3, -0.4], [-0.3, 0.4])]
        {
            let mut network = zeros();
            let tensors = gradients.map(|g| Tensor::from_floats([g], &device)).to_vec();
            let norm = Optimizer::new(&config, &network)
                .step(1, 1.0, &mut network, tensors)
                .expect("a norm")
                .value();
            assert!((norm - f64::from(gradients[0].hypot(gradients[1]))).abs() < 1e-6, "{norm}");
            for (weight, expected) in network.iter().zip(expected) {
                // The 1e-6 added to the norm is visible.
                assert!(
                    (weight.to_vec()[0] - expected).abs() < 2e-6,
                    "{:?} {expected}",
                    weight.to_vec()
                );
            }
        }
    }

    #[test]
    fn a_norm_that_stays_on_the_device_clips_as_one_on_the_host_does() {
        let device = Device::flex();
        let config = OptimizerConfig { clip_norm: 0.7, ..OptimizerConfig::default() };
        for size in [1e-2, 3.0] {
            let drawn = |name| shared::rng::stream(0, name, 0).normals(40);
            let gradients: Vec<Tensor<1>> = ["a", "b"]
                .map(|name| Tensor::from_floats(&drawn(name)[..], &device) * size)
                .to_vec();
            let (kept, scale, norm) =
                Optimizer::new(&config, &Vec::<Parameter>::new()).clip(gradients.clone());
            let (clipped, there) = clipped_there(gradients, config.clip_norm);
            let (norm, there) =
                (norm.expect("a norm").value(), Norm::Device(Box::new(there)).value());
            assert!((norm - there).abs() < 1e-6 * norm, "{norm} {there}");
            assert_eq!(scale < 1.0, size > 1.0);
            for (kept, clipped) in kept.into_iter().zip(clipped) {
                let off: f32 = (kept * scale - clipped).abs().max().into_scalar();
                assert!(off < 1e-6 * size as f32, "{off}");
            }
        }
    }
}
