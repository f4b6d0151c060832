//! Bilinear resizing of 8-bit RGB pictures to a network's input, operation for operation as the references do it in f32.
//!
//! Neither is antialiased. They differ in where an output pixel lies in the source and in the scale of the result:
//!
//! | | source of output pixel i | scale | reference |
//! |---|---|---|---|
//! | [`Preprocessing::TORCH_FIDELITY`] | i·(in/out) | (v − 128)/128 | torch-fidelity `interpolate_compat_tensorflow.py`, TF 1 `resize_bilinear` |
//! | [`Preprocessing::KERAS_75`] | (i + ½)·(in/out) − ½ | v/127.5 − 1 | Keras `Resizing` (TF 2 `resize`), `inception_v3.preprocess_input` |

use rayon::prelude::*;

/// Channels of what the networks see.
const RGB: usize = 3;

/// An 8-bit RGB picture, rows from the top, three bytes a pixel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RgbPicture {
    /// Pixels a row, at least 1.
    pub width: usize,
    /// Rows, at least 1.
    pub height: usize,
    /// `height · width · 3` bytes.
    pub pixels: Vec<u8>,
}

/// How values between the pixels of a picture are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Filter {
    /// Bilinear, as TensorFlow 1's `resize_bilinear`: output pixel i lies at i·(in/out).
    Tf1Bilinear,
    /// Bilinear with half-pixel centres, as TensorFlow 2's and Keras' `Resizing`: at (i + ½)·(in/out) − ½.
    KerasBilinear,
}

/// How levels 0 to 255 become a network's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scale {
    /// (v − 128)/128, the FID InceptionV3's in torch-fidelity, clean-fid and StyleGAN.
    By128,
    /// v/127.5 − 1, Keras' `inception_v3.preprocess_input`.
    By127,
}

/// How a picture becomes a network's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Preprocessing {
    /// How it is resized.
    pub filter: Filter,
    /// Side of the square result in pixels.
    pub side: usize,
    /// How its levels are scaled.
    pub scale: Scale,
}

/// For each output position the two source positions and the weight of the second.
struct Taps {
    low: Vec<usize>,
    high: Vec<usize>,
    weight: Vec<f32>,
}

impl Filter {
    const fn name(self) -> &'static str {
        match self {
            Self::Tf1Bilinear => "tf1-bilinear",
            Self::KerasBilinear => "keras-bilinear",
        }
    }
}

impl Scale {
    const fn name(self) -> &'static str {
        match self {
            Self::By128 => "by-128",
            Self::By127 => "by-127.5",
        }
    }

    fn of(self, v: f32) -> f32 {
        match self {
            Self::By128 => (v - 128.0) / 128.0,
            Self::By127 => v / 127.5 - 1.0,
        }
    }
}

impl Preprocessing {
    /// The FID InceptionV3's input as torch-fidelity makes it.
    pub const TORCH_FIDELITY: Self = Self { filter: Filter::Tf1Bilinear, side: 299, scale: Scale::By128 };
    /// The input of the Keras example `gan_ada`: 75×75.
    pub const KERAS_75: Self = Self { filter: Filter::KerasBilinear, side: 75, scale: Scale::By127 };

    /// A name for cache keys and reports; changes whenever the numbers would.
    #[must_use]
    pub fn name(self) -> String {
        format!("{}-{}-{}", self.filter.name(), self.side, self.scale.name())
    }

    fn taps(self, source: usize) -> Taps {
        let step = (source as f64 / self.side as f64) as f32;
        let mut taps = Taps { low: Vec::new(), high: Vec::new(), weight: Vec::new() };
        for i in 0..self.side {
            let at = match self.filter {
                Filter::Tf1Bilinear => i as f32 * step,
                Filter::KerasBilinear => (i as f32 + 0.5) * step - 0.5,
            };
            // Left of the first centre floor is −1: both neighbours are the first pixel then.
            let floor = at.floor();
            taps.low.push((floor.max(0.0) as usize).min(source - 1));
            taps.high.push(((floor + 1.0).max(0.0) as usize).min(source - 1));
            taps.weight.push(at - floor);
        }
        taps
    }

    /// The network's input for `pictures`: [B, 3, side, side] in f32, row by row. All cores.
    ///
    /// # Panics
    /// When a picture is empty or its pixels are not `height · width · 3`.
    #[must_use]
    pub fn batch(self, pictures: &[RgbPicture]) -> Vec<f32> {
        let plane = self.side * self.side;
        let mut out = vec![0.0; pictures.len() * RGB * plane];
        out.par_chunks_mut(RGB * plane).zip(pictures).for_each(|(out, picture)| self.one(picture, out));
        out
    }

    fn one(self, picture: &RgbPicture, out: &mut [f32]) {
        let (width, height, side) = (picture.width, picture.height, self.side);
        assert_eq!(picture.pixels.len(), width * height * RGB, "a picture of {width}×{height} in RGB");
        let (columns, rows) = (self.taps(width), self.taps(height));
        // Each source row is interpolated along x once: [height, 3, side].
        let mut wide = vec![0.0f32; height * RGB * side];
        for (source, wide) in picture.pixels.chunks_exact(width * RGB).zip(wide.chunks_exact_mut(RGB * side)) {
            for (channel, wide) in wide.chunks_exact_mut(side).enumerate() {
                for (i, v) in wide.iter_mut().enumerate() {
                    let left = f32::from(source[columns.low[i] * RGB + channel]);
                    let right = f32::from(source[columns.high[i] * RGB + channel]);
                    *v = left + (right - left) * columns.weight[i];
                }
            }
        }
        for (channel, plane) in out.chunks_exact_mut(side * side).enumerate() {
            for (i, line) in plane.chunks_exact_mut(side).enumerate() {
                let row = |y: usize| &wide[(y * RGB + channel) * side..][..side];
                let (top, bottom, weight) = (row(rows.low[i]), row(rows.high[i]), rows.weight[i]);
                for ((v, top), bottom) in line.iter_mut().zip(top).zip(bottom) {
                    *v = self.scale.of(top + (bottom - top) * weight);
                }
            }
        }
    }
}
