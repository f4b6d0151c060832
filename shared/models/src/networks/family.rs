//! The networks of all families, as one type for each role. A new family adds a variant to each
//! enum; the compiler then reports every place that must handle it.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use fledge_models::config::Settings;
//! use fledge_models::layers::{Masks, Mode, Pass};
//!
//! let settings = Settings::resolve("gan-ada", None, &["discriminator.width=8".into()])?;
//! let device = Device::flex();
//! let discriminator = settings.discriminator(32, 3, 0, 7, &device);
//! let mut masks = Masks::None;
//! let mut pass = Pass::new(Mode::Infer, None, &mut masks);
//! let judgement = discriminator.forward(Tensor::zeros([2, 3, 32, 32], &device), &mut pass);
//! assert_eq!(judgement.logits.dims(), [2, 1]);
//! # Ok::<(), fledge_base::cli::UsageError>(())
//! ```

use burn::tensor::Tensor;
use fledge_base::cli::UsageError;
use fledge_kernels::collective::Member;
use fledge_kernels::on_workers;
use serde::{Deserialize, Serialize};

use super::blueprint::Blueprint;
use super::dcgan;
use super::interface::{Input, Judgement, Sources, Takes};
use super::patchgan;
use super::resnet_translator;
use super::stylegan2;
#[cfg(feature = "toys")]
use super::toys;
use super::unet;
use crate::dual::Dual;
use crate::graph::{Graph, GraphOptions, Part};
use crate::layers::{FeatureNormName, Pass};
use crate::parameter::{Parameter, Parameters};
use crate::range::Range;
use crate::summary::Layers;

/// Applies the same expression to the generator, or its settings, of any family.
macro_rules! of_generator {
    ($any:expr, $it:ident => $do:expr) => {
        match $any {
            Self::Dcgan($it) => $do,
            Self::Stylegan2($it) => $do,
            Self::Unet($it) => $do,
            Self::ResnetTranslator($it) => $do,
            #[cfg(feature = "toys")]
            Self::ToyGrowing($it) => $do,
            #[cfg(feature = "toys")]
            Self::ToyTranslator($it) => $do,
        }
    };
}

/// Applies the same expression to the discriminator, or its settings, of any family.
macro_rules! of_discriminator {
    ($any:expr, $it:ident => $do:expr) => {
        match $any {
            Self::Dcgan($it) => $do,
            Self::Stylegan2($it) => $do,
            Self::Patchgan($it) => $do,
            #[cfg(feature = "toys")]
            Self::ToyGrowing($it) => $do,
            #[cfg(feature = "toys")]
            Self::ToyTranslator($it) => $do,
        }
    };
}

/// The settings of a generator: `[generator] family = "…"`, and the family's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "kebab-case")]
pub enum GeneratorConfig {
    /// Transposed or resized convolutions.
    Dcgan(dcgan::GeneratorConfig),
    /// A mapping of latents to styles, and a synthesis that they modulate.
    Stylegan2(stylegan2::GeneratorConfig),
    /// An encoder and a decoder with skips.
    Unet(unet::GeneratorConfig),
    /// Residual blocks at a quarter of the extent.
    ResnetTranslator(resnet_translator::GeneratorConfig),
    /// For tests: a growing network.
    #[cfg(feature = "toys")]
    ToyGrowing(toys::growing::Config),
    /// For tests: translates pictures.
    #[cfg(feature = "toys")]
    ToyTranslator(toys::translator::GeneratorConfig),
}

/// The settings of a discriminator: `[discriminator] family = "…"`, and the family's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "kebab-case")]
pub enum DiscriminatorConfig {
    /// Strided convolutions.
    Dcgan(dcgan::DiscriminatorConfig),
    /// Residual blocks between filters.
    Stylegan2(stylegan2::DiscriminatorConfig),
    /// Judges patches.
    Patchgan(patchgan::DiscriminatorConfig),
    /// For tests: a growing network.
    #[cfg(feature = "toys")]
    ToyGrowing(toys::growing::Config),
    /// For tests: judges patches.
    #[cfg(feature = "toys")]
    ToyTranslator(toys::translator::DiscriminatorConfig),
}

