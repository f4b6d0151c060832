//! Pictures from a generator, by seed. A seed always gives the same picture, whatever else is
//! generated with it: each seed has its own latent stream, and the generator always works on
//! batches of one size.
//!
//! ```
//! use burn::tensor::Device;
//! use fledge_models::config::{DataConfig, RunConfig, Settings};
//! use fledge_runs::sampler::Sampler;
//!
//! let settings = Settings::resolve("gan-ada", None, &["generator.width=8".into()])?;
//! let config = RunConfig::new("gan-ada", settings, 7, DataConfig::of_extent(32, 3));
//! let device = Device::flex();
//! let sampler = Sampler::new(config.generator(&device), &config, device);
//! let picture = sampler.pictures(&[3]).remove(0);
//! assert_eq!((picture.width, picture.height), (32, 32));
//! # Ok::<(), fledge_base::cli::UsageError>(())
//! ```

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use fledge_base::cli::UsageError;
use fledge_base::mt19937::RandomState;
use fledge_base::rng;
use fledge_kernels::{Precision, on_workers};
use fledge_models::config::{Distribution, RunConfig};
use fledge_models::latent::{self, Latents};
use fledge_models::layers::{Classes, Masks, Mode, Pass};
use fledge_models::networks::{Generator, Input, Takes};
use fledge_models::range::Range;
use fledge_models::task::Role;
use fledge_pictures::Picture;

use crate::checkpoint::Meta;
use crate::run::{RunError, Which, open_checkpoint};

/// Batch size. Shorter requests are padded, because the summation order of a matrix product may
/// depend on the batch size.
const BATCH: usize = 16;

/// A generator ready to make pictures.
#[derive(Clone, Debug)]
pub struct Sampler {
    generator: Generator,
    role: &'static Role,
    takes: Takes,
    device: Device,
    range: Range,
    classes: Vec<String>,
    class: Option<u32>,
    truncation: Option<f64>,
    precision: Precision,
    /// Whether a seed means what it means in NVIDIA's `generate.py`.
    numpy_seeds: bool,
}

/// The generator weights in a checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weights {
    /// The moving average (EMA) of the weights.
    #[default]
    Averaged,
    /// The trained weights, without averaging.
    Trained,
}

impl Weights {
    /// The name, without extension, of a role's file in a checkpoint.
    #[must_use]
    pub fn part(self, role: &Role) -> &'static str {
        match self {
            Self::Averaged => role.average.unwrap_or(role.name),
            Self::Trained => role.name,
        }
    }
}

/// The inputs that determine one picture.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The latent vector.
    pub latent: Vec<f32>,
    /// The class, for class-conditional generators.
    pub class: u32,
    /// Seed of dropout, for generators that drop values when sampling.
    pub seed: u64,
}

impl Sampler {
    /// Creates a sampler from `generator`, a generator of the run that `config` describes, with its
    /// parameters on `device`.
    #[must_use]
    pub fn new(generator: Generator, config: &RunConfig, device: Device) -> Self {
        Self {
            generator,
            role: config.settings.task.shown(),
            takes: config.settings.generator.takes(),
            device,
            range: config.settings.range(),
            classes: config.data.classes.clone(),
            class: None,
            truncation: None,
            // A seed's picture must depend on the device as little as possible.
            precision: Precision::F32,
            numpy_seeds: false,
        }
    }

