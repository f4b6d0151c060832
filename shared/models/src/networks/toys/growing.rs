//! Networks that grow: they start at 4×4, and each further extent fades in over half a phase and is
//! stable for the other half (Karras et al. 2018, arXiv:1710.10196, figure 2, on a small scale).

use burn::tensor::Tensor;
use fledge_base::cli::UsageError;
use fledge_kernels::{self as ops, Padding, Upsample};
use serde::{Deserialize, Serialize};

use crate::check::{above_zero, positive};
use crate::dual::Dual;
use crate::graph::lowering::LATENT;
use crate::graph::{Attribute, Constant, Graph, Lowering};
use crate::init::Maker;
use crate::latent::{Distribution, Latents};
use crate::layers::{ActivationName, Activator, Conv2d, ConvConfig, Linear, Pass};
use crate::networks::blueprint::Blueprint;
use crate::networks::interface::Judgement;
use crate::parameter::{Parameter, Parameters, join, parameters};
use crate::range::Range;
use crate::summary::Layers;

/// The first extent.
const BASE: usize = 4;

const ACTIVATION: Activator = Activator { name: ActivationName::LeakyRelu, slope: 0.2 };

/// The settings of either network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Latent length of a generator.
    pub latent: usize,
    /// Channels.
    pub width: usize,
    /// Length of a phase in thousands of real pictures.
    pub phase_kimg: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { latent: 8, width: 8, phase_kimg: 0.1 }
    }
}

impl Config {
    /// The latent vectors that the generator takes.
    #[must_use]
    pub fn latents(&self) -> Latents {
        Latents { length: self.latent, distribution: Distribution::Normal, threshold: 0.8 }
    }

    pub(crate) fn validate(&self) -> Result<(), UsageError> {
        positive(self.latent, "generator.latent")?;
        positive(self.width, "width")?;
        above_zero(self.phase_kimg, "phase_kimg")
    }

    #[expect(clippy::unused_self, reason = "other families need their settings")]
    pub(crate) fn check_end(&self, size: usize) -> Result<(), String> {
        if size.is_power_of_two() && size >= BASE {
            Ok(())
        } else {
            Err("; toy-growing needs a power of two".into())
        }
    }

    /// Number of activations of the layers for one picture.
    #[must_use]
    pub fn activations(&self, size: usize, channels: usize) -> usize {
        extents(size).iter().map(|extent| (self.width + channels) * extent * extent).sum()
    }

    /// Creates the generator.
    #[must_use]
    pub fn generator(&self, blueprint: &Blueprint<'_>) -> Generator {
        let maker = &blueprint.maker;
        Generator {
            dense: Linear::new(
                [self.latent, self.width * BASE * BASE],
                true,
                &blueprint.name("dense"),
                maker,
            ),
            extent: self.blocks(blueprint),
            config: self.clone(),
            level: Level(0.0),
        }
    }

    /// Creates the discriminator.
    #[must_use]
    pub fn discriminator(&self, blueprint: &Blueprint<'_>) -> Discriminator {
        Discriminator {
            extent: self.blocks(blueprint),
            head: Linear::new(
                [self.width * BASE * BASE, 1],
                true,
                &blueprint.name("head"),
                &blueprint.maker,
            ),
            config: self.clone(),
            level: Level(0.0),
        }
    }

    fn blocks(&self, blueprint: &Blueprint<'_>) -> ByExtent {
        let block = |extent: usize| {
            let conv = |name: &str, inputs, outputs, kernel| {
                let name = blueprint.name(&format!("extent.{extent}.{name}"));
                conv(inputs, outputs, kernel, &name, &blueprint.maker)
            };
            let rgb = if blueprint.role.starts_with("discriminator") {
                conv("rgb", blueprint.channels, self.width, 1)
            } else {
                conv("rgb", self.width, blueprint.channels, 1)
            };
            (extent, Block { conv: conv("conv", self.width, self.width, 3), rgb })
        };
        ByExtent(extents(blueprint.size).into_iter().map(block).collect())
    }
}

fn conv(inputs: usize, outputs: usize, kernel: usize, name: &str, maker: &Maker<'_>) -> Conv2d {
    let padding = Padding::same(kernel, 1);
    ConvConfig { kernel, padding, bias: true, ..ConvConfig::pointwise(inputs, outputs) }
        .init(name, maker)
}

/// 4, 8, … up to `size`.
fn extents(size: usize) -> Vec<usize> {
    std::iter::successors(Some(BASE), |extent| Some(extent * 2))
        .take_while(|extent| *extent <= size)
        .collect()
}

/// A convolution at one extent, with the projections between its features and colours.
#[derive(Clone, Debug)]
pub struct Block {
    conv: Conv2d,
    rgb: Conv2d,
}

