//! Where the numbers of a network come from: a file, or a seeded draw.

use burn::tensor::TensorData;
use shared::metrics::state_dict::Taking;
use shared::rng;

/// Gives the numbers of the layers, one after the other.
pub(super) trait Parameters {
    /// The tensor `name` in f32.
    fn tensor(&mut self, name: &str, shape: &[usize]) -> TensorData;
}

impl Parameters for Taking {
    fn tensor(&mut self, name: &str, shape: &[usize]) -> TensorData {
        // The zeros never compute anything: `finish` fails when a tensor was not there.
        self.f32s(name, shape).unwrap_or_else(|| TensorData::new(vec![0.0f32; shape.iter().product()], shape.to_vec()))
    }
}

/// Draws untrained weights: He et al. 2015, uniform, so that activations keep their size through the depth; scales are 1 and
/// biases 0.
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
