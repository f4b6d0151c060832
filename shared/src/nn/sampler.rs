//! Pictures from a generator, by seed. The picture of a seed is the same whatever is generated beside it: latents come from
//! a stream of the seed's own, and the generator always works on batches of one size.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};

use super::checkpoint::Meta;
use super::config::{Distribution, RunConfig};
use super::device::on_workers;
use super::generator::Generator;
use super::latent;
use super::layers::{Classes, Masks, Mode, Pass};
use super::range::Range;
use super::run::{Run, RunError, Which};
use crate::cli::UsageError;
use crate::picture::Picture;
use crate::rng;

/// Pictures that are generated together; a shorter request is filled up, because the order in which a matrix product sums
/// may depend on the size of the batch.
const BATCH: usize = 16;

/// A generator ready to make pictures.
#[derive(Clone, Debug)]
pub struct Sampler {
    generator: Generator,
    device: Device,
    range: Range,
    classes: Vec<String>,
    class: Option<u32>,
    truncation: Option<f64>,
}

/// Which generator of a checkpoint makes pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weights {
    /// The moving average (EMA) of its weights.
    #[default]
    Averaged,
    /// Those that the optimizer last left.
    Trained,
}

impl Weights {
    /// The name of their file in a checkpoint, without ending.
    #[must_use]
    pub fn part(self) -> &'static str {
        match self {
            Self::Averaged => "ema",
            Self::Trained => "generator",
        }
    }
}

/// What one picture is made of.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The latent vector.
    pub latent: Vec<f32>,
    /// Its class, for generators that are told one.
    pub class: u32,
    /// From which dropout draws, for generators that drop values when sampling.
    pub seed: u64,
}

impl Sampler {
    /// Pictures from `generator` of the run that `config` describes, whose parameters are on `device`.
    #[must_use]
    pub fn new(generator: Generator, config: &RunConfig, device: Device) -> Self {
        Self {
            generator,
            device,
            range: config.settings.range(),
            classes: config.data.classes.clone(),
            class: None,
            truncation: None,
        }
    }

    /// The averaged (EMA) generator of a run's checkpoint.
    ///
    /// # Errors
    /// When there is no such checkpoint or it is damaged.
    pub fn open(run: &Path, which: Which, device: &Device) -> Result<(Self, Meta), RunError> {
        Self::open_weights(run, which, Weights::Averaged, device)
    }

    /// The generator of a run's checkpoint with one of the two kinds of weights that it has.
    ///
    /// # Errors
    /// When there is no such checkpoint or it is damaged.
    pub fn open_weights(run: &Path, which: Which, weights: Weights, device: &Device) -> Result<(Self, Meta), RunError> {
        let opened = Run::open(run)?;
        let checkpoint = opened.checkpoint(which)?;
        let mut generator = checkpoint.meta.config.generator(device);
        if let Err(error) = checkpoint.load(weights.part(), &mut generator) {
            // Whoever trains the run may have removed it for a newer one.
            let gone = !matches!(which, Which::Step(_)) && !opened.checkpoint_folder(checkpoint.meta.step).exists();
            return if gone { Self::open_weights(run, which, weights, device) } else { Err(error.into()) };
        }
        Ok((Self::new(generator, &checkpoint.meta.config, device.clone()), checkpoint.meta))
    }

    /// All pictures of one class, which `name` names or counts from 0.
    ///
    /// # Errors
    /// When the generator is not told classes, or there is no such one.
    pub fn of_class(self, name: &str) -> Result<Self, UsageError> {
        if self.classes.is_empty() {
            return Err(UsageError(format!("--class {name}: this run was trained without classes (cond.generator = none)")));
        }
        let index = self.classes.iter().position(|c| c == name).or_else(|| name.parse().ok().filter(|i| *i < self.classes.len()));
        let index = index.ok_or_else(|| {
            let (last, shown) = (self.classes.len() - 1, self.classes.iter().take(12).cloned().collect::<Vec<_>>().join(", "));
            UsageError(format!("--class {name}: expected 0 to {last}, or a name: {shown}{}", if last > 11 { ", …" } else { "" }))
        })?;
        Ok(self.of_index(index as u32))
    }

    /// All pictures of the class with this index, which must be below their number.
    #[must_use]
    pub fn of_index(mut self, class: u32) -> Self {
        self.class = Some(class);
        self
    }

    /// Values of a latent vector beyond ±`threshold` are drawn again (Brock et al. 2019, arXiv:1809.11096, "truncation trick"): pictures
    /// become more alike, and most of them better.
    ///
    /// # Errors
    /// When latent vectors are not normal, or the threshold is no number that a drawing reaches.
    pub fn truncated(mut self, threshold: f64) -> Result<Self, UsageError> {
        let config = self.generator.config();
        let normal = matches!(config.distribution, Distribution::Normal | Distribution::Truncated);
        if !normal {
            let name = config.distribution.name();
            return Err(UsageError(format!("--truncation {threshold}: the latents of this run are {name}, not normal")));
        }
        if !(latent::LEAST_THRESHOLD..=latent::MOST_THRESHOLD).contains(&threshold) {
            let (least, most) = (latent::LEAST_THRESHOLD, latent::MOST_THRESHOLD);
            return Err(UsageError(format!("--truncation {threshold}: expected {least} (all alike) to {most} (as trained)")));
        }
        self.truncation = Some(threshold);
        Ok(self)
    }

