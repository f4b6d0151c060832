//! Samples beside the training pictures that are nearest to them, with the distance below each:
//! they show at a glance whether the generator repeats training pictures.
//!
//! It is not responsible for the choice of distance; the title should name it.
//!
//! ```
//! use fledge_pictures::Picture;
//! use fledge_pictures::plot::nearest::{Near, Sample, sheet};
//!
//! let grey = |value| Picture::filled(32, 32, 3, value);
//! let near = Near { picture: grey(90), place: "7".into(), distance: 10.0 };
//! let picture = sheet("nearest by pixels", &[Sample { picture: grey(100), name: "seed 1".into(), nearest: vec![near] }]);
//! assert!(picture.width > 64);
//! ```

use super::number::short;
use crate::{CAPTION_HEIGHT, Picture, caption_fitting, caption_width};

/// Pixels around everything, and between two pictures.
const MARGIN: u32 = 16;
const GAP: u32 = 8;
/// Pixels between a sample and its neighbours.
const APART: u32 = 24;
/// Small pictures are enlarged until their longer side has so many pixels, or one step less:
/// captions fit below them.
const LEGIBLE: u32 = 112;
/// Cells become wide enough for so many letters, where names are as long.
const LETTERS: usize = 12;
/// Dots of a letter, in pixels.
const TEXT: u32 = 2;
const INK: [u8; 3] = [30, 30, 30];
const SOFT_INK: [u8; 3] = [90, 90, 90];

/// A training picture near a sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Near {
    /// The picture.
    pub picture: Picture,
    /// Its number or file.
    pub place: String,
    /// Its distance from the sample.
    pub distance: f64,
}

/// A sample with its nearest pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The picture.
    pub picture: Picture,
    /// Its seed or file.
    pub name: String,
    /// The nearest first.
    pub nearest: Vec<Near>,
}

/// The factor by which pictures with so long a side are enlarged.
fn factor(side: u32) -> u32 {
    (LEGIBLE / side.max(1)).max(1)
}

/// Width and height of a sheet of cells of that width and height.
fn extent(title: &str, samples: usize, nearest: usize, [width, height]: [u32; 2]) -> [u64; 2] {
    let [margin, gap, apart, text] = [MARGIN, GAP, APART, TEXT].map(u64::from);
    let [width, height, line] = [width, height, CAPTION_HEIGHT * TEXT + 4].map(u64::from);
    let beside = if nearest > 0 {
        (nearest as u64).saturating_mul(width + gap).saturating_add(apart - gap)
    } else {
        0
    };
    let across = (2 * margin + width)
        .saturating_add(beside)
        .max(2 * margin + u64::from(caption_width(title)) * text);
    let head = if title.is_empty() { 0 } else { line + gap };
    [
        across,
        (samples as u64).saturating_mul(height + 2 * line + gap).saturating_add(2 * margin + head),
    ]
}

/// The largest width and height that [`sheet`] can have for `samples` samples with `nearest`
/// pictures each, all of `side`×`side` pixels.
#[must_use]
pub fn most_extent(title: &str, samples: usize, nearest: usize, side: u32) -> [u64; 2] {
    let side = side.saturating_mul(factor(side));
    let width = side.max(caption_width(&"0".repeat(LETTERS)) * TEXT);
    extent(title, samples, nearest, [width, side])
}

