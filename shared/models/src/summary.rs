//! The table of a network's layers with shapes and counts, in the format of Keras.
//!
//! ```
//! use burn::tensor::Device;
//! use fledge_models::config::{DataConfig, RunConfig, Settings};
//!
//! let settings = Settings::resolve("gan-ada", None, &[])?;
//! let config = RunConfig::new("gan-ada", settings, 0, DataConfig::of_extent(64, 3));
//! let generator = config.outline(config.settings.task.shown(), &Device::flex());
//! assert_eq!(
//!     generator.outline(64, 3),
//!     "64 → 4×4×128 → 8×8×128 → 16×16×128 → 32×32×128 → 64×64×3; 926,083 weights"
//! );
//! # Ok::<(), fledge_base::cli::UsageError>(())
//! ```

use crate::parameter::{Parameters, Purpose};

/// The layers of a network, as its family lists them.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    rows: Vec<Layer>,
    /// The shapes between the layers.
    shapes: Vec<String>,
}

/// A layer: its text, its output shape, its number of values.
#[derive(Clone, Debug)]
struct Layer(String, String, usize);

impl From<String> for Layers {
    /// An empty list for an input of this shape.
    fn from(input: String) -> Self {
        Self { rows: Vec::new(), shapes: vec![input] }
    }
}

impl Layers {
    /// Adds a layer.
    pub fn push(&mut self, name: impl Into<String>, shape: &str, part: &dyn Parameters) {
        let count = part.parameters().iter().map(|(_, p)| p.count()).sum();
        self.rows.push(Layer(name.into(), shape.to_owned(), count));
    }

    /// Adds a shape between the layers.
    pub fn through(&mut self, shape: String) {
        self.shapes.push(shape);
    }

    /// Adds the shape of a picture, as "64×64×3".
    pub fn through_picture(&mut self, extent: usize, channels: usize) {
        self.through(format!("{extent}×{extent}×{channels}"));
    }
}

/// The table of a `network` with these `layers`.
#[must_use]
pub fn table(title: &str, layers: &Layers, network: &dyn Parameters) -> String {
    let weights = count(network, Purpose::Weight);
    let total: usize = layers.rows.iter().map(|row| row.2).sum();
    let line = "─".repeat(76);
    let mut text =
        format!("{title}\n{:<44}{:<20}{:>12}\n{line}\n", "Layer", "Output shape", "Param #");
    for Layer(layer, shape, count) in &layers.rows {
        text += &format!("{layer:<44}{shape:<20}{:>12}\n", thousands(*count));
    }
    text += &format!("{line}\nTotal params: {}\n", thousands(total));
    text += &format!(
        "Trainable params: {}\nNon-trainable params: {}\n",
        thousands(weights),
        thousands(total - weights)
    );
    text
}

/// One line of shapes: "64 → 4×4×128 → … → 64×64×3; 926,083 weights".
#[must_use]
pub fn outline(layers: &Layers, network: &dyn Parameters) -> String {
    let frozen = match count(network, Purpose::Frozen) {
        0 => String::new(),
        n => format!(", and {} frozen", thousands(n)),
    };
    format!(
        "{}; {} weights{frozen}",
        layers.shapes.join(" → "),
        thousands(count(network, Purpose::Weight))
    )
}

fn count(network: &dyn Parameters, purpose: Purpose) -> usize {
    network
        .parameters()
        .iter()
        .filter(|(_, p)| p.purpose() == purpose)
        .map(|(_, p)| p.count())
        .sum()
}

