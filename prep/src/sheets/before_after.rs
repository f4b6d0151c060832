//! Pictures of a source before and after: with their boxes and windows drawn, the crops beside
//! them.

use shared::picture::{self, Picture, Window};
use shared::shard::Layout;

use super::cells::captioned;
use crate::crop::BoundingBox;
use crate::pixels::{self, Resampling};

/// Height and width that a picture of the source is shrunk to fit into, in pixels.
const SHOWN: u32 = 192;
/// Crops shown beside it, at most.
const CROPS: u32 = 2;
/// Crops are enlarged to no more than this, in pixels.
const CROP_SIDE: u32 = 96;
const BOX_COLOR: [u8; 3] = [230, 40, 40];
const WINDOW_COLOR: [u8; 3] = [20, 190, 60];

/// The contents of a cell of the sheet.
#[derive(Clone, Debug)]
pub struct BeforeAfter {
    /// The picture's name, and why a crop of it is left out.
    pub caption: String,
    /// The picture of the source in colour; `None` where it cannot be decoded.
    pub before: Option<Picture>,
    /// The boxes of its objects, in its pixels.
    pub boxes: Vec<BoundingBox>,
    /// The windows that are cropped.
    pub windows: Vec<Window>,
    /// Extents of a crop.
    pub layout: Layout,
    /// The pixels of the crops that are taken.
    pub after: Vec<Vec<u8>>,
}

/// A sheet of these pictures.
#[must_use]
pub fn before_after(pictures: impl Iterator<Item = BeforeAfter>, columns: usize) -> Picture {
    let cells: Vec<Picture> = pictures.map(|picture| cell(&picture)).collect();
    picture::grid(&cells, columns, 4)
}

fn cell(shown: &BeforeAfter) -> Picture {
    let layout = shown.layout;
    // Crops are shown in whole multiples of their pixels, one below the other.
    let factor = (CROP_SIDE / layout.height).max(1);
    let side = layout.height * factor;
    let mut canvas =
        Picture::filled(SHOWN + 4 + layout.width * factor, SHOWN.max(2 * side + 4), 3, 255);
    if let Some(before) = &shown.before {
        canvas.paste(&outlined(before, &shown.boxes, &shown.windows), 0, 0);
    }
    for (i, pixels) in (0..CROPS).zip(&shown.after) {
        let (width, height, channels) = (layout.width, layout.height, layout.channels);
        let crop = Picture { width, height, channels, pixels: pixels.clone() };
        canvas.paste(&crop.enlarge(factor), SHOWN + 4, i * (side + 4));
    }
    captioned(&canvas, &shown.caption, 2, 0)
}

/// The picture shrunk, with its boxes and windows.
fn outlined(whole: &Picture, boxes: &[BoundingBox], windows: &[Window]) -> Picture {
    let longer = whole.width.max(whole.height);
    let scale = f64::from(SHOWN) / f64::from(longer);
    let extent = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
    let (width, height) = (extent(whole.width), extent(whole.height));
    let all = Window::whole(whole.width, whole.height);
    let pixels = pixels::crop_and_resize(whole, all, width, height, Resampling::Area);
    let mut shrunk = Picture { width, height, channels: whole.channels, pixels };
    for b in boxes {
        outline(
            &mut shrunk,
            [b.x, b.y, b.x + b.width, b.y + b.height].map(|v| v * scale),
            BOX_COLOR,
        );
    }
    for w in windows {
        let edges =
            [w.left, w.top, w.left + w.width, w.top + w.height].map(|v| f64::from(v) * scale);
        outline(&mut shrunk, edges, WINDOW_COLOR);
    }
    shrunk
}

/// Draws the edges left, top, right, bottom, one pixel wide, as far as they lie in the picture.
fn outline(picture: &mut Picture, edges: [f64; 4], color: [u8; 3]) {
    let (w, h) = (f64::from(picture.width) - 1.0, f64::from(picture.height) - 1.0);
    let [left, top, right, bottom] = edges;
    let column = |x: f64| x.clamp(0.0, w) as usize;
    let row = |y: f64| y.clamp(0.0, h) as usize;
    let (left, right, top, bottom) =
        (column(left), column(right - 1.0), row(top), row(bottom - 1.0));
    let stride = picture.stride();
    let n = picture.channels as usize;
    let mut dot = |x: usize, y: usize| {
        let at = y * stride + x * n;
        picture.pixels[at..at + n.min(3)].copy_from_slice(&color[..n.min(3)]);
    };
    for x in left..=right.max(left) {
        dot(x, top);
        dot(x, bottom);
    }
    for y in top..=bottom.max(top) {
        dot(left, y);
        dot(right, y);
    }
}