/// A generator of any family.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a run has one or two of them")]
pub enum Generator {
    /// Transposed or resized convolutions.
    Dcgan(dcgan::Generator),
    /// A mapping of latents to styles, and a synthesis that they modulate.
    Stylegan2(stylegan2::Generator),
    /// An encoder and a decoder with skips.
    Unet(unet::Generator),
    /// Residual blocks at a quarter of the extent.
    ResnetTranslator(resnet_translator::Generator),
    /// For tests: a growing network.
    #[cfg(feature = "toys")]
    ToyGrowing(toys::growing::Generator),
    /// For tests: translates pictures.
    #[cfg(feature = "toys")]
    ToyTranslator(toys::translator::Generator),
}

/// A discriminator of any family.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a run has one or two of them")]
pub enum Discriminator {
    /// Strided convolutions.
    Dcgan(dcgan::Discriminator),
    /// Residual blocks between filters.
    Stylegan2(stylegan2::Discriminator),
    /// Judges patches.
    Patchgan(patchgan::Discriminator),
    /// For tests: a growing network.
    #[cfg(feature = "toys")]
    ToyGrowing(toys::growing::Discriminator),
    /// For tests: judges patches.
    #[cfg(feature = "toys")]
    ToyTranslator(toys::translator::Discriminator),
}

impl GeneratorConfig {
    /// The kind of input it takes.
    #[must_use]
    pub fn takes(&self) -> Takes {
        match self {
            Self::Dcgan(config) => Takes::Latents(config.latents()),
            Self::Stylegan2(config) => Takes::Latents(config.latents()),
            Self::Unet(_) | Self::ResnetTranslator(_) => Takes::Pictures,
            #[cfg(feature = "toys")]
            Self::ToyGrowing(config) => Takes::Latents(config.latents()),
            #[cfg(feature = "toys")]
            Self::ToyTranslator(_) => Takes::Pictures,
        }
    }

    /// What it asks of the pictures that it translates, trained on pictures of `size`; `None` if it
    /// takes latent vectors.
    #[must_use]
    pub fn sources(&self, size: usize) -> Option<Sources> {
        let batch_norm = self.has_batch_norm();
        match self {
            Self::Dcgan(_) | Self::Stylegan2(_) => None,
            Self::Unet(config) => Some(Sources {
                multiple: config.unit(size),
                batch_norm,
                dropout: config.drops(size),
            }),
            Self::ResnetTranslator(config) => Some(Sources {
                multiple: 1 << resnet_translator::HALVINGS,
                batch_norm,
                dropout: config.dropout > 0.0 && config.blocks > 0,
            }),
            #[cfg(feature = "toys")]
            Self::ToyGrowing(_) => None,
            #[cfg(feature = "toys")]
            Self::ToyTranslator(config) => Some(Sources {
                multiple: config.multiple,
                batch_norm,
                dropout: config.dropout > 0.0,
            }),
        }
    }

    /// The pixel interval of both networks.
    #[must_use]
    pub fn range(&self) -> Range {
        match self {
            Self::Dcgan(config) => config.output.range(),
            Self::Stylegan2(_) | Self::Unet(_) | Self::ResnetTranslator(_) => Range::Signed,
            #[cfg(feature = "toys")]
            Self::ToyGrowing(_) | Self::ToyTranslator(_) => Range::Signed,
        }
    }

    /// Returns true if the network has BatchNorm: batch statistics are part of its output.
    #[must_use]
    pub fn has_batch_norm(&self) -> bool {
        match self {
            Self::Dcgan(config) => config.norm == dcgan::settings::NormName::Batch,
            Self::Stylegan2(_) => false,
            Self::Unet(config) => config.norm == FeatureNormName::Batch,
            Self::ResnetTranslator(config) => config.norm == FeatureNormName::Batch,
            #[cfg(feature = "toys")]
            Self::ToyGrowing(_) => false,
            #[cfg(feature = "toys")]
            Self::ToyTranslator(config) => config.norm,
        }
    }

