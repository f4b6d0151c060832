//! Cutout: rectangles filled with grey.

use std::ops::Range;

use burn::tensor::{Tensor, TensorData};

use super::plan::Step;

/// The pixels of a rectangle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hole {
    /// Rows.
    pub rows: Range<usize>,
    /// Columns.
    pub columns: Range<usize>,
}

impl Hole {
    /// The pixels whose centres lie within `size`/2 of a centre (x, y); all lengths are fractions
    /// of the height and width.
    #[must_use]
    pub fn around([x, y]: [f64; 2], size: f64, [height, width]: [usize; 2]) -> Self {
        let along = |centre: f64, n: usize| {
            let inside = |i: &usize| ((*i as f64 + 0.5) / n as f64 - centre).abs() < size / 2.0;
            let first = (0..n).find(inside).unwrap_or(n);
            first..first + (first..n).take_while(inside).count()
        };
        Self { rows: along(y, height), columns: along(x, width) }
    }
}

/// Sets a rectangle of each picture to zero, which is grey for pixels in [−1, 1].
#[derive(Clone, Debug)]
pub struct Cutout {
    /// Factor of each pixel, [B, 1, H, W].
    mask: Vec<f32>,
}

impl Cutout {
    /// At most one hole per picture of `extent` (height, width).
    #[must_use]
    pub fn new(holes: Vec<Option<Hole>>, [height, width]: [usize; 2]) -> Self {
        let mut mask = vec![1.0; holes.len() * height * width];
        for (mask, hole) in mask.chunks_mut(height * width).zip(holes) {
            if let Some(Hole { rows, columns }) = hole {
                rows.for_each(|row| mask[row * width..][columns.clone()].fill(0.0));
            }
        }
        Self { mask }
    }
}

impl Step for Cutout {
    fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        let [batch, _, height, width] = x.dims();
        let mask = TensorData::new(self.mask.clone(), [batch, 1, height, width]);
        let mask = Tensor::<4>::from_data(mask, &x.device().inner());
        x * mask
    }
}
