//! The three products of a two-dimensional convolution over channels-last pictures, for any kernel,
//! stride and padding: forward, gradient of the input, gradient of the weight. A transposed
//! convolution is the same three with forward and input gradient exchanged. None of them builds a
//! matrix of columns (im2col): the kernels in [`super::kernel`] read the rows of the (zero-padded)
//! picture in place.
//!
//! Kernels of 4×4 with stride 2 and of 3×3 with stride 1, typical of GANs, go through
//! [`super::winograd`] instead if there are many channels, and large kernels over few positions
//! through [`super::few`].

use rayon::prelude::*;

use super::few;
use super::geometry::Geometry;
use super::image::transpose;
use super::kernel::{Packed, Positions, Rows, Sums, Target, outer, panel_width, product};
use super::memory::Buffer;
use super::winograd::{halving, same};

/// Numbers in a padded strip of a picture that one task works on: half of a core's second-level
/// cache.
const STRIP: usize = 1 << 17;
/// Positions over which a weight gradient is summed before it is added to the rest.
const BLOCK: usize = 128;
/// With fewer channels than this, a vector is too short for a kernel of its own.
const FEW: usize = 16;

/// Zeros around a picture: rows above and below, columns left and right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Border {
    top: usize,
    bottom: usize,
    left: usize,
    right: usize,
}

/// One picture [h, w, channels].
#[derive(Clone, Copy)]
struct Plane<'a> {
    values: &'a [f32],
    h: usize,
    w: usize,
    channels: usize,
}

impl Plane<'_> {
    /// Copies rows `rows` of the picture within `border`, counted from its top, into `strip` [rows,
    /// left + w + right, channels].
    fn pad(&self, border: Border, rows: std::ops::Range<usize>, strip: &mut [f32]) {
        let (line, width) =
            (self.w * self.channels, (border.left + self.w + border.right) * self.channels);
        let (from, to) = (border.left * self.channels, border.left * self.channels + line);
        for (row, strip) in rows.zip(strip.chunks_mut(width)) {
            match row.checked_sub(border.top).filter(|&row| row < self.h) {
                None => strip.fill(0.0),
                Some(row) => {
                    strip[..from].fill(0.0);
                    strip[from..to].copy_from_slice(&self.values[row * line..][..line]);
                    strip[to..].fill(0.0);
                }
            }
        }
    }
}

/// Along one axis of a transposed convolution: the outputs `i` with
/// `(i + padding) % stride == phase` are sums over `taps` inputs, from `(i + padding) / stride`
/// downwards.
#[derive(Clone, Copy, Debug)]
struct Phase {
    phase: usize,
    taps: usize,
}

impl Geometry {
    /// Zeros around a picture: as many below and to the right as the last position reaches.
    fn border(&self) -> Border {
        let after = |o: usize, k: usize, n: usize, p: usize| {
            ((o - 1) * self.stride + k).saturating_sub(n + p)
        };
        let ([kh, kw], [ph, pw]) = (self.kernel, self.padding);
        Border {
            top: ph,
            bottom: after(self.oh, kh, self.h, ph),
            left: pw,
            right: after(self.ow, kw, self.w, pw),
        }
    }

    /// Rows per strip: as many as fit, but few enough that all threads get some.
    fn strip_rows(&self, rows: usize, row_len: usize) -> usize {
        let fit = (STRIP / row_len.max(1)).max(1);
        let tasks_a_picture = (4 * rayon::current_num_threads()).div_ceil(self.batch);
        fit.min(rows.div_ceil(tasks_a_picture)).max(1)
    }

