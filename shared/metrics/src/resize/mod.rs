//! Resizing of 8-bit RGB pictures to a network's input, operation for operation like the references
//! in f32.
//!
//! | filter | source of output pixel i | reference |
//! |---|---|---|
//! | [`Filter::Tf1Bilinear`] | i·(in/out) | torch-fidelity `interpolate_compat_tensorflow.py`, TF 1 `resize_bilinear` |
//! | [`Filter::KerasBilinear`] | (i + ½)·(in/out) − ½ | Keras `Resizing`, TF 2 `resize` |
//! | [`Filter::PytorchBilinear`] | the same, not below 0 | PyTorch `interpolate(mode="bilinear", align_corners=False)`, pytorch-fid |
//! | [`Filter::PilBicubic`] | (i + ½)·(in/out) − ½, antialiased | Pillow `resize(BICUBIC)` of mode "F", clean-fid |
//!
//! The detector loaded by StyleGAN's metrics (`inception-2015-12-05.pt`) resizes by `affine_grid`
//! and `grid_sample` at the same positions as TF 1, with coordinates rounded to f32: values differ
//! by up to 1e-5 of the range at 64 pixels and 2e-4 at 1000 pixels. Only the last filter is
//! antialiased.
//!
//! | scale | before resizing | after it |
//! |---|---|---|
//! | [`Scale::By128`] | v | (v − 128)/128 |
//! | [`Scale::By127`] | v | v/127.5 − 1 |
//! | [`Scale::Unit`] | v/255 | 2v − 1 |
//! | [`Scale::ImageNet`] | v | (v − 255·mean)/(255·std) per channel |
//!
//! The input of VGG16 and DINOv2 in torch-fidelity is `Tf1Bilinear` to 224 with `ImageNet`.
//!
//! ```
//! use fledge_metrics::resize::{Preprocessing, RgbPicture};
//!
//! let black = RgbPicture { width: 2, height: 2, pixels: vec![0; 12] };
//! let input = Preprocessing::KERAS_75.batch(&[black]);
//! assert_eq!(input.len(), 3 * 75 * 75);
//! assert!(input.iter().all(|value| *value == -1.0));
//! ```

mod bicubic;
mod bilinear;
mod picture;

use rayon::prelude::*;

use self::picture::RGB;
pub use self::picture::{Filter, RgbPicture};

/// Mean of ImageNet's pictures per channel, for values in [0, 1] (torchvision's transforms).
const IMAGENET_MEAN: [f64; RGB] = [0.485, 0.456, 0.406];
/// Standard deviation of the same.
const IMAGENET_STD: [f64; RGB] = [0.229, 0.224, 0.225];

/// Scaling of levels 0 to 255 to a network's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scale {
    /// (v − 128)/128, for the FID InceptionV3 in torch-fidelity, clean-fid and StyleGAN.
    By128,
    /// v/127.5 − 1, Keras' `inception_v3.preprocess_input`.
    By127,
    /// 2·(v/255) − 1, as in pytorch-fid. The division precedes resizing, which affects the last
    /// bits.
    Unit,
    /// (v − 255·mean)/(255·std) with ImageNet's mean and deviation of each channel: VGG16 and
    /// DINOv2 in torch-fidelity.
    ImageNet,
}

/// Preprocessing of a picture to a network's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Preprocessing {
    /// Resizing filter.
    pub filter: Filter,
    /// Side of the square result in pixels.
    pub side: usize,
    /// Scaling of the levels.
    pub scale: Scale,
}

impl Scale {
    const fn name(self) -> &'static str {
        match self {
            Self::By128 => "by-128",
            Self::By127 => "by-127.5",
            Self::Unit => "unit",
            Self::ImageNet => "imagenet",
        }
    }

    /// The value to resize for each of the 256 levels.
    fn levels(self) -> [f32; 256] {
        std::array::from_fn(|level| match self {
            Self::Unit => level as f32 / 255.0,
            Self::By128 | Self::By127 | Self::ImageNet => level as f32,
        })
    }

    /// Scales the resized values of one channel.
    fn apply(self, channel: usize, values: &mut [f32]) {
        let each = |values: &mut [f32], of: &dyn Fn(f32) -> f32| {
            values.iter_mut().for_each(|v| *v = of(*v))
        };
        match self {
            Self::By128 => each(values, &|v| (v - 128.0) / 128.0),
            Self::By127 => each(values, &|v| v / 127.5 - 1.0),
            Self::Unit => each(values, &|v| 2.0 * v - 1.0),
            Self::ImageNet => {
                let (mean, std) = (
                    (255.0 * IMAGENET_MEAN[channel]) as f32,
                    (255.0 * IMAGENET_STD[channel]) as f32,
                );
                each(values, &|v| (v - mean) / std);
            }
        }
    }
}

impl Preprocessing {
    /// The FID InceptionV3's input as in torch-fidelity.
    pub const TORCH_FIDELITY: Self =
        Self { filter: Filter::Tf1Bilinear, side: 299, scale: Scale::By128 };
    /// The input of the Keras example `gan_ada`: 75×75.
    pub const KERAS_75: Self =
        Self { filter: Filter::KerasBilinear, side: 75, scale: Scale::By127 };

    /// A name for cache keys and reports; changes whenever the numbers would.
    #[must_use]
    pub fn name(self) -> String {
        format!("{}-{}-{}", self.filter.name(), self.side, self.scale.name())
    }

    /// The network's input for `pictures`: [B, 3, side, side] in f32, row by row. Uses all cores.
    ///
    /// # Panics
    /// If a picture is empty or its pixels are not `height · width · 3`.
    #[must_use]
    pub fn batch(self, pictures: &[RgbPicture]) -> Vec<f32> {
        let size = RGB * self.side * self.side;
        let mut out = vec![0.0; pictures.len() * size];
        let levels = self.scale.levels();
        out.par_chunks_mut(size)
            .zip(pictures)
            .for_each(|(out, picture)| self.one(picture, &levels, out));
        out
    }

    fn one(self, picture: &RgbPicture, levels: &[f32; 256], out: &mut [f32]) {
        let RgbPicture { width, height, pixels } = picture;
        assert!(*width > 0 && *height > 0, "a picture of {width}×{height} pixels");
        assert_eq!(pixels.len(), width * height * RGB, "a picture of {width}×{height} in RGB");
        match self.filter {
            Filter::PilBicubic => bicubic::resize(picture, self.side, levels, out),
            bilinear => bilinear::resize(picture, bilinear, self.side, levels, out),
        }
        for (channel, plane) in out.chunks_exact_mut(self.side * self.side).enumerate() {
            self.scale.apply(channel, plane);
        }
    }
}
