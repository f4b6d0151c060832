//! Convolutions of 4×4 with stride 2 and padding 1 in 9/16 of the multiplications: the algorithm
//! F(2×2, 2×2).
//!
//! A stride of 2 splits picture and kernel by parity into four phases; in each, the kernel has 2×2
//! taps and the stride is 1. Two neighbouring outputs of a two-tap filter, y₀ = t₀d₀ + t₁d₁ and y₁
//! = t₀d₁ + t₁d₂, need three products instead of four: m₀ = (d₀−d₁)t₀, m₁ = d₁(t₀+t₁), m₂ =
//! (d₂−d₁)t₁, y₀ = m₀+m₁, y₁ = m₁+m₂. Along both axes that makes nine for a tile of 2×2 outputs
//! instead of sixteen, each a matrix product over channels and phases. All coefficients are ±1, so
//! rounding grows by little: the tests hold these operations to the same bound as the direct ones.

use pulp::Simd;
use rayon::prelude::*;

use super::super::disjoint::Disjoint;
use super::super::geometry::Geometry;
use super::super::memory::Buffer;
use super::super::simd::arch;
use super::{
    Axis, GRAIN, Gather, Kernels, Pixels, Taps, Tiling, along_both, convolve, kernel_gradients,
    products, spaced, spread,
};

/// Products per tile.
const POINTS: usize = 9;
/// The parities of row and column.
const PHASES: [[usize; 2]; 4] = [[0, 0], [0, 1], [1, 0], [1, 1]];

/// Returns true if this algorithm applies.
pub(crate) fn applies(g: &Geometry) -> bool {
    g.kernel == [4, 4]
        && g.stride == 2
        && g.padding == [1, 1]
        && [g.cin, g.cout].iter().all(|c| c.is_multiple_of(GRAIN))
        && [g.oh, g.ow].iter().all(|n| n.is_multiple_of(2))
        && [g.h, g.w] == [2 * g.oh, 2 * g.ow]
}

/// The channels of a kernel [small, large, 4, 4] to sum over, and the order of the taps of a
/// parity.
#[derive(Clone, Copy)]
enum Direction {
    /// Large to small: all phases in one sum. Tap t of a parity is at parity + 2t.
    Halve,
    /// Small to large: each phase separately. Tap t is at 3 − parity − 2t: outputs of even index
    /// are x[i−1]·w₃ + x[i]·w₁, those of odd index x[i]·w₂ + x[i+1]·w₀.
    Double,
}

impl Direction {
    fn tap(self, parity: usize, t: usize) -> usize {
        match self {
            Self::Halve => parity + 2 * t,
            Self::Double => 3 - parity - 2 * t,
        }
    }
}

impl Direction {
    /// The taps of each phase.
    fn phases(self) -> [[usize; 4]; 4] {
        PHASES
            .map(|[py, px]| std::array::from_fn(|i| self.tap(py, i / 2) * 4 + self.tap(px, i % 2)))
    }
}

/// The 3×3 pixels of a phase that a tile reads to its inputs at the points.
#[derive(Clone, Copy)]
struct OfPixels;

impl Axis<3, 3> for OfPixels {
    #[inline(always)]
    fn along<S: Simd>(simd: S, [a, b, c]: [S::f32s; 3]) -> [S::f32s; 3] {
        [simd.sub_f32s(a, b), b, simd.sub_f32s(c, b)]
    }
}

along_both!(OfPixels, 3 to 3);

/// The 2×2 taps of a phase, or the gradients of a tile's outputs, to those at the points.
#[derive(Clone, Copy)]
struct OfPairs;

impl Axis<2, 3> for OfPairs {
    #[inline(always)]
    fn along<S: Simd>(simd: S, [a, b]: [S::f32s; 2]) -> [S::f32s; 3] {
        [a, simd.add_f32s(a, b), b]
    }
}

along_both!(OfPairs, 2 to 3);

/// The products of a tile to its 2×2 outputs.
#[derive(Clone, Copy)]
struct ToOutputs;

impl Axis<3, 2> for ToOutputs {
    #[inline(always)]
    fn along<S: Simd>(simd: S, [a, b, c]: [S::f32s; 3]) -> [S::f32s; 2] {
        [simd.add_f32s(a, b), simd.add_f32s(b, c)]
    }
}

along_both!(ToOutputs, 3 to 2);

/// The tiles of the small pictures.
fn tiling(g: &Geometry) -> Tiling {
    Tiling { batch: g.batch, h: g.oh, w: g.ow, side: 2 }
}

/// The convolution: large `x` [batch, h, w, cin] to small [batch, h/2, w/2, cout]; `weight` [cout,
/// cin, 4, 4].
pub(crate) fn halve(g: &Geometry, x: &[f32], weight: &[f32]) -> Buffer {
    let taps = Taps { count: 16, phases: &Direction::Halve.phases(), sets: false };
    let kernels = Kernels::new::<OfPairs, 4>(weight, [g.cin, g.cout], &taps, |row, column| {
        column * g.cin + row
    });
    let zeros = Buffer::zeros(g.cin);
    convolve::<OfPixels, ToOutputs, POINTS, 4, 4>(tiling(g), g.cin, &kernels, |tile| {
        patches(g, x, tile, &zeros)
    })
}

