//! The transforms of the Keras example (Béres 2021): flip, shift, rotation and zoom in one
//! resampling.

use shared::nn::ops::{Affine, Border, Lookups};
use shared::rng::Stream;

use super::plan::Plan;

/// Largest shift, as a fraction of height and width.
const MAX_SHIFT: f64 = 0.125;
/// Largest rotation, in turns.
const MAX_ROTATION: f64 = 0.125;
/// Largest zoom: the visible window shrinks by up to this share.
const MAX_ZOOM: f64 = 0.25;

/// The transform of one picture, in order of application.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Transform {
    /// Mirrors left to right.
    pub flip: bool,
    /// Fraction of the height by which the content moves down.
    pub shift_y: f64,
    /// Fraction of the width by which the content moves right.
    pub shift_x: f64,
    /// Turns counter-clockwise.
    pub rotation: f64,
    /// Fraction by which the window's height shrinks (negative).
    pub zoom_y: f64,
    /// Fraction by which the window's width shrinks (negative).
    pub zoom_x: f64,
}

impl Transform {
    /// Flip ½; shift ±12.5% of height and width; rotation ±0.125 turns; zoom in 0–25%, height and
    /// width independently.
    #[must_use]
    pub fn draw(stream: &mut Stream) -> Self {
        Self {
            flip: stream.coin(0.5),
            shift_y: stream.between(-MAX_SHIFT, MAX_SHIFT),
            shift_x: stream.between(-MAX_SHIFT, MAX_SHIFT),
            rotation: stream.between(-MAX_ROTATION, MAX_ROTATION),
            zoom_y: stream.between(-MAX_ZOOM, 0.0),
            zoom_x: stream.between(-MAX_ZOOM, 0.0),
        }
    }

    /// The map from an output pixel of a `height`×`width` picture to its source position: M =
    /// F·T·R·Z of docs/CONVENTIONS.md.
    #[must_use]
    pub fn affine(&self, height: usize, width: usize) -> Affine {
        let (h, w) = (height as f64, width as f64);
        let (cy, cx) = ((h - 1.0) / 2.0, (w - 1.0) / 2.0);
        let (sy, sx) = (1.0 + self.zoom_y, 1.0 + self.zoom_x);
        let zoom = Affine([[sx, 0.0, cx * (1.0 - sx)], [0.0, sy, cy * (1.0 - sy)]]);
        let (sin, cos) = (std::f64::consts::TAU * self.rotation).sin_cos();
        let rotation =
            Affine([[cos, -sin, cx - cx * cos + cy * sin], [sin, cos, cy - cx * sin - cy * cos]]);
        // Whole pixels: the recipe shifts with nearest interpolation.
        let (dy, dx) = ((self.shift_y * h).round_ties_even(), (self.shift_x * w).round_ties_even());
        let shift = Affine([[1.0, 0.0, -dx], [0.0, 1.0, -dy]]);
        let flip = if self.flip {
            Affine([[-1.0, 0.0, w - 1.0], [0.0, 1.0, 0.0]])
        } else {
            Affine::IDENTITY
        };
        flip.after(&shift).after(&rotation).after(&zoom)
    }
}

impl Transform {
    /// Draws each of the four layers independently, with probability `p`.
    #[must_use]
    pub fn draw_each(p: f64, stream: &mut Stream) -> Self {
        let all = Self::draw(stream);
        let mut kept = Self::default();
        if stream.coin(p) {
            kept.flip = all.flip;
        }
        if stream.coin(p) {
            (kept.shift_y, kept.shift_x) = (all.shift_y, all.shift_x);
        }
        if stream.coin(p) {
            kept.rotation = all.rotation;
        }
        if stream.coin(p) {
            (kept.zoom_y, kept.zoom_x) = (all.zoom_y, all.zoom_x);
        }
        kept
    }
}

/// Draws a transform for each of `n` pictures, or `None` where no layer applies. With `one_coin`,
/// one coin decides for the whole picture.
#[must_use]
pub fn draw(one_coin: bool, p: f64, n: usize, stream: &mut Stream) -> Vec<Option<Transform>> {
    let one = |stream: &mut Stream| match one_coin {
        true => stream.coin(p).then(|| Transform::draw(stream)),
        false => Some(Transform::draw_each(p, stream)).filter(|t| *t != Transform::default()),
    };
    (0..n).map(|_| one(stream)).collect()
}

/// One resampling per picture, with reflected borders.
#[must_use]
pub fn plan(drawn: &[Option<Transform>], [_, height, width]: [usize; 3]) -> Plan {
    let maps: Vec<_> = drawn.iter().map(|t| t.map(|t| t.affine(height, width))).collect();
    if maps.iter().all(Option::is_none) {
        return Plan::default();
    }
    Plan::in_any_range(vec![Box::new(Lookups {
        maps,
        border: Border::Reflect,
        extent: [height, width],
    })])
}
