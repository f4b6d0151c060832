//! LPIPS, the learned similarity of pictures (Zhang et al. 2018, arXiv:1801.03924), version 0.1: how far apart the normalised
//! features of two pictures are in every slice of a network, weighted by channel, averaged over the picture.
//!
//! As torch-fidelity's `SampleSimilarityLPIPS` (with VGG16, that of PPL) and the package `lpips` (both networks) compute it. The
//! channels' weights are `v0.1/vgg.pth` and `v0.1/squeeze.pth` of richzhang/PerceptualSimilarity, the networks torchvision's.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;
use shared::metrics::network::Weights;
use shared::metrics::resize::RgbPicture;
use shared::metrics::state_dict::{Taking, WeightsError};
use shared::nn::device::on_workers;

use super::parameters::{Drawn, Parameters};
use super::{squeezenet, vgg16};

/// Pairs in one pass.
const BATCH: usize = 16;
/// Keeps the length of a feature away from 0.
const EPSILON: f64 = 1e-10;
/// Shift of red, green and blue on the scale from −1 to 1 (`ScalingLayer`).
const SHIFT: [f32; 3] = [-0.030, -0.088, -0.188];
/// Their spread on the same scale.
const SPREAD: [f32; 3] = [0.458, 0.448, 0.450];

/// Whose features are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// VGG16, five slices: that of PPL.
    Vgg16,
    /// SqueezeNet 1.1, seven slices.
    SqueezeNet,
}

impl Kind {
    /// Its name; torch-fidelity's for VGG16.
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

    /// For errors: what the file of the network holds, and that of the channels' weights.
    const fn expected(self) -> [&'static str; 2] {
        match self {
            Self::Vgg16 => [vgg16::EXPECTED, "LPIPS 0.1 over VGG16 (lin0 to lin4)"],
            Self::SqueezeNet => [squeezenet::EXPECTED, "LPIPS 0.1 over SqueezeNet (lin0 to lin6)"],
        }
    }
}

#[derive(Debug)]
enum Backbone {
    Vgg16(vgg16::Slices),
    SqueezeNet(Box<squeezenet::Slices>),
}

/// The similarity on a device.
#[derive(Debug)]
pub struct Lpips {
    backbone: Backbone,
    /// One a slice, [1, C, 1, 1].
    linear: Vec<Tensor<4>>,
    kind: Kind,
    device: Device,
    weights: [Weights; 2],
}

impl Lpips {
    /// Reads the network of `backbone`, a file with its classifier, and the channels' weights of `linear` onto `device`, which must
    /// be without autodiff.
    ///
    /// # Errors
    /// When a file cannot be read or its tensors are not exactly those that are expected.
    pub fn load(kind: Kind, backbone: &Path, linear: &Path, device: &Device) -> Result<Self, WeightsError> {
        let [network, channels] = kind.expected();
        let (mut network, mut channels) = (Taking::open(backbone, network)?, Taking::open(linear, channels)?);
        network.pass_over("classifier.");
        let lpips = Self::new(kind, &mut network, &mut channels, device);
        Ok(Self { weights: [network.finish()?, channels.finish()?], ..lpips })
    }

    /// Untrained, for smoke runs.
    #[must_use]
    pub fn random(kind: Kind, seed: u64, device: &Device) -> Self {
        let drawn = || Drawn { network: kind.name(), seed };
        let weights = [Weights::Random { seed }, Weights::Random { seed }];
        Self { weights, ..Self::new(kind, &mut drawn(), &mut drawn(), device) }
    }

    /// With weights that say nothing of where they come from.
    pub(super) fn new(kind: Kind, network: &mut dyn Parameters, channels: &mut dyn Parameters, device: &Device) -> Self {
        let linear = |(i, &c): (usize, &usize)| {
            Tensor::from_data(channels.tensor(&format!("lin{i}.model.1.weight"), &[1, c, 1, 1]), device)
        };
        Self {
            linear: kind.channels().iter().enumerate().map(linear).collect(),
            backbone: match kind {
                Kind::Vgg16 => Backbone::Vgg16(vgg16::Slices::new(network, device)),
                Kind::SqueezeNet => Backbone::SqueezeNet(Box::new(squeezenet::Slices::new(network, device))),
            },
            kind,
            device: device.clone(),
            weights: [Weights::Random { seed: 0 }, Weights::Random { seed: 0 }],
        }
    }

    /// Whose features it compares.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Which numbers the network and the channels have.
    #[must_use]
    pub const fn weights(&self) -> &[Weights; 2] {
        &self.weights
    }

