//! The discriminator (the critic, in Wasserstein terms): downsampling convolutions, then one logit.
//!
//! ```
//! use fledge_models::networks::dcgan::DiscriminatorConfig;
//!
//! assert_eq!(DiscriminatorConfig::default().extents(32), [32, 16, 8, 4]);
//! ```

use burn::tensor::Tensor;
use fledge_kernels::collective::Member;
use serde::{Deserialize, Serialize};

use super::block::{BlockConfig, Chain, ConvBlock};
use super::generator::doublings;
use super::settings::{BlockName, DropoutPlace, NormName, Stage};
use crate::dual::Dual;
use crate::layers::{ActivationName, Activator, ConvConfig, Linear, MinibatchStddev, Pass};
use crate::networks::blueprint::Blueprint;
use crate::networks::cond::CondDiscriminator;
use crate::networks::interface::Judgement;
use crate::parameter::{Parameters, parameters};

/// Configuration of a discriminator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiscriminatorConfig {
    /// Base number of channels, scaled by `multipliers`.
    pub width: usize,
    /// Channel multiplier after each convolution; the last one is used for all that follow.
    pub multipliers: Vec<usize>,
    /// Height and width of the last features.
    pub base: usize,
    /// The convolutions one by one, such as k7s2p1; empty: as many halvings as the size needs.
    pub plan: Vec<Stage>,
    /// Kernel size of the halvings.
    pub kernel: usize,
    /// Plain or residual.
    pub block: BlockName,
    /// Normalisation after each convolution.
    pub norm: NormName,
    /// Whether the first convolution is normalised, too.
    pub norm_first: bool,
    /// Whether weights are divided by their spectral norm.
    pub spectral_norm: bool,
    /// Extent at which self-attention is inserted; 0 = none.
    pub attention: usize,
    /// Activation of the hidden layers.
    pub activation: ActivationName,
    /// Slope of the leaky ReLU below zero.
    pub slope: f64,
    /// Whether convolutions have biases; those of residual blocks always have.
    pub bias: bool,
    /// Group size of the minibatch standard deviation, an extra channel of the last features; 0 =
    /// none.
    pub minibatch_stddev: usize,
    /// Dropout rate in training.
    pub dropout: f64,
    /// Position of dropout.
    pub dropout_at: DropoutPlace,
    /// Number of blocks, from the picture on, whose weights are frozen (Mo et al. 2020, "Freeze the
    /// Discriminator", arXiv:2002.10964). Their running statistics and power iterations still
    /// advance.
    pub freeze: usize,
}

impl Default for DiscriminatorConfig {
    /// The DCGAN of Keras: the baseline that presets modify, and the default of keys missing from
    /// older files.
    fn default() -> Self {
        Self {
            width: 128,
            multipliers: vec![1],
            base: 4,
            plan: Vec::new(),
            kernel: 4,
            block: BlockName::Plain,
            norm: NormName::Batch,
            norm_first: true,
            spectral_norm: false,
            attention: 0,
            activation: ActivationName::LeakyRelu,
            slope: 0.2,
            bias: false,
            minibatch_stddev: 0,
            dropout: 0.0,
            dropout_at: DropoutPlace::Head,
            freeze: 0,
        }
    }
}

/// Picture → logit, positive for pictures judged real.
#[derive(Clone, Debug)]
pub struct Discriminator {
    /// The blocks.
    pub down: Vec<ConvBlock>,
    /// Features → logit.
    pub head: Linear,
    /// Class embeddings in feature space, [classes, features].
    pub projection: Option<Linear>,
    /// Features → logits of the classes.
    pub auxiliary: Option<Linear>,
    config: DiscriminatorConfig,
}

parameters!(Discriminator { down, head, projection, auxiliary });

impl DiscriminatorConfig {
    /// The convolutions for pictures of `size`.
    #[must_use]
    pub fn convs(&self, size: usize, channels: usize) -> Vec<ConvConfig> {
        let count = if self.plan.is_empty() { doublings(self.base, size) } else { self.plan.len() };
        let after = |i: usize| self.width * self.multipliers[i.min(self.multipliers.len() - 1)];
        (0..count)
            .map(|i| {
                let inputs = if i == 0 { channels } else { after(i - 1) };
                let bias = self.bias || (self.block == BlockName::Residual && i > 0);
                match self.plan.get(i) {
                    None => ConvConfig::halving(inputs, after(i), self.kernel, bias),
                    Some(stage) => ConvConfig {
                        stride: stage.stride,
                        padding: stage.zeros(),
                        ..ConvConfig::halving(inputs, after(i), stage.kernel, bias)
                    },
                }
            })
            .collect()
    }