/// The pixels of the large picture that a tile reads in each phase.
fn patches<'a>(
    g: &Geometry,
    x: &'a [f32],
    (picture, oy, ox): (usize, usize, usize),
    zeros: &'a [f32],
) -> [[&'a [f32]; POINTS]; 4] {
    let pixels = Pixels {
        values: &x[picture * g.input_len()..][..g.input_len()],
        h: g.h,
        w: g.w,
        channels: g.cin,
        zeros,
    };
    PHASES
        .map(|[py, px]| pixels.patch((2 * oy + py) as isize - 1, (2 * ox + px) as isize - 1, 3, 2))
}

/// The gradient of the convolution's input, and the transposed convolution: small `x` [batch, h/2,
/// w/2, cout] to large [batch, h, w, cin]; `weight` [cout, cin, 4, 4].
pub(crate) fn double(g: &Geometry, x: &[f32], weight: &[f32]) -> Buffer {
    let taps = Taps { count: 16, phases: &Direction::Double.phases(), sets: true };
    let kernels = Kernels::new::<OfPairs, 4>(weight, [g.cout, g.cin], &taps, |row, column| {
        row * g.cin + column
    });
    let tiling = tiling(g);
    let (depth, line) = (spaced(g.cout), 4 * g.w * g.cin);
    let rows = tiling.rows_a_task(POINTS * (depth + g.cin));
    let zeros = Buffer::zeros(g.cout);
    let mut y = Buffer::any(g.batch * g.input_len());
    y.par_chunks_mut(rows * line).enumerate().for_each(|(task, y)| {
        let range = task * rows..task * rows + y.len() / line;
        let count = range.len() * g.ow / 2;
        let (mut inputs, mut outputs) =
            (Buffer::any(POINTS * count * depth), Buffer::any(POINTS * count * g.cin));
        for (phase, [py, px]) in PHASES.into_iter().enumerate() {
            for (t, (picture, sy, sx)) in tiling.tiles(range.clone()).enumerate() {
                let values = &x[picture * g.output_len()..][..g.output_len()];
                let pixels = Pixels { values, h: g.oh, w: g.ow, channels: g.cout, zeros: &zeros };
                let from = pixels.patch((sy + py) as isize - 1, (sx + px) as isize - 1, 3, 1);
                let step = count * depth;
                spread::<OfPixels, POINTS, POINTS>(from, &mut inputs, t * depth, GRAIN, step);
            }
            products::<POINTS>(&inputs, count, kernels.set(phase), &mut outputs);
            for (t, (picture, sy, sx)) in tiling.tiles(range.clone()).enumerate() {
                let row = picture * g.h + 2 * sy - range.start * 4;
                let at = std::array::from_fn(|i| {
                    ((row + i / 2 * 2 + py) * g.w + 2 * sx + i % 2 * 2 + px) * g.cin
                });
                arch().dispatch(Gather::<ToOutputs, POINTS, 4> {
                    from: &outputs[t * g.cin..],
                    step: count * g.cin,
                    to: y,
                    at,
                    channels: g.cin,
                    transform: std::marker::PhantomData,
                });
            }
        }
    });
    y
}

/// ∂L/∂w [cout, cin, 4, 4] from the large picture `x` and the gradient `grad` of the small one.
pub(crate) fn weight_gradient(g: &Geometry, x: &[f32], grad: &[f32]) -> Buffer {
    let zeros = Buffer::zeros(g.cin);
    let sums = kernel_gradients::<OfPixels, OfPairs, POINTS, 4, 4>(
        tiling(g),
        g.cin,
        g.cout,
        grad,
        |tile| patches(g, x, tile, &zeros),
    );
    gather_weight(g, &sums)
}

/// Transforms the kernels' gradients [9, phases·cin, cout] at the points to that of the weight
/// [cout, cin, 4, 4].
fn gather_weight(g: &Geometry, sums: &[f32]) -> Buffer {
    let (depth, blocks) = (4 * g.cin, g.cout / GRAIN);
    let mut dw = Buffer::any(g.cout * g.cin * 16);
    let places = Disjoint::of(&mut dw);
    (0..g.cin * blocks).into_par_iter().with_min_len(blocks).for_each(|task| {
        let (c, first) = (task / blocks, task % blocks * GRAIN);
        let mut taps = [[0.0f32; GRAIN]; 16];
        for (tap, to) in taps.iter_mut().enumerate() {
            let (y, x) = (tap / 4, tap % 4);
            let phase = y % 2 * 2 + x % 2;
            // t₀ contributes to the points 0 and 1, t₁ to 1 and 2.
            for py in [y / 2, y / 2 + 1] {
                for px in [x / 2, x / 2 + 1] {
                    let from = &sums
                        [((py * 3 + px) * depth + phase * g.cin + c) * g.cout + first..][..GRAIN];
                    to.iter_mut().zip(from).for_each(|(t, s)| *t += s);
                }
            }
        }
        for i in 0..GRAIN {
            // SAFETY: each pair of an input and an output channel is visited once.
            let to = unsafe { places.take(((first + i) * g.cin + c) * 16, 16) };
            to.iter_mut().zip(&taps).for_each(|(to, taps)| *to = taps[i]);
        }
    });
    dw
}
