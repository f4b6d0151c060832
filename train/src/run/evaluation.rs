//! KID during training: compares pictures of the averaged generator with those of a split, whose
//! features are computed once.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, ensure};
use burn::tensor::Device;
use shared::cli::UsageError;
use shared::dataset::Dataset;
use shared::metrics::cache::FeatureCache;
use shared::metrics::extract::{DEFAULT_BATCH, Extractor};
use shared::metrics::features::Features;
use shared::metrics::inception::{self, Inception};
use shared::metrics::kid::{Subsets, over_subsets};
use shared::metrics::network::FeatureNetwork;
use shared::metrics::resize::Preprocessing;
use shared::metrics::source::{InMemory, Selection, SplitPictures};
use shared::metrics::weights::INCEPTION;
use shared::nn::config::{EvaluationConfig, RunConfig};
use shared::nn::ops;
use shared::nn::sampler::Sampler;
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
    real: SplitPictures,
    chosen: Vec<usize>,
    /// Features of the chosen pictures.
    features: OnceLock<Features>,
    /// Name and content of the split.
    split: [String; 2],
}

/// Name that `evaluate` uses for the conventions of this KID.
const PROTOCOL: &str = "torch-fidelity";

/// The data set with the reference split, and the weights; `None` if KID is off or there are no
/// weights.
///
/// # Errors
/// If the data set has no such split.
pub fn material(options: &Options, config: &RunConfig) -> Result<Option<(Arc<Dataset>, PathBuf)>> {
    let evaluation = &config.settings.evaluation;
    if evaluation.every == 0 {
        return Ok(None);
    }
    if config.settings.generator.takes().latents().is_err() {
        tracing::info!(
            "training without KID: it compares pictures generated from seeds, and this task \
             translates pictures"
        );
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
    let dataset = Arc::new(Dataset::open(&options.data)?);
    if let Err(missing) = dataset.split(&evaluation.split) {
        let advice = "build it with --val-fraction, or --set evaluation.every=0";
        return Err(UsageError(format!("{}; {advice}", shared::cli::one_line(&missing))).into());
    }
    Ok(Some((dataset, weights)))
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
    /// Reads `weights` and chooses `config.pictures` pictures of the split, the same in every run.
    ///
    /// # Errors
    /// If the weights or the split cannot be read.
    pub fn open(
        dataset: Arc<Dataset>,
        config: &EvaluationConfig,
        weights: &Path,
        device: &Device,
    ) -> Result<Self> {
        let sha256 = inception_of(weights, device)?.weights().sha256().map(str::to_owned);
        let count = dataset.split(&config.split)?.len();
        let order = rng::stream(0, "evaluation pictures", 0).permutation(count);
        let chosen = order.into_iter().take(config.pictures).map(|i| i as usize).collect();
        let split = [config.split.clone(), dataset.manifest().content(&config.split)];
        let (weights, device) = (weights.to_owned(), device.clone());
        let real = SplitPictures::new(dataset, &config.split)?;
        ops::release_memory();
        process::give_back();
        Ok(Self { weights, sha256, device, real, chosen, features: OnceLock::new(), split })
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
        let Some((dataset, weights)) = material(options, config)? else { return Ok(None) };
        Ok(Some(Arc::new(Self::open(dataset, &config.settings.evaluation, &weights, device)?)))
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
        let chosen = Selection::new(&self.real, self.chosen.clone());
        let features =
            extractor.features(&chosen, &[inception::POOL_2048], &FeatureCache::standard())?;
        let features = features.into_iter().next().context("no features came back")?;
        Ok(self.features.get_or_init(|| features))
    }

    /// The conventions that two comparable KIDs must share: protocol, weights, pictures on each
    /// side, and the choice of real ones.
    #[must_use]
    pub fn conventions(&self) -> serde_json::Value {
        serde_json::json!({
            "protocol": PROTOCOL, "weights_sha256": self.sha256, "pictures": self.chosen.len(),
            "split": self.split[0], "content": self.split[1],
        })
    }

    /// The unbiased KID of as many samples (seeds 0, 1, …) as there are real pictures, in a single
    /// estimate.
    ///
    /// # Errors
    /// If there are fewer than two pictures or a feature is not finite.
    pub fn kid(&self, sampler: &Sampler) -> Result<f64> {
        // As `evaluate` computes it, whatever precision the run trains in.
        self.with_network(|extractor| self.kid_now(sampler, extractor))
    }

    fn kid_now(&self, sampler: &Sampler, extractor: &Extractor<'_>) -> Result<f64> {
        let (real, count) = (self.of_real(extractor)?, self.chosen.len());
        let seeds: Vec<u64> = (0..count as u64).collect();
        let pictures = sampler.pictures(&seeds).into_iter().map(Into::into).collect();
        let source = InMemory { origin: "samples".into(), pictures };
        let fake = extractor.features(&source, &[inception::POOL_2048], &FeatureCache::off())?;
        let fake = fake.first().context("no features came back")?;
        let whole = Subsets { count: 1, size: count, ..Subsets::default() };
        Ok(over_subsets(fake, real, whole)?.mean)
    }
}
