//! DiffAugment (Zhao et al. 2020, arXiv:2006.10738) with its policy `color,translation,cutout`,
//! applied to every picture, always.

use burn::tensor::{Tensor, TensorData};
use shared::nn::ops::{Affine, Border, Lookups};
use shared::nn::range::Range;
use shared::rng::Stream;

use super::color::{self, Color, ColorMatrix};
use super::cutout::{Cutout, Hole};
use super::plan::{Plan, Step};

/// The transform of one picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DiffAugment {
    /// Added to every colour in [−1, 1]: −½ to ½.
    pub brightness: f64,
    /// Factor on the distance from grey: 0 to 2.
    pub saturation: f64,
    /// Factor on the distance from the picture's mean: ½ to 1½.
    pub contrast: f64,
    /// Rows and columns by which the content moves up and left: at most an eighth.
    pub shift: [i64; 2],
    /// Row and column of the centre of the grey rectangle, which is half as high and wide as the
    /// picture.
    pub centre: [u64; 2],
}

/// `n` times `share`, rounded half up.
fn part(n: usize, share: f64) -> usize {
    (n as f64 * share + 0.5) as usize
}

impl DiffAugment {
    /// Draws the transform of a picture of `shape` (channels, height, width).
    #[must_use]
    pub fn draw([_, height, width]: [usize; 3], stream: &mut Stream) -> Self {
        let mut shift = |n: usize| {
            let most = part(n, 0.125) as i64;
            stream.below(2 * most as u64 + 1) as i64 - most
        };
        let shift = [shift(height), shift(width)];
        let mut centre = |n: usize| stream.below((n + 1 - part(n, 0.5) % 2) as u64);
        Self {
            centre: [centre(height), centre(width)],
            shift,
            brightness: stream.between(-0.5, 0.5),
            saturation: stream.between(0.0, 2.0),
            contrast: stream.between(0.5, 1.5),
        }
    }

    /// Brightness, then saturation about the mean of the colours.
    fn matrix(&self) -> ColorMatrix {
        color::after(&color::saturation(self.saturation), &color::brightness(self.brightness))
    }

    fn hole(&self, extent: [usize; 2]) -> Hole {
        let along = |axis: usize| {
            let (n, size, centre) =
                (extent[axis], part(extent[axis], 0.5), self.centre[axis] as usize);
            // The reference clamps indices, so whatever lies outside lands on the border: the
            // border row or column is always cut.
            let (first, end) =
                (centre.saturating_sub(size / 2), (centre + size).saturating_sub(size / 2));
            first.min(n - 1)..end.clamp(1, n).max(first.min(n - 1) + 1)
        };
        Hole { rows: along(0), columns: along(1) }
    }
}

/// Scales each picture's distance from its own mean.
#[derive(Clone, Debug)]
struct Contrast(Vec<f32>);

impl Step for Contrast {
    fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        let batch = x.dims()[0];
        let factor = Tensor::<4>::from_data(
            TensorData::new(self.0.clone(), [batch, 1, 1, 1]),
            &x.device().inner(),
        );
        let mean = x.clone().mean_dim(1).mean_dim(2).mean_dim(3);
        (x - mean.clone()) * factor + mean
    }
}

/// The steps for pictures of `shape` (channels, height, width) with pixels in `range`.
#[must_use]
pub fn plan(drawn: &[DiffAugment], [channels, height, width]: [usize; 3], range: Range) -> Plan {
    let extent = [height, width];
    let matrices: Vec<_> = drawn.iter().map(DiffAugment::matrix).collect();
    let moved = |d: &DiffAugment| {
        Some(Affine([[1.0, 0.0, d.shift[1] as f64], [0.0, 1.0, d.shift[0] as f64]]))
    };
    let holes = drawn.iter().map(|d| Some(d.hole(extent))).collect();
    let steps: Vec<Box<dyn Step>> = vec![
        Box::new(Color::new(&matrices, channels)),
        Box::new(Contrast(drawn.iter().map(|d| d.contrast as f32).collect())),
        Box::new(Lookups {
            maps: drawn.iter().map(moved).collect(),
            border: Border::Zeros,
            extent,
        }),
        Box::new(Cutout::new(holes, extent)),
    ];
    Plan::signed(steps, range)
}
