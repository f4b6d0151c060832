//! Adaptive discriminator augmentation (Karras et al. 2020, arXiv:2006.06676, in the form of the Keras example): real and
//! generated pictures go through the same random transforms before D sees them, with a probability p that rises while D
//! takes too many reals for real.

use shared::nn::config::{AugmentConfig, PipelineName};
use shared::rng::Stream;

pub use shared::nn::ops::{Affine, warp};

/// Largest shift, as a share of height and width.
const MAX_SHIFT: f64 = 0.125;
/// Largest rotation, in turns.
const MAX_ROTATION: f64 = 0.125;
/// Largest zoom: the window that is seen shrinks by up to this share.
const MAX_ZOOM: f64 = 0.25;

/// The transform of one picture, in the order in which they apply.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Transform {
    /// Mirror left-right.
    pub flip: bool,
    /// Share of the height by which the content moves down.
    pub shift_y: f64,
    /// Share of the width by which the content moves right.
    pub shift_x: f64,
    /// Turns counter-clockwise.
    pub rotation: f64,
    /// The window's height shrinks by this share (negative).
    pub zoom_y: f64,
    /// The window's width likewise.
    pub zoom_x: f64,
}

impl Transform {
    /// Flip ½; shift ±12.5% of height and width; rotation ±0.125 turns; zoom in 0–25%, height and width apart.
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

    /// Where each output pixel of a `height`×`width` picture is looked up: M = F·T·R·Z of docs/CONVENTIONS.md.
    #[must_use]
    pub fn affine(&self, height: usize, width: usize) -> Affine {
        let (h, w) = (height as f64, width as f64);
        let (cy, cx) = ((h - 1.0) / 2.0, (w - 1.0) / 2.0);
        let (sy, sx) = (1.0 + self.zoom_y, 1.0 + self.zoom_x);
        let zoom = Affine([[sx, 0.0, cx * (1.0 - sx)], [0.0, sy, cy * (1.0 - sy)]]);
        let (sin, cos) = (std::f64::consts::TAU * self.rotation).sin_cos();
        let rotation = Affine([[cos, -sin, cx - cx * cos + cy * sin], [sin, cos, cy - cx * sin - cy * cos]]);
        // Whole pixels: the recipe shifts with nearest interpolation.
        let (dy, dx) = ((self.shift_y * h).round_ties_even(), (self.shift_x * w).round_ties_even());
        let shift = Affine([[1.0, 0.0, -dx], [0.0, 1.0, -dy]]);
        let flip = if self.flip { Affine([[-1.0, 0.0, w - 1.0], [0.0, 1.0, 0.0]]) } else { Affine::IDENTITY };
        flip.after(&shift).after(&rotation).after(&zoom)
    }
}

/// For each of `n` pictures its transform, or `None` for the share 1 − p that pass unchanged.
#[must_use]
pub fn draw(pipeline: PipelineName, p: f64, n: usize, stream: &mut Stream) -> Vec<Option<Transform>> {
    (0..n)
        .map(|_| match pipeline {
            PipelineName::None => None,
            PipelineName::Keras => stream.coin(p).then(|| Transform::draw(stream)),
        })
        .collect()
}

/// The next p: moved by the difference between D's accuracy on reals and its target.
#[must_use]
pub fn next_probability(config: &AugmentConfig, p: f64, real_accuracy: f64) -> f64 {
    (p + (real_accuracy - config.target_accuracy) / config.integration_steps).clamp(0.0, config.max_probability)
}

#[cfg(test)]
mod tests;
