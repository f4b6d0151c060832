//! The discriminator (in Wasserstein terms the critic): convolutions that shrink, then one logit.

use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::collective::Member;
use super::config::{ActivationName, Block, CondDiscriminator, DropoutPlace, NormName, Settings, Stage};
use super::generator::doublings;
use super::layers::{Activator, Attention, BatchNorm, Conv2d, ConvConfig, Linear, MinibatchStddev, NormAct, Pass};
use super::parameter::{Parameters, parameters};
use super::signal::Signal;

/// How a discriminator is built.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiscriminatorConfig {
    /// Channels: these times `multipliers`.
    pub width: usize,
    /// Of the channels after each convolution; the last one serves all that follow.
    pub multipliers: Vec<usize>,
    /// Height and width at which the convolutions end.
    pub base: usize,
    /// The convolutions one by one, like k7s2p1; empty: as many halvings as the size needs.
    pub plan: Vec<Stage>,
    /// Kernel of the halvings.
    pub kernel: usize,
    /// How blocks are joined.
    pub block: Block,
    /// What follows a convolution.
    pub norm: NormName,
    /// Whether it follows the first convolution, too.
    pub norm_first: bool,
    /// Weights are divided by their spectral norm.
    pub spectral_norm: bool,
    /// Extent at which self-attention stands; 0 = nowhere.
    pub attention: usize,
    /// Activation of the hidden layers.
    pub activation: ActivationName,
    /// Slope of the leaky ReLU below zero.
    pub slope: f64,
    /// Whether convolutions have biases; those of residual blocks always have.
    pub bias: bool,
    /// Pictures in a group whose standard deviation becomes one more channel of the last features; 0 = none.
    pub minibatch_stddev: usize,
    /// Share of values that dropout sets to 0 while training.
    pub dropout: f64,
    /// Where it stands.
    pub dropout_at: DropoutPlace,
    /// Blocks, from the picture on, whose weights do not learn (Mo et al. 2020, "Freeze the Discriminator", arXiv:2002.10964). Their
    /// running statistics and directions move as ever.
    pub freeze: usize,
}

