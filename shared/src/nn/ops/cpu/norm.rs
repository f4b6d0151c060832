//! Batch normalisation and the leaky ReLU behind it over contiguous [batch, channels, positions] `f32` slices, in one pass
//! forward and two passes backward. Sums run in `f64` and in one order for any number of threads.

use rayon::prelude::*;

/// Sizes of the tensor that is normalised.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planes {
    pub(super) batch: usize,
    pub(super) channels: usize,
    pub(super) positions: usize,
}

/// The affine map that normalisation is for one channel: pre = scale·x + shift.
#[derive(Clone, Copy)]
struct Affine {
    mean: f32,
    inverse_deviation: f32,
    scale: f32,
    shift: f32,
}

impl Planes {
    fn picture(&self) -> usize {
        self.channels * self.positions
    }

    /// Applies `f` to every channel's planes in turn and collects its sums.
    fn sums<S: Send>(&self, f: impl Fn(usize, &mut dyn Iterator<Item = std::ops::Range<usize>>) -> S + Sync) -> Vec<S> {
        (0..self.channels)
            .into_par_iter()
            .map(|c| {
                let mut planes = (0..self.batch).map(|b| {
                    let at = b * self.picture() + c * self.positions;
                    at..at + self.positions
                });
                f(c, &mut planes)
            })
            .collect()
    }

    /// Mean and biased variance of every channel: [2, channels].
    pub(super) fn moments(&self, x: &[f32]) -> Vec<f32> {
        let n = (self.batch * self.positions) as f64;
        let sums = self.sums(|_, planes| {
            let (mut sum, mut squares) = ([0.0f64; 4], [0.0f64; 4]);
            for plane in planes {
                for quad in x[plane].chunks(4) {
                    for (lane, &v) in quad.iter().enumerate() {
                        let v = f64::from(v);
                        sum[lane] += v;
                        squares[lane] += v * v;
                    }
                }
            }
            (sum.iter().sum::<f64>(), squares.iter().sum::<f64>())
        });
        let mean = sums.iter().map(|(s, _)| s / n);
        let variance = sums.iter().map(|(s, q)| (q / n - (s / n) * (s / n)).max(0.0));
        mean.chain(variance).map(|v| v as f32).collect()
    }

    fn affine(&self, moments: &[f32], gamma: &[f32], beta: &[f32], epsilon: f32) -> Vec<Affine> {
        let (mean, variance) = moments.split_at(self.channels);
        (0..self.channels)
            .map(|c| {
                let inverse_deviation = 1.0 / (variance[c] + epsilon).sqrt();
                let scale = gamma[c] * inverse_deviation;
                Affine { mean: mean[c], inverse_deviation, scale, shift: beta[c] - mean[c] * scale }
            })
            .collect()
    }

    /// y = lrelu(γ·(x − mean)/√(variance + ε) + β), slope `slope` below zero.
    pub(super) fn forward(&self, x: &[f32], gamma: &[f32], beta: &[f32], moments: &[f32], epsilon: f32, slope: f32) -> Vec<f32> {
        let affine = self.affine(moments, gamma, beta, epsilon);
        let mut y = vec![0.0; x.len()];
        y.par_chunks_mut(self.picture()).zip(x.par_chunks(self.picture())).for_each(|(y, x)| {
            for ((y, x), a) in y.chunks_mut(self.positions).zip(x.chunks(self.positions)).zip(&affine) {
                for (y, x) in y.iter_mut().zip(x) {
                    let pre = x * a.scale + a.shift;
                    *y = if pre > 0.0 { pre } else { pre * slope };
                }
            }
        });
        y
    }

    /// Gradients of x, γ and β, the moments being those of `x` itself (Ioffe & Szegedy 2015, section 3).
    pub(super) fn backward(
        &self,
        [x, gamma, beta, moments, grad]: [&[f32]; 5],
        epsilon: f32,
        slope: f32,
    ) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let affine = self.affine(moments, gamma, beta, epsilon);
        let through = |a: &Affine, x: f32, g: f32| if x * a.scale + a.shift > 0.0 { g } else { g * slope };
        let sums = self.sums(|c, planes| {
            let a = &affine[c];
            let (mut sum, mut product) = ([0.0f64; 4], [0.0f64; 4]);
            for plane in planes {
                for (x, g) in x[plane.clone()].chunks(4).zip(grad[plane].chunks(4)) {
                    for (lane, (&x, &g)) in x.iter().zip(g).enumerate() {
                        let g = through(a, x, g);
                        sum[lane] += f64::from(g);
                        product[lane] += f64::from(g * (x - a.mean));
                    }
                }
            }
            let (sum, product) = (sum.iter().sum::<f64>(), product.iter().sum::<f64>());
            (sum as f32, (product * f64::from(a.inverse_deviation)) as f32)
        });
        let n = (self.batch * self.positions) as f32;
        let mut dx = vec![0.0; x.len()];
        dx.par_chunks_mut(self.picture()).enumerate().for_each(|(b, dx)| {
            let at = b * self.picture();
            let (x, g) = (&x[at..at + self.picture()], &grad[at..at + self.picture()]);
            for (c, dx) in dx.chunks_mut(self.positions).enumerate() {
                let (a, (sum, product)) = (&affine[c], sums[c]);
                let plane = c * self.positions..(c + 1) * self.positions;
                // γ/σ·(g − mean(g) − x̂·mean(g·x̂)), with x̂ = (x − mean)/σ.
                let (mean_g, slope_x) = (sum / n, product / n * a.inverse_deviation);
                for ((dx, &x), &g) in dx.iter_mut().zip(&x[plane.clone()]).zip(&g[plane]) {
                    *dx = a.scale * (through(a, x, g) - mean_g - (x - a.mean) * slope_x);
                }
            }
        });
        let (d_beta, d_gamma) = sums.into_iter().unzip();
        (dx, d_gamma, d_beta)
    }
}
