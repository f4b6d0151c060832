//! The generator: a dense layer, blocks that enlarge, a last convolution to the picture's channels.

use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::collective::Member;
use super::config::{
    ActivationName, Block, CondConfig, CondGenerator, Distribution, NormName, OutputName, RangeName, Settings, Stage, StemNorm,
    UpsampleName,
};
use super::init::Maker;
use super::layers::{Activator, Attention, BatchNorm, Conv2d, ConvConfig, Layer, Linear, Mode, NormAct, Pass, dropout};
use super::ops::{self, Activation, Upsample};
use super::parameter::{Parameter, Role, parameters};

/// How a generator is built.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GeneratorConfig {
    /// Length of the latent vector.
    pub latent: usize,
    /// How latent vectors are distributed.
    pub distribution: Distribution,
    /// Where the truncated normal distribution ends, on both sides.
    pub threshold: f64,
    /// Channels: these times `multipliers`.
    pub width: usize,
    /// Of the channels at each extent from the smallest on; the last one serves all that follow.
    pub multipliers: Vec<usize>,
    /// Height and width after the dense layer.
    pub base: usize,
    /// The convolutions one by one, like k7s2p0; empty: as many doublings as the size needs.
    pub plan: Vec<Stage>,
    /// How the extent is doubled.
    pub upsample: UpsampleName,
    /// Kernel of the doublings.
    pub kernel: usize,
    /// How blocks are joined.
    pub block: Block,
    /// What follows a convolution.
    pub norm: NormName,
    /// Over what the normalisation behind the dense layer goes.
    pub stem_norm: StemNorm,
    /// Weights are divided by their spectral norm.
    pub spectral_norm: bool,
    /// Extent at which self-attention stands; 0 = nowhere.
    pub attention: usize,
    /// Activation of the hidden layers.
    pub activation: ActivationName,
    /// Slope of the leaky ReLU below zero.
    pub slope: f64,
    /// Whether hidden layers have biases; those of residual blocks always have.
    pub bias: bool,
    /// Whether the last convolution has a bias.
    pub out_bias: bool,
    /// Share of each block's values that is dropped while training.
    pub dropout: f64,
    /// Values are dropped when sampling, too.
    pub dropout_sampling: bool,
    /// The last activation.
    pub output: OutputName,
    /// In which interval both networks see pixels.
    pub range: RangeName,
}

impl Default for GeneratorConfig {
    /// A DCGAN's as Keras builds it: what presets change and older files do not name.
    fn default() -> Self {
        Self {
            latent: 64,
            distribution: Distribution::Normal,
            threshold: 0.8,
            width: 128,
            multipliers: vec![1],
            base: 4,
            plan: Vec::new(),
            upsample: UpsampleName::Transposed,
            kernel: 4,
            block: Block::Plain,
            norm: NormName::Batch,
            stem_norm: StemNorm::Features,
            spectral_norm: false,
            attention: 0,
            activation: ActivationName::Relu,
            slope: 0.2,
            bias: false,
            out_bias: true,
            dropout: 0.0,
            dropout_sampling: false,
            output: OutputName::Sigmoid,
            range: RangeName::Auto,
        }
    }
}

/// One enlarging convolution with what follows it.
#[derive(Clone, Debug)]
pub struct Up {
    /// Enlarges.
    pub conv: Conv2d,
    /// Of a residual block whose input has another number of channels: brings it to this one.
    pub skip: Option<Conv2d>,
    /// Follows.
    pub norm: NormAct,
    /// Behind it, at one extent.
    pub attention: Option<Attention>,
}

parameters!(Up { conv, skip, norm, attention });

/// z → picture.
#[derive(Clone, Debug)]
pub struct Generator {
    /// A vector for each class, [classes, N].
    pub embedding: Option<Parameter>,
    /// latent (and embedding) → channels·base·base.
    pub dense: Linear,
    /// Behind the dense layer.
    pub norm: NormAct,
    /// Hidden blocks.
    pub up: Vec<Up>,
    /// To the picture's channels.
    pub out: Conv2d,
    config: GeneratorConfig,
}

parameters!(Generator { embedding, dense, norm, up, out });

