//! The distance from a target that a projection lowers, by the best network whose weights are there.

use std::path::{Path, PathBuf};

use anyhow::Result;
use burn::tensor::{Device, Tensor};
use clap::ValueEnum;
use shared::cli::{DataError, UsageError, one_line};
use shared::metrics::inception::Inception;
use shared::metrics::lpips::{Backbone, Lpips};
use shared::metrics::state_dict::WeightsError;
use shared::metrics::weights::{INCEPTION, LPIPS_VGG, Published, VGG16};
use shared::nn::ops::{self, Upsample};

/// Extents above this are averaged down to it first, as in `projector.py`.
const LARGEST: usize = 256;
/// The extent of the pyramid's last level.
const SMALLEST: usize = 4;
/// The smallest pictures that the Inception takes.
const INCEPTION_LEAST: usize = 75;
/// The smallest pictures that VGG16's last slice takes without losing most of them.
const LPIPS_LEAST: usize = 32;

/// A distance by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DistanceName {
    /// LPIPS over VGG16
    Lpips,
    /// Features of the FID Inception
    Inception,
    /// Pixels at several extents
    Pyramid,
}

/// A distance, ready to be computed.
#[derive(Debug)]
pub enum Distances {
    /// Learned perceptual similarity (Zhang et al. 2018, arXiv:1801.03924), as in `projector.py`.
    Lpips(Box<Lpips>),
    /// The squared distance between normalised features at three depths of the Inception.
    Inception(Box<Inception>),
    /// The mean squared difference of pixels at every extent of a box pyramid, in units of half the
    /// range of values.
    Pyramid,
}

impl Distances {
    /// The distance `name`, or the first whose weights are there, with the weights of the flags
    /// `NAME=FILE`, on `device`.
    ///
    /// # Errors
    /// When a flag is not understood, or weights that were asked for are missing or unusable.
    pub fn open(name: Option<DistanceName>, flags: &[String], device: &Device) -> Result<Self> {
        let given: Vec<(&str, PathBuf)> =
            flags.iter().map(|flag| parsed(flag)).collect::<Result<_, _>>()?;
        let of = |published: &Published| {
            let chosen = given.iter().rev().find(|(name, _)| *name == published.name);
            chosen.map_or_else(|| published.find(), |(_, path)| Ok(path.clone()))
        };
        let lpips = || -> Result<Self> {
            let [network, linear] = [of(&VGG16)?, of(&LPIPS_VGG)?];
            let lpips = Lpips::load(Backbone::Vgg16, &network, &linear, device);
            Ok(Self::Lpips(Box::new(lpips.map_err(unusable)?)))
        };
        let inception = || -> Result<Self> {
            let network = Inception::load(&of(&INCEPTION)?, device);
            Ok(Self::Inception(Box::new(network.map_err(unusable)?)))
        };
        match name {
            Some(DistanceName::Lpips) => lpips(),
            Some(DistanceName::Inception) => inception(),
            Some(DistanceName::Pyramid) => Ok(Self::Pyramid),
            // A flag of weights asks for its network.
            None if [&VGG16, &LPIPS_VGG].iter().all(|file| of(file).is_ok())
                || given.iter().any(|(name, _)| *name != INCEPTION.name) =>
            {
                lpips()
            }
            None if of(&INCEPTION).is_ok() => inception(),
            None => Ok(Self::Pyramid),
        }
    }

    /// Its name in reports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Lpips(_) => "lpips-vgg16",
            Self::Inception(_) => "inception-features",
            Self::Pyramid => "pixel-pyramid",
        }
    }

    /// What is compared of pictures; gradients reach `x`.
    ///
    /// # Shapes
    /// `x` [B, 1 or 3, H, W] in [0, 255] gives tensors [B, C, H, W] of several extents.
    #[must_use]
    pub fn features(&self, x: Tensor<4>) -> Vec<Tensor<4>> {
        let mut x = x;
        while x.dims()[2] > LARGEST {
            x = ops::average_pool2(x);
        }
        let grown = |mut x: Tensor<4>, least: usize| {
            if x.dims()[1] == 1 {
                x = x.repeat_dim(1, 3);
            }
            while x.dims()[2] < least {
                x = ops::upsample2(x, Upsample::Bilinear);
            }
            x
        };
        match self {
            Self::Lpips(lpips) => lpips.features(grown(x, LPIPS_LEAST)),
            Self::Inception(network) => network.maps((grown(x, INCEPTION_LEAST) - 128.0) / 128.0),
            Self::Pyramid => {
                let mut levels = vec![x / 127.5];
                while let Some(last) = levels.last().filter(|last| last.dims()[2] > SMALLEST) {
                    levels.push(ops::average_pool2(last.clone()));
                }
                levels
            }
        }
    }

    /// The distance between the features of two pictures, `[1]`.
    #[must_use]
    pub fn between(&self, a: &[Tensor<4>], b: &[Tensor<4>]) -> Tensor<1> {
        if let Self::Lpips(lpips) = self {
            return lpips.between(a, b);
        }
        let apart = a.iter().zip(b).map(|(a, b)| {
            let squares = (a.clone() - b.clone()).square();
            match self {
                // Features of a pixel have length 1.
                Self::Inception(_) => squares.sum_dim(1).mean(),
                _ => squares.mean(),
            }
        });
        apart.reduce(|all, level| all + level).unwrap_or_else(|| unreachable!("several levels"))
    }
}

/// `NAME=FILE`.
fn parsed(flag: &str) -> Result<(&str, PathBuf), UsageError> {
    let names = [VGG16.name, LPIPS_VGG.name, INCEPTION.name];
    match flag.split_once('=') {
        Some((name, path)) if names.contains(&name) => Ok((name, Path::new(path).to_owned())),
        _ => Err(UsageError(format!(
            "--weights {flag}: expected NAME=FILE with one of the names {}",
            names.join(", ")
        ))),
    }
}

/// The error of a weights file, with the exit code of unusable data.
fn unusable(error: WeightsError) -> anyhow::Error {
    match error {
        WeightsError::File(error) => error.into(),
        damaged => DataError(one_line(&damaged)).into(),
    }
}
