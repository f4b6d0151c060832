//! Weight initialisation. Every tensor has a random stream named after it, so that adding a layer
//! changes no other.
//!
//! ```
//! use fledge_models::init::{Fans, InitializerConfig, InitializerName};
//!
//! let config = InitializerConfig { name: InitializerName::Normal, std: 0.02, gain: 1.0 };
//! let fans = Fans { fan_in: 3, fan_out: 4, outputs: 4 };
//! let weights = config.draw(7, "a layer", 12, fans);
//! assert_eq!(config.draw(7, "a layer", 12, fans), weights);
//! assert_ne!(config.draw(7, "another layer", 12, fans), weights);
//! ```

use burn::tensor::Device;
use faer::Mat;
use fledge_base::cli::UsageError;
use fledge_base::rng;
use serde::{Deserialize, Serialize};

use crate::check;
use crate::parameter::{Parameter, Purpose};

/// Distribution of the initial weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InitializerName {
    /// Uniform on ±√(6/(fan in + fan out)).
    Glorot,
    /// N(0, gain²·2/(fan in + fan out)).
    GlorotNormal,
    /// N(0, std²).
    Normal,
    /// Orthogonal rows of length `gain`.
    Orthogonal,
}

/// Settings of weight initialisation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InitializerConfig {
    /// The distribution.
    pub name: InitializerName,
    /// Standard deviation of `normal`.
    pub std: f64,
    /// Length of the rows of `orthogonal`, and factor of `glorot-normal`.
    pub gain: f64,
}

impl Default for InitializerConfig {
    /// The default of Keras.
    fn default() -> Self {
        Self { name: InitializerName::Glorot, std: 0.02, gain: 1.0 }
    }
}

impl InitializerConfig {
    /// # Errors
    /// If a value is invalid.
    pub fn validate(&self) -> Result<(), UsageError> {
        check::above_zero(self.std, "initializer.std")?;
        check::above_zero(self.gain, "initializer.gain")
    }
}

/// Constants of all BatchNorm layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BatchNormConfig {
    /// Whether normalised values are multiplied by a trained gamma.
    pub scale: bool,
    /// Standard deviation of the initial gamma around 1.
    pub scale_std: f64,
    /// Share of the running value kept at each batch, as in Keras (0.9 here is 0.1 in PyTorch).
    pub momentum: f64,
    /// Added to the variance.
    pub epsilon: f64,
    /// True: the running variance is unbiased (PyTorch); false: biased (Keras).
    pub unbiased: bool,
}

impl Default for BatchNormConfig {
    /// Constants of Keras, without gamma.
    fn default() -> Self {
        Self { scale: false, scale_std: 0.0, momentum: 0.99, epsilon: 1e-3, unbiased: false }
    }
}

impl BatchNormConfig {
    /// # Errors
    /// If a value is invalid.
    pub fn validate(&self) -> Result<(), UsageError> {
        check::share(self.momentum, "batch_norm.momentum")?;
        check::above_zero(self.epsilon, "batch_norm.epsilon")?;
        check::amount(self.scale_std, "batch_norm.scale_std")
    }
}

/// The context in which all layers of a network are created.
#[derive(Clone, Copy, Debug)]
pub struct Maker<'a> {
    /// Seed of every weight.
    pub seed: u64,
    /// Device of the weights.
    pub device: &'a Device,
    /// Their initial distribution.
    pub initializer: &'a InitializerConfig,
    /// Constants of all BatchNorm layers.
    pub batch_norm: &'a BatchNormConfig,
    /// Whether weights are divided by their spectral norm.
    pub spectral_norm: bool,
    /// Whether weights get values. Without, they have shapes only, for a summary that is instant at
    /// any size.
    pub draws: bool,
}

/// Dimensions of a weight as a matrix, for its initialisation and its spectral norm.
#[derive(Clone, Copy, Debug)]
pub struct Fans {
    /// Number of inputs of each output.
    pub fan_in: usize,
    /// Number of outputs of each input.
    pub fan_out: usize,
    /// Number of outputs; the tensor's other axes belong to one output each.
    pub outputs: usize,
}

impl Maker<'_> {
    /// Creates the weight `name` of `shape`; the outputs are its first axis, or the second if
    /// `outputs_second`.
    #[must_use]
    pub fn weight(
        &self,
        name: &str,
        shape: &[usize],
        fans: Fans,
        outputs_second: bool,
    ) -> Parameter {
        if !self.draws {
            return Parameter::undrawn(shape, Purpose::Weight, self.device);
        }
        let count = shape.iter().product();
        let mut values = self.initializer.draw(self.seed, name, count, fans);
        if outputs_second && self.initializer.name == InitializerName::Orthogonal {
            values = swap_first_axes(&values, fans.outputs, shape[0]);
        }
        Parameter::new(values, shape, Purpose::Weight, self.device)
    }

    /// [`Maker::weight`] with outputs along the first axis, times `factor`.
    #[must_use]
    pub fn scaled_weight(&self, name: &str, shape: &[usize], fans: Fans, factor: f64) -> Parameter {
        let mut weight = self.weight(name, shape, fans, false);
        if self.draws && factor != 1.0 {
            weight.set(weight.flat() * factor);
        }
        weight
    }

    /// Creates numbers of `shape` that are not trained.
    #[must_use]
    pub fn buffer(&self, shape: &[usize], values: impl FnOnce() -> Vec<f32>) -> Parameter {
        if self.draws {
            Parameter::new(values(), shape, Purpose::Buffer, self.device)
        } else {
            Parameter::undrawn(shape, Purpose::Buffer, self.device)
        }
    }

    /// Creates a parameter of `shape` filled with `value`.
    #[must_use]
    pub fn filled(&self, value: f32, shape: &[usize], purpose: Purpose) -> Parameter {
        Parameter::filled(value, shape, purpose, self.device)
    }

    /// The initial vector of the power iteration for the weight `name` with `outputs` outputs: a
    /// random unit vector. `None` without spectral normalisation.
    #[must_use]
    pub fn direction(&self, name: &str, outputs: usize) -> Option<Parameter> {
        self.spectral_norm.then(|| {
            let values =
                rng::stream(self.seed, &format!("initialise {name}.u"), 0).normals(outputs);
            let length = values.iter().map(|v| v * v).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
            let values = values.into_iter().map(|v| v / length).collect();
            Parameter::new(values, &[outputs], Purpose::Direction, self.device)
        })
    }
}

