//! Pictures in rows and columns, with words below, beside and above them.

use shared::cli::UsageError;
use shared::picture::{CAPTION_HEIGHT, Picture, caption_width, grid};

use crate::still::PIXEL_LIMIT;

/// What is written where; nothing where a list is empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Words {
    /// Below each picture.
    pub captions: Vec<String>,
    /// To the left of each row.
    pub rows: Vec<String>,
    /// Above each column.
    pub columns: Vec<String>,
}

/// Where pictures stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Pictures in a row.
    pub columns: usize,
    /// Pixels between pictures and around them.
    pub padding: u32,
}

const INK: [u8; 3] = [30, 30, 30];
/// Pixels between words and what they belong to.
const GAP: u32 = 3;
/// From this width on pictures have letters of twice the size.
const WIDE: u32 = 128;

/// Pixels of a letter's dot beside pictures of this width.
fn dot(width: u32) -> u32 {
    if width >= WIDE { 2 } else { 1 }
}

impl Layout {
    /// Says whether a sheet of `count` cells of `width`×`height` pixels can be held in memory, before any of them is made.
    ///
    /// # Errors
    /// When it cannot; the text names the flags that make it smaller.
    pub fn check(&self, count: usize, [width, height]: [u32; 2]) -> Result<(), UsageError> {
        let side = |extent: u32| u64::from(extent) + u64::from(self.padding);
        match side(width).checked_mul(side(height)).and_then(|cell| cell.checked_mul(count as u64)) {
            Some(pixels) if pixels <= PIXEL_LIMIT => Ok(()),
            _ => Err(UsageError(format!(
                "{count} pictures of {width}×{height} are more than the {PIXEL_LIMIT} pixels allowed; use fewer pictures or a smaller --scale"
            ))),
        }
    }

    /// Width and height of the sheet of so many pictures without words; as large as can be said where it is larger.
    #[must_use]
    pub fn extent(&self, count: usize, [width, height]: [u32; 2]) -> [u64; 2] {
        let columns = self.columns.clamp(1, count.max(1)) as u64;
        let rows = (count as u64).div_ceil(columns);
        let across = |cells: u64, side: u32| {
            cells.saturating_mul(u64::from(side) + u64::from(self.padding)).saturating_add(self.padding.into())
        };
        [across(columns, width), across(rows, height)]
    }

    /// The sheet: white, the cells of the size of the largest picture, and as wide as the longest word at one: a seed that is cut off would
    /// be another seed.
    #[must_use]
    pub fn sheet(&self, pictures: &[Picture], words: &Words) -> Picture {
        if *words == Words::default() {
            return grid(pictures, self.columns, self.padding);
        }
        let largest = |side: fn(&Picture) -> u32| pictures.iter().map(side).max().unwrap_or(1);
        let (width, height) = (largest(|p| p.width), largest(|p| p.height));
        let dot = dot(width);
        let widest = words.captions.iter().chain(&words.columns).map(|text| caption_width(text) * dot).max();
        let width = width.max(widest.unwrap_or(0));
        let line = CAPTION_HEIGHT * dot + GAP;
        let padding = self.padding.max(GAP);
        let left = words.rows.iter().map(|text| caption_width(text) * dot + padding).max().unwrap_or(0);
        let top = if words.columns.is_empty() { 0 } else { line };
        let below = if words.captions.is_empty() { 0 } else { line };
        let columns = self.columns.clamp(1, pictures.len().max(1)) as u32;
        let rows = (pictures.len() as u32).div_ceil(columns);
        let (across, down) = (width + padding, height + below + padding);
        let mut sheet = Picture::filled(left + padding + columns * across, top + padding + rows * down, 3, 255);
        let (x, y) = (|column: u32| left + padding + column * across, |row: u32| top + padding + row * down);
        for (column, text) in (0u32..).zip(&words.columns) {
            sheet.draw_text(text, x(column), padding, dot, INK);
        }
        for (row, text) in (0u32..).zip(&words.rows) {
            let middle = y(row) + height.saturating_sub(CAPTION_HEIGHT * dot) / 2;
            sheet.draw_text(text, padding, middle, dot, INK);
        }
        for (i, picture) in (0u32..).zip(pictures) {
            let (column, row) = (i % columns, i / columns);
            sheet.paste(picture, x(column), y(row));
            if let Some(text) = words.captions.get(i as usize) {
                sheet.draw_text(text, x(column), y(row) + height + GAP, dot, INK);
            }
        }
        sheet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: u8) -> Picture {
        Picture::filled(20, 10, 3, value)
    }

    #[test]
    fn words_cover_no_picture_and_every_picture_is_whole() {
        let pictures: Vec<Picture> = [200, 201, 202, 203, 204].map(of).into();
        let words = Words {
            captions: (0..5).map(|i| format!("a long caption {i}")).collect(),
            rows: vec!["first".into(), "2".into()],
            columns: vec!["one".into(), "two".into(), "three".into()],
        };
        for padding in [0, 2, 9] {
            let sheet = Layout { columns: 3, padding }.sheet(&pictures, &words);
            for value in 200..=204 {
                assert_eq!(
                    sheet.pixels.chunks_exact(3).filter(|p| **p == [value; 3]).count(),
                    200,
                    "{value} at padding {padding}"
                );
            }
            // The words are there: in each of the areas that they have to themselves.
            let dark = |rows: std::ops::Range<u32>, columns: std::ops::Range<u32>| {
                let at = |x: u32, y: u32| sheet.pixels[((y * sheet.width + x) * 3) as usize];
                rows.flat_map(|y| columns.clone().map(move |x| (x, y))).filter(|&(x, y)| at(x, y) == INK[0]).count()
            };
            assert!(dark(0..padding + 12, 40..sheet.width) > 10 && dark(12..sheet.height, 0..30) > 10);
            assert!(dark(sheet.height - 14..sheet.height, 40..sheet.width) > 10);
        }
    }

    #[test]
    fn without_words_it_is_the_plain_grid_and_too_many_pictures_are_refused_before_they_are_made() {
        let layout = Layout { columns: 2, padding: 1 };
        let pictures: Vec<Picture> = [1, 2, 3].map(of).into();
        assert_eq!(layout.sheet(&pictures, &Words::default()), grid(&pictures, 2, 1));
        assert!(layout.check(1_000_000, [64, 64]).is_err() && layout.check(1000, [64, 64]).is_ok());
        assert!(layout.check(usize::MAX, [u32::MAX, u32::MAX]).is_err());
    }
}