/// Lays the samples out below each other, the nearest pictures on their right. All cells have the
/// size of the largest picture.
#[must_use]
pub fn sheet(title: &str, samples: &[Sample]) -> Picture {
    let pictures = || {
        samples.iter().flat_map(|s| {
            std::iter::once(&s.picture).chain(s.nearest.iter().map(|near| &near.picture))
        })
    };
    let largest = |side: fn(&Picture) -> u32| pictures().map(side).max().unwrap_or(1).max(1);
    let (width, height) = (largest(|p| p.width), largest(|p| p.height));
    let factor = factor(width.max(height));
    let (width, height) = (width * factor, height * factor);
    let widest = |text: &str| caption_width(&text.chars().take(LETTERS).collect::<String>()) * TEXT;
    let below_near = |near: &Near| widest(&near.place).max(widest(&short(near.distance)));
    let names = samples.iter().map(|sample| {
        sample.nearest.iter().map(below_near).max().unwrap_or(0).max(widest(&sample.name))
    });
    let width = width.max(names.max().unwrap_or(0));
    let line = CAPTION_HEIGHT * TEXT + 4;
    let below = 2 * line + GAP;
    let columns = samples.iter().map(|sample| sample.nearest.len()).max().unwrap_or(0);
    let head = if title.is_empty() { 0 } else { line + GAP };
    let [across, down] = extent(title, samples.len(), columns, [width, height]);
    let mut sheet = Picture::filled(across as u32, down as u32, 3, 255);
    sheet.draw_text(title, MARGIN, MARGIN, TEXT, INK);
    let cut = |text: &str| caption_fitting(text, (width + GAP / 2) / TEXT);
    let mut top = MARGIN + head;
    for sample in samples {
        let captions = top + height + 4;
        sheet.paste(&sample.picture.enlarge(factor), MARGIN, top);
        sheet.draw_text(&cut(&sample.name), MARGIN, captions, TEXT, INK);
        let mut left = MARGIN + width + APART;
        for near in &sample.nearest {
            sheet.paste(&near.picture.enlarge(factor), left, top);
            sheet.draw_text(&cut(&short(near.distance)), left, captions, TEXT, INK);
            sheet.draw_text(&cut(&near.place), left, captions + line, TEXT, SOFT_INK);
            left += width + GAP;
        }
        top += height + below;
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(value: u8, side: u32, distance: f64) -> Near {
        Near {
            picture: Picture::filled(side, side, 1, value),
            place: "#12345678901234567890".into(),
            distance,
        }
    }

    #[test]
    fn every_picture_is_on_the_sheet_beside_its_sample_and_none_covers_another() {
        let sample = |value: u8, nearest: Vec<Near>| Sample {
            picture: Picture::filled(16, 16, 3, value),
            name: "seed 1".into(),
            nearest,
        };
        let sheet = sheet(
            "t",
            &[
                sample(200, vec![near(201, 16, 0.5), near(202, 8, 1.5)]),
                sample(203, vec![near(204, 16, 0.0)]),
            ],
        );
        let most = most_extent("t", 2, 2, 16);
        assert!(
            u64::from(sheet.width) <= most[0] && u64::from(sheet.height) == most[1],
            "{most:?}"
        );
        let count = |value: u8| sheet.pixels.chunks_exact(3).filter(|p| **p == [value; 3]).count();
        for (value, side) in [(200, 16), (201, 16), (202, 8), (203, 16), (204, 16)] {
            // Seven times as large, and grey is repeated.
            assert_eq!(count(value), (side * 7usize).pow(2), "{value}");
        }
        let first =
            |value: u8| sheet.pixels.chunks_exact(3).position(|p| *p == [value; 3]).expect("there");
        let (row, column) =
            (|at: usize| at / sheet.width as usize, |at: usize| at % sheet.width as usize);
        assert!(row(first(200)) == row(first(202)) && column(first(200)) < column(first(201)));
        assert!(row(first(203)) == row(first(204)) && row(first(203)) > row(first(200)));
    }

    #[test]
    fn large_pictures_keep_their_size_and_nothing_to_show_is_no_failure() {
        let large = Sample {
            picture: Picture::filled(300, 200, 3, 7),
            name: String::new(),
            nearest: Vec::new(),
        };
        let drawn = sheet("", &[large]);
        assert_eq!(drawn.pixels.chunks_exact(3).filter(|p| **p == [7; 3]).count(), 300 * 200);
        assert!(sheet("nothing", &[]).to_png().is_ok());
    }
}
