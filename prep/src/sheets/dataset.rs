//! Sheets of the pictures of a data set, and of its rejects.

use std::path::Path;

use shared::dataset::{Dataset, DatasetError, SplitManifest};
use shared::picture::{self, Picture, Window};
use shared::shard::Shard;

use super::cells::{captioned, spread};
use crate::dataset::files::{REJECT_SHARDS, REJECTS};
use crate::dataset::rejects::Reject;

/// Pictures on the preview of a data set …
const PREVIEW_PICTURES: usize = 64;
/// … and per row of it.
const PREVIEW_COLUMNS: usize = 8;
/// Lines of text below a picture that was left out …
const REJECT_LINES: u32 = 5;
/// … and the smallest width of its cell, in pixels.
const REJECT_WIDTH: u32 = 130;
/// White pixels between pictures.
const PADDING: u32 = 2;

/// The preview of a split whose shards lie in `folder`, before there is a manifest.
/// Pictures are shown in `size` pixels; of pictures with room for random crops, the middle.
///
/// # Errors
/// When a shard cannot be read.
pub fn preview(folder: &Path, split: &SplitManifest, size: u32) -> Result<Picture, DatasetError> {
    let mut cells = Vec::new();
    let mut wanted = spread(split.records as usize, PREVIEW_PICTURES).peekable();
    let mut start = 0;
    for summary in &split.shards {
        let shard = Shard::open(folder.join(&summary.name))?;
        let layout = shard.layout();
        while let Some(i) = wanted.next_if(|i| *i < start + shard.len()) {
            let pixels = shard.record(i - start)?.pixels.to_vec();
            let cell = Picture {
                width: layout.width,
                height: layout.height,
                channels: layout.channels,
                pixels,
            };
            let margin = layout.height.saturating_sub(size) / 2;
            let middle = Window { left: margin, top: margin, width: size, height: size };
            cells.push(if layout.width == layout.height { cell.cut(middle) } else { cell });
        }
        start += shard.len();
    }
    Ok(picture::grid(&cells, PREVIEW_COLUMNS, PADDING))
}

/// `count` pictures of a split, spread evenly over it, with class names if `named`.
///
/// # Errors
/// When there is no such split or a record is damaged.
pub fn of_split(
    dataset: &Dataset,
    split: &str,
    count: usize,
    columns: usize,
    named: bool,
) -> Result<Picture, DatasetError> {
    let classes = &dataset.manifest().classes;
    let split = dataset.split(split)?;
    let cell = |i: usize| {
        let picture = split.picture(i)?;
        let class = split.label(i).and_then(|label| classes.get(label as usize));
        Ok(if named && !classes.is_empty() {
            captioned(&picture, class.map_or("-", String::as_str), 2, 0)
        } else {
            picture
        })
    };
    let cells: Result<Vec<_>, DatasetError> = spread(split.len(), count).map(cell).collect();
    Ok(picture::grid(&cells?, columns, PADDING))
}

/// `count` rejects, spread evenly, with the reasons; those that cannot be decoded are grey.
///
/// # Errors
/// When the list or a shard of it cannot be read.
pub fn of_rejects(
    dataset: &Dataset,
    count: usize,
    columns: usize,
) -> Result<Picture, DatasetError> {
    let (dir, manifest) = (dataset.dir(), dataset.manifest());
    let lines = shared::jsonl::read(&dir.join(REJECTS))?;
    let rejects: Vec<Reject> =
        lines.into_iter().filter_map(|line| serde_json::from_value(line).ok()).collect();
    let shards = manifest
        .files
        .iter()
        .filter(|file| file.name.starts_with(REJECT_SHARDS) && file.records.is_some());
    let shards =
        shards.map(|file| Shard::open(dir.join(&file.name))).collect::<Result<Vec<_>, _>>()?;
    let layout = manifest.layout();
    let mut cells = Vec::new();
    for reject in spread(rejects.len(), count).map(|i| &rejects[i]) {
        let mut picture = Picture::filled(layout.width, layout.height, layout.channels, 128);
        if let Some(mut number) = reject.picture {
            for shard in &shards {
                if number < shard.len() as u64 {
                    picture.pixels = shard.record(number as usize)?.pixels.to_vec();
                    break;
                }
                number -= shard.len() as u64;
            }
        }
        let text = format!("{}\n{}\n{}", reject.reason, reject.value, reject.file);
        cells.push(captioned(&picture, &text, REJECT_LINES, REJECT_WIDTH));
    }
    Ok(picture::grid(&cells, columns, PADDING))
}
