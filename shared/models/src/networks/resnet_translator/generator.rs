//! The generator: two halvings, residual blocks, two doublings.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use fledge_models::config::Settings;
//! use fledge_models::layers::{Masks, Mode, Pass};
//!
//! let flags = ["generator.width=4".to_owned(), "generator.blocks=1".to_owned()];
//! let settings = Settings::resolve("cyclegan", None, &flags)?;
//! let device = Device::flex();
//! let generator = settings.generator(16, 3, 0, 7, &device);
//! let (mut masks, x) = (Masks::None, Tensor::<4>::zeros([1, 3, 16, 16], &device));
//! let mut pass = Pass::new(Mode::Infer, None, &mut masks);
//! assert_eq!(generator.forward(x, &mut pass).dims(), [1, 3, 16, 16]);
//! # Ok::<(), fledge_base::cli::UsageError>(())
//! ```

use burn::tensor::Tensor;
use fledge_kernels::collective::Member;
use fledge_kernels::{Activation, Upsample};

use super::settings::{BORDER, GeneratorConfig, HALVINGS, Listed};
use crate::dual::Dual;
use crate::layers::{ActivationName, Activator, Border, Conv2d, ConvConfig, FeatureNorm, Pass};
use crate::networks::blueprint::Blueprint;
use crate::parameter::parameters;
use crate::summary::Layers;

pub(super) const RELU: Activator = Activator { name: ActivationName::Relu, slope: 0.0 };

/// A convolution with its normalisation.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The convolution.
    pub conv: Conv2d,
    /// Follows it.
    pub norm: FeatureNorm,
}

parameters!(Stage { conv, norm });

impl Stage {
    /// # Shapes
    /// `x` [B, C, H, W] gives [B, C', H', W'].
    fn forward(&self, x: Dual<4>, activator: Activator, pass: &mut Pass<'_>) -> Dual<4> {
        self.norm.forward(x.conv(&self.conv, None), activator, pass)
    }
}

/// Two convolutions and the sum with their input.
#[derive(Clone, Debug)]
pub struct Block {
    /// Activated.
    pub first: Stage,
    /// Not activated, nor is the sum.
    pub second: Stage,
}

parameters!(Block { first, second });

impl Block {
    /// # Shapes
    /// `x` [B, C, H, W] gives the same.
    fn forward(&self, x: Dual<4>, dropout: f64, pass: &mut Pass<'_>) -> Dual<4> {
        let [x, around] = x.forked();
        let y = self.first.forward(x.bordered(Border::Reflect(1)), RELU, pass);
        let y = y.dropout(dropout, pass.masks);
        let y = self.second.forward(y.bordered(Border::Reflect(1)), Activator::NONE, pass);
        around.plus(y)
    }
}

/// Picture → picture.
#[derive(Clone, Debug)]
pub struct Generator {
    /// At the picture's extent, then halving.
    pub down: Vec<Stage>,
    /// At the last extent.
    pub blocks: Vec<Block>,
    /// Doubling.
    pub up: Vec<Stage>,
    /// To colours.
    pub out: Conv2d,
    pub(super) size: usize,
    config: GeneratorConfig,
}

parameters!(Generator { down, blocks, up, out });

