//! Convolutions of 4×4 with stride 2 and padding 1 in 9/16 of the multiplications (Winograd 1980; Lavin & Gray 2015,
//! arXiv:1509.09308, the algorithm F(2×2, 2×2)).
//!
//! A stride of 2 splits picture and kernel by parity into four phases; in each, the kernel has 2×2 taps and the stride is 1.
//! Two neighbouring outputs of a two-tap filter, y₀ = t₀d₀ + t₁d₁ and y₁ = t₀d₁ + t₁d₂, need three products instead of four:
//! m₀ = (d₀−d₁)t₀, m₁ = d₁(t₀+t₁), m₂ = (d₂−d₁)t₁, y₀ = m₀+m₁, y₁ = m₁+m₂. Along both axes that makes nine for a tile of
//! 2×2 outputs instead of sixteen, each a matrix product over channels and phases. All coefficients are ±1, so rounding grows
//! by little: the tests hold these operations to the same bound as the direct ones.

use rayon::prelude::*;

use pulp::{Arch, Simd, WithSimd};

use super::conv::Geometry;
use super::kernel::{Panels, Positions, Rows, Target, outer, product};
use super::memory::Buffer;
use super::transpose;

/// Products for a tile.
const POINTS: usize = 9;
/// The parities of row and column.
const PHASES: [[usize; 2]; 4] = [[0, 0], [0, 1], [1, 0], [1, 1]];
/// Channels come in whole vectors of the widest machine.
const GRAIN: usize = 16;
/// Numbers in the transformed tiles of one task: they should stay in a core's second-level cache.
const TASK: usize = 3 << 16;

/// Whether this algorithm applies.
pub(super) fn applies(g: &Geometry) -> bool {
    g.kernel == [4, 4]
        && g.stride == 2
        && g.padding == [1, 1]
        && [g.cin, g.cout].iter().all(|c| c.is_multiple_of(GRAIN))
        && [g.oh, g.ow].iter().all(|n| n.is_multiple_of(2))
        && [g.h, g.w] == [2 * g.oh, 2 * g.ow]
}

/// What a two-tap filter (t₀, t₁) is multiplied with at point 0, 1, 2: which taps are summed.
const TAPS_AT: [&[usize]; 3] = [&[0], &[0, 1], &[1]];

/// The kernels at each point as packed matrices [channels in · phases, channels out]. `tap(phase, t)` is where tap `t` of a
/// parity stands among the four. `by_large` says whether the columns are the channels of the large picture.
fn kernels(weight: &[f32], small: usize, large: usize, phases: &[[usize; 2]], tap: fn(usize, usize) -> usize, by_large: bool) -> Vec<Panels> {
    // One of the two: [small][large·16] as it is, read along `large`; or [large·16][small], read along `small`.
    let arranged = arrange(weight, small, large, by_large);
    let (rows, columns) = if by_large { (small, large) } else { (large, small) };
    (0..POINTS)
        .map(|point| {
            let (at_y, at_x) = (TAPS_AT[point / 3], TAPS_AT[point % 3]);
            Panels::new(phases.len() * rows, columns, |first, row, k| {
                let ([py, px], r) = (phases[k / rows], k % rows);
                row.fill(0.0);
                for &ty in at_y {
                    for &tx in at_x {
                        let from = ((tap(py, ty) * 4 + tap(px, tx)) * rows + r) * columns + first;
                        row.iter_mut().zip(&arranged[from..]).for_each(|(v, w)| *v += w);
                    }
                }
            })
        })
        .collect()
}

/// `weight` [small, large, 16] as [16, small, large], or as [16, large, small].
fn arrange(weight: &[f32], small: usize, large: usize, by_large: bool) -> Buffer {
    let mut arranged = Buffer::any(weight.len());
    if by_large {
        transpose(weight, small * large, 16, &mut arranged);
    } else {
        // [small, large·16] → [large·16, small] = [large, 16, small] → [16, large, small]
        let mut turned = Buffer::any(weight.len());
        transpose(weight, small, large * 16, &mut turned);
        arranged.par_chunks_mut(large * small).enumerate().for_each(|(tap, to)| {
            for (c, to) in to.chunks_mut(small).enumerate() {
                to.copy_from_slice(&turned[(c * 16 + tap) * small..][..small]);
            }
        });
    }
    arranged
}

/// The pixels of a channels-last picture; outside of it there are zeros.
struct Pixels<'a> {
    values: &'a [f32],
    h: usize,
    w: usize,
    channels: usize,
    zeros: &'a [f32],
}

