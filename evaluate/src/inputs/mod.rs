//! The content of a path given to `--real` or `--fake`.
//!
//! | module | holds |
//! |---|---|
//! | [`archive`] | the pictures of a folder, zip or tar file, with their classes |
//! | `account` | warnings of files that are skipped here or that a protocol's library would skip |
//! | [`run`] | the pictures of a run's generator |
//! | [`translations`] | the pictures that a run translates |
//! | `wanted` | a selection of the pictures at a path |
//! | [`matched`] | translations and their targets, picture by picture |
//! | [`npz`] | files of statistics and features |
//!
//! Differences from the Python libraries that may change a number:
//!
//! | | here | torch-fidelity | pytorch-fid | clean-fid |
//! |---|---|---|---|---|
//! | subfolders | always | with `samples_find_deep` | never | always |
//! | formats | PNG, JPEG, WebP, BMP, GIF, TIFF, PNM, npz, npy | png, jpg, jpeg | those, WebP, BMP, PGM, PPM, TIFF | those, npy |
//! | order | bytes of the name below the folder | `sorted` of real paths | `sorted` of paths | `sorted` of paths |
//! | alpha | dropped | dropped (`convert("RGB")`) | dropped | dropped |
//! | EXIF orientation | applied | not applied | not applied | not applied |
//! | 16-bit PNG | rounded to 8 bits | as Pillow | as Pillow | as Pillow |
//!
//! Bytes of UTF-8 sort as Python sorts text, so the order is torch-fidelity's, subfolders included,
//! unless there are links. The order determines the pictures of a KID subset; FID does not depend
//! on it.

mod account;
pub mod archive;
pub mod matched;
pub mod npz;
pub mod run;
pub mod translations;
mod wanted;

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use shared::cli::{DataError, UsageError};
use shared::dataset::{self, Dataset};
use shared::metrics::halves::Halves;
use shared::metrics::source::{PictureSource, SplitPictures};
use shared::nn::run::Run;

use self::translations::{Translated, Translations};

pub use archive::ArchivePictures;
pub use run::RunPictures;
pub use wanted::{Pairs, Wanted};

/// The kind of content at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKind {
    /// A folder written by `prep build`.
    Dataset,
    /// A folder written by `train`, or the networks of another program (`network.pkl`).
    Run,
    /// A file of statistics or features ([`npz`]).
    Npz,
    /// A folder, zip or tar file of pictures or arrays of pictures.
    Pictures,
}

impl InputKind {
    /// Recognises the files that each stage writes into its folder.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        if path.join(dataset::MANIFEST).is_file() {
            Self::Dataset
        } else if Run::is_run(path) || holds_networks(path) {
            Self::Run
        } else if npz::is_npz(path) && !path.is_dir() && !npz::holds_pictures(path) {
            Self::Npz
        } else {
            Self::Pictures
        }
    }
}

/// Returns true for files with the names of networks that other programs wrote.
fn holds_networks(path: &Path) -> bool {
    let suffix = path.extension().and_then(|suffix| suffix.to_str());
    path.is_file() && matches!(suffix, Some("pkl" | "pt"))
}

/// The pictures at `path`, and their training step if known.
///
/// # Errors
/// When there are none, they cannot be listed, or the file holds statistics or features.
pub fn open(path: &Path, wanted: &Wanted<'_>) -> Result<(Box<dyn PictureSource>, Option<u64>)> {
    let source: Box<dyn PictureSource> = match InputKind::of(path) {
        InputKind::Run if let Some(pairs) = wanted.pairs => {
            let translations = Translations::open(&Translated {
                real: pairs.path,
                fake: path,
                split: wanted.split,
                direction: Some(pairs.direction),
                checkpoint: wanted.checkpoint,
                device: wanted.device,
            })?;
            let step = translations.step;
            return Ok((Box::new(translations), Some(step)));
        }
        InputKind::Run => {
            let run = RunPictures::open(path, wanted)?;
            let step = run.step();
            return Ok((Box::new(run), Some(step)));
        }
        InputKind::Npz => {
            let text = format!(
                "{}: a .npz file holds statistics or features; pictures are needed here",
                path.display()
            );
            return Err(UsageError(text).into());
        }
        InputKind::Dataset => {
            let dataset = Arc::new(Dataset::open(path)?);
            if let (true, Some(pairs)) = (dataset.manifest().paired, wanted.pairs) {
                let targets = Halves::new(dataset, wanted.split, pairs.direction.target())?;
                return Ok((Box::new(targets), None));
            }
            if dataset.manifest().paired {
                return Err(UsageError(format!(
                    "{}: its records are pairs of pictures; `evaluate pairs` measures them, `prep build --side b` makes a data set of one side",
                    path.display()
                ))
                .into());
            }
            Box::new(SplitPictures::new(dataset, wanted.split)?)
        }
        InputKind::Pictures => {
            let pictures = ArchivePictures::open(path)?;
            pictures.account(wanted.protocols)?;
            Box::new(pictures)
        }
    };
    if source.is_empty() {
        let read = "PNG, JPEG, WebP, BMP, GIF, TIFF, PNM, or byte arrays of shape [count, height, width, 3]";
        return Err(DataError(format!("{} contains no pictures ({read})", source.origin())).into());
    }
    Ok((source, None))
}
