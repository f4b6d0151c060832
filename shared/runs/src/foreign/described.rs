//! The settings that a file's networks follow, and the comparison with its tensors.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{self, Device, TensorData};
use fledge_archives::torch::{Float, Tensor};
use fledge_base::cli::UsageError;
use fledge_models::config::{DataConfig, RunConfig, Settings};
use fledge_models::layers::Pass;
use fledge_models::networks;
use fledge_models::networks::stylegan2::{self, DiscriminatorConfig, GeneratorConfig};
use fledge_models::parameter::Parameters;
use fledge_models::task::Part;

/// The preset whose settings stand where a file says nothing: the trainer's own.
const PRESET: &str = "stylegan2-ada";
/// The same for generators that translate, whose trainer has a task for one of them.
const TRANSLATOR: &str = "pix2pix";
/// The largest height and width of pictures that a U-Net halves to a single pixel.
const LARGEST: usize = 4096;
/// Height and width of the pictures of generators.
const SIZES: std::ops::RangeInclusive<usize> = 8..=1024;
/// Height and width of the first features of a generator.
const SMALLEST: usize = 4;
/// The most classes.
const CLASSES: usize = 100_000;
/// The longest vector of a network: 512 in all that are published. What a file says is not yet
/// compared with its tensors when the outline of a network is made of it.
const LONGEST: usize = 1 << 16;
/// Number of names in an error's text; the rest is counted.
const NAMES_SHOWN: usize = 5;
/// The taps of the resampling filter along an axis, which no setting changes here.
const TAPS: [f32; 4] = [1.0, 3.0, 3.0, 1.0];
/// The ending of the names of resampling filters.
pub(super) const FILTER: &str = "resample_filter";

/// The name of the average of w.
pub(super) const AVERAGE: &str = "mapping.w_avg";

/// The tensors of a network by our names.
pub(super) type Tensors = BTreeMap<String, Tensor>;

/// What a file describes, and its tensors by the name that the network's file has in a checkpoint.
pub(super) struct Described {
    pub(super) facts: Facts,
    pub(super) parts: BTreeMap<&'static str, Tensors>,
}

/// What a file says about its networks.
pub(super) enum Facts {
    /// Those of a StyleGAN2.
    Stylegan2(StyleFacts),
    /// A generator that translates pictures.
    Translator(TranslatorFacts),
}

/// What a file says about a generator that translates pictures.
pub(super) struct TranslatorFacts {
    pub(super) size: usize,
    pub(super) channels: usize,
    pub(super) generator: networks::GeneratorConfig,
}

/// What a file says about the networks of a StyleGAN2.
pub(super) struct StyleFacts {
    pub(super) size: usize,
    pub(super) channels: usize,
    /// 0 = none.
    pub(super) classes: usize,
    pub(super) mirror: bool,
    pub(super) generator: GeneratorConfig,
    pub(super) discriminator: DiscriminatorConfig,
}

/// `channel_base` and `channel_max`.
#[derive(Clone, Copy)]
pub(super) struct Widths {
    pub(super) base: usize,
    pub(super) most: usize,
}

impl Described {
    /// `parts` may hold filters; they are compared with ours and taken out.
    ///
    /// # Errors
    /// If a filter is another one.
    pub(super) fn new(
        bytes: &[u8],
        facts: Facts,
        mut parts: BTreeMap<&'static str, Tensors>,
    ) -> Result<Self, String> {
        for tensors in parts.values_mut() {
            for (name, filter) in tensors.extract_if(.., |name, _| name.ends_with(FILTER)) {
                if filter.shape != [4, 4]
                    || filter.float != Float::F32
                    || !is_ours(&filter.read(bytes))
                {
                    return Err(format!("{name} is another filter than [1, 3, 3, 1]"));
                }
            }
        }
        Ok(Self { facts, parts })
    }
}

/// Returns true for a multiple of the outer product of [`TAPS`]; how much it amplifies is known.
fn is_ours(bytes: &[u8]) -> bool {
    let values: Vec<f32> =
        bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    let first = values[0];
    let expected = TAPS.iter().flat_map(|a| TAPS.iter().map(move |b| a * b * first));
    first > 0.0 && values.iter().zip(expected).all(|(v, e)| (v - e).abs() < 1e-5 * e)
}

impl Widths {
    /// Those `given` if they are those of all `tensors`, whose first extents are the channels of
    /// an extent; else those that follow from the first and the last of them.
    pub(super) fn of(
        given: Option<Self>,
        size: usize,
        tensors: &Tensors,
        name: impl Fn(usize) -> String,
    ) -> Self {
        let channels = |extent: usize| {
            let tensor = tensors.get(&name(extent));
            tensor.and_then(|tensor| tensor.shape.first()).copied().unwrap_or_default()
        };
        let mut extents =
            std::iter::successors(Some(SMALLEST), |n| Some(n * 2)).take_while(|n| *n <= size);
        let fits = |w: &Self| extents.all(|n| channels(n) == (w.base / n).min(w.most));
        given.filter(fits).unwrap_or_else(|| Self {
            base: channels(size).saturating_mul(size),
            most: channels(SMALLEST),
        })
    }
}

impl Facts {
    /// The configuration of a run with these networks, from the file at `path`.
    ///
    /// # Errors
    /// If such networks do not exist here.
    pub(super) fn config(self, path: &Path, crc32: &str) -> Result<RunConfig, UsageError> {
        match self {
            Self::Stylegan2(facts) => facts.config(path, crc32),
            Self::Translator(facts) => facts.config(path, crc32),
        }
    }
}

