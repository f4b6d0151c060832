//! Boxes around objects, and the window of whole pixels that is cropped around a box.
//!
//! The rule is that of the Keras example "Data-efficient GANs with ADA" (Béres, 2021);
//! docs/CONVENTIONS.md has it in words.

use shared::picture::Window;

/// A box around an object, in pixels of the upright picture; its edges may lie between pixels or
/// outside the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoundingBox {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

/// An object in a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// The box, in pixels of the picture that it was drawn on ([`crate::source::Entry::drawn_on`]).
    pub bounding_box: BoundingBox,
    /// Its class, an index into [`crate::source::Listing::classes`].
    pub label: Option<u32>,
}

impl BoundingBox {
    /// Returns whether all numbers are finite and the area is positive.
    #[must_use]
    pub fn has_area(&self) -> bool {
        let finite = [self.x, self.y, self.width, self.height].iter().all(|v| v.is_finite());
        finite && self.width > 0.0 && self.height > 0.0
    }

    /// The square around the box with `pixels` more on each side of its longer side.
    #[must_use]
    pub fn grown(&self, pixels: f64) -> Self {
        let side = self.width.max(self.height) + 2.0 * pixels;
        let (cx, cy) = (self.x + self.width / 2.0, self.y + self.height / 2.0);
        Self { x: cx - side / 2.0, y: cy - side / 2.0, width: side, height: side }
    }

    /// The area that lies within a picture of `width` × `height` pixels; 0 without
    /// [area](Self::has_area).
    #[must_use]
    pub fn area_within(&self, width: u32, height: u32) -> f64 {
        self.overlap(&Self { x: 0.0, y: 0.0, width: f64::from(width), height: f64::from(height) })
    }

    /// The area that two boxes share.
    #[must_use]
    pub fn overlap(&self, other: &Self) -> f64 {
        if !self.has_area() || !other.has_area() {
            return 0.0;
        }
        let shared = |a: f64, a_side: f64, b: f64, b_side: f64| {
            ((a + a_side).min(b + b_side) - a.max(b)).max(0.0)
        };
        shared(self.x, self.width, other.x, other.width)
            * shared(self.y, self.height, other.y, other.height)
    }

    /// The window to crop from a picture of `width` × `height` pixels.
    ///
    /// It is a square of side (1 + padding) · max(box height, box width) around the centre of the
    /// box.
    /// Each side shrinks to what fits around the centre: min(side, 2·c, 2·(extent − c)).
    /// `None` if the centre lies outside the picture.
    #[must_use]
    pub fn window(&self, padding_fraction: f64, width: u32, height: u32) -> Option<Window> {
        let side =
            ((1.0 + padding_fraction) * self.height).max((1.0 + padding_fraction) * self.width);
        let (left, columns) = span(self.x + self.width / 2.0, side, width)?;
        let (top, rows) = span(self.y + self.height / 2.0, side, height)?;
        Some(Window { left, top, width: columns, height: rows })
    }
}

/// Start and length, in whole pixels, of `side` around `centre` within `extent`.
///
/// Rounds half to even, like `tf.round` and `numpy.round`; f64 throughout, in the order of the
/// reference.
fn span(centre: f64, side: f64, extent: u32) -> Option<(u32, u32)> {
    let limit = f64::from(extent);
    let target = side.min(2.0 * centre).min(2.0 * (limit - centre));
    if target.is_nan() || target <= 0.0 {
        return None;
    }
    let start = (centre - target / 2.0).round_ties_even();
    let length = target.round_ties_even().min(limit - start.max(0.0)).max(1.0);
    Some((start.min(limit - 1.0).max(0.0) as u32, length as u32))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn window(x: f64, y: f64, width: f64, height: f64) -> Option<Window> {
        BoundingBox { x, y, width, height }.window(0.25, 100, 80)
    }

    #[test]
    fn a_box_in_the_middle_becomes_a_padded_square() {
        assert_eq!(
            window(40.0, 30.0, 20.0, 16.0),
            Some(Window { left: 38, top: 26, width: 25, height: 25 })
        );
    }

    #[test]
    fn each_side_shrinks_by_itself_at_the_border() {
        // Centre (10, 40), side 50: 20 columns fit around the centre, all 50 rows do.
        assert_eq!(
            window(0.0, 20.0, 20.0, 40.0),
            Some(Window { left: 0, top: 15, width: 20, height: 50 })
        );
    }

    #[test]
    fn a_box_whose_centre_lies_outside_leaves_nothing() {
        assert_eq!(window(-30.0, 0.0, 20.0, 20.0), None);
        assert_eq!(window(100.0, 0.0, 20.0, 20.0), None);
    }

    proptest! {
        #[test]
        fn a_window_always_lies_within_the_picture(
            x in -300.0..300.0f64, y in -300.0..300.0f64, w in 0.001..400.0f64, h in 0.001..400.0f64,
            padding in 0.0..3.0f64, width in 1u32..200, height in 1u32..200,
        ) {
            if let Some(window) = (BoundingBox { x, y, width: w, height: h }).window(padding, width, height) {
                prop_assert!(window.width >= 1 && window.left + window.width <= width);
                prop_assert!(window.height >= 1 && window.top + window.height <= height);
            }
        }
    }
}
