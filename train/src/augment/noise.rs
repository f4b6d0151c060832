//! Additive noise.

use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;
use shared::rng::{self, Stream};

use super::plan::Step;

/// Noise before scaling by the pictures' `deviations`, [B, C, H, W]: standard normal for pictures
/// with noise, zeros for the others; empty if no picture has any.
#[must_use]
pub fn draw(deviations: &[f64], shape: [usize; 3], stream: &mut Stream) -> Vec<f32> {
    if deviations.iter().all(|deviation| *deviation == 0.0) {
        return Vec::new();
    }
    let len = shape.iter().product();
    // One stream per picture, so that they can be drawn in parallel.
    let seeds: Vec<_> =
        deviations.iter().map(|deviation| (*deviation > 0.0).then(|| stream.bits())).collect();
    let mut values = vec![0.0; deviations.len() * len];
    values.par_chunks_mut(len).zip(seeds).for_each(|(values, seed)| {
        if let Some(seed) = seed {
            values.copy_from_slice(&rng::stream(seed, "augment noise", 0).normals(len));
        }
    });
    values
}

/// Adds noise to each picture at its own strength.
#[derive(Clone, Debug)]
pub struct Noise {
    /// [B, C, H, W], scaled.
    values: Vec<f32>,
}

impl Noise {
    /// Scales `values` [B, C, H, W] by each picture's standard deviation.
    #[must_use]
    pub fn new(mut values: Vec<f32>, deviations: Vec<f32>, shape: [usize; 3]) -> Self {
        let pictures = values.par_chunks_mut(shape.iter().product()).zip(deviations);
        pictures.for_each(|(picture, deviation)| picture.iter_mut().for_each(|v| *v *= deviation));
        Self { values }
    }
}

impl Step for Noise {
    fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        let noise = Tensor::<4>::from_data(
            TensorData::new(self.values.clone(), x.dims()),
            &x.device().inner(),
        );
        x + noise
    }

    fn linear(&self, t: Tensor<4>) -> Tensor<4> {
        t
    }
}
