//! The record of a picture, kept until all pictures are known; the chunks of a work folder hold it.

use serde::{Deserialize, Serialize};
use shared::dataset::Manifest;
use shared::shard::Layout;

use crate::dataset::fingerprint::FileHash;
use crate::dataset::rejects::Fault;
use crate::filter::near_duplicates::PerceptualHash;
use crate::source::Split;

/// A prepared picture without its pixels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PictureRecord {
    /// Its place in the plan.
    pub place: u64,
    /// The number of its source.
    pub source: u32,
    /// Its name to show.
    pub shown: String,
    /// Its number in the data set's sources.
    pub number: u64,
    /// Its split, as [`crate::source::Split`] numbers them.
    pub split: Option<u8>,
    /// The listing names it.
    pub listed: bool,
    /// SHA-256 of its file.
    pub content: FileHash,
    /// It has a colour profile, which is not applied.
    pub profile: bool,
    /// Its crops, taken or left out.
    pub crops: Vec<CropRecord>,
}

impl PictureRecord {
    /// The size of its crops in a data set of that manifest: training pictures may be stored in
    /// another than those of the other splits.
    #[must_use]
    pub fn layout(&self, manifest: &Manifest) -> Layout {
        match self.split.and_then(|split| Split::ALL.get(usize::from(split))) {
            Some(split) => manifest.layout_of(split.name()),
            None => manifest.layout(),
        }
    }
}

/// A crop, taken or left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CropRecord {
    /// The object of the picture; `None` where the picture as a whole is left out.
    pub object: Option<u32>,
    /// Its class.
    pub label: Option<u32>,
    /// The hash by which near-duplicates are found; 0 where it is left out.
    pub hash: PerceptualHash,
    /// The reason that it is left out.
    pub fault: Option<Fault>,
    /// There are pixels of it.
    pub pixels: bool,
}
