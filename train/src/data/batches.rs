//! Data set → the pictures of a batch. The order of an epoch is drawn from the epoch's number, so
//! none of it is saved. A picture with a damaged record is replaced by the next intact one of the
//! data set: a run of days must not end over one picture. [`feed`](crate::data::feed) decides how
//! batches reach a device ahead of its steps.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;
use shared::dataset::{Dataset, DatasetError, Split};
use shared::nn::range::Range;
use shared::picture::Picture;
use shared::rng;

use crate::step::turn::Batch;

/// Damaged records reported individually; one line covers the rest.
const DAMAGED_TOLD: usize = 10;

/// The training pictures of a run.
#[derive(Debug)]
pub struct Batches {
    dataset: Arc<Dataset>,
    split: String,
    batch: usize,
    seed: u64,
    count: usize,
    mirror: bool,
    /// The most recently drawn order, and its epoch.
    drawn: Mutex<Option<(u64, Arc<[u32]>)>>,
    /// Pictures found damaged so far.
    damaged: Arc<Mutex<BTreeSet<usize>>>,
}

/// One device's share of a batch. All devices get equally many pictures, in the order of the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Index of the device, from 0.
    pub index: usize,
    /// Number of devices.
    pub of: usize,
}

impl Default for Share {
    /// The whole batch, for a single device.
    fn default() -> Self {
        Self { index: 0, of: 1 }
    }
}

/// The pictures of a batch, by their indices in the split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Indices of the pictures.
    pub pictures: Vec<u32>,
    /// Left column and top row of the crop of each.
    pub corners: Vec<(u32, u32)>,
    /// For each picture, true if it is mirrored.
    pub mirrored: Vec<bool>,
}

impl Batches {
    /// Batches of `batch` pictures of a split, shuffled by `seed`.
    ///
    /// # Errors
    /// If there is no such split.
    pub fn new(
        dataset: Dataset,
        split: &str,
        batch: usize,
        seed: u64,
    ) -> Result<Self, DatasetError> {
        let count = dataset.split(split)?.len();
        let (dataset, drawn, damaged) = (Arc::new(dataset), Mutex::default(), Arc::default());
        Ok(Self {
            dataset,
            split: split.to_owned(),
            batch,
            seed,
            count,
            mirror: false,
            drawn,
            damaged,
        })
    }

    /// If `on`, mirrors each picture of each batch with probability ½.
    #[must_use]
    pub fn mirrored(self, on: bool) -> Self {
        Self { mirror: on, ..self }
    }

    /// True if pictures are mirrored.
    #[must_use]
    pub fn mirrors(&self) -> bool {
        self.mirror
    }

    /// The same pictures, shuffled with another seed.
    #[must_use]
    pub fn reseeded(&self, seed: u64) -> Self {
        let (dataset, split, damaged) =
            (Arc::clone(&self.dataset), self.split.clone(), Arc::clone(&self.damaged));
        let (batch, count, mirror) = (self.batch, self.count, self.mirror);
        Self { dataset, split, batch, seed, count, mirror, drawn: Mutex::default(), damaged }
    }

    /// The seed of the order.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
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

    /// Number of pictures without a class.
    ///
    /// # Errors
    /// If the split is gone.
    pub fn without_class(&self) -> Result<usize, DatasetError> {
        let split = self.dataset.split(&self.split)?;
        Ok((0..self.count).filter(|&i| split.label(i).is_none()).count())
    }

    /// Height and width of a batch's pictures, and their number of channels.
    #[must_use]
    pub fn extent(&self) -> (usize, usize) {
        let manifest = self.dataset.manifest();
        (manifest.size as usize, manifest.channels as usize)
    }

    /// Height and width of the stored pictures.
    #[must_use]
    pub fn stored(&self) -> usize {
        self.dataset.manifest().stored_in(&self.split) as usize
    }

    /// Batch `number` of the run, counted from 0 over all epochs, with pixels in `range`, and the
    /// classes of its pictures if `classes` is set.
    ///
    /// # Errors
    /// If all pictures are damaged.
    pub fn at(
        &self,
        number: u64,
        range: Range,
        classes: bool,
        device: &Device,
    ) -> Result<Batch, DatasetError> {
        self.batch(&self.choice(number, Share::default())?, range, classes, device)
    }

