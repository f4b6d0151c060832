//! Words of the settings of both networks.

use fledge_kernels::{Activation, Padding, Upsample};
use serde::{Deserialize, Serialize};

use crate::range::Range;

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
pub enum BlockName {
    /// One behind the other.
    Plain,
    /// The input, doubled bilinearly or pooled by averages, is added, and the sum multiplied by √½
    /// (Béres 2022, "GAN flavours").
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

impl OutputName {
    /// The activation.
    #[must_use]
    pub fn activation(self) -> Activation {
        match self {
            Self::Sigmoid => Activation::Sigmoid,
            Self::Tanh => Activation::Tanh,
        }
    }

    /// The interval that pixels lie in behind it.
    #[must_use]
    pub fn range(self) -> Range {
        match self {
            Self::Sigmoid => Range::Unit,
            Self::Tanh => Range::Signed,
        }
    }
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
        let stage =
            Self { kernel: number(kernel)?, stride: number(stride)?, padding: number(padding)? };
        if stage.kernel == 0 || stage.stride == 0 || stage.padding >= stage.kernel {
            Err(wrong())
        } else {
            Ok(stage)
        }
    }
}

impl From<Stage> for String {
    fn from(stage: Stage) -> Self {
        format!("k{}s{}p{}", stage.kernel, stage.stride, stage.padding)
    }
}
