//! Tensors with channels last in memory, and launches over them.

use burn::backend::TensorMetadata;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::{DType, Shape};
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::ops::{permute_nchw_to_nhwc, permute_nhwc_to_nchw, reshape};
use burn_cubecl::tensor::CubeTensor;
use cubecl::calculate_cube_count_elemwise;
use cubecl::client::Client;
use cubecl::ir::{AddressType, ElemType};
use cubecl::prelude::*;

/// Numbers that a unit of the device reads and writes at once, if the channels allow it.
const VECTOR: usize = 4;

/// Pictures [B, H, W, C], contiguous.
#[derive(Clone, Debug)]
pub(super) struct Image {
    pub(super) data: CubeTensor,
    pub(super) batch: usize,
    pub(super) extent: [usize; 2],
    pub(super) channels: usize,
}

impl Image {
    /// A tensor [B, C, H, W] as a picture; copied only if its channels are not last in memory.
    pub(super) fn of(x: CubeTensor) -> Self {
        Self::from_nhwc(contiguous(permute_nchw_to_nhwc(x)))
    }

    /// A contiguous tensor [B, H, W, C] as a picture.
    pub(super) fn from_nhwc(data: CubeTensor) -> Self {
        let [batch, height, width, channels] = data.shape().dims();
        Self { data, batch, extent: [height, width], channels }
    }

    /// As a tensor [B, C, H, W].
    pub(super) fn tensor(self) -> CubeTensor {
        let x = permute_nhwc_to_nchw(self.data);
        // One channel, or one pixel: the order is also that of [B, C, H, W].
        if x.is_contiguous() { contiguous(x) } else { x }
    }

    /// An uninitialised tensor for pictures of another extent and number of channels on the same
    /// device.
    pub(super) fn room(&self, [height, width]: [usize; 2], channels: usize, dtype: DType) -> Self {
        Self::from_nhwc(empty(&self.data, &[self.batch, height, width, channels], dtype))
    }

    /// An uninitialised tensor of the same shape and type.
    pub(super) fn alike(&self) -> Self {
        self.room(self.extent, self.channels, self.data.dtype)
    }

    /// Number of pixels of all pictures.
    pub(super) fn positions(&self) -> usize {
        self.batch * self.extent[0] * self.extent[1]
    }

    /// The number of channels that a unit processes at once.
    pub(super) fn vector(&self) -> usize {
        if self.channels.is_multiple_of(VECTOR) { VECTOR } else { 1 }
    }

    /// As the argument of a kernel.
    pub(super) fn arg(&self) -> BufferArg {
        self.data.clone().into_buffer_arg()
    }
}

/// `x` in the order of its axes, with the strides that follow from its shape. burn regards a tensor
/// as contiguous whatever the strides of axes of extent 1 are, but 0.22.1 fuses wrongly after some
/// and multiplies others wrongly.
pub(super) fn contiguous(x: CubeTensor) -> CubeTensor {
    let x = into_contiguous(x);
    let shape = x.shape();
    CubeTensor::new_contiguous(x.client.clone(), x.device.clone(), shape, x.handle, x.dtype)
}

/// `x` converted to `dtype`.
pub(super) fn cast(x: CubeTensor, dtype: DType) -> CubeTensor {
    if x.dtype == dtype { x } else { CubeBackend::float_cast(x, dtype.into()) }
}

/// A tensor without values, contiguous, on the device of `beside`.
pub(super) fn empty(beside: &CubeTensor, shape: &[usize], dtype: DType) -> CubeTensor {
    empty_device_contiguous_dtype(
        beside.client.clone(),
        beside.device.clone(),
        Shape::from(shape.to_vec()),
        dtype,
    )
}

/// The values of `x`, flattened to `[n]`.
pub(super) fn flat(x: CubeTensor) -> CubeTensor {
    let n = x.shape().num_elements();
    contiguous(reshape(x, Shape::from(vec![n])))
}

/// Numbers from the host as an argument of a kernel on the device of `beside`.
pub(super) fn numbers(beside: &CubeTensor, values: &[f32]) -> BufferArg {
    upload(beside, values)
}

/// Indices from the host as an argument of a kernel on the device of `beside`.
pub(super) fn indices(beside: &CubeTensor, values: &[u32]) -> BufferArg {
    upload(beside, values)
}

fn upload<E: CubeElement>(beside: &CubeTensor, values: &[E]) -> BufferArg {
    let handle = beside.client.create_from_slice(E::as_bytes(values));
    // SAFETY: the buffer was just made from as many values.
    unsafe { BufferArg::from_raw_parts(handle, values.len()) }
}

/// The launch configuration for `units` of work.
pub(super) fn spread(client: &Client, units: usize) -> (CubeCount, CubeDim) {
    let dim = CubeDim::new(client, units);
    (calculate_cube_count_elemwise(client, units, dim), dim)
}

/// The integer type that can address the largest of `tensors`.
pub(super) fn address(tensors: &[&CubeTensor]) -> AddressType {
    tensors.iter().map(|t| t.required_address_type()).max().unwrap_or_default()
}

/// Splits the position of an item in pictures with `width` items per pixel, `columns` pixels per
/// row and `rows` rows: the item within its pixel, the column, the row and the picture.
#[cube]
pub(super) fn place_of(
    position: usize,
    width: usize,
    columns: usize,
    rows: usize,
) -> (usize, usize, usize, usize) {
    let pixel = position / width;
    (position % width, pixel % columns, pixel / columns % rows, pixel / columns / rows)
}

/// CubeCL's name for the element type of `x`.
pub(super) fn element(x: &CubeTensor) -> ElemType {
    burn::backend::cubecl::dtype_to_storage_type(x.dtype)
}