    /// The pictures of `choice`, as [`Batches::at`] returns them.
    ///
    /// # Errors
    /// If a record is damaged.
    pub fn batch(
        &self,
        choice: &Choice,
        range: Range,
        classes: bool,
        device: &Device,
    ) -> Result<Batch, DatasetError> {
        let real = range.from_unit(self.floats(choice, device)?);
        Ok(Batch { real, classes: self.classes(choice, classes)?, latents: None })
    }

    /// The classes of the chosen pictures, or `None` unless `wanted`.
    ///
    /// # Errors
    /// If the split is gone.
    pub fn classes(&self, choice: &Choice, wanted: bool) -> Result<Option<Vec<u32>>, DatasetError> {
        let split = self.dataset.split(&self.split)?;
        Ok(wanted.then(|| {
            choice.pictures.iter().map(|&i| split.label(i as usize).unwrap_or(0)).collect()
        }))
    }

    /// The pictures in this share of batch `number` of the run; all their records are intact.
    ///
    /// # Errors
    /// If there is no such picture.
    pub fn choice(&self, number: u64, share: Share) -> Result<Choice, DatasetError> {
        let (epoch, index) = (number / self.per_epoch(), number % self.per_epoch());
        let order = self.order(epoch);
        let size = self.batch / share.of;
        let all = &order[index as usize * self.batch..][..self.batch];
        let split = self.dataset.split(&self.split)?;
        let (corners, mirrored) = (self.corners(number, split.room()), self.draw_mirrored(number));
        let part = share.index * size..(share.index + 1) * size;
        let pictures =
            all[part.clone()].par_iter().map(|&i| self.sound(&split, i as usize).map(|i| i as u32));
        let pictures = pictures.collect::<Result<_, _>>()?;
        Ok(Choice {
            pictures,
            corners: corners[part.clone()].to_vec(),
            mirrored: mirrored[part].to_vec(),
        })
    }

    /// Picture `i`, or if its record is damaged the next intact one of the split, wrapping around
    /// at the end.
    fn sound(&self, split: &Split<'_>, i: usize) -> Result<usize, DatasetError> {
        let Err(damage) = split.record(i) else { return Ok(i) };
        if !damage.is_damage() {
            return Err(damage);
        }
        let others = (i + 1..self.count).chain(0..i);
        let Some(next) = others.into_iter().find(|&other| split.record(other).is_ok()) else {
            return Err(damage);
        };
        let mut damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        if damaged.insert(i) {
            match damaged.len() {
                ..=DAMAGED_TOLD => {
                    tracing::warn!("{damage}; until then picture {next} replaces picture {i}")
                }
                n if n == DAMAGED_TOLD + 1 => {
                    tracing::warn!("more pictures are damaged; `prep verify` lists them")
                }
                _ => {}
            }
        }
        Ok(next)
    }

