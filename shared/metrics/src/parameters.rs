//! The source of a network's parameters: a file, or a seeded draw.

use super::state_dict::Taking;
use burn::tensor::TensorData;
use fledge_base::rng;

/// Provides the tensors of the layers, one after the other.
pub trait Parameters {
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
#[derive(Clone, Copy, Debug)]
pub struct Drawn {
    /// The network's name, a part of the stream's.
    pub network: &'static str,
    /// The seed.
    pub seed: u64,
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
