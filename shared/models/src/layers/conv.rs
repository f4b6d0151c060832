//! Convolution with a square kernel, plain or transposed, with optional bias, upsampling before it
//! and spectral normalisation.

use burn::tensor::Tensor;

use super::spectral;
use crate::init::{Fans, Maker};
use crate::parameter::{Parameter, Purpose, parameters};
use fledge_kernels::{self as ops, Activation, Padding, Upsample};

/// Configuration of a convolution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConvConfig {
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub outputs: usize,
    /// Height and width of the kernel.
    pub kernel: usize,
    /// Stride of the kernel; of the result if `transposed`.
    pub stride: usize,
    /// Zero padding around the picture; cropping of the result if `transposed`.
    pub padding: Padding,
    /// Whether the convolution is transposed.
    pub transposed: bool,
    /// Doubling of the picture before the convolution.
    pub upsample: Option<Upsample>,
    /// Whether there is a bias for each channel.
    pub bias: bool,
}

impl ConvConfig {
    /// A 1×1 convolution without bias.
    #[must_use]
    pub fn pointwise(inputs: usize, outputs: usize) -> Self {
        let padding = Padding::both([0, 0]);
        Self {
            inputs,
            outputs,
            kernel: 1,
            stride: 1,
            padding,
            transposed: false,
            upsample: None,
            bias: false,
        }
    }

    /// Halves height and width: stride 2, `same` padding.
    #[must_use]
    pub fn halving(inputs: usize, outputs: usize, kernel: usize, bias: bool) -> Self {
        let padding = Padding::same(kernel, 2);
        Self {
            inputs,
            outputs,
            kernel,
            stride: 2,
            padding,
            transposed: false,
            upsample: None,
            bias,
        }
    }

    /// Doubles height and width: transposed with stride 2 and `same` padding, or `upsample`
    /// followed by a convolution of stride 1.
    #[must_use]
    pub fn doubling(
        inputs: usize,
        outputs: usize,
        kernel: usize,
        upsample: Option<Upsample>,
        bias: bool,
    ) -> Self {
        let stride = if upsample.is_none() { 2 } else { 1 };
        let padding = Padding::same(kernel, stride);
        Self {
            inputs,
            outputs,
            kernel,
            stride,
            padding,
            transposed: upsample.is_none(),
            upsample,
            bias,
        }
    }

    /// Doubles height and width by the transpose of a 3×3 convolution with stride 2 and a zero on
    /// each side: PyTorch's transposed convolution with padding 1 and output padding 1.
    #[must_use]
    pub fn doubling3(inputs: usize, outputs: usize, bias: bool) -> Self {
        let padding = Padding { before: [1; 2], after: [0; 2] };
        Self { padding, ..Self::doubling(inputs, outputs, 3, None, bias) }
    }

    /// Keeps height and width less `kernel` − 1, or all of them with `same` zeros.
    #[must_use]
    pub fn keeping(inputs: usize, outputs: usize, kernel: usize, same: bool, bias: bool) -> Self {
        let padding = if same { Padding::same(kernel, 1) } else { Padding::both([0, 0]) };
        Self { kernel, padding, bias, ..Self::pointwise(inputs, outputs) }
    }

    /// Creates the layer `name`; its bias starts at 0.
    #[must_use]
    pub fn init(&self, name: &str, maker: &Maker<'_>) -> Conv2d {
        let Self { inputs, outputs, kernel: k, transposed, .. } = *self;
        // Keras stores a transposed kernel as (k, k, out, in) and takes its fans from the last two
        // axes, so that its "fan in" counts the outputs; only the sum matters.
        let fans = Fans { fan_in: k * k * inputs, fan_out: k * k * outputs, outputs };
        let shape = if transposed { [inputs, outputs, k, k] } else { [outputs, inputs, k, k] };
        Conv2d {
            weight: maker.weight(name, &shape, fans, transposed),
            bias: self.bias.then(|| maker.filled(0.0, &[outputs], Purpose::Weight)),
            u: maker.direction(name, outputs),
            config: *self,
        }
    }

    /// Height or width of the result for input extent `n`.
    #[must_use]
    pub fn extent(&self, n: usize) -> usize {
        let n = if self.upsample.is_some() { 2 * n } else { n };
        let padding = self.padding.before[0] + self.padding.after[0];
        if self.transposed {
            (n - 1) * self.stride + self.kernel - padding
        } else {
            (n + padding - self.kernel) / self.stride + 1
        }
    }
}

/// A convolution; see [`ConvConfig`].
#[derive(Clone, Debug)]
pub struct Conv2d {
    /// [Cout, Cin, k, k], transposed [Cin, Cout, k, k].
    pub weight: Parameter,
    /// `[Cout]`.
    pub bias: Option<Parameter>,
    /// Left vector of the power iteration, `[Cout]`, with spectral normalisation.
    pub u: Option<Parameter>,
    config: ConvConfig,
}

parameters!(Conv2d { weight, bias, u });

impl Conv2d {
    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &ConvConfig {
        &self.config
    }

    /// # Shapes
    /// `x` [B, Cin, H, W] gives [B, Cout, H', W'], see [`ConvConfig::extent`].
    #[must_use]
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.forward_act(x, Activation::NONE)
    }

    /// [`Conv2d::forward`], then `activation`.
    #[must_use]
    pub fn forward_act(&self, x: Tensor<4>, activation: Activation) -> Tensor<4> {
        let ConvConfig { stride, padding, transposed, outputs, .. } = self.config;
        match &self.bias {
            None if activation == Activation::NONE => self.linear(x),
            None => ops::bias_act(
                self.linear(x),
                Tensor::zeros([outputs], &self.weight.flat().device().inner()),
                activation,
            ),
            Some(bias) if transposed => ops::bias_act(self.linear(x), bias.flat(), activation),
            Some(bias) => ops::conv2d_act(
                self.doubled(x),
                self.effective_weight(),
                bias.flat(),
                activation,
                stride,
                padding,
            ),
        }
    }

    /// The linear part, without bias.
    #[must_use]
    pub fn linear(&self, x: Tensor<4>) -> Tensor<4> {
        let ConvConfig { stride, padding, transposed, .. } = self.config;
        if transposed {
            return ops::conv_transpose2d(x, self.effective_weight(), stride, padding);
        }
        ops::conv2d(self.doubled(x), self.effective_weight(), stride, padding)
    }

    fn doubled(&self, x: Tensor<4>) -> Tensor<4> {
        match self.config.upsample {
            None => x,
            Some(mode) => ops::upsample2(x, mode),
        }
    }

    /// The kernels in use, [Cout, Cin, k, k], transposed [Cin, Cout, k, k]: the weight, divided by
    /// its norm with spectral normalisation.
    #[must_use]
    pub fn effective_weight(&self) -> Tensor<4> {
        spectral::normalized(&self.weight, self.u.as_ref(), self.config.transposed)
    }

    /// Runs one power iteration if the layer has spectral normalisation.
    pub fn iterate(&mut self) {
        spectral::iterate::<4>(&self.weight, self.u.as_mut(), self.config.transposed);
    }
}
