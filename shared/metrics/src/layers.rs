//! Layers of several feature networks; gradients reach their input.

use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, Tensor, module};
use fledge_kernels::{self as ops, Activation, Padding};

use super::parameters::Parameters;

/// A convolution with a bias and an activation.
#[derive(Debug)]
pub struct Convolution {
    weight: Tensor<4>,
    bias: Tensor<1>,
    stride: usize,
    padding: usize,
    activation: Activation,
}

impl Convolution {
    /// `{name}.weight` of shape [Cout, Cin, kh, kw] and `{name}.bias`; stride 1, no padding, ReLU.
    #[must_use]
    pub fn new(
        parameters: &mut dyn Parameters,
        name: &str,
        shape: [usize; 4],
        device: &Device,
    ) -> Self {
        Self {
            weight: Tensor::from_data(parameters.tensor(&format!("{name}.weight"), &shape), device),
            bias: Tensor::from_data(
                parameters.tensor(&format!("{name}.bias"), &shape[..1]),
                device,
            ),
            stride: 1,
            padding: 0,
            activation: Activation::RELU,
        }
    }

    /// With another stride.
    #[must_use]
    pub fn with_stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// With as many zeros on every side.
    #[must_use]
    pub fn with_padding(self, padding: usize) -> Self {
        Self { padding, ..self }
    }

    /// With another activation.
    #[must_use]
    pub fn with_activation(self, activation: Activation) -> Self {
        Self { activation, ..self }
    }

    /// # Shapes
    /// `x` [B, Cin, H, W] → [B, Cout, H', W'].
    #[must_use]
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let padding = Padding::both([self.padding; 2]);
        ops::conv2d_act(
            x,
            self.weight.clone(),
            self.bias.clone(),
            self.activation,
            self.stride,
            padding,
        )
    }
}

/// x·Wᵀ + b.
#[derive(Debug)]
pub struct Linear {
    /// [out, in], as in the file.
    weight: Tensor<2>,
    bias: Tensor<1>,
}

/// The least rows for which the CPU's convolution, which rearranges the weights first, beats its
/// matrix product.
const MANY: usize = 256;

impl Linear {
    /// `{name}.weight` of shape [out, in] and `{name}.bias`.
    #[must_use]
    pub fn new(
        parameters: &mut dyn Parameters,
        name: &str,
        shape: [usize; 2],
        device: &Device,
    ) -> Self {
        let weight =
            Tensor::from_data(parameters.tensor(&format!("{name}.weight"), &shape), device);
        let bias =
            Tensor::from_data(parameters.tensor(&format!("{name}.bias"), &shape[..1]), device);
        Self { weight, bias }
    }

    /// # Shapes
    /// `x` [rows, in] → [rows, out].
    #[must_use]
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let ([rows, input], [output, _]) = (x.dims(), self.weight.dims());
        if rows < MANY || x.device() != Device::flex() {
            return ops::matmul(x, self.weight.clone().transpose()) + self.bias.clone().unsqueeze();
        }
        // Rows become the pixels of a picture one pixel wide with channels last in memory: nothing
        // is copied.
        let x = x.reshape([1, rows, 1, input]).permute([0, 3, 1, 2]); // [1, in, rows, 1]
        let weight = self.weight.clone().reshape([output, input, 1, 1]);
        let y = ops::conv2d_act(
            x,
            weight,
            self.bias.clone(),
            Activation::NONE,
            1,
            Padding::both([0; 2]),
        );
        y.permute([0, 2, 3, 1]).reshape([rows, output])
    }
}

/// Max pooling over `size` × `size` windows with stride 2; `ceil` includes incomplete windows at
/// the end.
///
/// # Shapes
/// `x` [B, C, H, W] → [B, C, (H − size)/2 + 1, …], rounded up with `ceil`.
#[must_use]
pub fn max_pool(x: Tensor<4>, size: usize, ceil: bool) -> Tensor<4> {
    module::max_pool2d(x, MaxPoolOptions::new([size; 2]).with_stride([2; 2]).with_ceil_mode(ceil))
}
