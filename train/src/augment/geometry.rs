//! The geometry of StyleGAN2-ADA: mirrored borders, upsampling by two with sym6, one bilinear
//! resampling with zeros outside, and downsampling.

use std::sync::Arc;

use burn::tensor::Tensor;
use shared::nn::ops::{Affine, Border, Lookups, Resampling, resample};

use super::fir::{self, PAD};
use super::plan::Step;

/// Resamples each picture through its own map at twice its rate.
#[derive(Clone, Debug)]
pub struct Resample(Arc<Resampling>);

/// The margin in pixels on both sides of an axis: the farthest distance from the centre that any
/// picture's corners map to, but less than the length of the axis.
fn margins(corners: impl Iterator<Item = f64> + Clone, n: usize) -> [usize; 2] {
    let centre = (n as f64 - 1.0) / 2.0;
    let reach =
        |far: f64| (far + 2.0 * PAD as f64 - centre).clamp(0.0, n as f64 - 1.0).ceil() as usize;
    [
        reach(corners.clone().map(|c| -c).fold(f64::MIN, f64::max)),
        reach(corners.fold(f64::MIN, f64::max)),
    ]
}

impl Resample {
    /// Each picture's map takes an output pixel to its source position, both in pixels from the
    /// centre; `None` leaves a picture as it is. All pictures get the largest margin that any of
    /// them needs, as in the reference; beyond it there are zeros.
    #[must_use]
    pub fn new(maps: &[Option<Affine>], [height, width]: [usize; 2]) -> Self {
        let (cy, cx) = ((height as f64 - 1.0) / 2.0, (width as f64 - 1.0) / 2.0);
        let corners_of = |map: &Option<Affine>| {
            let map = map.unwrap_or(Affine::IDENTITY);
            [(-cx, -cy), (cx, -cy), (cx, cy), (-cx, cy)].map(|(x, y)| map.at(x, y))
        };
        let corners = maps.iter().flat_map(corners_of);
        let [left, right] = margins(corners.clone().map(|[x, _]| x), width);
        let [top, bottom] = margins(corners.map(|[_, y]| y), height);
        let up = [fir::up(height, top, bottom), fir::up(width, left, right)];
        let extent = [2 * (height + 2 * PAD), 2 * (width + 2 * PAD)];
        // From the centre of the result to that of the upsampled picture. The centre moves by half
        // a sample, because zeros are inserted after the samples.
        let middle = |samples: usize| (samples as f64 - 1.0) / 2.0;
        let from =
            Affine([[1.0, 0.0, 0.5 - middle(extent[1])], [0.0, 1.0, 0.5 - middle(extent[0])]]);
        let offset = |before: usize, after: usize, samples: usize| {
            before as f64 - after as f64 - 0.5 + middle(samples)
        };
        let (dx, dy) =
            (offset(left, right, up[1].results.len()), offset(top, bottom, up[0].results.len()));
        let to = Affine([[1.0, 0.0, dx], [0.0, 1.0, dy]]);
        let in_samples = |Affine(rows): Affine| {
            to.after(&Affine(rows.map(|[a, b, t]| [a, b, 2.0 * t]))).after(&from)
        };
        Self(Arc::new(Resampling {
            up,
            lookups: Lookups {
                maps: maps.iter().map(|map| map.map(in_samples)).collect(),
                border: Border::Zeros,
                extent,
            },
            down: [fir::down(height), fir::down(width)],
        }))
    }
}

impl Step for Resample {
    fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        resample(x, &self.0)
    }
}