    /// Computes pictures in `precision` instead of f32.
    #[must_use]
    pub fn computed_in(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// Opens the EMA generator of a run's checkpoint.
    ///
    /// # Errors
    /// If there is no such checkpoint or it is damaged.
    pub fn open(run: &Path, which: Which, device: &Device) -> Result<(Self, Meta), RunError> {
        Self::open_weights(run, which, Weights::Averaged, device)
    }

    /// Opens the task's main generator from a checkpoint, with the given kind of weights.
    ///
    /// # Errors
    /// If there is no such checkpoint or it is damaged.
    pub fn open_weights(
        run: &Path,
        which: Which,
        weights: Weights,
        device: &Device,
    ) -> Result<(Self, Meta), RunError> {
        Self::open_role(run, which, weights, None, device)
    }

    /// Opens the generator of the role `name`, or the task's main generator for `None`.
    ///
    /// # Errors
    /// If there is no such checkpoint, it is damaged, or the role has no generator.
    pub fn open_role(
        run: &Path,
        which: Which,
        weights: Weights,
        name: Option<&str>,
        device: &Device,
    ) -> Result<(Self, Meta), RunError> {
        let checkpoint = open_checkpoint(run, which)?;
        let config = &checkpoint.meta.config;
        let role = match name {
            None => config.settings.task.shown(),
            Some(name) => config.settings.task.generator(name)?,
        };
        let mut network = config.network(role, device);
        if let Err(error) = checkpoint.load(weights.part(role), &mut network) {
            // The process that trains the run may have replaced it with a newer one.
            let gone = !matches!(which, Which::Step(_)) && checkpoint.is_gone();
            return if gone {
                Self::open_role(run, which, weights, name, device)
            } else {
                Err(error.into())
            };
        }
        network.grow(config.settings.schedule.pictures_seen(checkpoint.meta.step));
        let sampler = Self {
            role,
            numpy_seeds: checkpoint.is_foreign(),
            ..Self::new(network.generator().clone(), config, device.clone())
        };
        Ok((sampler, checkpoint.meta))
    }

    /// Restricts all pictures to one class, given by name or by index from 0.
    ///
    /// # Errors
    /// If the generator is unconditional, or there is no such class.
    pub fn of_class(self, name: &str) -> Result<Self, UsageError> {
        if self.classes.is_empty() {
            return Err(UsageError(format!(
                "--class {name}: this run was trained without classes (cond.generator = none)"
            )));
        }
        let index = self
            .classes
            .iter()
            .position(|c| c == name)
            .or_else(|| name.parse().ok().filter(|i| *i < self.classes.len()));
        let index = index.ok_or_else(|| {
            let (last, shown) = (
                self.classes.len() - 1,
                self.classes.iter().take(12).cloned().collect::<Vec<_>>().join(", "),
            );
            UsageError(format!(
                "--class {name}: expected 0 to {last}, or a name: {shown}{}",
                if last > 11 { ", …" } else { "" }
            ))
        })?;
        Ok(self.of_index(index as u32))
    }

    /// Restricts all pictures to the class with this index, which must be less than the number of
    /// classes.
    #[must_use]
    pub fn of_index(mut self, class: u32) -> Self {
        self.class = Some(class);
        self
    }

    /// Applies the truncation trick (Brock et al. 2019, arXiv:1809.11096): latent values beyond
    /// ±`threshold` are redrawn. Pictures become more alike, and most of them better.
    ///
    /// # Errors
    /// If the latent distribution is not normal, or the threshold is outside the range that
    /// redrawing can reach.
    pub fn truncated(mut self, threshold: f64) -> Result<Self, UsageError> {
        let distribution = self.latents()?.distribution;
        let normal = matches!(distribution, Distribution::Normal | Distribution::Truncated);
        if !normal {
            let name = distribution.name();
            return Err(UsageError(format!(
                "--truncation {threshold}: the latents of this run are {name}, not normal"
            )));
        }
        if !(latent::LEAST_THRESHOLD..=latent::MOST_THRESHOLD).contains(&threshold) {
            let (least, most) = (latent::LEAST_THRESHOLD, latent::MOST_THRESHOLD);
            return Err(UsageError(format!(
                "--truncation {threshold}: expected {least} (all alike) to {most} (as trained)"
            )));
        }
        self.truncation = Some(threshold);
        Ok(self)
    }

    /// The generator.
    #[must_use]
    pub fn generator(&self) -> &Generator {
        &self.generator
    }

    /// The generator's role in its run.
    #[must_use]
    pub fn role(&self) -> &'static Role {
        self.role
    }

    /// The latent vectors that the generator takes.
    ///
    /// # Errors
    /// If it takes pictures. Callers that draw by seed check this first.
    pub fn latents(&self) -> Result<Latents, UsageError> {
        self.takes.latents()
    }

    fn drawn(&self) -> Latents {
        self.latents()
            .unwrap_or_else(|error| unreachable!("seeds of a generator without latents: {error}"))
    }

    /// The interval of its pixel values.
    #[must_use]
    pub fn range(&self) -> Range {
        self.range
    }

    /// The device it computes on.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Class names of a class-conditional generator; empty if it is unconditional.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The latent vector of `seed`. For networks of other programs it is that of NVIDIA's
    /// `generate.py`: `numpy.random.RandomState(seed).randn(1, z_dim)`.
    ///
    /// # Panics
    /// If the generator takes no latent vectors; see [`Sampler::latents`].
    #[must_use]
    pub fn latent(&self, seed: u64) -> Vec<f32> {
        let drawn = self.drawn();
        let mut z = if self.numpy_seeds {
            let mut state = RandomState::of_seed(seed);
            (0..drawn.length).map(|_| state.normal() as f32).collect()
        } else {
            latent::draw(&drawn, 1, &mut rng::stream(seed, "latent", 0))
        };
        if let Some(threshold) = self.truncation {
            latent::truncate(&mut z, seed, threshold);
        }
        z
    }

