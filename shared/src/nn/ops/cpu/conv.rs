//! The three products of a two-dimensional convolution over contiguous NCHW `f32` slices: forward, gradient of the input,
//! gradient of the weight. A transposed convolution is the same three with forward and input gradient exchanged.
//!
//! Each is im2col (or col2im) and one packed matrix product per group of pictures. Pictures are cut into as many
//! contiguous ranges as there are threads and a range is worked off in order, so that sums have one order for one
//! thread count.

use std::cell::RefCell;

use rayon::prelude::*;

/// Columns a matrix product should have at least: below that, packing the weight costs more than the product itself.
const COLUMNS_WANTED: usize = 512;

/// Sizes of one convolution from `x` [batch, cin, h, w] to `y` [batch, cout, oh, ow].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) batch: usize,
    pub(super) cin: usize,
    pub(super) h: usize,
    pub(super) w: usize,
    pub(super) cout: usize,
    pub(super) kernel: [usize; 2],
    pub(super) stride: usize,
    pub(super) padding: [usize; 2],
    pub(super) oh: usize,
    pub(super) ow: usize,
}

thread_local! {
    /// The column matrix and the gathered outputs of one group, kept from call to call.
    static SCRATCH: RefCell<(Vec<f32>, Vec<f32>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

/// A strided matrix of `f32`, as the product below takes it.
#[derive(Clone, Copy)]
struct Matrix {
    at: *const f32,
    row_stride: usize,
    column_stride: usize,
}

impl Geometry {
    fn taps(&self) -> usize {
        self.cin * self.kernel[0] * self.kernel[1]
    }

    fn input_len(&self) -> usize {
        self.cin * self.h * self.w
    }

    fn output_len(&self) -> usize {
        self.cout * self.oh * self.ow
    }

    /// Pictures whose columns stand side by side in one matrix product.
    fn group(&self) -> usize {
        (COLUMNS_WANTED / (self.oh * self.ow).max(1)).max(1)
    }

    /// Pictures per thread.
    fn range(&self) -> usize {
        self.batch.div_ceil(rayon::current_num_threads()).max(1)
    }

    /// The columns are the input itself.
    fn is_pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.stride == 1 && self.padding == [0, 0]
    }

    /// y = w ⋆ x. `x` [batch, cin, h, w], `w` [cout, cin, kh, kw], gives [batch, cout, oh, ow].
    pub(super) fn forward(&self, x: &[f32], w: &[f32]) -> Vec<f32> {
        let (positions, taps) = (self.oh * self.ow, self.taps());
        let mut y = vec![0.0; self.batch * self.output_len()];
        let range = self.range();
        y.par_chunks_mut(range * self.output_len()).zip(x.par_chunks(range * self.input_len())).for_each(|(y, x)| {
            SCRATCH.with_borrow_mut(|(columns, outputs)| {
                let group = if self.is_pointwise() { 1 } else { self.group() };
                for (y, x) in y.chunks_mut(group * self.output_len()).zip(x.chunks(group * self.input_len())) {
                    let pictures = x.len() / self.input_len();
                    let width = pictures * positions;
                    let weight = Matrix { at: w.as_ptr(), row_stride: taps, column_stride: 1 };
                    let b = if self.is_pointwise() {
                        x.as_ptr()
                    } else {
                        self.im2col(x, columns);
                        columns.as_ptr()
                    };
                    let b = Matrix { at: b, row_stride: width, column_stride: 1 };
                    if pictures == 1 {
                        product([self.cout, width, taps], weight, b, y, false);
                    } else {
                        outputs.resize(self.cout * width, 0.0);
                        product([self.cout, width, taps], weight, b, outputs, false);
                        scatter(outputs, y, self.cout, positions);
                    }
                }
            });
        });
        y
    }

    /// ∂L/∂x from `g` = ∂L/∂y [batch, cout, oh, ow]; gives [batch, cin, h, w].
    pub(super) fn input_gradient(&self, g: &[f32], w: &[f32]) -> Vec<f32> {
        let (positions, taps) = (self.oh * self.ow, self.taps());
        let mut dx = vec![0.0; self.batch * self.input_len()];
        let range = self.range();
        dx.par_chunks_mut(range * self.input_len()).zip(g.par_chunks(range * self.output_len())).for_each(|(dx, g)| {
            SCRATCH.with_borrow_mut(|(columns, outputs)| {
                let group = self.group();
                for (dx, g) in dx.chunks_mut(group * self.input_len()).zip(g.chunks(group * self.output_len())) {
                    let pictures = g.len() / self.output_len();
                    let width = pictures * positions;
                    let g = self.side_by_side(g, outputs);
                    columns.resize(taps * width, 0.0);
                    let transposed = Matrix { at: w.as_ptr(), row_stride: 1, column_stride: taps };
                    let b = Matrix { at: g.as_ptr(), row_stride: width, column_stride: 1 };
                    product([taps, width, self.cout], transposed, b, columns, false);
                    self.col2im(columns, dx);
                }
            });
        });
        dx
    }

    /// ∂L/∂w from `x` and `g` = ∂L/∂y; gives [cout, cin, kh, kw].
    pub(super) fn weight_gradient(&self, x: &[f32], g: &[f32]) -> Vec<f32> {
        let (positions, taps) = (self.oh * self.ow, self.taps());
        let range = self.range();
        let partial: Vec<Vec<f32>> = x
            .par_chunks(range * self.input_len())
            .zip(g.par_chunks(range * self.output_len()))
            .map(|(x, g)| {
                let mut dw = vec![0.0; self.cout * taps];
                SCRATCH.with_borrow_mut(|(columns, outputs)| {
                    let group = self.group();
                    for (x, g) in x.chunks(group * self.input_len()).zip(g.chunks(group * self.output_len())) {
                        let pictures = g.len() / self.output_len();
                        let width = pictures * positions;
                        let g = self.side_by_side(g, outputs);
                        self.im2col(x, columns);
                        let a = Matrix { at: g.as_ptr(), row_stride: width, column_stride: 1 };
                        let b = Matrix { at: columns.as_ptr(), row_stride: 1, column_stride: width };
                        product([self.cout, taps, width], a, b, &mut dw, true);
                    }
                });
                dw
            })
            .collect();
        let mut partial = partial.into_iter();
        let mut dw = partial.next().unwrap_or_else(|| vec![0.0; self.cout * taps]);
        for other in partial {
            dw.iter_mut().zip(&other).for_each(|(a, b)| *a += b);
        }
        dw
    }

    /// `y` [pictures, cout, positions] as [cout, pictures·positions]; a single picture is that already.
    fn side_by_side<'a>(&self, y: &'a [f32], columns: &'a mut Vec<f32>) -> &'a [f32] {
        if y.len() == self.output_len() {
            return y;
        }
        let (width, positions) = (y.len() / self.cout, self.oh * self.ow);
        columns.resize(y.len(), 0.0);
        for (picture, y) in y.chunks(self.output_len()).enumerate() {
            for (c, y) in y.chunks(positions).enumerate() {
                columns[c * width + picture * positions..][..positions].copy_from_slice(y);
            }
        }
        columns
    }

    /// The output positions along one axis whose input index `o·stride + k − padding` lies in 0..extent.
    fn inside(&self, axis: usize, k: usize) -> std::ops::Range<usize> {
        let (extent, positions) = if axis == 0 { (self.h, self.oh) } else { (self.w, self.ow) };
        let first = self.padding[axis].saturating_sub(k).div_ceil(self.stride);
        let end = (extent + self.padding[axis]).saturating_sub(k).div_ceil(self.stride).min(positions);
        first.min(end)..end
    }

    /// Fills `columns` [taps, pictures·oh·ow] from `x` [pictures, cin, h, w]; zeros where a tap lies in the padding.
    fn im2col(&self, x: &[f32], columns: &mut Vec<f32>) {
        let positions = self.oh * self.ow;
        let width = x.len() / self.input_len() * positions;
        columns.resize(self.taps() * width, 0.0);
        let [kh, kw] = self.kernel;
        for (tap, row) in columns.chunks_mut(width).enumerate() {
            let (c, ki, kj) = (tap / (kh * kw), tap / kw % kh, tap % kw);
            let (rows, cols) = (self.inside(0, ki), self.inside(1, kj));
            for (picture, out) in row.chunks_mut(positions).enumerate() {
                let plane = &x[picture * self.input_len() + c * self.h * self.w..][..self.h * self.w];
                out[..rows.start * self.ow].fill(0.0);
                out[rows.end * self.ow..].fill(0.0);
                for oy in rows.clone() {
                    let line = &plane[(oy * self.stride + ki - self.padding[0]) * self.w..][..self.w];
                    let out = &mut out[oy * self.ow..][..self.ow];
                    out[..cols.start].fill(0.0);
                    out[cols.end..].fill(0.0);
                    if cols.is_empty() {
                        continue;
                    }
                    let from = &line[cols.start * self.stride + kj - self.padding[1]..];
                    let out = &mut out[cols.clone()];
                    match self.stride {
                        1 => out.copy_from_slice(&from[..out.len()]),
                        2 => {
                            for (o, pair) in out.iter_mut().zip(from.chunks(2)) {
                                *o = pair[0];
                            }
                        }
                        s => out.iter_mut().zip(from.iter().step_by(s)).for_each(|(o, &v)| *o = v),
                    }
                }
            }
        }
    }

    /// Adds `columns` [taps, pictures·oh·ow] into `dx` [pictures, cin, h, w]: the transpose of [`Self::im2col`].
    fn col2im(&self, columns: &[f32], dx: &mut [f32]) {
        let positions = self.oh * self.ow;
        let width = dx.len() / self.input_len() * positions;
        let [kh, kw] = self.kernel;
        for (tap, row) in columns.chunks(width).enumerate() {
            let (c, ki, kj) = (tap / (kh * kw), tap / kw % kh, tap % kw);
            let (rows, cols) = (self.inside(0, ki), self.inside(1, kj));
            if cols.is_empty() {
                continue;
            }
            for (picture, from) in row.chunks(positions).enumerate() {
                let plane = &mut dx[picture * self.input_len() + c * self.h * self.w..][..self.h * self.w];
                for oy in rows.clone() {
                    let line = &mut plane[(oy * self.stride + ki - self.padding[0]) * self.w..][..self.w];
                    let line = &mut line[cols.start * self.stride + kj - self.padding[1]..];
                    let from = &from[oy * self.ow..][cols.clone()];
                    match self.stride {
                        1 => line.iter_mut().zip(from).for_each(|(o, v)| *o += v),
                        2 => line.chunks_mut(2).zip(from).for_each(|(pair, v)| pair[0] += v),
                        s => line.iter_mut().step_by(s).zip(from).for_each(|(o, v)| *o += v),
                    }
                }
            }
        }
    }
}

/// [channels, pictures·positions] → [pictures, channels, positions].
fn scatter(columns: &[f32], y: &mut [f32], channels: usize, positions: usize) {
    let width = columns.len() / channels;
    for (picture, y) in y.chunks_mut(channels * positions).enumerate() {
        for (c, y) in y.chunks_mut(positions).enumerate() {
            y.copy_from_slice(&columns[c * width + picture * positions..][..positions]);
        }
    }
}

/// `out` [m, n], row-major, = a [m, k] · b [k, n], added to what `out` holds where `add` is set.
fn product([m, n, k]: [usize; 3], a: Matrix, b: Matrix, out: &mut [f32], add: bool) {
    assert!(out.len() >= m * n);
    // SAFETY: `out` holds m·n values; the callers build `a` and `b` over slices of at least m·k and k·n values with strides that
    // stay inside them, and neither overlaps `out`, which is borrowed mutably.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            add,
            a.at,
            a.column_stride as isize,
            a.row_stride as isize,
            b.at,
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
