//! What a path given to `--real` or `--fake` is, and its pictures.
//!
//! | module | holds |
//! |---|---|
//! | [`archive`] | the pictures of a folder, zip or tar file, with the names of class folders |
//! | [`run`] | what a run's generator makes |
//!
//! What differs from the Python libraries, so that numbers may differ where it matters:
//!
//! | | here | torch-fidelity | pytorch-fid | clean-fid |
//! |---|---|---|---|---|
//! | folders below | always | with `samples_find_deep` | never | always |
//! | kinds | PNG, JPEG, WebP, BMP, GIF, TIFF, PNM, npz, npy | png, jpg, jpeg | those, WebP, BMP, PGM, PPM, TIFF | those, npy |
//! | order | bytes of the name below the folder | `sorted` of real paths | `sorted` of paths | `sorted` of paths |
//! | opacity | left out | left out (`convert("RGB")`) | left out | left out |
//! | EXIF orientation | applied | not applied | not applied | not applied |
//! | 16-bit PNG | rounded to 8 bits | as Pillow | as Pillow | as Pillow |
//!
//! Bytes of UTF-8 sort as Python sorts text, so the order is torch-fidelity's, sub-folders included, unless links lead
//! elsewhere. The order decides which pictures a KID subset holds; FID does not depend on it.

pub mod archive;
pub mod run;

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use burn::tensor::Device;
use shared::cli::{DataError, UsageError};
use shared::dataset::{self, Dataset};
use shared::metrics::source::{PictureSource, SplitPictures};
use shared::nn::run::{Run, Which};

pub use archive::ArchivePictures;
pub use run::RunPictures;

use crate::npz;

/// What lies at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A folder that `prep build` wrote.
    Dataset,
    /// A folder that `train` writes.
    Run,
    /// A file of statistics or features ([`crate::npz`]).
    Npz,
    /// A folder, zip or tar file of pictures, or arrays of them.
    Pictures,
}

impl Kind {
    /// Looks at the marks that the stages leave in their folders.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        if path.join(dataset::MANIFEST).is_file() {
            Self::Dataset
        } else if Run::is_run(path) {
            Self::Run
        } else if npz::is_npz(path) && !path.is_dir() && !npz::holds_pictures(path) {
            Self::Npz
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
/// When there are none, they cannot be listed, or the file holds numbers instead of pictures.
pub fn open(path: &Path, wanted: &Wanted<'_>) -> Result<(Box<dyn PictureSource>, Option<u64>)> {
    let source: Box<dyn PictureSource> = match Kind::of(path) {
        Kind::Run => {
            let run = RunPictures::open(path, wanted)?;
            let step = run.step();
            return Ok((Box::new(run), Some(step)));
        }
        Kind::Npz => {
            let text = format!("{}: a .npz file holds statistics or features; pictures are needed here", path.display());
            return Err(UsageError(text).into());
        }
        Kind::Dataset => Box::new(SplitPictures::new(Arc::new(Dataset::open(path)?), wanted.split)?),
        Kind::Pictures => Box::new(ArchivePictures::open(path)?),
    };
    if source.is_empty() {
        let read = "PNG, JPEG, WebP, BMP, GIF, TIFF, PNM, or arrays of bytes of the shape count, height, width, 3";
        return Err(DataError(format!("{} holds no pictures ({read})", source.origin())).into());
    }
    Ok((source, None))
}