impl GeneratorConfig {
    /// Creates a generator according to `blueprint`.
    #[must_use]
    pub fn init(&self, blueprint: &Blueprint<'_>) -> Generator {
        let Blueprint { size, channels, maker, .. } = blueprint;
        let bias = !self.norm.shifts();
        let stage = |conv: ConvConfig, name: String| Stage {
            conv: conv.init(&blueprint.name(&name), maker),
            norm: FeatureNorm::new(
                self.norm,
                conv.outputs,
                &blueprint.name(&format!("{name}.norm")),
                maker,
            ),
        };
        let kernel = 2 * BORDER + 1;
        let down = |i: usize| {
            let outputs = self.channels(i);
            let conv = match i {
                0 => ConvConfig::keeping(*channels, outputs, kernel, false, bias),
                _ if self.antialias => ConvConfig::keeping(outputs / 2, outputs, 3, true, bias),
                _ => ConvConfig {
                    padding: fledge_kernels::Padding::both([1, 1]),
                    ..ConvConfig::halving(outputs / 2, outputs, 3, bias)
                },
            };
            stage(conv, format!("down.{i}"))
        };
        let block = |i: usize| {
            let conv = ConvConfig::keeping(
                self.channels(HALVINGS),
                self.channels(HALVINGS),
                3,
                false,
                bias,
            );
            Block {
                first: stage(conv, format!("blocks.{i}.first")),
                second: stage(conv, format!("blocks.{i}.second")),
            }
        };
        let up = |i: usize| {
            let inputs = self.channels(HALVINGS - i);
            let conv = if self.antialias {
                // Its filter [1, 3, 3, 1] with replicated borders is bilinear doubling.
                ConvConfig::doubling(inputs, inputs / 2, 3, Some(Upsample::Bilinear), bias)
            } else {
                ConvConfig::doubling3(inputs, inputs / 2, bias)
            };
            stage(conv, format!("up.{i}"))
        };
        Generator {
            down: (0..=HALVINGS).map(down).collect(),
            blocks: (0..self.blocks).map(block).collect(),
            up: (0..HALVINGS).map(up).collect(),
            out: ConvConfig::keeping(self.width, *channels, kernel, false, true)
                .init(&blueprint.name("out"), maker),
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
        let mut x = x.bordered(Border::Reflect(BORDER));
        for (i, stage) in self.down.iter().enumerate() {
            x = stage.forward(x, RELU, pass); // [B, width·2ⁱ, H/2ⁱ, W/2ⁱ]
            if self.config.antialias && i > 0 {
                x = x.bordered(Border::BlurHalf);
            }
        }
        for block in &self.blocks {
            x = block.forward(x, self.config.dropout, pass);
        }
        for stage in &self.up {
            x = stage.forward(x, RELU, pass); // [B, C/2, 2H, 2W]
        }
        x.bordered(Border::Reflect(BORDER)).pixels(&self.out, Activation::Tanh)
    }

    /// The results of these layers of the source's list, in ascending order, of which `layers` must
    /// be: the network runs to the last of them only.
    ///
    /// # Shapes
    /// `x` [B, C, H, W] gives a list of [B, Cᵢ, Hᵢ, Wᵢ].
    #[must_use]
    pub fn features(&self, x: Tensor<4>, layers: &[usize], pass: &mut Pass<'_>) -> Vec<Tensor<4>> {
        let (mut x, mut kept) = (Dual::from(x), Vec::new());
        let last = layers.last().map_or(0, |last| last + 1);
        let list = self.config.list();
        for (number, layer) in list.iter().enumerate().take(last) {
            x = match *layer {
                Listed::Border => x.bordered(Border::Reflect(BORDER)),
                Listed::Conv(i) => x.conv(&self.down[i].conv, None),
                // The second of its two entries has nothing left to do.
                Listed::Act(_) if list[number - 1] == *layer => x,
                Listed::Act(i) => self.down[i].norm.forward(x, RELU, pass),
                Listed::Blur(_) => x.bordered(Border::BlurHalf),
                Listed::Block(i) => self.blocks[i].forward(x, self.config.dropout, pass),
            };
            if layers.contains(&number) {
                kept.push(x.clone().value());
            }
        }
        kept
    }

    /// Enables synchronised BatchNorm; every member must make the same passes.
    pub fn synchronize(&mut self, member: &Member) {
        let blocks = self.blocks.iter_mut().flat_map(|block| [&mut block.first, &mut block.second]);
        let stages = self.down.iter_mut().chain(blocks).chain(&mut self.up);
        stages.for_each(|stage| stage.norm.synchronize(member));
    }

    /// The layers, for pictures of `channels`.
    pub(crate) fn layers(&self, channels: usize) -> Layers {
        let mut layers = Layers::default();
        layers.through_picture(self.size, channels);
        let blurred = |kind: &'static str| if self.config.antialias { ", blurred" } else { kind };
        let mut extent = self.size;
        for (i, stage) in self.down.iter().enumerate() {
            let kind =
                if i == 0 { "7×7".to_owned() } else { format!("3×3{}, halved", blurred("")) };
            extent = if i == 0 { extent } else { extent.div_ceil(2) };
            let outputs = stage.conv.config().outputs;
            let shape = format!("(B, {outputs}, {extent}, {extent})");
            layers.push(format!("down.{i} ({kind})"), &shape, stage);
            layers.through_picture(extent, outputs);
        }
        let wide = self.config.channels(HALVINGS);
        let shape = format!("(B, {wide}, {extent}, {extent})");
        for (i, block) in self.blocks.iter().enumerate() {
            layers.push(format!("blocks.{i} (2 × 3×3, sum)"), &shape, block);
        }
        for (i, stage) in self.up.iter().enumerate() {
            extent *= 2;
            let outputs = stage.conv.config().outputs;
            let shape = format!("(B, {outputs}, {extent}, {extent})");
            layers.push(format!("up.{i} (3×3{}, doubled)", blurred("")), &shape, stage);
            layers.through_picture(extent, outputs);
        }
        let shape = format!("(B, {channels}, {extent}, {extent})");
        layers.push("out (7×7) + tanh", &shape, &self.out);
        layers.through_picture(extent, channels);
        layers
    }
}
