//! The table of a network's layers with shapes and counts, as Keras prints it.

use super::discriminator::Discriminator;
use super::generator::{BASE, Generator};
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

/// The generator's table for pictures of `channels`.
#[must_use]
pub fn generator(network: &Generator, channels: usize) -> String {
    let features = network.norm.beta.count();
    let width = features / (BASE * BASE);
    let mut rows = vec![
        Row(format!("dense ({} → {features}, no bias)", network.latent()), format!("(B, {features})"), count(&network.dense)),
        Row("norm + ReLU".into(), format!("(B, {width}, {BASE}, {BASE})"), count(&network.norm)),
    ];
    let mut extent = BASE;
    for (i, up) in network.up.iter().enumerate() {
        extent *= 2;
        let shape = format!("(B, {width}, {extent}, {extent})");
        rows.push(Row(format!("up.{i}.conv (transposed 4×4, stride 2)"), shape.clone(), count(&up.conv)));
        rows.push(Row(format!("up.{i}.norm + ReLU"), shape, count(&up.norm)));
    }
    extent *= 2;
    let shape = format!("(B, {channels}, {extent}, {extent})");
    rows.push(Row("out (transposed 4×4, stride 2) + sigmoid".into(), shape, count(&network.out)));
    table("Generator", &rows, network)
}

/// The discriminator's table for pictures of `size`.
#[must_use]
pub fn discriminator(network: &Discriminator, size: usize) -> String {
    let (mut rows, mut extent) = (Vec::new(), size);
    for (i, down) in network.down.iter().enumerate() {
        extent /= 2;
        let shape = format!("(B, {}, {extent}, {extent})", down.norm.beta.count());
        rows.push(Row(format!("down.{i}.conv (4×4, stride 2)"), shape.clone(), count(&down.conv)));
        rows.push(Row(format!("down.{i}.norm + leaky ReLU"), shape, count(&down.norm)));
    }
    let features = network.head.weight.count();
    rows.push(Row("flatten + dropout".into(), format!("(B, {features})"), 0));
    rows.push(Row("head (dense)".into(), "(B, 1)".into(), count(&network.head)));
    table("Discriminator", &rows, network)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    #[test]
    fn the_counts_of_gan_ada_are_those_keras_prints() {
        let device = Device::flex();
        let settings = crate::nn::preset::find("gan-ada").expect("preset").settings();
        let g = super::generator(&settings.generator.init(64, 3, 0, &device), 3);
        assert!(g.contains("Total params: 930,947\nTrainable params: 926,083\nNon-trainable params: 4,864"), "{g}");
        let d = super::discriminator(&settings.discriminator.init(64, 3, 0, &device), 64);
        assert!(d.contains("Total params: 796,161\nTrainable params: 795,137\nNon-trainable params: 1,024"), "{d}");
    }
}
