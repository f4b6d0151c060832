//! The generator: an encoder and a decoder with skips between them.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use fledge_models::config::Settings;
//! use fledge_models::layers::{Masks, Mode, Pass};
//!
//! let settings = Settings::resolve_for("pix2pix", Some(64), None, &["generator.width=4".into()])?;
//! let device = Device::flex();
//! let generator = settings.generator(64, 3, 0, 7, &device);
//! let (mut masks, x) = (Masks::None, Tensor::<4>::zeros([1, 3, 64, 64], &device));
//! let mut pass = Pass::new(Mode::Infer, None, &mut masks);
//! assert_eq!(generator.forward(x, &mut pass).dims(), [1, 3, 64, 64]);
//! # Ok::<(), fledge_base::cli::UsageError>(())
//! ```

use fledge_kernels::Activation;
use fledge_kernels::collective::Member;

use super::settings::GeneratorConfig;
use crate::dual::Dual;
use crate::layers::{
    ActivationName, Activator, Conv2d, ConvConfig, FeatureNorm, FeatureNormName, Pass,
};
use crate::networks::blueprint::Blueprint;
use crate::parameter::parameters;
use crate::summary::Layers;

/// Kernel of all convolutions.
const KERNEL: usize = 4;
/// On the way down.
const DOWN: Activator = Activator { name: ActivationName::LeakyRelu, slope: 0.2 };
/// On the way up.
const UP: Activator = Activator { name: ActivationName::Relu, slope: 0.0 };

/// A convolution with its normalisation.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Halves or doubles.
    pub conv: Conv2d,
    /// Follows it.
    pub norm: FeatureNorm,
}

parameters!(Stage { conv, norm });

/// Picture → picture.
#[derive(Clone, Debug)]
pub struct Generator {
    /// From the picture on.
    pub down: Vec<Stage>,
    /// By level, from the one that makes the picture to the innermost: the last comes first.
    pub up: Vec<Stage>,
    pub(super) size: usize,
    config: GeneratorConfig,
}

parameters!(Generator { down, up });

impl GeneratorConfig {
    /// Creates a generator according to `blueprint`.
    #[must_use]
    pub fn init(&self, blueprint: &Blueprint<'_>) -> Generator {
        let Blueprint { size, channels, maker, .. } = blueprint;
        let widths = self.widths(*size);
        let last = widths.len() - 1;
        let bias = !self.norm.shifts();
        let stage = |conv: ConvConfig, normed: bool, name: String| Stage {
            conv: conv.init(&blueprint.name(&name), maker),
            norm: FeatureNorm::new(
                if normed { self.norm } else { FeatureNormName::None },
                conv.outputs,
                &blueprint.name(&format!("{name}.norm")),
                maker,
            ),
        };
        let down = |level: usize| {
            let inputs = if level == 0 { *channels } else { widths[level - 1] };
            let conv = ConvConfig::halving(inputs, widths[level], KERNEL, bias);
            // A single pixel normalised by itself would be 0.
            stage(conv, level > 0 && level < last, format!("down.{level}"))
        };
        let up = |level: usize| {
            let inputs = if level == last { widths[level] } else { 2 * widths[level] };
            let (outputs, bias) =
                if level == 0 { (*channels, true) } else { (widths[level - 1], bias) };
            let conv = ConvConfig::doubling(inputs, outputs, KERNEL, None, bias);
            stage(conv, level > 0, format!("up.{level}"))
        };
        Generator {
            down: (0..=last).map(down).collect(),
            up: (0..=last).map(up).collect(),
            size: *size,
            config: self.clone(),
        }
    }
}

impl Generator {
    /// The configuration it was built from.
    #[must_use]
    pub fn config(&self) -> &GeneratorConfig {
        &self.config
    }

    /// # Shapes
    /// `x` [B, C, H, W] gives the same, in [−1, 1].
    #[must_use]
    pub fn forward(&self, x: Dual<4>, pass: &mut Pass<'_>) -> Dual<4> {
        // The skip carries what the leaky ReLU made of it: a ReLU follows, which is the same behind
        // both.
        let mut skips = Vec::new();
        let mut x = x;
        for (level, Stage { conv, norm }) in self.down.iter().enumerate() {
            x = norm.forward(x.conv(conv, None), DOWN, pass); // [B, C', H/2, W/2]
            if level + 1 < self.down.len() {
                let [on, skip] = x.forked();
                x = on;
                skips.push(skip);
            }
        }
        let mut x = x.through(&UP);
        for (level, Stage { conv, norm }) in self.up.iter().enumerate().skip(1).rev() {
            x = norm.forward(x.conv(conv, None), UP, pass); // [B, C', 2H, 2W]
            // Dropout and ReLU in either order are the same.
            x = x.dropout(self.config.dropout_at(level, self.up.len()), pass.masks);
            if let Some(skip) = skips.pop() {
                x = skip.through(&UP).beside_channels(x); // [B, 2C', 2H, 2W]
            }
        }
        x.pixels(&self.up[0].conv, Activation::Tanh)
    }

    /// Returns true if translating draws dropout masks.
    #[must_use]
    pub fn drops_when_sampling(&self) -> bool {
        self.config.dropout_sampling && self.config.drops(self.size)
    }

    /// Enables synchronised BatchNorm; every member must make the same passes.
    pub fn synchronize(&mut self, member: &Member) {
        let stages = self.down.iter_mut().chain(&mut self.up);
        stages.for_each(|stage| stage.norm.synchronize(member));
    }

    /// The layers, for pictures of `channels`.
    pub(crate) fn layers(&self, channels: usize) -> Layers {
        let mut layers = Layers::default();
        layers.through_picture(self.size, channels);
        let mut extent = self.size;
        for (level, stage) in self.down.iter().enumerate() {
            extent /= 2;
            let outputs = stage.conv.config().outputs;
            let shape = format!("(B, {outputs}, {extent}, {extent})");
            layers.push(format!("down.{level} (4×4, halved)"), &shape, stage);
            layers.through_picture(extent, outputs);
        }
        for (level, stage) in self.up.iter().enumerate().rev() {
            extent *= 2;
            let outputs = stage.conv.config().outputs;
            let shape = format!("(B, {outputs}, {extent}, {extent})");
            let joined = if level > 0 { ", joined with the skip" } else { " + tanh" };
            layers.push(format!("up.{level} (4×4, doubled){joined}"), &shape, stage);
            layers.through_picture(extent, if level > 0 { 2 * outputs } else { outputs });
        }
        layers
    }
}
