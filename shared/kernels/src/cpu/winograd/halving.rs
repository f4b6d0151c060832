//! Convolutions of 4×4 with stride 2 and padding 1 in 9/16 of the multiplications (Winograd 1980;
//! Lavin & Gray 2015, arXiv:1509.09308, the algorithm F(2×2, 2×2)).
//!
//! A stride of 2 splits picture and kernel by parity into four phases; in each, the kernel has 2×2
//! taps and the stride is 1. Two neighbouring outputs of a two-tap filter, y₀ = t₀d₀ + t₁d₁ and y₁
//! = t₀d₁ + t₁d₂, need three products instead of four: m₀ = (d₀−d₁)t₀, m₁ = d₁(t₀+t₁), m₂ =
//! (d₂−d₁)t₁, y₀ = m₀+m₁, y₁ = m₁+m₂. Along both axes that makes nine for a tile of 2×2 outputs
//! instead of sixteen, each a matrix product over channels and phases. All coefficients are ±1, so
//! rounding grows by little: the tests hold these operations to the same bound as the direct ones.

use rayon::prelude::*;

use pulp::{Simd, WithSimd};

use super::disjoint::Disjoint;
use super::geometry::Geometry;
use super::kernel::{Panels, Positions, Rows, Sums, Target, outer, panel_width, product};
use super::memory::Buffer;
use super::simd::arch;

/// Products per tile.
const POINTS: usize = 9;
/// The parities of row and column.
const PHASES: [[usize; 2]; 4] = [[0, 0], [0, 1], [1, 0], [1, 1]];
/// Channels come in whole vectors of the widest machine.
const GRAIN: usize = 16;
/// Numbers in the transformed tiles of one task: they should stay in a core's second-level cache.
const TASK: usize = 3 << 16;

/// Returns true if this algorithm applies.
pub(super) fn applies(g: &Geometry) -> bool {
    g.kernel == [4, 4]
        && g.stride == 2
        && g.padding == [1, 1]
        && [g.cin, g.cout].iter().all(|c| c.is_multiple_of(GRAIN))
        && [g.oh, g.ow].iter().all(|n| n.is_multiple_of(2))
        && [g.h, g.w] == [2 * g.oh, 2 * g.ow]
}

/// Kernels at all points, as packed matrices [channels in · phases, channels out]: nine for each of
/// `sets`.
struct Kernels {
    values: Buffer,
    depth: usize,
    columns: usize,
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

impl Kernels {
    fn new(weight: &[f32], small: usize, large: usize, direction: Direction) -> Self {
        let (rows, columns) = match direction {
            Direction::Halve => (large, small),
            Direction::Double => (small, large),
        };
        let (sets, depth) = match direction {
            Direction::Halve => (1, 4 * rows),
            Direction::Double => (4, rows),
        };
        let width = panel_width();
        let panels = columns.div_ceil(width);
        let mut values = Buffer::any(sets * POINTS * panels * depth * width);
        let places = Disjoint::of(&mut values);
        (0..panels * rows.div_ceil(GRAIN)).into_par_iter().for_each(|task| {
            let (panel, block) = (task % panels, task / panels);
            let first = panel * width;
            let there = width.min(columns - first);
            // The taps of this block, columns side by side.
            let mut taps = Buffer::any(16 * width);
            taps.fill(0.0);
            let mut points = Buffer::any(POINTS * width);
            for row in block * GRAIN..(block * GRAIN + GRAIN).min(rows) {
                for column in 0..there {
                    let (s, l) = match direction {
                        Direction::Halve => (first + column, row),
                        Direction::Double => (row, first + column),
                    };
                    for (tap, w) in weight[(s * large + l) * 16..][..16].iter().enumerate() {
                        taps[tap * width + column] = *w;
                    }
                }
                for (phase, [py, px]) in PHASES.into_iter().enumerate() {
                    let at = |i: usize| direction.tap(py, i / 2) * 4 + direction.tap(px, i % 2);
                    let from: [&[f32]; 4] =
                        std::array::from_fn(|i| &taps[at(i) * width..][..width]);
                    spread(from, &mut points, 0, GRAIN, width);
                    let (set, k) = if sets == 1 { (0, phase * rows + row) } else { (phase, row) };
                    for (point, values) in points.chunks(width).enumerate() {
                        // SAFETY: each pair of a panel and a row is visited once, and so is each
                        // phase and point of it.
                        let to = unsafe {
                            places.take(
                                (((set * POINTS + point) * panels + panel) * depth + k) * width,
                                width,
                            )
                        };
                        to.copy_from_slice(values);
                    }
                }
            }
        });
        Self { values, depth, columns }
    }

