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

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use burn::tensor::{Device, Tensor, TensorData};
use fledge_base::cli::UsageError;
use fledge_base::mt19937::RandomState;
use fledge_base::rng;
use fledge_kernels::{Precision, on_workers};
use fledge_models::config::{Distribution, RunConfig};
use fledge_models::graph::{Graph, GraphOptions, Part};
use fledge_models::latent::{self, Latents};
use fledge_models::layers::{Classes, Masks, Mode, Noise, Pass};
use fledge_models::networks::{Generator, Input, Sources, Takes};
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
    sources: Option<Sources>,
    device: Device,
    range: Range,
    classes: Vec<String>,
    class: Option<u32>,
    /// Bound of latent values; `None` = as trained, or the generator has styles.
    threshold: Option<f64>,
    /// Distance of w from its average, as a share of the trained one.
    psi: f64,
    /// Number of first layers that `psi` applies to; `None` = all.
    cutoff: Option<usize>,
    noise: NoiseMode,
    precision: Precision,
    /// Whether a seed means what it means in NVIDIA's `generate.py`.
    numpy_seeds: bool,
}

/// The noise of a style-based generator when sampling, in the words of stylegan2-ada-pytorch's
/// `generate.py`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoiseMode {
    /// The layers' own noise, the same in all pictures.
    #[default]
    Constant,
    /// Drawn for each picture, from a stream of its seed.
    Random,
    /// No noise.
    Off,
}

impl NoiseMode {
    /// The word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Constant => "const",
            Self::Random => "random",
            Self::Off => "none",
        }
    }
}

impl FromStr for NoiseMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = [Self::Constant, Self::Random, Self::Off];
        let found = known.into_iter().find(|mode| mode.name() == text);
        found.ok_or_else(|| "expected const, random or none".into())
    }
}

impl fmt::Display for NoiseMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<NoiseMode> for Noise {
    fn from(mode: NoiseMode) -> Self {
        match mode {
            NoiseMode::Constant => Self::Constant,
            NoiseMode::Random => Self::Random,
            NoiseMode::Off => Self::Off,
        }
    }
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
    /// Seed of dropout, for generators that drop values when sampling, and of random noise.
    pub seed: u64,
}

/// How layers that act differently in training and in inference act in a translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// The statistics by which BatchNorm normalises.
    pub statistics: Statistics,
    /// Dropout is on, as in training.
    pub dropout: bool,
}

impl Default for Manner {
    /// That of pix2pix (Isola et al. 2017, arXiv:1611.07004, section 3.3): "we apply dropout at test
    /// time" and "batch normalization using the statistics of the test batch", of one picture.
    fn default() -> Self {
        Self { statistics: Statistics::Own, dropout: true }
    }
}

/// The dropout masks of a translation: the same for the same seed, name and piece.
#[derive(Clone, Copy, Debug)]
pub struct Drawn<'a> {
    /// The seed.
    pub seed: u64,
    /// The name of the picture.
    pub name: &'a str,
    /// The number of the piece of the picture.
    pub piece: u64,
}

/// The statistics by which BatchNorm normalises a picture that is translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistics {
    /// The picture's own, as those of a batch in training.
    Own,
    /// Those that training kept.
    Running,
}

impl FromStr for Statistics {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "batch" => Ok(Self::Own),
            "running" => Ok(Self::Running),
            _ => Err("expected batch or running".into()),
        }
    }
}

/// The inputs that determine one picture of a style-based generator, behind its mapping.
#[derive(Clone, Debug)]
pub struct Styled {
    /// A w for each layer, [layers, styles] in row-major order.
    pub ws: Vec<f32>,
    /// Seed of random noise.
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
            sources: config.settings.generator.sources(config.data.size),
            device,
            range: config.settings.range(),
            classes: config.data.classes.clone(),
            class: None,
            threshold: None,
            psi: 1.0,
            cutoff: None,
            noise: NoiseMode::Constant,
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
        // All values are loaded: drawing first ones takes seconds for a large network.
        let mut network = config.outline(role, device);
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

