//! How weights are drawn. Every tensor has a stream of its own, named after it, so that adding a layer changes no other.

use crate::rng;

/// Glorot & Bengio 2010, eq. 16: uniform on ±√(6/(fan_in + fan_out)); Keras' default for dense and convolution kernels.
#[derive(Clone, Copy, Debug)]
pub struct GlorotUniform {
    /// Values each output depends on.
    pub fan_in: usize,
    /// Values each input feeds.
    pub fan_out: usize,
}

impl GlorotUniform {
    /// `count` weights for the tensor `name` of a network initialised by `seed`.
    #[must_use]
    pub fn draw(self, seed: u64, name: &str, count: usize) -> Vec<f32> {
        let limit = (6.0 / (self.fan_in + self.fan_out) as f64).sqrt();
        let mut stream = rng::stream(seed, &format!("initialise {name}"), 0);
        (0..count).map(|_| stream.between(-limit, limit) as f32).collect()
    }
}