    /// The nine matrices of a set.
    fn set(&self, set: usize) -> impl Iterator<Item = Panels<'_>> {
        let len = self.columns.div_ceil(panel_width()) * panel_width() * self.depth;
        let set = &self.values[set * POINTS * len..][..POINTS * len];
        set.chunks(len).map(|values| Panels { values, depth: self.depth, columns: self.columns })
    }
}

/// The pixels of a channels-last picture, zero outside it.
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
        if inside {
            &self.values[(y as usize * self.w + x as usize) * self.channels..][..self.channels]
        } else {
            self.zeros
        }
    }

    /// The 3×3 pixels from (y, x), `step` apart.
    fn patch(&self, y: isize, x: isize, step: isize) -> [&'a [f32]; POINTS] {
        std::array::from_fn(|i| self.at(y + (i / 3) as isize * step, x + (i % 3) as isize * step))
    }
}

/// Transforms channels from nine (or four) positions to nine, through a linear map.
struct Spread<'a, const FROM: usize> {
    from: [&'a [f32]; FROM],
    to: &'a Disjoint<'a>,
    /// Position of the first result's first channel.
    at: usize,
    /// Distance from one [`GRAIN`] of channels to the next.
    chunk: usize,
    /// Distance from one result to the next.
    step: usize,
}

impl<'a, const FROM: usize> Spread<'a, FROM> {
    /// # Safety
    /// Running it takes the positions that it writes to: nothing else may take them, and it may run
    /// once.
    unsafe fn new(
        from: [&'a [f32]; FROM],
        to: &'a Disjoint<'a>,
        at: usize,
        chunk: usize,
        step: usize,
    ) -> Self {
        let last = from[0].len() - 1;
        assert!(from.iter().all(|f| f.len() == last + 1), "channels");
        assert!(
            at + (POINTS - 1) * step + last / GRAIN * chunk + last % GRAIN < to.len(),
            "a place outside"
        );
        Self { from, to, at, chunk, step }
    }
}

/// Runs a [`Spread`] with exclusive use of `to`.
fn spread<const FROM: usize>(
    from: [&[f32]; FROM],
    to: &mut [f32],
    at: usize,
    chunk: usize,
    step: usize,
) {
    let to = Disjoint::of(to);
    // SAFETY: nothing else knows this `Disjoint`, and it is used once.
    arch().dispatch(unsafe { Spread::new(from, &to, at, chunk, step) });
}

impl<const FROM: usize> WithSimd for Spread<'_, FROM> {
    type Output = ();

