//! Reference implementations in burn's own operations.

use burn::tensor::activation::leaky_relu;
use burn::tensor::{Int, Tensor, TensorData};

use crate::{Affine, Fir, Lookups, Resampling, Upsample};

/// The look-ups as a weighted sum of four gathers.
///
/// # Shapes
/// `x` [B, C, H, W]; gives [B, C, H', W'] of the extent asked for.
pub(super) fn by_gathers(x: Tensor<4>, lookups: &Lookups) -> Tensor<4> {
    let [batch, channels, height, width] = x.dims();
    let [rows, columns] = lookups.extent;
    let positions = rows * columns;
    let device = x.device().inner();
    let taps: Vec<[(usize, f32); 4]> = lookups
        .maps
        .iter()
        .flat_map(|map| {
            let map = map.unwrap_or(Affine::IDENTITY);
            (0..positions)
                .map(move |i| map.taps(i % columns, i / columns, [height, width], lookups.border))
        })
        .collect();
    let x: Tensor<3> = x.reshape([batch, channels, height * width]);
    let shown = |k: usize| {
        let index: Vec<i32> = taps.iter().map(|t| t[k].0 as i32).collect();
        let weight: Vec<f32> = taps.iter().map(|t| t[k].1).collect();
        let index =
            Tensor::<3, Int>::from_data(TensorData::new(index, [batch, 1, positions]), &device);
        let weight =
            Tensor::<3>::from_data(TensorData::new(weight, [batch, 1, positions]), &device);
        x.clone().gather(2, index.repeat_dim(1, channels)) * weight // [B, C, H'·W']
    };
    (shown(0) + shown(1) + shown(2) + shown(3)).reshape([batch, channels, rows, columns])
}

/// Filters and look-ups by dense matrices and gathers; every picture has a map.
pub(super) fn resampled(x: Tensor<4>, resampling: &Resampling) -> Tensor<4> {
    let Resampling { up, lookups, down } = resampling;
    let x = by_gathers(separable(x, up), lookups);
    separable(x, down)
}

/// [B, C, H, W] filtered along both axes.
pub(super) fn separable(x: Tensor<4>, [vertical, horizontal]: &[Fir; 2]) -> Tensor<4> {
    let [batch, channels, height, width] = x.dims();
    let device = x.device().inner();
    let of = |fir: &Fir| {
        Tensor::<2>::from_data(
            TensorData::new(fir.dense(), [fir.results.len(), fir.samples]),
            &device,
        )
    };
    let [rows, columns] = [vertical.results.len(), horizontal.results.len()];
    let x: Tensor<2> =
        x.reshape([batch * channels * height, width]).matmul(of(horizontal).transpose());
    let x: Tensor<3> = x.reshape([batch * channels, height, columns]);
    of(vertical).unsqueeze::<3>().matmul(x).reshape([batch, channels, rows, columns])
}

/// Doubling or, `transposed`, its transpose as two matrix products.
pub(super) fn resized(x: Tensor<4>, mode: Upsample, transposed: bool) -> Tensor<4> {
    let [_, _, h, w] = x.dims();
    let device = x.device().inner();
    let matrix = |extent: usize| {
        let n = if transposed { extent / 2 } else { extent };
        let mut values = vec![0.0f32; 2 * n * n];
        for o in 0..2 * n {
            mode.sources(o, n).into_iter().for_each(|(i, weight)| values[o * n + i] += weight);
        }
        let doubling = Tensor::<2>::from_data(TensorData::new(values, [2 * n, n]), &device);
        (if transposed { doubling.transpose() } else { doubling }).unsqueeze::<4>()
    };
    matrix(h).matmul(x.matmul(matrix(w).transpose()))
}

/// Mean and biased variance, each [1, C], inside the graph.
pub(super) fn moments(x: Tensor<4>) -> (Tensor<2>, Tensor<2>) {
    let [_, channels, _, _] = x.dims();
    let x: Tensor<2> = x.swap_dims(0, 1).reshape([channels as i64, -1]);
    let mean = x.clone().mean_dim(1);
    let variance = (x - mean.clone()).square().mean_dim(1);
    (mean.reshape([1, channels]), variance.reshape([1, channels]))
}

pub(super) fn affine_act(
    x: Tensor<4>,
    scale: Tensor<1>,
    shift: Tensor<1>,
    slope: f32,
) -> Tensor<4> {
    let channels = scale.dims()[0];
    let pre = x * scale.reshape([1, channels, 1, 1]) + shift.reshape([1, channels, 1, 1]);
    leaky_relu(pre, f64::from(slope))
}