    /// The distances of the pictures of `a` from those of `b`, pair by pair, after resizing to `resize` pixels a side: by area where
    /// both sides are longer, else bilinearly (torch-fidelity's PPL: 64).
    ///
    /// # Panics
    /// When `a` and `b` are not equally many, or a pair differs in size and is not resized, or has sides under 32 pixels.
    #[must_use]
    pub fn distance(&self, a: &[RgbPicture], b: &[RgbPicture], resize: Option<usize>) -> Vec<f64> {
        assert_eq!(a.len(), b.len(), "pictures in pairs");
        let size = |picture: &RgbPicture| resize.map_or([picture.height, picture.width], |side| [side; 2]);
        let pairs: Vec<(&RgbPicture, &RgbPicture)> = a.iter().zip(b).collect();
        assert!(pairs.iter().all(|(a, b)| size(a) == size(b)), "pairs of one size");
        let alike = pairs.chunk_by(|x, y| size(x.0) == size(y.0));
        let batches = alike.flat_map(|alike| alike.chunks(BATCH));
        let distances = batches.flat_map(|batch| {
            let (a, b): (Vec<&RgbPicture>, Vec<&RgbPicture>) = batch.iter().copied().unzip();
            let [a, b] = [a, b].map(|pictures| self.input(&pictures, size(pictures[0])));
            on_workers(|| self.distances(a, b)).into_data().iter::<f32>().map(f64::from).collect::<Vec<_>>()
        });
        distances.collect()
    }

    fn input(&self, pictures: &[&RgbPicture], [height, width]: [usize; 2]) -> Tensor<4> {
        let inputs: Vec<f32> = pictures.par_iter().flat_map_iter(|picture| input(picture, [height, width])).collect();
        Tensor::from_data(TensorData::new(inputs, [pictures.len(), 3, height, width]), &self.device)
    }

    /// # Shapes
    /// `a` and `b` [B, 3, H, W]; gives `[B]`.
    fn distances(&self, a: Tensor<4>, b: Tensor<4>) -> Tensor<1> {
        let slices = |x| match &self.backbone {
            Backbone::Vgg16(slices) => slices.forward(x),
            Backbone::SqueezeNet(slices) => slices.forward(x),
        };
        let apart = slices(a).into_iter().zip(slices(b)).zip(&self.linear).map(|((a, b), linear)| {
            let [batch, _, height, width] = a.dims();
            let difference = normalized(a) - normalized(b);
            let weighted = (difference.clone() * difference * linear.clone()).sum_dim(1); // [B, 1, H, W]
            weighted.reshape([batch, height * width]).mean_dim(1).reshape([batch]) // [B]
        });
        apart.reduce(|all, slice| all + slice).unwrap_or_else(|| Tensor::zeros([0], &self.device))
    }
}

/// Every pixel's feature divided by its length.
fn normalized(x: Tensor<4>) -> Tensor<4> {
    let length = (x.clone() * x.clone()).sum_dim(1).sqrt();
    x / (length + EPSILON)
}

/// The scaled and resized picture [3, height, width].
fn input(picture: &RgbPicture, [height, width]: [usize; 2]) -> Vec<f32> {
    let mut planes = Vec::with_capacity(3 * height * width);
    for (channel, (shift, spread)) in SHIFT.into_iter().zip(SPREAD).enumerate() {
        let (middle, factor) = ((1.0 + shift) * 255.0 / 2.0, 2.0 / (spread * 255.0));
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
            let sum: f32 = rows.clone().flat_map(|row| &plane[row * width..][columns.clone()]).sum();
            planes.push(sum / rows.len() as f32 / columns.len() as f32);
        }
    }
}

/// Bilinear with half-pixel centres, clamped at the border (`interpolate(.., align_corners=False)`).
fn interpolated(plane: &[f32], [height, width]: [usize; 2], out: [usize; 2], planes: &mut Vec<f32>) {
    let taps = |i: usize, n: usize, out: usize| {
        let at = ((n as f32 / out as f32) * (i as f32 + 0.5) - 0.5).max(0.0);
        let low = (at as usize).min(n - 1);
        (low, (low + 1).min(n - 1), at - low as f32)
    };
    for y in 0..out[0] {
        let (top, bottom, down) = taps(y, height, out[0]);
        for x in 0..out[1] {
            let (left, right, along) = taps(x, width, out[1]);
            let row = |y: usize| (1.0 - along) * plane[y * width + left] + along * plane[y * width + right];
            planes.push((1.0 - down) * row(top) + down * row(bottom));
        }
    }
}
