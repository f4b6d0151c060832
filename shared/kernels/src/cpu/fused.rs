//! [`Fused`] on the CPU: filters along both axes, and the scaling, noise, bias and activation of
//! channels-last pictures, each in one pass.

use std::sync::Arc;

use burn::backend::Flex;
use burn_flex::FlexTensor;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::image::{Image, Values, dims};
use super::memory::Buffer;
use super::norm::{self, Norm};
use super::simd::{arch, load, store};
use crate::activation::Rectifier;
use crate::fused::Fused;
use crate::resample::Fir;

/// Numbers per task.
const RANGE: usize = 1 << 14;

impl Fused for Flex {
    fn filter(x: FlexTensor, filters: Arc<[Fir; 2]>) -> FlexTensor {
        let x = Image::of(x);
        let [batch, channels, _, _] = x.shape;
        let [rows, columns] = [0, 1].map(|axis| filters[axis].results.len());
        Image::tensor(filtered(&x, &filters), [batch, channels, rows, columns])
    }

    fn style(
        x: FlexTensor,
        scale: FlexTensor,
        noise: FlexTensor,
        bias: FlexTensor,
        rectifier: Rectifier,
    ) -> FlexTensor {
        let x = Image::of(x);
        let pixels = x.shape[2] * x.shape[3];
        let [scale, noise, bias] = [scale, noise, bias].map(Values::of);
        let terms = Terms {
            scale: scale.slice(),
            noise: noise.slice(),
            bias: bias.slice(),
            rectifier,
            channels: x.shape[1],
            pixels,
        };
        Image::tensor(terms.forward(x.values()), x.shape)
    }

    fn add(a: FlexTensor, b: FlexTensor) -> FlexTensor {
        let b = Image::of(b);
        Image::of(a).update(|a| {
            a.par_chunks_mut(RANGE).zip(b.values().par_chunks(RANGE)).for_each(|(a, b)| {
                arch().dispatch(Add { a, b });
            });
        })
    }

    fn fork(x: FlexTensor) -> (FlexTensor, FlexTensor) {
        (x.clone(), x)
    }

    fn moments_each(x: FlexTensor) -> FlexTensor {
        let x = Image::of(x);
        let [batch, channels, height, width] = x.shape;
        let mut moments = Buffer::any(batch * 2 * channels);
        let pictures = x.values().chunks(height * width * channels);
        for (moments, picture) in moments.chunks_mut(2 * channels).zip(pictures) {
            moments.copy_from_slice(&norm::moments(picture, channels));
        }
        Values::tensor(moments, [batch, 2, channels])
    }

    fn norm_each(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        moments: FlexTensor,
        epsilon: f32,
        slope: f32,
    ) -> FlexTensor {
        let (x, parts) = (Image::of(x), [gamma, beta, moments].map(Values::of));
        let [_, channels, height, width] = x.shape;
        let length = height * width * channels;
        let mut y = Buffer::any(x.values().len());
        let pictures = y.chunks_mut(length).zip(x.values().chunks(length));
        for (i, (y, x)) in pictures.enumerate() {
            picture_norm(&parts, i, epsilon, slope).forward_into(x, y);
        }
        Image::tensor(y, x.shape)
    }

    fn norm_each_backward(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        moments: FlexTensor,
        grad: FlexTensor,
        [epsilon, slope]: [f32; 2],
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let (x, grad, parts) =
            (Image::of(x), Image::of(grad), [gamma, beta, moments].map(Values::of));
        let [batch, channels, height, width] = x.shape;
        let length = height * width * channels;
        let of = |i: usize| {
            let picture = i * length..(i + 1) * length;
            let norm = picture_norm(&parts, i, epsilon, slope);
            norm.backward(&x.values()[picture.clone()], &grad.values()[picture])
        };
        let (mut dx, mut d_gamma, mut d_beta) = of(0);
        if batch > 1 {
            let mut all = Buffer::any(batch * length);
            all[..length].copy_from_slice(&dx);
            for i in 1..batch {
                let (next, more_gamma, more_beta) = of(i);
                all[i * length..][..length].copy_from_slice(&next);
                d_gamma.iter_mut().zip(&more_gamma[..]).for_each(|(sum, more)| *sum += more);
                d_beta.iter_mut().zip(&more_beta[..]).for_each(|(sum, more)| *sum += more);
            }
            dx = all;
        }
        (
            Image::tensor(dx, x.shape),
            Values::tensor(d_gamma, [channels]),
            Values::tensor(d_beta, [channels]),
        )
    }

