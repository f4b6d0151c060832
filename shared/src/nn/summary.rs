//! The table of a network's layers with shapes and counts, as Keras prints it.

use super::discriminator::Discriminator;
use super::generator::Generator;
use super::layers::{Attention, Conv2d, NormAct};
use super::ops::Upsample;
use super::parameter::{Parameters, Role};

/// One line: what the layer is, the shape it gives, how many values it holds.
struct Row(String, String, usize);

fn table(title: &str, rows: &[Row], network: &dyn Parameters) -> String {
    let weights: usize = network.parameters().iter().filter(|(_, p)| p.role() == Role::Weight).map(|(_, p)| p.count()).sum();
    let total: usize = rows.iter().map(|r| r.2).sum();
    let mut text = format!("{title}\n{:<44}{:<20}{:>12}\n{}\n", "Layer", "Output shape", "Param #", "─".repeat(76));
    for Row(layer, shape, count) in rows {
        text += &format!("{layer:<44}{shape:<20}{:>12}\n", thousands(*count));
    }
    text += &format!("{}\nTotal params: {}\n", "─".repeat(76), thousands(total));
    text += &format!("Trainable params: {}\nNon-trainable params: {}\n", thousands(weights), thousands(total - weights));
    text
}

/// 930947 → "930,947".
fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|g| std::str::from_utf8(g).unwrap_or_default()).collect();
    groups.join(",")
}

fn count(part: &dyn Parameters) -> usize {
    part.parameters().iter().map(|(_, p)| p.count()).sum()
}

/// "transposed 4×4, stride 2".
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

/// What follows a convolution.
fn follows(layer: &NormAct) -> &'static str {
    if layer.norm.is_some() { "norm + activation" } else { "activation" }
}

fn block(
    rows: &mut Vec<Row>,
    name: &str,
    shape: &str,
    conv: &Conv2d,
    skip: Option<&Conv2d>,
    norm: &NormAct,
    at: Option<&Attention>,
) {
    rows.push(Row(format!("{name}.conv ({})", describe(conv)), shape.to_owned(), count(conv)));
    if let Some(skip) = skip {
        rows.push(Row(format!("{name}.skip (1×1)"), shape.to_owned(), count(skip)));
    }
    rows.push(Row(format!("{name}.{}", follows(norm)), shape.to_owned(), count(norm)));
    if let Some(attention) = at {
        rows.push(Row(format!("{name}.attention"), shape.to_owned(), count(attention)));
    }
}

/// The generator's table for pictures of `channels`.
#[must_use]
pub fn generator(network: &Generator, channels: usize) -> String {
    let config = network.config();
    let features = network.dense.weight.shape()[0];
    let (base, first) = (config.base, config.channels(0));
    let mut rows = Vec::new();
    if let Some(embedding) = &network.embedding {
        rows.push(Row("embedding of the class".into(), format!("(B, {})", embedding.shape()[1]), embedding.count()));
    }
    let bias = if network.dense.bias.is_some() { "" } else { ", no bias" };
    let dense = format!("dense ({} → {features}{bias})", network.dense.weight.shape()[1]);
    rows.push(Row(dense, format!("(B, {features})"), count(&network.dense)));
    rows.push(Row(follows(&network.norm).into(), format!("(B, {first}, {base}, {base})"), count(&network.norm)));
    let mut extent = base;
    for (i, up) in network.up.iter().enumerate() {
        extent = up.conv.config().extent(extent);
        let shape = format!("(B, {}, {extent}, {extent})", up.conv.config().outputs);
        block(&mut rows, &format!("up.{i}"), &shape, &up.conv, up.skip.as_ref(), &up.norm, up.attention.as_ref());
    }
    extent = network.out.config().extent(extent);
    let output = format!("{:?}", config.output).to_lowercase();
    let shape = format!("(B, {channels}, {extent}, {extent})");
    rows.push(Row(format!("out ({}) + {output}", describe(&network.out)), shape, count(&network.out)));
    table("Generator", &rows, network)
}

/// The discriminator's table for pictures of `size`.
#[must_use]
pub fn discriminator(network: &Discriminator, size: usize) -> String {
    let (mut rows, mut extent) = (Vec::new(), size);
    for (i, down) in network.down.iter().enumerate() {
        extent = down.conv.config().extent(extent);
        let shape = format!("(B, {}, {extent}, {extent})", down.conv.config().outputs);
        block(&mut rows, &format!("down.{i}"), &shape, &down.conv, down.skip.as_ref(), &down.norm, down.attention.as_ref());
    }
    let features = network.head.weight.shape()[1];
    let stddev = if network.config().minibatch_stddev > 0 { "minibatch standard deviation + " } else { "" };
    rows.push(Row(format!("{stddev}flatten + dropout"), format!("(B, {features})"), 0));
    rows.push(Row("head (dense)".into(), "(B, 1)".into(), count(&network.head)));
    for (name, layer) in [("projection of the class", &network.projection), ("auxiliary classifier", &network.auxiliary)] {
        if let Some(layer) = layer {
            rows.push(Row(name.into(), format!("(B, {})", layer.weight.shape()[0]), count(layer)));
        }
    }
    table("Discriminator", &rows, network)
}