    /// From nine pixels to the inputs at each point; from four taps to the kernels, from four
    /// gradients of outputs to the products' gradients.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let channels = self.from[0].len();
        assert!(channels.is_multiple_of(S::F32_LANES));
        for c in (0..channels).step_by(S::F32_LANES) {
            // SAFETY: `new` checked that every slice has as many numbers as the first: `channels`,
            // a whole number of vectors.
            let d: [S::f32s; FROM] = std::array::from_fn(|i| unsafe {
                self.from[i].as_ptr().add(c).cast::<S::f32s>().read_unaligned()
            });
            let along =
                |a: S::f32s, b: S::f32s, c: S::f32s| [simd.sub_f32s(a, b), b, simd.sub_f32s(c, b)];
            let doubled = |a: S::f32s, b: S::f32s| [a, simd.add_f32s(a, b), b];
            let points: [[S::f32s; 3]; 3] = if FROM == POINTS {
                let rows: [[S::f32s; 3]; 3] =
                    std::array::from_fn(|x| along(d[x], d[3 + x], d[6 + x])); // [x][point y]
                std::array::from_fn(|y| along(rows[0][y], rows[1][y], rows[2][y]))
            } else {
                let rows: [[S::f32s; 3]; 2] = std::array::from_fn(|x| doubled(d[x], d[2 + x]));
                std::array::from_fn(|y| doubled(rows[0][y], rows[1][y]))
            };
            let to = self.at + c / GRAIN * self.chunk + c % GRAIN;
            for (i, point) in points.as_flattened().iter().enumerate() {
                // SAFETY: `new` checked that the last position lies inside, and its caller that
                // nobody else takes them. A vector does not cross a grain, which is a whole number
                // of vectors.
                unsafe {
                    self.to
                        .take_unchecked(to + i * self.step, S::F32_LANES)
                        .cast::<S::f32s>()
                        .write_unaligned(*point)
                };
            }
        }
    }
}

/// The 2×2 outputs of a tile from its nine products, `step` apart.
struct Gather<'a> {
    from: &'a [f32],
    step: usize,
    to: &'a mut [f32],
    /// The starts of the four outputs.
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
            // SAFETY: `channels` numbers, a whole number of vectors, are present at every step
            // (asserted above).
            let m: [S::f32s; POINTS] = std::array::from_fn(|i| unsafe {
                self.from.as_ptr().add(i * self.step + c).cast::<S::f32s>().read_unaligned()
            });
            let along =
                |a: S::f32s, b: S::f32s, c: S::f32s| [simd.add_f32s(a, b), simd.add_f32s(b, c)];
            let rows: [[S::f32s; 2]; 3] = std::array::from_fn(|x| along(m[x], m[3 + x], m[6 + x])); // [point x][y]
            let outputs: [[S::f32s; 2]; 2] =
                std::array::from_fn(|y| along(rows[0][y], rows[1][y], rows[2][y]));
            for (output, at) in outputs.as_flattened().iter().zip(self.at) {
                // SAFETY: and at every output (asserted above).
                unsafe {
                    self.to.as_mut_ptr().add(at + c).cast::<S::f32s>().write_unaligned(*output)
                };
            }
        }
    }
}

/// Rows of tiles per task, if a tile takes `tile` numbers.
fn rows_of_tiles(g: &Geometry, tile: usize) -> usize {
    let (all, wide) = (g.batch * g.oh / 2, g.ow / 2);
    (TASK / tile / wide).min(all.div_ceil(2 * rayon::current_num_threads())).max(1)
}

/// The tiles of `rows`, counted through all pictures: picture, first output row and column of each.
fn tiles(
    g: &Geometry,
    rows: std::ops::Range<usize>,
) -> impl Iterator<Item = (usize, usize, usize)> {
    let (high, wide) = (g.oh / 2, g.ow / 2);
    rows.flat_map(move |row| (0..wide).map(move |x| (row / high, row % high * 2, x * 2)))
}

/// Distance from one tile's inputs to the next: not a power of two, which a cache would map to few
/// sets.
fn spaced(depth: usize) -> usize {
    depth + GRAIN
}