    fn beside(a: FlexTensor, b: FlexTensor) -> FlexTensor {
        let [a, b] = [a, b].map(Image::of);
        let ([batch, wide, height, width], narrow) = (a.shape, b.shape[1]);
        let channels = wide + narrow;
        let mut y = Buffer::any(batch * height * width * channels);
        let pairs = a.values().par_chunks(width * wide).zip(b.values().par_chunks(width * narrow));
        y.par_chunks_mut(width * channels).zip(pairs).for_each(|(y, (a, b))| {
            let pixels = a.chunks_exact(wide).zip(b.chunks_exact(narrow));
            for (y, (a, b)) in y.chunks_exact_mut(channels).zip(pixels) {
                y[..wide].copy_from_slice(a);
                y[wide..].copy_from_slice(b);
            }
        });
        Image::tensor(y, [batch, channels, height, width])
    }

    fn apart(x: FlexTensor, channels: usize) -> (FlexTensor, FlexTensor) {
        let x = Image::of(x);
        let [batch, all, height, width] = x.shape;
        let rest = all - channels;
        let mut a = Buffer::any(batch * height * width * channels);
        let mut b = Buffer::any(batch * height * width * rest);
        let pairs = a.par_chunks_mut(width * channels).zip(b.par_chunks_mut(width * rest));
        x.values().par_chunks(width * all).zip(pairs).for_each(|(x, (a, b))| {
            let pixels = a.chunks_exact_mut(channels).zip(b.chunks_exact_mut(rest));
            for (x, (a, b)) in x.chunks_exact(all).zip(pixels) {
                a.copy_from_slice(&x[..channels]);
                b.copy_from_slice(&x[channels..]);
            }
        });
        (
            Image::tensor(a, [batch, channels, height, width]),
            Image::tensor(b, [batch, rest, height, width]),
        )
    }

    fn style_backward(
        x: FlexTensor,
        scale: FlexTensor,
        y: FlexTensor,
        g: FlexTensor,
        rectifier: Rectifier,
    ) -> (FlexTensor, FlexTensor, FlexTensor, FlexTensor) {
        let [scales, channels] = dims(&scale);
        let ([x, y, g], scale) = ([x, y, g].map(Image::of), Values::of(scale));
        let [batch, _, height, width] = x.shape;
        let terms = Terms {
            scale: scale.slice(),
            noise: &[],
            bias: &[],
            rectifier,
            channels,
            pixels: height * width,
        };
        let Gradients { x: dx, scale, noise, bias } = terms.backward(&x, &y, &g);
        (
            Image::tensor(dx, x.shape),
            Values::tensor(scale, [scales, channels]),
            Values::tensor(noise, [batch, 1, height, width]),
            Values::tensor(bias, [channels]),
        )
    }
}

/// The normalisation of picture `i`, from γ, β and the moments of all pictures [B, 2, C].
fn picture_norm(parts: &[Values; 3], i: usize, epsilon: f32, slope: f32) -> Norm<'_> {
    let [gamma, beta, moments] = [0, 1, 2].map(|part| parts[part].slice());
    let moments = &moments[i * 2 * gamma.len()..][..2 * gamma.len()];
    Norm { gamma, beta, moments, epsilon, slope }
}

/// Applies both filters, each row of the result by itself.
fn filtered(x: &Image, [vertical, horizontal]: &[Fir; 2]) -> Buffer {
    let [batch, channels, height, width] = x.shape;
    assert_eq!([height, width], [vertical.samples, horizontal.samples], "samples");
    let (rows, columns) = (vertical.results.len(), horizontal.results.len());
    let source = x.values();
    let mut y = Buffer::any(batch * rows * columns * channels);
    y.par_chunks_mut(columns * channels).enumerate().for_each_init(
        || Buffer::any(width * channels),
        |line, (row, y)| {
            let from = &source[row / rows * height * width * channels..];
            let taps = &vertical.results[row % rows..=row % rows];
            arch().dispatch(Mix { to: line, from, results: taps, length: width * channels });
            let results = &horizontal.results;
            arch().dispatch(Mix { to: y, from: line, results, length: channels });
        },
    );
    y
}

/// a ← a + b.
struct Add<'a> {
    a: &'a mut [f32],
    b: &'a [f32],
}

impl WithSimd for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for at in (0..self.a.len()).step_by(S::F32_LANES) {
            let sum = simd.add_f32s(load(simd, self.a, at), load(simd, self.b, at));
            store(simd, self.a, at, sum);
        }
    }
}