parameters!(Block { conv, rgb });

/// The blocks, named by their extent, so that a larger size changes no names.
#[derive(Clone, Debug)]
pub struct ByExtent(Vec<(usize, Block)>);

impl Parameters for ByExtent {
    fn collect<'a>(&'a self, prefix: &str, list: &mut Vec<(String, &'a Parameter)>) {
        self.0
            .iter()
            .for_each(|(extent, block)| block.collect(&join(prefix, &extent.to_string()), list));
    }

    fn collect_mut<'a>(&'a mut self, prefix: &str, list: &mut Vec<(String, &'a mut Parameter)>) {
        self.0.iter_mut().for_each(|(extent, block)| {
            block.collect_mut(&join(prefix, &extent.to_string()), list)
        });
    }
}

/// Growth level: 0 at 4×4, 1 at 8×8, fractional while an extent fades in.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Level(f64);

impl Level {
    fn at(images_seen: f64, phase_kimg: f64, blocks: usize) -> Self {
        let phases = images_seen / (1000.0 * phase_kimg);
        let (whole, rest) = (phases.floor(), phases.fract());
        let grown = if whole < 1.0 { 0.0 } else { whole - 1.0 + (2.0 * rest).min(1.0) };
        Self(grown.min((blocks - 1) as f64))
    }

    /// The last block in use, and its weight in the picture.
    fn top(self) -> (usize, f64) {
        let top = self.0.ceil() as usize;
        (top, if top == 0 { 1.0 } else { self.0 - (top - 1) as f64 })
    }
}

fn act(x: Dual<4>) -> Dual<4> {
    x.through(&ACTIVATION)
}

fn doubled(x: Dual<4>, times: usize) -> Dual<4> {
    (0..times).fold(x, |x, _| x.upsampled(Upsample::Nearest))
}

/// z → picture.
#[derive(Clone, Debug)]
pub struct Generator {
    dense: Linear,
    extent: ByExtent,
    config: Config,
    level: Level,
}

parameters!(Generator { dense, extent });

impl Generator {
    /// Grows to the extent scheduled for `images_seen` real pictures.
    pub fn grow(&mut self, images_seen: f64) {
        self.level = Level::at(images_seen, self.config.phase_kimg, self.extent.0.len());
    }

    /// # Shapes
    /// `z` [B, latent] gives [B, C, size, size], the pixels of smaller extents doubled.
    #[must_use]
    pub fn forward(&self, z: Dual<2>, _: &mut Pass<'_>) -> Dual<4> {
        let (top, share) = self.level.top();
        let (batch, base) = (z.dims()[0] as i64, BASE as i64);
        let mut x = act(z.dense(&self.dense).reshaped([batch, -1, base, base]));
        let mut before = None;
        for (i, (_, block)) in self.extent.0.iter().enumerate().take(top + 1) {
            if i > 0 {
                x = doubled(x, 1);
            }
            if i == top && share < 1.0 {
                // The picture of the previous extent.
                before =
                    Some(x.clone().conv(&self.extent.0[i - 1].1.rgb, None).scaled(1.0 - share));
            }
            x = act(x.conv(&block.conv, None));
        }
        let picture = x.conv(&self.extent.0[top].1.rgb, None);
        let picture = match before {
            None => picture,
            Some(before) => picture.scaled(share).plus(before),
        };
        doubled(picture, self.extent.0.len() - 1 - top)
    }

    /// Real pictures at the generator's present level of detail.
    #[must_use]
    pub fn as_made(&self, x: Tensor<4>) -> Tensor<4> {
        let (top, share) = self.level.top();
        let down = self.extent.0.len() - 1 - top;
        let small = (0..down).fold(x, |x, _| ops::average_pool2(x));
        let small = if share < 1.0 {
            let coarse = ops::upsample2(ops::average_pool2(small.clone()), Upsample::Nearest);
            small * share + coarse * (1.0 - share)
        } else {
            small
        };
        (0..down).fold(small, |x, _| ops::upsample2(x, Upsample::Nearest))
    }

    pub(crate) fn layers(&self, channels: usize) -> Layers {
        let mut layers = Layers::from(self.config.latent.to_string());
        layers.push("dense", &format!("(B, {})", self.config.width * BASE * BASE), &self.dense);
        for (extent, block) in &self.extent.0 {
            layers.push(
                format!("extent.{extent}"),
                &format!("(B, {}, {extent}, {extent})", self.config.width),
                block,
            );
            layers.through_picture(*extent, channels);
        }
        layers
    }