    /// Creates a generator according to `blueprint`.
    #[must_use]
    pub fn init(&self, blueprint: &Blueprint<'_>) -> Generator {
        match self {
            Self::Dcgan(config) => Generator::Dcgan(config.init(blueprint)),
            Self::Stylegan2(config) => Generator::Stylegan2(config.init(blueprint)),
            Self::Unet(config) => Generator::Unet(config.init(blueprint)),
            Self::ResnetTranslator(config) => Generator::ResnetTranslator(config.init(blueprint)),
            #[cfg(feature = "toys")]
            Self::ToyGrowing(config) => Generator::ToyGrowing(config.generator(blueprint)),
            #[cfg(feature = "toys")]
            Self::ToyTranslator(config) => Generator::ToyTranslator(config.init(blueprint)),
        }
    }

    /// Number of activations of its layers for one picture: an estimate of what a step keeps in
    /// memory.
    #[must_use]
    pub fn activations(&self, size: usize, channels: usize) -> usize {
        of_generator!(self, config => config.activations(size, channels))
    }

    /// # Errors
    /// If a value is invalid, or two contradict each other.
    pub(crate) fn validate(&self) -> Result<(), UsageError> {
        of_generator!(self, config => config.validate())
    }

    /// # Errors
    /// If it does not make pictures of `size`×`size`: the reason, and what it needs.
    pub(crate) fn check_end(&self, size: usize) -> Result<(), String> {
        of_generator!(self, config => config.check_end(size))
    }

    /// # Errors
    /// If a setting names a block that it does not have at `size`.
    pub(crate) fn check_blocks(&self, size: usize) -> Result<(), UsageError> {
        match self {
            Self::Dcgan(config) => config.check_blocks(size),
            Self::Stylegan2(_) | Self::Unet(_) | Self::ResnetTranslator(_) => Ok(()),
            #[cfg(feature = "toys")]
            Self::ToyGrowing(_) | Self::ToyTranslator(_) => Ok(()),
        }
    }
}

impl DiscriminatorConfig {
    /// Returns true if the network has BatchNorm: batch statistics are part of its output.
    #[must_use]
    pub fn has_batch_norm(&self) -> bool {
        match self {
            Self::Dcgan(config) => config.norm == dcgan::settings::NormName::Batch,
            Self::Stylegan2(_) => false,
            Self::Patchgan(config) => config.norm == FeatureNormName::Batch,
            #[cfg(feature = "toys")]
            Self::ToyGrowing(_) | Self::ToyTranslator(_) => false,
        }
    }

    /// Returns true if the network bounds its own slope.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        match self {
            Self::Dcgan(config) => config.spectral_norm,
            Self::Stylegan2(_) | Self::Patchgan(_) => false,
            #[cfg(feature = "toys")]
            Self::ToyGrowing(_) | Self::ToyTranslator(_) => false,
        }
    }

    /// Number of blocks, from the picture on, whose weights are frozen.
    #[must_use]
    pub fn frozen_blocks(&self) -> usize {
        match self {
            Self::Dcgan(config) => config.freeze,
            Self::Stylegan2(config) => config.freeze,
            Self::Patchgan(_) => 0,
            #[cfg(feature = "toys")]
            Self::ToyGrowing(_) | Self::ToyTranslator(_) => 0,
        }
    }

    /// Returns true if it judges a picture beside the one it was translated from.
    #[must_use]
    pub fn judges_pairs(&self) -> bool {
        matches!(self, Self::Patchgan(config) if config.pairs)
    }

    /// Creates a discriminator according to `blueprint`.
    #[must_use]
    pub fn init(&self, blueprint: &Blueprint<'_>) -> Discriminator {
        match self {
            Self::Dcgan(config) => Discriminator::Dcgan(config.init(blueprint)),
            Self::Stylegan2(config) => Discriminator::Stylegan2(config.init(blueprint)),
            Self::Patchgan(config) => Discriminator::Patchgan(config.init(blueprint)),
            #[cfg(feature = "toys")]
            Self::ToyGrowing(config) => Discriminator::ToyGrowing(config.discriminator(blueprint)),
            #[cfg(feature = "toys")]
            Self::ToyTranslator(config) => Discriminator::ToyTranslator(config.init(blueprint)),
        }
    }

    /// Number of activations of its layers for one picture: an estimate of what a step keeps in
    /// memory.
    #[must_use]
    pub fn activations(&self, size: usize, channels: usize) -> usize {
        of_discriminator!(self, config => config.activations(size, channels))
    }

    /// # Errors
    /// If a value is invalid, or two contradict each other.
    pub(crate) fn validate(&self) -> Result<(), UsageError> {
        of_discriminator!(self, config => config.validate())
    }

    /// # Errors
    /// If it does not end at pictures of `size`×`size`: the reason, and what it needs.
    pub(crate) fn check_end(&self, size: usize) -> Result<(), String> {
        of_discriminator!(self, config => config.check_end(size))
    }

    /// # Errors
    /// If a setting names a block that it does not have at `size`.
    pub(crate) fn check_blocks(&self, size: usize) -> Result<(), UsageError> {
        match self {
            Self::Dcgan(config) => config.check_blocks(size),
            Self::Stylegan2(config) => config.check_blocks(size),
            Self::Patchgan(_) => Ok(()),
            #[cfg(feature = "toys")]
            Self::ToyGrowing(_) | Self::ToyTranslator(_) => Ok(()),
        }
    }
}

