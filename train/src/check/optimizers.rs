//! Every optimizer in both libraries' arithmetic over three steps: weights and optimizer state; and
//! the moving average.

use burn::tensor::{Device, Tensor};
use shared::nn::config::{Convention, OptimizerConfig, OptimizerName};
use shared::nn::parameter::{Parameter, Parameters, Purpose};

use super::case::{Case, Outputs};
use super::extent::Extent;
use super::numbers::{drawn, stream};
use super::tolerance::Kind;
use crate::step::ema;
use crate::step::optimizer::Optimizer;

/// Sizes of the weights.
const SIZES: [usize; 3] = [5, 640, 4099];

/// All rows; they are small, so both extents have all of them.
#[must_use]
pub fn cases(_: Extent) -> Vec<Case> {
    let names =
        [OptimizerName::Adam, OptimizerName::Adamw, OptimizerName::Rmsprop, OptimizerName::Sgd];
    let mut cases = Vec::new();
    for name in names {
        for convention in [Convention::Keras, Convention::Pytorch] {
            let plain = OptimizerConfig {
                name,
                convention,
                learning_rate: 0.1,
                ..OptimizerConfig::default()
            };
            let mut variations = vec![
                ("", plain.clone()),
                (", decayed", OptimizerConfig { weight_decay: 0.1, ..plain.clone() }),
                (", clipped", OptimizerConfig { clip_norm: 2.0, ..plain.clone() }),
            ];
            if matches!(name, OptimizerName::Rmsprop | OptimizerName::Sgd) {
                variations.push((", momentum", OptimizerConfig { momentum: 0.9, ..plain.clone() }));
            }
            if name == OptimizerName::Sgd {
                variations.push((
                    ", Nesterov's momentum",
                    OptimizerConfig { momentum: 0.9, nesterov: true, ..plain },
                ));
            }
            for (text, config) in variations {
                let text = format!("optimizer {} of {}{text}", word(name), word(convention));
                cases.push(Case::new(text, Kind::Optimizer, move |device| {
                    three_steps(&config, device)
                }));
            }
        }
    }
    cases.push(Case::new("optimizer moving average", Kind::Optimizer, |device| {
        let roles = [Purpose::Weight, Purpose::Statistic, Purpose::Direction];
        let (mut average, current) =
            (weights("w", &roles, device), weights("other", &roles, device));
        (0..3).for_each(|_| ema::update(&mut average, &current, 0.9));
        all(&average)
    }));
    cases
}

/// A serde name as users write it.
fn word(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

fn weights(name: &str, roles: &[Purpose; 3], device: &Device) -> Vec<Parameter> {
    let one = |(i, (&n, &purpose)): (usize, (&usize, &Purpose))| {
        Parameter::new(stream(&format!("{name} {i}")).normals(n), &[n], purpose, device)
    };
    SIZES.iter().zip(roles).enumerate().map(one).collect()
}

fn all(parameters: &dyn Parameters) -> Outputs {
    let mut outputs = Outputs::default();
    parameters.parameters().into_iter().for_each(|(name, p)| outputs.tensor(&name, p.flat()));
    outputs
}

fn three_steps(config: &OptimizerConfig, device: &Device) -> Outputs {
    let mut network = weights("w", &[Purpose::Weight; 3], device);
    let mut optimizer = Optimizer::new(config, &network);
    for t in 1..=3u64 {
        let gradient = |(i, &n): (usize, &usize)| -> Tensor<1> {
            drawn(&format!("gradient {t} {i}"), [n], device)
        };
        let gradients = SIZES.iter().enumerate().map(gradient).collect();
        optimizer.step(t, 1.0 / t as f64, &mut network, gradients);
    }
    let mut outputs = all(&network);
    outputs.parts.extend(all(&optimizer).parts);
    outputs
}
