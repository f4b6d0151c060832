//! Convolutions and their transposes: in TF32 by burn's convolutions with channels last, in strict
//! f32 by [`super::columns`], in bfloat16 by [`super::gemm`].
//!
//! The transpose with stride s is s² convolutions of stride 1 at once: results whose rows and
//! columns have the same remainders modulo s depend on the same part of the kernel, so one
//! convolution computes s²·C channels, which are then interleaved. burn's own transposes scatter
//! with atomics or compute result by result.

use burn::backend::TensorMetadata;
use burn::tensor::Shape;
use burn::tensor::ops::ConvOptions;
use burn_cubecl::kernel::conv::{ConvStrategy, conv_forward_nhwc, conv_weight_backward};
use burn_cubecl::ops::{permute_nchw_to_nhwc, permute_nhwc_to_nchw};
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::columns::Window;
use super::gemm;
use super::image::{Image, address, cast, contiguous, element, empty, place_of, spread};
use super::spec::feature_type;
use crate::{Padding, Precision};

/// phases[(ry·s + rx)·Cout + o, uy, ux, i] ← weight[i, o, ry + s·(T−1−uy), rx + s·(T−1−ux)], zero
/// beyond the kernel: the kernel of every remainder, flipped. T×T is the extent of such a part.
#[cube(launch, address_type = "dynamic")]
fn part_kernel<F: Float>(
    weight: &[F],
    phases: &mut [F],
    inputs: usize,
    outputs: usize,
    height: usize,
    width: usize,
    stride: usize,
    part_height: usize,
    part_width: usize,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= phases.len() {
        terminate!();
    }
    let input = ABSOLUTE_POS % inputs;
    let rest = ABSOLUTE_POS / inputs;
    let (ux, uy, channel) =
        (rest % part_width, rest / part_width % part_height, rest / part_width / part_height);
    let (output, phase) = (channel % outputs, channel / outputs);
    let ky = phase / stride + stride * (part_height - 1 - uy);
    let kx = phase % stride + stride * (part_width - 1 - ux);
    let inside = ky < height && kx < width;
    let at = select(inside, ((input * outputs + output) * height + ky) * width + kx, 0);
    phases[ABSOLUTE_POS] = select(inside, weight[at], F::new(0.0));
}

/// y[b, oy, ox, c] ← parts[b, qy, qx, phase·C + c], where oy + top = s·(qy + first) + the phase's
/// row, and likewise for columns.
#[cube(launch, address_type = "dynamic")]
fn interleave<F: Float, N: Size>(
    parts: &[Vector<F, N>],
    y: &mut [Vector<F, N>],
    width: usize,
    rows: usize,
    columns: usize,
    part_rows: usize,
    part_columns: usize,
    stride: usize,
    top: usize,
    left: usize,
    first_row: usize,
    first_column: usize,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= y.len() {
        terminate!();
    }
    let (channel, column, row, picture) = place_of(ABSOLUTE_POS, width, columns, rows);
    let phase = (row + top) % stride * stride + (column + left) % stride;
    let part_row = (row + top) / stride - first_row;
    let part_column = (column + left) / stride - first_column;
    let at = (picture * part_rows + part_row) * part_columns + part_column;
    y[ABSOLUTE_POS] = parts[(at * stride * stride + phase) * width + channel];
}

/// Stride, padding and precision.
#[derive(Clone, Copy, Debug)]
pub(super) struct Convolution {
    pub(super) stride: usize,
    pub(super) padding: Padding,
    pub(super) precision: Precision,
}

/// One axis of a transposed convolution.
struct Phases {
    /// Extent of a part of the kernel.
    part: usize,
    /// Zeros before and after.
    zeros: (usize, usize),
    /// The position of the parts' first result.
    first: usize,
    /// Number of results of the parts.
    results: usize,
}

impl Phases {
    fn new(extent: usize, kernel: usize, stride: usize, before: usize, output: usize) -> Self {
        let part = kernel.div_ceil(stride);
        // Parts begin where the first result needs them, unless they would begin after the first
        // pixel.
        let first = (before / stride).min(part - 1);
        let last = (output - 1 + before) / stride;
        let wanted = last - first + 1;
        let zeros_before = part - 1 - first;
        let behind = (wanted + part - 1).saturating_sub(extent + zeros_before);
        Self {
            part,
            zeros: (zeros_before, behind),
            first,
            results: extent + zeros_before + behind + 1 - part,
        }
    }
}

