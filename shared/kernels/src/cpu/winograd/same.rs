//! Convolutions of 3×3 with stride 1 and padding 1 in 4/9 of the multiplications: F(2×2, 3×3) of
//! Lavin & Gray 2015, arXiv:1509.09308, section 4.1. Two neighbouring outputs of a three-tap filter
//! need four products instead of six:
//!
//! m₀ = (d₀−d₂)g₀, m₁ = (d₁+d₂)(g₀+g₁+g₂)/2, m₂ = (d₂−d₁)(g₀−g₁+g₂)/2, m₃ = (d₁−d₃)g₂,
//! y₀ = m₀+m₁+m₂, y₁ = m₁−m₂−m₃.
//!
//! Along both axes that makes sixteen for a tile of 2×2 outputs instead of thirty-six. The gradient
//! of the input is the same convolution with the kernel turned by 180°; that of the kernel is the
//! transpose of the algorithm, F(3×3, 2×2).

use pulp::Simd;
use rayon::prelude::*;

use super::super::disjoint::Disjoint;
use super::super::geometry::Geometry;
use super::super::memory::Buffer;
use super::{
    GRAIN, Kernels, Pixels, Taps, Tiling, Transform, along_both, convolve, kernel_gradients,
};

/// Products per tile.
const POINTS: usize = 16;
/// Taps of a kernel.
const TAPS: usize = 9;

/// Returns true if this algorithm applies.
pub(crate) fn applies(g: &Geometry) -> bool {
    g.kernel == [3, 3]
        && g.stride == 1
        && g.padding == [1, 1]
        && [g.cin, g.cout].iter().all(|c| c.is_multiple_of(GRAIN))
        && [g.oh, g.ow].iter().all(|n| n.is_multiple_of(2))
        && [g.h, g.w] == [g.oh, g.ow]
}

/// The 4×4 pixels that a tile reads to its inputs at the points.
#[derive(Clone, Copy)]
struct OfPixels;

impl Transform<POINTS, POINTS> for OfPixels {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, from: [S::f32s; POINTS]) -> [S::f32s; POINTS] {
        along_both(from, |[a, b, c, d]: [S::f32s; 4]| {
            [simd.sub_f32s(a, c), simd.add_f32s(b, c), simd.sub_f32s(c, b), simd.sub_f32s(b, d)]
        })
    }
}

/// The taps of a kernel to its values at the points.
#[derive(Clone, Copy)]
struct OfTaps;

impl Transform<TAPS, POINTS> for OfTaps {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, from: [S::f32s; TAPS]) -> [S::f32s; POINTS] {
        let half = simd.splat_f32s(0.5);
        along_both(from, |[a, b, c]: [S::f32s; 3]| {
            let (ends, b) = (simd.mul_f32s(half, simd.add_f32s(a, c)), simd.mul_f32s(half, b));
            [a, simd.add_f32s(ends, b), simd.sub_f32s(ends, b), c]
        })
    }
}

/// The products of a tile to its 2×2 outputs.
#[derive(Clone, Copy)]
struct ToOutputs;

impl Transform<POINTS, 4> for ToOutputs {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, from: [S::f32s; POINTS]) -> [S::f32s; 4] {
        along_both(from, |[a, b, c, d]: [S::f32s; 4]| {
            [simd.add_f32s(a, simd.add_f32s(b, c)), simd.sub_f32s(b, simd.add_f32s(c, d))]
        })
    }
}

/// The gradients of a tile's outputs to those of its products.
#[derive(Clone, Copy)]
struct OfOutputs;

impl Transform<4, POINTS> for OfOutputs {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, from: [S::f32s; 4]) -> [S::f32s; POINTS] {
        along_both(from, |[a, b]: [S::f32s; 2]| {
            [a, simd.add_f32s(a, b), simd.sub_f32s(a, b), simd.sub_f32s(simd.splat_f32s(0.0), b)]
        })
    }
}

