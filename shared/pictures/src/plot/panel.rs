//! One pair of axes with its lines.

use super::axis::{Axis, Scale};
use super::label::Labels;
use super::legend::{GAP, LINE_HEIGHT, draw_name, letters_in, name_width};
use super::line::{Line, Spread};
use super::pen::{self, AXIS, DOT, GRID, INK, Layer, Point, SOFT_INK, TEXT};
use crate::{CAPTION_HEIGHT, Picture, caption_width};

/// Pixels of a panel, its labels included.
pub(super) const PANEL_WIDTH: u32 = 640;
pub(super) const PANEL_HEIGHT: u32 = 400;

/// Pixels left of the axes (labels of seven letters), above them (the title), right of them, and
/// below (labels, then what x is).
const LEFT: u32 = 92;
const TOP: u32 = 40;
const RIGHT: u32 = 20;
const BOTTOM: u32 = 60;
/// Pixels between the axes.
const WIDTH: u32 = PANEL_WIDTH - LEFT - RIGHT;
/// Ticks on an axis, about.
const TICKS: usize = 5;
/// Radius of a dot of very many, and of the ring around a marked point.
const SMALL_DOT: f64 = 2.5;
const RING: f64 = 8.0;
/// Half the length of the stroke at the end of a bar.
const BAR_END: f64 = 4.0;
/// The opacity of a band, and of a bar.
const BAND: f32 = 0.2;
const BAR: f32 = 0.5;
/// Lines are followed this far outside the axes, so that their slope at the edge is right and no
/// number is too large.
const FAR: f64 = 10.0;

/// One pair of axes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Panel {
    /// Above it.
    pub title: String,
    /// Below the x axis.
    pub x_label: String,
    /// The scale of the x axis; `None`: from 0, or the smallest value below it, to the largest.
    pub x_scale: Option<Scale>,
    /// Beside the y axis, for axes whose labels are short; empty where the title says it.
    pub y_label: String,
    /// The scale of the y axis.
    pub scale: Scale,
    /// As high as wide.
    pub square: bool,
    /// The lines, the last on top.
    pub lines: Vec<Line>,
}

impl Panel {
    /// Pixels from its top to its bottom, the labels included.
    pub(super) const fn height(&self) -> u32 {
        if self.square { TOP + WIDTH + BOTTOM } else { PANEL_HEIGHT }
    }