    pub(crate) fn graph(&self) -> Graph {
        let (top, share) = self.level.top();
        let mut ops = Lowering::new(LATENT, vec![self.config.latent], false);
        let base = BASE as i64;
        let y = ops.dense("dense", &self.dense, LATENT);
        let shape = ops.graph.constant("shape.base", Constant::Integers(vec![0, -1, base, base]));
        let y = ops.graph.push("Reshape", &[&y, &shape], "dense.picture", Vec::new());
        let mut x = ops.activation("dense.act", ACTIVATION, &y);
        let scaled = |ops: &mut Lowering, x: &str, factor: f64, name: &str| {
            let factor =
                ops.graph.constant(format!("{name}.factor"), Constant::Number(factor as f32));
            ops.graph.push("Mul", &[x, &factor], name, Vec::<(&'static str, Attribute)>::new())
        };
        let mut before = None;
        for (i, (extent, block)) in self.extent.0.iter().enumerate().take(top + 1) {
            if i > 0 {
                x = ops.doubled(&format!("extent.{extent}.doubled"), &x, Upsample::Nearest);
            }
            if i == top && share < 1.0 {
                let (earlier, block) = &self.extent.0[i - 1];
                let picture = ops.conv(&format!("extent.{earlier}.rgb"), &block.rgb, &x);
                before = Some(scaled(&mut ops, &picture, 1.0 - share, "faded.out"));
            }
            let y = ops.conv(&format!("extent.{extent}.conv"), &block.conv, &x);
            x = ops.activation(&format!("extent.{extent}.act"), ACTIVATION, &y);
        }
        let (extent, block) = &self.extent.0[top];
        let mut picture = ops.conv(&format!("extent.{extent}.rgb"), &block.rgb, &x);
        if let Some(before) = before {
            let faded = scaled(&mut ops, &picture, share, "faded.in");
            picture = ops.graph.push("Add", &[&faded, &before], "faded", Vec::new());
        }
        for (extent, _) in &self.extent.0[top + 1..] {
            picture = ops.doubled(&format!("picture.{extent}"), &picture, Upsample::Nearest);
        }
        let size = self.extent.0.last().map_or(BASE, |(extent, _)| *extent);
        ops.finish(&picture, Range::Signed, [block.rgb.config().outputs, size, size])
    }
}

/// Picture → logit.
#[derive(Clone, Debug)]
pub struct Discriminator {
    extent: ByExtent,
    head: Linear,
    config: Config,
    level: Level,
}

parameters!(Discriminator { extent, head });

impl Discriminator {
    /// Grows to the extent scheduled for `images_seen` real pictures.
    pub fn grow(&mut self, images_seen: f64) {
        self.level = Level::at(images_seen, self.config.phase_kimg, self.extent.0.len());
    }

    /// # Shapes
    /// `x` [B, C, size, size] gives logits [B, 1].
    #[must_use]
    pub fn forward(&self, x: Dual<4>) -> Judgement {
        let (top, share) = self.level.top();
        let batch = x.dims()[0] as i64;
        let picture = (0..self.extent.0.len() - 1 - top).fold(x, |x, _| x.pooled());
        let mut x = act(picture.clone().conv(&self.extent.0[top].1.rgb, None));
        for (i, (_, block)) in self.extent.0.iter().enumerate().take(top + 1).rev() {
            x = act(x.conv(&block.conv, None));
            if i == 0 {
                break;
            }
            x = x.pooled();
            if i == top && share < 1.0 {
                let coarse = act(picture.clone().pooled().conv(&self.extent.0[i - 1].1.rgb, None));
                x = x.scaled(share).plus(coarse.scaled(1.0 - share));
            }
        }
        let (logits, tangent) =
            x.reshaped([batch, (self.config.width * BASE * BASE) as i64]).dense(&self.head).parts();
        Judgement { logits, tangent, classes: None }
    }

    pub(crate) fn layers(&self, size: usize, channels: usize) -> Layers {
        let mut layers = Layers::default();
        layers.through_picture(size, channels);
        for (extent, block) in self.extent.0.iter().rev() {
            layers.push(
                format!("extent.{extent}"),
                &format!("(B, {}, {extent}, {extent})", self.config.width),
                block,
            );
        }
        layers.push("head", "(B, 1)", &self.head);
        layers.through("1".into());
        layers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extents_fade_in_and_are_stable_by_turns() {
        let level = |images: f64| Level::at(images, 0.1, 3).0;
        assert_eq!(
            [0.0, 99.0, 100.0, 125.0, 150.0, 199.0, 225.0, 900.0].map(level),
            [0.0, 0.0, 0.0, 0.5, 1.0, 1.0, 1.5, 2.0]
        );
        assert_eq!(
            [Level(0.0).top(), Level(0.25).top(), Level(1.0).top()],
            [(0, 1.0), (1, 0.25), (1, 1.0)]
        );
    }
}