/// The pixels of `x` [batch, h, w, channels] that a tile reads.
fn patch<'a>(
    x: &'a [f32],
    [h, w, channels]: [usize; 3],
    zeros: &'a [f32],
    (picture, top, left): (usize, usize, usize),
) -> [[&'a [f32]; POINTS]; 1] {
    let values = &x[picture * h * w * channels..][..h * w * channels];
    let pixels = Pixels { values, h, w, channels, zeros };
    [pixels.patch(top as isize - 1, left as isize - 1, 4, 1)]
}

impl Geometry {
    fn tiling(&self) -> Tiling {
        Tiling { batch: self.batch, h: self.h, w: self.w }
    }
}

/// The convolution: `x` [batch, h, w, cin] to [batch, h, w, cout]; `weight` [cout, cin, 3, 3].
pub(crate) fn forward(g: &Geometry, x: &[f32], weight: &[f32]) -> Buffer {
    let taps = Taps { count: TAPS, phases: &[std::array::from_fn(|i| i)], sets: false };
    let kernels = Kernels::new::<OfTaps, TAPS>(weight, [g.cin, g.cout], &taps, |row, column| {
        column * g.cin + row
    });
    let zeros = Buffer::zeros(g.cin);
    convolve::<OfPixels, ToOutputs, POINTS, 1>(g.tiling(), g.cin, &kernels, |tile| {
        patch(x, [g.h, g.w, g.cin], &zeros, tile)
    })
}

/// ∂L/∂x [batch, h, w, cin] from `grad` = ∂L/∂y [batch, h, w, cout].
pub(crate) fn input_gradient(g: &Geometry, grad: &[f32], weight: &[f32]) -> Buffer {
    let turned = [std::array::from_fn(|i| TAPS - 1 - i)];
    let taps = Taps { count: TAPS, phases: &turned, sets: false };
    let kernels = Kernels::new::<OfTaps, TAPS>(weight, [g.cout, g.cin], &taps, |row, column| {
        row * g.cin + column
    });
    let zeros = Buffer::zeros(g.cout);
    convolve::<OfPixels, ToOutputs, POINTS, 1>(g.tiling(), g.cout, &kernels, |tile| {
        patch(grad, [g.h, g.w, g.cout], &zeros, tile)
    })
}

/// ∂L/∂w [cout, cin, 3, 3] from `x` and `grad` = ∂L/∂y.
pub(crate) fn weight_gradient(g: &Geometry, x: &[f32], grad: &[f32]) -> Buffer {
    let zeros = Buffer::zeros(g.cin);
    let sums = kernel_gradients::<OfPixels, OfOutputs, POINTS, 1>(
        g.tiling(),
        g.cin,
        g.cout,
        grad,
        |tile| patch(x, [g.h, g.w, g.cin], &zeros, tile),
    );
    // [16, cin, cout] → [cout, cin, 9]
    let blocks = g.cout / GRAIN;
    let mut dw = Buffer::any(g.cout * g.cin * TAPS);
    let places = Disjoint::of(&mut dw);
    (0..g.cin * blocks).into_par_iter().with_min_len(blocks).for_each(|task| {
        let (c, first) = (task / blocks, task % blocks * GRAIN);
        let point = |i: usize| -> [f32; GRAIN] {
            let from = &sums[(i * g.cin + c) * g.cout + first..][..GRAIN];
            std::array::from_fn(|k| from[k])
        };
        let points: [[f32; GRAIN]; POINTS] = std::array::from_fn(point);
        let add = |a: [f32; GRAIN], b: [f32; GRAIN]| -> [f32; GRAIN] {
            std::array::from_fn(|k| a[k] + b[k])
        };
        // The transpose of the taps' transform.
        let taps: [[f32; GRAIN]; TAPS] = along_both(points, |[a, b, c, d]: [[f32; GRAIN]; 4]| {
            let half = |x: [f32; GRAIN]| x.map(|x| 0.5 * x);
            let (sum, difference) = (half(add(b, c)), half(add(b, c.map(|c| -c))));
            [add(a, sum), difference, add(sum, d)]
        });
        for i in 0..GRAIN {
            // SAFETY: each pair of an input and an output channel is visited once.
            let to = unsafe { places.take(((first + i) * g.cin + c) * TAPS, TAPS) };
            to.iter_mut().zip(&taps).for_each(|(to, taps)| *to = taps[i]);
        }
    });
    dw
}