impl Generator {
    /// # Shapes
    /// Latents [B, latent] or pictures [B, C, size, size] give pictures [B, C, size, size].
    ///
    /// # Panics
    /// If `input` is of the other kind; see [`GeneratorConfig::takes`].
    #[must_use]
    pub fn forward(&self, input: impl Into<Input>, pass: &mut Pass<'_>) -> Tensor<4> {
        self.dual(input.into(), pass).value()
    }

    /// [`Generator::forward`] with the derivative of the pictures along a direction in the input.
    ///
    /// # Shapes
    /// As [`Generator::forward`]; a direction has the shape of its input, the tangent that of the
    /// pictures.
    ///
    /// # Panics
    /// If `input` is of the other kind.
    #[must_use]
    pub fn dual(&self, input: Input, pass: &mut Pass<'_>) -> Dual<4> {
        match (self, input) {
            (Self::Dcgan(network), Input::Latent(z)) => network.forward(z, pass),
            (Self::Stylegan2(network), Input::Latent(z)) => network.forward(z, pass),
            (Self::Stylegan2(network), Input::Styles(ws)) => network.synthesize(&ws, pass),
            (Self::Unet(network), Input::Picture(x)) => network.forward(x, pass),
            (Self::ResnetTranslator(network), Input::Picture(x)) => network.forward(x, pass),
            #[cfg(feature = "toys")]
            (Self::ToyGrowing(network), Input::Latent(z)) => network.forward(z, pass),
            #[cfg(feature = "toys")]
            (Self::ToyTranslator(network), Input::Picture(x)) => network.forward(x, pass),
            (_, input) => unreachable!("a generator takes no {input:?}"),
        }
    }

    /// Returns true if sampling draws dropout masks.
    #[must_use]
    pub fn drops_when_sampling(&self) -> bool {
        match self {
            Self::Dcgan(network) => network.drops_when_sampling(),
            Self::Unet(network) => network.drops_when_sampling(),
            Self::Stylegan2(_) | Self::ResnetTranslator(_) => false,
            #[cfg(feature = "toys")]
            Self::ToyGrowing(_) | Self::ToyTranslator(_) => false,
        }
    }

    /// The generator as a graph of operations with pictures in [0, 1], for other programs to run.
    ///
    /// # Errors
    /// Those of [`Generator::graph_of`].
    pub fn graph(&self) -> Result<Graph, UsageError> {
        self.graph_of(&GraphOptions::default())
    }

    /// The graph that `options` describe.
    ///
    /// # Errors
    /// If latent vectors do not determine a picture, for it applies dropout when sampling; a translator
    /// is a graph without its dropout. If a half is asked for, and it has no styles.
    pub fn graph_of(&self, options: &GraphOptions) -> Result<Graph, UsageError> {
        if matches!(self, Self::Dcgan(_)) && self.drops_when_sampling() {
            return Err(UsageError(
                "export: this generator applies dropout when sampling (generator.dropout_sampling = true), which a file of \
                 fixed operations cannot; `sample images` makes its pictures"
                    .into(),
            ));
        }
        if options.part != Part::All && self.style_shape().is_none() {
            return Err(UsageError(
                "--part: this generator has no mapping apart from its synthesis; those of generator.family = stylegan2 have"
                    .into(),
            ));
        }
        Ok(on_workers(|| match self {
            Self::Dcgan(network) => network.graph(),
            Self::Stylegan2(network) => network.graph(options),
            Self::Unet(network) => network.graph(),
            Self::ResnetTranslator(network) => network.graph(),
            #[cfg(feature = "toys")]
            Self::ToyGrowing(network) => network.graph(),
            #[cfg(feature = "toys")]
            Self::ToyTranslator(network) => network.graph(),
        }))
    }

