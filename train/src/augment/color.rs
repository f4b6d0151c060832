//! Colour transforms as matrices on (R, G, B, 1) with colours in [−1, 1], and the step that applies
//! one to each picture.

use burn::tensor::{Tensor, TensorData};
use shared::nn::ops;

use super::plan::Step;

/// The first three rows of a 4×4 matrix whose last is 0 0 0 1.
pub type ColorMatrix = [[f64; 4]; 3];

/// Leaves colours unchanged.
pub const IDENTITY: ColorMatrix =
    [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]];

/// The product second·first: `first` is applied first.
#[must_use]
pub fn after(second: &ColorMatrix, first: &ColorMatrix) -> ColorMatrix {
    let entry = |row: &[f64; 4], column: usize| {
        let own = if column == 3 { row[3] } else { 0.0 };
        own + (0..3).map(|k| row[k] * first[k][column]).sum::<f64>()
    };
    second.map(|row| std::array::from_fn(|column| entry(&row, column)))
}

/// A matrix from its 3×3 part.
fn linear(entry: impl Fn(usize, usize) -> f64) -> ColorMatrix {
    std::array::from_fn(|row| {
        std::array::from_fn(|column| if column < 3 { entry(row, column) } else { 0.0 })
    })
}

fn identity(row: usize, column: usize) -> f64 {
    f64::from(u8::from(row == column))
}

/// Adds `b` to every colour.
#[must_use]
pub fn brightness(b: f64) -> ColorMatrix {
    IDENTITY.map(|[r, g, blue, _]| [r, g, blue, b])
}

/// Multiplies every colour by `c`.
#[must_use]
pub fn contrast(c: f64) -> ColorMatrix {
    linear(|row, column| c * identity(row, column))
}

/// I − 2·i·vvᵀ with the grey axis v = (1, 1, 1)/√3: i = 1 inverts the lightness and keeps hues.
#[must_use]
pub fn luma_flip(i: f64) -> ColorMatrix {
    linear(|row, column| identity(row, column) - 2.0 / 3.0 * i)
}

/// Rotation by `angle` about the grey axis (Rodrigues).
#[must_use]
pub fn hue(angle: f64) -> ColorMatrix {
    let (sin, cos) = angle.sin_cos();
    let axis = 1.0 / 3f64.sqrt();
    // The cross product with the axis: row r has −v in the column after r, and v in the one before.
    let cross = |row: usize, column: usize| match (column + 3 - row) % 3 {
        1 => -axis,
        2 => axis,
        _ => 0.0,
    };
    linear(|row, column| (1.0 - cos) / 3.0 + cos * identity(row, column) + sin * cross(row, column))
}

/// Multiplies the distance from the grey axis by `s`.
#[must_use]
pub fn saturation(s: f64) -> ColorMatrix {
    linear(|row, column| 1.0 / 3.0 + (identity(row, column) - 1.0 / 3.0) * s)
}

/// Multiplies each picture's colours by its own matrix.
#[derive(Clone, Debug)]
pub struct Color {
    channels: usize,
    /// [B, C, C].
    factors: Vec<f32>,
    /// [B, C, 1].
    offsets: Vec<f32>,
}

impl Color {
    /// One matrix per picture. A grey pixel counts as three equal colours and becomes the mean of
    /// what the matrix makes of them.
    #[must_use]
    pub fn new(matrices: &[ColorMatrix], channels: usize) -> Self {
        let (mut factors, mut offsets) = (Vec::new(), Vec::new());
        for matrix in matrices {
            if channels == 1 {
                factors.push((matrix.iter().flat_map(|row| &row[..3]).sum::<f64>() / 3.0) as f32);
                offsets.push((matrix.iter().map(|row| row[3]).sum::<f64>() / 3.0) as f32);
            } else {
                factors.extend(matrix.iter().flat_map(|row| &row[..3]).map(|&v| v as f32));
                offsets.extend(matrix.iter().map(|row| row[3] as f32));
            }
        }
        Self { channels, factors, offsets }
    }
}

impl Color {
    /// The colours of `x` [B, C, H, W] without the offsets, [B, C, H·W].
    fn turned(&self, x: Tensor<4>) -> Tensor<3> {
        let [batch, channels, height, width] = x.dims();
        debug_assert_eq!(channels, self.channels);
        let factors = Tensor::<3>::from_data(
            TensorData::new(self.factors.clone(), [batch, channels, channels]),
            &x.device().inner(),
        );
        let x: Tensor<3> = x.reshape([batch, channels, height * width]);
        if channels == 1 { x * factors } else { ops::matmul(factors, x) }
    }
}

impl Step for Color {
    fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        let shape = x.dims();
        let offsets = Tensor::<3>::from_data(
            TensorData::new(self.offsets.clone(), [shape[0], shape[1], 1]),
            &x.device().inner(),
        );
        (self.turned(x) + offsets).reshape(shape)
    }

    fn linear(&self, t: Tensor<4>) -> Tensor<4> {
        let shape = t.dims();
        self.turned(t).reshape(shape)
    }
}
