//! Dual numbers over tensors: a value and, on request, its derivative along a direction in the
//! input. A network is written once, over duals, so that its tangent cannot differ from its value.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use fledge_models::dual::Dual;
//!
//! let ones = || Tensor::<2>::ones([2, 3], &Device::flex());
//! let (value, tangent) = Dual::along(ones(), ones()).parts();
//! assert_eq!(value.dims(), [2, 3]);
//! assert!(tangent.is_some());
//! ```

use burn::tensor::Tensor;
use fledge_kernels::{self as ops, Activation, Rectifier, Style, Upsample};

use crate::layers::{Conv2d, Layer, Linear, Masks, NormAct, Pass};

/// A tensor with an optional derivative along a direction, of the same shape.
#[derive(Clone, Debug)]
pub struct Dual<const D: usize> {
    x: Tensor<D>,
    t: Option<Tensor<D>>,
}

impl<const D: usize> From<Tensor<D>> for Dual<D> {
    /// A value without a direction.
    fn from(x: Tensor<D>) -> Self {
        Self { x, t: None }
    }
}

impl<const D: usize> Dual<D> {
    /// A value `x` with the direction `t`.
    #[must_use]
    pub fn along(x: Tensor<D>, t: Tensor<D>) -> Self {
        Self { x, t: Some(t) }
    }

    /// The value.
    #[must_use]
    pub fn value(self) -> Tensor<D> {
        self.x
    }

    /// The value and its derivative.
    #[must_use]
    pub fn parts(self) -> (Tensor<D>, Option<Tensor<D>>) {
        (self.x, self.t)
    }

    /// The shape.
    #[must_use]
    pub fn dims(&self) -> [usize; D] {
        self.x.dims()
    }

    /// Returns true if there is a direction.
    pub(crate) fn is_along(&self) -> bool {
        self.t.is_some()
    }

    /// Applies `f`, which is linear, to both.
    pub(crate) fn linear<const E: usize>(self, f: impl Fn(Tensor<D>) -> Tensor<E>) -> Dual<E> {
        Dual { x: f(self.x), t: self.t.map(f) }
    }

    pub(crate) fn scaled(self, factor: f64) -> Self {
        self.linear(|x| x * factor)
    }

    pub(crate) fn reshaped<const E: usize>(self, shape: [i64; E]) -> Dual<E> {
        self.linear(|x| x.reshape(shape))
    }

    /// Applies the same dropout mask to both.
    pub(crate) fn dropout(self, rate: f64, masks: &mut Masks) -> Self {
        match masks.draw(self.x.dims(), rate, &self.x) {
            None => self,
            Some(mask) => self.linear(|x| x * mask.clone()),
        }
    }
}

impl Dual<2> {
    /// Applies a linear layer.
    pub(crate) fn dense(self, layer: &Linear) -> Self {
        Self { x: layer.forward(self.x), t: self.t.map(|t| layer.linear(t)) }
    }

    /// Divides each row by its root mean square, √(mean x² + ε).
    pub(crate) fn normalized(self) -> Self {
        let r = (self.x.clone().square().mean_dim(1) + 1e-8).sqrt().recip(); // [B, 1]
        let x = self.x * r.clone();
        // d(x·r) = r·(t − y·mean(y·t)).
        let t = self.t.map(|t| {
            let along = (x.clone() * t.clone()).mean_dim(1);
            (t - x.clone() * along) * r
        });
        Self { x, t }
    }

    /// Appends the columns of `more`, which do not depend on the input.
    pub(crate) fn beside(self, more: Tensor<2>) -> Self {
        let t = self.t.map(|t| Tensor::cat(vec![t, more.zeros_like()], 1));
        Self { x: Tensor::cat(vec![self.x, more], 1), t }
    }
}

impl Dual<4> {
    /// Applies a convolution. Its activation `act` is applied only if there is no direction;
    /// otherwise [`Dual::norm_act`] applies it.
    pub(crate) fn conv(self, conv: &Conv2d, act: Option<Activation>) -> Self {
        match (self.t, act) {
            (None, Some(act)) => Self { x: conv.forward_act(self.x, act), t: None },
            (t, _) => Self { x: conv.forward(self.x), t: t.map(|t| conv.linear(t)) },
        }
    }

