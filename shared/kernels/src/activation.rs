//! Activations fused with the operation before them.

/// An activation after a bias.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// x if positive, else this slope times x: 0 is the ReLU, 1 the identity.
    LeakyRelu(f32),
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