/// Swaps the first two axes: [a, b, …] → [b, a, …].
fn swap_first_axes(values: &[f32], a: usize, b: usize) -> Vec<f32> {
    let rest = values.len() / (a * b);
    (0..b)
        .flat_map(|j| {
            (0..a).flat_map(move |i| (0..rest).map(move |r| values[(i * b + j) * rest + r]))
        })
        .collect()
}

impl InitializerConfig {
    /// Draws `count` weights for the tensor `name` of a network with the seed `seed`, outputs along
    /// the first axis.
    #[must_use]
    pub fn draw(&self, seed: u64, name: &str, count: usize, fans: Fans) -> Vec<f32> {
        let mut stream = rng::stream(seed, &format!("initialise {name}"), 0);
        match self.name {
            // Glorot & Bengio 2010, eq. 16; Keras' default for dense and convolution kernels.
            InitializerName::Glorot => {
                let limit = (6.0 / (fans.fan_in + fans.fan_out) as f64).sqrt();
                (0..count).map(|_| stream.between(-limit, limit) as f32).collect()
            }
            // The same; PyTorch's `xavier_normal_`.
            InitializerName::GlorotNormal => {
                let std = self.gain * (2.0 / (fans.fan_in + fans.fan_out) as f64).sqrt();
                (0..count).map(|_| (stream.normal() * std) as f32).collect()
            }
            InitializerName::Normal => {
                (0..count).map(|_| (stream.normal() * self.std) as f32).collect()
            }
            InitializerName::Orthogonal => {
                orthogonal(&stream.normals(count), fans.outputs, self.gain)
            }
        }
    }
}

/// Orthogonal initialisation (Saxe et al. 2014, arXiv:1312.6120): orthogonal rows, or columns if
/// there are fewer of them, of length `gain`. Q of the QR decomposition of normal numbers, with the
/// signs of R's diagonal so that it is uniformly distributed.
fn orthogonal(normals: &[f32], rows: usize, gain: f64) -> Vec<f32> {
    let columns = normals.len() / rows;
    let (long, short) = (rows.max(columns), rows.min(columns));
    let at = |r: usize, c: usize| {
        f64::from(if rows >= columns { normals[r * columns + c] } else { normals[c * columns + r] })
    };
    let qr = Mat::from_fn(long, short, at).qr();
    let (q, r) = (qr.compute_thin_Q(), qr.thin_R().to_owned());
    let value = |i: usize, j: usize| (q[(i, j)] * r[(j, j)].signum() * gain) as f32;
    (0..rows * columns)
        .map(|k| (k / columns, k % columns))
        .map(|(i, j)| if rows >= columns { value(i, j) } else { value(j, i) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orthogonal_weights_have_orthogonal_rows_or_columns() {
        for (rows, columns) in [(4, 9), (9, 4), (5, 5)] {
            let fans = Fans { fan_in: columns, fan_out: rows, outputs: rows };
            let config =
                InitializerConfig { name: InitializerName::Orthogonal, std: 0.02, gain: 2.0 };
            let w = config.draw(3, "test", rows * columns, fans);
            let (n, len) = (rows.min(columns), rows.max(columns));
            let at = |i: usize, k: usize| {
                if rows <= columns { w[i * columns + k] } else { w[k * columns + i] }
            };
            for i in 0..n {
                for j in 0..n {
                    let dot: f32 = (0..len).map(|k| at(i, k) * at(j, k)).sum();
                    assert!((dot - if i == j { 4.0 } else { 0.0 }).abs() < 1e-5, "{i} {j}: {dot}");
                }
            }
        }
    }

    #[test]
    fn normal_weights_have_the_asked_deviation() {
        let config = InitializerConfig { name: InitializerName::Normal, std: 0.02, gain: 1.0 };
        let w = config.draw(1, "test", 20_000, Fans { fan_in: 1, fan_out: 1, outputs: 1 });
        let deviation =
            (w.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / w.len() as f64).sqrt();
        // Five standard errors of the standard deviation of 20,000 draws.
        assert!((deviation / 0.02 - 1.0).abs() < 5.0 / 40_000f64.sqrt(), "{deviation}");
    }
}
