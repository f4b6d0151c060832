//! Convolutions in fewer multiplications (Winograd 1980; Lavin & Gray 2015, arXiv:1509.09308): tiles
//! of a few outputs, whose inputs and kernels are transformed to a few points, multiplied there as
//! matrices over channels, and transformed back.
//!
//! | module | convolution | algorithm | multiplications |
//! |---|---|---|---|
//! | [`halving`] | 4×4, stride 2, padding 1 | F(2×2, 2×2) in four phases | 9/16 |
//! | [`same`] | 3×3, stride 1, padding 1 | F(4×4, 3×3), F(2×2, 3×3) | 1/4, 4/9 |

pub(super) mod halving;
pub(super) mod same;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::disjoint::Disjoint;
use super::kernel::{Panels, Positions, Rows, Sums, Target, outer, panel_width, product};
use super::memory::Buffer;
use super::simd::arch;

/// Channels come in whole vectors of the widest machine.
const GRAIN: usize = 16;
/// Numbers in the transformed tiles of one task: they should stay in a core's second-level cache.
const TASK: usize = 3 << 16;

/// A linear map of vectors: that of tiles, of kernels, or back.
trait Transform<const FROM: usize, const TO: usize>: Copy {
    fn apply<S: Simd>(simd: S, from: [S::f32s; FROM]) -> [S::f32s; TO];
}

/// A linear map of vectors along one axis.
trait Axis<const FROM: usize, const TO: usize>: Copy {
    fn along<S: Simd>(simd: S, from: [S::f32s; FROM]) -> [S::f32s; TO];
}

/// A [`Transform`] of squares from an [`Axis`] of their sides: rows, then columns.
macro_rules! along_both {
    ($map:ty, $from:literal to $to:literal) => {
        impl $crate::cpu::winograd::Transform<{ $from * $from }, { $to * $to }> for $map {
            // Loops rather than closures: these would not all become part of the caller, whose
            // instruction set they need.
            #[inline(always)]
            fn apply<S: pulp::Simd>(
                simd: S,
                from: [S::f32s; $from * $from],
            ) -> [S::f32s; $to * $to] {
                use $crate::cpu::winograd::Axis;
                let zero = simd.splat_f32s(0.0);
                let mut rows = [[zero; $from]; $to];
                for x in 0..$from {
                    let mut column = [zero; $from];
                    for y in 0..$from {
                        column[y] = from[y * $from + x];
                    }
                    let column: [S::f32s; $to] = <$map>::along(simd, column);
                    for y in 0..$to {
                        rows[y][x] = column[y];
                    }
                }
                let mut square = [zero; $to * $to];
                for y in 0..$to {
                    let row: [S::f32s; $to] = <$map>::along(simd, rows[y]);
                    for x in 0..$to {
                        square[y * $to + x] = row[x];
                    }
                }
                square
            }
        }
    };
}
use along_both;

/// Kernels at all points, as packed matrices [depth, channels out]: `POINTS` for each of some sets.
struct Kernels<const POINTS: usize> {
    values: Buffer,
    depth: usize,
    columns: usize,
}

/// How the taps of kernels become those matrices.
struct Taps<'a, const FROM: usize> {
    /// Taps of a kernel.
    count: usize,
    /// The taps of each phase, in the order of the transform.
    phases: &'a [[usize; FROM]],
    /// Whether each phase is a set of its own; otherwise they are stacked along the depth.
    sets: bool,
}

