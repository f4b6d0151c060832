//! The convolution of a style-based generator, whose input channels are scaled by a style for each
//! picture and whose output is normalised by the expected deviation (Karras et al. 2020, "Analyzing
//! and improving the image quality of StyleGAN", arXiv:1912.04958, section 2.2).
//!
//! The scales are applied to the pictures rather than to the kernels: equal, and one convolution
//! serves the whole batch.

use burn::tensor::Tensor;
use fledge_base::rng;
use fledge_kernels::{self as ops, Rectifier};

use super::equalized::{EqualLinear, Rescale, convolve};
use super::pass::Pass;
use crate::dual::Dual;
use crate::init::{Fans, Maker};
use crate::parameter::{Parameter, Purpose, parameters};

/// Keeps the root of the demodulation away from 0.
const EPSILON: f64 = 1e-8;

/// Configuration of a [`ModulatedConv`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ModulatedConfig {
    /// Length of w.
    pub(crate) styles: usize,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// 1 or 3.
    pub(crate) kernel: usize,
    pub(crate) rescale: Rescale,
    /// Height and width of the result if noise is added to it.
    pub(crate) noise: Option<usize>,
    /// Whether the result is demodulated.
    pub(crate) demodulate: bool,
    /// Follows the bias.
    pub(crate) rectifier: Rectifier,
}

/// A modulated convolution with noise, bias and activation.
#[derive(Clone, Debug)]
pub struct ModulatedConv {
    /// [Cout, Cin, k, k], drawn from N(0, 1).
    pub weight: Parameter,
    /// `[Cout]`.
    pub bias: Parameter,
    /// Factor of the noise, one number.
    pub noise_strength: Option<Parameter>,
    /// The noise of `--noise const`, [size, size].
    pub noise_const: Option<Parameter>,
    /// w → the factors of the input channels.
    pub affine: EqualLinear,
    config: ModulatedConfig,
}

parameters!(ModulatedConv { weight, bias, noise_strength, noise_const, affine });

impl ModulatedConfig {
    /// Creates the layer `name`; its bias and the strength of its noise start at 0, its styles at 1.
    pub(crate) fn init(&self, name: &str, maker: &Maker<'_>) -> ModulatedConv {
        let Self { styles, inputs, outputs, kernel: k, .. } = *self;
        let fans = Fans { fan_in: k * k * inputs, fan_out: k * k * outputs, outputs };
        let noise = |extent: usize| {
            let mut stream = rng::stream(maker.seed, &format!("initialise {name}.noise_const"), 0);
            maker.buffer(&[extent, extent], || stream.normals(extent * extent))
        };
        ModulatedConv {
            weight: maker.weight(name, &[outputs, inputs, k, k], fans, false),
            bias: maker.filled(0.0, &[outputs], Purpose::Weight),
            noise_strength: self.noise.map(|_| maker.filled(0.0, &[], Purpose::Weight)),
            noise_const: self.noise.map(noise),
            affine: EqualLinear::new(
                [styles, inputs],
                1.0,
                Some(1.0),
                &format!("{name}.affine"),
                maker,
            ),
            config: *self,
        }
    }
}

impl ModulatedConv {
    pub(crate) fn config(&self) -> &ModulatedConfig {
        &self.config
    }

    /// Factor of the styles: the equalised learning rate of a layer without demodulation, which
    /// would cancel it.
    pub(crate) fn style_gain(&self) -> f64 {
        let ModulatedConfig { inputs, kernel, demodulate, .. } = self.config;
        if demodulate { 1.0 } else { 1.0 / ((inputs * kernel * kernel) as f64).sqrt() }
    }

    /// Σ W² of every pair of channels, [Cout, Cin].
    pub(crate) fn squares(&self) -> Tensor<2> {
        let ModulatedConfig { inputs, outputs, .. } = self.config;
        self.weight.tensor::<4>().square().sum_dim(3).sum_dim(2).reshape([outputs, inputs])
    }

    /// 1/√(Σ(W·s)² + ε), [B, Cout], for styles `s` [B, Cin].
    fn demodulation(&self, s: Dual<2>) -> Dual<2> {
        let squares = self.squares().transpose();
        let (s, t) = s.parts();
        let d = (ops::matmul(s.clone().square(), squares.clone()) + EPSILON).sqrt().recip();
        match t {
            None => d.into(),
            Some(t) => {
                let t = ops::matmul(s * t, squares) * d.clone() * d.clone() * d.clone();
                Dual::along(d, t.neg())
            }
        }
    }

    /// # Shapes
    /// `x` [B, Cin, H, W], `w` [B, styles] give [B, Cout, H', W'].
    #[must_use]
    pub fn forward(&self, x: Dual<4>, w: Dual<2>, pass: &mut Pass<'_>) -> Dual<4> {
        let batch = x.dims()[0];
        let s = self.affine.forward(w).scaled(self.style_gain());
        let noise = self.noise_strength.as_ref().zip(self.noise_const.as_ref()).and_then(
            |(strength, constant)| {
                let noise = pass.noise(constant, batch)?; // [B or 1, 1, H', W']
                Some(noise * strength.flat().reshape([1, 1, 1, 1]))
            },
        );
        let d = self.config.demodulate.then(|| self.demodulation(s.clone()));
        let x = x.styled(Some(s), None, None, Rectifier::NONE);
        let y = convolve(x, self.weight.tensor(), self.config.rescale);
        y.styled(d, noise, Some(self.bias.flat()), self.config.rectifier)
    }
}
