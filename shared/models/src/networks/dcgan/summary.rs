//! The layers of both networks with their shapes.

use fledge_kernels::Upsample;

use super::block::ConvBlock;
use super::discriminator::Discriminator;
use super::generator::Generator;
use crate::layers::{Conv2d, NormAct};
use crate::summary::Layers;

/// Formats a convolution as "transposed 4×4, stride 2".
fn describe(conv: &Conv2d) -> String {
    let c = conv.config();
    let before = match c.upsample {
        None => "",
        Some(Upsample::Nearest) => "nearest ×2, ",
        Some(Upsample::Bilinear) => "bilinear ×2, ",
    };
    let kind = if c.transposed { "transposed " } else { "" };
    format!("{before}{kind}{0}×{0}, stride {1}", c.kernel, c.stride)
}

/// A name for the layers after a convolution.
fn follows(layer: &NormAct) -> &'static str {
    if layer.norm.is_some() { "norm + activation" } else { "activation" }
}

/// Adds a block and returns the extent after it.
fn block(layers: &mut Layers, name: &str, before: usize, block: &ConvBlock) -> usize {
    let extent = block.conv.config().extent(before);
    let channels = block.conv.config().outputs;
    let shape = format!("(B, {channels}, {extent}, {extent})");
    layers.push(format!("{name}.conv ({})", describe(&block.conv)), &shape, &block.conv);
    if let Some(skip) = &block.skip {
        layers.push(format!("{name}.skip (1×1)"), &shape, skip);
    }
    layers.push(format!("{name}.{}", follows(&block.norm)), &shape, &block.norm);
    if let Some(attention) = &block.attention {
        layers.push(format!("{name}.attention"), &shape, attention);
    }
    layers.through_picture(extent, channels);
    extent
}

impl Generator {
    /// The layers, for pictures of `channels`.
    pub(crate) fn layers(&self, channels: usize) -> Layers {
        let config = self.config();
        let features = self.dense.weight.shape()[0];
        let (base, first) = (config.base, config.channels(0));
        let mut layers = Layers::from(config.latent.to_string());
        if let Some(embedding) = &self.embedding {
            layers.push(
                "embedding of the class",
                &format!("(B, {})", embedding.shape()[1]),
                embedding,
            );
        }
        let bias = if self.dense.bias.is_some() { "" } else { ", no bias" };
        let dense = format!("dense ({} → {features}{bias})", self.dense.weight.shape()[1]);
        layers.push(dense, &format!("(B, {features})"), &self.dense);
        layers.push(follows(&self.norm), &format!("(B, {first}, {base}, {base})"), &self.norm);
        layers.through_picture(base, first);
        let mut extent = base;
        for (i, up) in self.up.iter().enumerate() {
            extent = block(&mut layers, &format!("up.{i}"), extent, up);
        }
        extent = self.out.config().extent(extent);
        let output = format!("{:?}", config.output).to_lowercase();
        let shape = format!("(B, {channels}, {extent}, {extent})");
        layers.push(format!("out ({}) + {output}", describe(&self.out)), &shape, &self.out);
        layers.through_picture(extent, channels);
        layers
    }
}

impl Discriminator {
    /// The layers, for pictures of `size` and `channels`.
    pub(crate) fn layers(&self, size: usize, channels: usize) -> Layers {
        let mut layers = Layers::default();
        layers.through_picture(size, channels);
        let mut extent = size;
        for (i, down) in self.down.iter().enumerate() {
            extent = block(&mut layers, &format!("down.{i}"), extent, down);
        }
        let features = self.head.weight.shape()[1];
        let stddev =
            if self.config().minibatch_stddev > 0 { "minibatch standard deviation + " } else { "" };
        layers.push(
            format!("{stddev}flatten + dropout"),
            &format!("(B, {features})"),
            &None::<Conv2d>,
        );
        layers.push("head (dense)", "(B, 1)", &self.head);
        for (name, layer) in [
            ("projection of the class", &self.projection),
            ("auxiliary classifier", &self.auxiliary),
        ] {
            if let Some(layer) = layer {
                layers.push(name, &format!("(B, {})", layer.weight.shape()[0]), layer);
            }
        }
        layers.through("1".into());
        layers
    }
}
