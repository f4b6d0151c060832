//! Placing annotated boxes in the upright picture.
//!
//! An annotation may state the size of the picture that its boxes were drawn on.
//! That may be the stored picture, before its EXIF orientation is applied, or one of another scale.
//! Boxes may also be fractions of the picture; the stated size is then 1 × 1.

use super::bounding_box::BoundingBox;
use crate::dataset::rejects::{Fault, Reason};

/// The picture that boxes were drawn on, and the scale from it to the present one, across and down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading {
    /// The upright picture, as it is.
    Same,
    /// The upright picture in another size.
    Upright([f64; 2]),
    /// The stored picture.
    Stored([f64; 2]),
}

/// Scaling rounds a side by less than this many pixels.
const ROUNDING: f64 = 1.0;

/// Reads boxes that were drawn on a picture of extents `drawn_on`.
///
/// The simplest reading that fits is taken: no change, a rotation, a scale, both.
///
/// # Errors
/// When the shape fits neither the upright nor the stored picture.
pub fn reading(
    drawn_on: Option<[f64; 2]>,
    upright: (u32, u32),
    stored: (u32, u32),
) -> Result<Reading, Fault> {
    let Some(drawn) = drawn_on else { return Ok(Reading::Same) };
    let [upright, stored] =
        [upright, stored].map(|(width, height)| [f64::from(width), f64::from(height)]);
    let scale = |to: [f64; 2]| [to[0] / drawn[0], to[1] / drawn[1]];
    if drawn == [1.0, 1.0] {
        return Ok(Reading::Upright(scale(upright)));
    }
    // Some tools count the last pixel, others do not.
    let same = |picture: [f64; 2]| (0..2).all(|side| (picture[side] - drawn[side]).abs() <= 1.0);
    if same(upright) {
        return Ok(Reading::Same);
    }
    if same(stored) {
        return Ok(Reading::Stored([1.0; 2]));
    }
    // A side of the smaller picture that is off by less than a pixel changes the product by less
    // than a side of the larger one.
    let off = |picture: [f64; 2]| (picture[0] * drawn[1] - picture[1] * drawn[0]).abs();
    let longest = |picture: [f64; 2]| picture[0].max(picture[1]).max(drawn[0]).max(drawn[1]);
    let fits = |picture: [f64; 2]| off(picture) <= ROUNDING * longest(picture);
    match (fits(upright), fits(stored)) {
        (true, by_turn) if !by_turn || off(upright) <= off(stored) => {
            Ok(Reading::Upright(scale(upright)))
        }
        (_, true) => Ok(Reading::Stored(scale(stored))),
        _ => {
            let [width, height] = drawn;
            let what = format!(
                "the annotation is of {width}x{height} pixels, the picture has {}x{}",
                upright[0], upright[1]
            );
            Err(Fault::new(Reason::SizeMismatch, what))
        }
    }
}

impl Reading {
    /// The box in the upright picture; `to_upright` maps a point of the stored picture to it.
    #[must_use]
    pub fn place(
        &self,
        drawn: BoundingBox,
        to_upright: impl Fn((f64, f64)) -> (f64, f64),
    ) -> BoundingBox {
        let scaled = |[across, down]: [f64; 2]| BoundingBox {
            x: drawn.x * across,
            y: drawn.y * down,
            width: drawn.width * across,
            height: drawn.height * down,
        };
        match *self {
            Self::Same => drawn,
            Self::Upright(scale) => scaled(scale),
            // A box without area stays without: rotated corners would turn a negative side into a
            // positive one.
            Self::Stored(scale) if !drawn.has_area() => scaled(scale),
            Self::Stored(scale) => {
                let b = scaled(scale);
                let (first, second) =
                    (to_upright((b.x, b.y)), to_upright((b.x + b.width, b.y + b.height)));
                BoundingBox {
                    x: first.0.min(second.0),
                    y: first.1.min(second.1),
                    width: (first.0 - second.0).abs(),
                    height: (first.1 - second.1).abs(),
                }
            }
        }
    }
}

