//! KID during training: compares pictures of the averaged generator with those of a split, whose
//! features are computed once. A run that translates is measured by its translations of that split.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, ensure};
use burn::tensor::Device;
use shared::cli::UsageError;
use shared::dataset::{Dataset, DatasetError};
use shared::metrics::cache::FeatureCache;
use shared::metrics::extract::{DEFAULT_BATCH, Extractor};
use shared::metrics::features::Features;
use shared::metrics::halves::Halves;
use shared::metrics::inception::{self, Inception};
use shared::metrics::kid::{Subsets, over_subsets};
use shared::metrics::network::FeatureNetwork;
use shared::metrics::resize::{Preprocessing, RgbPicture};
use shared::metrics::source::{InMemory, PictureSource, Selection, SplitPictures};
use shared::metrics::weights::INCEPTION;
use shared::nn::config::{EvaluationConfig, Feed, RunConfig};
use shared::nn::ops;
use shared::nn::sampler::Sampler;
use shared::picture::Picture;
use shared::{process, rng};

use crate::run::options::Options;

/// The reference pictures of a split, and the network that computes features of them and of
/// samples.
#[derive(Debug)]
pub struct Evaluator {
    /// The network's file, which is read for each evaluation and takes no memory in between.
    weights: PathBuf,
    sha256: Option<String>,
    device: Device,
    real: Pictures,
    chosen: Vec<usize>,
    /// The pictures to translate, as many as are compared with, and their number of channels.
    sources: Option<(Pictures, Vec<usize>, u32)>,
    /// Features of the chosen pictures.
    features: OnceLock<Features>,
    /// Name and content of the split.
    split: [String; 2],
}

/// The pictures of a split, or those of one side of its pairs.
#[derive(Debug)]
enum Pictures {
    Whole(SplitPictures),
    Half(Halves),
}

impl Pictures {
    fn source(&self) -> &dyn PictureSource {
        match self {
            Self::Whole(pictures) => pictures,
            Self::Half(pictures) => pictures,
        }
    }
}

/// What an evaluation compares, and the weights of its network.
#[derive(Debug)]
pub struct Material {
    weights: PathBuf,
    real: Pictures,
    sources: Option<(Pictures, u32)>,
    /// Name and content of the split with the real pictures.
    split: [String; 2],
}

impl Material {
    /// Pictures on each side, of at most `most`.
    #[must_use]
    pub fn count(&self, most: usize) -> usize {
        let sources = self.sources.as_ref().map_or(most, |(sources, _)| sources.source().len());
        self.real.source().len().min(sources).min(most)
    }

    /// The network's file.
    #[must_use]
    pub fn weights(&self) -> &Path {
        &self.weights
    }
}

/// Name that `evaluate` uses for the conventions of this KID.
const PROTOCOL: &str = "torch-fidelity";

/// The pictures to compare and the weights; `None` if KID is off or there are no weights.
///
/// # Errors
/// If a data set has no such split.
pub fn material(options: &Options, config: &RunConfig) -> Result<Option<Material>> {
    let evaluation = &config.settings.evaluation;
    if evaluation.every == 0 {
        return Ok(None);
    }
    let feed = config.settings.task.feed();
    if config.settings.generator.takes().latents().is_err() && feed == Feed::Pictures {
        tracing::info!("training without KID: the task has no set of targets to compare with");
        return Ok(None);
    }
    let weights = match &options.weights {
        Some(path) => path.clone(),
        None => match INCEPTION.find() {
            Ok(path) => path,
            Err(why) => {
                tracing::info!("training without KID: {why}");
                return Ok(None);
            }
        },
    };
    let split = &evaluation.split;
    let set = |path: &Path| {
        let dataset = Arc::new(Dataset::open(path)?);
        if let Err(missing) = dataset.split(split) {
            let advice = "build it with --val-fraction, or --set evaluation.every=0";
            let text = format!("{}; {advice}", shared::cli::one_line(&missing));
            return Err(anyhow::Error::new(UsageError(text)));
        }
        Ok(dataset)
    };
    let first = set(&options.data)?;
    let channels = first.manifest().channels;
    let content = |dataset: &Dataset| [split.clone(), dataset.manifest().content(split)];
    let whole = |dataset: &Arc<Dataset>| -> Result<Pictures, DatasetError> {
        Ok(Pictures::Whole(SplitPictures::new(Arc::clone(dataset), split)?))
    };
    let half = |side| -> Result<Pictures, DatasetError> {
        Ok(Pictures::Half(Halves::new(Arc::clone(&first), split, side)?))
    };
    let direction = config.data.direction.unwrap_or_default();
    let (real, sources, of) = match (feed, &options.other) {
        (Feed::Pictures, _) => (whole(&first)?, None, content(&first)),
        (Feed::TwoSets, Some(other)) => {
            let sets = [Arc::clone(&first), set(other)?];
            let [source, target] = [direction.source(), direction.target()].map(|i| &sets[i]);
            (whole(target)?, Some((whole(source)?, channels)), content(target))
        }
        (Feed::Pairs | Feed::TwoSets, _) => {
            let source = half(direction.source())?;
            (half(direction.target())?, Some((source, channels)), content(&first))
        }
    };
    Ok(Some(Material { weights, real, sources, split: of }))
}

/// Pictures per pass through the network: on the CPU, which shares its memory with the steps, the
/// smallest number that is not slower.
#[must_use]
pub fn batch(device: &Device) -> usize {
    if *device == Device::flex() { 4 } else { DEFAULT_BATCH }
}