impl<'a> Pixels<'a> {
    fn at(&self, y: isize, x: isize) -> &'a [f32] {
        let inside = (0..self.h as isize).contains(&y) && (0..self.w as isize).contains(&x);
        if inside { &self.values[(y as usize * self.w + x as usize) * self.channels..][..self.channels] } else { self.zeros }
    }

    /// The 3×3 pixels from (y, x), `step` apart.
    fn patch(&self, y: isize, x: isize, step: isize) -> [&'a [f32]; POINTS] {
        std::array::from_fn(|i| self.at(y + (i / 3) as isize * step, x + (i % 3) as isize * step))
    }
}

/// Vectors from nine places to nine, through a linear map.
struct Spread<'a, const FROM: usize> {
    from: [&'a [f32]; FROM],
    to: &'a mut [f32],
    /// Distance between the results.
    step: usize,
}

impl<const FROM: usize> WithSimd for Spread<'_, FROM> {
    type Output = ();

    /// From nine pixels what the inputs are at each point; from four gradients of outputs what the products' gradients are.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let channels = self.from[0].len();
        assert!(self.from.iter().all(|f| f.len() == channels) && channels.is_multiple_of(S::F32_LANES));
        assert!((POINTS - 1) * self.step + channels <= self.to.len());
        for c in (0..channels).step_by(S::F32_LANES) {
            // SAFETY: every slice has `channels` numbers, a whole number of vectors; so has the room at each step.
            let d: [S::f32s; FROM] = std::array::from_fn(|i| unsafe { self.from[i].as_ptr().add(c).cast::<S::f32s>().read_unaligned() });
            let along = |a: S::f32s, b: S::f32s, c: S::f32s| [simd.sub_f32s(a, b), b, simd.sub_f32s(c, b)];
            let doubled = |a: S::f32s, b: S::f32s| [a, simd.add_f32s(a, b), b];
            let points: [[S::f32s; 3]; 3] = if FROM == POINTS {
                let rows: [[S::f32s; 3]; 3] = std::array::from_fn(|x| along(d[x], d[3 + x], d[6 + x])); // [x][point y]
                std::array::from_fn(|y| along(rows[0][y], rows[1][y], rows[2][y]))
            } else {
                let rows: [[S::f32s; 3]; 2] = std::array::from_fn(|x| doubled(d[x], d[2 + x]));
                std::array::from_fn(|y| doubled(rows[0][y], rows[1][y]))
            };
            for (i, point) in points.as_flattened().iter().enumerate() {
                // SAFETY: as above.
                unsafe { self.to.as_mut_ptr().add(i * self.step + c).cast::<S::f32s>().write_unaligned(*point) };
            }
        }
    }
}

/// The 2×2 outputs of a tile from its nine products, which stand `step` apart.
struct Gather<'a> {
    from: &'a [f32],
    step: usize,
    to: &'a mut [f32],
    /// Where the four outputs begin.
    at: [usize; 4],
    channels: usize,
}

impl WithSimd for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        assert!(self.channels.is_multiple_of(S::F32_LANES));
        assert!((POINTS - 1) * self.step + self.channels <= self.from.len());
        assert!(self.at.iter().all(|at| at + self.channels <= self.to.len()));
        for c in (0..self.channels).step_by(S::F32_LANES) {
            // SAFETY: `channels` numbers, a whole number of vectors, are there at every step and at every output.
            let m: [S::f32s; POINTS] =
                std::array::from_fn(|i| unsafe { self.from.as_ptr().add(i * self.step + c).cast::<S::f32s>().read_unaligned() });
            let along = |a: S::f32s, b: S::f32s, c: S::f32s| [simd.add_f32s(a, b), simd.add_f32s(b, c)];
            let rows: [[S::f32s; 2]; 3] = std::array::from_fn(|x| along(m[x], m[3 + x], m[6 + x])); // [point x][y]
            for y in 0..2 {
                let outputs = along(rows[0][y], rows[1][y], rows[2][y]);
                for (x, output) in outputs.into_iter().enumerate() {
                    // SAFETY: as above.
                    unsafe { self.to.as_mut_ptr().add(self.at[2 * y + x] + c).cast::<S::f32s>().write_unaligned(output) };
                }
            }
        }
    }
}

/// Rows of tiles in a task, when a tile takes `tile` numbers.
fn rows_of_tiles(g: &Geometry, tile: usize) -> usize {
    let (all, wide) = (g.batch * g.oh / 2, g.ow / 2);
    (TASK / tile / wide).min(all.div_ceil(2 * rayon::current_num_threads())).max(1)
}