impl<const POINTS: usize> Kernels<POINTS> {
    /// `kernel` returns the number of the kernel from channel `row` to channel `column`.
    fn new<T: Transform<FROM, POINTS>, const FROM: usize>(
        weight: &[f32],
        [rows, columns]: [usize; 2],
        taps_of: &Taps<'_, FROM>,
        kernel: impl Fn(usize, usize) -> usize + Sync,
    ) -> Self {
        let Taps { count: all, phases, sets } = *taps_of;
        let (sets_count, depth) =
            if sets { (phases.len(), rows) } else { (1, phases.len() * rows) };
        let width = panel_width();
        let panels = columns.div_ceil(width);
        let mut values = Buffer::any(sets_count * POINTS * panels * depth * width);
        let places = Disjoint::of(&mut values);
        (0..panels * rows.div_ceil(GRAIN)).into_par_iter().for_each(|task| {
            let (panel, block) = (task % panels, task / panels);
            let first = panel * width;
            let there = width.min(columns - first);
            // The taps of this block, columns side by side.
            let mut taps = Buffer::zeros(all * width);
            let mut points = Buffer::any(POINTS * width);
            for row in block * GRAIN..(block * GRAIN + GRAIN).min(rows) {
                for column in 0..there {
                    let from = &weight[kernel(row, first + column) * all..][..all];
                    for (tap, w) in from.iter().enumerate() {
                        taps[tap * width + column] = *w;
                    }
                }
                for (phase, order) in phases.iter().enumerate() {
                    let from: [&[f32]; FROM] =
                        std::array::from_fn(|i| &taps[order[i] * width..][..width]);
                    spread::<T, FROM, POINTS>(from, &mut points, 0, GRAIN, width);
                    let (set, k) = if sets { (phase, row) } else { (0, phase * rows + row) };
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

    /// The matrices of a set.
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

    /// The square of N pixels, `side` to a row, from (y, x), `step` apart.
    fn patch<const N: usize>(
        &self,
        y: isize,
        x: isize,
        side: usize,
        step: isize,
    ) -> [&'a [f32]; N] {
        std::array::from_fn(|i| {
            self.at(y + (i / side) as isize * step, x + (i % side) as isize * step)
        })
    }
}

/// Transforms channels from some positions to others.
struct Spread<'a, T, const FROM: usize, const TO: usize> {
    from: [&'a [f32]; FROM],
    to: &'a Disjoint<'a>,
    /// Position of the first result's first channel.
    at: usize,
    /// Distance from one [`GRAIN`] of channels to the next.
    chunk: usize,
    /// Distance from one result to the next.
    step: usize,
    transform: std::marker::PhantomData<T>,
}

impl<'a, T, const FROM: usize, const TO: usize> Spread<'a, T, FROM, TO> {
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
            at + (TO - 1) * step + last / GRAIN * chunk + last % GRAIN < to.len(),
            "a place outside"
        );
        Self { from, to, at, chunk, step, transform: std::marker::PhantomData }
    }
}

/// Runs a [`Spread`] with exclusive use of `to`.
fn spread<T: Transform<FROM, TO>, const FROM: usize, const TO: usize>(
    from: [&[f32]; FROM],
    to: &mut [f32],
    at: usize,
    chunk: usize,
    step: usize,
) {
    let to = Disjoint::of(to);
    // SAFETY: nothing else knows this `Disjoint`, and it is used once.
    arch().dispatch(unsafe { Spread::<T, FROM, TO>::new(from, &to, at, chunk, step) });
}

impl<T: Transform<FROM, TO>, const FROM: usize, const TO: usize> WithSimd
    for Spread<'_, T, FROM, TO>
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let channels = self.from[0].len();
        assert!(channels.is_multiple_of(S::F32_LANES));
        for c in (0..channels).step_by(S::F32_LANES) {
            // SAFETY: `new` checked that every slice has as many numbers as the first: `channels`,
            // a whole number of vectors.
            let from: [S::f32s; FROM] = std::array::from_fn(|i| unsafe {
                self.from[i].as_ptr().add(c).cast::<S::f32s>().read_unaligned()
            });
            let to = self.at + c / GRAIN * self.chunk + c % GRAIN;
            for (i, point) in T::apply(simd, from).into_iter().enumerate() {
                // SAFETY: `new` checked that the last position lies inside, and its caller that
                // nobody else takes them. A vector does not cross a grain, which is a whole number
                // of vectors.
                unsafe {
                    self.to
                        .take_unchecked(to + i * self.step, S::F32_LANES)
                        .cast::<S::f32s>()
                        .write_unaligned(point)
                };
            }
        }
    }
}

/// The outputs of a tile from its products, `step` apart.
struct Gather<'a, T, const POINTS: usize, const OUTPUTS: usize> {
    from: &'a [f32],
    step: usize,
    to: &'a mut [f32],
    /// The starts of the outputs.
    at: [usize; OUTPUTS],
    channels: usize,
    transform: std::marker::PhantomData<T>,
}