impl Convolution {
    /// The convolution of pictures with `weight` [Cout, kh, kw, Cin], contiguous, with these zeros
    /// around them.
    fn convolve(
        &self,
        x: &Image,
        weight: CubeTensor,
        stride: usize,
        zeros: [(usize, usize); 2],
    ) -> Image {
        let kernel = [weight.shape()[1], weight.shape()[2]];
        let along = |i: usize| (x.extent[i] + zeros[i].0 + zeros[i].1 - kernel[i]) / stride + 1;
        let window = Window {
            kernel,
            stride,
            before: [zeros[0].0, zeros[1].0],
            extent: [along(0), along(1)],
        };
        match self.precision {
            Precision::F32 => return window.convolve(x, weight),
            Precision::Bf16 => return gemm::convolve(x, weight, window),
            Precision::Tf32 => {}
        }
        let options = ConvOptions::<2>::new_with_padding([stride; 2], zeros, [1, 1], 1);
        let y = conv_forward_nhwc(x.data.clone(), weight, None, options, ConvStrategy::default());
        Image::from_nhwc(contiguous(y.unwrap_or_else(|e| panic!("convolution: {e:?}"))))
    }

    fn zeros(&self) -> [(usize, usize); 2] {
        [0, 1].map(|i| (self.padding.before[i], self.padding.after[i]))
    }

    /// [`crate::conv2d`].
    pub(super) fn forward(&self, x: CubeTensor, weight: CubeTensor) -> CubeTensor {
        let dtype = feature_type(self.precision);
        let x = Image::of(cast(x, dtype));
        let weight = contiguous(permute_nchw_to_nhwc(cast(weight, dtype)));
        self.convolve(&x, weight, self.stride, self.zeros()).tensor()
    }

    /// [`crate::conv_transpose2d`].
    pub(super) fn transposed(
        &self,
        x: CubeTensor,
        weight: CubeTensor,
        output: [usize; 2],
    ) -> CubeTensor {
        let dtype = feature_type(self.precision);
        let (x, weight) = (Image::of(cast(x, dtype)), contiguous(cast(weight, dtype)));
        let [inputs, outputs, kh, kw] = weight.shape().dims();
        let (s, [top, left]) = (self.stride, self.padding.before);
        let [rows, columns] = [(0, kh, top), (1, kw, left)]
            .map(|(i, kernel, before)| Phases::new(x.extent[i], kernel, s, before, output[i]));
        let parts = empty(&x.data, &[s * s * outputs, rows.part, columns.part, inputs], dtype);
        let client = &x.data.client;
        let (count, dim) = spread(client, s * s * outputs * rows.part * columns.part * inputs);
        part_kernel::launch(
            client,
            count,
            dim,
            address(&[&parts]),
            weight.into_buffer_arg(),
            parts.clone().into_buffer_arg(),
            inputs,
            outputs,
            kh,
            kw,
            s,
            rows.part,
            columns.part,
            element(&x.data),
        );
        let all = self.convolve(&x, parts, 1, [rows.zeros, columns.zeros]);
        debug_assert_eq!(all.extent, [rows.results, columns.results]);
        if s == 1 && all.extent == output && [rows.first, columns.first] == [top, left] {
            return all.tensor();
        }
        let y = x.room(output, outputs, dtype);
        let vector = y.vector();
        let (count, dim) = spread(client, y.positions() * outputs / vector);
        interleave::launch(
            client,
            count,
            dim,
            address(&[&all.data, &y.data]),
            vector,
            all.arg(),
            y.arg(),
            outputs / vector,
            output[0],
            output[1],
            all.extent[0],
            all.extent[1],
            s,
            top,
            left,
            rows.first,
            columns.first,
            element(&y.data),
        );
        y.tensor()
    }

    /// The gradient of the weight of [`Convolution::forward`], [Cout, Cin, kh, kw], f32.
    pub(super) fn weight_gradient(
        &self,
        x: CubeTensor,
        g: CubeTensor,
        kernel: [usize; 2],
    ) -> CubeTensor {
        let dtype = feature_type(self.precision);
        let ([_, inputs, ..], [_, outputs, oh, ow]) =
            (x.shape().dims::<4>(), g.shape().dims::<4>());
        let (x, g) = (cast(x, dtype), cast(g, dtype));
        let [kh, kw] = kernel;
        let window =
            Window { kernel, stride: self.stride, before: self.padding.before, extent: [oh, ow] };
        match self.precision {
            Precision::F32 => {
                return permute_nhwc_to_nchw(window.weight_gradient(&Image::of(x), &Image::of(g)));
            }
            Precision::Bf16 => {
                return permute_nhwc_to_nchw(gemm::weight_gradient(
                    &Image::of(x),
                    &Image::of(g),
                    window,
                ));
            }
            Precision::Tf32 => {}
        }
        let options = ConvOptions::<2>::new_with_padding([self.stride; 2], self.zeros(), [1, 1], 1);
        let shape = Shape::from([outputs, inputs, kh, kw]);
        let gradient = conv_weight_backward(x, g, shape, options, ConvStrategy::default());
        gradient.unwrap_or_else(|e| panic!("gradient of a convolution's weight: {e:?}"))
    }
}
