//! What a path given to `--real` or `--fake` is, and its pictures.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use burn::tensor::Device;
use rayon::prelude::*;
use shared::archive::Archive;
use shared::cli::{DataError, one_line};
use shared::dataset::{self, Dataset};
use shared::metrics::resize::RgbPicture;
use shared::metrics::source::{PictureSource, SourceError, SplitPictures};
use shared::nn::run::{Run, Which};
use shared::nn::sampler::Sampler;
use shared::picture::{Limits, Picture};

/// What lies at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A folder that `prep build` wrote.
    Dataset,
    /// A folder that `train` writes.
    Run,
    /// A folder, zip or tar file of pictures.
    Pictures,
}

/// The most bytes of one picture's file.
const FILE_LIMIT: u64 = 256 << 20;

impl Kind {
    /// Looks at the marks that the stages leave in their folders.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        if path.join(dataset::MANIFEST).is_file() {
            Self::Dataset
        } else if Run::is_run(path) {
            Self::Run
        } else {
            Self::Pictures
        }
    }
}

/// What of a path's pictures is wanted.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// The part of a data set.
    pub split: &'a str,
    /// How many a run generates.
    pub generated: usize,
    /// The checkpoint of a run.
    pub checkpoint: Which,
    /// Where a run's generator computes.
    pub device: &'a Device,
}

/// The pictures at `path`, and the training step that made them where it is known.
///
/// # Errors
/// When there are none, or they cannot be listed.
pub fn open(path: &Path, wanted: &Wanted<'_>) -> Result<(Box<dyn PictureSource>, Option<u64>)> {
    if Kind::of(path) == Kind::Run {
        let run = RunPictures::open(path, wanted)?;
        let step = run.step;
        return Ok((Box::new(run), Some(step)));
    }
    let source: Box<dyn PictureSource> = match Kind::of(path) {
        Kind::Dataset => Box::new(SplitPictures::new(Arc::new(Dataset::open(path)?), wanted.split)?),
        Kind::Run | Kind::Pictures => Box::new(ArchivePictures::open(path)?),
    };
    if source.is_empty() {
        return Err(DataError(format!("{} holds no pictures (PNG, JPEG, WebP, BMP or GIF)", source.origin())).into());
    }
    Ok((source, None))
}

/// What a run's averaged generator makes of the seeds 0, 1, …: the pictures that `sample images` writes.
struct RunPictures {
    path: PathBuf,
    sampler: Sampler,
    step: u64,
    count: usize,
}

impl RunPictures {
    fn open(path: &Path, wanted: &Wanted<'_>) -> Result<Self> {
        let (sampler, meta) = Sampler::open(path, wanted.checkpoint, wanted.device)?;
        Ok(Self { path: path.to_owned(), sampler, step: meta.step, count: wanted.generated })
    }
}

impl PictureSource for RunPictures {
    fn origin(&self) -> String {
        format!("{} (step {})", self.path.display(), self.step)
    }

    fn len(&self) -> usize {
        self.count
    }

    fn identity(&self) -> Result<Option<String>, SourceError> {
        // Hashing would generate every picture twice.
        Ok(None)
    }

    fn read(&self, indices: &[usize]) -> Result<Vec<RgbPicture>, SourceError> {
        let seeds: Vec<u64> = indices.iter().map(|&i| i as u64).collect();
        Ok(self.sampler.pictures(&seeds).into_iter().map(Into::into).collect())
    }
}

/// The picture files in a folder and below it, or in a zip or tar file, in the order of their names. Grey is repeated,
/// transparency laid over white.
struct ArchivePictures {
    archive: Archive,
    entries: Vec<usize>,
}

impl ArchivePictures {
    fn open(path: &Path) -> Result<Self> {
        let archive = Archive::open(path)?;
        let entries = archive.pictures().collect();
        Ok(Self { archive, entries })
    }

    fn decode(&self, entry: usize) -> Result<RgbPicture, SourceError> {
        let failed = |cause| SourceError { origin: self.origin(), cause };
        let bytes = self.archive.read(entry, FILE_LIMIT).map_err(|e| failed(Box::new(e)))?;
        let picture = Picture::decode(&bytes, &Limits::default())
            .map_err(|e| failed(Box::new(DataError(format!("{}: {}", self.archive.names()[entry], one_line(&e))))))?;
        Ok(picture.into())
    }
}

impl PictureSource for ArchivePictures {
    fn origin(&self) -> String {
        self.archive.path().display().to_string()
    }

    fn len(&self) -> usize {
        self.entries.len()
    }

    fn read(&self, indices: &[usize]) -> Result<Vec<RgbPicture>, SourceError> {
        indices.par_iter().map(|&i| self.decode(self.entries[i])).collect()
    }
}
