//! The generator: a dense layer, upsampling blocks, a last convolution to the picture's channels.
//!
//! ```
//! use fledge_models::networks::dcgan::GeneratorConfig;
//!
//! assert_eq!(GeneratorConfig::default().extents(32), [4, 8, 16, 32]);
//! ```

use fledge_base::rng;
use fledge_kernels::Upsample;
use fledge_kernels::collective::Member;
use serde::{Deserialize, Serialize};

use super::block::{BlockConfig, Chain, ConvBlock};
use super::settings::{BlockName, NormName, OutputName, Stage, StemNorm, UpsampleName};
use crate::dual::Dual;
use crate::latent::{Distribution, Latents};
use crate::layers::{
    ActivationName, Activator, BatchNorm, Conv2d, ConvConfig, Linear, Mode, NormAct, Pass,
};
use crate::networks::blueprint::Blueprint;
use crate::networks::cond::CondGenerator;
use crate::parameter::{Parameter, Purpose, parameters};

/// Configuration of a generator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GeneratorConfig {
    /// Length of the latent vector.
    pub latent: usize,
    /// Distribution of the latent vectors.
    pub distribution: Distribution,
    /// Bound of the truncated normal distribution, on both sides.
    pub threshold: f64,
    /// Base number of channels, scaled by `multipliers`.
    pub width: usize,
    /// Channel multiplier at each extent, from the smallest; the last one is used for all that
    /// follow.
    pub multipliers: Vec<usize>,
    /// Height and width after the dense layer.
    pub base: usize,
    /// The convolutions one by one, such as k7s2p0; empty: as many doublings as the size needs.
    pub plan: Vec<Stage>,
    /// Upsampling method.
    pub upsample: UpsampleName,
    /// Kernel size of the doublings.
    pub kernel: usize,
    /// Plain or residual.
    pub block: BlockName,
    /// Normalisation after each convolution.
    pub norm: NormName,
    /// Axes of the normalisation after the dense layer.
    pub stem_norm: StemNorm,
    /// Whether weights are divided by their spectral norm.
    pub spectral_norm: bool,
    /// Extent at which self-attention is inserted; 0 = none.
    pub attention: usize,
    /// Activation of the hidden layers.
    pub activation: ActivationName,
    /// Slope of the leaky ReLU below zero.
    pub slope: f64,
    /// Whether hidden layers have biases; those of residual blocks always have.
    pub bias: bool,
    /// Whether the last convolution has a bias.
    pub out_bias: bool,
    /// Dropout rate after each block in training.
    pub dropout: f64,
    /// Whether dropout is also applied when sampling.
    pub dropout_sampling: bool,
    /// Activation of the output.
    pub output: OutputName,
}

impl Default for GeneratorConfig {
    /// The DCGAN of Keras: the baseline that presets modify, and the default of keys missing from
    /// older files.
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
            block: BlockName::Plain,
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
        }
    }
}

/// z → picture.
#[derive(Clone, Debug)]
pub struct Generator {
    /// Class embeddings, [classes, N].
    pub embedding: Option<Parameter>,
    /// latent (and embedding) → channels·base·base.
    pub dense: Linear,
    /// Normalisation and activation after the dense layer.
    pub norm: NormAct,
    /// Hidden blocks.
    pub up: Vec<ConvBlock>,
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