impl<T: Transform<POINTS, OUTPUTS>, const POINTS: usize, const OUTPUTS: usize> WithSimd
    for Gather<'_, T, POINTS, OUTPUTS>
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        assert!(self.channels.is_multiple_of(S::F32_LANES));
        assert!((POINTS - 1) * self.step + self.channels <= self.from.len());
        assert!(self.at.iter().all(|at| at + self.channels <= self.to.len()));
        for c in (0..self.channels).step_by(S::F32_LANES) {
            // SAFETY: `channels` numbers, a whole number of vectors, are present at every step
            // (asserted above).
            let products: [S::f32s; POINTS] = std::array::from_fn(|i| unsafe {
                self.from.as_ptr().add(i * self.step + c).cast::<S::f32s>().read_unaligned()
            });
            for (output, at) in T::apply(simd, products).into_iter().zip(self.at) {
                // SAFETY: and at every output (asserted above).
                unsafe {
                    self.to.as_mut_ptr().add(at + c).cast::<S::f32s>().write_unaligned(output)
                };
            }
        }
    }
}

/// Pictures cut into square tiles.
#[derive(Clone, Copy)]
struct Tiling {
    batch: usize,
    h: usize,
    w: usize,
    /// Pixels along a side of a tile.
    side: usize,
}

impl Tiling {
    /// Rows of tiles over all pictures.
    fn rows(&self) -> usize {
        self.batch * self.h / self.side
    }

    /// Tiles in a row.
    fn wide(&self) -> usize {
        self.w / self.side
    }

    /// Rows of tiles per task, if a tile takes `tile` numbers.
    fn rows_a_task(&self, tile: usize) -> usize {
        let fit = TASK / tile / self.wide();
        fit.min(self.rows().div_ceil(2 * rayon::current_num_threads())).max(1)
    }

    /// The tiles of `rows`, counted through all pictures: picture, first row and column of each.
    fn tiles(
        &self,
        rows: std::ops::Range<usize>,
    ) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
        let (high, wide, side) = (self.h / self.side, self.wide(), self.side);
        rows.flat_map(move |row| (0..wide).map(move |x| (row / high, row % high * side, x * side)))
    }
}

/// Distance from one tile's inputs to the next: not a power of two, which a cache would map to few
/// sets.
fn spaced(depth: usize) -> usize {
    depth + GRAIN
}

/// `tiles` · kernel at all points: [points, tiles, depth] → [points, tiles, columns].
fn products<'a, const POINTS: usize>(
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

/// The pictures [batch, h, w, columns] of `outputs` from the `channels` of the patches that each
/// tile reads, phases one after the other.
fn convolve<
    'a,
    In: Transform<POINTS, POINTS>,
    Out: Transform<POINTS, OUTPUTS>,
    const POINTS: usize,
    const OUTPUTS: usize,
    const PHASES: usize,
