//! LPIPS, the learned perceptual similarity (Zhang et al. 2018, arXiv:1801.03924), version 0.1: the
//! squared distance of the normalised features of two pictures, weighted by channel and averaged
//! over the picture, summed over the slices.
//!
//! It follows torch-fidelity's `SampleSimilarityLPIPS` (VGG16, for PPL) and the package `lpips`
//! (both networks). The channels' weights are `v0.1/vgg.pth` and `v0.1/squeeze.pth` of
//! richzhang/PerceptualSimilarity, the networks torchvision's.

use std::path::Path;
use std::str::FromStr;

use super::network::Weights;
use super::resize::RgbPicture;
use super::state_dict::{Taking, WeightsError};
use burn::tensor::{Device, Tensor, TensorData};
use fledge_base::cli::UsageError;
use fledge_kernels::{Precision, on_workers};
use rayon::prelude::*;

use super::parameters::{Drawn, Parameters};
use super::{squeezenet, vgg16};

/// Pairs in a batch.
const BATCH: usize = 16;
/// Added to the length of a feature, which may be 0.
const EPSILON: f64 = 1e-10;
/// Shift of red, green and blue on the scale from −1 to 1 (`ScalingLayer`).
const SHIFT: [f32; 3] = [-0.030, -0.088, -0.188];
/// Their spread on the same scale.
const SPREAD: [f32; 3] = [0.458, 0.448, 0.450];

/// The network whose features are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backbone {
    /// VGG16, five slices; the network of PPL.
    Vgg16,
    /// SqueezeNet 1.1, seven slices.
    SqueezeNet,
}

impl FromStr for Backbone {
    type Err = UsageError;

    fn from_str(text: &str) -> Result<Self, UsageError> {
        match text {
            "vgg16" => Ok(Self::Vgg16),
            "squeezenet" => Ok(Self::SqueezeNet),
            _ => Err(UsageError(format!("--lpips {text}: expected vgg16 or squeezenet"))),
        }
    }
}

impl Backbone {
    /// Its name; torch-fidelity's name for VGG16.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vgg16 => "lpips-vgg16",
            Self::SqueezeNet => "lpips-squeezenet",
        }
    }

    const fn channels(self) -> &'static [usize] {
        match self {
            Self::Vgg16 => &vgg16::Slices::CHANNELS,
            Self::SqueezeNet => &squeezenet::Slices::CHANNELS,
        }
    }

    /// The contents expected of the network's file and of the channels' file, for errors.
    const fn expected(self) -> [&'static str; 2] {
        match self {
            Self::Vgg16 => [vgg16::EXPECTED, "LPIPS 0.1 over VGG16 (lin0 to lin4)"],
            Self::SqueezeNet => [squeezenet::EXPECTED, "LPIPS 0.1 over SqueezeNet (lin0 to lin6)"],
        }
    }
}

#[derive(Debug)]
enum Slices {
    Vgg16(vgg16::Slices),
    SqueezeNet(Box<squeezenet::Slices>),
}

/// The similarity on a device.
#[derive(Debug)]
pub struct Lpips {
    slices: Slices,
    /// Weights of the channels, one tensor per slice, [1, C, 1, 1].
    linear: Vec<Tensor<4>>,
    backbone: Backbone,
    device: Device,
    weights: [Weights; 2],
}

impl Lpips {
    /// Loads the weights of the file `network`, classifier included, and the channels' weights of
    /// `linear` onto `device`, which must be without autodiff.
    ///
    /// # Errors
    /// When a file cannot be read or its tensors are not exactly the expected ones.
    pub fn load(
        backbone: Backbone,
        network: &Path,
        linear: &Path,
        device: &Device,
    ) -> Result<Self, WeightsError> {
        let [of_network, of_channels] = backbone.expected();
        let mut network = Taking::open(network, of_network)?;
        let mut channels = Taking::open(linear, of_channels)?;
        network.pass_over("classifier.");
        let lpips = Self::new(backbone, &mut network, &mut channels, device);
        Ok(Self { weights: [network.finish()?, channels.finish()?], ..lpips })
    }

    /// Draws an untrained network, for smoke tests.
    #[must_use]
    pub fn random(backbone: Backbone, seed: u64, device: &Device) -> Self {
        let drawn = || Drawn { network: backbone.name(), seed };
        let weights = [Weights::Random { seed }, Weights::Random { seed }];
        Self { weights, ..Self::new(backbone, &mut drawn(), &mut drawn(), device) }
    }