/// Formats 930947 as "930,947".
fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|g| std::str::from_utf8(g).unwrap_or_default())
        .collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use crate::config::{DataConfig, RunConfig, Settings};
    use crate::networks::Network;
    use crate::preset;

    /// Counts of both networks: trainable, then total, by Keras and PyTorch
    /// (`tools/golden_presets.py`).
    const COUNTS: &[(&str, [&str; 2], [&str; 2])] = &[
        ("gan-ada", ["926,083", "930,947"], ["795,137", "796,161"]),
        ("dcgan-anime", ["14,763,011", "14,765,059"], ["4,321,153", "4,322,945"]),
        ("dcgan-tf", ["18,885,760", "18,920,320"], ["17,231,105", "17,231,105"]),
        ("wgan", ["5,173,505", "5,190,657"], ["4,109,825", "4,111,361"]),
        ("wgan-gp", ["5,996,289", "6,013,697"], ["4,107,393", "4,107,393"]),
    ];

    /// Both networks of a preset without values, as `--summary` builds them, with size and
    /// channels.
    fn networks(name: &str, flags: &[&str]) -> (Vec<Network>, usize, usize) {
        let flags: Vec<String> = flags.iter().map(|f| (*f).to_owned()).collect();
        let settings = Settings::resolve(name, None, &flags).expect("settings");
        let (size, channels) = preset::find(name).expect("preset").extent;
        let config = RunConfig::new(name, settings, 0, DataConfig::of_extent(size, channels));
        let networks =
            config.settings.task.roles().iter().map(|role| config.outline(role, &Device::flex()));
        (networks.collect(), size, channels)
    }

    #[test]
    fn an_outline_has_every_shape_and_tells_frozen_weights_from_others() {
        let outline = |flags: &[&str], index: usize| {
            let (networks, size, channels) = networks("gan-ada", flags);
            networks[index].outline(size, channels)
        };
        assert_eq!(
            outline(&[], 0),
            "64 → 4×4×128 → 8×8×128 → 16×16×128 → 32×32×128 → 64×64×3; 926,083 weights"
        );
        assert_eq!(
            outline(&[], 1),
            "64×64×3 → 32×32×128 → 16×16×128 → 8×8×128 → 4×4×128 → 1; 795,137 weights"
        );
        // A kernel of 4×4 from 3 to 128 channels, and the shifts of its BatchNorm.
        let frozen = 4 * 4 * 3 * 128 + 128;
        assert!(outline(&["discriminator.freeze=1"], 1).ends_with(&format!(
            "; {} weights, and {} frozen",
            super::thousands(795_137 - frozen),
            super::thousands(frozen)
        )));
    }

    /// Trainable parameters of both networks of StyleGAN2's configurations. `stylegan2-config-f` and
    /// `stylegan2-paper1024` at 1024 have the layers that stylegan2-ada-pytorch's issues 97 and 182
    /// print; the others follow from the same layers.
    const STYLEGAN2: &[(&str, usize, [usize; 2])] = &[
        ("stylegan2-config-f", 1024, [30_370_060, 29_012_513]),
        ("stylegan2-paper1024", 1024, [30_370_060, 29_012_513]),
        ("stylegan2-config-f", 256, [30_034_338, 28_864_129]),
        ("stylegan2-paper256", 256, [24_767_458, 24_001_089]),
        ("stylegan2-ada", 256, [23_191_522, 24_001_089]),
        ("stylegan2-ada", 64, [22_243_608, 23_407_361]),
        ("stylegan2-ada", 32, [19_947_539, 21_507_073]),
        ("stylegan2-cifar", 32, [19_947_539, 20_720_641]),
    ];

    #[test]
    fn the_networks_of_stylegan2_have_as_many_parameters_as_the_sources() {
        for &(name, size, counts) in STYLEGAN2 {
            let settings = Settings::resolve_for(name, Some(size), None, &[]).expect("settings");
            let config = RunConfig::new(name, settings, 0, DataConfig::of_extent(size, 3));
            let roles = config.settings.task.roles().iter();
            for (role, expected) in roles.zip(counts) {
                let table = config.outline(role, &Device::flex()).summary("Network", size, 3);
                let line = format!("Trainable params: {}\n", super::thousands(expected));
                assert!(table.contains(&line), "{name} {size}: {line}{table}");
            }
        }
    }

    /// Trainable parameters of translators, by role: the counts that the sources log (54.414 M,
    /// 11.378 M), and those that follow from the same layers.
    type Count = (&'static str, usize, &'static [&'static str], &'static [usize]);
    const TRANSLATORS: &[Count] = &[
        ("pix2pix", 256, &[], &[54_413_955, 2_768_705]),
        ("pix2pix", 256, &["generator.norm=instance"], &[54_409_603]),
        ("cyclegan", 256, &[], &[11_378_179, 11_378_179, 2_764_737, 2_764_737]),
        ("cyclegan", 256, &["generator.antialias=true"], &[11_378_179]),
        ("cut", 256, &[], &[11_378_179, 2_764_737, 560_384]),
    ];

    #[test]
    fn translators_have_as_many_parameters_as_the_sources() {
        for &(name, size, flags, counts) in TRANSLATORS {
            let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
            let settings = Settings::resolve_for(name, Some(size), None, &flags).expect("settings");
            let config = RunConfig::new(name, settings, 0, DataConfig::of_extent(size, 3));
            for (role, expected) in config.settings.task.roles().iter().zip(counts) {
                let table = config.outline(role, &Device::flex()).summary("Network", size, 3);
                let line = format!("Trainable params: {}\n", super::thousands(*expected));
                assert!(table.contains(&line), "{name} {size} {flags:?}: {line}{table}");
            }
        }
    }

    #[test]
    fn the_counts_of_each_preset_are_those_the_libraries_print() {
        for (name, of_generator, of_discriminator) in COUNTS {
            let (networks, size, channels) = networks(name, &[]);
            for (network, [trainable, total]) in
                networks.iter().zip([of_generator, of_discriminator])
            {
                let table = network.summary("Network", size, channels);
                let counts = format!("Total params: {total}\nTrainable params: {trainable}\n");
                assert!(table.contains(&counts), "{name}: {counts}{table}");
            }
        }
    }
}
