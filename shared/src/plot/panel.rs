//! One pair of axes with its lines.

use super::axis::Axis;
use super::pen::{self, AXIS, GRID, INK, Layer, Point, SOFT_INK, TEXT};
use super::{GAP, LINE_HEIGHT, Line, PANEL_HEIGHT, PANEL_WIDTH, Panel, draw_name, letters_in, name_width};
use crate::picture::{CAPTION_HEIGHT, Picture, caption_width};

/// Pixels left of the axes (labels of seven letters), above them (the title), right of them, and below (labels, then what x is).
const LEFT: u32 = 92;
const TOP: u32 = 40;
const RIGHT: u32 = 20;
const BOTTOM: u32 = 60;
/// Pixels between the axes.
const WIDTH: u32 = PANEL_WIDTH - LEFT - RIGHT;
const HEIGHT: u32 = PANEL_HEIGHT - TOP - BOTTOM;
/// Ticks on an axis, about.
const TICKS: usize = 5;
/// Radius of a dot and of the ring around a marked point.
const DOT: f64 = 3.5;
const RING: f64 = 8.0;
/// How far outside the axes a line is still followed: its slope at the edge is right and no number is too large.
const FAR: f64 = 10.0;

impl Panel {
    /// Draws it with its upper left corner at (`x`, `y`), with the names of its lines above if `legend` asks for them.
    pub(super) fn draw(&self, picture: &mut Picture, (x, y): (u32, u32), legend: bool) {
        let (left, top) = (x + LEFT, y + TOP);
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let across = Axis::horizontal(points().filter(|point| point.1.is_finite()).map(|point| point.0));
        let up = Axis::vertical(points().map(|point| point.1), self.scale);
        self.draw_head(picture, left, y, legend);
        for tick in up.ticks(TICKS) {
            let row = top + place_in(1.0 - up.place(tick.value), HEIGHT);
            pen::fill(picture, (left, row, WIDTH, 1), GRID);
            let width = caption_width(&tick.label) * TEXT;
            let above = row.saturating_sub(CAPTION_HEIGHT * TEXT / 2);
            picture.draw_text(&tick.label, (left - GAP).saturating_sub(width), above, TEXT, SOFT_INK);
        }
        for tick in across.ticks(TICKS) {
            let column = left + place_in(across.place(tick.value), WIDTH);
            pen::fill(picture, (column, top, 1, HEIGHT), GRID);
            let half = caption_width(&tick.label) * TEXT / 2;
            // The last label stays within the panel.
            let start = (column - half).min(x + PANEL_WIDTH - 2 * half);
            picture.draw_text(&tick.label, start, top + HEIGHT + GAP, TEXT, SOFT_INK);
        }
        pen::fill(picture, (left, top, 1, HEIGHT), AXIS);
        pen::fill(picture, (left, top + HEIGHT, WIDTH, 1), AXIS);
        let start = left + WIDTH.saturating_sub(caption_width(&self.x_label) * TEXT);
        picture.draw_text(&self.x_label, start, top + HEIGHT + GAP + LINE_HEIGHT, TEXT, SOFT_INK);
        for line in &self.lines {
            let place = |(px, py): (f64, f64)| {
                let row = (1.0 - up.place(py)).clamp(-FAR, FAR);
                (f64::from(left) + across.place(px) * f64::from(WIDTH), f64::from(top) + row * f64::from(HEIGHT))
            };
            draw_line(picture, line, (left, top, WIDTH, HEIGHT), place);
        }
        if self.lines.iter().all(|line| line.points.iter().all(|point| !up.place(point.1).is_finite())) {
            let text = "no values";
            let start = left + (WIDTH - caption_width(text) * TEXT) / 2;
            picture.draw_text(text, start, top + HEIGHT / 2, TEXT, SOFT_INK);
        }
    }

    /// The title, and the names of the lines on its right as far as they fit.
    fn draw_head(&self, picture: &mut Picture, left: u32, y: u32, legend: bool) {
        let title: String = self.title.chars().take(letters_in(WIDTH)).collect();
        picture.draw_text(&title, left, y + GAP, TEXT, INK);
        let from = left + caption_width(&title) * TEXT + 2 * GAP;
        let mut end = left + WIDTH;
        for line in self.lines.iter().rev().filter(|_| legend && self.lines.len() > 1) {
            let width = name_width(&line.name);
            if end < from + width {
                break;
            }
            end -= width;
            draw_name(picture, &line.name, line.stroke, end, y + GAP);
            end = end.saturating_sub(2 * GAP);
        }
    }
}

/// The pixel of an axis of so many at `share` of it.
fn place_in(share: f64, pixels: u32) -> u32 {
    (share.clamp(0.0, 1.0) * f64::from(pixels)).round() as u32
}

fn draw_line(picture: &mut Picture, line: &Line, axes: (u32, u32, u32, u32), place: impl Fn((f64, f64)) -> Point) {
    let placed: Vec<Point> = line.points.iter().map(|point| place(*point)).collect();
    // Half a line and the dots may stand over the axes.
    let over = RING.ceil() as u32 + 2;
    let around = (axes.0.saturating_sub(over), axes.1, axes.2 + 2 * over, axes.3);
    let mut layer = Layer::new(around);
    for part in placed.split(|(x, y)| !x.is_finite() || !y.is_finite()).filter(|part| !part.is_empty()) {
        layer = layer.polyline(&thinned(part), line.stroke);
    }
    layer.lay_over(picture, line.stroke.color);
    let bounds = (around.0, axes.1.saturating_sub(over), around.2, axes.3 + 2 * over);
    let inside = |(x, y): &Point| {
        let (low, high) = (f64::from(axes.1), f64::from(axes.1 + axes.3));
        x.is_finite() && (low..=high).contains(y)
    };
    let mut layer = Layer::new(bounds);
    if line.dots {
        for point in placed.iter().filter(|point| inside(point)) {
            layer = layer.dot(*point, DOT);
        }
    }
    if let Some(point) = line.marked.and_then(|i| placed.get(i)).filter(|point| inside(point)) {
        layer = layer.dot(*point, DOT).ring(*point, RING);
    }
    layer.lay_over(picture, line.stroke.color);
}

/// The same line with at most four points in a column of pixels: the first, the highest, the lowest and the last one.
fn thinned(points: &[Point]) -> Vec<Point> {
    let mut kept = Vec::new();
    for column in points.chunk_by(|a, b| a.0.floor() == b.0.floor()) {
        let mut of_column = vec![0, column.len() - 1];
        of_column.extend((0..column.len()).min_by(|a, b| column[*a].1.total_cmp(&column[*b].1)));
        of_column.extend((0..column.len()).max_by(|a, b| column[*a].1.total_cmp(&column[*b].1)));
        of_column.sort_unstable();
        of_column.dedup();
        kept.extend(of_column.into_iter().map(|i| column[i]));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_many_points_keeps_its_ends_and_its_highest_and_lowest_ones() {
        let points: Vec<Point> = (0..100_000).map(|i| (f64::from(i) * 1e-3, f64::from(i * 7919 % 1000))).collect();
        let kept = thinned(&points);
        assert!(kept.len() <= 400, "{}", kept.len());
        assert_eq!((kept.first(), kept.last()), (points.first(), points.last()));
        for bound in [0.0, 999.0] {
            assert!(kept.iter().filter(|point| point.1 == bound).count() >= 90);
        }
        assert_eq!(thinned(&points[..1]), points[..1]);
    }
}
