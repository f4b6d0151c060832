//! Inputs and outputs of networks, common to all families.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use fledge_models::networks::Input;
//!
//! let input = Input::from(Tensor::<2>::zeros([2, 64], &Device::flex()));
//! assert!(matches!(input, Input::Latent(_)));
//! ```

use burn::tensor::Tensor;
use fledge_base::cli::UsageError;

use crate::dual::Dual;
use crate::latent::Latents;

/// The input of a generator. Classes and masks belong to the pass.
#[derive(Clone, Debug)]
pub enum Input {
    /// Latent vectors z, [B, latent].
    Latent(Dual<2>),
    /// A w for each layer of a style-based generator, [B, layers, styles].
    Styles(Dual<3>),
    /// Pictures to translate, [B, C, size, size].
    Picture(Dual<4>),
}

impl From<Tensor<2>> for Input {
    fn from(z: Tensor<2>) -> Self {
        Self::Latent(z.into())
    }
}

impl From<Tensor<3>> for Input {
    fn from(ws: Tensor<3>) -> Self {
        Self::Styles(ws.into())
    }
}

impl From<Tensor<4>> for Input {
    fn from(x: Tensor<4>) -> Self {
        Self::Picture(x.into())
    }
}

/// The kind of input that a generator takes; commands check it before they draw one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Takes {
    /// Latent vectors.
    Latents(Latents),
    /// Pictures of the size and number of channels that it makes.
    Pictures,
}

impl Takes {
    /// The latent vectors.
    ///
    /// # Errors
    /// If it takes pictures.
    pub fn latents(self) -> Result<Latents, UsageError> {
        match self {
            Self::Latents(latents) => Ok(latents),
            Self::Pictures => Err(UsageError(
                "the generator of this run translates pictures and has no latent vectors: `sample translate` shows what it makes"
                    .into(),
            )),
        }
    }
}

/// What a generator asks of the pictures that it translates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sources {
    /// Height and width must be multiples of it, in pixels.
    pub multiple: usize,
    /// It has BatchNorm, which normalises by a picture's own statistics or by the running ones.
    pub batch_norm: bool,
    /// It has dropout.
    pub dropout: bool,
}

/// The output of a discriminator for a batch.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// [B, 1], or [B, patches] of a discriminator that judges patches.
    pub logits: Tensor<2>,
    /// Derivative of the logits along a direction in the pictures, of their shape.
    pub tangent: Option<Tensor<2>>,
    /// Class logits of an auxiliary classifier, [B, classes].
    pub classes: Option<Tensor<2>>,
}