    /// Draws it with its upper left corner at (`x`, `y`), with the names of its lines above if
    /// `legend` asks for them.
    pub(super) fn draw(&self, picture: &mut Picture, (x, y): (u32, u32), legend: bool) {
        let (left, top, height) = (x + LEFT, y + TOP, self.height() - TOP - BOTTOM);
        let reaches =
            || self.lines.iter().flat_map(Line::reach).filter(|point| point.1.is_finite());
        let across = match self.x_scale {
            Some(scale) => Axis::scaled(reaches().map(|point| point.0), scale),
            None => Axis::counted(reaches().map(|point| point.0)),
        };
        let up = Axis::scaled(reaches().map(|point| point.1), self.scale);
        self.draw_head(picture, left, y, legend);
        for tick in up.ticks(TICKS) {
            let row = top + place_in(1.0 - up.place(tick.value), height);
            pen::fill(picture, (left, row, WIDTH, 1), GRID);
            let width = caption_width(&tick.label) * TEXT;
            let above = row.saturating_sub(CAPTION_HEIGHT * TEXT / 2);
            picture.draw_text(
                &tick.label,
                (left - GAP).saturating_sub(width),
                above,
                TEXT,
                SOFT_INK,
            );
        }
        for tick in across.ticks(TICKS) {
            let column = left + place_in(across.place(tick.value), WIDTH);
            pen::fill(picture, (column, top, 1, height), GRID);
            let half = caption_width(&tick.label) * TEXT / 2;
            // The last label stays within the panel.
            let start = (column - half).min(x + PANEL_WIDTH - 2 * half);
            picture.draw_text(&tick.label, start, top + height + GAP, TEXT, SOFT_INK);
        }
        pen::fill(picture, (left, top, 1, height), AXIS);
        pen::fill(picture, (left, top + height, WIDTH, 1), AXIS);
        let start = left + WIDTH.saturating_sub(caption_width(&self.x_label) * TEXT);
        picture.draw_text(&self.x_label, start, top + height + GAP + LINE_HEIGHT, TEXT, SOFT_INK);
        draw_upwards(picture, &self.y_label, x, top);
        let axes = Axes { left, top, height, across, up };
        self.lines.iter().for_each(|line| axes.draw_spread(picture, line));
        self.lines.iter().for_each(|line| axes.draw_line(picture, line));
        let mut labels = Labels::new((left, top, WIDTH, height));
        for line in &self.lines {
            let placed = line.points.iter().map(|point| axes.place(*point));
            placed
                .clone()
                .filter(|point| axes.holds(point))
                .for_each(|point| labels.avoid(point, DOT));
            axes.bars(line).for_each(|bar| labels.avoid_bar(bar));
            let named = placed
                .zip(&line.labels)
                .filter(|(point, label)| axes.holds(point) && !label.is_empty());
            named.for_each(|(point, label)| labels.add(point, label));
        }
        labels.draw(picture);
        if self
            .lines
            .iter()
            .all(|line| line.points.iter().all(|point| !up.place(point.1).is_finite()))
        {
            let text = "no values";
            let start = left + (WIDTH - caption_width(text) * TEXT) / 2;
            picture.draw_text(text, start, top + height / 2, TEXT, SOFT_INK);
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

impl Line {
    /// The points and the ends of their spreads.
    fn reach(&self) -> impl Iterator<Item = (f64, f64)> {
        // Each value once, where nothing spreads: an axis looks at how many there are.
        let count = if self.spread == Spread::None { 1 } else { 2 };
        let ends = move |(i, (x, y)): (usize, (f64, f64))| {
            let (across, up) = match &self.spread {
                Spread::None => (0.0, 0.0),
                Spread::Band(up) => (0.0, finite_or_none(up.get(i).copied())),
                Spread::Bars(bars) => (
                    finite_or_none(bars.get(i).map(|b| b.0)),
                    finite_or_none(bars.get(i).map(|b| b.1)),
                ),
            };
            [(x - across, y - up), (x + across, y + up)].into_iter().take(count)
        };
        self.points.iter().copied().enumerate().flat_map(ends)
    }
}

/// A spread that is known, else 0.
fn finite_or_none(spread: Option<f64>) -> f64 {
    spread.filter(|s| s.is_finite()).unwrap_or(0.0)
}

/// Axes in their place.
struct Axes {
    left: u32,
    top: u32,
    height: u32,
    across: Axis,
    up: Axis,
}

impl Axes {
    /// The place of a point in the picture.
    fn place(&self, (x, y): (f64, f64)) -> Point {
        let row = (1.0 - self.up.place(y)).clamp(-FAR, FAR);
        (
            f64::from(self.left) + self.across.place(x) * f64::from(WIDTH),
            f64::from(self.top) + row * f64::from(self.height),
        )
    }

    /// Returns true if a place is between the axes.
    fn holds(&self, (x, y): &Point) -> bool {
        let (low, high) = (f64::from(self.top), f64::from(self.top + self.height));
        x.is_finite() && (low..=high).contains(y)
    }

    /// An empty layer over the axes and so much around them.
    fn layer(&self, across: u32, up: u32) -> Layer {
        let (left, top) = (self.left.saturating_sub(across), self.top.saturating_sub(up));
        Layer::new((left, top, WIDTH + 2 * across, self.height + 2 * up))
    }

    fn draw_spread(&self, picture: &mut Picture, line: &Line) {
        match &line.spread {
            Spread::None => {}
            Spread::Band(up) => {
                let bottom = f64::from(self.top + self.height);
                let edge = |(&(x, y), &spread): (&(f64, f64), &f64)| {
                    let ((column, high), (_, low)) =
                        (self.place((x, y + spread)), self.place((x, y - spread)));
                    // What has no logarithm lies below all that has one.
                    (column, high, if low.is_finite() || !high.is_finite() { low } else { bottom })
                };
                let edges: Vec<_> = line.points.iter().zip(up).map(edge).collect();
                let mut layer = self.layer(0, 0);
                for part in edges
                    .split(|(x, high, low)| !(x.is_finite() && high.is_finite() && low.is_finite()))
                {
                    layer = layer.band(part);
                }
                layer.lay_thinly_over(picture, line.stroke.color, BAND);
            }
            Spread::Bars(_) => {
                let mut layer = self.layer(0, 0);
                for (a, b) in self.bars(line) {
                    let (dx, dy) = if a.0 == b.0 { (BAR_END, 0.0) } else { (0.0, BAR_END) };
                    let stroke = |p: Point| ((p.0 - dx, p.1 - dy), (p.0 + dx, p.1 + dy));
                    for (from, to) in [(a, b), stroke(a), stroke(b)] {
                        layer = layer.bar(from, to);
                    }
                }
                layer.lay_thinly_over(picture, line.stroke.color, BAR);
            }
        }
    }

    /// The bars through the points of a line, those that have both ends.
    fn bars(&self, line: &Line) -> impl Iterator<Item = (Point, Point)> {
        let spreads: &[(f64, f64)] = if let Spread::Bars(bars) = &line.spread { bars } else { &[] };
        let of_point = |(&(x, y), &(across, up)): (&(f64, f64), &(f64, f64))| {
            [((x, y - up), (x, y + up)), ((x - across, y), (x + across, y))]
                .map(|(a, b)| (self.place(a), self.place(b)))
        };
        let finite = |(a, b): &(Point, Point)| [a.0, a.1, b.0, b.1].iter().all(|v| v.is_finite());
        line.points.iter().zip(spreads).flat_map(of_point).filter(finite)
    }

    fn draw_line(&self, picture: &mut Picture, line: &Line) {
        let placed: Vec<Point> = line.points.iter().map(|point| self.place(*point)).collect();
        // Half a line and the dots may stand over the axes.
        let over = RING.ceil() as u32 + 2;
        let mut layer = self.layer(over, 0);
        for part in
            placed.split(|(x, y)| !x.is_finite() || !y.is_finite()).filter(|part| !part.is_empty())
        {
            layer = layer.polyline(&thinned(part), line.stroke);
        }
        layer.lay_over(picture, line.stroke.color);
        let mut layer = self.layer(over, over);
        if line.dots {
            for point in placed.iter().filter(|point| self.holds(point)) {
                layer = if line.opacity < 1.0 {
                    layer.dab(*point, SMALL_DOT, line.opacity)
                } else {
                    layer.dot(*point, DOT)
                };
            }
        }
        if let Some(point) =
            line.marked.and_then(|i| placed.get(i)).filter(|point| self.holds(point))
        {
            layer = layer.dot(*point, DOT).ring(*point, RING);
        }
        layer.lay_over(picture, line.stroke.color);
    }
}

/// Writes `text` from below upwards, with its upper end at (`x`, `y`).
fn draw_upwards(picture: &mut Picture, text: &str, x: u32, y: u32) {
    if text.is_empty() {
        return;
    }
    let mut lying = Picture::filled(caption_width(text) * TEXT, CAPTION_HEIGHT * TEXT, 3, 255);
    lying.draw_text(text, 0, 0, TEXT, SOFT_INK);
    let mut standing = Picture::filled(lying.height, lying.width, 3, 255);
    for row in 0..standing.height as usize {
        for column in 0..standing.width as usize {
            let from = column * lying.stride() + (lying.width as usize - 1 - row) * 3;
            let to = row * standing.stride() + column * 3;
            standing.pixels[to..to + 3].copy_from_slice(&lying.pixels[from..from + 3]);
        }
    }
    picture.paste(&standing, x, y);
}

/// The same line with at most four points in a column of pixels: the first, the highest, the lowest
/// and the last one.
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
        let points: Vec<Point> =
            (0..100_000).map(|i| (f64::from(i) * 1e-3, f64::from(i * 7919 % 1000))).collect();
        let kept = thinned(&points);
        assert!(kept.len() <= 400, "{}", kept.len());
        assert_eq!((kept.first(), kept.last()), (points.first(), points.last()));
        for bound in [0.0, 999.0] {
            assert!(kept.iter().filter(|point| point.1 == bound).count() >= 90);
        }
        assert_eq!(thinned(&points[..1]), points[..1]);
    }
}