/// Returns whether boxes must be fractions of their pictures: all lie within 0 to 1, and not all
/// are whole numbers.
/// False without boxes.
#[must_use]
pub fn are_fractions<'a>(boxes: impl IntoIterator<Item = &'a BoundingBox>) -> bool {
    // Rounded to four digits, the sum of an edge and a width may exceed 1.
    let most = 1.0 + 1e-3;
    let mut whole = true;
    for b in boxes.into_iter().filter(|b| b.has_area()) {
        let edges = [b.x, b.y, b.x + b.width, b.y + b.height];
        if edges.iter().any(|edge| !(-1e-3..=most).contains(edge)) {
            return false;
        }
        whole &= edges.iter().all(|edge| edge.fract() == 0.0);
    }
    !whole
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOX: BoundingBox = BoundingBox { x: 10.0, y: 20.0, width: 30.0, height: 5.0 };

    /// The place of a point of a stored picture under EXIF orientations 1 to 8 (EXIF 2.32, table
    /// 6), written out one by one.
    fn upright(orientation: u8, (x, y): (f64, f64), [width, height]: [f64; 2]) -> (f64, f64) {
        match orientation {
            1 => (x, y),
            2 => (width - x, y),
            3 => (width - x, height - y),
            4 => (x, height - y),
            5 => (y, x),
            6 => (height - y, x),
            7 => (height - y, width - x),
            _ => (y, width - x),
        }
    }

    #[test]
    fn boxes_on_the_stored_picture_are_turned_with_it() {
        // The stored picture has 100 × 60 pixels; boxes were drawn on one of twice that size.
        for orientation in 5..=8 {
            let reading = reading(Some([200.0, 120.0]), (60, 100), (100, 60)).expect("fits");
            assert_eq!(reading, Reading::Stored([0.5, 0.5]));
            let placed = reading.place(BOX, |point| upright(orientation, point, [100.0, 60.0]));
            let expected = match orientation {
                5 => (10.0, 5.0),
                6 => (60.0 - 12.5, 5.0),
                7 => (60.0 - 12.5, 100.0 - 20.0),
                _ => (10.0, 100.0 - 20.0),
            };
            assert_eq!((placed.x, placed.y), expected, "orientation {orientation}");
            assert_eq!((placed.width, placed.height), (2.5, 15.0), "orientation {orientation}");
        }
    }

    #[test]
    fn the_reading_that_needs_least_is_taken() {
        let stored = (100, 60);
        for orientation in 1..=8 {
            let upright = if orientation < 5 { stored } else { (60, 100) };
            let [w, h] = [upright.0, upright.1].map(f64::from);
            // Of its own size, or a pixel off.
            for drawn in [[w, h], [w - 1.0, h], [w, h + 1.0]] {
                assert_eq!(
                    reading(Some(drawn), upright, stored),
                    Ok(Reading::Same),
                    "{orientation} {drawn:?}"
                );
            }
            assert_eq!(reading(None, upright, stored), Ok(Reading::Same));
            assert_eq!(
                reading(Some([2.0 * w, 2.0 * h]), upright, stored),
                Ok(Reading::Upright([0.5, 0.5]))
            );
            assert_eq!(reading(Some([1.0, 1.0]), upright, stored), Ok(Reading::Upright([w, h])));
            let turned = reading(Some([h, w]), upright, stored);
            if orientation < 5 {
                let fault = turned.expect_err("no reading");
                assert_eq!(fault.reason, Reason::SizeMismatch);
                assert_eq!(
                    fault.value,
                    "the annotation is of 60x100 pixels, the picture has 100x60"
                );
            } else {
                assert_eq!(turned, Ok(Reading::Stored([1.0, 1.0])));
            }
        }
        // A square has only one reading.
        assert_eq!(reading(Some([50.0, 50.0]), (50, 50), (50, 50)), Ok(Reading::Same));
        assert_eq!(
            reading(Some([100.0, 100.0]), (50, 50), (50, 50)),
            Ok(Reading::Upright([0.5, 0.5]))
        );
    }

    #[test]
    fn a_scaled_side_may_be_rounded_either_way() {
        for (width, height) in [(1000u32, 667u32), (640, 427), (333, 500), (4032, 3024), (31, 17)] {
            for longer in [16u32, 64, 100, 333] {
                let scale = f64::from(longer) / f64::from(width.max(height));
                let [w, h] = [width, height].map(|side| f64::from(side) * scale);
                for scaled in [[w.floor(), h.floor()], [w.round(), h.round()], [w.ceil(), h.ceil()]]
                {
                    let small = scaled.map(|side| (side as u32).max(1));
                    let shrunk = reading(
                        Some([width, height].map(f64::from)),
                        (small[0], small[1]),
                        (small[0], small[1]),
                    );
                    assert!(shrunk.is_ok(), "{width}x{height} at {small:?}");
                    let enlarged =
                        reading(Some(small.map(f64::from)), (width, height), (width, height));
                    assert!(enlarged.is_ok() || small == [1, 1], "{small:?} at {width}x{height}");
                }
            }
        }
        assert!(reading(Some([640.0, 480.0]), (640, 360), (640, 360)).is_err());
    }

    #[test]
    fn fractions_are_told_from_pixels() {
        let corners = |x: f64, y: f64, width: f64, height: f64| BoundingBox { x, y, width, height };
        assert!(are_fractions([&corners(0.1, 0.2, 0.3, 0.4), &corners(0.0, 0.0, 1.0, 1.0)]));
        assert!(are_fractions([&corners(0.5, 0.5, 0.5004, 0.5)]));
        assert!(!are_fractions([&corners(0.0, 0.0, 1.0, 1.0)]));
        assert!(!are_fractions([&corners(0.1, 0.2, 0.3, 0.4), &BOX]));
        assert!(!are_fractions([&corners(0.1, 0.2, 0.0, f64::NAN)]));
        assert!(!are_fractions([]));
    }
}