/// The tiles of `rows`, counted through all pictures: picture, first output row and column of each.
fn tiles(g: &Geometry, rows: std::ops::Range<usize>) -> impl Iterator<Item = (usize, usize, usize)> {
    let (high, wide) = (g.oh / 2, g.ow / 2);
    rows.flat_map(move |row| (0..wide).map(move |x| (row / high, row % high * 2, x * 2)))
}

/// `tiles` · kernel at all nine points: [9, tiles, depth] → [9, tiles, columns].
fn products(inputs: &[f32], tiles: usize, kernels: &[Panels], depth: usize, columns: usize, outputs: &mut [f32]) {
    let starts: Vec<usize> = (0..tiles).map(|t| t * depth).collect();
    let targets: Vec<usize> = (0..tiles).map(|t| t * columns).collect();
    let points = inputs.chunks(tiles * depth).zip(outputs.chunks_mut(tiles * columns));
    for ((values, target), kernel) in points.zip(kernels) {
        let rows = Rows { values, starts: &starts, segments: 1, length: depth, step: 0 };
        product(rows, kernel, Target { values: target, starts: &targets, finish: None });
    }
}

/// The convolution: large `x` [batch, h, w, cin] to small [batch, h/2, w/2, cout]; `weight` [cout, cin, 4, 4].
pub(super) fn halve(g: &Geometry, x: &[f32], weight: &[f32]) -> Buffer {
    // Tap t of a parity stands at parity + 2t.
    let kernels = kernels(weight, g.cout, g.cin, &PHASES, |phase, t| phase + 2 * t, false);
    let (depth, line) = (4 * g.cin, 2 * g.ow * g.cout);
    let rows = rows_of_tiles(g, POINTS * (depth + g.cout));
    let zeros = Buffer::zeros(g.cin);
    let mut y = Buffer::any(g.batch * g.output_len());
    y.par_chunks_mut(rows * line).enumerate().for_each(|(task, y)| {
        let range = task * rows..task * rows + y.len() / line;
        let count = range.len() * g.ow / 2;
        let (mut inputs, mut outputs) = (Buffer::any(POINTS * count * depth), Buffer::any(POINTS * count * g.cout));
        for (t, tile) in tiles(g, range.clone()).enumerate() {
            spread_large(g, x, tile, &zeros, &mut inputs[t * depth..], count * depth);
        }
        products(&inputs, count, &kernels, depth, g.cout, &mut outputs);
        for (t, (picture, oy, ox)) in tiles(g, range.clone()).enumerate() {
            let row = picture * g.oh + oy - range.start * 2;
            let at = std::array::from_fn(|i| ((row + i / 2) * g.ow + ox + i % 2) * g.cout);
            Arch::new().dispatch(Gather { from: &outputs[t * g.cout..], step: count * g.cout, to: y, at, channels: g.cout });
        }
    });
    y
}

/// What a tile reads of the large picture, at all points and phases.
fn spread_large(g: &Geometry, x: &[f32], (picture, oy, ox): (usize, usize, usize), zeros: &[f32], to: &mut [f32], step: usize) {
    let pixels = Pixels { values: &x[picture * g.input_len()..][..g.input_len()], h: g.h, w: g.w, channels: g.cin, zeros };
    for (phase, [py, px]) in PHASES.into_iter().enumerate() {
        let from = pixels.patch((2 * oy + py) as isize - 1, (2 * ox + px) as isize - 1, 2);
        Arch::new().dispatch(Spread { from, to: &mut to[phase * g.cin..], step });
    }
}

