//! Picture translation by two convolutions, and a discriminator whose logit is the mean over
//! patches.

use fledge_base::cli::UsageError;
use fledge_kernels::collective::Member;
use fledge_kernels::{Activation, Padding};
use serde::{Deserialize, Serialize};

use crate::check::positive;
use crate::dual::Dual;
use crate::graph::lowering::SOURCE;
use crate::graph::{Graph, Lowering};
use crate::layers::{ActivationName, Activator, BatchNorm, Conv2d, ConvConfig, NormAct, Pass};
use crate::networks::blueprint::Blueprint;
use crate::networks::interface::Judgement;
use crate::parameter::parameters;
use crate::range::Range;
use crate::summary::Layers;

const ACTIVATION: Activator = Activator { name: ActivationName::LeakyRelu, slope: 0.2 };

/// The settings of a generator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GeneratorConfig {
    /// Channels between the convolutions.
    pub width: usize,
    /// BatchNorm between the convolutions.
    pub norm: bool,
    /// Dropout rate between the convolutions.
    pub dropout: f64,
    /// Accept only pictures whose sides are multiples of it, in pixels.
    pub multiple: usize,
}

/// The settings of a discriminator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiscriminatorConfig {
    /// Channels between the convolutions.
    pub width: usize,
}

impl Default for GeneratorConfig {
    fn default() -> Self {
        Self { width: 8, norm: false, dropout: 0.0, multiple: 1 }
    }
}

impl Default for DiscriminatorConfig {
    fn default() -> Self {
        Self { width: 8 }
    }
}

fn conv(inputs: usize, outputs: usize) -> ConvConfig {
    ConvConfig {
        kernel: 3,
        padding: Padding::same(3, 1),
        bias: true,
        ..ConvConfig::pointwise(inputs, outputs)
    }
}

/// Implements the common checks of both settings; any size is accepted.
macro_rules! settings_of_width {
    ($($config:ty, $name:literal);+) => {$(
        impl $config {
            /// Number of activations of the layers for one picture.
            #[must_use]
            pub fn activations(&self, size: usize, channels: usize) -> usize {
                (self.width + channels) * size * size
            }

            pub(crate) fn validate(&self) -> Result<(), UsageError> {
                positive(self.width, $name)
            }

            pub(crate) fn check_end(&self, _: usize) -> Result<(), String> {
                Ok(())
            }
        }
    )+};
}

settings_of_width!(GeneratorConfig, "generator.width"; DiscriminatorConfig, "discriminator.width");

/// Picture → picture.
#[derive(Clone, Debug)]
pub struct Generator {
    first: Conv2d,
    norm: NormAct,
    out: Conv2d,
    dropout: f64,
    multiple: usize,
    size: usize,
}

parameters!(Generator { first, norm, out });

impl GeneratorConfig {
    /// Creates the generator.
    #[must_use]
    pub fn init(&self, blueprint: &Blueprint<'_>) -> Generator {
        let (channels, maker) = (blueprint.channels, &blueprint.maker);
        Generator {
            first: conv(channels, self.width).init(&blueprint.name("first"), maker),
            norm: NormAct {
                norm: self
                    .norm
                    .then(|| BatchNorm::new(self.width, None, &blueprint.name("norm"), maker)),
                activator: ACTIVATION,
            },
            out: conv(self.width, channels).init(&blueprint.name("out"), maker),
            dropout: self.dropout,
            multiple: self.multiple,
            size: blueprint.size,
        }
    }
}

impl Generator {
    /// # Shapes
    /// `x` [B, C, H, W] gives the same, in [−1, 1].
    ///
    /// # Panics
    /// If H or W is no multiple of the settings' `multiple`.
    #[must_use]
    pub fn forward(&self, x: Dual<4>, pass: &mut Pass<'_>) -> Dual<4> {
        let [_, _, height, width] = x.dims();
        assert!([height, width].iter().all(|side| side % self.multiple == 0), "{height}×{width}");
        let x = x.conv(&self.first, None).norm_act(&self.norm, pass);
        x.dropout(self.dropout, pass.masks).pixels(&self.out, Activation::Tanh)
    }

    pub(crate) fn layers(&self, channels: usize) -> Layers {
        let mut layers = Layers::default();
        layers.through_picture(self.size, channels);
        layers.push("first", &format!("(B, {}, H, W)", self.first.config().outputs), &self.first);
        if self.norm.norm.is_some() {
            let shape = format!("(B, {}, H, W)", self.first.config().outputs);
            layers.push("norm + activation", &shape, &self.norm);
        }
        layers.push("out + tanh", &format!("(B, {channels}, H, W)"), &self.out);
        layers.through_picture(self.size, channels);
        layers
    }

    /// Enables synchronised BatchNorm; every member must make the same passes.
    pub fn synchronize(&mut self, member: &Member) {
        self.norm.synchronize(member);
    }

    pub(crate) fn graph(&self) -> Graph {
        let channels = self.out.config().outputs;
        let shape = [channels, self.size, self.size];
        let mut ops = Lowering::new(SOURCE, shape.to_vec(), false);
        let x = ops.signed_source();
        let x = ops.conv("first", &self.first, &x);
        let x = ops.norm_act("norm", &self.norm, &x, true);
        let x = ops.conv("out", &self.out, &x);
        let x = ops.graph.push("Tanh", &[&x], "out.tanh", Vec::new());
        ops.finish(&x, Range::Signed, shape)
    }
}

/// Picture → logit, the mean over patches.
#[derive(Clone, Debug)]
pub struct Discriminator {
    first: Conv2d,
    patches: Conv2d,
}

parameters!(Discriminator { first, patches });

impl DiscriminatorConfig {
    /// Creates the discriminator.
    #[must_use]
    pub fn init(&self, blueprint: &Blueprint<'_>) -> Discriminator {
        Discriminator {
            first: ConvConfig::halving(blueprint.channels, self.width, 4, true)
                .init(&blueprint.name("first"), &blueprint.maker),
            patches: conv(self.width, 1).init(&blueprint.name("patches"), &blueprint.maker),
        }
    }
}

impl Discriminator {
    /// # Shapes
    /// `x` [B, C, H, W] gives logits [B, 1].
    #[must_use]
    pub fn forward(&self, x: Dual<4>) -> Judgement {
        let x = x.conv(&self.first, None).through(&ACTIVATION).conv(&self.patches, None);
        let (logits, tangent) = x.flat().linear(|x| x.mean_dim(1)).parts();
        Judgement { logits, tangent, classes: None }
    }

    pub(crate) fn layers(&self, size: usize, channels: usize) -> Layers {
        let mut layers = Layers::default();
        layers.through_picture(size, channels);
        layers.push(
            "first",
            &format!("(B, {}, H/2, W/2)", self.first.config().outputs),
            &self.first,
        );
        layers.push("patches", "(B, 1, H/2, W/2)", &self.patches);
        layers.through("1".into());
        layers
    }
}