    /// y = w ⋆ x, then bias and leaky ReLU if `finish` has them. `x` [batch, h, w, cin], `weight`
    /// [cout, cin, kh, kw]; gives [batch, oh, ow, cout].
    pub(super) fn forward(
        &self,
        x: &[f32],
        weight: &[f32],
        finish: Option<(&[f32], f32)>,
    ) -> Buffer {
        if finish.is_none() && few::applies(self) {
            return few::forward(self, x, weight);
        }
        if finish.is_none() && halving::applies(self) {
            return halving::halve(self, x, weight);
        }
        if finish.is_none() && same::applies(self) {
            return same::forward(self, x, weight);
        }
        let [kh, kw] = self.kernel;
        let taps = kh * kw;
        let depth: Vec<usize> =
            (0..taps).flat_map(|tap| (0..self.cin).map(move |c| c * taps + tap)).collect();
        let columns: Vec<usize> = (0..self.cout).map(|c| c * self.cin * taps).collect();
        let packed = Packed::gather(weight, &depth, &columns);
        let border = self.border();
        let width = border.left + self.w + border.right;
        let (line, step) = (self.ow * self.cout, self.stride * width * self.cin);
        let strip_rows = self.strip_rows(self.oh, step);
        let mut y = Buffer::any(self.batch * self.output_len());
        let tasks = y.par_chunks_mut(self.output_len()).zip(x.par_chunks(self.input_len()));
        tasks.for_each(|(y, x)| {
            y.par_chunks_mut(strip_rows * line).enumerate().for_each(|(i, y)| {
                let (first, rows) = (i * strip_rows * self.stride, y.len() / line);
                let padded = first..first + (rows - 1) * self.stride + kh;
                let starts: Vec<usize> = positions(rows, self.ow)
                    .map(|[r, c]| r * step + c * self.stride * self.cin)
                    .collect();
                let targets: Vec<usize> = (0..rows * self.ow).map(|i| i * self.cout).collect();
                let plane = Plane { values: x, h: self.h, w: self.w, channels: self.cin };
                let strip;
                let values = if border == Border::default() {
                    &x[padded.start * width * self.cin..]
                } else {
                    let mut padded_rows = Buffer::any(padded.len() * width * self.cin);
                    plane.pad(border, padded, &mut padded_rows);
                    strip = padded_rows;
                    &strip[..]
                };
                let rows = Rows {
                    values,
                    starts: &starts,
                    segments: kh,
                    length: kw * self.cin,
                    step: width * self.cin,
                };
                product(rows, packed.panels(), Target { values: y, starts: &targets, finish });
            });
        });
        y
    }

    /// ∂L/∂x from `g` = ∂L/∂y [batch, oh, ow, cout]; gives [batch, h, w, cin].
    pub(super) fn input_gradient(&self, g: &[f32], weight: &[f32]) -> Buffer {
        if few::applies(self) {
            return few::input_gradient(self, g, weight);
        }
        if halving::applies(self) {
            return halving::double(self, g, weight);
        }
        if same::applies(self) {
            return same::input_gradient(self, g, weight);
        }
        if self.cin < FEW {
            return self.scatter(g, weight);
        }
        let ([ph, pw], s) = (self.padding, self.stride);
        let phases = |k: usize| {
            (0..s).map(move |phase| Phase { phase, taps: k.saturating_sub(phase).div_ceil(s) })
        };
        let most = self.kernel.map(|k| k.div_ceil(s));
        // Position q of the output needs the inputs q − taps + 1 ..= q; either end may lie outside.
        let furthest =
            |extent: usize, p: usize, n: usize| ((extent - 1 + p) / s + 1).saturating_sub(n);
        let border = Border {
            top: most[0] - 1,
            bottom: furthest(self.h, ph, self.oh),
            left: most[1] - 1,
            right: furthest(self.w, pw, self.ow),
        };
        let packed: Vec<(Phase, Phase, Packed)> = phases(self.kernel[0])
            .flat_map(|y| phases(self.kernel[1]).map(move |x| (y, x)))
            .filter(|(y, x)| y.taps * x.taps > 0)
            .map(|(y, x)| (y, x, self.phase_panels(weight, y, x)))
            .collect();
        let width = border.left + self.ow + border.right;
        let (line, row_len) = (self.w * self.cin, width * self.cout);
        let strip_rows = self.strip_rows(self.h.div_ceil(s), row_len) * s;
        let mut dx = Buffer::any(self.batch * self.input_len());
        if packed.len() < s * s {
            // A kernel smaller than its stride leaves pixels that no output depends on.
            dx.fill(0.0);
        }
        let tasks = dx.par_chunks_mut(self.input_len()).zip(g.par_chunks(self.output_len()));
        tasks.for_each(|(dx, g)| {
            dx.par_chunks_mut(strip_rows * line).enumerate().for_each(|(i, dx)| {
                let rows = i * strip_rows..i * strip_rows + dx.len() / line;
                // Row q of the padded picture is at q + top.
                let padded = (rows.start + ph) / s..(rows.end - 1 + ph) / s + most[0];
                let mut strip = Buffer::any(padded.len() * row_len);
                Plane { values: g, h: self.oh, w: self.ow, channels: self.cout }.pad(
                    border,
                    padded.clone(),
                    &mut strip,
                );
                for (y, x, panels) in &packed {
                    let ys = rows.clone().filter(|i| (i + ph) % s == y.phase);
                    let xs: Vec<usize> = (0..self.w).filter(|i| (i + pw) % s == x.phase).collect();
                    let (mut starts, mut targets) = (Vec::new(), Vec::new());
                    for i in ys {
                        let top = (i + ph) / s + most[0] - y.taps - padded.start;
                        for &j in &xs {
                            let left = (j + pw) / s + most[1] - x.taps;
                            starts.push(top * row_len + left * self.cout);
                            targets.push((i - rows.start) * line + j * self.cin);
                        }
                    }
                    let rows = Rows {
                        values: &strip,
                        starts: &starts,
                        segments: y.taps,
                        length: x.taps * self.cout,
                        step: row_len,
                    };
                    product(
                        rows,
                        panels.panels(),
                        Target { values: dx, starts: &targets, finish: None },
                    );
                }
            });
        });
        dx
    }

