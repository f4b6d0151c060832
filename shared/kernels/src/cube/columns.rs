//! Matrix products, and convolutions as products of columns of pixels (im2col). Those of f32 stay
//! in f32, on the GPU's ordinary units instead of its tensor cores: slower than [`super::conv`],
//! and as exact as the CPU. Those of bfloat16 accumulate in f32.

use burn::backend::TensorMetadata;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::{DType, Shape};
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::matmul::{MatmulStrategy, init_matmul_output, matmul};
use burn_cubecl::ops::{permute, reshape};
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;
use cubek::matmul::definition::{MatmulElems, MatmulGlobalElems};
use cubek::matmul::launch::launch_ref;
use cubek::matmul::multi_level;
use cubek::matmul::strategy::Strategy;
use cubek::std::InputBinding;
use serde::{Deserialize, Serialize};

use super::image::{Image, address, cast, contiguous, element, empty, spread};
use crate::Precision;

/// Upper bound of columns made at a time: 512 MB of f32.
const COLUMNS: usize = 1 << 27;

/// The product of the last two axes.
pub(super) fn multiply(a: CubeTensor, b: CubeTensor, precision: Precision) -> CubeTensor {
    let dtype = a.dtype;
    if precision == Precision::F32 {
        return exact(a, b);
    }
    matmul(a, b, None, MatmulStrategy::default(), dtype)
        .unwrap_or_else(|e| panic!("matrix product: {e:?}"))
}

/// The product in f32 on ordinary units: by burn's kernel with blocks in shared memory, or, if that
/// has no room for them or does not support the shape (vectors), number by number.
fn exact(a: CubeTensor, b: CubeTensor) -> CubeTensor {
    let (out, dtype) = (init_matmul_output(&a, &b, DType::F32), element(&a));
    let mut elements =
        MatmulElems::from_globals(&MatmulGlobalElems { lhs: dtype, rhs: dtype, out: dtype });
    let strategy = Strategy::MultiLevel(multi_level::Strategy::SimpleUnit(Default::default()));
    let client = out.client.clone();
    let [lhs, rhs] = [&a, &b].map(|t| InputBinding::new(contiguous(t.clone()).binding(), dtype));
    match launch_ref(&strategy, &client, lhs, rhs, out.clone().binding(), &mut elements) {
        Ok(()) => out,
        Err(_) => number_by_number(a, b, &out),
    }
}

/// The product of columns and another matrix, f32.
fn multiplied(a: CubeTensor, b: CubeTensor) -> CubeTensor {
    if a.dtype == DType::F32 {
        return exact(a, b);
    }
    matmul(a, b, None, MatmulStrategy::default(), DType::F32)
        .unwrap_or_else(|e| panic!("matrix product: {e:?}"))
}

/// out[i, m, n] ← Σ a[i, m, k]·b[i, k, n], for as many i as there are products.
#[cube(launch, address_type = "dynamic")]
fn product(a: &[f32], b: &[f32], out: &mut [f32], rows: usize, inner: usize, columns: usize) {
    if ABSOLUTE_POS >= out.len() {
        terminate!();
    }
    let column = ABSOLUTE_POS % columns;
    let row = ABSOLUTE_POS / columns; // of all products
    let first = row / rows * inner;
    let mut sum = f32::new(0.0);
    for k in 0..inner {
        sum += a[row * inner + k] * b[(first + k) * columns + column];
    }
    out[ABSOLUTE_POS] = sum;
}

fn number_by_number(a: CubeTensor, b: CubeTensor, like: &CubeTensor) -> CubeTensor {
    let shape = like.shape();
    let last = shape.num_dims() - 1;
    let (rows, inner, columns) = (shape[last - 1], a.shape()[last], shape[last]);
    // Every product has its own factors.
    let of = |t: CubeTensor, extent: [usize; 2]| {
        let mut whole = shape.clone();
        (whole[last - 1], whole[last]) = (extent[0], extent[1]);
        contiguous(CubeBackend::float_expand(t, whole))
    };
    let (a, b) = (of(a, [rows, inner]), of(b, [inner, columns]));
    let out = empty(&a, &shape.to_vec(), DType::F32);
    let (count, dim) = spread(&a.client, shape.num_elements());
    let (client, address) = (a.client.clone(), address(&[&a, &b, &out]));
    let [a, b, to] = [a, b, out.clone()].map(CubeTensor::into_buffer_arg);
    product::launch(&client, count, dim, address, a, b, to, rows, inner, columns);
    out
}

