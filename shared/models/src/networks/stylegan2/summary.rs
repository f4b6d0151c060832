//! The layers of both networks with their shapes.

use super::discriminator::Discriminator;
use super::generator::Generator;
use super::settings::BASE;
use crate::layers::{EqualConv, Rescale};
use crate::summary::Layers;

fn describe(rescale: Rescale) -> &'static str {
    match rescale {
        Rescale::Same => "",
        Rescale::Up => ", doubled",
        Rescale::Down => ", halved",
    }
}

impl Generator {
    /// The layers, for pictures of `channels`.
    pub(crate) fn layers(&self, channels: usize) -> Layers {
        let config = self.config();
        let mut layers = Layers::from(config.latent.to_string());
        let styles = format!("(B, {})", config.styles);
        if let Some(embed) = &self.mapping.embed {
            layers.push("mapping.embed (class)", &styles, embed);
        }
        for (i, layer) in self.mapping.layers.iter().enumerate() {
            layers.push(format!("mapping.fc{i}"), &styles, layer);
        }
        layers.push("mapping.w_avg", &styles, &self.mapping.average);
        layers.through(format!("{}×{}", self.style_count(), config.styles));
        for block in &self.synthesis.blocks {
            let extent = block.extent;
            let shape = |channels: usize| format!("(B, {channels}, {extent}, {extent})");
            let features = block.conv1.config().outputs;
            if let Some(constant) = &block.constant {
                layers.push(format!("b{extent}.const"), &shape(features), constant);
            }
            for (name, conv) in [("conv0", block.conv0.as_ref()), ("conv1", Some(&block.conv1))] {
                if let Some(conv) = conv {
                    let kind = describe(conv.config().rescale);
                    let name = format!("b{extent}.{name} (modulated 3×3{kind})");
                    layers.push(name, &shape(features), conv);
                }
            }
            if let Some(skip) = &block.skip {
                layers.push(format!("b{extent}.skip (1×1, doubled)"), &shape(features), skip);
            }
            if let Some(torgb) = &block.torgb {
                let name = format!("b{extent}.torgb (modulated 1×1)");
                layers.push(name, &shape(channels), torgb);
            }
            layers.through_picture(extent, features);
        }
        let size = self.synthesis.blocks.last().map_or(BASE, |block| block.extent);
        layers.through_picture(size, channels);
        layers
    }
}

impl Discriminator {
    /// The layers, for pictures of `size` and `channels`.
    pub(crate) fn layers(&self, size: usize, channels: usize) -> Layers {
        let mut layers = Layers::default();
        layers.through_picture(size, channels);
        let push = |layers: &mut Layers, name: String, extent: usize, conv: &EqualConv| {
            let shape = format!("(B, {}, {extent}, {extent})", conv.config().outputs);
            let kernel = conv.config().kernel;
            let kind = describe(conv.config().rescale);
            layers.push(format!("{name} ({kernel}×{kernel}{kind})"), &shape, conv);
        };
        for block in &self.blocks {
            let extent = block.extent;
            let parts = [
                ("fromrgb", block.fromrgb.as_ref(), extent),
                ("conv0", Some(&block.conv0), extent),
                ("conv1", Some(&block.conv1), extent / 2),
                ("skip", block.skip.as_ref(), extent / 2),
            ];
            for (name, conv, after) in parts {
                if let Some(conv) = conv {
                    push(&mut layers, format!("b{extent}.{name}"), after, conv);
                }
            }
            layers.through_picture(extent / 2, block.conv1.config().outputs);
        }
        let epilogue = &self.epilogue;
        if let Some(fromrgb) = &epilogue.fromrgb {
            push(&mut layers, format!("b{BASE}.fromrgb"), BASE, fromrgb);
        }
        if self.config().minibatch_stddev > 0 {
            let inputs = epilogue.conv.config().inputs;
            let shape = format!("(B, {inputs}, {BASE}, {BASE})");
            layers.push("minibatch standard deviation", &shape, &None::<EqualConv>);
        }
        push(&mut layers, format!("b{BASE}.conv"), BASE, &epilogue.conv);
        let parts = [("fc", &epilogue.fc), ("out", &epilogue.out)];
        for (name, layer) in parts {
            layers.push(format!("b{BASE}.{name}"), &format!("(B, {})", layer.outputs()), layer);
        }
        if let Some(mapping) = &self.mapping {
            let shape = format!("(B, {})", epilogue.out.outputs());
            layers.push("mapping (class)", &shape, mapping);
        }
        layers.through("1".into());
        layers
    }
}