fn inception_of(weights: &Path, device: &Device) -> Result<Inception> {
    Inception::load(weights, device).context("the features for KID cannot be computed")
}

impl Evaluator {
    /// Reads the weights and chooses `config.pictures` pictures of the split, the same in every run,
    /// and as many sources.
    ///
    /// # Errors
    /// If the weights cannot be read.
    pub fn open(material: Material, config: &EvaluationConfig, device: &Device) -> Result<Self> {
        let sha256 = inception_of(&material.weights, device)?.weights().sha256().map(str::to_owned);
        let count = material.count(config.pictures);
        let choose = |pictures: &Pictures| {
            let order = rng::stream(0, "evaluation pictures", 0);
            let order = { order }.permutation(pictures.source().len());
            order.into_iter().take(count).map(|i| i as usize).collect::<Vec<_>>()
        };
        let Material { weights, real, sources, split } = material;
        let (chosen, device, features) = (choose(&real), device.clone(), OnceLock::new());
        let sources = sources.map(|(sources, channels)| {
            let chosen = choose(&sources);
            (sources, chosen, channels)
        });
        ops::release_memory();
        process::give_back();
        Ok(Self { weights, sha256, device, real, chosen, sources, features, split })
    }

    /// Computes the features of the chosen pictures or loads them from the cache; otherwise the
    /// first [`Evaluator::kid`] does it.
    ///
    /// # Errors
    /// If a picture cannot be read.
    pub fn prepare(&self) -> Result<()> {
        self.with_network(|extractor| self.of_real(extractor).map(drop))
    }

    /// The evaluator of a run; `None` if KID is off or there are no weights.
    ///
    /// # Errors
    /// If the data set has no such split or the weights are unusable.
    pub fn of_run(
        options: &Options,
        config: &RunConfig,
        device: &Device,
    ) -> Result<Option<Arc<Self>>> {
        let Some(material) = material(options, config)? else { return Ok(None) };
        Ok(Some(Arc::new(Self::open(material, &config.settings.evaluation, device)?)))
    }

    /// Runs `work` with the network loaded, and returns its memory to the system afterwards.
    fn with_network<R>(&self, work: impl FnOnce(&Extractor<'_>) -> Result<R>) -> Result<R> {
        let network = inception_of(&self.weights, &self.device)?;
        ensure!(
            network.weights().sha256() == self.sha256.as_deref(),
            "{} has changed since the run was started",
            self.weights.display()
        );
        let extractor = Extractor {
            network: &network,
            preprocessing: Preprocessing::TORCH_FIDELITY,
            batch: batch(&self.device),
        };
        let done = work(&extractor);
        drop(network);
        ops::release_memory();
        process::give_back();
        done
    }

    fn of_real(&self, extractor: &Extractor<'_>) -> Result<&Features> {
        if let Some(features) = self.features.get() {
            return Ok(features);
        }
        let chosen = Selection::new(self.real.source(), self.chosen.clone());
        let features =
            extractor.features(&chosen, &[inception::POOL_2048], &FeatureCache::standard())?;
        let features = features.into_iter().next().context("no features came back")?;
        Ok(self.features.get_or_init(|| features))
    }

    /// The conventions that two comparable KIDs must share: protocol, weights, pictures on each
    /// side, and the choice of real ones.
    #[must_use]
    pub fn conventions(&self) -> serde_json::Value {
        let mut conventions = serde_json::json!({
            "protocol": PROTOCOL, "weights_sha256": self.sha256, "pictures": self.chosen.len(),
            "split": self.split[0], "content": self.split[1],
        });
        if let Some((sources, ..)) = &self.sources {
            let sides = [sources, &self.real].map(|pictures| pictures.source().origin());
            conventions["translated"] = serde_json::json!(sides);
        }
        conventions
    }

    /// The unbiased KID of as many samples (seeds 0, 1, …), or translations, as there are real
    /// pictures, in a single estimate.
    ///
    /// # Errors
    /// If there are fewer than two pictures or a feature is not finite.
    pub fn kid(&self, sampler: &Sampler) -> Result<f64> {
        // As `evaluate` computes it, whatever precision the run trains in.
        self.with_network(|extractor| self.kid_now(sampler, extractor))
    }

    fn kid_now(&self, sampler: &Sampler, extractor: &Extractor<'_>) -> Result<f64> {
        let (real, count) = (self.of_real(extractor)?, self.chosen.len());
        let made = match &self.sources {
            None => sampler.pictures(&(0..count as u64).collect::<Vec<_>>()),
            Some((sources, chosen, channels)) => {
                let read = sources.source().read(chosen)?;
                let read: Vec<Picture> = read.into_iter().map(|p| stored(p, *channels)).collect();
                sampler.translated(&read)
            }
        };
        let pictures = made.into_iter().map(Into::into).collect();
        let source = InMemory { origin: "samples".into(), pictures };
        let fake = extractor.features(&source, &[inception::POOL_2048], &FeatureCache::off())?;
        let fake = fake.first().context("no features came back")?;
        let whole = Subsets { count: 1, size: count, ..Subsets::default() };
        Ok(over_subsets(fake, real, whole)?.mean)
    }
}

/// A picture with as many channels as are stored: 1 or 3.
fn stored(picture: RgbPicture, channels: u32) -> Picture {
    let RgbPicture { width, height, pixels } = picture;
    let pixels = if channels == 1 { pixels.into_iter().step_by(3).collect() } else { pixels };
    Picture { width: width as u32, height: height as u32, channels, pixels }
}
