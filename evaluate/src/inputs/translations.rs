//! The pictures that a run translates.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use burn::tensor::Device;
use sha2::{Digest, Sha256};
use shared::cli::UsageError;
use shared::dataset::{Dataset, DatasetError, MANIFEST};
use shared::direction::Direction;
use shared::metrics::halves::Halves;
use shared::metrics::resize::RgbPicture;
use shared::metrics::source::{PictureSource, SourceError};
use shared::nn::device::arithmetic;
use shared::nn::run::{Run, Which, open_checkpoint};
use shared::nn::sampler::{Drawn, Manner, Sampler, Weights};

/// A run that translates, and what it is to translate.
#[derive(Clone, Copy, Debug)]
pub struct Translated<'a> {
    /// A data set of pairs.
    pub real: &'a Path,
    /// The run.
    pub fake: &'a Path,
    /// The split of the data set.
    pub split: &'a str,
    /// The direction; `None`: the run's own.
    pub direction: Option<Direction>,
    /// The checkpoint.
    pub checkpoint: Which,
    /// The device of the generator.
    pub device: &'a Device,
}

/// The direction in which the run at `path` translates; `None` if it does not, or is no run.
///
/// # Errors
/// When its checkpoint cannot be read.
pub fn direction_of(path: &Path, checkpoint: Which) -> Result<Option<Direction>> {
    if !Run::is_run(path) {
        return Ok(None);
    }
    let config = open_checkpoint(path, checkpoint)?.meta.config;
    let translates = config.settings.generator.sources(config.data.size).is_some();
    Ok(if translates { Some(config.translating(None)?.0) } else { None })
}

/// The sources of pairs, translated as `sample translate` does by default.
pub struct Translations {
    sources: Halves,
    sampler: Sampler,
    channels: u32,
    /// The direction of the translation.
    pub direction: Direction,
    /// The training step of the checkpoint.
    pub step: u64,
    /// Checksum of the generator's file, the run's settings, the arithmetic and the sources.
    maker: String,
}

impl Translations {
    /// Opens the run and its sources.
    ///
    /// # Errors
    /// When the sources are no pairs, or do not fit the generator.
    pub fn open(wanted: &Translated<'_>) -> Result<Self> {
        let Translated { real, fake, checkpoint, direction, device, split } = *wanted;
        let refused = |what: String| UsageError(format!("--fake {}: {what}", fake.display()));
        let paired = |dataset: &Dataset| dataset.manifest().paired;
        let dataset = match real.join(MANIFEST).is_file() {
            true => Some(Dataset::open(real)?).filter(paired),
            false => None,
        };
        let Some(dataset) = dataset else {
            let what = format!(
                "a run needs sources to translate, and --real {} is no data set of pairs; `sample translate` translates a folder",
                real.display()
            );
            return Err(refused(what).into());
        };
        let config = Run::open(fake)?.checkpoint(checkpoint)?.meta.config;
        let (direction, role) = config.translating(direction)?;
        let (sampler, meta) =
            Sampler::open_role(fake, checkpoint, Weights::Averaged, role, device)?;
        let (size, multiple) = (dataset.manifest().size as usize, sampler.sources()?.multiple);
        if size % multiple != 0 {
            let what = format!(
                "it translates pictures whose sides are multiples of {multiple}, those of --real have {size}; `sample translate` pads them"
            );
            return Err(refused(what).into());
        }
        let channels = meta.config.data.channels as u32;
        if dataset.manifest().channels != channels {
            let what = format!(
                "it translates pictures of {channels} channels, those of --real have {}",
                dataset.manifest().channels
            );
            return Err(refused(what).into());
        }
        let file = format!("{}.safetensors", Weights::Averaged.part(sampler.role()));
        let generator =
            meta.files.get(&file).with_context(|| format!("meta.json does not list {file}"))?;
        let content = dataset.manifest().content(split);
        let facts = (generator, &meta.config, arithmetic(device), content, direction);
        let maker = serde_json::to_string(&facts)?;
        let sources = Halves::new(Arc::new(dataset), split, direction.source())?;
        Ok(Self { sources, sampler, channels, direction, step: meta.step, maker })
    }
}

impl PictureSource for Translations {
    fn origin(&self) -> String {
        format!("translations of {}", self.sources.origin())
    }

    fn len(&self) -> usize {
        self.sources.len()
    }

    fn read(&self, indices: &[usize]) -> Result<Vec<RgbPicture>, SourceError> {
        let failed = |cause: DatasetError| SourceError {
            origin: self.sources.origin(),
            cause: Box::new(cause),
        };
        let translated = |&i: &usize| {
            let source = self.sources.picture(i).map_err(failed)?;
            let name = format!("{}.png", self.name(i));
            let drawn = Drawn { seed: 0, name: &name, piece: 0 };
            let values = self.sampler.translation(&source, Manner::default(), drawn);
            let pixels = values.iter().map(|v| (v.clamp(0.0, 1.0) * 255.0 + 0.5) as u8).collect();
            let (width, height) = (source.width as usize, source.height as usize);
            Ok(RgbPicture::from_channels(width, height, self.channels as usize, pixels))
        };
        indices.iter().map(translated).collect()
    }

    fn known_identity(&self) -> Option<String> {
        // Another version may draw or compute differently.
        let mut hash = Sha256::new_with_prefix(concat!(
            "fledge ",
            env!("CARGO_PKG_VERSION"),
            " translated pictures 1\0"
        ));
        hash.update(&self.maker);
        let hex: String = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
        Some(format!("translated-{hex}"))
    }

    fn name(&self, i: usize) -> String {
        self.sources.name(i)
    }
}
