//! Anti-aliased lines, dots, rings and bands: a layer collects how much of each pixel they cover
//! and is laid over a picture in one colour, so that where a line meets itself nothing gets darker.

use super::stroke::{Pattern, Stroke};
use crate::Picture;

/// Dots of a letter, in pixels.
pub(super) const TEXT: u32 = 2;
/// Titles.
pub(super) const INK: [u8; 3] = [30, 30, 30];
/// Labels.
pub(super) const SOFT_INK: [u8; 3] = [90, 90, 90];
/// Axes.
pub(super) const AXIS: [u8; 3] = [150, 150, 150];
/// Lines behind everything at the ticks.
pub(super) const GRID: [u8; 3] = [230, 230, 230];

/// Half the width of a line, in pixels.
const HALF: f64 = 1.25;
/// Pixels of a dash and of the gap behind it.
const DASH: [f64; 2] = [11.0, 7.0];

/// Radius of a dot.
pub(super) const DOT: f64 = 3.5;

/// A place in pixels from the upper left corner of the picture.
pub(super) type Point = (f64, f64);

/// The coverage of each pixel of a rectangle.
pub(super) struct Layer {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
    coverage: Vec<f32>,
}

impl Layer {
    /// An empty layer over the rectangle (left, top, width, height); parts outside are cut off.
    pub(super) fn new((left, top, width, height): (u32, u32, u32, u32)) -> Self {
        Self { left, top, width, height, coverage: vec![0.0; width as usize * height as usize] }
    }

    /// A line from point to point; one point alone is a dot.
    pub(super) fn polyline(mut self, points: &[Point], stroke: Stroke) -> Self {
        if stroke.pattern == Pattern::Apart {
            return self;
        }
        if let [only] = points {
            return self.dot(*only, HALF + 0.5);
        }
        let mut walked = 0.0;
        for ends in points.windows(2) {
            let (a, b) = (ends[0], ends[1]);
            let length = (b.0 - a.0).hypot(b.1 - a.1);
            if stroke.pattern == Pattern::Solid || length == 0.0 {
                self.segment(a, b);
                continue;
            }
            let at = |s: f64| (a.0 + (b.0 - a.0) * s / length, a.1 + (b.1 - a.1) * s / length);
            let period = DASH[0] + DASH[1];
            // Where the dash began that this segment starts in or behind.
            let mut start = -(walked % period);
            while start < length {
                let end = start + DASH[0];
                if end > 0.0 {
                    self.segment(at(start.max(0.0)), at(end.min(length)));
                }
                start += period;
            }
            walked += length;
        }
        self
    }

    /// A filled circle.
    pub(super) fn dot(mut self, center: Point, radius: f64) -> Self {
        self.cover((center, center), radius, |p| (p.0 - center.0).hypot(p.1 - center.1));
        self
    }

    /// A circle.
    pub(super) fn ring(mut self, center: Point, radius: f64) -> Self {
        let corner = |sign: f64| (center.0 + sign * radius, center.1 + sign * radius);
        self.cover((corner(-1.0), corner(1.0)), HALF, |p| {
            ((p.0 - center.0).hypot(p.1 - center.1) - radius).abs()
        });
        self
    }

    /// A filled circle through which so much is seen that several over each other are darker than
    /// one.
    pub(super) fn dab(mut self, center: Point, radius: f64, opacity: f32) -> Self {
        let distance = |p: Point| (p.0 - center.0).hypot(p.1 - center.1);
        self.cover_by((center, center), radius, distance, |there, more| {
            1.0 - (1.0 - there) * (1.0 - opacity * more)
        });
        self
    }

