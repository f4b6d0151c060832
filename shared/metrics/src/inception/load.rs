//! Sources of the network's parameters: a state dict, with BatchNorm folded into the convolutions,
//! or a seeded draw.

use std::path::Path;

use super::super::network::Weights;
use super::super::state_dict::{StateDict, Taking, WeightsError};
use super::parameters::{Parameters, WeightsAndBias};
use super::variant::Variant;
use fledge_base::rng;

/// Epsilon of all BatchNorm layers of this network (TensorFlow-Slim's Inception).
const BATCH_NORM_EPS: f64 = 1e-3;

/// Metadata key with the network's name in a safetensors file.
const NETWORK_KEY: &str = "network";
/// Its value in files written by `tools/keras_inception.py`.
const KERAS_NETWORK: &str = "keras-inception-v3";

/// Reads from a state dict, with BatchNorm separate or folded.
pub(super) struct FromStateDict {
    taking: Taking,
    variant: Variant,
}

impl FromStateDict {
    /// Opens `path`; refuses a file of the other variant.
    pub(super) fn open(path: &Path, variant: Variant) -> Result<Self, WeightsError> {
        let state = StateDict::open(path)?;
        let problem = match (variant, state.metadata(NETWORK_KEY)) {
            (Variant::Fid, Some(KERAS_NETWORK)) => {
                "it holds Keras' InceptionV3, which is the network inception-v3-keras".into()
            }
            (Variant::Keras, Some(KERAS_NETWORK)) | (Variant::Fid, _) => {
                return Ok(Self { taking: Taking::new(state, variant.expected()), variant });
            }
            (Variant::Keras, other) => {
                let other = other.map_or_else(|| "no network".into(), |name| format!("{name:?}"));
                format!(
                    "it names {other} in its metadata; `python tools/keras_inception.py` makes it from Keras' file"
                )
            }
        };
        Err(WeightsError::Mismatch {
            path: path.to_owned(),
            network: variant.expected(),
            problems: vec![problem],
        })
    }

    /// Returns the identity of the weights, if no tensor was missing and none is left over.
    pub(super) fn finish(self) -> Result<Weights, WeightsError> {
        self.taking.finish()
    }

    fn take(&mut self, name: &str, shape: &[usize]) -> Option<Vec<f64>> {
        self.taking.f64s(name, shape)
    }

    fn folded(&mut self, name: &str, shape: [usize; 4]) -> Option<WeightsAndBias> {
        let out = shape[0];
        let weight = self.take(&format!("{name}.conv.weight"), &shape);
        let conv_bias = format!("{name}.conv.bias");
        if self.taking.has(&conv_bias) && !self.taking.has(&format!("{name}.bn.bias")) {
            let bias = self.take(&conv_bias, &[out])?;
            return Some((narrow(&weight?), narrow(&bias)));
        }
        let gamma = format!("{name}.bn.weight");
        // Keras' layers have no gamma (`scale=False`).
        let has_gamma = self.variant == Variant::Fid || self.taking.has(&gamma);
        let gamma = if has_gamma { self.take(&gamma, &[out]) } else { Some(vec![1.0; out]) };
        let [beta, mean, variance] = ["bias", "running_mean", "running_var"]
            .map(|part| self.take(&format!("{name}.bn.{part}"), &[out]));
        let (mut weight, gamma, mut bias, mean, variance) =
            (weight?, gamma?, beta?, mean?, variance?);
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
        // The zeros are never used: `finish` fails if a tensor was missing.
        self.folded(name, shape)
            .unwrap_or_else(|| (vec![0.0; shape.iter().product()], vec![0.0; shape[0]]))
    }

    fn logits(&mut self, shape: [usize; 2]) -> Vec<f32> {
        // The Inception Score is defined over the logits without this bias; it is taken here so
        // that it is not reported as unused.
        let bias = self.take("fc.bias", &shape[..1]);
        let weight = self.take("fc.weight", &shape);
        weight
            .zip(bias)
            .map_or_else(|| vec![0.0; shape.iter().product()], |(weight, _)| narrow(&weight))
    }
}

fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&v| v as f32).collect()
}

/// Draws untrained weights: He et al. 2015, uniform, so that activations keep their scale through
/// the depth.
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
