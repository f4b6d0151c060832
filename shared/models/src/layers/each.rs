//! Normalisation of a translator's features: of every picture by itself (Ulyanov et al. 2016,
//! "Instance normalization", arXiv:1607.08022), or of the whole batch.

use burn::tensor::Tensor;
use fledge_kernels as ops;
use fledge_kernels::collective::Member;
use serde::{Deserialize, Serialize};

use super::act::Activator;
use super::layer::Layer;
use super::norm::BatchNorm;
use super::pass::{Mode, Pass};
use crate::dual::Dual;
use crate::init::Maker;
use crate::parameter::{Parameter, Parameters, Purpose, parameters};

/// Added to the variance, as in PyTorch.
pub(crate) const EPSILON: f32 = 1e-5;

/// The normalisation of a translator's features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeatureNormName {
    /// None.
    None,
    /// Of the batch; see `[batch_norm]`.
    Batch,
    /// Of every picture, without parameters.
    Instance,
    /// Of every picture, with a scale and a shift for each channel.
    InstanceAffine,
}

impl FeatureNormName {
    /// Returns true if it ends in a trained shift, which makes the bias of the convolution before it
    /// redundant.
    #[must_use]
    pub fn shifts(self) -> bool {
        matches!(self, Self::Batch | Self::InstanceAffine)
    }
}

/// Instance normalisation.
#[derive(Clone, Debug)]
pub struct InstanceNorm {
    /// Scale of the normalised values, `[C]`; `None`: ones.
    pub gamma: Option<Parameter>,
    /// Shift added afterwards, `[C]`; `None`: zeros.
    pub beta: Option<Parameter>,
    ones: Tensor<1>,
    zeros: Tensor<1>,
}

parameters!(InstanceNorm { gamma, beta });

impl InstanceNorm {
    /// Creates the layer for `channels`; with `affine`, a scale of 1 and a shift of 0 are trained.
    #[must_use]
    pub fn new(channels: usize, affine: bool, maker: &Maker<'_>) -> Self {
        let filled = |value| affine.then(|| maker.filled(value, &[channels], Purpose::Weight));
        Self {
            gamma: filled(1.0),
            beta: filled(0.0),
            ones: Tensor::ones([channels], maker.device),
            zeros: Tensor::zeros([channels], maker.device),
        }
    }

    /// Number of channels.
    pub(crate) fn channels(&self) -> usize {
        self.ones.dims()[0]
    }

    /// # Shapes
    /// `x` [B, C, H, W] gives the same.
    ///
    /// # Panics
    /// If a picture is a single pixel, which would become 0.
    #[must_use]
    pub fn forward(&self, x: Dual<4>, activator: Activator) -> Dual<4> {
        let row = |parameter: &Option<Parameter>, otherwise: &Tensor<1>| {
            parameter.as_ref().map_or_else(|| otherwise.clone(), Parameter::flat)
        };
        let parts = [row(&self.gamma, &self.ones), row(&self.beta, &self.zeros)];
        normalized(x, parts, EPSILON, activator)
    }
}

/// Every picture normalised by itself, scaled, shifted and activated.
pub(crate) fn normalized(
    x: Dual<4>,
    [gamma, beta]: [Tensor<1>; 2],
    epsilon: f32,
    activator: Activator,
) -> Dual<4> {
    let [_, channels, height, width] = x.dims();
    assert!(height * width > 1, "instance normalisation of a single pixel");
    let (x, t) = x.parts();
    let through =
        |slope| ops::normalize_each(x.clone(), gamma.clone(), beta.clone(), epsilon, slope);
    let Some(t) = t else {
        return match activator.leaky_slope() {
            Some(slope) => through(slope).into(),
            None => activator.forward(through(1.0)).into(),
        };
    };
    // t' = γ/σ·(t − E[t] − x̂·E[x̂·t]) with x̂ = (x − μ)/σ, over each picture.
    let mean = |x: Tensor<4>| x.mean_dim(3).mean_dim(2); // [B, C, 1, 1]
    let centred = x.clone() - mean(x.clone());
    let deviation = (mean(centred.clone().square()) + epsilon).sqrt();
    let normal = centred / deviation.clone();
    let pulled = normal.clone() * mean(normal * t.clone());
    let scale = gamma.clone().reshape([1, channels, 1, 1]);
    let t = (t.clone() - mean(t) - pulled) * scale / deviation;
    let (y, t) = activator.tangent(through(1.0), t);
    Dual::along(y, t)
}

/// The normalisation behind a convolution, if any.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a network has some dozens of them")]
pub enum FeatureNorm {
    /// None.
    None,
    /// Of the batch.
    Batch(BatchNorm),
    /// Of every picture.
    Instance(InstanceNorm),
}

impl FeatureNorm {
    /// Creates the normalisation `name` for `channels`.
    #[must_use]
    pub fn new(kind: FeatureNormName, channels: usize, name: &str, maker: &Maker<'_>) -> Self {
        match kind {
            FeatureNormName::None => Self::None,
            FeatureNormName::Batch => Self::Batch(BatchNorm::new(channels, None, name, maker)),
            FeatureNormName::Instance => Self::Instance(InstanceNorm::new(channels, false, maker)),
            FeatureNormName::InstanceAffine => {
                Self::Instance(InstanceNorm::new(channels, true, maker))
            }
        }
    }

    /// Normalises and activates. A normalisation of the batch takes each picture by itself in
    /// inference, or all by the running statistics: see [`Pass::running`].
    ///
    /// # Shapes
    /// `x` [B, C, H, W] gives the same.
    #[must_use]
    pub fn forward(&self, x: Dual<4>, activator: Activator, pass: &mut Pass<'_>) -> Dual<4> {
        match self {
            Self::None => x.through(&activator),
            Self::Instance(norm) => norm.forward(x, activator),
            Self::Batch(norm) if pass.mode == Mode::Infer && !pass.running => {
                normalized(x, norm.affine(), norm.epsilon(), activator)
            }
            Self::Batch(norm) => match x.parts() {
                (x, None) => norm.forward(x, activator, pass).into(),
                (x, Some(t)) => {
                    let t = norm.tangent(x.clone(), t, pass);
                    let (y, t) = activator.tangent(norm.forward(x, Activator::NONE, pass), t);
                    Dual::along(y, t)
                }
            },
        }
    }

    /// Enables synchronised BatchNorm; every member must make the same passes.
    pub fn synchronize(&mut self, member: &Member) {
        if let Self::Batch(norm) = self {
            norm.synchronize(member);
        }
    }
}

impl Parameters for FeatureNorm {
    fn collect<'a>(&'a self, prefix: &str, list: &mut Vec<(String, &'a Parameter)>) {
        match self {
            Self::None => {}
            Self::Batch(norm) => norm.collect(prefix, list),
            Self::Instance(norm) => norm.collect(prefix, list),
        }
    }

    fn collect_mut<'a>(&'a mut self, prefix: &str, list: &mut Vec<(String, &'a mut Parameter)>) {
        match self {
            Self::None => {}
            Self::Batch(norm) => norm.collect_mut(prefix, list),
            Self::Instance(norm) => norm.collect_mut(prefix, list),
        }
    }
}
