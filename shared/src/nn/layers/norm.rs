//! Batch normalisation together with the leaky ReLU that follows it.

use burn::tensor::{Device, Tensor};

use crate::nn::ops;
use crate::nn::parameter::{Parameter, Role, parameters};

/// Whether a network learns or is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Normalises by the batch and updates the running statistics.
    Train,
    /// Normalises by the running statistics.
    Infer,
}

/// Batch normalisation without gamma (Keras' `scale=False`), then leaky ReLU.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    /// What is added after normalising, `[C]`.
    pub beta: Parameter,
    /// Running mean, `[C]`.
    pub mean: Parameter,
    /// Running biased variance, `[C]` (Keras' convention; PyTorch keeps the unbiased one).
    pub variance: Parameter,
    /// Ones, `[C]`.
    gamma: Tensor<1>,
    momentum: f32,
    epsilon: f32,
    slope: f32,
}

parameters!(BatchNorm { beta, mean, variance });

impl BatchNorm {
    /// For `channels`, with Keras' constants: running = 0.99·running + 0.01·batch, ε = 1e-3.
    /// `slope` is the activation's below zero (0 = ReLU).
    #[must_use]
    pub fn keras(channels: usize, slope: f32, device: &Device) -> Self {
        Self {
            beta: Parameter::filled(0.0, &[channels], Role::Weight, device),
            mean: Parameter::filled(0.0, &[channels], Role::Statistic, device),
            variance: Parameter::filled(1.0, &[channels], Role::Statistic, device),
            gamma: Tensor::ones([channels], device),
            momentum: 0.01,
            epsilon: 1e-3,
            slope,
        }
    }

    /// # Shapes
    /// `x` [B, C, H, W] gives the same.
    pub fn forward(&mut self, x: Tensor<4>, mode: Mode) -> Tensor<4> {
        let channels = self.beta.count();
        let (gamma, beta) = (self.gamma.clone(), self.beta.flat());
        match mode {
            Mode::Train => {
                let moments = ops::channel_moments(&x); // [2, C]
                for (running, row) in [(&mut self.mean, 0), (&mut self.variance, 1)] {
                    let batch: Tensor<1> = moments.clone().narrow(0, row, 1).reshape([channels]);
                    running.set(running.flat() * (1.0 - self.momentum) + batch * self.momentum);
                }
                ops::normalize_train(x, gamma, beta, moments, self.epsilon, self.slope)
            }
            Mode::Infer => {
                let moments = Tensor::stack(vec![self.mean.flat(), self.variance.flat()], 0); // [2, C]
                ops::normalize_with(x, gamma, beta, moments, self.epsilon, self.slope)
            }
        }
    }

    /// [`BatchNorm::forward`] over features: `x` [B, C] gives the same.
    pub fn forward_features(&mut self, x: Tensor<2>, mode: Mode) -> Tensor<2> {
        let [batch, channels] = x.dims();
        self.forward(x.reshape([batch, channels, 1, 1]), mode).reshape([batch, channels])
    }
}
