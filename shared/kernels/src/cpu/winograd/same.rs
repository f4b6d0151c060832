//! Convolutions of 3×3 with stride 1 and padding 1 in fewer multiplications: F(4×4, 3×3), or
//! F(2×2, 3×3) where the sides of the pictures are no multiples of 4 (Lavin & Gray 2015,
//! arXiv:1509.09308, section 4).
//!
//! Along one axis, F(m, 3) makes m outputs of a three-tap filter of m + 2 products: filter and
//! pixels are polynomials, evaluated at as many points (Toom & Cook). Along both axes that makes 16
//! products for a tile of 2×2 outputs instead of 36, and 36 for one of 4×4 instead of 144.
//!
//! The points of F(2, 3) are 0, ±1 and ∞. Those of F(4, 3) are 0, ±a, ±b and ∞ with a = 1/√2 and
//! b = √2: every number in the transforms stays small, so that the error of a sum over 128 channels
//! is twice that of the direct one. At 0, ±1, ±2, the usual choice, it is four times that.
//!
//! The gradient of the input is the same convolution with the kernel turned by 180°; that of the
//! kernel is the transpose of the algorithm.

use pulp::Simd;
use rayon::prelude::*;

use super::super::disjoint::Disjoint;
use super::super::geometry::Geometry;
use super::super::memory::Buffer;
use super::{
    Axis, GRAIN, Kernels, Pixels, Taps, Tiling, Transform, along_both, convolve, kernel_gradients,
    spread,
};

/// Taps of a kernel.
const TAPS: usize = 9;
/// The points of F(4, 3) besides 0 and ∞ are ±A and ±B. AB = 1, A² = 1/2, B² = 2.
const A: f32 = std::f32::consts::FRAC_1_SQRT_2;
const B: f32 = std::f32::consts::SQRT_2;
/// The factors of the taps' transform at ±A and ±B: 1/(2A²(A² − B²)) and 1/(2B²(B² − A²)).
const AT_A: f32 = -2.0 / 3.0;
const AT_B: f32 = 1.0 / 6.0;

/// Returns true if this algorithm applies.
pub(crate) fn applies(g: &Geometry) -> bool {
    g.kernel == [3, 3]
        && g.stride == 1
        && g.padding == [1, 1]
        && [g.cin, g.cout].iter().all(|c| c.is_multiple_of(GRAIN))
        && [g.oh, g.ow].iter().all(|n| n.is_multiple_of(2))
        && [g.h, g.w] == [g.oh, g.ow]
}

/// Returns true if tiles of 4×4 outputs fit.
fn in_fours(g: &Geometry) -> bool {
    [g.oh, g.ow].iter().all(|n| n.is_multiple_of(4))
}

/// The pixels that a tile reads to its inputs at the points.
#[derive(Clone, Copy)]
struct OfPixels;

impl Axis<4, 4> for OfPixels {
    #[inline(always)]
    fn along<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 4] {
        [simd.sub_f32s(a, c), simd.add_f32s(b, c), simd.sub_f32s(c, b), simd.sub_f32s(b, d)]
    }
}

impl Axis<6, 6> for OfPixels {
    #[inline(always)]
    fn along<S: Simd>(simd: S, d: [S::f32s; 6]) -> [S::f32s; 6] {
        let (half, two, both) =
            (minus(simd, A * A), minus(simd, B * B), minus(simd, A * A + B * B));
        let (even_a, odd_a) =
            (simd.mul_add_e_f32s(two, d[2], d[4]), simd.mul_add_e_f32s(two, d[1], d[3]));
        let (even_b, odd_b) =
            (simd.mul_add_e_f32s(half, d[2], d[4]), simd.mul_add_e_f32s(half, d[1], d[3]));
        [
            simd.mul_add_e_f32s(both, d[2], simd.add_f32s(d[0], d[4])),
            simd.mul_add_e_f32s(simd.splat_f32s(A), odd_a, even_a),
            simd.mul_add_e_f32s(minus(simd, A), odd_a, even_a),
            simd.mul_add_e_f32s(simd.splat_f32s(B), odd_b, even_b),
            simd.mul_add_e_f32s(minus(simd, B), odd_b, even_b),
            simd.mul_add_e_f32s(both, d[3], simd.add_f32s(d[1], d[5])),
        ]
    }
}

