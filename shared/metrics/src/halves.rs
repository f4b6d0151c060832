//! One picture of each pair of a data set, as a source of pictures.

use std::sync::Arc;

use fledge_data::dataset::{Dataset, DatasetError};
use fledge_pictures::{Picture, Window};

use crate::resize::RgbPicture;
use crate::source::{PictureSource, SourceError};

/// One picture of each pair of a split.
#[derive(Clone, Debug)]
pub struct Halves {
    dataset: Arc<Dataset>,
    split: String,
    half: usize,
    count: usize,
    whole: bool,
}

impl Halves {
    /// The pictures of `half`, 0 for A and 1 for B, of the split called `split`: the middle of those
    /// that have room for random crops.
    ///
    /// # Errors
    /// If the data set has no such split.
    pub fn new(dataset: Arc<Dataset>, split: &str, half: usize) -> Result<Self, DatasetError> {
        let count = dataset.split(split)?.len();
        Ok(Self { dataset, split: split.to_owned(), half, count, whole: false })
    }

    /// All that is stored of each picture, with its room for crops.
    #[must_use]
    pub fn whole(self) -> Self {
        Self { whole: true, ..self }
    }

    /// Picture `i` with the channels that are stored.
    ///
    /// # Errors
    /// If its record is damaged.
    pub fn picture(&self, i: usize) -> Result<Picture, DatasetError> {
        let split = self.dataset.split(&self.split)?;
        if !self.whole {
            return Ok(split.pair(i)?[self.half].clone());
        }
        let (side, channels) = (split.stored(), self.dataset.manifest().channels);
        let pixels = split.pixels(i)?.to_vec();
        let both = Picture { width: 2 * side, height: side, channels, pixels };
        let left = side * self.half as u32;
        Ok(both.cut(Window { left, top: 0, width: side, height: side }))
    }
}

impl PictureSource for Halves {
    fn origin(&self) -> String {
        let half = ["A", "B"][self.half];
        format!("{} ({}, {half})", self.dataset.dir().display(), self.split)
    }

    fn len(&self) -> usize {
        self.count
    }

    fn read(&self, indices: &[usize]) -> Result<Vec<RgbPicture>, SourceError> {
        let failed =
            |cause: DatasetError| SourceError { origin: self.origin(), cause: Box::new(cause) };
        indices.iter().map(|&i| Ok(self.picture(i).map_err(failed)?.into())).collect()
    }

    fn name(&self, i: usize) -> String {
        numbered(&self.dataset, &self.split, i)
    }
}

/// The name of a picture of a data set, as `sample translate` and `prep export` write it: its number
/// in the source. A damaged record has none; reading it says so.
#[must_use]
pub fn numbered(dataset: &Dataset, split: &str, i: usize) -> String {
    let record = dataset.split(split).and_then(|split| Ok(split.record(i)?.source));
    record.map_or_else(|_| format!("#{i}"), |source| format!("{:06}", source & u64::from(u32::MAX)))
}