    /// The area between a line and another one below it: (x, upper y, lower y), x ascending.
    pub(super) fn band(mut self, edges: &[(f64, f64, f64)]) -> Self {
        for ends in edges.windows(2) {
            let ((x0, ..), (x1, ..)) = (ends[0], ends[1]);
            let share = |x: f64| if x1 > x0 { (x - x0) / (x1 - x0) } else { 0.0 };
            for column in 0..self.width {
                let middle = f64::from(self.left + column) + 0.5;
                // The right end belongs to the next piece.
                if !(x0..x1).contains(&middle) {
                    continue;
                }
                let at = |a: f64, b: f64| a + (b - a) * share(middle) - f64::from(self.top);
                let (high, low) = (at(ends[0].1, ends[1].1), at(ends[0].2, ends[1].2));
                for row in 0..self.height {
                    let covered = (low.min(f64::from(row) + 1.0) - high.max(f64::from(row)))
                        .clamp(0.0, 1.0) as f32;
                    let slot =
                        &mut self.coverage[row as usize * self.width as usize + column as usize];
                    *slot = slot.max(covered);
                }
            }
        }
        self
    }

    /// A straight line, whatever the stroke of the line that it belongs to.
    pub(super) fn bar(mut self, a: Point, b: Point) -> Self {
        self.segment(a, b);
        self
    }

    fn segment(&mut self, a: Point, b: Point) {
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let square = dx * dx + dy * dy;
        self.cover((a, b), HALF, |p| {
            let (x, y) = (p.0 - a.0, p.1 - a.1);
            let along =
                if square > 0.0 { ((x * dx + y * dy) / square).clamp(0.0, 1.0) } else { 0.0 };
            (x - along * dx).hypot(y - along * dy)
        });
    }

    /// Covers what is nearer than `radius` to a shape that lies between two corners; `distance` is
    /// that of a point from it.
    fn cover(&mut self, corners: (Point, Point), radius: f64, distance: impl Fn(Point) -> f64) {
        self.cover_by(corners, radius, distance, f32::max);
    }

    /// The same, where `join` makes one share of the pixel of that which is covered already and
    /// that which the shape covers.
    fn cover_by(
        &mut self,
        (a, b): (Point, Point),
        radius: f64,
        distance: impl Fn(Point) -> f64,
        join: impl Fn(f32, f32) -> f32,
    ) {
        let range = |a: f64, b: f64, from: u32, count: u32| {
            let reach = radius + 1.0;
            let index = |v: f64| (v - f64::from(from)).clamp(0.0, f64::from(count)) as u32;
            index(a.min(b) - reach)..index(a.max(b) + reach + 1.0)
        };
        for row in range(a.1, b.1, self.top, self.height) {
            for column in range(a.0, b.0, self.left, self.width) {
                let middle = (f64::from(self.left + column) + 0.5, f64::from(self.top + row) + 0.5);
                let covered = (radius + 0.5 - distance(middle)).clamp(0.0, 1.0) as f32;
                let slot = &mut self.coverage[row as usize * self.width as usize + column as usize];
                *slot = join(*slot, covered);
            }
        }
    }

    /// Mixes `color` into the RGB picture as far as each pixel is covered.
    pub(super) fn lay_over(self, picture: &mut Picture, color: [u8; 3]) {
        self.lay_thinly_over(picture, color, 1.0);
    }

    /// The same, with only a share of the colour.
    pub(super) fn lay_thinly_over(self, picture: &mut Picture, color: [u8; 3], opacity: f32) {
        for (row, covered) in (0..).zip(self.coverage.chunks_exact(self.width.max(1) as usize)) {
            for (column, &covered) in (0..).zip(covered).filter(|(_, covered)| **covered > 0.0) {
                mix(picture, self.left + column, self.top + row, opacity * covered, color);
            }
        }
    }
}

/// Fills a rectangle (left, top, width, height).
pub(super) fn fill(
    picture: &mut Picture,
    (left, top, width, height): (u32, u32, u32, u32),
    color: [u8; 3],
) {
    for row in top..top + height {
        for column in left..left + width {
            mix(picture, column, row, 1.0, color);
        }
    }
}

fn mix(picture: &mut Picture, x: u32, y: u32, covered: f32, color: [u8; 3]) {
    if x >= picture.width || y >= picture.height {
        return;
    }
    let at = y as usize * picture.stride() + x as usize * 3;
    for (value, color) in picture.pixels[at..at + 3].iter_mut().zip(color) {
        *value =
            (f32::from(*value) + covered * (f32::from(color) - f32::from(*value))).round() as u8;
    }
}