>(
    outputs: Tiling,
    channels: usize,
    kernels: &Kernels<POINTS>,
    patches: impl Fn((usize, usize, usize)) -> [[&'a [f32]; POINTS]; PHASES] + Sync,
) -> Buffer {
    let (columns, side) = (kernels.columns, outputs.side);
    let (depth, line) = (spaced(PHASES * channels), side * outputs.w * columns);
    let rows = outputs.rows_a_task(POINTS * (depth + columns));
    let mut y = Buffer::any(outputs.batch * outputs.h * outputs.w * columns);
    y.par_chunks_mut(rows * line).enumerate().for_each(|(task, y)| {
        let range = task * rows..task * rows + y.len() / line;
        let count = range.len() * outputs.wide();
        let (mut inputs, mut results) =
            (Buffer::any(POINTS * count * depth), Buffer::any(POINTS * count * columns));
        for (t, tile) in outputs.tiles(range.clone()).enumerate() {
            for (phase, from) in patches(tile).into_iter().enumerate() {
                let at = t * depth + phase * channels;
                spread::<In, POINTS, POINTS>(from, &mut inputs, at, GRAIN, count * depth);
            }
        }
        products::<POINTS>(&inputs, count, kernels.set(0), &mut results);
        for (t, (picture, top, left)) in outputs.tiles(range.clone()).enumerate() {
            let row = picture * outputs.h + top - range.start * side;
            let at =
                std::array::from_fn(|i| ((row + i / side) * outputs.w + left + i % side) * columns);
            arch().dispatch(Gather::<Out, POINTS, OUTPUTS> {
                from: &results[t * columns..],
                step: count * columns,
                to: y,
                at,
                channels: columns,
                transform: std::marker::PhantomData,
            });
        }
    });
    y
}

/// The gradients of the kernels at all points, [points, phases·channels, columns], from the
/// patches that each tile reads and the gradient `grad` [batch, h, w, columns] of the outputs.
fn kernel_gradients<
    'a,
    In: Transform<POINTS, POINTS>,
    Grad: Transform<OUTPUTS, POINTS>,
    const POINTS: usize,
    const OUTPUTS: usize,
    const PHASES: usize,
>(
    outputs: Tiling,
    channels: usize,
    columns: usize,
    grad: &[f32],
    patches: impl Fn((usize, usize, usize)) -> [[&'a [f32]; POINTS]; PHASES] + Sync,
) -> Buffer {
    let (depth, all_rows, side) = (PHASES * channels, outputs.rows(), outputs.side);
    // Columns per kernel call.
    let wide = if columns.is_multiple_of(2 * GRAIN) { 2 * GRAIN } else { GRAIN };
    // Rows of tiles whose sums are formed separately before they are added; independent of the
    // number of threads.
    let chunk = ((1 << 20) / (POINTS * (depth + columns)) / outputs.wide()).clamp(1, all_rows);
    let most = chunk * outputs.wide();
    // [points, channels / GRAIN, tiles, GRAIN] and [points, channels / wide, tiles, wide]: the data
    // of a kernel call are contiguous.
    let (mut inputs, mut grads) =
        (Buffer::any(POINTS * most * depth), Buffer::any(POINTS * most * columns));
    let mut sums = Buffer::zeros(POINTS * depth * columns);
    for first in (0..all_rows).step_by(chunk) {
        let places: Vec<_> = outputs.tiles(first..(first + chunk).min(all_rows)).collect();
        let count = places.len();
        let (to_inputs, to_grads) = (Disjoint::of(&mut inputs), Disjoint::of(&mut grads));
        places.par_iter().enumerate().with_min_len(8).for_each(|(t, &(picture, top, left))| {
            for (phase, from) in patches((picture, top, left)).into_iter().enumerate() {
                let at = phase * channels * count + t * GRAIN;
                // SAFETY: each tile and phase is visited once.
                arch().dispatch(unsafe {
                    Spread::<In, POINTS, POINTS>::new(
                        from,
                        &to_inputs,
                        at,
                        count * GRAIN,
                        count * depth,
                    )
                });
            }
            for first in (0..columns).step_by(wide) {
                let pixel = |i: usize| {
                    let row = picture * outputs.h + top + i / side;
                    (row * outputs.w + left + i % side) * columns + first
                };
                let from: [&[f32]; OUTPUTS] = std::array::from_fn(|i| &grad[pixel(i)..][..wide]);
                // SAFETY: each tile and range of channels is visited once.
                arch().dispatch(unsafe {
                    Spread::<Grad, OUTPUTS, POINTS>::new(
                        from,
                        &to_grads,
                        first * count + t * wide,
                        GRAIN,
                        count * columns,
                    )
                });
            }
        });
        sums.par_chunks_mut(GRAIN * columns).enumerate().for_each(|(block, sums)| {
            let point = block * GRAIN / depth;
            let x = &inputs[block * GRAIN * count..][..GRAIN * count];
            let grads = &grads[point * columns * count..][..columns * count];
            for (i, grads) in grads.chunks(wide * count).enumerate() {
                let positions =
                    Positions { counts: [1, 1, count], steps: [0, 0, GRAIN], step_g: wide };
                let values = &mut sums[i * wide..];
                outer(
                    x,
                    grads,
                    positions,
                    Sums { values, rows: GRAIN, columns: wide, step: columns },
                );
            }
        });
    }
    sums
}