    /// The convolutions for pictures of `size`; all but the last are followed by normalisation and
    /// activation.
    #[must_use]
    pub fn convs(&self, size: usize, channels: usize) -> Vec<ConvConfig> {
        let count = if self.plan.is_empty() { doublings(self.base, size) } else { self.plan.len() };
        let hidden_bias = self.bias || self.block == BlockName::Residual;
        (0..count)
            .map(|i| {
                let outputs = if i + 1 == count { channels } else { self.channels(i + 1) };
                let bias = if i + 1 == count { self.out_bias } else { hidden_bias };
                match self.plan.get(i) {
                    None => ConvConfig::doubling(
                        self.channels(i),
                        outputs,
                        self.kernel,
                        self.upsample.before(),
                        bias,
                    ),
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

impl GeneratorConfig {
    /// The latent vectors that it takes.
    #[must_use]
    pub fn latents(&self) -> Latents {
        Latents { length: self.latent, distribution: self.distribution, threshold: self.threshold }
    }

    /// Creates a generator according to `blueprint`.
    #[must_use]
    pub fn init(&self, blueprint: &Blueprint<'_>) -> Generator {
        let Blueprint { size, channels, classes, cond, .. } = *blueprint;
        let maker = &crate::init::Maker { spectral_norm: self.spectral_norm, ..blueprint.maker };
        let convs = self.convs(size, channels);
        let extents = self.extents(size);
        let told = |way| (cond.generator == way).then_some(classes);
        let (embedded, by_class) = (told(CondGenerator::Embedding), told(CondGenerator::BatchNorm));
        let activator = Activator { name: self.activation, slope: self.slope as f32 };
        let features = self.channels(0) * self.base * self.base;
        let normalised =
            if self.stem_norm == StemNorm::Features { features } else { self.channels(0) };
        let batch_norm = || BatchNorm::new(normalised, by_class, &blueprint.name("norm"), maker);
        let (last, hidden) = convs
            .split_last()
            .unwrap_or_else(|| unreachable!("`Settings::check_size` asks for one"));
        Generator {
            embedding: embedded.map(|classes| {
                let mut stream = rng::stream(
                    maker.seed,
                    &format!("initialise {}", blueprint.name("embedding")),
                    0,
                );
                let values = stream.normals(classes * cond.embedding);
                Parameter::new(values, &[classes, cond.embedding], Purpose::Weight, maker.device)
            }),
            dense: Linear::new(
                [self.latent + embedded.map_or(0, |_| cond.embedding), features],
                self.bias,
                &blueprint.name("dense"),
                maker,
            ),
            norm: NormAct { norm: (self.norm == NormName::Batch).then(batch_norm), activator },
            up: hidden
                .iter()
                .enumerate()
                .map(|(i, conv)| {
                    let block = BlockConfig {
                        conv: *conv,
                        residual: self.block == BlockName::Residual,
                        norm: self.norm,
                        classes: by_class,
                        activator,
                        attention: self.attention != 0 && extents[i + 1] == self.attention,
                    };
                    block.init(&blueprint.name(&format!("up.{i}")), maker)
                })
                .collect(),
            out: last.init(&blueprint.name("out"), maker),
            config: self.clone(),
        }
    }
}

/// Number of doublings from `base` to `size`.
pub(super) fn doublings(base: usize, size: usize) -> usize {
    (size / base).max(1).ilog2() as usize
}

impl Generator {
    /// The configuration it was built from.
    #[must_use]
    pub fn config(&self) -> &GeneratorConfig {
        &self.config
    }

    /// # Shapes
    /// `z` [B, latent] gives [B, C, size, size] in the interval of `generator.output`.
    #[must_use]
    pub fn forward(&self, z: Dual<2>, pass: &mut Pass<'_>) -> Dual<4> {
        let (batch, base) = (z.dims()[0] as i64, self.config.base as i64);
        let z = match (&self.embedding, pass.classes) {
            (Some(table), Some(classes)) => z.beside(classes.rows(table.tensor())),
            _ => z,
        };
        let y = z.dense(&self.dense); // [B, channels·base²]
        let features = y.dims()[1] as i64;
        let picture = |y: Dual<2>| y.reshaped([batch, -1, base, base]);
        let mut skip = (self.config.block == BlockName::Residual).then(|| picture(y.clone()));
        let mut x = match (&self.norm.norm, self.config.stem_norm) {
            (Some(_), StemNorm::Features) => {
                let y = y.reshaped([batch, features, 1, 1]).norm_act(&self.norm, pass);
                y.reshaped([batch, -1, base, base])
            }
            _ => picture(y).norm_act(&self.norm, pass),
        };
        let drops = pass.mode == Mode::Train || self.config.dropout_sampling;
        let chain = Chain {
            block: self.config.block,
            resize: |x| x.upsampled(Upsample::Bilinear),
            dropout: if drops { self.config.dropout } else { 0.0 },
        };
        for up in &self.up {
            (x, skip) = up.forward(x, skip, chain, pass); // [B, C', 2H, 2W]
        }
        x.pixels(&self.out, self.config.output.activation())
    }

    /// Returns true if sampling draws dropout masks.
    #[must_use]
    pub fn drops_when_sampling(&self) -> bool {
        self.config.dropout_sampling && self.config.dropout > 0.0
    }

    /// Enables synchronised BatchNorm; every member must make the same passes.
    pub fn synchronize(&mut self, member: &Member) {
        self.norm.synchronize(member);
        self.up.iter_mut().for_each(|up| up.synchronize(member));
    }

    /// Runs one power iteration for every weight with spectral normalisation.
    pub fn iterate(&mut self) {
        self.dense.iterate();
        self.up.iter_mut().for_each(ConvBlock::iterate);
        self.out.iterate();
    }
}
