//! One affine look-up with bilinear sampling and reflecting borders, through which the gradient flows exactly.

use burn::tensor::{Int, Tensor, TensorData};
use rayon::prelude::*;

/// A look-up: the output pixel (x, y) shows the input at (m₀x + m₁y + m₂, m₃x + m₄y + m₅), pixel centres at whole numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine(pub [[f64; 3]; 2]);

impl Affine {
    /// Every pixel shows itself.
    pub const IDENTITY: Self = Self([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]);

    /// The look-up through `first`, then through this one: the matrix product self·first.
    #[must_use]
    pub fn after(&self, first: &Self) -> Self {
        let row = |r: [f64; 3]| {
            let [a, b] = first.0;
            [r[0] * a[0] + r[1] * b[0], r[0] * a[1] + r[1] * b[1], r[0] * a[2] + r[1] * b[2] + r[2]]
        };
        Self(self.0.map(row))
    }

    /// The four input pixels that an output pixel shows, with their weights.
    pub(super) fn taps(&self, x: usize, y: usize, height: usize, width: usize) -> [(usize, f32); 4] {
        let at = |r: [f64; 3]| r[0] * x as f64 + r[1] * y as f64 + r[2];
        let (sx, sy) = (at(self.0[0]), at(self.0[1]));
        let (x0, y0) = (sx.floor(), sy.floor());
        let (fx, fy) = (sx - x0, sy - y0);
        let [x0, x1] = [0, 1].map(|d| reflect(x0 as i64 + d, width));
        let [y0, y1] = [0, 1].map(|d| reflect(y0 as i64 + d, height));
        let tap = |y: usize, x: usize, weight: f64| (y * width + x, weight as f32);
        [tap(y0, x0, (1.0 - fy) * (1.0 - fx)), tap(y0, x1, (1.0 - fy) * fx), tap(y1, x0, fy * (1.0 - fx)), tap(y1, x1, fy * fx)]
    }
}

/// Half-sample symmetric: d c b a | a b c d | d c b a.
fn reflect(i: i64, n: usize) -> usize {
    let n = n as i64;
    let r = i.rem_euclid(2 * n);
    (if r < n { r } else { 2 * n - 1 - r }) as usize
}

/// The look-up as a weighted sum of four gathers, for devices that have no operation of their own for it.
///
/// # Shapes
/// `x` [B, C, H, W], `maps` one for each picture; gives [B, C, H, W].
pub(super) fn by_gathers(x: Tensor<4>, maps: &[Option<Affine>]) -> Tensor<4> {
    let [batch, channels, height, width] = x.dims();
    let positions = height * width;
    let device = x.device().inner();
    let taps: Vec<[(usize, f32); 4]> = maps
        .par_iter()
        .flat_map_iter(|map| {
            let map = map.unwrap_or(Affine::IDENTITY);
            (0..positions).map(move |i| map.taps(i % width, i / width, height, width))
        })
        .collect();
    let x: Tensor<3> = x.reshape([batch, channels, positions]);
    let shown = (0..4).map(|k| {
        let index: Vec<i32> = taps.iter().map(|t| t[k].0 as i32).collect();
        let weight: Vec<f32> = taps.iter().map(|t| t[k].1).collect();
        let index = Tensor::<3, Int>::from_data(TensorData::new(index, [batch, 1, positions]), &device);
        let weight = Tensor::<3>::from_data(TensorData::new(weight, [batch, 1, positions]), &device);
        x.clone().gather(2, index.repeat_dim(1, channels)) * weight // [B, C, H·W]
    });
    shown.reduce(|a, b| a + b).unwrap_or(x.clone()).reshape([batch, channels, height, width])
}
