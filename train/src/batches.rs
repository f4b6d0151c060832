//! Data set → batches on the device. The order of an epoch is drawn from its number, so that nothing about it is saved.

use std::borrow::Cow;

use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;
use shared::dataset::{Dataset, DatasetError};
use shared::nn::range::Range;
use shared::picture::Picture;
use shared::rng;

use crate::turn::Batch;

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
    pub fn per_epoch(&self) -> u64 {
        (self.count / self.batch) as u64
    }

    /// How many pictures have no class.
    ///
    /// # Errors
    /// When the split is gone.
    pub fn without_class(&self) -> Result<usize, DatasetError> {
        let split = self.dataset.split(&self.split)?;
        Ok((0..self.count).filter(|&i| split.label(i).is_none()).count())
    }

    /// Batch `number` of the run, counted from 0 over all epochs, its pixels in `range`; with `classes` also what it shows.
    ///
    /// # Errors
    /// When a record is damaged.
    pub fn at(&self, number: u64, range: Range, classes: bool, device: &Device) -> Result<Batch, DatasetError> {
        let (epoch, index) = (number / self.per_epoch(), number % self.per_epoch());
        let real = range.from_unit(self.get(epoch, index, device)?);
        let split = self.dataset.split(&self.split)?;
        let classes = classes.then(|| self.chosen(epoch, index).iter().map(|&i| split.label(i as usize).unwrap_or(0)).collect());
        Ok(Batch { real, classes, latents: None })
    }

    /// Which pictures are in batch `index` of `epoch`.
    fn chosen(&self, epoch: u64, index: u64) -> Vec<u32> {
        let order = rng::stream(self.seed, "order", epoch).permutation(self.count);
        order[index as usize * self.batch..][..self.batch].to_vec()
    }

    /// Batch `index` of `epoch` (both from 0), [B, C, H, W] in [0, 1].
    ///
    /// # Errors
    /// When a record is damaged.
    pub fn get(&self, epoch: u64, index: u64, device: &Device) -> Result<Tensor<4>, DatasetError> {
        let chosen = self.chosen(epoch, index);
        let split = self.dataset.split(&self.split)?;
        let manifest = self.dataset.manifest();
        let (side, channels) = (manifest.size as usize, manifest.channels as usize);
        let corners = self.corners(epoch, index, split.room());
        let mut values = vec![0.0; self.batch * side * side * channels];
        let pictures = values.par_chunks_mut(side * side * channels).zip(chosen.par_iter().zip(corners));
        pictures.try_for_each(|(values, (&i, (left, top)))| {
            let stored = split.pixels(i as usize)?;
            let pixels = if split.room() == 0 { Cow::Borrowed(stored) } else { Cow::Owned(split.window(stored, left, top)) };
            values.iter_mut().zip(&*pixels).for_each(|(v, &p)| *v = f32::from(p) / 255.0);
            Ok::<_, DatasetError>(())
        })?;
        // Channels stay last in memory, where the CPU's operations want them.
        let pictures = Tensor::<4>::from_data(TensorData::new(values, [self.batch, side, side, channels]), device);
        Ok(pictures.permute([0, 3, 1, 2]))
    }

    /// Left column and top row of the random crop of each picture of a batch, where pictures are stored with room for one.
    fn corners(&self, epoch: u64, index: u64, room: u32) -> Vec<(u32, u32)> {
        let mut draw = rng::stream(self.seed, "crop", epoch * self.per_epoch() + index);
        let mut below = || draw.below(u64::from(room) + 1) as u32;
        (0..self.batch).map(|_| if room == 0 { (0, 0) } else { (below(), below()) }).collect()
    }

    /// The first `n` pictures in the order of the data set, for a sheet of reals.
    ///
    /// # Errors
    /// When a record is damaged.
    pub fn first(&self, n: usize) -> Result<Vec<Picture>, DatasetError> {
        let split = self.dataset.split(&self.split)?;
        (0..n.min(self.count)).map(|i| split.picture(i)).collect()
    }
}