/// The gradient of the convolution's input, and the transposed convolution: small `x` [batch, h/2, w/2, cout] to large
/// [batch, h, w, cin]; `weight` [cout, cin, 4, 4].
pub(super) fn double(g: &Geometry, x: &[f32], weight: &[f32]) -> Buffer {
    // Outputs of even index are x[i−1]·w₃ + x[i]·w₁, those of odd index x[i]·w₂ + x[i+1]·w₀.
    let kernels: Vec<(usize, usize, Vec<Panels>)> = PHASES
        .into_iter()
        .map(|[py, px]| (py, px, kernels(weight, g.cout, g.cin, &[[py, px]], |phase, t| 3 - phase - 2 * t, true)))
        .collect();
    let line = 4 * g.w * g.cin;
    let rows = rows_of_tiles(g, POINTS * (g.cin + g.cout));
    let zeros = Buffer::zeros(g.cout);
    let mut y = Buffer::any(g.batch * g.input_len());
    y.par_chunks_mut(rows * line).enumerate().for_each(|(task, y)| {
        let range = task * rows..task * rows + y.len() / line;
        let count = range.len() * g.ow / 2;
        let (mut inputs, mut outputs) = (Buffer::any(POINTS * count * g.cout), Buffer::any(POINTS * count * g.cin));
        for (py, px, kernels) in &kernels {
            for (t, (picture, sy, sx)) in tiles(g, range.clone()).enumerate() {
                let values = &x[picture * g.output_len()..][..g.output_len()];
                let pixels = Pixels { values, h: g.oh, w: g.ow, channels: g.cout, zeros: &zeros };
                let from = pixels.patch((sy + py) as isize - 1, (sx + px) as isize - 1, 1);
                Arch::new().dispatch(Spread { from, to: &mut inputs[t * g.cout..], step: count * g.cout });
            }
            products(&inputs, count, kernels, g.cout, g.cin, &mut outputs);
            for (t, (picture, sy, sx)) in tiles(g, range.clone()).enumerate() {
                let row = picture * g.h + 2 * sy - range.start * 4;
                let at = std::array::from_fn(|i| ((row + i / 2 * 2 + py) * g.w + 2 * sx + i % 2 * 2 + px) * g.cin);
                Arch::new().dispatch(Gather { from: &outputs[t * g.cin..], step: count * g.cin, to: y, at, channels: g.cin });
            }
        }
    });
    y
}

/// ∂L/∂w [cout, cin, 4, 4] from the large picture `x` and the gradient `grad` of the small one.
pub(super) fn weight_gradient(g: &Geometry, x: &[f32], grad: &[f32]) -> Buffer {
    let depth = 4 * g.cin;
    // Rows of tiles whose sums are formed on their own before they are added; no matter how many threads there are.
    let chunk = ((1 << 20) / (POINTS * (depth + g.cout)) / (g.ow / 2)).clamp(1, g.batch * g.oh / 2);
    let count = chunk * g.ow / 2;
    let (mut inputs, mut grads) = (Buffer::any(POINTS * count * depth), Buffer::any(POINTS * count * g.cout));
    let mut sums = Buffer::zeros(POINTS * depth * g.cout); // [9, phases·cin, cout]
    let zeros = Buffer::zeros(g.cin);
    let rows = (POINTS * depth).div_ceil(8 * rayon::current_num_threads()).next_multiple_of(12).min(depth);
    for first in (0..g.batch * g.oh / 2).step_by(chunk) {
        let range = first..(first + chunk).min(g.batch * g.oh / 2);
        let all: Vec<(usize, usize, usize)> = tiles(g, range).collect();
        // A tile's nine vectors stand together here, so that tasks write to ranges of their own.
        let places = inputs.par_chunks_mut(POINTS * depth).zip(grads.par_chunks_mut(POINTS * g.cout)).zip(&all);
        places.with_min_len(8).for_each(|((inputs, grads), &(picture, oy, ox))| {
            spread_large(g, x, (picture, oy, ox), &zeros, inputs, depth);
            let grad = &grad[picture * g.output_len()..][..g.output_len()];
            let from = std::array::from_fn(|i| &grad[((oy + i / 2) * g.ow + ox + i % 2) * g.cout..][..g.cout]);
            Arch::new().dispatch(Spread::<4> { from, to: grads, step: g.cout });
        });
        let positions = Positions { counts: [1, 1, all.len()], steps: [0, 0, POINTS * depth], step_g: POINTS * g.cout };
        sums.par_chunks_mut(depth * g.cout).enumerate().for_each(|(point, sums)| {
            sums.par_chunks_mut(rows * g.cout).enumerate().for_each(|(m, sums)| {
                outer(&inputs[point * depth + m * rows..], &grads[point * g.cout..], g.cout, positions, sums);
            });
        });
    }
    let mut turned = Buffer::any(g.cout * g.cin * 16); // [cin, 16, cout]
    turned.par_chunks_mut(16 * g.cout).enumerate().for_each(|(c, turned)| {
        for (tap, to) in turned.chunks_mut(g.cout).enumerate() {
            let (y, x) = (tap / 4, tap % 4);
            let phase = y % 2 * 2 + x % 2;
            to.fill(0.0);
            // t₀ is in the points 0 and 1, t₁ in 1 and 2.
            for py in [y / 2, y / 2 + 1] {
                for px in [x / 2, x / 2 + 1] {
                    let from = &sums[((py * 3 + px) * depth + phase * g.cin + c) * g.cout..];
                    to.iter_mut().zip(from).for_each(|(t, s)| *t += s);
                }
            }
        }
    });
    let mut dw = Buffer::any(turned.len());
    transpose(&turned, g.cin * 16, g.cout, &mut dw);
    dw
}
