//! Nearest neighbours of a picture in a split, pixel by pixel: they show whether a generator
//! memorises its training data.
//!
//! Distances are exact sums of squared differences of bytes, over every picture of the split.
//! Distances between features are other modules' business, as is the presentation of the
//! neighbours.
//!
//! ```
//! use fledge_data::dataset::Split;
//! use fledge_metrics::nearest::{NearestError, nearest};
//! use fledge_pictures::Picture;
//!
//! fn distance(picture: &Picture, split: &Split<'_>) -> Result<Option<f64>, NearestError> {
//!     let found = nearest(std::slice::from_ref(picture), split, 1)?;
//!     Ok(found[0].first().map(|neighbour| neighbour.distance))
//! }
//! ```

use rayon::prelude::*;
use thiserror::Error;

use fledge_data::dataset::{DatasetError, Split};
use fledge_pictures::Picture;

/// Bytes compared between two checks of the sum against the limit. Below 2³² / 255², so that their
/// sum fits u32.
const STRIDE: usize = 4096;

/// A picture of the split with its distance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour {
    /// Index in the split.
    pub index: usize,
    /// Root mean squared difference over all bytes, in levels of 0 to 255.
    pub distance: f64,
}

/// An error of finding neighbours.
#[derive(Debug, Error)]
pub enum NearestError {
    /// A picture of the split is damaged.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// Pictures of different extents have no distance.
    #[error(
        "a picture of {found} cannot be compared with those of split {split:?}, which are {expected} (width×height×channels)"
    )]
    Extent {
        /// The split.
        split: String,
        /// Extent of the split's pictures.
        expected: String,
        /// Extent of the picture.
        found: String,
    },
}

/// For each of `pictures` the `k` nearest of the split (all, if it has fewer), nearest first; ties
/// in the split's order. The split's pictures are cropped as by [`Split::central`].
///
/// # Errors
/// If a picture has another extent than those of the split, or a record is damaged.
pub fn nearest(
    pictures: &[Picture],
    split: &Split<'_>,
    k: usize,
) -> Result<Vec<Vec<Neighbour>>, NearestError> {
    if split.is_empty() || k == 0 {
        return Ok(vec![Vec::new(); pictures.len()]);
    }
    let extent = |p: &Picture| format!("{}×{}×{}", p.width, p.height, p.channels);
    let expected = extent(&split.picture(0)?);
    if let Some(found) = pictures.iter().map(extent).find(|found| *found != expected) {
        return Err(NearestError::Extent { split: split.name().to_owned(), expected, found });
    }
    let none = || vec![Nearest::default(); pictures.len()];
    // Each record is read once and compared with all pictures while it is in the CPU cache.
    let found = (0..split.len())
        .into_par_iter()
        .try_fold(none, |mut lists, index| {
            let record = split.central(index)?;
            for (list, picture) in lists.iter_mut().zip(pictures) {
                if let Some(squared) = squared_up_to(&record, &picture.pixels, list.limit(k)) {
                    list.insert(squared, index, k);
                }
            }
            Ok(lists)
        })
        .try_reduce(none, |a, b| Ok(a.into_iter().zip(b).map(|(a, b)| a.merged(b, k)).collect()));
    let found = found.map_err(NearestError::Dataset)?;
    Ok(found
        .into_iter()
        .zip(pictures)
        .map(|(list, picture)| list.neighbours(picture.pixels.len()))
        .collect())
}

/// The nearest so far: sum of squares and index, ascending.
#[derive(Clone, Debug, Default)]
struct Nearest(Vec<(u64, usize)>);

impl Nearest {
    /// Upper bound of the sum for a candidate to be among the `k` nearest.
    fn limit(&self, k: usize) -> u64 {
        if self.0.len() < k {
            u64::MAX
        } else {
            self.0.last().map_or(u64::MAX, |(squared, _)| *squared)
        }
    }

    fn insert(&mut self, squared: u64, index: usize, k: usize) {
        let at = self.0.partition_point(|there| *there < (squared, index));
        self.0.insert(at, (squared, index));
        self.0.truncate(k);
    }

    fn merged(mut self, other: Self, k: usize) -> Self {
        self.0.extend(other.0);
        self.0.sort_unstable();
        self.0.truncate(k);
        self
    }

    fn neighbours(self, bytes: usize) -> Vec<Neighbour> {
        let neighbour = |(squared, index): (u64, usize)| Neighbour {
            index,
            distance: (squared as f64 / bytes as f64).sqrt(),
        };
        self.0.into_iter().map(neighbour).collect()
    }
}

/// The sum of squared differences, or `None` if it exceeds `limit`.
fn squared_up_to(a: &[u8], b: &[u8], limit: u64) -> Option<u64> {
    let square = |(a, b): (&u8, &u8)| u32::from(a.abs_diff(*b)).pow(2);
    let mut sum = 0;
    for (a, b) in a.chunks(STRIDE).zip(b.chunks(STRIDE)) {
        sum += u64::from(a.iter().zip(b).map(square).sum::<u32>());
        if sum > limit {
            return None;
        }
    }
    Some(sum)
}