    /// The `dcgan` network, for properties of that family alone.
    #[must_use]
    pub fn dcgan(&self) -> Option<&dcgan::Generator> {
        match self {
            Self::Dcgan(network) => Some(network),
            _ => None,
        }
    }

    /// The `stylegan2` network, for what only styles offer.
    #[must_use]
    pub fn stylegan2(&self) -> Option<&stylegan2::Generator> {
        match self {
            Self::Stylegan2(network) => Some(network),
            _ => None,
        }
    }

    /// The `resnet-translator` network, whose encoder has features to compare.
    #[must_use]
    pub fn resnet_translator(&self) -> Option<&resnet_translator::Generator> {
        match self {
            Self::ResnetTranslator(network) => Some(network),
            _ => None,
        }
    }

    /// The styles of latents `z` [B, latent], [B, layers, styles], as training mixes them; `None` in
    /// families without styles.
    #[must_use]
    pub fn styles(&self, z: Tensor<2>, pass: &mut Pass<'_>) -> Option<Tensor<3>> {
        Some(self.stylegan2()?.styles(z.into(), pass).value())
    }

    /// Number and length of the w of a picture, [layers, styles]; `None` in families without styles.
    #[must_use]
    pub fn style_shape(&self) -> Option<[usize; 2]> {
        let network = self.stylegan2()?;
        Some([network.style_count(), network.config().styles])
    }

    /// Height and width of the noise of each layer that has some, in the order of the pass.
    #[must_use]
    pub fn noise_extents(&self) -> Vec<usize> {
        self.stylegan2().map(stylegan2::Generator::noise_extents).unwrap_or_default()
    }

    /// `ws` moved towards the average of w by the factor `psi` in the first `cutoff` layers, or in
    /// all; unchanged in families without styles.
    ///
    /// # Shapes
    /// `ws` [B, layers, styles] gives the same.
    #[must_use]
    pub fn truncated(&self, ws: Tensor<3>, psi: f64, cutoff: Option<usize>) -> Tensor<3> {
        match self.stylegan2() {
            None => ws,
            Some(network) => network.truncated(ws, psi, cutoff),
        }
    }

    /// Real pictures at the generator's present level of detail: while it grows, D must not tell
    /// them apart by detail that the generator cannot make yet.
    ///
    /// # Shapes
    /// `x` [B, C, size, size] gives the same.
    #[must_use]
    pub fn as_made(&self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Dcgan(_) | Self::Stylegan2(_) | Self::Unet(_) | Self::ResnetTranslator(_) => x,
            #[cfg(feature = "toys")]
            Self::ToyGrowing(network) => network.as_made(x),
            #[cfg(feature = "toys")]
            Self::ToyTranslator(_) => x,
        }
    }

    /// The layers from input to picture, in order.
    pub(crate) fn layers(&self, channels: usize) -> Layers {
        of_generator!(self, network => network.layers(channels))
    }

    /// Enables synchronised BatchNorm; every member must make the same passes.
    pub fn synchronize(&mut self, member: &Member) {
        match self {
            Self::Dcgan(network) => network.synchronize(member),
            Self::Unet(network) => network.synchronize(member),
            Self::ResnetTranslator(network) => network.synchronize(member),
            Self::Stylegan2(_) => {}
            #[cfg(feature = "toys")]
            Self::ToyGrowing(_) => {}
            #[cfg(feature = "toys")]
            Self::ToyTranslator(network) => network.synchronize(member),
        }
    }

    /// Runs one power iteration for every weight with spectral normalisation.
    pub fn iterate(&mut self) {
        match self {
            Self::Dcgan(network) => network.iterate(),
            Self::Stylegan2(_) | Self::Unet(_) | Self::ResnetTranslator(_) => {}
            #[cfg(feature = "toys")]
            Self::ToyGrowing(_) | Self::ToyTranslator(_) => {}
        }
    }

    /// Grows to the extent scheduled for `images_seen` real pictures.
    #[cfg_attr(
        not(feature = "toys"),
        expect(unused_variables, reason = "no family but one for tests grows yet")
    )]
    pub fn grow(&mut self, images_seen: f64) {
        match self {
            Self::Dcgan(_) | Self::Stylegan2(_) | Self::Unet(_) | Self::ResnetTranslator(_) => {}
            #[cfg(feature = "toys")]
            Self::ToyGrowing(network) => network.grow(images_seen),
            #[cfg(feature = "toys")]
            Self::ToyTranslator(_) => {}
        }
    }
}

