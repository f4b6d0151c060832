//! Pictures from a generator, by seed. The picture of a seed is the same whatever is generated beside it: latents come from
//! a stream of the seed's own, and the generator always works on batches of one size.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};

use super::checkpoint::Meta;
use super::config::RunConfig;
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
        Self { generator, device, range: config.settings.range(), classes: config.data.classes.clone(), class: None }
    }

    /// The averaged (EMA) generator of a run's checkpoint.
    ///
    /// # Errors
    /// When there is no such checkpoint or it is damaged.
    pub fn open(run: &Path, which: Which, device: &Device) -> Result<(Self, Meta), RunError> {
        let opened = Run::open(run)?;
        let checkpoint = opened.checkpoint(which)?;
        let mut generator = checkpoint.meta.config.generator(device);
        if let Err(error) = checkpoint.load("ema", &mut generator) {
            // Whoever trains the run may have removed it for a newer one.
            let gone = !matches!(which, Which::Step(_)) && !opened.checkpoint_folder(checkpoint.meta.step).exists();
            return if gone { Self::open(run, which, device) } else { Err(error.into()) };
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

    /// Names of the classes that the generator is told; none where it is told none.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The latent vector of `seed`.
    #[must_use]
    pub fn latent(&self, seed: u64) -> Vec<f32> {
        latent::draw(self.generator.config(), 1, &mut rng::stream(seed, "latent", 0))
    }

    /// The class of `seed`'s picture: the one asked for, else the seeds go round all classes.
    #[must_use]
    pub fn class(&self, seed: u64) -> u32 {
        self.class.unwrap_or_else(|| (seed % self.classes.len().max(1) as u64) as u32)
    }

    /// The pictures of `seeds`, in their order.
    #[must_use]
    pub fn pictures(&self, seeds: &[u64]) -> Vec<Picture> {
        let wish = |&seed: &u64| Wish { latent: self.latent(seed), class: self.class(seed), seed };
        self.pictures_of(&seeds.iter().map(wish).collect::<Vec<_>>())
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

    fn batch(&self, wishes: &[Wish]) -> Vec<Picture> {
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
        let values: Vec<f32> = x.permute([0, 2, 3, 1]).into_data().iter::<f32>().collect();
        values
            .chunks(channels * height * width)
            .take(wishes.len())
            .map(|picture| Picture {
                width: width as u32,
                height: height as u32,
                channels: channels as u32,
                pixels: picture.iter().map(|v| (v.clamp(0.0, 1.0) * 255.0 + 0.5) as u8).collect(),
            })
            .collect()
    }
}