    /// The taps of one phase in the order of the padded picture: the last first.
    fn phase_panels(&self, weight: &[f32], y: Phase, x: Phase) -> Packed {
        let [kh, kw] = self.kernel;
        let mut depth = Vec::with_capacity(y.taps * x.taps * self.cout);
        for i in (0..y.taps).rev().map(|t| y.phase + t * self.stride) {
            for j in (0..x.taps).rev().map(|t| x.phase + t * self.stride) {
                depth.extend((0..self.cout).map(|c| c * self.cin * kh * kw + i * kw + j));
            }
        }
        let columns: Vec<usize> = (0..self.cin).map(|c| c * kh * kw).collect();
        Packed::gather(weight, &depth, &columns)
    }

    /// [`Geometry::input_gradient`] for pictures of few channels: the contribution of each position
    /// of `g` to its whole window is one row of a product; the windows are then added up.
    fn scatter(&self, g: &[f32], weight: &[f32]) -> Buffer {
        let ([kh, kw], [ph, pw], s) = (self.kernel, self.padding, self.stride);
        let taps = kh * kw;
        let depth: Vec<usize> = (0..self.cout).map(|c| c * self.cin * taps).collect();
        let columns: Vec<usize> =
            (0..taps).flat_map(|tap| (0..self.cin).map(move |c| c * taps + tap)).collect();
        let packed = Packed::gather(weight, &depth, &columns);
        let (line, window) = (self.w * self.cin, taps * self.cin);
        let strip_rows = self.strip_rows(self.h.div_ceil(s), self.ow * window) * s;
        let mut dx = Buffer::zeros(self.batch * self.input_len());
        let tasks = dx.par_chunks_mut(self.input_len()).zip(g.par_chunks(self.output_len()));
        tasks.for_each(|(dx, g)| {
            dx.par_chunks_mut(strip_rows * line).enumerate().for_each(|(i, dx)| {
                let rows = i * strip_rows..i * strip_rows + dx.len() / line;
                let from = (rows.start + ph + 1).saturating_sub(kh).div_ceil(s).min(self.oh);
                let to = ((rows.end - 1 + ph) / s + 1).min(self.oh);
                let count = to.saturating_sub(from) * self.ow;
                let mut windows = Buffer::any(count * window);
                let starts: Vec<usize> =
                    (from * self.ow..from * self.ow + count).map(|i| i * self.cout).collect();
                let targets: Vec<usize> = (0..count).map(|i| i * window).collect();
                let source =
                    Rows { values: g, starts: &starts, segments: 1, length: self.cout, step: 0 };
                product(
                    source,
                    packed.panels(),
                    Target { values: &mut windows, starts: &targets, finish: None },
                );
                for (q, windows) in (from..to).zip(windows.chunks(self.ow * window)) {
                    for ki in 0..kh {
                        let Some(row) =
                            (q * s + ki).checked_sub(ph + rows.start).filter(|r| *r < rows.len())
                        else {
                            continue;
                        };
                        let dx = &mut dx[row * line..][..line];
                        for (j, window) in windows.chunks(window).enumerate() {
                            // The part of the window that lies inside.
                            let (skip, at) = (pw.saturating_sub(j * s), (j * s).saturating_sub(pw));
                            let there =
                                kw.min((self.w + pw).saturating_sub(j * s)).saturating_sub(skip);
                            let window = &window[(ki * kw + skip) * self.cin..][..there * self.cin];
                            let dx = &mut dx[(at * self.cin).min(line)..];
                            dx.iter_mut().zip(window).for_each(|(d, w)| *d += w);
                        }
                    }
                }
            });
        });
        dx
    }