/// `tiles` · kernel at all nine points: [9, tiles, depth] → [9, tiles, columns].
fn products<'a>(
    inputs: &[f32],
    tiles: usize,
    kernels: impl Iterator<Item = Panels<'a>>,
    outputs: &mut [f32],
) {
    let (inputs_len, outputs_len) = (inputs.len() / POINTS, outputs.len() / POINTS);
    let starts: Vec<usize> = (0..tiles).map(|t| t * inputs_len / tiles).collect();
    let targets: Vec<usize> = (0..tiles).map(|t| t * outputs_len / tiles).collect();
    for ((values, target), kernel) in
        inputs.chunks(inputs_len).zip(outputs.chunks_mut(outputs_len)).zip(kernels)
    {
        let rows = Rows { values, starts: &starts, segments: 1, length: kernel.depth, step: 0 };
        product(rows, kernel, Target { values: target, starts: &targets, finish: None });
    }
}

/// The convolution: large `x` [batch, h, w, cin] to small [batch, h/2, w/2, cout]; `weight` [cout,
/// cin, 4, 4].
pub(super) fn halve(g: &Geometry, x: &[f32], weight: &[f32]) -> Buffer {
    let kernels = Kernels::new(weight, g.cout, g.cin, Direction::Halve);
    let (depth, line) = (spaced(4 * g.cin), 2 * g.ow * g.cout);
    let rows = rows_of_tiles(g, POINTS * (depth + g.cout));
    let zeros = Buffer::zeros(g.cin);
    let mut y = Buffer::any(g.batch * g.output_len());
    y.par_chunks_mut(rows * line).enumerate().for_each(|(task, y)| {
        let range = task * rows..task * rows + y.len() / line;
        let count = range.len() * g.ow / 2;
        let (mut inputs, mut outputs) =
            (Buffer::any(POINTS * count * depth), Buffer::any(POINTS * count * g.cout));
        for (t, tile) in tiles(g, range.clone()).enumerate() {
            for (phase, from) in patches(g, x, tile, &zeros).into_iter().enumerate() {
                spread(from, &mut inputs, t * depth + phase * g.cin, GRAIN, count * depth);
            }
        }
        products(&inputs, count, kernels.set(0), &mut outputs);
        for (t, (picture, oy, ox)) in tiles(g, range.clone()).enumerate() {
            let row = picture * g.oh + oy - range.start * 2;
            let at = std::array::from_fn(|i| ((row + i / 2) * g.ow + ox + i % 2) * g.cout);
            arch().dispatch(Gather {
                from: &outputs[t * g.cout..],
                step: count * g.cout,
                to: y,
                at,
                channels: g.cout,
            });
        }
    });
    y
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
    PHASES.map(|[py, px]| pixels.patch((2 * oy + py) as isize - 1, (2 * ox + px) as isize - 1, 2))
}

/// The gradient of the convolution's input, and the transposed convolution: small `x` [batch, h/2,
/// w/2, cout] to large [batch, h, w, cin]; `weight` [cout, cin, 4, 4].
pub(super) fn double(g: &Geometry, x: &[f32], weight: &[f32]) -> Buffer {
    let kernels = Kernels::new(weight, g.cout, g.cin, Direction::Double);
    let (depth, line) = (spaced(g.cout), 4 * g.w * g.cin);
    let rows = rows_of_tiles(g, POINTS * (depth + g.cin));
    let zeros = Buffer::zeros(g.cout);
    let mut y = Buffer::any(g.batch * g.input_len());
    y.par_chunks_mut(rows * line).enumerate().for_each(|(task, y)| {
        let range = task * rows..task * rows + y.len() / line;
        let count = range.len() * g.ow / 2;
        let (mut inputs, mut outputs) =
            (Buffer::any(POINTS * count * depth), Buffer::any(POINTS * count * g.cin));
        for (phase, [py, px]) in PHASES.into_iter().enumerate() {
            for (t, (picture, sy, sx)) in tiles(g, range.clone()).enumerate() {
                let values = &x[picture * g.output_len()..][..g.output_len()];
                let pixels = Pixels { values, h: g.oh, w: g.ow, channels: g.cout, zeros: &zeros };
                let from = pixels.patch((sy + py) as isize - 1, (sx + px) as isize - 1, 1);
                spread(from, &mut inputs, t * depth, GRAIN, count * depth);
            }
            products(&inputs, count, kernels.set(phase), &mut outputs);
            for (t, (picture, sy, sx)) in tiles(g, range.clone()).enumerate() {
                let row = picture * g.h + 2 * sy - range.start * 4;
                let at = std::array::from_fn(|i| {
                    ((row + i / 2 * 2 + py) * g.w + 2 * sx + i % 2 * 2 + px) * g.cin
                });
                arch().dispatch(Gather {
                    from: &outputs[t * g.cin..],
                    step: count * g.cin,
                    to: y,
                    at,
                    channels: g.cin,
                });
            }
        }
    });
    y
}

