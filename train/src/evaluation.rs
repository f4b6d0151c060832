//! KID while training: the averaged generator's pictures against those of a split, whose features are computed once.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use burn::tensor::Device;
use shared::dataset::Dataset;
use shared::metrics::cache::FeatureCache;
use shared::metrics::extract::{DEFAULT_BATCH, Extractor};
use shared::metrics::features::Features;
use shared::metrics::inception::{Inception, Tap};
use shared::metrics::protocol::{KidSettings, Protocol};
use shared::metrics::source::{InMemory, Selection, SplitPictures};
use shared::nn::config::EvaluationConfig;
use shared::nn::ops::Precision;
use shared::nn::sampler::Sampler;
use shared::rng;

/// Features of the split, and the network that takes them.
#[derive(Debug)]
pub struct Evaluator {
    inception: Inception,
    real: Features,
}

const PROTOCOL: Protocol = Protocol::TorchFidelity;

impl Evaluator {
    /// Reads `weights` and takes the features of `config.pictures` pictures of the split, the same ones in every run.
    ///
    /// # Errors
    /// When the weights or the split cannot be read.
    pub fn new(dataset: &Arc<Dataset>, config: &EvaluationConfig, weights: &Path, device: &Device) -> Result<Self> {
        let inception = Inception::load(weights, device).context("the features for KID cannot be computed")?;
        let split = SplitPictures::new(Arc::clone(dataset), &config.split)?;
        let count = dataset.split(&config.split)?.len();
        let order = rng::stream(0, "evaluation pictures", 0).permutation(count);
        let chosen = order.into_iter().take(config.pictures).map(|i| i as usize).collect();
        let extractor = Extractor { inception: &inception, resize: PROTOCOL.resize(), batch: DEFAULT_BATCH };
        let of_real = || extractor.features(&Selection::new(&split, chosen), &[Tap::Pool2048], &FeatureCache::standard());
        let real = Precision::F32.during(of_real)?;
        let real = real.into_iter().next().context("no features came back")?;
        Ok(Self { inception, real })
    }

    /// What decides whether a KID may be compared with another: protocol, weights, pictures of each side.
    #[must_use]
    pub fn conventions(&self) -> serde_json::Value {
        serde_json::json!({
            "protocol": PROTOCOL.name(), "weights_sha256": self.inception.weights().sha256(), "pictures": self.real.count(),
        })
    }

    /// The unbiased KID of as many samples (seeds 0, 1, …) as there are real pictures, all of them in one estimate.
    ///
    /// # Errors
    /// When there are fewer than two pictures or a feature is not finite.
    pub fn kid(&self, sampler: &Sampler) -> Result<f64> {
        // As `evaluate` would compute it, whatever the run trains in.
        Precision::F32.during(|| self.kid_now(sampler))
    }

    fn kid_now(&self, sampler: &Sampler) -> Result<f64> {
        let started = Instant::now();
        let count = self.real.count();
        let seeds: Vec<u64> = (0..count as u64).collect();
        let pictures = sampler.pictures(&seeds).into_iter().map(Into::into).collect();
        let source = InMemory { origin: "samples".into(), pictures };
        let extractor = Extractor { inception: &self.inception, resize: PROTOCOL.resize(), batch: DEFAULT_BATCH };
        let fake = extractor.features(&source, &[Tap::Pool2048], &FeatureCache::off())?;
        let fake = fake.first().context("no features came back")?;
        let whole = KidSettings { subsets: Some(1), subset_size: Some(count), seed: 0 };
        let kid = PROTOCOL.kid(fake, &self.real, whole)?;
        tracing::info!("KID {:.5} from {count} pictures of each side in {:.0} s", kid.mean, started.elapsed().as_secs_f64());
        Ok(kid.mean)
    }
}