/// For each of `results`, `length` numbers of `to`: the sum of stretches of `from` with factors.
struct Mix<'a> {
    to: &'a mut [f32],
    from: &'a [f32],
    results: &'a [Vec<(usize, f32)>],
    length: usize,
}

impl WithSimd for Mix<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (to, taps) in self.to.chunks_exact_mut(self.length).zip(self.results) {
            for at in (0..self.length).step_by(S::F32_LANES) {
                let mut sum = simd.splat_f32s(0.0);
                for &(sample, factor) in taps {
                    let from = &self.from[sample * self.length..][..self.length];
                    sum = simd.mul_add_e_f32s(simd.splat_f32s(factor), load(simd, from, at), sum);
                }
                store(simd, to, at, sum);
            }
        }
    }
}

/// The terms of a layer's end, for pictures of `pixels` pixels; empty ones are left out.
#[derive(Clone, Copy)]
struct Terms<'a> {
    /// [B, C].
    scale: &'a [f32],
    /// [B or 1, H·W].
    noise: &'a [f32],
    /// `[C]`.
    bias: &'a [f32],
    rectifier: Rectifier,
    channels: usize,
    pixels: usize,
}

/// The gradients of a layer's end.
struct Gradients {
    /// [B, H, W, C].
    x: Buffer,
    /// [B, C]; empty if there is no scale.
    scale: Buffer,
    /// [B, H·W].
    noise: Buffer,
    /// `[C]`.
    bias: Buffer,
}

/// The positions of one task in a picture.
struct Stretch<'a> {
    /// `[C]` or empty.
    scale: &'a [f32],
    /// One for each position, or empty.
    noise: &'a [f32],
}

impl<'a> Terms<'a> {
    /// Positions per task: independent of the number of threads, since sums are formed over them.
    fn range(&self) -> usize {
        (RANGE / self.channels).max(1)
    }

    /// The terms of positions from `first` of a picture.
    fn stretch(&self, picture: usize, first: usize, positions: usize) -> Stretch<'a> {
        let scale = match self.scale {
            [] => self.scale,
            all => &all[picture * self.channels..][..self.channels],
        };
        let noise = match self.noise {
            [] => self.noise,
            one if one.len() == self.pixels => &one[first..][..positions],
            all => &all[picture * self.pixels + first..][..positions],
        };
        Stretch { scale, noise }
    }

    /// rectifier(scale·x + noise + bias).
    fn forward(&self, x: &[f32]) -> Buffer {
        let (length, range) = (self.pixels * self.channels, self.range());
        let mut y = Buffer::any(x.len());
        let pictures = y.par_chunks_mut(length).zip(x.par_chunks(length));
        pictures.enumerate().for_each(|(picture, (y, x))| {
            let step = range * self.channels;
            let parts = y.par_chunks_mut(step).zip(x.par_chunks(step));
            parts.enumerate().for_each(|(i, (y, x))| {
                let stretch = self.stretch(picture, i * range, x.len() / self.channels);
                arch().dispatch(Forward { x, y, stretch, terms: *self });
            });
        });
        y
    }

    /// The gradients from the result `y` and its gradient `g`. Those of scale and bias are summed
    /// in `f64` over fixed ranges.
    fn backward(&self, x: &Image, y: &Image, g: &Image) -> Gradients {
        let (channels, range) = (self.channels, self.range());
        let (length, step) = (self.pixels * channels, range * channels);
        let batch = x.shape[0];
        let (mut dx, mut noise) = (Buffer::any(x.values().len()), Buffer::any(batch * self.pixels));
        let pictures = dx
            .par_chunks_mut(length)
            .zip(noise.par_chunks_mut(self.pixels))
            .zip(x.values().par_chunks(length))
            .zip(y.values().par_chunks(length).zip(g.values().par_chunks(length)))
            .enumerate();
        let sums: Vec<Vec<[Vec<f32>; 2]>> = pictures
            .map(|(picture, (((dx, noise), x), (y, g)))| {
                dx.par_chunks_mut(step)
                    .zip(noise.par_chunks_mut(range))
                    .zip(x.par_chunks(step))
                    .zip(y.par_chunks(step).zip(g.par_chunks(step)))
                    .map(|(((dx, noise), x), (y, g))| {
                        let mut sums = [vec![0.0; channels], vec![0.0; channels]];
                        let scale = self.stretch(picture, 0, 0).scale;
                        let sums_of = &mut sums;
                        let rectifier = self.rectifier;
                        arch().dispatch(Backward { dx, noise, x, y, g, scale, rectifier, sums_of });
                        sums
                    })
                    .collect()
            })
            .collect();
        let total = |parts: &mut dyn Iterator<Item = &Vec<f32>>, to: &mut [f32]| {
            let mut total = vec![0.0f64; channels];
            for part in parts {
                total.iter_mut().zip(part).for_each(|(t, p)| *t += f64::from(*p));
            }
            to.iter_mut().zip(total).for_each(|(to, t)| *to = t as f32);
        };
        let mut scale = Buffer::any(self.scale.len());
        for (scale, sums) in scale.chunks_mut(channels).zip(&sums) {
            total(&mut sums.iter().map(|[of_scale, _]| of_scale), scale);
        }
        let mut bias = Buffer::any(channels);
        total(&mut sums.iter().flatten().map(|[_, of_bias]| of_bias), &mut bias);
        Gradients { x: dx, scale, noise, bias }
    }
}

