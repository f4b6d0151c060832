//! The linear layer.

use burn::tensor::{Device, Tensor};

use crate::nn::init::GlorotUniform;
use crate::nn::parameter::{Parameter, Role, parameters};

/// y = x·Wᵀ + b.
#[derive(Clone, Debug)]
pub struct Linear {
    /// [outputs, inputs].
    pub weight: Parameter,
    /// `[outputs]`.
    pub bias: Option<Parameter>,
}

parameters!(Linear { weight, bias });

impl Linear {
    /// A layer `name` drawn by `seed`; the bias, where there is one, starts at 0.
    #[must_use]
    pub fn new([inputs, outputs]: [usize; 2], bias: bool, seed: u64, name: &str, device: &Device) -> Self {
        let weights = GlorotUniform { fan_in: inputs, fan_out: outputs }.draw(seed, name, inputs * outputs);
        Self {
            weight: Parameter::new(weights, &[outputs, inputs], Role::Weight, device),
            bias: bias.then(|| Parameter::filled(0.0, &[outputs], Role::Weight, device)),
        }
    }

    /// # Shapes
    /// `x` [B, inputs] gives [B, outputs].
    #[must_use]
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let y = x.matmul(self.weight.tensor::<2>().transpose());
        match &self.bias {
            None => y,
            Some(bias) => y + bias.tensor::<1>().unsqueeze(),
        }
    }
}
