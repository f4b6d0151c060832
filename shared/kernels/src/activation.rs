//! Activations fused with the operation before them.

/// A leaky ReLU with a gain and a bound (stylegan2-ada-pytorch, `bias_act.py`): gain·x if x is
/// positive, else gain·slope·x, clamped to ± the bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rectifier {
    /// Slope below zero, before the gain.
    pub slope: f32,
    /// Factor of the result.
    pub gain: f32,
    /// Largest magnitude of the result; infinite = not clamped.
    pub bound: f32,
}

impl Rectifier {
    /// The identity.
    pub const NONE: Self = Self::leaky(1.0);

    /// A leaky ReLU without gain and bound.
    #[must_use]
    pub const fn leaky(slope: f32) -> Self {
        Self { slope, gain: 1.0, bound: f32::INFINITY }
    }

    /// The derivative at the result `y`. Zero belongs to the negative side, and the bound to the
    /// clamped values.
    #[inline]
    pub(crate) fn slope_at(self, y: f32) -> f32 {
        let slope = if y > 0.0 { self.gain } else { self.gain * self.slope };
        if y.abs() >= self.bound { 0.0 } else { slope }
    }
}

/// An activation after a bias.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// x if positive, else this slope times x: 0 is the ReLU, 1 the identity.
    LeakyRelu(f32),
    /// The same with a gain and a bound.
    Rectify(Rectifier),
    /// 1/(1 + e⁻ˣ).
    Sigmoid,
    /// tanh x.
    Tanh,
}

impl Activation {
    /// The identity.
    pub const NONE: Self = Self::LeakyRelu(1.0);
    /// max(x, 0).
    pub const RELU: Self = Self::LeakyRelu(0.0);
}
