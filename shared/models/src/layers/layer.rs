//! What every layer of a critic can do.

use burn::tensor::Tensor;

/// A layer that changes pictures of features, and says how a direction in its input passes it. The
/// second is what gradient penalties are computed from: without it they would be wrong, so a critic
/// takes no layer that lacks it.
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
