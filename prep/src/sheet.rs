//! Some pictures of a data set on one sheet.

use std::path::Path;

use shared::dataset::{Dataset, DatasetError, SplitManifest};
use shared::picture::{self, Picture};
use shared::shard::{Layout, Shard};

/// Pictures on the preview of a data set.
const PREVIEW_PICTURES: usize = 64;
/// … and how many of them in a row.
const PREVIEW_COLUMNS: usize = 8;
/// White pixels between pictures.
const PADDING: u32 = 2;

/// Numbers of `count` pictures spread evenly over `len`, since neighbours are of one class.
fn spread(len: usize, count: usize) -> impl Iterator<Item = usize> {
    let count = count.min(len);
    (0..count).map(move |k| k * len / count)
}

fn cell(layout: Layout, pixels: &[u8]) -> Picture {
    Picture { width: layout.width, height: layout.height, channels: layout.channels, pixels: pixels.to_vec() }
}

/// The preview of a split whose shards lie in `folder`, before there is a manifest.
///
/// # Errors
/// When a shard cannot be read.
pub fn preview(folder: &Path, split: &SplitManifest) -> Result<Picture, DatasetError> {
    let mut cells = Vec::new();
    let mut wanted = spread(split.records as usize, PREVIEW_PICTURES).peekable();
    let mut start = 0;
    for summary in &split.shards {
        let shard = Shard::open(folder.join(&summary.name))?;
        while let Some(i) = wanted.next_if(|i| *i < start + shard.len()) {
            cells.push(cell(shard.layout(), shard.record(i - start)?.pixels));
        }
        start += shard.len();
    }
    Ok(picture::grid(&cells, PREVIEW_COLUMNS, PADDING))
}

/// `count` pictures of a split, spread evenly over it.
///
/// # Errors
/// When there is no such split or a record is damaged.
pub fn of_split(dataset: &Dataset, split: &str, count: usize, columns: usize) -> Result<Picture, DatasetError> {
    let (manifest, split) = (dataset.manifest(), dataset.split(split)?);
    let layout = Layout { height: manifest.size, width: manifest.size, channels: manifest.channels };
    let cells: Result<Vec<_>, DatasetError> = spread(split.len(), count).map(|i| Ok(cell(layout, split.pixels(i)?))).collect();
    Ok(picture::grid(&cells?, columns, PADDING))
}