    /// ∂L/∂w from `x` and `g` = ∂L/∂y; gives [cout, cin, kh, kw].
    pub(super) fn weight_gradient(&self, x: &[f32], g: &[f32]) -> Buffer {
        if few::applies(self) {
            return few::weight_gradient(self, x, g);
        }
        if halving::applies(self) {
            return halving::weight_gradient(self, x, g);
        }
        if same::applies(self) {
            return same::weight_gradient(self, x, g);
        }
        let [kh, kw] = self.kernel;
        let border = self.border();
        let (height, width) =
            (border.top + self.h + border.bottom, border.left + self.w + border.right);
        let padded_len = height * width * self.cin;
        // A block is summed separately: some rows of a picture, or several small pictures.
        let block_rows = (BLOCK / self.ow.max(1)).clamp(1, self.oh);
        let block = (BLOCK / (self.oh * self.ow).max(1)).clamp(1, self.batch);
        // Pictures whose padded copies fit the last-level cache, in whole blocks.
        let chunk = ((1 << 21) / padded_len.max(1) / block).max(1) * block;
        let (depth, wide) = (kw * self.cin, panel_width());
        let (rows, panels) = (kh * depth, self.cout.div_ceil(wide));
        // With few rows per task, `g` would be read once for each of them.
        let task = (rows * panels)
            .div_ceil(2 * rayon::current_num_threads())
            .next_multiple_of(12)
            .min(rows);
        let mut sums = Buffer::zeros(panels * rows * wide); // [cout / wide, kh·kw·cin, wide]
        let mut copy = Buffer::any(if border == Border::default() {
            0
        } else {
            chunk.min(self.batch) * padded_len
        });
        for (x, grad) in x.chunks(chunk * self.input_len()).zip(g.chunks(chunk * self.output_len()))
        {
            let padded = if border == Border::default() {
                x
            } else {
                let pictures = copy.par_chunks_mut(padded_len).zip(x.par_chunks(self.input_len()));
                pictures.for_each(|(padded, x)| {
                    Plane { values: x, h: self.h, w: self.w, channels: self.cin }.pad(
                        border,
                        0..height,
                        padded,
                    );
                });
                &copy[..x.len() / self.input_len() * padded_len]
            };
            let pictures = x.len() / self.input_len();
            let blocks: Vec<[usize; 2]> =
                positions(pictures.div_ceil(block), self.oh.div_ceil(block_rows)).collect();
            sums.par_chunks_mut(rows * wide).enumerate().for_each(|(panel, sums)| {
                let (first, columns) = (panel * wide, wide.min(self.cout - panel * wide));
                sums.par_chunks_mut(task * wide).enumerate().for_each(|(i, sums)| {
                    let mine = i * task..i * task + sums.len() / wide;
                    for &[b, r] in &blocks {
                        let (picture, row) = (b * block, r * block_rows);
                        let counts =
                            [block.min(pictures - picture), block_rows.min(self.oh - row), self.ow];
                        let steps =
                            [padded_len, self.stride * width * self.cin, self.stride * self.cin];
                        let positions = Positions { counts, steps, step_g: self.cout };
                        let (x, g) = (
                            picture * padded_len + row * steps[1],
                            picture * self.output_len() + row * self.ow * self.cout,
                        );
                        for ki in mine.start / depth..mine.end.div_ceil(depth) {
                            let here = mine.start.max(ki * depth)..mine.end.min((ki + 1) * depth);
                            let values = &mut sums[(here.start - mine.start) * wide..];
                            let x = &padded[x + ki * width * self.cin + here.start - ki * depth..];
                            outer(
                                x,
                                &grad[g + first..],
                                positions,
                                Sums { values, rows: here.len(), columns, step: wide },
                            );
                        }
                    }
                });
            });
        }
        // [panels, taps·cin, wide] → [cout, taps, cin] → [cout, cin, taps]
        let taps = kh * kw;
        let mut turned = Buffer::any(sums.len());
        for (turned, sums) in turned.chunks_mut(rows * wide).zip(sums.chunks(rows * wide)) {
            transpose(sums, rows, wide, turned);
        }
        let mut dw = Buffer::any(rows * self.cout);
        dw.par_chunks_mut(taps * self.cin).zip(turned.par_chunks(taps * self.cin)).for_each(
            |(dw, turned)| {
                for (c, dw) in dw.chunks_mut(taps).enumerate() {
                    dw.iter_mut()
                        .zip(turned[c..].iter().step_by(self.cin))
                        .for_each(|(d, t)| *d = *t);
                }
            },
        );
        dw
    }
}

/// Row by row.
fn positions(rows: usize, columns: usize) -> impl Iterator<Item = [usize; 2]> {
    (0..rows).flat_map(move |r| (0..columns).map(move |c| [r, c]))
}
