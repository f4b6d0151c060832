//! The trait that a critic's layers implement.

use burn::tensor::Tensor;

/// A layer on feature maps that also propagates a direction in its input. Gradient penalties are
/// computed from the tangent and would be wrong without it, so a critic takes no layer that lacks
/// it.
pub trait Layer {
    /// # Shapes
    /// `x` [B, C, H, W].
    fn forward(&self, x: Tensor<4>) -> Tensor<4>;

    /// The result, and its derivative along the direction `t`: the Jacobian of the layer times `t`.
    ///
    /// # Shapes
    /// `x`, `t` [B, C, H, W] give two tensors as [`Layer::forward`] gives one.
    fn tangent(&self, x: Tensor<4>, t: Tensor<4>) -> (Tensor<4>, Tensor<4>);
}