    /// Number of pictures found damaged and replaced so far.
    #[must_use]
    pub fn damaged(&self) -> usize {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The order of an epoch's pictures, cached so that it is not drawn again for every batch.
    fn order(&self, epoch: u64) -> Arc<[u32]> {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        match &*drawn {
            Some((of, order)) if *of == epoch => Arc::clone(order),
            _ => {
                let order: Arc<[u32]> =
                    rng::stream(self.seed, "order", epoch).permutation(self.count).into();
                *drawn = Some((epoch, Arc::clone(&order)));
                order
            }
        }
    }

    /// Batch `index` of `epoch` (both from 0), [B, C, H, W] in [0, 1].
    ///
    /// # Errors
    /// If all pictures are damaged.
    pub fn get(&self, epoch: u64, index: u64, device: &Device) -> Result<Tensor<4>, DatasetError> {
        self.floats(&self.choice(epoch * self.per_epoch() + index, Share::default())?, device)
    }

    fn floats(&self, choice: &Choice, device: &Device) -> Result<Tensor<4>, DatasetError> {
        let (side, channels) = self.extent();
        let values = self.assembled(choice, 0.0, |p| f32::from(p) / 255.0)?;
        // Channels stay last in memory, as the CPU's operations expect.
        let shape = [choice.pictures.len(), side, side, channels];
        Ok(Tensor::<4>::from_data(TensorData::new(values, shape), device).permute([0, 3, 1, 2]))
    }

    /// The chosen pictures as stored, cropped: uint8, [B, H, W, C].
    ///
    /// # Errors
    /// If a record is damaged.
    pub fn pixels(&self, choice: &Choice) -> Result<Vec<u8>, DatasetError> {
        self.assembled(choice, 0, |p| p)
    }

    fn assembled<V, F>(&self, choice: &Choice, zero: V, of: F) -> Result<Vec<V>, DatasetError>
    where
        V: Copy + Send + Sync,
        F: Fn(u8) -> V + Sync,
    {
        let split = self.dataset.split(&self.split)?;
        let (side, channels) = self.extent();
        let length = side * side * channels;
        let mut values = vec![zero; choice.pictures.len() * length];
        let windows = choice.corners.par_iter().zip(&choice.mirrored);
        let pictures = values.par_chunks_mut(length).zip(choice.pictures.par_iter().zip(windows));
        pictures.try_for_each(|(values, (&i, (&(left, top), &mirrored)))| {
            let stored = split.pixels(i as usize)?;
            let pixels = if split.room() == 0 {
                Cow::Borrowed(stored)
            } else {
                Cow::Owned(split.window(stored, left, top))
            };
            let fill = |values: &mut [V], pixels: &[u8]| {
                values.iter_mut().zip(pixels).for_each(|(v, &p)| *v = of(p))
            };
            if mirrored {
                let rows = values
                    .chunks_exact_mut(side * channels)
                    .zip(pixels.chunks_exact(side * channels));
                for (values, pixels) in rows {
                    let pixels = pixels.chunks_exact(channels).rev();
                    values
                        .chunks_exact_mut(channels)
                        .zip(pixels)
                        .for_each(|(values, pixel)| fill(values, pixel));
                }
            } else {
                fill(values, &pixels);
            }
            Ok::<_, DatasetError>(())
        })?;
        Ok(values)
    }

    /// Every stored picture of the split in order, with damaged ones replaced: uint8, [N, H, W, C]
    /// in the stored size.
    ///
    /// # Errors
    /// If all are damaged.
    pub fn all(&self) -> Result<Vec<u8>, DatasetError> {
        let split = self.dataset.split(&self.split)?;
        let mut all = Vec::with_capacity(self.stored_bytes());
        for i in 0..self.count {
            all.extend_from_slice(split.pixels(self.sound(&split, i)?)?);
        }
        Ok(all)
    }

    /// Size of [`Batches::all`] in bytes.
    #[must_use]
    pub fn stored_bytes(&self) -> usize {
        self.count * self.stored().pow(2) * self.extent().1
    }

    /// Left column and top row of the random crop of each picture of a batch, for pictures stored
    /// with a margin.
    fn corners(&self, number: u64, room: u32) -> Vec<(u32, u32)> {
        let mut draw = rng::stream(self.seed, "crop", number);
        let mut below = || draw.below(u64::from(room) + 1) as u32;
        (0..self.batch).map(|_| if room == 0 { (0, 0) } else { (below(), below()) }).collect()
    }

    /// Draws which pictures of a batch are mirrored.
    fn draw_mirrored(&self, number: u64) -> Vec<bool> {
        let mut draw = rng::stream(self.seed, "mirror", number);
        (0..self.batch).map(|_| self.mirror && draw.below(2) == 1).collect()
    }

    /// The first `n` pictures of the data set, for a sheet of reals.
    ///
    /// # Errors
    /// If all pictures are damaged.
    pub fn first(&self, n: usize) -> Result<Vec<Picture>, DatasetError> {
        let split = self.dataset.split(&self.split)?;
        (0..n.min(self.count)).map(|i| split.picture(self.sound(&split, i)?)).collect()
    }
}
