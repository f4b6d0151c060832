//! One batch on its way through the networks: the pictures and their random numbers.

use std::fmt;

use burn::tensor::{Device, Tensor, TensorData};
use shared::nn::latent::{self, Latents};
use shared::nn::layers::{Classes, Masks};
use shared::rng::{self, Stream};

/// Real pictures, with their classes if the networks are conditional.
#[derive(Clone, Debug)]
pub struct Batch {
    /// [B, C, H, W] in the networks' range of pixels: what D is shown as real, the targets of a
    /// translation.
    pub real: Tensor<4>,
    /// [B, C, H, W]: pictures to translate, if the task takes any.
    pub source: Option<Tensor<4>>,
    /// One per picture.
    pub classes: Option<Vec<u32>>,
    /// Latents [B, latent] to use instead of drawn ones, for comparing two implementations.
    pub latents: Option<Tensor<2>>,
}

/// Where the pictures that D judges come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The data set.
    Real,
    /// The generator.
    Generated,
}

impl fmt::Display for Origin {
    /// The word in the purposes of random streams.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Real => "real",
            Self::Generated => "generated",
        })
    }
}

/// The network whose update a batch is for. Each has its own streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// D, or both networks at once.
    Discriminator,
    /// G, if it does not move together with D.
    Generator,
    /// D, for its penalty alone.
    DiscriminatorPenalty,
    /// G, for its penalty alone.
    GeneratorPenalty,
}

impl Whose {
    /// What is appended to the purposes of its random streams.
    fn suffix(self) -> &'static str {
        match self {
            Self::Discriminator => "",
            Self::Generator => ", generator's turn",
            Self::DiscriminatorPenalty => ", discriminator's penalty",
            Self::GeneratorPenalty => ", generator's penalty",
        }
    }
}

/// A batch, or a part of one, in one update.
#[derive(Clone, Debug)]
pub struct Turn {
    /// [B, C, H, W].
    pub real: Tensor<4>,
    /// [B, C, H, W]; `None` for tasks that translate nothing.
    source: Option<Tensor<4>>,
    /// The classes of the real pictures, used for the generated ones too.
    pub classes: Option<Classes>,
    /// [B, latent]; `None` for generators without latents.
    latents: Option<Tensor<2>>,
    seed: u64,
    whose: Whose,
    index: u64,
}

impl Turn {
    /// The `index`-th part of a batch, counted over the whole run, for the update of `whose`; draws
    /// its latents if the generator takes any.
    #[must_use]
    pub fn new(
        batch: &Batch,
        seed: u64,
        whose: Whose,
        index: u64,
        latents: Option<&Latents>,
        device: &Device,
    ) -> Self {
        let count = batch.real.dims()[0];
        let classes = batch.classes.as_ref().map(|c| Classes::new(c, device));
        let (real, source) = (batch.real.clone(), batch.source.clone());
        let mut turn = Self { real, source, latents: None, classes, seed, whose, index };
        turn.latents = latents.map(|latents| {
            batch.latents.clone().unwrap_or_else(|| {
                let z = latent::draw(latents, count, &mut turn.stream("training latents"));
                Tensor::from_data(TensorData::new(z, [count, latents.length]), device)
            })
        });
        turn
    }

    /// The latents, [B, latent].
    ///
    /// # Panics
    /// If the generator takes none: a task knows what its generators take.
    #[must_use]
    pub fn latents(&self) -> Tensor<2> {
        self.latents
            .clone()
            .unwrap_or_else(|| unreachable!("the latents of a generator that takes none"))
    }

    /// The pictures to translate, [B, C, H, W].
    ///
    /// # Panics
    /// If the batch has none: a task knows what it is fed.
    #[must_use]
    pub fn source(&self) -> Tensor<4> {
        let source = self.source.clone();
        source.unwrap_or_else(|| unreachable!("the sources of a task that translates nothing"))
    }

    /// The first half of the pictures, at least one, with the same random streams.
    #[must_use]
    pub fn half(&self) -> Self {
        let count = (self.real.dims()[0] / 2).max(1);
        Self {
            real: self.real.clone().narrow(0, 0, count),
            source: self.source.clone().map(|x| x.narrow(0, 0, count)),
            classes: self.classes.as_ref().map(|classes| classes.first(count)),
            latents: self.latents.clone().map(|z| z.narrow(0, 0, count)),
            ..*self
        }
    }

    /// Random numbers for `purpose` in this turn.
    #[must_use]
    pub fn stream(&self, purpose: &str) -> Stream {
        rng::stream(self.seed, &format!("{purpose}{}", self.whose.suffix()), self.index)
    }

    /// Dropout masks for `purpose`, the same on every call.
    #[must_use]
    pub fn masks(&self, purpose: &str) -> Masks {
        Masks::Batch(Box::new(self.stream(&format!("dropout {purpose}"))))
    }
}

impl Batch {
    /// Splits the batch into `parts` of equal size.
    #[must_use]
    pub fn split(&self, parts: usize) -> Vec<Self> {
        if parts == 1 {
            return vec![self.clone()];
        }
        let size = self.real.dims()[0] / parts;
        let part = |i: usize| Self {
            real: self.real.clone().narrow(0, i * size, size),
            source: self.source.clone().map(|x| x.narrow(0, i * size, size)),
            classes: self.classes.as_ref().map(|c| c[i * size..][..size].to_vec()),
            latents: self.latents.clone().map(|z| z.narrow(0, i * size, size)),
        };
        (0..parts).map(part).collect()
    }
}
