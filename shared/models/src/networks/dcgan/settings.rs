//! Enumerated settings of both networks.
//!
//! ```
//! use fledge_models::networks::dcgan::settings::Stage;
//!
//! let stage = Stage::try_from("k7s2p1".to_owned())?;
//! assert_eq!((stage.kernel, stage.stride, stage.padding), (7, 2, 1));
//! # Ok::<(), String>(())
//! ```

use fledge_kernels::{Activation, Padding, Upsample};
use serde::{Deserialize, Serialize};

use crate::range::Range;

/// Normalisation after a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NormName {
    /// None.
    None,
    /// Batch normalisation (Ioffe & Szegedy 2015).
    Batch,
}

/// Axes of the normalisation after the generator's dense layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StemNorm {
    /// Each feature separately, as in Keras' models, which normalise before they reshape.
    Features,
    /// Each channel over all pixels, as after a transposed convolution.
    Channels,
}

/// The connection between blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlockName {
    /// Sequential.
    Plain,
    /// Residual: the input, doubled bilinearly or average-pooled, is added, and the sum multiplied
    /// by √½ (Béres 2022, "GAN flavours").
    Residual,
}

/// The generator's upsampling method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpsampleName {
    /// Transposed convolution of stride 2.
    Transposed,
    /// Nearest-neighbour upsampling, then a convolution.
    Nearest,
    /// Bilinear upsampling, then a convolution.
    Bilinear,
}

impl UpsampleName {
    /// The upsampling before the convolution.
    #[must_use]
    pub fn before(self) -> Option<Upsample> {
        match self {
            Self::Transposed => None,
            Self::Nearest => Some(Upsample::Nearest),
            Self::Bilinear => Some(Upsample::Bilinear),
        }
    }
}

/// Activation of the generator's output.
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

    /// The pixel interval of the activation.
    #[must_use]
    pub fn range(self) -> Range {
        match self {
            Self::Sigmoid => Range::Unit,
            Self::Tanh => Range::Signed,
        }
    }
}

/// Position of D's dropout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DropoutPlace {
    /// Before the last layer.
    Head,
    /// After every activation.
    Blocks,
}

/// One convolution of a plan: kernel, stride, padding on all sides, as in `k7s2p0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Stage {
    /// Height and width of the kernel.
    pub kernel: usize,
    /// Stride.
    pub stride: usize,
    /// Zero padding on each side; cropping of the result if the convolution is transposed.
    pub padding: usize,
}

impl Stage {
    /// The padding in the form that the operations take.
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
