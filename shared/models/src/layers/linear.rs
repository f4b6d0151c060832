//! The linear layer.

use burn::tensor::Tensor;

use super::spectral;
use crate::init::{Fans, Maker};
use crate::parameter::{Parameter, Purpose, parameters};
use fledge_kernels as ops;

/// y = x·Wᵀ + b.
#[derive(Clone, Debug)]
pub struct Linear {
    /// [outputs, inputs].
    pub weight: Parameter,
    /// `[outputs]`.
    pub bias: Option<Parameter>,
    /// Left vector of the power iteration, `[outputs]`, with spectral normalisation.
    pub u: Option<Parameter>,
}

parameters!(Linear { weight, bias, u });

impl Linear {
    /// Creates the layer `name`; an optional bias starts at 0.
    #[must_use]
    pub fn new([inputs, outputs]: [usize; 2], bias: bool, name: &str, maker: &Maker<'_>) -> Self {
        let fans = Fans { fan_in: inputs, fan_out: outputs, outputs };
        Self {
            weight: maker.weight(name, &[outputs, inputs], fans, false),
            bias: bias.then(|| maker.filled(0.0, &[outputs], Purpose::Weight)),
            u: maker.direction(name, outputs),
        }
    }

    /// # Shapes
    /// `x` [B, inputs] gives [B, outputs].
    #[must_use]
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let y = self.linear(x);
        match &self.bias {
            None => y,
            Some(bias) => y + bias.tensor::<1>().unsqueeze(),
        }
    }

    /// The linear part, without bias.
    #[must_use]
    pub fn linear(&self, x: Tensor<2>) -> Tensor<2> {
        ops::matmul(x, self.effective_weight().transpose())
    }

    /// The matrix in use, [outputs, inputs]: the weight, divided by its norm with spectral
    /// normalisation.
    #[must_use]
    pub fn effective_weight(&self) -> Tensor<2> {
        spectral::normalized::<2>(&self.weight, self.u.as_ref(), false)
    }

    /// Runs one power iteration if the layer has spectral normalisation.
    pub fn iterate(&mut self) {
        spectral::iterate::<2>(&self.weight, self.u.as_mut(), false);
    }
}
