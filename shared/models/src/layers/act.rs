//! Activations of hidden layers.

use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};

use super::layer::Layer;
use fledge_kernels::{self as ops, Activation};

/// Activations of hidden layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActivationName {
    /// max(x, 0).
    Relu,
    /// x if positive, else `slope`·x.
    LeakyRelu,
    /// x·σ(x), also called swish.
    Silu,
    /// tanh x.
    Tanh,
}

/// An activation with its slope.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Activator {
    /// The function.
    pub name: ActivationName,
    /// Slope of the leaky ReLU below zero.
    pub slope: f32,
}

impl Activator {
    /// The identity.
    pub const NONE: Self = Self { name: ActivationName::LeakyRelu, slope: 1.0 };

    /// The slope below zero of a (leaky) ReLU, which other operations can fuse; `None` for other
    /// functions.
    #[must_use]
    pub fn leaky_slope(self) -> Option<f32> {
        match self.name {
            ActivationName::Relu => Some(0.0),
            ActivationName::LeakyRelu => Some(self.slope),
            ActivationName::Silu | ActivationName::Tanh => None,
        }
    }
}

impl Layer for Activator {
    /// # Shapes
    /// `x` [B, C, H, W] gives the same.
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        match self.name {
            ActivationName::Relu | ActivationName::LeakyRelu => {
                let zeros = Tensor::zeros([x.dims()[1]], &x.device().inner());
                ops::bias_act(x, zeros, Activation::LeakyRelu(self.leaky_slope().unwrap_or(1.0)))
            }
            ActivationName::Silu => activation::silu(x),
            ActivationName::Tanh => x.tanh(),
        }
    }

    fn tangent(&self, x: Tensor<4>, t: Tensor<4>) -> (Tensor<4>, Tensor<4>) {
        if let Some(slope) = self.leaky_slope() {
            let y = self.forward(x);
            let t = ops::leaky_relu_tangent(t, y.clone(), slope);
            return (y, t);
        }
        let y = self.forward(x.clone());
        let slope = match self.name {
            ActivationName::Tanh => y.clone().square().neg() + 1.0,
            // d/dx x·σ(x) = σ(x)·(1 + x·(1 − σ(x))).
            _ => {
                let s = activation::sigmoid(x.clone());
                s.clone() * ((s.neg() + 1.0) * x + 1.0)
            }
        };
        (y, t * slope)
    }
}
