//! The source of the layers' parameters.

/// The weights and bias of one convolution, in f32.
pub(super) type WeightsAndBias = (Vec<f32>, Vec<f32>);

/// Provides the parameters of the layers, in order.
pub(super) trait Parameters {
    /// Weights and bias of the convolution `name`; `shape` is [Cout, Cin, kh, kw].
    fn convolution(&mut self, name: &str, shape: [usize; 4]) -> WeightsAndBias;
    /// Weights of the classifier; `shape` is [classes, features].
    fn logits(&mut self, shape: [usize; 2]) -> Vec<f32>;
}