along_both!(OfPixels, 4 to 4);
along_both!(OfPixels, 6 to 6);

/// The taps of a kernel to its values at the points.
#[derive(Clone, Copy)]
struct OfTaps;

impl Axis<3, 4> for OfTaps {
    #[inline(always)]
    fn along<S: Simd>(simd: S, [a, b, c]: [S::f32s; 3]) -> [S::f32s; 4] {
        let half = simd.splat_f32s(0.5);
        let (ends, b) = (simd.mul_f32s(half, simd.add_f32s(a, c)), simd.mul_f32s(half, b));
        [a, simd.add_f32s(ends, b), simd.sub_f32s(ends, b), c]
    }
}

impl Axis<3, 6> for OfTaps {
    #[inline(always)]
    fn along<S: Simd>(simd: S, [first, second, third]: [S::f32s; 3]) -> [S::f32s; 6] {
        let (a, b) = ([AT_A, AT_A * A, AT_A * A * A], [AT_B, AT_B * B, AT_B * B * B]);
        let even = |[once, _, squared]: [f32; 3]| {
            let once = simd.mul_f32s(simd.splat_f32s(once), first);
            simd.mul_add_e_f32s(simd.splat_f32s(squared), third, once)
        };
        let (even_a, even_b) = (even(a), even(b));
        let odd_a = simd.mul_f32s(simd.splat_f32s(a[1]), second);
        let odd_b = simd.mul_f32s(simd.splat_f32s(b[1]), second);
        [
            first,
            simd.add_f32s(even_a, odd_a),
            simd.sub_f32s(even_a, odd_a),
            simd.add_f32s(even_b, odd_b),
            simd.sub_f32s(even_b, odd_b),
            third,
        ]
    }
}

along_both!(OfTaps, 3 to 4);
along_both!(OfTaps, 3 to 6);

/// The products of a tile to its outputs.
#[derive(Clone, Copy)]
struct ToOutputs;

impl Axis<4, 2> for ToOutputs {
    #[inline(always)]
    fn along<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 2] {
        [simd.add_f32s(a, simd.add_f32s(b, c)), simd.sub_f32s(b, simd.add_f32s(c, d))]
    }
}

impl Axis<6, 4> for ToOutputs {
    #[inline(always)]
    fn along<S: Simd>(
        simd: S,
        [zero, at_a, minus_a, at_b, minus_b, infinity]: [S::f32s; 6],
    ) -> [S::f32s; 4] {
        let (even_a, odd_a) = (simd.add_f32s(at_a, minus_a), simd.sub_f32s(at_a, minus_a));
        let (even_b, odd_b) = (simd.add_f32s(at_b, minus_b), simd.sub_f32s(at_b, minus_b));
        let cubes = simd.mul_add_e_f32s(simd.splat_f32s(B * B * B), odd_b, infinity);
        [
            simd.add_f32s(zero, simd.add_f32s(even_a, even_b)),
            simd.mul_add_e_f32s(
                simd.splat_f32s(A),
                odd_a,
                simd.mul_f32s(simd.splat_f32s(B), odd_b),
            ),
            simd.mul_add_e_f32s(
                simd.splat_f32s(A * A),
                even_a,
                simd.mul_f32s(simd.splat_f32s(B * B), even_b),
            ),
            simd.mul_add_e_f32s(simd.splat_f32s(A * A * A), odd_a, cubes),
        ]
    }
}

along_both!(ToOutputs, 4 to 2);
along_both!(ToOutputs, 6 to 4);

/// The gradients of a tile's outputs to those of its products.
#[derive(Clone, Copy)]
struct OfOutputs;

impl Axis<2, 4> for OfOutputs {
    #[inline(always)]
    fn along<S: Simd>(simd: S, [a, b]: [S::f32s; 2]) -> [S::f32s; 4] {
        [a, simd.add_f32s(a, b), simd.sub_f32s(a, b), simd.sub_f32s(simd.splat_f32s(0.0), b)]
    }
}