/// The data of a run with networks of the file at `path`.
fn data(path: &Path, crc32: &str, size: usize, channels: usize) -> DataConfig {
    DataConfig {
        path: path.display().to_string(),
        fingerprint: crc32.to_owned(),
        ..DataConfig::of_extent(size, channels)
    }
}

impl TranslatorFacts {
    fn config(self, path: &Path, crc32: &str) -> Result<RunConfig, UsageError> {
        let Self { size, channels, generator } = self;
        if ![1, 3].contains(&channels) {
            return Err(UsageError(format!("its pictures have {channels} channels, not 1 or 3")));
        }
        let width = match &generator {
            networks::GeneratorConfig::Unet(config) => config.width,
            networks::GeneratorConfig::ResnetTranslator(config) => config.width,
            _ => 1,
        };
        if size > LARGEST {
            return Err(UsageError(format!("its pictures are {size}×{size}; at most {LARGEST}")));
        }
        if width > LONGEST {
            return Err(UsageError(format!("a layer has {width} features; at most {LONGEST}")));
        }
        let mut settings = Settings::resolve_for(TRANSLATOR, Some(size), None, &[])?;
        settings.generator = generator;
        let settings = settings.with(None, &[])?;
        Ok(RunConfig::new(TRANSLATOR, settings, 0, data(path, crc32, size, channels)))
    }
}

impl StyleFacts {
    fn config(self, path: &Path, crc32: &str) -> Result<RunConfig, UsageError> {
        let Self { size, channels, classes, mirror, generator, discriminator } = self;
        if !SIZES.contains(&size) || !size.is_power_of_two() {
            let (least, most) = (SIZES.start(), SIZES.end());
            return Err(UsageError(format!(
                "its pictures are {size}×{size}; known are powers of two from {least} to {most}"
            )));
        }
        if ![1, 3].contains(&channels) {
            return Err(UsageError(format!("its pictures have {channels} channels, not 1 or 3")));
        }
        if classes > CLASSES {
            return Err(UsageError(format!("it has {classes} classes; at most {CLASSES}")));
        }
        // Of all extents the smallest has the most channels.
        let channels_of = |base: usize, most: usize| (base / SMALLEST).min(most);
        let lengths = [
            generator.latent,
            generator.styles,
            channels_of(generator.channel_base, generator.channel_max),
            channels_of(discriminator.channel_base, discriminator.channel_max),
        ];
        if let Some(length) = lengths.iter().find(|length| **length > LONGEST) {
            return Err(UsageError(format!("a layer has {length} features; at most {LONGEST}")));
        }
        let cond = if classes > 0 { "cond=embedding+projection" } else { "cond=none" };
        let mut settings = Settings::resolve_for(PRESET, Some(size), None, &[cond.to_owned()])?;
        settings.generator = networks::GeneratorConfig::Stylegan2(generator);
        settings.discriminator = networks::DiscriminatorConfig::Stylegan2(discriminator);
        let settings = settings.with(None, &[])?;
        let data = DataConfig {
            // Their labels are numbers.
            classes: (0..classes).map(|class| class.to_string()).collect(),
            mirror,
            ..data(path, crc32, size, channels)
        };
        Ok(RunConfig::new(PRESET, settings, 0, data))
    }
}

/// The settings that a network in a checkpoint's file `part` uses.
pub(super) fn part_of(part: &str) -> Part {
    if part == "discriminator" { Part::Discriminator } else { Part::Generator }
}

/// All tensors that are missing, unused or wrongly shaped, in groups by network.
pub(super) fn problems(config: &RunConfig, parts: &BTreeMap<&'static str, Tensors>) -> Vec<String> {
    let mut problems = Vec::new();
    for (part, tensors) in parts {
        let roles = config.settings.task.roles();
        let Some(role) = roles.iter().find(|role| role.part == part_of(part)) else { continue };
        let network = config.outline(role, &Device::flex());
        let expected: BTreeMap<String, &[usize]> = network
            .parameters()
            .into_iter()
            .map(|(name, parameter)| (name, parameter.shape()))
            .collect();
        let lacks = |name: &&String| !tensors.contains_key(*name) && *name != AVERAGE;
        let missing = expected.keys().filter(lacks).cloned().collect();
        let unused = tensors.keys().filter(|name| !expected.contains_key(*name)).cloned().collect();
        let other = |(name, tensor): (&String, &Tensor)| {
            let shape = expected.get(name).filter(|shape| **shape != tensor.shape)?;
            Some(format!("{name} has shape {:?}, expected {shape:?}", tensor.shape))
        };
        let misshapen = tensors.iter().filter_map(other).collect();
        for (what, names) in
            [("missing: ", missing), ("unused: ", unused), ("", misshapen)] as [(_, Vec<String>); 3]
        {
            if !names.is_empty() {
                let more = names.len().saturating_sub(NAMES_SHOWN);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                let shown = names[..names.len().min(NAMES_SHOWN)].join(", ");
                problems.push(format!("{part}: {what}{shown}{more}"));
            }
        }
    }
    problems
}

/// The mean of the w of the latent vectors `z`, one after the other.
pub(super) fn average_of(
    generator: &stylegan2::Generator,
    z: Vec<f32>,
    pass: &Pass<'_>,
) -> Vec<f32> {
    let length = generator.config().latent;
    let shape = [z.len() / length, length];
    let z = tensor::Tensor::<2>::from_data(TensorData::new(z, shape), &Device::flex());
    let w = generator.mapping.forward(Some(z.into()), pass).value();
    w.mean_dim(0).into_data().iter::<f32>().collect()
}
