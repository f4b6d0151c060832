//! Layers with equalised learning rates (Karras et al. 2018, "Progressive growing", section 4.1, in
//! the form of stylegan2-ada-pytorch's `networks.py`): weights are drawn from N(0, 1) and scaled when
//! they are used, so that an optimizer that is invariant to scale moves all layers equally fast.

use burn::tensor::Tensor;
use fledge_kernels::{self as ops, Padding, Rectifier};

use super::fir::FirUse;
use crate::dual::Dual;
use crate::init::{Fans, Maker};
use crate::parameter::{Parameter, Purpose, parameters};

/// Slope of the leaky ReLU of style-based networks.
const SLOPE: f32 = 0.2;

/// The activation of style-based networks times `gain`, clamped to ±`clamp`·`gain` (0 = not).
pub(crate) fn rectifier(gain: f32, clamp: f64) -> Rectifier {
    let bound = if clamp > 0.0 { clamp as f32 * gain } else { f32::INFINITY };
    Rectifier { slope: SLOPE, gain: std::f32::consts::SQRT_2 * gain, bound }
}

/// y = x·(gain·W)ᵀ + rate·b.
#[derive(Clone, Debug)]
pub struct EqualLinear {
    /// [outputs, inputs], drawn from N(0, 1)/rate.
    pub weight: Parameter,
    /// `[outputs]`.
    pub bias: Option<Parameter>,
    gain: f64,
    rate: f64,
}

parameters!(EqualLinear { weight, bias });

impl EqualLinear {
    /// Creates the layer `name`, whose weights learn at `rate` times the optimizer's rate and whose
    /// bias is `bias` in effect at first.
    #[must_use]
    pub fn new(
        [inputs, outputs]: [usize; 2],
        rate: f64,
        bias: Option<f32>,
        name: &str,
        maker: &Maker<'_>,
    ) -> Self {
        let fans = Fans { fan_in: inputs, fan_out: outputs, outputs };
        Self {
            weight: maker.scaled_weight(name, &[outputs, inputs], fans, 1.0 / rate),
            bias: bias.map(|value| maker.filled(value, &[outputs], Purpose::Weight)),
            gain: rate / (inputs as f64).sqrt(),
            rate,
        }
    }

    /// Number of outputs.
    pub(crate) fn outputs(&self) -> usize {
        self.weight.shape()[0]
    }

    /// The matrix in use, [outputs, inputs].
    #[must_use]
    pub fn effective_weight(&self) -> Tensor<2> {
        self.weight.tensor::<2>() * self.gain
    }

    /// The bias in use, `[outputs]`.
    #[must_use]
    pub fn effective_bias(&self) -> Option<Tensor<1>> {
        self.bias.as_ref().map(|bias| bias.flat() * self.rate)
    }

    /// # Shapes
    /// `x` [B, inputs] gives [B, outputs].
    #[must_use]
    pub fn forward(&self, x: Dual<2>) -> Dual<2> {
        self.forward_act(x, Rectifier::NONE)
    }

    /// [`EqualLinear::forward`], then `rectifier`.
    #[must_use]
    pub fn forward_act(&self, x: Dual<2>, rectifier: Rectifier) -> Dual<2> {
        let weight = self.effective_weight().transpose();
        let y = x.linear(|x| ops::matmul(x, weight.clone()));
        let [batch, outputs] = y.dims();
        y.reshaped([batch as i64, outputs as i64, 1, 1])
            .styled(None, None, self.effective_bias(), rectifier)
            .reshaped([batch as i64, outputs as i64])
    }
}

/// The change of extent in a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rescale {
    /// None.
    Same,
    /// Doubled: transposed with stride 2, then the filter; 1×1 kernels before the filter.
    Up,
    /// Halved: the filter, then stride 2; 1×1 kernels behind the filter.
    Down,
}

/// The convolution of `x` with `weight` [Cout, Cin, k, k], k = 1 or 3, between the filters of
/// `rescale` (`conv2d_resample.py` of stylegan2-ada-pytorch).
pub(crate) fn convolve(x: Dual<4>, weight: Tensor<4>, rescale: Rescale) -> Dual<4> {
    let kernel = weight.dims()[2];
    let plain = |x: Dual<4>, stride: usize, padding: usize| {
        x.linear(|x| ops::conv2d(x, weight.clone(), stride, Padding::both([padding; 2])))
    };
    match (rescale, kernel) {
        (Rescale::Same, _) => plain(x, 1, kernel / 2),
        (Rescale::Up, 1) => plain(x, 1, 0).filtered(FirUse::UP),
        (Rescale::Up, _) => {
            let turned = weight.clone().swap_dims(0, 1);
            x.linear(|x| ops::conv_transpose2d(x, turned.clone(), 2, Padding::both([0, 0])))
                .filtered(FirUse::AFTER_UP)
        }
        (Rescale::Down, 1) => plain(x.filtered(FirUse::DOWN), 1, 0),
        (Rescale::Down, _) => plain(x.filtered(FirUse::BEFORE_DOWN), 2, 0),
    }
}

/// Configuration of an [`EqualConv`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct EqualConvConfig {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// 1 or 3.
    pub(crate) kernel: usize,
    pub(crate) rescale: Rescale,
    /// Whether there is a bias for each channel.
    pub(crate) bias: bool,
    /// Follows the bias.
    pub(crate) rectifier: Rectifier,
}

/// A convolution with bias and activation.
#[derive(Clone, Debug)]
pub struct EqualConv {
    /// [Cout, Cin, k, k], drawn from N(0, 1).
    pub weight: Parameter,
    /// `[Cout]`.
    pub bias: Option<Parameter>,
    config: EqualConvConfig,
}

parameters!(EqualConv { weight, bias });

impl EqualConvConfig {
    /// Creates the layer `name`; its bias starts at 0.
    pub(crate) fn init(&self, name: &str, maker: &Maker<'_>) -> EqualConv {
        let Self { inputs, outputs, kernel: k, .. } = *self;
        let fans = Fans { fan_in: k * k * inputs, fan_out: k * k * outputs, outputs };
        EqualConv {
            weight: maker.weight(name, &[outputs, inputs, k, k], fans, false),
            bias: self.bias.then(|| maker.filled(0.0, &[outputs], Purpose::Weight)),
            config: *self,
        }
    }
}

impl EqualConv {
    pub(crate) fn config(&self) -> &EqualConvConfig {
        &self.config
    }

    /// The kernels in use, [Cout, Cin, k, k].
    #[must_use]
    pub fn effective_weight(&self) -> Tensor<4> {
        let EqualConvConfig { inputs, kernel, .. } = self.config;
        self.weight.tensor::<4>() * (1.0 / ((inputs * kernel * kernel) as f64).sqrt())
    }

    /// # Shapes
    /// `x` [B, Cin, H, W] gives [B, Cout, H', W'].
    #[must_use]
    pub fn forward(&self, x: Dual<4>) -> Dual<4> {
        let y = convolve(x, self.effective_weight(), self.config.rescale);
        y.styled(None, None, self.bias.as_ref().map(Parameter::flat), self.config.rectifier)
    }
}