    /// Applies the truncation trick: pictures become more alike, and most of them better.
    ///
    /// In a generator with styles, `amount` is ψ: w moves to average + ψ·(w − average) (Karras et
    /// al. 2019, arXiv:1812.04948, appendix B). In others it is a threshold: latent values beyond
    /// ±`amount` are redrawn (Brock et al. 2019, arXiv:1809.11096).
    ///
    /// # Errors
    /// If ψ is not finite, the latent distribution is not normal, or the threshold is outside the
    /// range that redrawing can reach.
    pub fn truncated(mut self, amount: f64) -> Result<Self, UsageError> {
        if self.generator.style_shape().is_some() {
            if !amount.is_finite() {
                return Err(UsageError(format!(
                    "--truncation {amount}: expected a number; 0 is the average picture, 1 as trained"
                )));
            }
            self.psi = amount;
            return Ok(self);
        }
        let threshold = amount;
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
        self.threshold = Some(threshold);
        Ok(self)
    }

    /// Limits truncation to the first `layers` layers.
    ///
    /// # Errors
    /// If the generator has no styles, or fewer layers.
    pub fn cut_off(mut self, layers: usize) -> Result<Self, UsageError> {
        let [all, _] = self.style_shape(&format!("--cutoff {layers}"))?;
        if layers > all {
            let text = format!("--cutoff {layers}: this generator has {all} layers");
            return Err(UsageError(text));
        }
        self.cutoff = Some(layers);
        Ok(self)
    }

    /// Adds noise in the way of `mode`.
    ///
    /// # Errors
    /// If the generator has no styles.
    pub fn with_noise(mut self, mode: NoiseMode) -> Result<Self, UsageError> {
        self.style_shape(&format!("--noise {mode}"))?;
        self.noise = mode;
        Ok(self)
    }

    /// Number and length of the w of a picture, [layers, styles].
    ///
    /// # Errors
    /// If the generator has no styles: the text begins with `what`, which needs them.
    pub fn style_shape(&self, what: &str) -> Result<[usize; 2], UsageError> {
        self.generator.style_shape().ok_or_else(|| {
            UsageError(format!(
                "{what}: the generator of this run has no styles and no noise; those of generator.family = stylegan2 have"
            ))
        })
    }

    /// Returns true if the generator has styles.
    #[must_use]
    pub fn has_styles(&self) -> bool {
        self.generator.style_shape().is_some()
    }

    /// The graph of `part` of the generator, with the truncation and noise of this sampler.
    ///
    /// # Errors
    /// If an input of the graph would not determine a picture, or the generator has no such part.
    pub fn graph(&self, part: Part) -> Result<Graph, UsageError> {
        if let Some(threshold) = self.threshold {
            return Err(UsageError(format!(
                "--truncation {threshold}: it redraws latent vectors, which the user of an exported file draws"
            )));
        }
        if self.noise == NoiseMode::Random {
            return Err(UsageError(
                "--noise random: a file of fixed operations draws nothing; use const or none"
                    .into(),
            ));
        }
        self.generator.graph_of(&GraphOptions {
            part,
            psi: self.psi,
            cutoff: self.cutoff,
            noise: self.noise == NoiseMode::Constant,
        })
    }

