//! Convolution and transposed convolution with square kernels.

use burn::tensor::{Device, Tensor};

use crate::nn::init::GlorotUniform;
use crate::nn::ops::{self, Activation};
use crate::nn::parameter::{Parameter, Role, parameters};

/// Sizes of a square kernel, and what follows the bias if there is one.
#[derive(Clone, Copy, Debug)]
struct Kernel {
    stride: usize,
    padding: usize,
    activation: Activation,
}

/// Cross-correlation with a square kernel.
#[derive(Clone, Debug)]
pub struct Conv2d {
    /// [Cout, Cin, k, k].
    pub weight: Parameter,
    /// `[Cout]`.
    pub bias: Option<Parameter>,
    kernel: Kernel,
}

parameters!(Conv2d { weight, bias });

/// The transpose of a convolution with a square kernel.
#[derive(Clone, Debug)]
pub struct ConvTranspose2d {
    /// [Cin, Cout, k, k].
    pub weight: Parameter,
    /// `[Cout]`.
    pub bias: Option<Parameter>,
    kernel: Kernel,
}

parameters!(ConvTranspose2d { weight, bias });

impl Conv2d {
    /// A layer `name` with a `k`×`k` kernel that halves height and width (stride 2, "same" padding), drawn by `seed`;
    /// with `bias`, one that starts at 0, and this activation behind it.
    #[must_use]
    pub fn halving(
        [inputs, outputs]: [usize; 2],
        k: usize,
        bias: Option<Activation>,
        seed: u64,
        name: &str,
        device: &Device,
    ) -> Self {
        let fans = GlorotUniform { fan_in: k * k * inputs, fan_out: k * k * outputs };
        let weights = fans.draw(seed, name, k * k * inputs * outputs);
        Self {
            weight: Parameter::new(weights, &[outputs, inputs, k, k], Role::Weight, device),
            bias: bias.map(|_| Parameter::filled(0.0, &[outputs], Role::Weight, device)),
            kernel: Kernel { stride: 2, padding: (k - 2) / 2, activation: bias.unwrap_or(Activation::NONE) },
        }
    }

    /// # Shapes
    /// `x` [B, Cin, H, W] gives [B, Cout, H/2, W/2].
    #[must_use]
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let Kernel { stride, padding, activation } = self.kernel;
        match &self.bias {
            None => ops::conv2d(x, self.weight.tensor(), stride, [padding; 2]),
            Some(bias) => ops::conv2d_act(x, self.weight.tensor(), bias.flat(), activation, stride, [padding; 2]),
        }
    }
}

impl ConvTranspose2d {
    /// A layer `name` with a `k`×`k` kernel (`k` even) that doubles height and width, drawn by `seed`; with `bias`, one
    /// that starts at 0, and this activation behind it.
    ///
    /// Keras stores this kernel as (k, k, out, in) and takes its fans from the last two axes, so that "fan in" counts the
    /// outputs; the limit is the same either way.
    #[must_use]
    pub fn doubling(
        [inputs, outputs]: [usize; 2],
        k: usize,
        bias: Option<Activation>,
        seed: u64,
        name: &str,
        device: &Device,
    ) -> Self {
        let fans = GlorotUniform { fan_in: k * k * outputs, fan_out: k * k * inputs };
        let weights = fans.draw(seed, name, k * k * inputs * outputs);
        Self {
            weight: Parameter::new(weights, &[inputs, outputs, k, k], Role::Weight, device),
            bias: bias.map(|_| Parameter::filled(0.0, &[outputs], Role::Weight, device)),
            kernel: Kernel { stride: 2, padding: (k - 2) / 2, activation: bias.unwrap_or(Activation::NONE) },
        }
    }

    /// # Shapes
    /// `x` [B, Cin, H, W] gives [B, Cout, 2H, 2W].
    #[must_use]
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let Kernel { stride, padding, activation } = self.kernel;
        let y = ops::conv_transpose2d(x, self.weight.tensor(), stride, [padding; 2]);
        match &self.bias {
            None => y,
            Some(bias) => ops::bias_act(y, bias.flat(), activation),
        }
    }
}