impl Axis<4, 6> for OfOutputs {
    #[inline(always)]
    fn along<S: Simd>(simd: S, [first, second, third, fourth]: [S::f32s; 4]) -> [S::f32s; 6] {
        let (a, b) = (simd.splat_f32s(A), simd.splat_f32s(B));
        let (half, two) = (simd.splat_f32s(A * A), simd.splat_f32s(B * B));
        let even_a = simd.mul_add_e_f32s(half, third, first);
        let even_b = simd.mul_add_e_f32s(two, third, first);
        let odd_a = simd.mul_f32s(a, simd.mul_add_e_f32s(half, fourth, second));
        let odd_b = simd.mul_f32s(b, simd.mul_add_e_f32s(two, fourth, second));
        [
            first,
            simd.add_f32s(even_a, odd_a),
            simd.sub_f32s(even_a, odd_a),
            simd.add_f32s(even_b, odd_b),
            simd.sub_f32s(even_b, odd_b),
            fourth,
        ]
    }
}

along_both!(OfOutputs, 2 to 4);
along_both!(OfOutputs, 4 to 6);

/// The gradients of a kernel's values at the points to those of its taps.
#[derive(Clone, Copy)]
struct ToTaps;

impl Axis<4, 3> for ToTaps {
    #[inline(always)]
    fn along<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 3] {
        let half = simd.splat_f32s(0.5);
        let sum = simd.mul_f32s(half, simd.add_f32s(b, c));
        let difference = simd.mul_f32s(half, simd.sub_f32s(b, c));
        [simd.add_f32s(a, sum), difference, simd.add_f32s(sum, d)]
    }
}

impl Axis<6, 3> for ToTaps {
    #[inline(always)]
    fn along<S: Simd>(
        simd: S,
        [zero, at_a, minus_a, at_b, minus_b, infinity]: [S::f32s; 6],
    ) -> [S::f32s; 3] {
        let times = |x: f32, v: S::f32s| simd.mul_f32s(simd.splat_f32s(x), v);
        let even_a = times(AT_A, simd.add_f32s(at_a, minus_a));
        let even_b = times(AT_B, simd.add_f32s(at_b, minus_b));
        let odd_a = times(A * AT_A, simd.sub_f32s(at_a, minus_a));
        let odd_b = times(B * AT_B, simd.sub_f32s(at_b, minus_b));
        let squares = simd.add_f32s(times(A * A, even_a), times(B * B, even_b));
        [
            simd.add_f32s(zero, simd.add_f32s(even_a, even_b)),
            simd.add_f32s(odd_a, odd_b),
            simd.add_f32s(squares, infinity),
        ]
    }
}

along_both!(ToTaps, 4 to 3);
along_both!(ToTaps, 6 to 3);

/// −x in every lane.
#[inline(always)]
fn minus<S: Simd>(simd: S, x: f32) -> S::f32s {
    simd.splat_f32s(-x)
}

/// The convolution: `x` [batch, h, w, cin] to [batch, h, w, cout]; `weight` [cout, cin, 3, 3].
pub(crate) fn forward(g: &Geometry, x: &[f32], weight: &[f32]) -> Buffer {
    let convolution = Convolution {
        batch: g.batch,
        size: [g.h, g.w],
        channels: [g.cin, g.cout],
        order: std::array::from_fn(|i| i),
    };
    let kernel = |row: usize, column: usize| column * g.cin + row;
    if in_fours(g) {
        convolution.run::<36, 16>(x, weight, kernel)
    } else {
        convolution.run::<16, 4>(x, weight, kernel)
    }
}

/// ∂L/∂x [batch, h, w, cin] from `grad` = ∂L/∂y [batch, h, w, cout].
pub(crate) fn input_gradient(g: &Geometry, grad: &[f32], weight: &[f32]) -> Buffer {
    let convolution = Convolution {
        batch: g.batch,
        size: [g.h, g.w],
        channels: [g.cout, g.cin],
        order: std::array::from_fn(|i| TAPS - 1 - i),
    };
    let kernel = |row: usize, column: usize| row * g.cin + column;
    if in_fours(g) {
        convolution.run::<36, 16>(grad, weight, kernel)
    } else {
        convolution.run::<16, 4>(grad, weight, kernel)
    }
}