impl GeneratorConfig {
    /// Channels at the `i`-th extent.
    #[must_use]
    pub fn channels(&self, i: usize) -> usize {
        self.width * self.multipliers[i.min(self.multipliers.len() - 1)]
    }

    /// The convolutions for pictures of `size`: all but the last are followed by normalisation and activation.
    #[must_use]
    pub fn convs(&self, size: usize, channels: usize) -> Vec<ConvConfig> {
        let count = if self.plan.is_empty() { doublings(self.base, size) } else { self.plan.len() };
        let hidden_bias = self.bias || self.block == Block::Residual;
        (0..count)
            .map(|i| {
                let outputs = if i + 1 == count { channels } else { self.channels(i + 1) };
                let bias = if i + 1 == count { self.out_bias } else { hidden_bias };
                match self.plan.get(i) {
                    None => ConvConfig::doubling(self.channels(i), outputs, self.kernel, self.upsample.before(), bias),
                    Some(stage) => ConvConfig {
                        kernel: stage.kernel,
                        stride: stage.stride,
                        padding: stage.zeros(),
                        ..ConvConfig::doubling(self.channels(i), outputs, stage.kernel, None, bias)
                    },
                }
            })
            .collect()
    }

    /// Height and width after the dense layer and after each of [`GeneratorConfig::convs`].
    #[must_use]
    pub fn extents(&self, size: usize) -> Vec<usize> {
        let mut extents = vec![self.base];
        for conv in self.convs(size, 1) {
            extents.push(conv.extent(extents[extents.len() - 1]));
        }
        extents
    }
}

impl Settings {
    /// A generator of `size`×`size`×`channels` pictures of `classes` classes, drawn by `seed`.
    #[must_use]
    pub fn generator(&self, size: usize, channels: usize, classes: usize, seed: u64, device: &Device) -> Generator {
        let config = &self.generator;
        let maker = self.maker(config.spectral_norm, seed, device);
        let convs = config.convs(size, channels);
        let extents = config.extents(size);
        let told = Told::by(&self.cond, classes);
        let activator = Activator { name: config.activation, slope: config.slope as f32 };
        let norm = |channels, name: &str| NormAct {
            norm: (config.norm == NormName::Batch).then(|| BatchNorm::new(channels, told.norm, name, &maker)),
            activator,
        };
        let features = config.channels(0) * config.base * config.base;
        let (last, hidden) = convs.split_last().unwrap_or_else(|| unreachable!("`Settings::check_size` asks for one"));
        Generator {
            embedding: told.embedding.map(|classes| {
                let mut stream = crate::rng::stream(seed, "initialise generator.embedding", 0);
                Parameter::new(
                    stream.normals(classes * self.cond.embedding),
                    &[classes, self.cond.embedding],
                    Role::Weight,
                    device,
                )
            }),
            dense: Linear::new(
                [config.latent + told.embedding.map_or(0, |_| self.cond.embedding), features],
                config.bias,
                "generator.dense",
                &maker,
            ),
            norm: norm(if config.stem_norm == StemNorm::Features { features } else { config.channels(0) }, "generator.norm"),
            up: hidden
                .iter()
                .enumerate()
                .map(|(i, conv)| {
                    let name = format!("generator.up.{i}");
                    let skip = config.block == Block::Residual && conv.inputs != conv.outputs;
                    let pointwise = || ConvConfig::pointwise(conv.inputs, conv.outputs).init(&format!("{name}.skip"), &maker);
                    let attention = config.attention != 0 && extents[i + 1] == config.attention;
                    Up {
                        conv: conv.init(&name, &maker),
                        skip: skip.then(pointwise),
                        norm: norm(conv.outputs, &format!("{name}.norm")),
                        attention: attention.then(|| Attention::new(conv.outputs, &format!("{name}.attention"), &maker)),
                    }
                })
                .collect(),
            out: last.init("generator.out", &maker),
            config: config.clone(),
        }
    }

    /// What the layers of a network are made with.
    pub(super) fn maker<'a>(&'a self, spectral_norm: bool, seed: u64, device: &'a Device) -> Maker<'a> {
        Maker { seed, device, initializer: &self.initializer, batch_norm: &self.batch_norm, spectral_norm }
    }
}