impl Discriminator {
    /// # Shapes
    /// `x` [B, C, size, size], or two pictures beside each other, [B, 2C, size, size], if it judges
    /// pairs; gives logits [B, 1], or [B, patches] of a family that judges patches.
    #[must_use]
    pub fn forward(&self, x: Tensor<4>, pass: &mut Pass<'_>) -> Judgement {
        self.judge(x.into(), pass)
    }

    /// [`Discriminator::forward`] with the derivative of the logits along `t`: the tangent, or
    /// Jacobian-vector product. A gradient penalty differentiates it with respect to the weights.
    ///
    /// # Shapes
    /// `x`, `t` as for [`Discriminator::forward`]; give logits and tangent of the same shape.
    #[must_use]
    pub fn tangent(&self, x: Tensor<4>, t: Tensor<4>, pass: &mut Pass<'_>) -> Judgement {
        self.judge(Dual::along(x, t), pass)
    }

    fn judge(&self, x: Dual<4>, pass: &mut Pass<'_>) -> Judgement {
        match self {
            Self::Dcgan(network) => network.forward(x, pass),
            Self::Stylegan2(network) => network.forward(x, pass),
            Self::Patchgan(network) => network.forward(x, pass),
            #[cfg(feature = "toys")]
            Self::ToyGrowing(network) => network.forward(x),
            #[cfg(feature = "toys")]
            Self::ToyTranslator(network) => network.forward(x),
        }
    }

    /// The layers from picture to logit, in order.
    pub(crate) fn layers(&self, size: usize, channels: usize) -> Layers {
        of_discriminator!(self, network => network.layers(size, channels))
    }

    /// Enables synchronised BatchNorm; every member must make the same passes.
    pub fn synchronize(&mut self, member: &Member) {
        match self {
            Self::Dcgan(network) => network.synchronize(member),
            Self::Patchgan(network) => network.synchronize(member),
            Self::Stylegan2(_) => {}
            #[cfg(feature = "toys")]
            Self::ToyGrowing(_) | Self::ToyTranslator(_) => {}
        }
    }

    /// Runs one power iteration for every weight with spectral normalisation.
    pub fn iterate(&mut self) {
        match self {
            Self::Dcgan(network) => network.iterate(),
            Self::Stylegan2(_) | Self::Patchgan(_) => {}
            #[cfg(feature = "toys")]
            Self::ToyGrowing(_) | Self::ToyTranslator(_) => {}
        }
    }

    /// Grows to the extent scheduled for `images_seen` real pictures.
    #[cfg_attr(
        not(feature = "toys"),
        expect(unused_variables, reason = "no family but one for tests grows yet")
    )]
    pub fn grow(&mut self, images_seen: f64) {
        match self {
            Self::Dcgan(_) | Self::Stylegan2(_) | Self::Patchgan(_) => {}
            #[cfg(feature = "toys")]
            Self::ToyGrowing(network) => network.grow(images_seen),
            #[cfg(feature = "toys")]
            Self::ToyTranslator(_) => {}
        }
    }
}

/// Implements [`Parameters`] for an enum by delegating to the network it holds.
macro_rules! parameters_of_any {
    ($($type:ty: $of_any:ident),+) => {$(
        impl Parameters for $type {
            fn collect<'a>(&'a self, prefix: &str, list: &mut Vec<(String, &'a Parameter)>) {
                $of_any!(self, network => network.collect(prefix, list))
            }

            fn collect_mut<'a>(&'a mut self, prefix: &str, list: &mut Vec<(String, &'a mut Parameter)>) {
                $of_any!(self, network => network.collect_mut(prefix, list))
            }
        }
    )+};
}

parameters_of_any!(Generator: of_generator, Discriminator: of_discriminator);
