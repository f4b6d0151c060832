//! Data set → the pictures of a batch, or two of them for a translation: sources with their targets,
//! cut alike, or sources and targets of two sets, drawn apart from each other. The order of an epoch is drawn from the epoch's number, so
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

/// The split that sheets of translations are made from, if there is one.
const SHOWN_SPLIT: &str = "val";

/// The part of a record that a picture is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// All of it.
    Whole,
    /// The left half of a pair.
    A,
    /// The right half of a pair.
    B,
}

/// A picture of a sheet.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The picture; what is translated, where a run translates.
    pub source: Picture,
    /// What a translation should give, if known.
    pub target: Option<Picture>,
}

/// The training pictures of a run; the sources, where it translates.
#[derive(Debug)]
pub struct Batches {
    dataset: Arc<Dataset>,
    split: String,
    side: Side,
    batch: usize,
    seed: u64,
    count: usize,
    /// Pictures of an epoch: more than there are if the targets are more.
    turns: usize,
    mirror: bool,
    targets: Option<Box<Targets>>,
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

/// Where the targets of a translation come from.
#[derive(Debug)]
enum Targets {
    /// The other halves of the sources' records, cut and mirrored alike.
    Paired(Batches),
    /// Pictures drawn independently, with replacement.
    Drawn(Batches),
}

impl Targets {
    fn batches(&self) -> &Batches {
        match self {
            Self::Paired(batches) | Self::Drawn(batches) => batches,
        }
    }

    /// The same with other batches.
    fn with(&self, of: impl FnOnce(&Batches) -> Batches) -> Self {
        match self {
            Self::Paired(batches) => Self::Paired(of(batches)),
            Self::Drawn(batches) => Self::Drawn(of(batches)),
        }
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
    /// The choice among the targets, where they are drawn independently.
    pub targets: Option<Box<Self>>,
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
        Self::of(&Arc::new(dataset), Side::Whole, split, batch, seed)
    }

    /// Batches of one side of a data set.
    fn of(
        dataset: &Arc<Dataset>,
        side: Side,
        split: &str,
        batch: usize,
        seed: u64,
    ) -> Result<Self, DatasetError> {
        let count = dataset.split(split)?.len();
        Ok(Self {
            dataset: Arc::clone(dataset),
            split: split.to_owned(),
            side,
            batch,
            seed,
            count,
            turns: count,
            mirror: false,
            targets: None,
            drawn: Mutex::default(),
            damaged: Arc::default(),
        })
    }

    /// Batches of pairs: the sources are one side of the data set's records, the targets the other.
    ///
    /// # Errors
    /// If there is no such split.
    pub fn paired(
        dataset: Dataset,
        [source, target]: [Side; 2],
        split: &str,
        batch: usize,
        seed: u64,
    ) -> Result<Self, DatasetError> {
        let dataset = Arc::new(dataset);
        let targets = Self::of(&dataset, target, split, batch, seed)?;
        let targets = Some(Box::new(Targets::Paired(targets)));
        Ok(Self { targets, ..Self::of(&dataset, source, split, batch, seed)? })
    }

    /// Batches of sources and targets that belong to each other only by chance. An epoch is as long as
    /// the larger set.
    ///
    /// # Errors
    /// If there is no such split.
    pub fn apart(
        [source, target]: [(&Arc<Dataset>, Side); 2],
        split: &str,
        batch: usize,
        seed: u64,
    ) -> Result<Self, DatasetError> {
        let sources = Self::of(source.0, source.1, split, batch, seed)?;
        let targets = Self::of(target.0, target.1, split, batch, seed)?;
        let turns = sources.count.max(targets.count);
        let targets = Some(Box::new(Targets::Drawn(targets)));
        Ok(Self { turns, targets, ..sources })
    }

    /// True if there are targets.
    #[must_use]
    pub fn translates(&self) -> bool {
        self.targets.is_some()
    }

    /// If `on`, mirrors each picture of each batch with probability ½.
    #[must_use]
    pub fn mirrored(self, on: bool) -> Self {
        let targets = self.targets.as_ref().map(|targets| {
            Box::new(targets.with(|of| Self { mirror: on, ..of.reseeded(of.seed) }))
        });
        Self { mirror: on, targets, ..self }
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
        let targets = self.targets.as_ref();
        let targets = targets.map(|targets| Box::new(targets.with(|of| of.reseeded(seed))));
        let Self { side, batch, count, turns, mirror, .. } = *self;
        let drawn = Mutex::default();
        Self { dataset, split, side, batch, seed, count, turns, mirror, targets, drawn, damaged }
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

    /// Pictures in an epoch: those of the split, or of the targets' if they are more.
    #[must_use]
    pub fn turns(&self) -> usize {
        self.turns
    }

    /// Whole batches in an epoch; the remainder is dropped.
    #[must_use]
    pub fn per_epoch(&self) -> u64 {
        (self.turns / self.batch) as u64
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
        let own = range.from_unit(self.floats(choice, device)?);
        let classes = self.classes(choice, classes)?;
        let Some((targets, choice)) = self.targets_of(choice) else {
            return Ok(Batch { real: own, source: None, classes, latents: None });
        };
        let real = range.from_unit(targets.floats(choice, device)?);
        Ok(Batch { real, source: Some(own), classes, latents: None })
    }

    /// The targets of the chosen pictures, where there are any.
    #[must_use]
    pub fn targets_of<'a>(&'a self, choice: &'a Choice) -> Option<(&'a Self, &'a Choice)> {
        let targets = self.targets.as_ref()?.batches();
        Some((targets, choice.targets.as_deref().unwrap_or(choice)))
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
        let all = &order[index as usize * self.batch..][..self.batch];
        let mut choice = self.chosen(all, number, share, "")?;
        if let Some(Targets::Drawn(targets)) = self.targets.as_deref() {
            let mut draw = rng::stream(self.seed, "targets", number);
            let all = (0..self.batch).map(|_| draw.below(targets.count as u64) as u32);
            let all: Vec<u32> = all.collect();
            choice.targets = Some(Box::new(targets.chosen(&all, number, share, " of targets")?));
        }
        Ok(choice)
    }

