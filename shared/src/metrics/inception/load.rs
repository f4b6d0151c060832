//! Where the network's numbers come from: a state dict, with BatchNorm folded into the convolutions, or a seeded draw.

use super::super::state_dict::{Problem, StateDict, WeightsError};
use super::network::Parameters;
use crate::rng;

/// Epsilon of every BatchNorm of this network (TensorFlow-Slim's Inception).
const BATCH_NORM_EPS: f64 = 1e-3;

/// Names in an error's text; the rest is counted.
const NAMES_SHOWN: usize = 5;

/// The weights and bias of one convolution, in f32.
pub(super) type WeightsAndBias = (Vec<f32>, Vec<f32>);

/// Reads from a state dict and gathers all that is wrong, so that one message names it all.
pub(super) struct FromStateDict {
    state: StateDict,
    missing: Vec<String>,
    problems: Vec<String>,
}

impl FromStateDict {
    pub(super) fn new(state: StateDict) -> Self {
        Self { state, missing: Vec::new(), problems: Vec::new() }
    }

    /// Whether everything was there and nothing else.
    pub(super) fn finish(mut self) -> Result<(), WeightsError> {
        let unused = self.state.left_over();
        for (what, names) in [("missing", &self.missing), ("unused", &unused)] {
            if !names.is_empty() {
                let more = names.len().saturating_sub(NAMES_SHOWN);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                self.problems.push(format!("{what}: {}{more}", names[..names.len().min(NAMES_SHOWN)].join(", ")));
            }
        }
        if self.problems.is_empty() {
            return Ok(());
        }
        Err(WeightsError::Mismatch { path: self.state.path().to_owned(), problems: self.problems })
    }

    fn take(&mut self, name: &str, shape: &[usize]) -> Option<Vec<f64>> {
        match self.state.take(name, shape) {
            Ok(values) => return Some(values),
            Err(Problem::Missing(name)) => self.missing.push(name),
            Err(Problem::Other(text)) => self.problems.push(text),
        }
        None
    }

    fn folded(&mut self, name: &str, shape: [usize; 4]) -> Option<WeightsAndBias> {
        let out = shape[0];
        let weight = self.take(&format!("{name}.conv.weight"), &shape);
        let conv_bias = format!("{name}.conv.bias");
        if self.state.has(&conv_bias) && !self.state.has(&format!("{name}.bn.weight")) {
            let bias = self.take(&conv_bias, &[out])?;
            return Some((narrow(&weight?), narrow(&bias)));
        }
        let [gamma, beta, mean, variance] =
            ["weight", "bias", "running_mean", "running_var"].map(|part| self.take(&format!("{name}.bn.{part}"), &[out]));
        let (mut weight, gamma, mut bias, mean, variance) = (weight?, gamma?, beta?, mean?, variance?);
        let per_channel = weight.len() / out;
        for c in 0..out {
            let scale = gamma[c] / (variance[c] + BATCH_NORM_EPS).sqrt();
            weight[c * per_channel..(c + 1) * per_channel].iter_mut().for_each(|w| *w *= scale);
            bias[c] -= mean[c] * scale;
        }
        Some((narrow(&weight), narrow(&bias)))
    }
}

impl Parameters for FromStateDict {
    fn convolution(&mut self, name: &str, shape: [usize; 4]) -> WeightsAndBias {
        // The zeros never compute anything: `finish` fails when a tensor was not there.
        self.folded(name, shape).unwrap_or_else(|| (vec![0.0; shape.iter().product()], vec![0.0; shape[0]]))
    }

    fn logits(&mut self, shape: [usize; 2]) -> Vec<f32> {
        // The Inception Score is defined over the logits without this bias; it is taken so that it is not left over.
        let bias = self.take("fc.bias", &shape[..1]);
        let weight = self.take("fc.weight", &shape);
        weight.zip(bias).map_or_else(|| vec![0.0; shape.iter().product()], |(weight, _)| narrow(&weight))
    }
}

fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&v| v as f32).collect()
}

/// Draws untrained weights: He et al. 2015, uniform, so that activations keep their size through the depth.
pub(super) struct Drawn {
    pub(super) seed: u64,
}

impl Parameters for Drawn {
    fn convolution(&mut self, name: &str, shape: [usize; 4]) -> WeightsAndBias {
        (self.uniform(name, &shape), vec![0.0; shape[0]])
    }

    fn logits(&mut self, shape: [usize; 2]) -> Vec<f32> {
        self.uniform("fc", &shape)
    }
}

impl Drawn {
    fn uniform(&self, name: &str, shape: &[usize]) -> Vec<f32> {
        let fan_in: usize = shape[1..].iter().product();
        let limit = (6.0 / fan_in as f64).sqrt();
        let mut stream = rng::stream(self.seed, &format!("random inception {name}"), 0);
        (0..shape.iter().product()).map(|_| stream.between(-limit, limit) as f32).collect()
    }
}
