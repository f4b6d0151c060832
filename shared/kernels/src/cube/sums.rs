//! Sums over all positions of pictures, channel by channel: in blocks of positions, one unit each;
//! then one cube for every few channels sums the blocks. The order of the additions is fixed.

use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;
use cubecl::client::Client;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::image::{Image, address, element, empty, spread};

/// Positions summed by one unit.
pub(super) const BLOCK: usize = 64;

/// Upper bound of units that sum the blocks of a few channels together.
const UNITS: u32 = 256;

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

/// total[c] ← Σ over all `rows` rows of partial[row, c]: one cube per vector c, whose units take
/// rows in turns and then add their sums in pairs.
#[cube(launch, address_type = "dynamic")]
fn add_up<N: Size>(
    partial: &[Vector<f32, N>],
    total: &mut [Vector<f32, N>],
    rows: usize,
    #[comptime] units: u32,
) {
    let width = total.len();
    let column = CUBE_POS;
    let mut shared = Shared::<[Vector<f32, N>]>::new_slice(comptime!(units as usize));
    let unit = UNIT_POS as usize;
    let mut sum = Vector::<f32, N>::new(0.0);
    let mut row = unit;
    while row < rows {
        sum += partial[row * width + column];
        row += comptime!(units as usize);
    }
    shared[unit] = sum;
    sync_cube();
    let levels = comptime!(units.ilog2());
    #[unroll]
    for level in 0..levels {
        let half = comptime!((units >> (level + 1)) as usize);
        if unit < half {
            let other = shared[unit + half];
            shared[unit] += other;
        }
        sync_cube();
    }
    if unit == 0 {
        total[column] = shared[0];
    }
}

/// Number of blocks for `rows` rows.
pub(super) fn blocks(rows: usize) -> usize {
    rows.div_ceil(BLOCK)
}

/// The largest power of two of units per cube that the device supports, up to [`UNITS`].
fn units(client: &Client) -> u32 {
    let most = client.properties().hardware.max_units_per_cube.min(UNITS);
    1 << most.max(1).ilog2()
}

/// The sums of all rows of `partial` [rows, width]: `[width]`, f32.
pub(super) fn of_blocks(
    partial: CubeTensor,
    rows: usize,
    width: usize,
    vector: usize,
) -> CubeTensor {
    if rows == 1 {
        return partial;
    }
    let total = empty(&partial, &[width], DType::F32);
    let (client, units) = (partial.client.clone(), units(&partial.client));
    let (count, dim) = (CubeCount::Static((width / vector) as u32, 1, 1), CubeDim::new_1d(units));
    let (from, to) = (partial.clone().into_buffer_arg(), total.clone().into_buffer_arg());
    add_up::launch(&client, count, dim, address(&[&partial]), vector, from, to, rows, units);
    total
}

/// The sums of each channel, `[C]`, f32.
pub(super) fn of_channels(x: &Image) -> CubeTensor {
    let (client, vector, rows) = (&x.data.client, x.vector(), blocks(x.positions()));
    let width = x.channels / vector;
    let partial = empty(&x.data, &[rows * x.channels], DType::F32);
    let (count, dim) = spread(client, rows * width);
    let to = partial.clone().into_buffer_arg();
    let address = address(&[&x.data]);
    sum_rows::launch(
        client,
        count,
        dim,
        address,
        vector,
        x.arg(),
        to,
        x.positions(),
        width,
        BLOCK,
        element(&x.data),
    );
    of_blocks(partial, rows, x.channels, vector)
}
