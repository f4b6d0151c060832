//! What flows through a critic: features, and with them, where it is asked for, how a direction in the pictures changes them.
//! Both go through one description of the network, so that its tangent cannot differ from it.

use burn::tensor::Tensor;

use super::layers::{Conv2d, Layer, Masks, NormAct, Pass};
use super::ops::{self, Activation};

/// Features [B, C, H, W] and perhaps their derivative along a direction, of the same shape.
#[derive(Clone, Debug)]
pub(super) struct Signal {
    x: Tensor<4>,
    t: Option<Tensor<4>>,
}

impl Signal {
    /// Features alone.
    pub(super) fn plain(x: Tensor<4>) -> Self {
        Self { x, t: None }
    }

    /// Pictures `x` and a direction `t`.
    pub(super) fn along(x: Tensor<4>, t: Tensor<4>) -> Self {
        Self { x, t: Some(t) }
    }

    /// Whether there is a direction.
    pub(super) fn is_along(&self) -> bool {
        self.t.is_some()
    }

    /// Both through `f`, which is linear.
    fn linear(self, f: impl Fn(Tensor<4>) -> Tensor<4>) -> Self {
        Self { x: f(self.x), t: self.t.map(f) }
    }

    /// Through a convolution; its activation `act` only where there is no direction, else it follows by [`Signal::norm_act`].
    pub(super) fn conv(self, conv: &Conv2d, act: Option<Activation>) -> Self {
        match (self.t, act) {
            (None, Some(act)) => Self::plain(conv.forward_act(self.x, act)),
            (t, _) => Self { x: conv.forward(self.x), t: t.map(|t| conv.linear(t)) },
        }
    }

    pub(super) fn norm_act(self, layer: &mut NormAct, pass: &Pass<'_>) -> Self {
        if self.t.is_none() {
            return Self::plain(layer.forward(self.x, pass));
        }
        // A batch's statistics would tie the gradient of one picture to all others.
        assert!(layer.norm.is_none(), "a gradient penalty with BatchNorm is refused by `Settings::validate`");
        self.through(&layer.activator)
    }

    pub(super) fn pooled(self) -> Self {
        self.linear(ops::average_pool2)
    }

    pub(super) fn scaled(self, factor: f64) -> Self {
        self.linear(|x| x * factor)
    }

    pub(super) fn plus(self, other: Self) -> Self {
        let t = self.t.zip(other.t).map(|(a, b)| ops::sum(a, b));
        Self { x: ops::sum(self.x, other.x), t }
    }

    /// Through one mask.
    pub(super) fn dropout(self, rate: f64, masks: &mut Masks) -> Self {
        match masks.draw(self.x.dims(), rate, &self.x) {
            None => self,
            Some(mask) => self.linear(|x| x * mask.clone()),
        }
    }

    /// Through any other layer.
    pub(super) fn through(self, layer: &impl Layer) -> Self {
        match self.t {
            None => Self::plain(layer.forward(self.x)),
            Some(t) => {
                let (x, t) = layer.tangent(self.x, t);
                Self::along(x, t)
            }
        }
    }

    /// Features in the order channel, row, column: [B, C·H·W].
    pub(super) fn flat(self) -> (Tensor<2>, Option<Tensor<2>>) {
        let flat = |x: Tensor<4>| x.flatten(1, 3);
        (flat(self.x), self.t.map(flat))
    }
}
