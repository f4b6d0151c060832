//! Sources of pictures, read a few at a time and in any order: a data set, a folder, a run that
//! generates them.
//!
//! ```
//! use fledge_metrics::resize::RgbPicture;
//! use fledge_metrics::source::{InMemory, PictureSource, Selection};
//!
//! let grey = |level| RgbPicture { width: 1, height: 1, pixels: vec![level; 3] };
//! let source = InMemory { origin: "an example".into(), pictures: vec![grey(10), grey(20)] };
//! let last = Selection::new(&source, vec![1]);
//! assert_eq!(last.read(&[0])?[0].pixels, [20; 3]);
//! # Ok::<(), fledge_metrics::source::SourceError>(())
//! ```

use std::error::Error;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use thiserror::Error;

use super::resize::RgbPicture;
use super::state_dict::hex;
use fledge_base::log::Progress;
use fledge_data::dataset::{Dataset, DatasetError};
use fledge_pictures::Picture;

/// Pictures read at once while their content is hashed.
const HASH_BATCH: usize = 256;

/// A picture that a source could not provide.
#[derive(Debug, Error)]
#[error("cannot take pictures from {origin}")]
pub struct SourceError {
    /// The folder, file or run.
    pub origin: String,
    /// Error of its reader.
    #[source]
    pub cause: Box<dyn Error + Send + Sync>,
}

/// A numbered set of pictures. Every implementation returns the same picture for the same index,
/// every time.
pub trait PictureSource: Sync {
    /// The folder, file or run, for messages.
    fn origin(&self) -> String;

    /// Number of pictures.
    fn len(&self) -> usize;

    /// Returns true if there are no pictures.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The pictures of these indices, in this order.
    ///
    /// # Errors
    /// If one cannot be read, decoded or generated.
    fn read(&self, indices: &[usize]) -> Result<Vec<RgbPicture>, SourceError>;

    /// A name for the content that is known without reading a picture, if there is one: pictures
    /// that are expensive to make are named by their inputs.
    fn known_identity(&self) -> Option<String> {
        None
    }

    /// A name for the content: equal names mean equal pictures in equal order. Either the known
    /// one, or the SHA-256 of all pixels; `None` for pictures that are cheaper to extract again
    /// than to look up.
    ///
    /// # Errors
    /// If a picture cannot be read.
    fn identity(&self) -> Result<Option<String>, SourceError> {
        match self.known_identity() {
            Some(known) => Ok(Some(known)),
            None => content_hash(self).map(Some),
        }
    }

    /// The name of picture `i` for people: its number or its file.
    fn name(&self, i: usize) -> String {
        i.to_string()
    }

    /// The class of every picture, if all have one and there are at least two classes.
    fn labels(&self) -> Option<Labels> {
        None
    }
}

/// Class labels of pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// Names of the classes.
    pub names: Vec<String>,
    /// For each picture an index into `names`.
    pub of: Vec<u32>,
}

/// SHA-256 of the extents and pixels of all pictures in their order.
fn content_hash<S: PictureSource + ?Sized>(source: &S) -> Result<String, SourceError> {
    let mut hash = Sha256::new();
    let all: Vec<usize> = (0..source.len()).collect();
    let progress = Progress::new(format!("content of {}", source.origin()), source.len() as u64);
    for indices in all.chunks(HASH_BATCH) {
        for picture in source.read(indices)? {
            hash.update((picture.width as u64).to_le_bytes());
            hash.update((picture.height as u64).to_le_bytes());
            hash.update(&picture.pixels);
        }
        progress.add(indices.len() as u64);
    }
    Ok(hex(&hash.finalize()))
}

/// Grey is replicated to RGB; other extra channels are dropped.
impl From<Picture> for RgbPicture {
    fn from(picture: Picture) -> Self {
        let (width, height) = (picture.width as usize, picture.height as usize);
        Self::from_channels(width, height, picture.channels as usize, picture.pixels)
    }
}

impl RgbPicture {
    /// From rows of 1 (grey), 2 (grey and alpha), 3 (RGB) or 4 (RGBA) channels; grey is replicated,
    /// alpha dropped.
    #[must_use]
    pub fn from_channels(width: usize, height: usize, channels: usize, pixels: Vec<u8>) -> Self {
        let pixels = match channels {
            3 => pixels,
            1 | 2 => pixels.chunks_exact(channels).flat_map(|p| [p[0]; 3]).collect(),
            _ => pixels.chunks_exact(channels.max(3)).flat_map(|p| [p[0], p[1], p[2]]).collect(),
        };
        Self { width, height, pixels }
    }
}