    /// The generator.
    #[must_use]
    pub fn generator(&self) -> &Generator {
        &self.generator
    }

    /// In which interval it gives pixels.
    #[must_use]
    pub fn range(&self) -> Range {
        self.range
    }

    /// Where it computes.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Names of the classes that the generator is told; none where it is told none.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The latent vector of `seed`.
    #[must_use]
    pub fn latent(&self, seed: u64) -> Vec<f32> {
        let mut z = latent::draw(self.generator.config(), 1, &mut rng::stream(seed, "latent", 0));
        if let Some(threshold) = self.truncation {
            latent::truncate(&mut z, seed, threshold);
        }
        z
    }

    /// The class of `seed`'s picture: the one asked for, else the seeds go round all classes.
    #[must_use]
    pub fn class(&self, seed: u64) -> u32 {
        self.class.unwrap_or_else(|| (seed % self.classes.len().max(1) as u64) as u32)
    }

    /// What the picture of `seed` is made of.
    #[must_use]
    pub fn wish(&self, seed: u64) -> Wish {
        Wish { latent: self.latent(seed), class: self.class(seed), seed }
    }

    /// The pictures of `seeds`, in their order.
    #[must_use]
    pub fn pictures(&self, seeds: &[u64]) -> Vec<Picture> {
        self.pictures_of(&seeds.iter().map(|&seed| self.wish(seed)).collect::<Vec<_>>())
    }

    /// The pictures of latent vectors, in their order, all of one class and with the same values dropped.
    #[must_use]
    pub fn pictures_of_latents(&self, latents: &[Vec<f32>]) -> Vec<Picture> {
        let wish = |latent: &Vec<f32>| Wish { latent: latent.clone(), class: self.class(0), seed: 0 };
        self.pictures_of(&latents.iter().map(wish).collect::<Vec<_>>())
    }

    /// The pictures asked for, in their order.
    #[must_use]
    pub fn pictures_of(&self, wishes: &[Wish]) -> Vec<Picture> {
        on_workers(|| wishes.chunks(BATCH).flat_map(|chunk| self.batch(chunk)).collect())
    }

    /// The values of the pictures asked for, of which there is at least one: [N, H, W, C] in [0, 1] one after the other, and [H, W, C].
    #[must_use]
    pub fn values_of(&self, wishes: &[Wish]) -> (Vec<f32>, [usize; 3]) {
        on_workers(|| {
            let mut batches = wishes.chunks(BATCH).map(|chunk| self.values(chunk));
            let (mut values, extent) = batches.next().unwrap_or_default();
            batches.for_each(|(more, _)| values.extend(more));
            (values, extent)
        })
    }

    fn batch(&self, wishes: &[Wish]) -> Vec<Picture> {
        let (values, [height, width, channels]) = self.values(wishes);
        let pictures = values.chunks((channels * height * width).max(1));
        pictures
            .map(|picture| Picture {
                width: width as u32,
                height: height as u32,
                channels: channels as u32,
                pixels: picture.iter().map(|v| (v.clamp(0.0, 1.0) * 255.0 + 0.5) as u8).collect(),
            })
            .collect()
    }

    /// One batch, of at most [`BATCH`] wishes: [N, H, W, C], and [H, W, C].
    fn values(&self, wishes: &[Wish]) -> (Vec<f32>, [usize; 3]) {
        let length = self.generator.config().latent;
        let filled = || wishes.iter().chain(std::iter::repeat_n(&wishes[0], BATCH - wishes.len()));
        let z: Vec<f32> = filled().flat_map(|w| w.latent.iter().copied()).collect();
        let z = Tensor::from_data(TensorData::new(z, [BATCH, length]), &self.device);
        let indices: Vec<u32> = filled().map(|w| w.class).collect();
        let classes = (!self.classes.is_empty()).then(|| Classes::new(&indices, &self.device));
        let mut masks = match self.generator.drops_when_sampling() {
            false => Masks::None,
            true => Masks::Picture(filled().map(|w| rng::stream(w.seed, "sampling dropout", 0)).collect()),
        };
        let mut pass = Pass { mode: Mode::Infer, classes: classes.as_ref(), masks: &mut masks };
        let x = self.range.to_unit(self.generator.clone().forward(z, &mut pass)); // [BATCH, C, H, W] in [0, 1]
        let [_, channels, height, width] = x.dims();
        let asked = wishes.len() * channels * height * width;
        (x.permute([0, 2, 3, 1]).into_data().iter::<f32>().take(asked).collect(), [height, width, channels])
    }
}