/// Which parts are told the class, and how many classes there are.
struct Told {
    embedding: Option<usize>,
    norm: Option<usize>,
}

impl Told {
    fn by(cond: &CondConfig, classes: usize) -> Self {
        let of = |way| (cond.generator == way).then_some(classes);
        Self { embedding: of(CondGenerator::Embedding), norm: of(CondGenerator::BatchNorm) }
    }
}

/// How often `base` must double to reach `size`.
pub(super) fn doublings(base: usize, size: usize) -> usize {
    (size / base).max(1).ilog2() as usize
}

impl Generator {
    /// How it was built.
    #[must_use]
    pub fn config(&self) -> &GeneratorConfig {
        &self.config
    }

    /// # Shapes
    /// `z` [B, latent] gives [B, C, size, size] in the interval of `generator.output`.
    pub fn forward(&mut self, z: Tensor<2>, pass: &mut Pass<'_>) -> Tensor<4> {
        let (mode, classes, base) = (pass.mode, pass.classes, self.config.base as i64);
        let residual = self.config.block == Block::Residual;
        let z = match (&self.embedding, classes) {
            (Some(table), Some(classes)) => Tensor::cat(vec![z, classes.rows(table.tensor())], 1),
            _ => z,
        };
        let batch = z.dims()[0] as i64;
        let y = self.dense.forward(z); // [B, channels·base²]
        let picture = |y: Tensor<2>| y.reshape([batch, -1, base, base]);
        let mut skip = residual.then(|| picture(y.clone()));
        let mut x = match (&mut self.norm.norm, self.config.stem_norm) {
            (Some(norm), StemNorm::Features) => picture(norm.forward_features(y, self.norm.activator, mode, classes)),
            (Some(norm), StemNorm::Channels) => norm.forward(picture(y), self.norm.activator, mode, classes),
            (None, _) => self.norm.activator.forward(picture(y)),
        };
        for up in &mut self.up {
            let y = match skip.take() {
                None => match up.norm.alone() {
                    Some(activation) => up.conv.forward_act(x, activation),
                    None => up.conv.forward(x),
                },
                Some(before) => {
                    let before = ops::upsample2(before, Upsample::Bilinear);
                    let before = up.skip.as_ref().map_or_else(|| before.clone(), |skip| skip.forward(before.clone()));
                    ops::sum(before, up.conv.forward(x)) * std::f64::consts::FRAC_1_SQRT_2
                }
            }; // [B, C', 2H, 2W]
            skip = residual.then(|| y.clone());
            let done = !residual && up.norm.alone().is_some();
            x = if done { y } else { up.norm.forward(y, pass) };
            if mode == Mode::Train || self.config.dropout_sampling {
                x = dropout(x, self.config.dropout, pass.masks);
            }
            if let Some(attention) = &up.attention {
                x = attention.forward(x);
            }
        }
        ops::full(match self.config.output {
            OutputName::Sigmoid => self.out.forward_act(x, Activation::Sigmoid),
            OutputName::Tanh => self.out.forward_act(x, Activation::Tanh),
        })
    }

    /// Whether sampling draws masks.
    #[must_use]
    pub fn drops_when_sampling(&self) -> bool {
        self.config.dropout_sampling && self.config.dropout > 0.0
    }

    /// From now on BatchNorm in training goes by what all members have, each of which makes the same passes.
    pub fn synchronize(&mut self, member: &Member) {
        let norms = std::iter::once(&mut self.norm).chain(self.up.iter_mut().map(|up| &mut up.norm));
        norms.for_each(|norm| norm.synchronize(member));
    }

    /// One power iteration for every weight with spectral normalisation.
    pub fn iterate(&mut self) {
        self.dense.iterate();
        for up in &mut self.up {
            up.conv.iterate();
            up.skip.iter_mut().for_each(Conv2d::iterate);
            up.attention.iter_mut().flat_map(Attention::convs_mut).for_each(Conv2d::iterate);
        }
        self.out.iterate();
    }
}