/// Pictures already in memory.
#[derive(Clone, Debug)]
pub struct InMemory {
    /// A description for messages.
    pub origin: String,
    /// The pictures.
    pub pictures: Vec<RgbPicture>,
}

impl PictureSource for InMemory {
    fn origin(&self) -> String {
        self.origin.clone()
    }

    fn len(&self) -> usize {
        self.pictures.len()
    }

    fn read(&self, indices: &[usize]) -> Result<Vec<RgbPicture>, SourceError> {
        Ok(indices.iter().map(|&i| self.pictures[i].clone()).collect())
    }
}

/// One split of a data set.
#[derive(Clone, Debug)]
pub struct SplitPictures {
    dataset: Arc<Dataset>,
    split: String,
    count: usize,
}

impl SplitPictures {
    /// Selects the split called `split`.
    ///
    /// # Errors
    /// If the data set has no such split.
    pub fn new(dataset: Arc<Dataset>, split: &str) -> Result<Self, DatasetError> {
        let count = dataset.split(split)?.len();
        Ok(Self { dataset, split: split.to_owned(), count })
    }
}

impl PictureSource for SplitPictures {
    fn origin(&self) -> String {
        format!("{} ({})", self.dataset.dir().display(), self.split)
    }

    fn len(&self) -> usize {
        self.count
    }

    fn read(&self, indices: &[usize]) -> Result<Vec<RgbPicture>, SourceError> {
        let failed =
            |cause: DatasetError| SourceError { origin: self.origin(), cause: Box::new(cause) };
        let split = self.dataset.split(&self.split).map_err(failed)?;
        indices.iter().map(|&i| Ok(split.picture(i).map_err(failed)?.into())).collect()
    }

    fn labels(&self) -> Option<Labels> {
        let names = self.dataset.manifest().classes.clone();
        let split = self.dataset.split(&self.split).ok().filter(|_| names.len() > 1)?;
        let of: Option<Vec<u32>> = (0..self.count).map(|i| split.label(i)).collect();
        Some(Labels { names, of: of? })
    }
}

/// A subset of another source, in the order given.
pub struct Selection<'a> {
    source: &'a dyn PictureSource,
    indices: Vec<usize>,
}

impl<'a> Selection<'a> {
    /// Selects the pictures at `indices`, all of which are below `source.len()`.
    #[must_use]
    pub fn new(source: &'a dyn PictureSource, indices: Vec<usize>) -> Self {
        Self { source, indices }
    }

    fn is_all(&self) -> bool {
        self.indices.iter().copied().eq(0..self.source.len())
    }
}

impl PictureSource for Selection<'_> {
    fn origin(&self) -> String {
        self.source.origin()
    }

    fn len(&self) -> usize {
        self.indices.len()
    }

    fn read(&self, indices: &[usize]) -> Result<Vec<RgbPicture>, SourceError> {
        let inner: Vec<usize> = indices.iter().map(|&i| self.indices[i]).collect();
        self.source.read(&inner)
    }

    fn identity(&self) -> Result<Option<String>, SourceError> {
        // All of them in their own order: the source may know that caching is not worthwhile.
        if self.is_all() {
            return self.source.identity();
        }
        match self.known_identity() {
            Some(known) => Ok(Some(known)),
            None => content_hash(self).map(Some),
        }
    }

    fn known_identity(&self) -> Option<String> {
        let known = self.source.known_identity()?;
        if self.is_all() {
            return Some(known);
        }
        let mut hash = Sha256::new_with_prefix(known);
        self.indices.iter().for_each(|&i| hash.update((i as u64).to_le_bytes()));
        Some(hex(&hash.finalize()))
    }

    fn name(&self, i: usize) -> String {
        self.source.name(self.indices[i])
    }

    fn labels(&self) -> Option<Labels> {
        let Labels { names, of } = self.source.labels()?;
        Some(Labels { names, of: self.indices.iter().map(|&i| of[i]).collect() })
    }
}
