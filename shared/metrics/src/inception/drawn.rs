//! Drawn weights written to a file, for tests of code that reads one.

use std::path::Path;

use burn::tensor::Device;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::super::state_dict::WeightsError;
use super::load::Drawn;
use super::network::Network;
use super::parameters::{Parameters, WeightsAndBias};
use super::variant::Variant;
use fledge_base::fs;

/// Draws parameters and records them.
struct Kept {
    drawn: Drawn,
    tensors: Vec<(String, Vec<usize>, Vec<f32>)>,
}

impl Parameters for Kept {
    fn convolution(&mut self, name: &str, shape: [usize; 4]) -> WeightsAndBias {
        let (weight, bias) = self.drawn.convolution(name, shape);
        self.tensors.push((format!("{name}.conv.weight"), shape.to_vec(), weight.clone()));
        self.tensors.push((format!("{name}.conv.bias"), vec![shape[0]], bias.clone()));
        (weight, bias)
    }

    fn logits(&mut self, shape: [usize; 2]) -> Vec<f32> {
        let weight = self.drawn.logits(shape);
        self.tensors.push(("fc.weight".into(), shape.to_vec(), weight.clone()));
        self.tensors.push(("fc.bias".into(), vec![shape[0]], vec![0.0; shape[0]]));
        weight
    }
}

/// Writes the weights of [`Inception::random`](super::Inception::random) as a file that
/// [`Inception::load`](super::Inception::load) reads.
///
/// # Errors
/// If the file cannot be written.
pub fn write_drawn(path: &Path, seed: u64) -> Result<(), WeightsError> {
    let mut kept = Kept { drawn: Drawn { seed }, tensors: Vec::new() };
    drop(Network::new(Variant::Fid, &mut kept, &Device::flex()));
    let refused = |what: String| WeightsError::Unreadable { path: path.to_owned(), what };
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = kept
        .tensors
        .into_iter()
        .map(|(name, shape, values)| {
            (name, shape, values.iter().flat_map(|v| v.to_le_bytes()).collect())
        })
        .collect();
    let views: Result<Vec<_>, _> = bytes
        .iter()
        .map(|(name, shape, bytes)| {
            TensorView::new(Dtype::F32, shape.clone(), bytes).map(|view| (name.as_str(), view))
        })
        .collect();
    let file = views
        .and_then(|views| safetensors::serialize(views, None))
        .map_err(|e| refused(e.to_string()))?;
    Ok(fs::write(path, &file)?)
}
