//! Sums over all positions of pictures, channel by channel: in blocks of positions, then sums of those, until one is left. The
//! order of the additions is fixed.

use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::image::{Image, address, element, empty, spread};

/// Positions that one unit adds up.
pub(super) const BLOCK: usize = 64;

/// sums[i] ← Σ of the `block` rows of `x` from i·block on; a row has `width` vectors.
#[cube(launch, address_type = "dynamic")]
fn sum_rows<F: Float, N: Size>(
    x: &[Vector<F, N>],
    sums: &mut [Vector<f32, N>],
    rows: usize,
    width: usize,
    block: usize,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= sums.len() {
        terminate!();
    }
    let column = ABSOLUTE_POS % width;
    let first = ABSOLUTE_POS / width * block;
    let end = min(first + block, rows);
    let mut sum = Vector::<f32, N>::new(0.0);
    for row in first..end {
        sum += Vector::cast_from(x[row * width + column]);
    }
    sums[ABSOLUTE_POS] = sum;
}

/// Blocks that `rows` rows make.
pub(super) fn blocks(rows: usize) -> usize {
    rows.div_ceil(BLOCK)
}

/// The sums of all `rows` rows of `x`, of `width` numbers each: `[width]`, f32.
pub(super) fn of_rows(mut x: CubeTensor, mut rows: usize, width: usize, vector: usize) -> CubeTensor {
    let width = width / vector;
    loop {
        let sums = empty(&x, &[blocks(rows) * width * vector], DType::F32);
        let (count, dim) = spread(&x.client, blocks(rows) * width);
        let (client, address, dtype) = (x.client.clone(), address(&[&x, &sums]), element(&x));
        let (from, to) = (x.into_buffer_arg(), sums.clone().into_buffer_arg());
        sum_rows::launch(&client, count, dim, address, vector, from, to, rows, width, BLOCK, dtype);
        rows = blocks(rows);
        if rows == 1 {
            return sums;
        }
        x = sums;
    }
}

/// The sums of each channel, `[C]`, f32.
pub(super) fn of_channels(x: &Image) -> CubeTensor {
    of_rows(x.data.clone(), x.positions(), x.channels, x.vector())
}
