//! Batch normalisation and the leaky ReLU after it over channels-last pictures, [positions,
//! channels]: one pass for the moments, one forward, two backward.
//!
//! Sums run over fixed ranges of positions, so that they are the same for any number of threads: in
//! `f32` over [`BLOCK`] positions, in `f64` over the blocks.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::image::Values;
use super::memory::Buffer;
use super::simd::{arch, load, store};

/// Numbers per range of positions.
const RANGE: usize = 1 << 15;
/// Positions summed in `f32`.
const BLOCK: usize = 64;

/// Normalisation as an affine map of each channel: pre = scale·x + shift.
struct Affine {
    mean: Vec<f32>,
    inverse_deviation: Vec<f32>,
    scale: Vec<f32>,
    shift: Vec<f32>,
    slope: f32,
}

/// The arguments of normalisation besides the pictures: γ, β, [`moments`], ε and the slope below
/// zero.
#[derive(Clone, Copy)]
pub(super) struct Norm<'a> {
    pub(super) gamma: &'a [f32],
    pub(super) beta: &'a [f32],
    pub(super) moments: &'a [f32],
    pub(super) epsilon: f32,
    pub(super) slope: f32,
}

impl<'a> Norm<'a> {
    /// The arguments from tensors of γ, β and the moments.
    pub(super) fn of([gamma, beta, moments]: &'a [Values; 3], epsilon: f32, slope: f32) -> Self {
        let [gamma, beta, moments] = [gamma, beta, moments].map(Values::slice);
        Self { gamma, beta, moments, epsilon, slope }
    }
}

fn range(channels: usize) -> usize {
    (RANGE / channels).max(1) * channels
}

/// Two sums per channel.
type Pair = [Vec<f64>; 2];

/// The sums of all `parts`, in order.
fn total(parts: Vec<Pair>, channels: usize) -> Pair {
    let mut total = [vec![0.0; channels], vec![0.0; channels]];
    for part in &parts {
        for (total, part) in total.iter_mut().zip(part) {
            total.iter_mut().zip(part).for_each(|(t, p)| *t += p);
        }
    }
    total
}

/// The terms to sum over positions, two per channel.
trait Terms: Copy {
    /// Adds the two terms of the channels from `c` at the position whose numbers begin at `at` to
    /// `sums`.
    fn add<S: Simd>(self, simd: S, at: usize, c: usize, sums: [S::f32s; 2]) -> [S::f32s; 2];
}

/// Sums of `terms` over `positions`.
struct Sums<T> {
    terms: T,
    positions: std::ops::Range<usize>,
    channels: usize,
}

impl<T: Terms> WithSimd for Sums<T> {
    type Output = Pair;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Pair {
        let mut total = [vec![0.0; self.channels], vec![0.0; self.channels]];
        for first in self.positions.clone().step_by(BLOCK) {
            for c in (0..self.channels).step_by(S::F32_LANES) {
                let mut sums = [simd.splat_f32s(0.0); 2];
                for position in first..(first + BLOCK).min(self.positions.end) {
                    sums = self.terms.add(simd, position * self.channels, c, sums);
                }
                for (total, sums) in total.iter_mut().zip(&sums) {
                    let lanes: &[f32] = pulp::bytemuck::cast_slice(std::slice::from_ref(sums));
                    total[c..].iter_mut().zip(lanes).for_each(|(t, s)| *t += f64::from(*s));
                }
            }
        }
        total
    }
}

fn sum<T: Terms + Sync>(terms: T, positions: usize, channels: usize) -> Pair {
    let step = range(channels) / channels;
    let ranges = (0..positions.div_ceil(step))
        .into_par_iter()
        .map(|i| i * step..positions.min((i + 1) * step));
    total(
        ranges.map(|positions| arch().dispatch(Sums { terms, positions, channels })).collect(),
        channels,
    )
}

/// x − p and its square, where p holds the first position's numbers: far from zero, squares alone
/// would cancel.
#[derive(Clone, Copy)]
struct Deviations<'a> {
    x: &'a [f32],
    channels: usize,
}

impl Terms for Deviations<'_> {
    #[inline(always)]
    fn add<S: Simd>(
        self,
        simd: S,
        at: usize,
        c: usize,
        [sum, squares]: [S::f32s; 2],
    ) -> [S::f32s; 2] {
        let pivot = load(simd, &self.x[..self.channels], c);
        let d = simd.sub_f32s(load(simd, &self.x[at..at + self.channels], c), pivot);
        [simd.add_f32s(sum, d), simd.mul_add_e_f32s(d, d, squares)]
    }
}

