//! What goes into networks and what comes out, whatever their family.

use burn::tensor::Tensor;
use fledge_base::cli::UsageError;

use crate::dual::Dual;
use crate::latent::Latents;

/// What a generator makes pictures of. Classes and masks come with the pass.
#[derive(Clone, Debug)]
pub enum Input {
    /// Latent vectors z, [B, latent].
    Latent(Dual<2>),
    /// Pictures to translate, [B, C, size, size].
    Picture(Dual<4>),
}

impl From<Tensor<2>> for Input {
    fn from(z: Tensor<2>) -> Self {
        Self::Latent(z.into())
    }
}

impl From<Tensor<4>> for Input {
    fn from(x: Tensor<4>) -> Self {
        Self::Picture(x.into())
    }
}

/// Which input a generator takes: commands ask before they draw one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Takes {
    /// Latent vectors.
    Latents(Latents),
    /// Pictures of the size and channels that it makes.
    Pictures,
}

impl Takes {
    /// The latent vectors it takes.
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

/// What a discriminator says of a batch.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// [B, 1].
    pub logits: Tensor<2>,
    /// How a direction in the pictures changes them, [B, 1].
    pub tangent: Option<Tensor<2>>,
    /// Logits of the classes, [B, classes], of an auxiliary classifier.
    pub classes: Option<Tensor<2>>,
}