    /// Applies a generator's last convolution and its activation: pixels in f32.
    pub(crate) fn pixels(self, conv: &Conv2d, act: Activation) -> Self {
        let y = ops::full(conv.forward_act(self.x, act));
        let t = self.t.map(|t| {
            let slope = match act {
                Activation::Sigmoid => y.clone() * (y.clone().neg() + 1.0),
                Activation::Tanh => y.clone().square().neg() + 1.0,
                Activation::LeakyRelu(slope) => {
                    return ops::leaky_relu_tangent(ops::full(conv.linear(t)), y.clone(), slope);
                }
                Activation::Rectify(rectifier) => {
                    return ops::rectifier_tangent(ops::full(conv.linear(t)), y.clone(), rectifier);
                }
            };
            ops::full(conv.linear(t)) * slope
        });
        Self { x: y, t }
    }

    /// Applies an optional normalisation and an activation.
    pub(crate) fn norm_act(self, layer: &NormAct, pass: &mut Pass<'_>) -> Self {
        match self.t {
            None => layer.forward(self.x, pass).into(),
            Some(t) => {
                let (x, t) = layer.tangent(self.x, t, pass);
                Self::along(x, t)
            }
        }
    }

    pub(crate) fn upsampled(self, mode: Upsample) -> Self {
        self.linear(|x| ops::upsample2(x, mode))
    }

    pub(crate) fn pooled(self) -> Self {
        self.linear(ops::average_pool2)
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        let t = match (self.t, other.t) {
            (Some(a), Some(b)) => Some(ops::sum(a, b)),
            (a, b) => a.or(b),
        };
        Self { x: ops::sum(self.x, other.x), t }
    }

    /// Appends the channels of `other`, of the same size.
    pub(crate) fn beside_channels(self, other: Self) -> Self {
        let t = match (self.t, other.t) {
            (None, None) => None,
            (Some(a), Some(b)) => Some(ops::beside(a, b)),
            (Some(a), None) => Some(ops::beside(a, other.x.zeros_like())),
            (None, Some(b)) => Some(ops::beside(self.x.zeros_like(), b)),
        };
        Self { x: ops::beside(self.x, other.x), t }
    }

    /// The same for two uses; both must lead to what is differentiated.
    pub(crate) fn forked(self) -> [Self; 2] {
        let [a, b] = ops::fork(self.x);
        match self.t.map(ops::fork) {
            None => [a.into(), b.into()],
            Some([s, t]) => [Self::along(a, s), Self::along(b, t)],
        }
    }

    /// Applies rectifier(scale·x + noise + bias); see [`ops::style`].
    pub(crate) fn styled(
        self,
        scale: Option<Dual<2>>,
        noise: Option<Tensor<4>>,
        bias: Option<Tensor<1>>,
        rectifier: Rectifier,
    ) -> Self {
        let (scale, moved) = scale.map_or((None, None), |scale| (Some(scale.x), scale.t));
        let by = |x: Tensor<4>, scale: Option<Tensor<2>>| match scale {
            None => x,
            scale => ops::style(x, Style { scale, ..Style::default() }, Rectifier::NONE),
        };
        let by_scale = self.t.map(|t| by(t, scale.clone()));
        let by_move = moved.map(|moved| by(self.x.clone(), Some(moved)));
        let t = match (by_scale, by_move) {
            (Some(a), Some(b)) => Some(ops::sum(a, b)),
            (a, b) => a.or(b),
        };
        let bends = rectifier != Rectifier::NONE;
        let x = if bends || scale.is_some() || noise.is_some() || bias.is_some() {
            ops::style(self.x, Style { scale, noise, bias }, rectifier)
        } else {
            self.x
        };
        let t = t.map(|t| if bends { ops::rectifier_tangent(t, x.clone(), rectifier) } else { t });
        Self { x, t }
    }

    /// Applies any other layer.
    pub(crate) fn through(self, layer: &impl Layer) -> Self {
        match self.t {
            None => layer.forward(self.x).into(),
            Some(t) => {
                let (x, t) = layer.tangent(self.x, t);
                Self::along(x, t)
            }
        }
    }

    /// Flattens the features in the order channel, row, column: [B, C·H·W].
    pub(crate) fn flat(self) -> Dual<2> {
        self.linear(|x| x.flatten(1, 3))
    }
}