/// Mean and biased variance of every channel of `x` [positions, channels]: [2, channels].
pub(super) fn moments(x: &[f32], channels: usize) -> Buffer {
    let positions = x.len() / channels;
    let [sum, squares] = sum(Deviations { x, channels }, positions, channels);
    let n = positions as f64;
    let mut moments = Buffer::any(2 * channels);
    let (mean, variance) = moments.split_at_mut(channels);
    for c in 0..channels {
        let m = sum[c] / n;
        mean[c] = (f64::from(x[c]) + m) as f32;
        variance[c] = (squares[c] / n - m * m).max(0.0) as f32;
    }
    moments
}

/// The gradient before the activation, and its product with x − mean.
#[derive(Clone, Copy)]
struct Gradients<'a> {
    x: &'a [f32],
    grad: &'a [f32],
    affine: &'a Affine,
}

impl Terms for Gradients<'_> {
    #[inline(always)]
    fn add<S: Simd>(
        self,
        simd: S,
        at: usize,
        c: usize,
        [sum, product]: [S::f32s; 2],
    ) -> [S::f32s; 2] {
        let channels = self.affine.scale.len();
        let x = load(simd, &self.x[at..at + channels], c);
        let g = self.affine.before(simd, x, load(simd, &self.grad[at..at + channels], c), c);
        let d = simd.sub_f32s(x, load(simd, &self.affine.mean, c));
        [simd.add_f32s(sum, g), simd.mul_add_e_f32s(g, d, product)]
    }
}

impl Affine {
    /// The gradient before the activation, from `g` after it.
    #[inline(always)]
    fn before<S: Simd>(&self, simd: S, x: S::f32s, g: S::f32s, c: usize) -> S::f32s {
        let pre = simd.mul_add_e_f32s(x, load(simd, &self.scale, c), load(simd, &self.shift, c));
        let positive = simd.greater_than_f32s(pre, simd.splat_f32s(0.0));
        simd.select_f32s(positive, g, simd.mul_f32s(g, simd.splat_f32s(self.slope)))
    }
}

struct Forward<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
    affine: &'a Affine,
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Affine { scale, shift, slope, .. } = self.affine;
        let zero = simd.splat_f32s(0.0);
        for (y, x) in self.y.chunks_exact_mut(scale.len()).zip(self.x.chunks_exact(scale.len())) {
            for c in (0..scale.len()).step_by(S::F32_LANES) {
                let pre = simd.mul_add_e_f32s(
                    load(simd, x, c),
                    load(simd, scale, c),
                    load(simd, shift, c),
                );
                let below = simd.mul_f32s(pre, simd.splat_f32s(*slope));
                store(simd, y, c, simd.select_f32s(simd.greater_than_f32s(pre, zero), pre, below));
            }
        }
    }
}

/// γ/σ·(g − mean(g) − x̂·mean(g·x̂)), with x̂ = (x − mean)/σ.
struct Backward<'a> {
    x: &'a [f32],
    grad: &'a [f32],
    dx: &'a mut [f32],
    affine: &'a Affine,
    mean_g: &'a [f32],
    slope_x: &'a [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let channels = self.mean_g.len();
        let positions = self.x.chunks_exact(channels).zip(self.grad.chunks_exact(channels));
        for (dx, (x, g)) in self.dx.chunks_exact_mut(channels).zip(positions) {
            for c in (0..channels).step_by(S::F32_LANES) {
                let x = load(simd, x, c);
                let g = self.affine.before(simd, x, load(simd, g, c), c);
                let g = simd.sub_f32s(g, load(simd, self.mean_g, c));
                let d = simd.sub_f32s(x, load(simd, &self.affine.mean, c));
                let g = simd.sub_f32s(g, simd.mul_f32s(d, load(simd, self.slope_x, c)));
                store(simd, dx, c, simd.mul_f32s(load(simd, &self.affine.scale, c), g));
            }
        }
    }
}