/// The channels from `at` of a list that may be empty.
#[inline(always)]
fn channels_from<S: Simd>(simd: S, list: &[f32], at: usize, otherwise: f32) -> S::f32s {
    if list.is_empty() { simd.splat_f32s(otherwise) } else { load(simd, list, at) }
}

struct Forward<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
    stretch: Stretch<'a>,
    terms: Terms<'a>,
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, y, stretch: Stretch { scale, noise }, terms } = self;
        let Rectifier { slope, gain, bound } = terms.rectifier;
        let zero = simd.splat_f32s(0.0);
        let (high, low) = (simd.splat_f32s(gain), simd.splat_f32s(gain * slope));
        let (most, least) = (simd.splat_f32s(bound), simd.splat_f32s(-bound));
        let positions = x.chunks_exact(terms.channels).zip(y.chunks_exact_mut(terms.channels));
        for (position, (x, y)) in positions.enumerate() {
            let noise = simd.splat_f32s(noise.get(position).copied().unwrap_or(0.0));
            for at in (0..terms.channels).step_by(S::F32_LANES) {
                let term = simd.add_f32s(channels_from(simd, terms.bias, at, 0.0), noise);
                let scale = channels_from(simd, scale, at, 1.0);
                let v = simd.mul_add_e_f32s(load(simd, x, at), scale, term);
                let factor = simd.select_f32s(simd.greater_than_f32s(v, zero), high, low);
                // The bound first: of two operands, NaN passes as the second.
                let v = simd.min_f32s(most, simd.mul_f32s(v, factor));
                store(simd, y, at, simd.max_f32s(least, v));
            }
        }
    }
}

struct Backward<'a> {
    dx: &'a mut [f32],
    /// One for each position.
    noise: &'a mut [f32],
    x: &'a [f32],
    y: &'a [f32],
    g: &'a [f32],
    scale: &'a [f32],
    rectifier: Rectifier,
    /// Of the scale and of the bias.
    sums_of: &'a mut [Vec<f32>; 2],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { dx, noise, x, y, g, scale, rectifier, sums_of: [of_scale, of_bias] } = self;
        let channels = of_bias.len();
        let Rectifier { slope, gain, bound } = rectifier;
        let zero = simd.splat_f32s(0.0);
        let (high, low) = (simd.splat_f32s(gain), simd.splat_f32s(gain * slope));
        let bound = simd.splat_f32s(bound);
        let positions = x
            .chunks_exact(channels)
            .zip(y.chunks_exact(channels).zip(g.chunks_exact(channels)))
            .zip(dx.chunks_exact_mut(channels).zip(noise));
        for ((x, (y, g)), (dx, noise)) in positions {
            let mut sum = zero;
            for at in (0..channels).step_by(S::F32_LANES) {
                let y = load(simd, y, at);
                let factor = simd.select_f32s(simd.greater_than_f32s(y, zero), high, low);
                let inside = simd.less_than_f32s(simd.abs_f32s(y), bound);
                let factor = simd.select_f32s(inside, factor, zero);
                let g = simd.mul_f32s(load(simd, g, at), factor);
                sum = simd.add_f32s(sum, g);
                let of_here = simd.add_f32s(load(simd, of_bias, at), g);
                store(simd, of_bias, at, of_here);
                let seen = simd.mul_add_e_f32s(g, load(simd, x, at), load(simd, of_scale, at));
                store(simd, of_scale, at, seen);
                let scale = channels_from(simd, scale, at, 1.0);
                store(simd, dx, at, simd.mul_f32s(g, scale));
            }
            *noise = simd.reduce_sum_f32s(sum);
        }
    }
}