    /// The bound of latent values that [`Sampler::truncated`] has set.
    #[must_use]
    pub fn threshold(&self) -> Option<f64> {
        self.threshold
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
        if let Some(threshold) = self.threshold {
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
            // Not every generator ends in a bounded activation.
            values.iter_mut().for_each(|value| *value = value.clamp(0.0, 1.0));
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
        let (z, classes) = self.inputs(wishes, length);
        let seeds: Vec<u64> = filled(wishes).map(|w| w.seed).collect();
        self.made(z.into(), classes.as_ref(), &seeds, wishes.len())
    }

    /// The latent vectors of a batch, [BATCH, length], and its classes.
    fn inputs(&self, wishes: &[Wish], length: usize) -> (Tensor<2>, Option<Classes>) {
        let z: Vec<f32> = filled(wishes).flat_map(|w| w.latent.iter().copied()).collect();
        let z = Tensor::<2>::from_data(TensorData::new(z, [BATCH, length]), &self.device);
        let indices: Vec<u32> = filled(wishes).map(|w| w.class).collect();
        let classes = (!self.classes.is_empty()).then(|| Classes::new(&indices, &self.device));
        (z, classes)
    }

    /// The streams of the pictures of `seeds`.
    fn masks(&self, seeds: &[u64]) -> Masks {
        let purpose = match (self.generator.drops_when_sampling(), self.noise) {
            _ if seeds.is_empty() => return Masks::None,
            (true, _) => "sampling dropout",
            (false, NoiseMode::Random) => "sampling noise",
            _ => return Masks::None,
        };
        Masks::Picture(seeds.iter().map(|&seed| rng::stream(seed, purpose, 0)).collect())
    }

    /// The truncated w of latents `z` [B, latent], [B, layers, styles]; `None` without styles.
    fn styles(&self, z: Tensor<2>, pass: &mut Pass<'_>) -> Option<Tensor<3>> {
        let ws = self.generator.styles(z, pass)?;
        Some(self.generator.truncated(ws, self.psi, self.cutoff))
    }

    /// The w of `wishes`, `[styles]` each, before it is truncated and repeated for each layer.
    ///
    /// # Errors
    /// If the generator has no styles: the text begins with `what`, which needs them.
    pub fn mapped(&self, what: &str, wishes: &[Wish]) -> Result<Vec<Vec<f32>>, UsageError> {
        let [_, styles] = self.style_shape(what)?;
        let as_trained = Self { psi: 1.0, ..self.clone() };
        let styled = as_trained.styled(what, wishes)?;
        let first = |mut styled: Styled| {
            styled.ws.truncate(styles);
            styled.ws
        };
        Ok(styled.into_iter().map(first).collect())
    }

    /// The w of each layer of the pictures of `wishes`, truncated.
    ///
    /// # Errors
    /// If the generator has no styles: the text begins with `what`, which needs them.
    pub fn styled(&self, what: &str, wishes: &[Wish]) -> Result<Vec<Styled>, UsageError> {
        let [layers, styles] = self.style_shape(what)?;
        let length = self.latents()?.length;
        let batch = |chunk: &[Wish]| {
            let (z, classes) = self.inputs(chunk, length);
            let mut masks = Masks::None;
            let mut pass = Pass::new(Mode::Infer, classes.as_ref(), &mut masks);
            let ws = self.precision.during(|| self.styles(z, &mut pass));
            let ws: Vec<f32> =
                ws.map(|ws| ws.into_data().iter::<f32>().collect()).unwrap_or_default();
            let each = ws.chunks(layers * styles).zip(chunk);
            each.map(|(ws, wish)| Styled { ws: ws.to_vec(), seed: wish.seed }).collect::<Vec<_>>()
        };
        Ok(on_workers(|| wishes.chunks(BATCH).flat_map(batch).collect()))
    }

    /// The pictures of `wishes` in styles, in order; their w are not truncated again.
    ///
    /// # Panics
    /// If the generator has no styles, or a wish has not one w for each layer.
    #[must_use]
    pub fn pictures_of_styles(&self, wishes: &[Styled]) -> Vec<Picture> {
        let batch = |chunk: &[Styled]| {
            let [layers, styles] = self
                .generator
                .style_shape()
                .unwrap_or_else(|| unreachable!("styles for a generator without them"));
            let ws: Vec<f32> = filled(chunk).flat_map(|w| w.ws.iter().copied()).collect();
            let ws = TensorData::new(ws, [BATCH, layers, styles]);
            let seeds: Vec<u64> = filled(chunk).map(|w| w.seed).collect();
            let ws = Tensor::<3>::from_data(ws, &self.device);
            let (values, extent) = self.made(ws.into(), None, &seeds, chunk.len());
            pictures(&values, extent)
        };
        on_workers(|| wishes.chunks(BATCH).flat_map(batch).collect())
    }

    /// The first `count` pictures that the generator makes of `input`, with the streams of `seeds`:
    /// [N, H, W, C] in [0, 1], and [H, W, C].
    fn made(
        &self,
        input: Input,
        classes: Option<&Classes>,
        seeds: &[u64],
        count: usize,
    ) -> (Vec<f32>, [usize; 3]) {
        let mut masks = self.masks(seeds);
        let mut pass = Pass::new(Mode::Infer, classes, &mut masks);
        pass.noise = self.noise.into();
        self.made_in(input, &mut pass, count)
    }

    /// [`Sampler::made`] in a pass.
    fn made_in(&self, input: Input, pass: &mut Pass<'_>, count: usize) -> (Vec<f32>, [usize; 3]) {
        let made = self.precision.during(|| {
            let styles = match &input {
                Input::Latent(z) => self.styles(z.clone().value(), pass),
                _ => None,
            };
            self.generator.forward(styles.map_or(input, Input::from), pass)
        });
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

    /// Translates `sources`, in order; the dropout of a translation, if there is any, is drawn for its
    /// place. All must have the size and channels that the generator was
    /// trained on.
    ///
    /// # Panics
    /// If the generator takes latent vectors; see [`Sampler::latents`].
    #[must_use]
    pub fn translated(&self, sources: &[Picture]) -> Vec<Picture> {
        let batch = |(i, chunk): (usize, &[Picture])| {
            let Picture { width, height, channels, .. } = chunk[0];
            let seeds: Vec<u64> = (0..chunk.len()).map(|k| (i * BATCH + k) as u64).collect();
            let values: Vec<f32> =
                chunk.iter().flat_map(|p| p.pixels.iter().map(|&v| f32::from(v) / 255.0)).collect();
            let shape = [chunk.len(), height as usize, width as usize, channels as usize];
            let x = Tensor::<4>::from_data(TensorData::new(values, shape), &self.device)
                .permute([0, 3, 1, 2]);
            let (values, extent) =
                self.made(self.range.from_unit(x).into(), None, &seeds, chunk.len());
            pictures(&values, extent)
        };
        on_workers(|| sources.chunks(BATCH).enumerate().flat_map(batch).collect())
    }

    /// What the generator asks of pictures that it translates.
    ///
    /// # Errors
    /// If it takes latent vectors.
    pub fn sources(&self) -> Result<Sources, UsageError> {
        self.sources.ok_or_else(|| {
            UsageError(
                "the generator of this run makes pictures of latent vectors and translates none: `sample grid` shows them"
                    .into(),
            )
        })
    }

    /// Translates `source` by itself, in a batch of one. Gives [H, W, C] in [0, 1].
    ///
    /// # Panics
    /// If the generator takes latent vectors, or the picture's sides are no multiples of what
    /// [`Sampler::sources`] says.
    #[must_use]
    pub fn translation(&self, source: &Picture, manner: Manner, drawn: Drawn<'_>) -> Vec<f32> {
        let Picture { width, height, channels, .. } = *source;
        let values: Vec<f32> = source.pixels.iter().map(|&v| f32::from(v) / 255.0).collect();
        let shape = [1, height as usize, width as usize, channels as usize];
        let mode = match manner.statistics {
            // What the pass moves of the running statistics is dropped.
            Statistics::Own => Mode::Train,
            Statistics::Running => Mode::Infer,
        };
        let purpose = format!("translation dropout {}", drawn.name);
        let stream = || rng::stream(drawn.seed, &purpose, drawn.piece);
        let mut masks = if manner.dropout { Masks::Picture(vec![stream()]) } else { Masks::None };
        on_workers(|| {
            let x = Tensor::<4>::from_data(TensorData::new(values, shape), &self.device)
                .permute([0, 3, 1, 2]); // [1, C, H, W]
            let mut pass = Pass::new(mode, None, &mut masks);
            pass.noise = self.noise.into();
            pass.running = manner.statistics == Statistics::Running;
            self.made_in(self.range.from_unit(x).into(), &mut pass, 1).0
        })
    }
}

/// At least one and at most [`BATCH`] inputs, and the first again until there are as many.
fn filled<T>(chunk: &[T]) -> impl Iterator<Item = &T> {
    chunk.iter().chain(std::iter::repeat_n(&chunk[0], BATCH - chunk.len()))
}

/// Splits values [N, H, W, C] in [0, 1] into N pictures.
#[must_use]
pub fn pictures(values: &[f32], [height, width, channels]: [usize; 3]) -> Vec<Picture> {
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