impl Norm<'_> {
    fn affine(&self) -> Affine {
        let channels = self.gamma.len();
        let (mean, variance) = self.moments.split_at(channels);
        let inverse_deviation: Vec<f32> =
            variance.iter().map(|v| 1.0 / (v + self.epsilon).sqrt()).collect();
        let scale: Vec<f32> =
            self.gamma.iter().zip(&inverse_deviation).map(|(g, d)| g * d).collect();
        let shift = (0..channels).map(|c| self.beta[c] - mean[c] * scale[c]).collect();
        Affine { mean: mean.to_vec(), inverse_deviation, scale, shift, slope: self.slope }
    }

    /// y = lrelu(γ·(x − mean)/√(variance + ε) + β).
    pub(super) fn forward(&self, x: &[f32]) -> Buffer {
        let mut y = Buffer::any(x.len());
        self.forward_into(x, &mut y);
        y
    }

    /// [`Norm::forward`] into memory that is there.
    pub(super) fn forward_into(&self, x: &[f32], y: &mut [f32]) {
        let (affine, range) = (self.affine(), range(self.gamma.len()));
        let ranges = y.par_chunks_mut(range).zip(x.par_chunks(range));
        ranges.for_each(|(y, x)| arch().dispatch(Forward { x, y, affine: &affine }));
    }

    /// Gradients of x, γ and β if the moments are those of `x` itself (Ioffe & Szegedy 2015,
    /// section 3).
    pub(super) fn backward(&self, x: &[f32], grad: &[f32]) -> (Buffer, Buffer, Buffer) {
        let (affine, channels) = (self.affine(), self.gamma.len());
        let positions = x.len() / channels;
        let sums = sum(Gradients { x, grad, affine: &affine }, positions, channels);
        affine.backward(x, grad, [&sums, &sums], positions as f64)
    }

    /// The sums of the gradient before the activation and of its product with x − mean, [2,
    /// channels].
    pub(super) fn sums(&self, x: &[f32], grad: &[f32]) -> Buffer {
        let (affine, channels) = (self.affine(), self.gamma.len());
        let pair = sum(Gradients { x, grad, affine: &affine }, x.len() / channels, channels);
        let mut sums = Buffer::any(2 * channels);
        sums.iter_mut().zip(pair.iter().flatten()).for_each(|(sum, of)| *sum = *of as f32);
        sums
    }

    /// [`Norm::backward`] if the moments are those of `n` positions, of which `x` is a part. `sums`
    /// are [`Norm::sums`] of `x`, then of all.
    pub(super) fn backward_of_all(
        &self,
        x: &[f32],
        grad: &[f32],
        sums: &[f32],
        n: f32,
    ) -> (Buffer, Buffer, Buffer) {
        let channels = self.gamma.len();
        let row = |i: usize| {
            sums[i * channels..(i + 1) * channels].iter().map(|v| f64::from(*v)).collect()
        };
        self.affine().backward(x, grad, [&[row(0), row(1)], &[row(2), row(3)]], f64::from(n))
    }
}

impl Affine {
    /// Gradients of x, γ and β from the sums of [`Gradients`] over `x`, then over all `n` positions
    /// that share the moments.
    fn backward(
        &self,
        x: &[f32],
        grad: &[f32],
        [own, all]: [&Pair; 2],
        n: f64,
    ) -> (Buffer, Buffer, Buffer) {
        let channels = self.scale.len();
        let [mut d_gamma, mut d_beta] = [Buffer::any(channels), Buffer::any(channels)];
        let (mut mean_g, mut slope_x) = (vec![0.0; channels], vec![0.0; channels]);
        for c in 0..channels {
            let inverse_deviation = f64::from(self.inverse_deviation[c]);
            d_gamma[c] = (own[1][c] * inverse_deviation) as f32;
            d_beta[c] = own[0][c] as f32;
            mean_g[c] = (all[0][c] / n) as f32;
            slope_x[c] = (all[1][c] * inverse_deviation / n * inverse_deviation) as f32;
        }
        let mut dx = Buffer::any(x.len());
        let range = range(channels);
        dx.par_chunks_mut(range).zip(x.par_chunks(range).zip(grad.par_chunks(range))).for_each(
            |(dx, (x, grad))| {
                arch().dispatch(Backward {
                    x,
                    grad,
                    dx,
                    affine: self,
                    mean_g: &mean_g,
                    slope_x: &slope_x,
                });
            },
        );
        (dx, d_gamma, d_beta)
    }
}
