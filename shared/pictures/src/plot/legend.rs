//! The names of lines, each behind a piece of its line.

use super::pen::{DOT, Layer, SOFT_INK, TEXT};
use super::stroke::{Pattern, Stroke};
use crate::{CAPTION_HEIGHT, Picture, caption_width};

/// Pixels of a line of text.
pub(super) const LINE_HEIGHT: u32 = (CAPTION_HEIGHT + 5) * TEXT;

/// Pixels of the piece of line before a name, and of the space behind that piece and behind the
/// name.
const SAMPLE: u32 = 32;
pub(super) const GAP: u32 = 8;

/// Pixels that a name takes with the piece of line before it.
pub(super) fn name_width(name: &str) -> u32 {
    SAMPLE + GAP + caption_width(name) * TEXT
}

/// The number of letters that fit into so many pixels.
pub(super) fn letters_in(pixels: u32) -> usize {
    (pixels / caption_width("mm").saturating_sub(caption_width("m")).max(1) / TEXT) as usize
}

/// The names in rows of at most `width` pixels, each with its place from the left.
pub(super) fn legend_rows<'a>(
    names: &[(&'a str, Stroke)],
    width: u32,
) -> Vec<Vec<(u32, String, Stroke)>> {
    let cut =
        |name: &'a str| name.chars().take(letters_in(width - SAMPLE - GAP)).collect::<String>();
    let mut rows: Vec<Vec<(u32, String, Stroke)>> = Vec::new();
    let mut x = 0;
    for (name, stroke) in names.iter().map(|(name, stroke)| (cut(name), *stroke)) {
        let taken = name_width(&name);
        if rows.is_empty() || x + taken > width {
            rows.push(Vec::new());
            x = 0;
        }
        if let Some(row) = rows.last_mut() {
            row.push((x, name, stroke));
        }
        x += taken + 3 * GAP;
    }
    rows
}

/// A piece of the line and its name, with the upper left corner at (`x`, `y`).
pub(super) fn draw_name(picture: &mut Picture, name: &str, stroke: Stroke, x: u32, y: u32) {
    let middle = f64::from(y) + f64::from(CAPTION_HEIGHT * TEXT) / 2.0;
    let ends = [(f64::from(x), middle), (f64::from(x + SAMPLE), middle)];
    let mut layer = Layer::new((x, y, SAMPLE, CAPTION_HEIGHT * TEXT)).polyline(&ends, stroke);
    if stroke.pattern == Pattern::Apart {
        layer = layer.dot((f64::from(x + SAMPLE / 2), middle), DOT);
    }
    layer.lay_over(picture, stroke.color);
    picture.draw_text(name, x + SAMPLE + GAP, y, TEXT, SOFT_INK);
}