    /// Builds the network from `network` and `channels`, without recording their origin.
    #[must_use]
    pub fn new(
        backbone: Backbone,
        network: &mut dyn Parameters,
        channels: &mut dyn Parameters,
        device: &Device,
    ) -> Self {
        let linear = |(i, &c): (usize, &usize)| {
            Tensor::from_data(
                channels.tensor(&format!("lin{i}.model.1.weight"), &[1, c, 1, 1]),
                device,
            )
        };
        Self {
            linear: backbone.channels().iter().enumerate().map(linear).collect(),
            slices: match backbone {
                Backbone::Vgg16 => Slices::Vgg16(vgg16::Slices::new(network, device)),
                Backbone::SqueezeNet => {
                    Slices::SqueezeNet(Box::new(squeezenet::Slices::new(network, device)))
                }
            },
            backbone,
            device: device.clone(),
            weights: [Weights::Random { seed: 0 }, Weights::Random { seed: 0 }],
        }
    }

    /// The network whose features are compared.
    #[must_use]
    pub const fn backbone(&self) -> Backbone {
        self.backbone
    }

    /// The origin of the weights of network and channels.
    #[must_use]
    pub const fn weights(&self) -> &[Weights; 2] {
        &self.weights
    }

    /// The distances of the pictures of `a` from those of `b`, pair by pair, after resizing to
    /// `resize` pixels a side: by area if both sides shrink, otherwise bilinearly (torch-fidelity's
    /// PPL: 64).
    ///
    /// # Panics
    /// When `a` and `b` differ in length, or a pair differs in size without `resize`, or has sides
    /// under 32 pixels.
    #[must_use]
    pub fn distance(&self, a: &[RgbPicture], b: &[RgbPicture], resize: Option<usize>) -> Vec<f64> {
        assert_eq!(a.len(), b.len(), "pictures in pairs");
        let size =
            |picture: &RgbPicture| resize.map_or([picture.height, picture.width], |side| [side; 2]);
        let pairs: Vec<(&RgbPicture, &RgbPicture)> = a.iter().zip(b).collect();
        assert!(pairs.iter().all(|(a, b)| size(a) == size(b)), "pairs of one size");
        let alike = pairs.chunk_by(|x, y| size(x.0) == size(y.0));
        let batches = alike.flat_map(|alike| alike.chunks(BATCH));
        let distances = batches.flat_map(|batch| {
            let (a, b): (Vec<&RgbPicture>, Vec<&RgbPicture>) = batch.iter().copied().unzip();
            let [a, b] = [a, b].map(|pictures| self.input(&pictures, size(pictures[0])));
            on_workers(|| self.distances(a, b))
                .into_data()
                .iter::<f32>()
                .map(f64::from)
                .collect::<Vec<_>>()
        });
        distances.collect()
    }

    fn input(&self, pictures: &[&RgbPicture], [height, width]: [usize; 2]) -> Tensor<4> {
        let inputs: Vec<f32> =
            pictures.par_iter().flat_map_iter(|picture| input(picture, [height, width])).collect();
        Tensor::from_data(TensorData::new(inputs, [pictures.len(), 3, height, width]), &self.device)
    }

    /// # Shapes
    /// `a`, `b` [B, 3, H, W] → `[B]`.
    fn distances(&self, a: Tensor<4>, b: Tensor<4>) -> Tensor<1> {
        self.between(&self.features_of_input(a), &self.features_of_input(b))
    }

    /// The features that are compared, of pictures on the scale of 8 bits; gradients reach `x`.
    ///
    /// # Shapes
    /// `x` [B, 3, H, W] in [0, 255], H and W at least 32 → one tensor per slice, [B, Cᵢ, Hᵢ, Wᵢ].
    #[must_use]
    pub fn features(&self, x: Tensor<4>) -> Vec<Tensor<4>> {
        let device = x.device().inner();
        let of_channels = |values: [f32; 3]| {
            Tensor::<4>::from_data(TensorData::new(values.to_vec(), [1, 3, 1, 1]), &device)
        };
        let scales = [0, 1, 2].map(scale);
        let (middles, factors) = (scales.map(|s| s[0]), scales.map(|s| s[1]));
        self.features_of_input((x - of_channels(middles)) * of_channels(factors))
    }