impl Default for DiscriminatorConfig {
    /// A DCGAN's as Keras builds it: what presets change and older files do not name.
    fn default() -> Self {
        Self {
            width: 128,
            multipliers: vec![1],
            base: 4,
            plan: Vec::new(),
            kernel: 4,
            block: Block::Plain,
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

/// One convolution with what follows it.
#[derive(Clone, Debug)]
pub struct Down {
    /// Shrinks.
    pub conv: Conv2d,
    /// Of a residual block whose input has another number of channels: brings it to this one.
    pub skip: Option<Conv2d>,
    /// Follows.
    pub norm: NormAct,
    /// Behind it, at one extent.
    pub attention: Option<Attention>,
}

parameters!(Down { conv, skip, norm, attention });

/// Picture → logit: positive where it takes the picture for real.
#[derive(Clone, Debug)]
pub struct Discriminator {
    /// The blocks.
    pub down: Vec<Down>,
    /// Features → logit.
    pub head: Linear,
    /// A direction among the features for each class, [classes, features].
    pub projection: Option<Linear>,
    /// Features → logits of the classes.
    pub auxiliary: Option<Linear>,
    config: DiscriminatorConfig,
}

parameters!(Discriminator { down, head, projection, auxiliary });

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

impl DiscriminatorConfig {
    /// The convolutions for pictures of `size`.
    #[must_use]
    pub fn convs(&self, size: usize, channels: usize) -> Vec<ConvConfig> {
        let count = if self.plan.is_empty() { doublings(self.base, size) } else { self.plan.len() };
        let after = |i: usize| self.width * self.multipliers[i.min(self.multipliers.len() - 1)];
        (0..count)
            .map(|i| {
                let inputs = if i == 0 { channels } else { after(i - 1) };
                let bias = self.bias || (self.block == Block::Residual && i > 0);
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

    /// Height and width of the pictures and after each of [`DiscriminatorConfig::convs`]; it ends early where a kernel is larger
    /// than what is left.
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

impl Settings {
    /// A discriminator of `size`×`size`×`channels` pictures of `classes` classes, drawn by `seed`.
    #[must_use]
    pub fn discriminator(&self, size: usize, channels: usize, classes: usize, seed: u64, device: &Device) -> Discriminator {
        let config = &self.discriminator;
        let maker = self.maker(config.spectral_norm, seed, device);
        let convs = config.convs(size, channels);
        let extents = config.extents(size);
        let end = extents[extents.len() - 1];
        let outputs = convs.last().map_or(channels, |c| c.outputs) + usize::from(config.minibatch_stddev > 0);
        let features = outputs * end * end;
        let head = |outputs, bias, name: &str| Linear::new([features, outputs], bias, name, &maker);
        let down = convs.iter().enumerate().map(|(i, conv)| {
            let name = format!("discriminator.down.{i}");
            let norm = config.norm == NormName::Batch && (i > 0 || config.norm_first);
            let skip = config.block == Block::Residual && i > 0 && conv.inputs != conv.outputs;
            let attention = config.attention != 0 && extents[i + 1] == config.attention;
            Down {
                conv: conv.init(&name, &maker),
                skip: skip.then(|| ConvConfig::pointwise(conv.inputs, conv.outputs).init(&format!("{name}.skip"), &maker)),
                norm: NormAct {
                    norm: norm.then(|| BatchNorm::new(conv.outputs, None, &format!("{name}.norm"), &maker)),
                    activator: Activator { name: config.activation, slope: config.slope as f32 },
                },
                attention: attention.then(|| Attention::new(conv.outputs, &format!("{name}.attention"), &maker)),
            }
        });
        let asked = |way| self.cond.discriminator == way;
        let mut discriminator = Discriminator {
            down: down.collect(),
            head: head(1, true, "discriminator.head"),
            projection: asked(CondDiscriminator::Projection).then(|| head(classes, false, "discriminator.projection")),
            auxiliary: asked(CondDiscriminator::Auxiliary).then(|| head(classes, true, "discriminator.auxiliary")),
            config: config.clone(),
        };
        let frozen = discriminator.down.iter_mut().take(config.freeze);
        frozen.flat_map(Down::parameters_mut).for_each(|(_, parameter)| parameter.freeze());
        discriminator
    }
}

impl Discriminator {
    /// How it was built.
    #[must_use]
    pub fn config(&self) -> &DiscriminatorConfig {
        &self.config
    }

    /// # Shapes
    /// `x` [B, C, size, size] gives logits [B, 1].
    pub fn forward(&mut self, x: Tensor<4>, pass: &mut Pass<'_>) -> Judgement {
        self.judge(Signal::plain(x), pass)
    }

    /// [`Discriminator::forward`], and the derivative of the logits along `t`: the tangent, or Jacobian-vector product, whose
    /// gradient by the weights is that of a gradient penalty.
    ///
    /// # Shapes
    /// `x`, `t` [B, C, size, size] give logits and tangent [B, 1].
    pub fn tangent(&mut self, x: Tensor<4>, t: Tensor<4>, pass: &mut Pass<'_>) -> Judgement {
        self.judge(Signal::along(x, t), pass)
    }

    fn judge(&mut self, x: Signal, pass: &mut Pass<'_>) -> Judgement {
        let config = self.config.clone();
        let rate = |place| if config.dropout_at == place { config.dropout } else { 0.0 };
        let residual = config.block == Block::Residual;
        let mut x = x;
        let mut before: Option<Signal> = None;
        for down in &mut self.down {
            let y = match before.take() {
                None => x.conv(&down.conv, if residual { None } else { down.norm.alone() }),
                Some(before) => {
                    let before = before.pooled();
                    let before = match &down.skip {
                        None => before,
                        Some(skip) => before.conv(skip, None),
                    };
                    before.plus(x.conv(&down.conv, None)).scaled(std::f64::consts::FRAC_1_SQRT_2)
                }
            }; // [B, C', H/2, W/2]
            before = residual.then(|| y.clone());
            x = if !residual && down.norm.alone().is_some() && !y.is_along() { y } else { y.norm_act(&mut down.norm, pass) };
            x = x.dropout(rate(DropoutPlace::Blocks), pass.masks);
            if let Some(attention) = &down.attention {
                x = x.through(attention);
            }
        }
        if config.minibatch_stddev > 0 {
            x = x.through(&MinibatchStddev(config.minibatch_stddev));
        }
        let (x, t) = x.dropout(rate(DropoutPlace::Head), pass.masks).flat(); // [B, features]
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

    /// From now on BatchNorm in training goes by what all members have, each of which makes the same passes.
    pub fn synchronize(&mut self, member: &Member) {
        self.down.iter_mut().for_each(|down| down.norm.synchronize(member));
    }

    /// One power iteration for every weight with spectral normalisation.
    pub fn iterate(&mut self) {
        for down in &mut self.down {
            down.conv.iterate();
            down.skip.iter_mut().for_each(Conv2d::iterate);
            down.attention.iter_mut().flat_map(Attention::convs_mut).for_each(Conv2d::iterate);
        }
        [Some(&mut self.head), self.projection.as_mut(), self.auxiliary.as_mut()].into_iter().flatten().for_each(Linear::iterate);
    }
}
