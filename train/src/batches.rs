//! Data set → batches on the device. The order of an epoch is drawn from its number, so that nothing about it is saved.

use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;
use shared::dataset::{Dataset, DatasetError};
use shared::picture::Picture;
use shared::rng;

/// The pictures that a run learns from.
#[derive(Debug)]
pub struct Batches {
    dataset: Dataset,
    split: String,
    batch: usize,
    seed: u64,
    count: usize,
}

impl Batches {
    /// Batches of `batch` pictures of a split, shuffled by `seed`.
    ///
    /// # Errors
    /// When there is no such split.
    pub fn new(dataset: Dataset, split: &str, batch: usize, seed: u64) -> Result<Self, DatasetError> {
        let count = dataset.split(split)?.len();
        Ok(Self { dataset, split: split.to_owned(), batch, seed, count })
    }

    /// Pictures in the split.
    #[must_use]
    pub fn pictures(&self) -> usize {
        self.count
    }

    /// Whole batches in an epoch; the remainder is dropped.
    #[must_use]
    pub fn steps_per_epoch(&self) -> u64 {
        (self.count / self.batch) as u64
    }

    /// Batch `index` of `epoch` (both from 0), [B, C, H, W] in [0, 1].
    ///
    /// # Errors
    /// When a record is damaged.
    pub fn get(&self, epoch: u64, index: u64, device: &Device) -> Result<Tensor<4>, DatasetError> {
        let order = rng::stream(self.seed, "order", epoch).permutation(self.count);
        let chosen = &order[index as usize * self.batch..][..self.batch];
        let split = self.dataset.split(&self.split)?;
        let manifest = self.dataset.manifest();
        let (side, channels) = (manifest.size as usize, manifest.channels as usize);
        let planes: Result<Vec<Vec<f32>>, DatasetError> =
            chosen.par_iter().map(|&i| Ok(to_planes(split.pixels(i as usize)?, channels))).collect();
        Ok(Tensor::from_data(TensorData::new(planes?.concat(), [self.batch, channels, side, side]), device))
    }

    /// The first `n` pictures in the order of the data set, for a sheet of reals.
    ///
    /// # Errors
    /// When a record is damaged.
    pub fn first(&self, n: usize) -> Result<Vec<Picture>, DatasetError> {
        let split = self.dataset.split(&self.split)?;
        let manifest = self.dataset.manifest();
        (0..n.min(self.count))
            .map(|i| {
                let (width, channels) = (manifest.size, manifest.channels);
                Ok(Picture { width, height: width, channels, pixels: split.pixels(i)?.to_vec() })
            })
            .collect()
    }
}

/// Interleaved bytes [H, W, C] → planes [C, H, W] in [0, 1].
fn to_planes(pixels: &[u8], channels: usize) -> Vec<f32> {
    let positions = pixels.len() / channels;
    (0..channels * positions).map(|i| f32::from(pixels[i % positions * channels + i / positions]) / 255.0).collect()
}
