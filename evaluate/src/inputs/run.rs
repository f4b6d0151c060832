//! Pictures of a run's averaged generator.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use shared::metrics::resize::RgbPicture;
use shared::metrics::source::{Labels, PictureSource, SourceError};
use shared::nn::device::arithmetic;
use shared::nn::sampler::{NoiseMode, Sampler, Weights};

use super::wanted::Wanted;

/// A checkpoint's file of the averaged generator.
pub const AVERAGED_GENERATOR: &str = "ema.safetensors";

/// The pictures of the seeds 0, 1, …, the same as those of `sample images`. Weights, settings and
/// arithmetic identify them, so that their features are cached and an interrupted extraction
/// resumes.
#[derive(Clone, Debug)]
pub struct RunPictures {
    path: PathBuf,
    sampler: Sampler,
    step: u64,
    count: usize,
    /// Checksum of the generator's file, the run's settings, the arithmetic and the noise.
    maker: String,
}

impl RunPictures {
    /// Opens the checkpoint of `wanted`.
    ///
    /// # Errors
    /// When it does not exist or is damaged.
    pub fn open(path: &Path, wanted: &Wanted<'_>) -> Result<Self> {
        let (mut sampler, meta) = Sampler::open(path, wanted.checkpoint, wanted.device)?;
        sampler.latents()?;
        let noise = match sampler.has_styles() && wanted.protocols.iter().all(|p| p.random_noise) {
            true => NoiseMode::Random,
            false => NoiseMode::Constant,
        };
        if noise == NoiseMode::Random {
            sampler = sampler.with_noise(noise)?;
        }
        let file = format!("{}.safetensors", Weights::Averaged.part(sampler.role()));
        let generator =
            meta.files.get(&file).with_context(|| format!("meta.json does not list {file}"))?;
        let mut maker =
            serde_json::to_string(&(generator, &meta.config, arithmetic(wanted.device)))?;
        if noise == NoiseMode::Random {
            maker.push_str("\0random noise");
        }
        Ok(Self { path: path.to_owned(), sampler, step: meta.step, count: wanted.generated, maker })
    }

    /// The training step of the checkpoint.
    #[must_use]
    pub fn step(&self) -> u64 {
        self.step
    }
}

impl PictureSource for RunPictures {
    fn origin(&self) -> String {
        format!("{} (step {})", self.path.display(), self.step)
    }

    fn len(&self) -> usize {
        self.count
    }

    fn read(&self, indices: &[usize]) -> Result<Vec<RgbPicture>, SourceError> {
        let seeds: Vec<u64> = indices.iter().map(|&i| i as u64).collect();
        Ok(self.sampler.pictures(&seeds).into_iter().map(Into::into).collect())
    }

    fn known_identity(&self) -> Option<String> {
        // Another version may draw or compute differently.
        let mut hash = Sha256::new_with_prefix(concat!(
            "fledge ",
            env!("CARGO_PKG_VERSION"),
            " generated pictures 1\0"
        ));
        hash.update(&self.maker);
        hash.update(format!("\0seeds 0 to {}", self.count));
        Some(format!(
            "generated-{}",
            hash.finalize().iter().map(|b| format!("{b:02x}")).collect::<String>()
        ))
    }

    /// The seed.
    fn name(&self, i: usize) -> String {
        format!("seed {i}")
    }

    fn labels(&self) -> Option<Labels> {
        let names = self.sampler.classes().to_vec();
        let of = (0..self.count as u64).map(|seed| self.sampler.class(seed)).collect();
        (names.len() > 1).then_some(Labels { names, of })
    }
}
