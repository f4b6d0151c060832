//! Bias and activation over channels-last pictures, in place if the tensor is not shared; the
//! gradient is computed from the result alone.

use rayon::prelude::*;

use super::memory::Buffer;
use crate::{Activation, Rectifier};

/// Numbers per task.
const RANGE: usize = 1 << 14;

fn range(channels: usize) -> usize {
    (RANGE / channels).max(1) * channels
}

impl Activation {
    #[inline]
    fn of(self, x: f32) -> f32 {
        match self {
            Self::LeakyRelu(slope) => x.max(0.0) + slope * x.min(0.0),
            // `clamp` keeps NaN.
            Self::Rectify(Rectifier { slope, gain, bound }) => {
                (gain * if x > 0.0 { x } else { slope * x }).clamp(-bound, bound)
            }
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Self::Tanh => x.tanh(),
        }
    }

    /// The derivative at the result `y`.
    #[inline]
    fn slope_at(self, y: f32) -> f32 {
        match self {
            Self::LeakyRelu(slope) => {
                if y > 0.0 {
                    1.0
                } else {
                    slope
                }
            }
            Self::Rectify(rectifier) => rectifier.slope_at(y),
            Self::Sigmoid => y * (1.0 - y),
            Self::Tanh => 1.0 - y * y,
        }
    }
}

/// x ← activation(x + bias), `x` [positions, channels].
pub(super) fn forward(x: &mut [f32], bias: &[f32], activation: Activation) {
    x.par_chunks_mut(range(bias.len())).for_each(|x| {
        for x in x.chunks_exact_mut(bias.len()) {
            x.iter_mut().zip(bias).for_each(|(x, b)| *x = activation.of(*x + b));
        }
    });
}

/// Gradients of x and of the bias from the result `y` and its gradient `g`. The bias gradient is
/// summed in `f64` over fixed ranges.
pub(super) fn backward(
    y: &[f32],
    g: &[f32],
    channels: usize,
    activation: Activation,
) -> (Buffer, Buffer) {
    let range = range(channels);
    let mut dx = Buffer::any(y.len());
    let parts: Vec<Vec<f64>> = dx
        .par_chunks_mut(range)
        .zip(y.par_chunks(range).zip(g.par_chunks(range)))
        .map(|(dx, (y, g))| {
            let mut sums = vec![0.0; channels];
            let positions = y.chunks_exact(channels).zip(g.chunks_exact(channels));
            for (dx, (y, g)) in dx.chunks_exact_mut(channels).zip(positions) {
                for (((dx, y), g), sum) in dx.iter_mut().zip(y).zip(g).zip(&mut sums) {
                    *dx = g * activation.slope_at(*y);
                    *sum += f64::from(*dx);
                }
            }
            sums
        })
        .collect();
    let mut d_bias = Buffer::any(channels);
    for (c, d) in d_bias.iter_mut().enumerate() {
        *d = parts.iter().map(|p| p[c]).sum::<f64>() as f32;
    }
    (dx, d_bias)
}

/// `t` times the derivative of the rectifier that gave `y`.
pub(super) fn tangent(y: &[f32], t: &[f32], rectifier: Rectifier) -> Buffer {
    let mut tangent = Buffer::any(t.len());
    tangent.par_chunks_mut(RANGE).zip(y.par_chunks(RANGE).zip(t.par_chunks(RANGE))).for_each(
        |(tangent, (y, t))| {
            tangent
                .iter_mut()
                .zip(y.iter().zip(t))
                .for_each(|(d, (y, t))| *d = t * rectifier.slope_at(*y));
        },
    );
    tangent
}