/// columns[p, t·C + c] ← channel c of the pixel at tap t of the kernel for result p; zero outside
/// the picture. The first result is that of picture `first`.
#[cube(launch, address_type = "dynamic")]
fn unfold<F: Float>(
    x: &[F],
    columns: &mut [F],
    first: usize,
    channels: usize,
    height: usize,
    width: usize,
    rows: usize,
    across: usize,
    kernel_width: usize,
    taps: usize,
    stride: usize,
    top: usize,
    left: usize,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= columns.len() {
        terminate!();
    }
    let channel = ABSOLUTE_POS % channels;
    let tap = ABSOLUTE_POS / channels % taps;
    let result = ABSOLUTE_POS / channels / taps;
    let (column, row, picture) =
        (result % across, result / across % rows, first + result / across / rows);
    let y = row * stride + tap / kernel_width;
    let x_at = column * stride + tap % kernel_width;
    let inside = y >= top && y < height + top && x_at >= left && x_at < width + left;
    let at = select(
        inside,
        ((picture * height + y - top) * width + x_at - left) * channels + channel,
        0,
    );
    columns[ABSOLUTE_POS] = select(inside, x[at], F::new(0.0));
}

/// The pass of a kernel over pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Window {
    pub(super) kernel: [usize; 2],
    pub(super) stride: usize,
    pub(super) before: [usize; 2],
    /// Height and width of the result.
    pub(super) extent: [usize; 2],
}

impl Window {
    fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Number of pictures unfolded at a time.
    fn pictures(&self, x: &Image) -> usize {
        (COLUMNS / (self.extent[0] * self.extent[1] * self.taps() * x.channels).max(1))
            .clamp(1, x.batch)
    }

    /// The columns [results of `count` pictures from `first` on, taps·C].
    fn unfold(&self, x: &Image, first: usize, count: usize) -> CubeTensor {
        let [rows, across] = self.extent;
        let columns =
            empty(&x.data, &[count * rows * across, self.taps() * x.channels], x.data.dtype);
        let client = &x.data.client;
        let (cubes, dim) = spread(client, count * rows * across * self.taps() * x.channels);
        unfold::launch(
            client,
            cubes,
            dim,
            address(&[&x.data, &columns]),
            x.arg(),
            columns.clone().into_buffer_arg(),
            first,
            x.channels,
            x.extent[0],
            x.extent[1],
            rows,
            across,
            self.kernel[1],
            self.taps(),
            self.stride,
            self.before[0],
            self.before[1],
            element(&x.data),
        );
        columns
    }

    /// The convolution of `x` with `weight` [Cout, kh, kw, Cin], contiguous.
    pub(super) fn convolve(&self, x: &Image, weight: CubeTensor) -> Image {
        let (outputs, k) = (weight.shape()[0], self.taps() * x.channels);
        let weight = permute(reshape(weight, Shape::from([outputs, k])), &[1, 0]);
        let [rows, across] = self.extent;
        let step = self.pictures(x);
        let parts = (0..x.batch).step_by(step).map(|first| {
            let count = step.min(x.batch - first);
            let y = multiplied(self.unfold(x, first, count), weight.clone());
            reshape(contiguous(cast(y, x.data.dtype)), Shape::from([count, rows, across, outputs]))
        });
        Image::from_nhwc(contiguous(joined(parts.collect())))
    }

    /// The gradient of the weight, [Cout, kh, kw, Cin], f32, from that of the result, `g`.
    pub(super) fn weight_gradient(&self, x: &Image, g: &Image) -> CubeTensor {
        let results = self.extent[0] * self.extent[1];
        let all = reshape(g.data.clone(), Shape::from([x.batch * results, g.channels]));
        let step = self.pictures(x);
        let parts = (0..x.batch).step_by(step).map(|first| {
            let count = step.min(x.batch - first);
            let columns = self.unfold(x, first, count);
            let g = burn_cubecl::kernel::slice(
                all.clone(),
                &[first * results..(first + count) * results, 0..g.channels],
            );
            multiplied(permute(columns, &[1, 0]), g)
        });
        let sum = parts
            .reduce(burn_cubecl::ops::numeric::add)
            .unwrap_or_else(|| unreachable!("a batch has a picture"));
        let [kh, kw] = self.kernel;
        permute(reshape(sum, Shape::from([kh, kw, x.channels, g.channels])), &[3, 0, 1, 2])
    }
}

/// Concatenates parts of a batch.
fn joined(mut parts: Vec<CubeTensor>) -> CubeTensor {
    if parts.len() == 1 {
        return parts.remove(0);
    }
    CubeBackend::float_cat(parts, 0)
}
