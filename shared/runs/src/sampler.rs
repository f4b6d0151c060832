//! Pictures from a generator, by seed. The picture of a seed is the same whatever is generated
//! beside it: latents come from a stream of the seed's own, and the generator always works on
//! batches of one size.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use fledge_base::cli::UsageError;
use fledge_base::rng;
use fledge_kernels::on_workers;
use fledge_models::config::{Distribution, RunConfig};
use fledge_models::latent::{self, Latents};
use fledge_models::layers::{Classes, Masks, Mode, Pass};
use fledge_models::networks::{Generator, Input, Takes};
use fledge_models::range::Range;
use fledge_models::task::Role;
use fledge_pictures::Picture;

use crate::checkpoint::Meta;
use crate::run::{Run, RunError, Which};

/// Pictures that are generated together; a shorter request is filled up, because the order in which
/// a matrix product sums may depend on the size of the batch.
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
    /// The name of a role's file in a checkpoint, without ending.
    #[must_use]
    pub fn part(self, role: &Role) -> &'static str {
        match self {
            Self::Averaged => role.average.unwrap_or(role.name),
            Self::Trained => role.name,
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
    /// Pictures from `generator` of the run that `config` describes, whose parameters are on
    /// `device`.
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
        }
    }

    /// The averaged (EMA) generator of a run's checkpoint.
    ///
    /// # Errors
    /// When there is no such checkpoint or it is damaged.
    pub fn open(run: &Path, which: Which, device: &Device) -> Result<(Self, Meta), RunError> {
        Self::open_weights(run, which, Weights::Averaged, device)
    }

    /// The generator that the run's task shows, with one of the two kinds of weights of a
    /// checkpoint.
    ///
    /// # Errors
    /// When there is no such checkpoint or it is damaged.
    pub fn open_weights(
        run: &Path,
        which: Which,
        weights: Weights,
        device: &Device,
    ) -> Result<(Self, Meta), RunError> {
        Self::open_role(run, which, weights, None, device)
    }

    /// The same of the generator of a named role; `None`: of the one that the task shows.
    ///
    /// # Errors
    /// When there is no such checkpoint, it is damaged, or the role has no generator.
    pub fn open_role(
        run: &Path,
        which: Which,
        weights: Weights,
        name: Option<&str>,
        device: &Device,
    ) -> Result<(Self, Meta), RunError> {
        let opened = Run::open(run)?;
        let checkpoint = opened.checkpoint(which)?;
        let config = &checkpoint.meta.config;
        let role = match name {
            None => config.settings.task.shown(),
            Some(name) => config.settings.task.generator(name)?,
        };
        let mut network = config.network(role, device);
        if let Err(error) = checkpoint.load(weights.part(role), &mut network) {
            // The process that trains the run may have removed it for a newer one.
            let gone = !matches!(which, Which::Step(_))
                && !opened.checkpoint_folder(checkpoint.meta.step).exists();
            return if gone {
                Self::open_role(run, which, weights, name, device)
            } else {
                Err(error.into())
            };
        }
        network.grow(config.settings.schedule.pictures_seen(checkpoint.meta.step));
        let sampler =
            Self { role, ..Self::new(network.generator().clone(), config, device.clone()) };
        Ok((sampler, checkpoint.meta))
    }

    /// All pictures of one class, which `name` names or counts from 0.
    ///
    /// # Errors
    /// When the generator is not told classes, or there is no such one.
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

    /// All pictures of the class with this index, which must be below their number.
    #[must_use]
    pub fn of_index(mut self, class: u32) -> Self {
        self.class = Some(class);
        self
    }

    /// Values of a latent vector beyond ±`threshold` are drawn again (Brock et al. 2019,
    /// arXiv:1809.11096, "truncation trick"): pictures become more alike, and most of them better.
    ///
    /// # Errors
    /// When latent vectors are not normal, or the threshold is no number that a drawing reaches.
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

    /// The role that the generator has in its run.
    #[must_use]
    pub fn role(&self) -> &'static Role {
        self.role
    }

    /// The latent vectors that the generator takes.
    ///
    /// # Errors
    /// When it takes pictures: everything that draws by seed asks here first.
    pub fn latents(&self) -> Result<Latents, UsageError> {
        self.takes.latents()
    }

    fn drawn(&self) -> Latents {
        self.latents()
            .unwrap_or_else(|error| unreachable!("seeds of a generator without latents: {error}"))
    }

    /// The interval that its pixels lie in.
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
    ///
    /// # Panics
    /// When the generator takes none; see [`Sampler::latents`].
    #[must_use]
    pub fn latent(&self, seed: u64) -> Vec<f32> {
        let mut z = latent::draw(&self.drawn(), 1, &mut rng::stream(seed, "latent", 0));
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

    /// The pictures of latent vectors, in their order, all of one class and with the same values
    /// dropped.
    #[must_use]
    pub fn pictures_of_latents(&self, latents: &[Vec<f32>]) -> Vec<Picture> {
        let wish =
            |latent: &Vec<f32>| Wish { latent: latent.clone(), class: self.class(0), seed: 0 };
        self.pictures_of(&latents.iter().map(wish).collect::<Vec<_>>())
    }

    /// The pictures asked for, in their order.
    #[must_use]
    pub fn pictures_of(&self, wishes: &[Wish]) -> Vec<Picture> {
        on_workers(|| wishes.chunks(BATCH).flat_map(|chunk| self.batch(chunk)).collect())
    }

    /// The values of the pictures asked for, of which there is at least one: [N, H, W, C] in [0, 1]
    /// one after the other, and [H, W, C].
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

    /// One batch, of at most [`BATCH`] wishes: [N, H, W, C], and [H, W, C].
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
        let made = self.generator.forward(input, &mut Pass::new(Mode::Infer, classes, masks));
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

    /// What a generator that takes pictures makes of `sources`, in their order. All are of the size
    /// and channels that it was trained on.
    ///
    /// # Panics
    /// When it takes latent vectors; see [`Sampler::latents`].
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

/// Values [N, H, W, C] in [0, 1] as N pictures.
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