    /// The share of batch `number`, of pictures `all`; `what` distinguishes its random streams.
    fn chosen(
        &self,
        all: &[u32],
        number: u64,
        share: Share,
        what: &str,
    ) -> Result<Choice, DatasetError> {
        let size = self.batch / share.of;
        let split = self.dataset.split(&self.split)?;
        let corners = self.corners(number, split.room(), what);
        let mirrored = self.draw_mirrored(number, what);
        let part = share.index * size..(share.index + 1) * size;
        let pictures =
            all[part.clone()].par_iter().map(|&i| self.sound(&split, i as usize).map(|i| i as u32));
        let pictures = pictures.collect::<Result<_, _>>()?;
        Ok(Choice {
            pictures,
            corners: corners[part.clone()].to_vec(),
            mirrored: mirrored[part].to_vec(),
            targets: None,
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
        let own = self.damaged.lock().unwrap_or_else(PoisonError::into_inner).len();
        own + self.targets.as_ref().map_or(0, |targets| targets.batches().damaged())
    }

    /// The order of an epoch's pictures, cached so that it is not drawn again for every batch.
    fn order(&self, epoch: u64) -> Arc<[u32]> {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        match &*drawn {
            Some((of, order)) if *of == epoch => Arc::clone(order),
            _ => {
                let order = rng::stream(self.seed, "order", epoch).permutation(self.turns);
                let order: Arc<[u32]> = order.into_iter().map(|i| i % self.count as u32).collect();
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
            let pixels = self.window(&split, stored, left, top);
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

    /// The part of a record that is learned from, at this corner.
    fn window<'a>(
        &self,
        split: &Split<'_>,
        stored: &'a [u8],
        left: u32,
        top: u32,
    ) -> Cow<'a, [u8]> {
        let half = match self.side {
            Side::Whole if split.room() == 0 => return Cow::Borrowed(stored),
            Side::Whole => return Cow::Owned(split.window(stored, left, top)),
            Side::A => 0,
            Side::B => 1,
        };
        let (size, channels) = self.extent();
        // Two squares beside each other.
        let extent = (stored.len() / (2 * channels)).isqrt();
        let first = (half * extent + left as usize) * channels;
        let rows = stored.chunks_exact(2 * extent * channels).skip(top as usize).take(size);
        Cow::Owned(rows.flat_map(|row| &row[first..first + size * channels]).copied().collect())
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
    fn corners(&self, number: u64, room: u32, what: &str) -> Vec<(u32, u32)> {
        let mut draw = rng::stream(self.seed, &format!("crop{what}"), number);
        let mut below = || draw.below(u64::from(room) + 1) as u32;
        (0..self.batch).map(|_| if room == 0 { (0, 0) } else { (below(), below()) }).collect()
    }

    /// Draws which pictures of a batch are mirrored.
    fn draw_mirrored(&self, number: u64, what: &str) -> Vec<bool> {
        let mut draw = rng::stream(self.seed, &format!("mirror{what}"), number);
        (0..self.batch).map(|_| self.mirror && draw.below(2) == 1).collect()
    }

    /// The first `n` pictures of the data set, for a sheet of reals.
    ///
    /// # Errors
    /// If all pictures are damaged.
    pub fn first(&self, n: usize) -> Result<Vec<Picture>, DatasetError> {
        let split = self.dataset.split(&self.split)?;
        (0..n.min(self.count)).map(|i| self.central(&split, self.sound(&split, i)?)).collect()
    }

    /// The middle of picture `i`.
    fn central(&self, split: &Split<'_>, i: usize) -> Result<Picture, DatasetError> {
        if self.side == Side::Whole {
            return split.picture(i);
        }
        let middle = split.room() / 2;
        let pixels = self.window(split, split.pixels(i)?, middle, middle).into_owned();
        let (size, channels) = self.extent();
        let (width, height) = (size as u32, size as u32);
        Ok(Picture { width, height, channels: channels as u32, pixels })
    }

    /// The first `n` pictures for a sheet: of those to learn from or, where they are translated, of
    /// held-out ones if there are any. Targets are there only for pairs.
    ///
    /// # Errors
    /// If all pictures are damaged.
    pub fn shown(&self, n: usize) -> Result<Vec<Shown>, DatasetError> {
        let Some(targets) = self.targets.as_deref() else {
            let of = |source| Shown { source, target: None };
            return Ok(self.first(n)?.into_iter().map(of).collect());
        };
        let split = match self.dataset.split(SHOWN_SPLIT) {
            Ok(held_out) if !held_out.is_empty() => held_out,
            _ => self.dataset.split(&self.split)?,
        };
        // Of the same records, even where training draws both sides apart.
        let paired = self.side != Side::Whole;
        let readable = (0..split.len()).filter(|&i| split.record(i).is_ok()).take(n);
        let of = |i: usize| {
            let source = self.central(&split, i)?;
            let target = paired.then(|| targets.batches().central(&split, i)).transpose()?;
            Ok(Shown { source, target })
        };
        readable.map(of).collect()
    }
}