/// ∂L/∂w [cout, cin, 3, 3] from `x` and `grad` = ∂L/∂y.
pub(crate) fn weight_gradient(g: &Geometry, x: &[f32], grad: &[f32]) -> Buffer {
    if in_fours(g) { gradient::<36, 16>(g, x, grad) } else { gradient::<16, 4>(g, x, grad) }
}

/// A convolution whose outputs are as large as its inputs.
struct Convolution {
    batch: usize,
    size: [usize; 2],
    /// Of inputs and outputs.
    channels: [usize; 2],
    /// The tap of the stored kernel in the place of each.
    order: [usize; TAPS],
}

impl Convolution {
    /// `kernel` returns the number of the stored kernel from an input channel to an output channel.
    fn run<const POINTS: usize, const OUTPUTS: usize>(
        &self,
        x: &[f32],
        weight: &[f32],
        kernel: impl Fn(usize, usize) -> usize + Sync,
    ) -> Buffer
    where
        OfPixels: Transform<POINTS, POINTS>,
        OfTaps: Transform<TAPS, POINTS>,
        ToOutputs: Transform<POINTS, OUTPUTS>,
    {
        let ([h, w], [from, _]) = (self.size, self.channels);
        let taps = Taps { count: TAPS, phases: &[self.order], sets: false };
        let kernels = Kernels::new::<OfTaps, TAPS>(weight, self.channels, &taps, kernel);
        let zeros = Buffer::zeros(from);
        let tiling = Tiling { batch: self.batch, h, w, side: OUTPUTS.isqrt() };
        convolve::<OfPixels, ToOutputs, POINTS, OUTPUTS, 1>(tiling, from, &kernels, |tile| {
            patch(x, [h, w, from], &zeros, tile)
        })
    }
}

/// The pixels of `x` [batch, h, w, channels] that a tile reads: one more than it writes on each
/// side.
fn patch<'a, const POINTS: usize>(
    x: &'a [f32],
    [h, w, channels]: [usize; 3],
    zeros: &'a [f32],
    (picture, top, left): (usize, usize, usize),
) -> [[&'a [f32]; POINTS]; 1] {
    let values = &x[picture * h * w * channels..][..h * w * channels];
    let pixels = Pixels { values, h, w, channels, zeros };
    [pixels.patch(top as isize - 1, left as isize - 1, POINTS.isqrt(), 1)]
}

/// The gradient of the weight by tiles of as many outputs.
fn gradient<const POINTS: usize, const OUTPUTS: usize>(
    g: &Geometry,
    x: &[f32],
    grad: &[f32],
) -> Buffer
where
    OfPixels: Transform<POINTS, POINTS>,
    OfOutputs: Transform<OUTPUTS, POINTS>,
    ToTaps: Transform<POINTS, TAPS>,
{
    let zeros = Buffer::zeros(g.cin);
    let tiling = Tiling { batch: g.batch, h: g.h, w: g.w, side: OUTPUTS.isqrt() };
    let sums = kernel_gradients::<OfPixels, OfOutputs, POINTS, OUTPUTS, 1>(
        tiling,
        g.cin,
        g.cout,
        grad,
        |tile| patch(x, [g.h, g.w, g.cin], &zeros, tile),
    );
    // [points, cin, cout] → [cout, cin, 9]
    let blocks = g.cout / GRAIN;
    let mut dw = Buffer::any(g.cout * g.cin * TAPS);
    let places = Disjoint::of(&mut dw);
    (0..g.cin * blocks).into_par_iter().with_min_len(blocks).for_each(|task| {
        let (c, first) = (task / blocks, task % blocks * GRAIN);
        let points: [&[f32]; POINTS] =
            std::array::from_fn(|i| &sums[(i * g.cin + c) * g.cout + first..][..GRAIN]);
        let mut taps = [0.0; TAPS * GRAIN];
        spread::<ToTaps, POINTS, TAPS>(points, &mut taps, 0, GRAIN, GRAIN);
        for i in 0..GRAIN {
            // SAFETY: each pair of an input and an output channel is visited once.
            let to = unsafe { places.take(((first + i) * g.cin + c) * TAPS, TAPS) };
            to.iter_mut().enumerate().for_each(|(tap, to)| *to = taps[tap * GRAIN + i]);
        }
    });
    dw
}
