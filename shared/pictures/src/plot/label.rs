//! Names beside points: each where it covers neither another name nor a point, as far as there is
//! such a place.

use super::pen::{Point, SOFT_INK, TEXT};
use crate::{CAPTION_HEIGHT, Picture, caption_width};

/// Pixels between a point and its name.
const APART: f64 = 9.0;

/// Left, top, right, bottom in pixels.
type Rectangle = (f64, f64, f64, f64);

/// Names that are drawn when all points are known.
pub(super) struct Labels {
    bounds: Rectangle,
    /// The rectangles that must not be covered.
    taken: Vec<Rectangle>,
    names: Vec<(Point, String)>,
}

impl Labels {
    /// No names yet, which are to stay within the rectangle (left, top, width, height).
    pub(super) fn new((left, top, width, height): (u32, u32, u32, u32)) -> Self {
        let bounds =
            (f64::from(left), f64::from(top), f64::from(left + width), f64::from(top + height));
        Self { bounds, taken: Vec::new(), names: Vec::new() }
    }

    /// Keeps names away from a dot.
    pub(super) fn avoid(&mut self, (x, y): Point, radius: f64) {
        self.taken.push((x - radius, y - radius, x + radius, y + radius));
    }

    /// Keeps names away from a line along an axis.
    pub(super) fn avoid_bar(&mut self, (a, b): (Point, Point)) {
        self.taken.push((
            a.0.min(b.0) - 1.0,
            a.1.min(b.1) - 1.0,
            a.0.max(b.0) + 1.0,
            a.1.max(b.1) + 1.0,
        ));
    }

    /// A name that is to stand beside a point.
    pub(super) fn add(&mut self, point: Point, name: &str) {
        self.names.push((point, name.to_owned()));
    }

    /// Writes the names, the first ones where they please.
    pub(super) fn draw(mut self, picture: &mut Picture) {
        for (point, name) in std::mem::take(&mut self.names) {
            let (left, top) = self.place(point, &name);
            picture.draw_text(&name, left as u32, top as u32, TEXT, SOFT_INK);
        }
    }

    /// The upper left corner of a name: right of its point, else left, above, below, or where it
    /// covers least.
    fn place(&mut self, (x, y): Point, name: &str) -> Point {
        let (width, height) =
            (f64::from(caption_width(name) * TEXT), f64::from(CAPTION_HEIGHT * TEXT));
        let (right, left, middle) = (x + APART, x - APART - width, x - width / 2.0);
        let (beside, above, below) = (y - height / 2.0, y - APART - height, y + APART);
        let corners = [
            (right, beside),
            (left, beside),
            (middle, above),
            (middle, below),
            (right, above),
            (right, below),
            (left, above),
            (left, below),
        ];
        // A name that is longer than the axes begins where they do.
        let within = |(left, top): Point| {
            (
                left.min(self.bounds.2 - width).max(self.bounds.0),
                top.min(self.bounds.3 - height).max(self.bounds.1),
            )
        };
        let rectangle = |(left, top): Point| (left, top, left + width, top + height);
        let covered = |corner: &Point| {
            self.taken.iter().map(|taken| common(rectangle(*corner), *taken)).sum::<f64>()
        };
        let best = corners
            .map(within)
            .into_iter()
            .min_by(|a, b| covered(a).total_cmp(&covered(b)))
            .unwrap_or((x, y));
        self.taken.push(rectangle(best));
        best
    }
}

/// The area that two rectangles share.
fn common(a: Rectangle, b: Rectangle) -> f64 {
    (a.2.min(b.2) - a.0.max(b.0)).max(0.0) * (a.3.min(b.3) - a.1.max(b.1)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_close_points_cover_neither_each_other_nor_the_points() {
        let mut labels = Labels::new((0, 0, 500, 300));
        let points = [(250.0, 150.0), (262.0, 155.0), (246.0, 140.0), (497.0, 2.0)];
        points.iter().for_each(|point| labels.avoid(*point, 3.5));
        let corners: Vec<Point> = points.iter().map(|point| labels.place(*point, "run")).collect();
        for (i, a) in labels.taken.iter().enumerate() {
            assert!(
                labels.taken[..i].iter().skip(points.len()).all(|b| common(*a, *b) == 0.0),
                "{i}"
            );
        }
        // The one in the corner stays within the axes.
        assert!(
            corners[3].0 <= 500.0 - f64::from(caption_width("run") * TEXT) && corners[3].1 >= 0.0
        );
    }

    #[test]
    fn a_name_too_long_for_the_axes_begins_at_their_left_end() {
        let mut labels = Labels::new((10, 10, 50, 50));
        assert_eq!(labels.place((30.0, 30.0), &"long".repeat(30)).0, 10.0);
    }
}
