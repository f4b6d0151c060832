//! A picture at another rate, looked up there, and back: FIR filters along both axes, an affine look-up, FIR filters again.

use burn::tensor::{Tensor, TensorData};

use super::warp::{Lookups, by_gathers};

/// A linear filter of an axis: each of its results is a sum of a few samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Fir {
    /// Samples that it takes.
    pub samples: usize,
    /// For each result the samples in it and their factors.
    pub results: Vec<Vec<(usize, f32)>>,
}

impl Fir {
    /// As a matrix, results × samples.
    #[must_use]
    pub fn dense(&self) -> Vec<f32> {
        let mut values = vec![0.0; self.results.len() * self.samples];
        for (row, result) in values.chunks_mut(self.samples).zip(&self.results) {
            result.iter().for_each(|&(sample, factor)| row[sample] += factor);
        }
        values
    }
}

/// Filters to another rate, a look-up a picture, and filters back to the extent there was.
#[derive(Clone, Debug, PartialEq)]
pub struct Resampling {
    /// Along columns (the axis of height) and along rows (the axis of width).
    pub up: [Fir; 2],
    /// In what the first filters give. There is a map for every picture that changes; one without comes back as it is.
    pub lookups: Lookups,
    /// The map that stands for "as it is", for devices on which all pictures go the same way.
    pub still: super::Affine,
    /// Along height and width of the look-up's result, back to the extent of the picture.
    pub down: [Fir; 2],
}

/// The same by dense matrices and gathers, for devices that have no operation of their own for it.
pub(super) fn by_matrices(x: Tensor<4>, resampling: &Resampling) -> Tensor<4> {
    let Resampling { up, lookups, still, down } = resampling;
    let maps = lookups.maps.iter().map(|map| Some(map.unwrap_or(*still))).collect();
    let x = by_gathers(separable(x, up), &Lookups { maps, ..lookups.clone() });
    separable(x, down)
}

/// [B, C, H, W] filtered along both axes.
fn separable(x: Tensor<4>, [vertical, horizontal]: &[Fir; 2]) -> Tensor<4> {
    let [batch, channels, height, width] = x.dims();
    let device = x.device().inner();
    let of = |fir: &Fir| Tensor::<2>::from_data(TensorData::new(fir.dense(), [fir.results.len(), fir.samples]), &device);
    let [rows, columns] = [vertical.results.len(), horizontal.results.len()];
    let x: Tensor<2> = x.reshape([batch * channels * height, width]).matmul(of(horizontal).transpose());
    let x: Tensor<3> = x.reshape([batch * channels, height, columns]);
    of(vertical).unsqueeze::<3>().matmul(x).reshape([batch, channels, rows, columns])
}