/// What a picture goes through, in a line: "64 → 4×4×128 → … → 64×64×3; 926,083 weights".
#[must_use]
pub fn outline_of_generator(network: &Generator, channels: usize) -> String {
    let config = network.config();
    let (mut extent, mut shapes) = (config.base, vec![config.latent.to_string(), shape(config.base, config.channels(0))]);
    for up in &network.up {
        extent = up.conv.config().extent(extent);
        shapes.push(shape(extent, up.conv.config().outputs));
    }
    shapes.push(shape(network.out.config().extent(extent), channels));
    outline(&shapes, network)
}

/// As [`outline_of_generator`], from pictures of `size` and `channels` to the logit.
#[must_use]
pub fn outline_of_discriminator(network: &Discriminator, size: usize, channels: usize) -> String {
    let (mut extent, mut shapes) = (size, vec![shape(size, channels)]);
    for down in &network.down {
        extent = down.conv.config().extent(extent);
        shapes.push(shape(extent, down.conv.config().outputs));
    }
    shapes.push("1".into());
    outline(&shapes, network)
}

/// "64×64×3".
fn shape(extent: usize, channels: usize) -> String {
    format!("{extent}×{extent}×{channels}")
}

fn outline(shapes: &[String], network: &dyn Parameters) -> String {
    let count = |role| network.parameters().iter().filter(|(_, p)| p.role() == role).map(|(_, p)| p.count()).sum();
    let frozen = match count(Role::Frozen) {
        0 => String::new(),
        n => format!(", and {} that do not learn", thousands(n)),
    };
    format!("{}; {} weights{frozen}", shapes.join(" → "), thousands(count(Role::Weight)))
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use crate::nn::preset;

    /// Trainable, then all, as Keras and PyTorch count them (`tools/golden_presets.py`); both networks.
    const COUNTS: &[(&str, [&str; 2], [&str; 2])] = &[
        ("gan-ada", ["926,083", "930,947"], ["795,137", "796,161"]),
        ("dcgan-anime", ["14,763,011", "14,765,059"], ["4,321,153", "4,322,945"]),
        ("dcgan-tf", ["18,885,760", "18,920,320"], ["17,231,105", "17,231,105"]),
        ("wgan", ["5,173,505", "5,190,657"], ["4,109,825", "4,111,361"]),
        ("wgan-gp", ["5,996,289", "6,013,697"], ["4,107,393", "4,107,393"]),
    ];

    #[test]
    fn an_outline_has_every_shape_and_tells_frozen_weights_from_others() {
        let settings = |flags: &[&str]| {
            let flags: Vec<String> = flags.iter().map(|f| (*f).to_owned()).collect();
            preset::find("gan-ada").expect("preset").settings().and_then(|s| s.with(None, &flags)).expect("settings")
        };
        let device = Device::flex();
        let g = super::outline_of_generator(&settings(&[]).generator(64, 3, 0, 0, &device), 3);
        assert_eq!(g, "64 → 4×4×128 → 8×8×128 → 16×16×128 → 32×32×128 → 64×64×3; 926,083 weights");
        let outline =
            |flags: &[&str]| super::outline_of_discriminator(&settings(flags).discriminator(64, 3, 0, 0, &device), 64, 3);
        assert_eq!(outline(&[]), "64×64×3 → 32×32×128 → 16×16×128 → 8×8×128 → 4×4×128 → 1; 795,137 weights");
        // A kernel of 4×4 from 3 to 128 channels, and the shifts of its BatchNorm.
        let frozen = 4 * 4 * 3 * 128 + 128;
        assert!(outline(&["discriminator.freeze=1"]).ends_with(&format!(
            "; {} weights, and {} that do not learn",
            super::thousands(795_137 - frozen),
            super::thousands(frozen)
        )));
    }

    #[test]
    fn the_counts_of_each_preset_are_those_the_libraries_print() {
        let device = Device::flex();
        for (name, of_generator, of_discriminator) in COUNTS {
            let preset = preset::find(name).expect("preset");
            let (settings, (size, channels)) = (preset.settings().expect("settings"), preset.extent);
            let g = super::generator(&settings.generator(size, channels, 0, 0, &device), channels);
            let d = super::discriminator(&settings.discriminator(size, channels, 0, 0, &device), size);
            for (table, [trainable, total]) in [(g, of_generator), (d, of_discriminator)] {
                let counts = format!("Total params: {total}\nTrainable params: {trainable}\n");
                assert!(table.contains(&counts), "{name}: {counts}{table}");
            }
        }
    }
}
