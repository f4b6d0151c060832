//! Tensors in the layout of the operations: pictures with channels last in memory, vectors as they
//! are.
//!
//! A tensor keeps the shape [B, C, H, W] for its users; only its strides show that it is stored as
//! [B, H, W, C]. Tensors in any other order are copied once.

use burn_flex::{FlexTensor, Layout};
use rayon::prelude::*;

use super::disjoint::Disjoint;
use super::memory::Buffer;

pub(super) fn dims<const D: usize>(tensor: &FlexTensor) -> [usize; D] {
    tensor.layout().shape().dims()
}

/// Pictures with channels last.
pub(super) struct Image {
    tensor: FlexTensor,
    /// [B, C, H, W].
    pub(super) shape: [usize; 4],
}

/// The layout of [B, C, H, W] with channels last.
fn channels_last([b, c, h, w]: [usize; 4]) -> Layout {
    Layout::new([b, c, h, w].into(), vec![(h * w * c) as isize, 1, (w * c) as isize, c as isize], 0)
}

impl Image {
    pub(super) fn of(tensor: FlexTensor) -> Self {
        let shape = dims(&tensor);
        let wanted = channels_last(shape);
        let same = |i: usize| shape[i] == 1 || tensor.layout().strides()[i] == wanted.strides()[i];
        let tensor = if (0..4).all(same) { tensor } else { turned(&tensor, shape) };
        Self { tensor, shape }
    }

    /// A tensor of `shape` [B, C, H, W] over numbers stored as [B, H, W, C].
    pub(super) fn tensor(values: Buffer, shape: [usize; 4]) -> FlexTensor {
        debug_assert_eq!(values.len(), shape.iter().product::<usize>());
        values.into_tensor(channels_last(shape))
    }

    pub(super) fn values(&self) -> &[f32] {
        let from = self.tensor.layout().start_offset();
        &self.tensor.storage::<f32>()[from..from + self.shape.iter().product::<usize>()]
    }

    /// Changes the numbers and returns their tensor; copies only if the tensor is shared.
    pub(super) fn update(mut self, change: impl FnOnce(&mut [f32])) -> FlexTensor {
        let (from, len) =
            (self.tensor.layout().start_offset(), self.shape.iter().product::<usize>());
        if let Some(values) = self.tensor.try_storage_mut::<f32>() {
            change(&mut values[from..from + len]);
            return self.tensor;
        }
        let mut values = Buffer::any(len);
        values.copy_from_slice(self.values());
        change(&mut values);
        Self::tensor(values, self.shape)
    }
}

/// A copy with channels last of a tensor in any layout.
fn turned(tensor: &FlexTensor, shape: [usize; 4]) -> FlexTensor {
    let [_, channels, h, w] = shape;
    let (from, strides) = (tensor.layout().start_offset() as isize, tensor.layout().strides());
    let source = tensor.storage::<f32>();
    let mut values = Buffer::any(shape.iter().product());
    if !values.is_empty() {
        values.par_chunks_mut(w * channels).enumerate().for_each(|(row, line)| {
            let at = from + (row / h) as isize * strides[0] + (row % h) as isize * strides[2];
            for (x, pixel) in line.chunks_mut(channels).enumerate() {
                let at = at + x as isize * strides[3];
                for (c, v) in pixel.iter_mut().enumerate() {
                    *v = source[(at + c as isize * strides[1]) as usize];
                }
            }
        });
    }
    Image::tensor(values, shape)
}

/// The numbers of a tensor in row-major order.
pub(super) struct Values(FlexTensor);

impl Values {
    pub(super) fn of(tensor: FlexTensor) -> Self {
        Self(if tensor.is_contiguous() { tensor } else { tensor.to_contiguous() })
    }

    /// A contiguous tensor over `values`.
    pub(super) fn tensor<const D: usize>(values: Buffer, shape: [usize; D]) -> FlexTensor {
        values.into_tensor(Layout::contiguous(shape.into()))
    }

    pub(super) fn slice(&self) -> &[f32] {
        let (from, len) = (self.0.layout().start_offset(), self.0.layout().num_elements());
        &self.0.storage::<f32>()[from..from + len]
    }
}

/// `from` [rows, columns] as [columns, rows].
pub(super) fn transpose(from: &[f32], rows: usize, columns: usize, to: &mut [f32]) {
    assert!(from.len() == rows * columns && to.len() == from.len(), "sizes");
    const BLOCK: usize = 16;
    let (high, wide) = (rows.div_ceil(BLOCK), columns.div_ceil(BLOCK));
    let to = Disjoint::of(to);
    (0..high * wide).into_par_iter().with_min_len(16).for_each(|block| {
        let (r0, c0) = (block / wide * BLOCK, block % wide * BLOCK);
        for c in c0..(c0 + BLOCK).min(columns) {
            // SAFETY: `c` and `r0` are of this block alone.
            let to = unsafe { to.take(c * rows + r0, BLOCK.min(rows - r0)) };
            to.iter_mut()
                .zip(from[r0 * columns + c..].iter().step_by(columns))
                .for_each(|(t, f)| *t = *f);
        }
    });
}