    /// The normalised features of scaled pictures.
    fn features_of_input(&self, x: Tensor<4>) -> Vec<Tensor<4>> {
        let slices = Precision::F32.during(|| match &self.slices {
            Slices::Vgg16(slices) => slices.forward(x),
            Slices::SqueezeNet(slices) => slices.forward(x),
        });
        slices.into_iter().map(normalized).collect()
    }

    /// The distances between features of [`Lpips::features`], picture by picture, `[B]`; one side
    /// may be a single picture.
    #[must_use]
    pub fn between(&self, a: &[Tensor<4>], b: &[Tensor<4>]) -> Tensor<1> {
        let apart = a.iter().zip(b).zip(&self.linear).map(|((a, b), linear)| {
            let difference = a.clone() - b.clone();
            let [batch, _, height, width] = difference.dims();
            let weighted = (difference.clone() * difference * linear.clone()).sum_dim(1); // [B, 1, H, W]
            weighted.reshape([batch, height * width]).mean_dim(1).reshape([batch]) // [B]
        });
        apart.reduce(|all, slice| all + slice).unwrap_or_else(|| Tensor::zeros([0], &self.device))
    }
}

/// Divides the feature of every pixel by its length.
fn normalized(x: Tensor<4>) -> Tensor<4> {
    // The root of 0 has no derivative.
    let length = ((x.clone() * x.clone()).sum_dim(1) + EPSILON * EPSILON).sqrt();
    x / (length + EPSILON)
}

/// The middle level of a channel and the factor of the distance from it.
fn scale(channel: usize) -> [f32; 2] {
    let (shift, spread) = (SHIFT[channel], SPREAD[channel]);
    [(1.0 + shift) * 255.0 / 2.0, 2.0 / (spread * 255.0)]
}

/// The scaled and resized picture [3, height, width].
fn input(picture: &RgbPicture, [height, width]: [usize; 2]) -> Vec<f32> {
    let mut planes = Vec::with_capacity(3 * height * width);
    for channel in 0..SHIFT.len() {
        let [middle, factor] = scale(channel);
        let levels = picture.pixels.iter().skip(channel).step_by(3);
        let plane: Vec<f32> = levels.map(|&level| (f32::from(level) - middle) * factor).collect();
        if [height, width] == [picture.height, picture.width] {
            planes.extend(plane);
        } else if picture.height > height && picture.width > width {
            averaged(&plane, [picture.height, picture.width], [height, width], &mut planes);
        } else {
            interpolated(&plane, [picture.height, picture.width], [height, width], &mut planes);
        }
    }
    planes
}

/// The mean over the area of every output pixel, whole pixels only (`adaptive_avg_pool2d`).
fn averaged(plane: &[f32], [height, width]: [usize; 2], out: [usize; 2], planes: &mut Vec<f32>) {
    let area = |i: usize, n: usize, out: usize| i * n / out..((i + 1) * n).div_ceil(out);
    for y in 0..out[0] {
        for x in 0..out[1] {
            let (rows, columns) = (area(y, height, out[0]), area(x, width, out[1]));
            let sum: f32 =
                rows.clone().flat_map(|row| &plane[row * width..][columns.clone()]).sum();
            planes.push(sum / rows.len() as f32 / columns.len() as f32);
        }
    }
}

/// Bilinear with half-pixel centres, clamped at the border (`interpolate(..,
/// align_corners=False)`).
fn interpolated(
    plane: &[f32],
    [height, width]: [usize; 2],
    out: [usize; 2],
    planes: &mut Vec<f32>,
) {
    let taps = |i: usize, n: usize, out: usize| {
        let at = ((n as f32 / out as f32) * (i as f32 + 0.5) - 0.5).max(0.0);
        let low = (at as usize).min(n - 1);
        (low, (low + 1).min(n - 1), at - low as f32)
    };
    for y in 0..out[0] {
        let (top, bottom, down) = taps(y, height, out[0]);
        for x in 0..out[1] {
            let (left, right, along) = taps(x, width, out[1]);
            let row = |y: usize| {
                (1.0 - along) * plane[y * width + left] + along * plane[y * width + right]
            };
            planes.push((1.0 - down) * row(top) + down * row(bottom));
        }
    }
}
