//! The source of a network's parameters: a file, or a seeded draw.

use burn::tensor::TensorData;
use shared::metrics::state_dict::Taking;
use shared::rng;

/// Provides the tensors of the layers, one after the other.
pub(super) trait Parameters {
    /// The tensor `name` in f32.
    fn tensor(&mut self, name: &str, shape: &[usize]) -> TensorData;
}

impl Parameters for Taking {
    fn tensor(&mut self, name: &str, shape: &[usize]) -> TensorData {
        // The zeros are never used: `finish` fails if a tensor is missing.
        self.f32s(name, shape).unwrap_or_else(|| {
            TensorData::new(vec![0.0f32; shape.iter().product()], shape.to_vec())
        })
    }
}

/// Untrained parameters: He et al. 2015, uniform, so that activations keep their scale through the
/// depth. Scales are 1, biases 0.
pub(super) struct Drawn {
    pub(super) network: &'static str,
    pub(super) seed: u64,
}

impl Parameters for Drawn {
    fn tensor(&mut self, name: &str, shape: &[usize]) -> TensorData {
        let count = shape.iter().product();
        let values: Vec<f32> = if let [_] = shape {
            vec![if name.ends_with("bias") { 0.0 } else { 1.0 }; count]
        } else {
            let fan_in: usize = shape[1..].iter().product();
            let limit = (6.0 / fan_in as f64).sqrt();
            // The weights of a distance are not negative.
            let least = if name.starts_with("lin") { 0.0 } else { -limit };
            let mut stream = rng::stream(self.seed, &format!("random {} {name}", self.network), 0);
            (0..count).map(|_| stream.between(least, limit) as f32).collect()
        };
        TensorData::new(values, shape.to_vec())
    }
}