/// ∂L/∂w [cout, cin, 4, 4] from the large picture `x` and the gradient `grad` of the small one.
pub(super) fn weight_gradient(g: &Geometry, x: &[f32], grad: &[f32]) -> Buffer {
    let (depth, all_rows) = (4 * g.cin, g.batch * g.oh / 2);
    // Columns per kernel call.
    let wide = if g.cout.is_multiple_of(2 * GRAIN) { 2 * GRAIN } else { GRAIN };
    // Rows of tiles whose sums are formed separately before they are added; independent of the
    // number of threads.
    let chunk = ((1 << 20) / (POINTS * (depth + g.cout)) / (g.ow / 2)).clamp(1, all_rows);
    let most = chunk * g.ow / 2;
    // [9, channels / GRAIN, tiles, GRAIN] and [9, channels / wide, tiles, wide]: the data of a
    // kernel call are contiguous.
    let (mut inputs, mut grads) =
        (Buffer::any(POINTS * most * depth), Buffer::any(POINTS * most * g.cout));
    let mut sums = Buffer::zeros(POINTS * depth * g.cout); // [9, phases·cin, cout]
    let zeros = Buffer::zeros(g.cin);
    for first in (0..all_rows).step_by(chunk) {
        let places: Vec<_> = tiles(g, first..(first + chunk).min(all_rows)).collect();
        let count = places.len();
        let (to_inputs, to_grads) = (Disjoint::of(&mut inputs), Disjoint::of(&mut grads));
        places.par_iter().enumerate().with_min_len(8).for_each(|(t, &(picture, oy, ox))| {
            for (phase, from) in patches(g, x, (picture, oy, ox), &zeros).into_iter().enumerate() {
                let at = phase * g.cin * count + t * GRAIN;
                // SAFETY: each tile and phase is visited once.
                arch().dispatch(unsafe {
                    Spread::new(from, &to_inputs, at, count * GRAIN, count * depth)
                });
            }
            for first in (0..g.cout).step_by(wide) {
                let pixel =
                    |i: usize| ((picture * g.oh + oy + i / 2) * g.ow + ox + i % 2) * g.cout + first;
                let from: [&[f32]; 4] = std::array::from_fn(|i| &grad[pixel(i)..][..wide]);
                // SAFETY: each tile and range of channels is visited once.
                arch().dispatch(unsafe {
                    Spread::new(from, &to_grads, first * count + t * wide, GRAIN, count * g.cout)
                });
            }
        });
        sums.par_chunks_mut(GRAIN * g.cout).enumerate().for_each(|(block, sums)| {
            let point = block * GRAIN / depth;
            let x = &inputs[block * GRAIN * count..][..GRAIN * count];
            let grads = &grads[point * g.cout * count..][..g.cout * count];
            for (i, grads) in grads.chunks(wide * count).enumerate() {
                let positions =
                    Positions { counts: [1, 1, count], steps: [0, 0, GRAIN], step_g: wide };
                outer(
                    x,
                    grads,
                    positions,
                    Sums {
                        values: &mut sums[i * wide..],
                        rows: GRAIN,
                        columns: wide,
                        step: g.cout,
                    },
                );
            }
        });
    }
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
