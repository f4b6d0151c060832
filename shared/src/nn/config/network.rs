//! How the networks are built.

use serde::{Deserialize, Serialize};

use super::check;
use crate::cli::UsageError;
use crate::nn::ops::{Padding, Upsample};

/// Activations of hidden layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActivationName {
    /// max(x, 0).
    Relu,
    /// x where it is positive, else `slope`·x.
    LeakyRelu,
    /// x·σ(x), also called swish.
    Silu,
    /// tanh x.
    Tanh,
}

/// What follows a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NormName {
    /// Nothing.
    None,
    /// Batch normalisation (Ioffe & Szegedy 2015).
    Batch,
}

/// Over what the normalisation behind the generator's dense layer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StemNorm {
    /// Each of its values by itself, as in Keras' models, which normalise before they reshape.
    Features,
    /// Each channel over all pixels, as behind a transposed convolution.
    Channels,
}

/// How blocks are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Block {
    /// One behind the other.
    Plain,
    /// The input, doubled bilinearly or pooled by averages, is added, and the sum multiplied by √½ (Béres 2022, "GAN flavours").
    Residual,
}

/// How the generator doubles the extent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpsampleName {
    /// Transposed convolution of stride 2.
    Transposed,
    /// Four copies of each pixel, then a convolution.
    Nearest,
    /// Bilinear interpolation, then a convolution.
    Bilinear,
}

impl UpsampleName {
    /// What stands before the convolution.
    #[must_use]
    pub fn before(self) -> Option<Upsample> {
        match self {
            Self::Transposed => None,
            Self::Nearest => Some(Upsample::Nearest),
            Self::Bilinear => Some(Upsample::Bilinear),
        }
    }
}

/// The generator's last activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutputName {
    /// 1/(1 + e⁻ˣ): pixels in [0, 1].
    Sigmoid,
    /// tanh x: pixels in [−1, 1].
    Tanh,
}

/// In which interval the networks see pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RangeName {
    /// As `generator.output` gives them.
    Auto,
    /// [0, 1].
    Unit,
    /// [−1, 1].
    Signed,
}

/// Where D drops values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DropoutPlace {
    /// Before the last layer.
    Head,
    /// Behind every activation.
    Blocks,
}

/// How latent vectors are distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// N(0, 1) each.
    Normal,
    /// Uniform on [−1, 1] each.
    Uniform,
    /// Uniform on the sphere of radius √size, which normal vectors lie near.
    Sphere,
    /// Normal, drawn again where it lies outside of ±threshold (Brock et al. 2019, "truncation trick").
    Truncated,
    /// max(N(0, 1), 0) (Brock et al. 2019, appendix E).
    Censored,
    /// 0 or 1 with equal chance.
    Bernoulli,
}

impl Distribution {
    /// As settings write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Uniform => "uniform",
            Self::Sphere => "sphere",
            Self::Truncated => "truncated",
            Self::Censored => "censored",
            Self::Bernoulli => "bernoulli",
        }
    }
}

/// One convolution of a plan: kernel, stride, padding on all sides, as in `k7s2p0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Stage {
    /// Height and width of the kernel.
    pub kernel: usize,
    /// Its step.
    pub stride: usize,
    /// Zeros on each side; of a transposed convolution what is cut off.
    pub padding: usize,
}

impl Stage {
    /// The zeros as the operations take them.
    #[must_use]
    pub fn zeros(self) -> Padding {
        Padding::both([self.padding; 2])
    }
}

impl TryFrom<String> for Stage {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("{text}: expected kernel, stride and padding like k7s2p0");
        let rest = text.strip_prefix('k').ok_or_else(wrong)?;
        let (kernel, rest) = rest.split_once('s').ok_or_else(wrong)?;
        let (stride, padding) = rest.split_once('p').ok_or_else(wrong)?;
        let number = |part: &str| part.parse::<usize>().ok().filter(|n| *n <= 16).ok_or_else(wrong);
        let stage = Self { kernel: number(kernel)?, stride: number(stride)?, padding: number(padding)? };
        if stage.kernel == 0 || stage.stride == 0 || stage.padding >= stage.kernel { Err(wrong()) } else { Ok(stage) }
    }
}

impl From<Stage> for String {
    fn from(stage: Stage) -> Self {
        format!("k{}s{}p{}", stage.kernel, stage.stride, stage.padding)
    }
}

/// How weights are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InitializerName {
    /// Uniform on ±√(6/(fan in + fan out)).
    Glorot,
    /// N(0, std²).
    Normal,
    /// Orthogonal rows of length `gain`.
    Orthogonal,
}

/// How weights are drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InitializerConfig {
    /// The distribution.
    pub name: InitializerName,
    /// Standard deviation of `normal`.
    pub std: f64,
    /// Length of the rows of `orthogonal`.
    pub gain: f64,
}

impl Default for InitializerConfig {
    /// Keras' default.
    fn default() -> Self {
        Self { name: InitializerName::Glorot, std: 0.02, gain: 1.0 }
    }
}

/// Constants of every BatchNorm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BatchNormConfig {
    /// Whether normalised values are multiplied by a trained gamma.
    pub scale: bool,
    /// Standard deviation of gamma around 1 at the start.
    pub scale_std: f64,
    /// Share of the running value that each batch leaves, as Keras counts it (PyTorch's 0.1 is 0.9 here).
    pub momentum: f64,
    /// Added to the variance.
    pub epsilon: f64,
    /// Whether the running variance is the unbiased one (PyTorch) or the biased one (Keras).
    pub unbiased: bool,
}

impl Default for BatchNormConfig {
    /// Keras' constants, without gamma.
    fn default() -> Self {
        Self { scale: false, scale_std: 0.0, momentum: 0.99, epsilon: 1e-3, unbiased: false }
    }
}

impl BatchNormConfig {
    /// # Errors
    /// When a value makes no sense.
    pub fn validate(&self) -> Result<(), UsageError> {
        check::share(self.momentum, "batch_norm.momentum")?;
        check::above_zero(self.epsilon, "batch_norm.epsilon")?;
        check::amount(self.scale_std, "batch_norm.scale_std")
    }
}

impl InitializerConfig {
    /// # Errors
    /// When a value makes no sense.
    pub fn validate(&self) -> Result<(), UsageError> {
        check::above_zero(self.std, "initializer.std")?;
        check::above_zero(self.gain, "initializer.gain")
    }
}
