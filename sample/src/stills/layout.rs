//! Pictures in rows and columns, with labels below, beside and above them.

use shared::picture::{CAPTION_HEIGHT, Picture, caption_width, grid};

/// Labels; empty lists write nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Words {
    /// Below each picture.
    pub captions: Vec<String>,
    /// To the left of each row.
    pub rows: Vec<String>,
    /// Above each column.
    pub columns: Vec<String>,
}

/// The arrangement of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Pictures in a row.
    pub columns: usize,
    /// Pixels between pictures and around them.
    pub padding: u32,
}

const INK: [u8; 3] = [30, 30, 30];
/// Pixels between labels and pictures.
const GAP: u32 = 3;
/// Pictures at least this wide get letters of twice the size.
const WIDE: u32 = 128;

/// Pixels of a letter's dot, for pictures of this width.
fn dot(width: u32) -> u32 {
    if width >= WIDE { 2 } else { 1 }
}

/// The geometry of a sheet, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    columns: u64,
    rows: u64,
    /// Distance from one picture to the next, across and down.
    steps: [u64; 2],
    /// Space left of and above the pictures, including padding.
    margins: [u64; 2],
    /// Height of a picture, for the labels below and beside it.
    height: u32,
    /// Pixels of a letter's dot.
    dot: u32,
}

impl Geometry {
    /// Width and height of the sheet, saturating.
    #[must_use]
    pub fn extent(&self) -> [u64; 2] {
        let side =
            |margin: u64, cells: u64, step: u64| cells.saturating_mul(step).saturating_add(margin);
        [
            side(self.margins[0], self.columns, self.steps[0]),
            side(self.margins[1], self.rows, self.steps[1]),
        ]
    }
}

impl Layout {
    /// The geometry of a sheet of `count` cells of `width`×`height` pixels. Cells are at least as
    /// wide as the longest label, because a truncated seed would be another seed.
    #[must_use]
    pub fn geometry(&self, count: usize, [width, height]: [u32; 2], words: &Words) -> Geometry {
        let dot = dot(width);
        let widest = |texts: &mut dyn Iterator<Item = &String>| {
            texts.map(|text| caption_width(text) * dot).max().unwrap_or(0)
        };
        let column = width.max(widest(&mut words.captions.iter().chain(&words.columns)));
        let padding = if *words == Words::default() { self.padding } else { self.padding.max(GAP) };
        let line = |texts: &[String]| {
            if texts.is_empty() { 0 } else { u64::from(CAPTION_HEIGHT * dot + GAP) }
        };
        let left = if words.rows.is_empty() { 0 } else { widest(&mut words.rows.iter()) + padding };
        let columns = self.columns.clamp(1, count.max(1));
        let (padding, height_of_row) =
            (u64::from(padding), u64::from(height) + line(&words.captions));
        Geometry {
            columns: columns as u64,
            rows: count.div_ceil(columns) as u64,
            steps: [u64::from(column) + padding, height_of_row + padding],
            margins: [u64::from(left) + padding, line(&words.columns) + padding],
            height,
            dot,
        }
    }

    /// Width and height of a grid of `count` pictures of `side`×`side` pixels without labels,
    /// saturating.
    #[must_use]
    pub fn extent_of_grid(&self, count: usize, side: usize) -> (u32, u32) {
        let extent = self.geometry(count, [side as u32; 2], &Words::default()).extent();
        let [width, height] = extent.map(|side| u32::try_from(side).unwrap_or(u32::MAX));
        (width, height)
    }

    /// Draws the sheet on white, with cells of the size of the largest picture.
    #[must_use]
    pub fn sheet(&self, pictures: &[Picture], words: &Words) -> Picture {
        if *words == Words::default() {
            return grid(pictures, self.columns, self.padding);
        }
        let largest = |side: fn(&Picture) -> u32| pictures.iter().map(side).max().unwrap_or(1);
        let geometry =
            self.geometry(pictures.len(), [largest(|p| p.width), largest(|p| p.height)], words);
        let [width, height] = geometry.extent().map(|side| side as u32);
        let mut sheet = Picture::filled(width, height, 3, 255);
        let place = |index: u64, axis: usize| {
            (geometry.margins[axis] + index * geometry.steps[axis]) as u32
        };
        let edge = self.padding.max(GAP);
        for (column, text) in (0..).zip(&words.columns) {
            sheet.draw_text(text, place(column, 0), edge, geometry.dot, INK);
        }
        for (row, text) in (0..).zip(&words.rows) {
            let middle =
                place(row, 1) + geometry.height.saturating_sub(CAPTION_HEIGHT * geometry.dot) / 2;
            sheet.draw_text(text, edge, middle, geometry.dot, INK);
        }
        for (i, picture) in (0..).zip(pictures) {
            let (x, y) = (place(i % geometry.columns, 0), place(i / geometry.columns, 1));
            sheet.paste(picture, x, y);
            if let Some(text) = words.captions.get(i as usize) {
                sheet.draw_text(text, x, y + geometry.height + GAP, geometry.dot, INK);
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
    fn labels_cover_no_picture_and_every_picture_is_complete() {
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
            // Every label is drawn in its own area.
            let dark = |rows: std::ops::Range<u32>, columns: std::ops::Range<u32>| {
                let at = |x: u32, y: u32| sheet.pixels[((y * sheet.width + x) * 3) as usize];
                rows.flat_map(|y| columns.clone().map(move |x| (x, y)))
                    .filter(|&(x, y)| at(x, y) == INK[0])
                    .count()
            };
            assert!(
                dark(0..padding + 12, 40..sheet.width) > 10 && dark(12..sheet.height, 0..30) > 10
            );
            assert!(dark(sheet.height - 14..sheet.height, 40..sheet.width) > 10);
        }
    }

    #[test]
    fn without_labels_it_is_the_plain_grid() {
        let layout = Layout { columns: 2, padding: 1 };
        let pictures: Vec<Picture> = [1, 2, 3].map(of).into();
        assert_eq!(layout.sheet(&pictures, &Words::default()), grid(&pictures, 2, 1));
    }

    #[test]
    fn a_sheet_has_the_extent_of_its_geometry_also_with_labels_wider_than_pictures() {
        let pictures: Vec<Picture> = (0..7).map(of).collect();
        let word = |text: &str, count: usize| vec![text.to_owned(); count];
        for padding in [0, 5] {
            for columns in [1, 3, 9] {
                for words in [
                    Words::default(),
                    Words { captions: word("10000000", 7), ..Words::default() },
                    Words { rows: word("a row", 7), ..Words::default() },
                    Words {
                        columns: word("a column's name", 9),
                        rows: word("1", 2),
                        ..Words::default()
                    },
                ] {
                    let layout = Layout { columns, padding };
                    let sheet = layout.sheet(&pictures, &words);
                    let extent = layout.geometry(7, [20, 10], &words).extent();
                    assert_eq!(
                        extent,
                        [sheet.width, sheet.height].map(u64::from),
                        "{padding} {columns} {words:?}"
                    );
                }
            }
        }
        assert_eq!(
            Layout { columns: 1, padding: 0 }
                .geometry(usize::MAX, [u32::MAX; 2], &Words::default())
                .extent()[1],
            u64::MAX
        );
    }
}