    /// The class of `seed`'s picture: the requested one, else seeds cycle through all classes.
    #[must_use]
    pub fn class(&self, seed: u64) -> u32 {
        self.class.unwrap_or_else(|| (seed % self.classes.len().max(1) as u64) as u32)
    }

    /// The inputs of `seed`'s picture.
    #[must_use]
    pub fn wish(&self, seed: u64) -> Wish {
        Wish { latent: self.latent(seed), class: self.class(seed), seed }
    }

    /// The pictures of `seeds`, in order.
    #[must_use]
    pub fn pictures(&self, seeds: &[u64]) -> Vec<Picture> {
        self.pictures_of(&seeds.iter().map(|&seed| self.wish(seed)).collect::<Vec<_>>())
    }

    /// The pictures of latent vectors, in order, all of one class and with the same dropout mask.
    #[must_use]
    pub fn pictures_of_latents(&self, latents: &[Vec<f32>]) -> Vec<Picture> {
        let wish =
            |latent: &Vec<f32>| Wish { latent: latent.clone(), class: self.class(0), seed: 0 };
        self.pictures_of(&latents.iter().map(wish).collect::<Vec<_>>())
    }

    /// The pictures of `wishes`, in order.
    #[must_use]
    pub fn pictures_of(&self, wishes: &[Wish]) -> Vec<Picture> {
        on_workers(|| wishes.chunks(BATCH).flat_map(|chunk| self.batch(chunk)).collect())
    }

    /// The pixel values of at least one wish, [N, H, W, C] in [0, 1], and their shape [H, W, C].
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
        let (values, extent) = self.values(wishes);
        pictures(&values, extent)
    }

    /// One batch of at most [`BATCH`] wishes: [N, H, W, C], and [H, W, C].
    fn values(&self, wishes: &[Wish]) -> (Vec<f32>, [usize; 3]) {
        let length = self.drawn().length;
        let filled = || wishes.iter().chain(std::iter::repeat_n(&wishes[0], BATCH - wishes.len()));
        let z: Vec<f32> = filled().flat_map(|w| w.latent.iter().copied()).collect();
        let z = Tensor::<2>::from_data(TensorData::new(z, [BATCH, length]), &self.device);
        let indices: Vec<u32> = filled().map(|w| w.class).collect();
        let classes = (!self.classes.is_empty()).then(|| Classes::new(&indices, &self.device));
        let mut masks = match self.generator.drops_when_sampling() {
            false => Masks::None,
            true => Masks::Picture(
                filled().map(|w| rng::stream(w.seed, "sampling dropout", 0)).collect(),
            ),
        };
        self.made(z.into(), classes.as_ref(), &mut masks, wishes.len())
    }

    /// The first `count` pictures that the generator makes of `input`: [N, H, W, C] in [0, 1], and
    /// [H, W, C].
    fn made(
        &self,
        input: Input,
        classes: Option<&Classes>,
        masks: &mut Masks,
        count: usize,
    ) -> (Vec<f32>, [usize; 3]) {
        let made = self
            .precision
            .during(|| self.generator.forward(input, &mut Pass::new(Mode::Infer, classes, masks)));
        let x = self.range.to_unit(made); // [B, C, H, W] in [0, 1]
        let [_, channels, height, width] = x.dims();
        let values = x
            .permute([0, 2, 3, 1])
            .into_data()
            .iter::<f32>()
            .take(count * channels * height * width)
            .collect();
        (values, [height, width, channels])
    }

    /// Translates `sources`, in order. All must have the size and channels that the generator was
    /// trained on.
    ///
    /// # Panics
    /// If the generator takes latent vectors; see [`Sampler::latents`].
    #[must_use]
    pub fn translated(&self, sources: &[Picture]) -> Vec<Picture> {
        let batch = |chunk: &[Picture]| {
            let filled = || chunk.iter().chain(std::iter::repeat_n(&chunk[0], BATCH - chunk.len()));
            let Picture { width, height, channels, .. } = chunk[0];
            let values: Vec<f32> =
                filled().flat_map(|p| p.pixels.iter().map(|&v| f32::from(v) / 255.0)).collect();
            let shape = [BATCH, height as usize, width as usize, channels as usize];
            let x = Tensor::<4>::from_data(TensorData::new(values, shape), &self.device)
                .permute([0, 3, 1, 2]);
            let (values, extent) =
                self.made(self.range.from_unit(x).into(), None, &mut Masks::None, chunk.len());
            pictures(&values, extent)
        };
        on_workers(|| sources.chunks(BATCH).flat_map(batch).collect())
    }
}

/// Splits values [N, H, W, C] in [0, 1] into N pictures.
fn pictures(values: &[f32], [height, width, channels]: [usize; 3]) -> Vec<Picture> {
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