    /// Height and width of the pictures and after each of [`DiscriminatorConfig::convs`]; ends
    /// early if a kernel is larger than its input.
    #[must_use]
    pub fn extents(&self, size: usize) -> Vec<usize> {
        let mut extents = vec![size];
        for conv in self.convs(size, 1) {
            let last = extents[extents.len() - 1];
            if last + conv.padding.before[0] + conv.padding.after[0] < conv.kernel {
                break;
            }
            extents.push(conv.extent(last));
        }
        extents
    }
}

impl DiscriminatorConfig {
    /// Creates a discriminator according to `blueprint`.
    #[must_use]
    pub fn init(&self, blueprint: &Blueprint<'_>) -> Discriminator {
        let Blueprint { size, channels, classes, cond, .. } = *blueprint;
        let maker = &crate::init::Maker { spectral_norm: self.spectral_norm, ..blueprint.maker };
        let convs = self.convs(size, channels);
        let extents = self.extents(size);
        let end = extents[extents.len() - 1];
        let outputs =
            convs.last().map_or(channels, |c| c.outputs) + usize::from(self.minibatch_stddev > 0);
        let features = outputs * end * end;
        let head = |outputs, bias, name: &str| {
            Linear::new([features, outputs], bias, &blueprint.name(name), maker)
        };
        let down = convs.iter().enumerate().map(|(i, conv)| {
            let block = BlockConfig {
                conv: *conv,
                residual: self.block == BlockName::Residual && i > 0,
                norm: if i > 0 || self.norm_first { self.norm } else { NormName::None },
                classes: None,
                activator: Activator { name: self.activation, slope: self.slope as f32 },
                attention: self.attention != 0 && extents[i + 1] == self.attention,
            };
            block.init(&blueprint.name(&format!("down.{i}")), maker)
        });
        let asked = |way| cond.discriminator == way;
        let mut discriminator = Discriminator {
            down: down.collect(),
            head: head(1, true, "head"),
            projection: asked(CondDiscriminator::Projection)
                .then(|| head(classes, false, "projection")),
            auxiliary: asked(CondDiscriminator::Auxiliary)
                .then(|| head(classes, true, "auxiliary")),
            config: self.clone(),
        };
        let frozen = discriminator.down.iter_mut().take(self.freeze);
        frozen.flat_map(ConvBlock::parameters_mut).for_each(|(_, parameter)| parameter.freeze());
        discriminator
    }
}

impl Discriminator {
    /// The configuration it was built from.
    #[must_use]
    pub fn config(&self) -> &DiscriminatorConfig {
        &self.config
    }

    /// # Shapes
    /// `x` [B, C, size, size] gives logits [B, 1] and, where `x` has a direction, their tangent.
    #[must_use]
    pub fn forward(&self, x: Dual<4>, pass: &mut Pass<'_>) -> Judgement {
        let config = &self.config;
        let rate = |place| if config.dropout_at == place { config.dropout } else { 0.0 };
        let chain = Chain {
            block: config.block,
            resize: Dual::pooled,
            dropout: rate(DropoutPlace::Blocks),
        };
        let (mut x, mut before) = (x, None);
        for down in &self.down {
            (x, before) = down.forward(x, before, chain, pass); // [B, C', H/2, W/2]
        }
        if config.minibatch_stddev > 0 {
            x = x.through(&MinibatchStddev(config.minibatch_stddev));
        }
        let (x, t) = x.dropout(rate(DropoutPlace::Head), pass.masks).flat().parts(); // [B, features]
        let project = |x: &Tensor<2>| match (&self.projection, pass.classes) {
            (Some(projection), Some(classes)) => {
                let all = projection.linear(x.clone()); // [B, classes]
                let chosen = classes.one_hot(projection.weight.shape()[0], &x.device().inner());
                Some((all * chosen).sum_dim(1))
            }
            _ => None,
        };
        let with = |logits: Tensor<2>, more: Option<Tensor<2>>| match more {
            None => logits,
            Some(more) => logits + more,
        };
        Judgement {
            logits: with(self.head.forward(x.clone()), project(&x)),
            tangent: t.map(|t| with(self.head.linear(t.clone()), project(&t))),
            classes: self.auxiliary.as_ref().map(|auxiliary| auxiliary.forward(x)),
        }
    }

    /// Enables synchronised BatchNorm; every member must make the same passes.
    pub fn synchronize(&mut self, member: &Member) {
        self.down.iter_mut().for_each(|down| down.synchronize(member));
    }

    /// Runs one power iteration for every weight with spectral normalisation.
    pub fn iterate(&mut self) {
        self.down.iter_mut().for_each(ConvBlock::iterate);
        let heads = [Some(&mut self.head), self.projection.as_mut(), self.auxiliary.as_mut()];
        heads.into_iter().flatten().for_each(Linear::iterate);
    }
}
