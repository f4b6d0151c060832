//! The files of rosinality's stylegan2-pytorch: state dicts `g_ema` and perhaps `g` and `d`, and the
//! average of w, `latent_avg` (`convert_weight.py`; the trainer saves none). Names of tensors:
//! `model.py`. What else is in them, such as the states of Adam, is not looked at.

use std::collections::BTreeMap;

use fledge_archives::pickle::{Names, Value};
use fledge_archives::torch::{self, TorchFile};
use fledge_models::networks::stylegan2::{DiscriminatorConfig, GeneratorConfig};

use super::described::{AVERAGE, Described, FILTER, Facts, StyleFacts, Tensors, Widths};

/// The names of networks in a file, and the files that they have in a checkpoint.
const NETWORKS: [(&str, &str); 3] = [("g_ema", "ema"), ("g", "generator"), ("d", "discriminator")];
/// Numbers of layers from here on are none.
const LAYERS: usize = 64;
/// Group size of the minibatch standard deviation (`Discriminator.stddev_group`).
const GROUP: usize = 4;

pub(super) const NAMES: Names<'static> = Names { known: &is_known, of: "network file" };

/// The flags of the command line are saved, too.
fn is_known(module: &str, name: &str) -> bool {
    torch::is_known(module, name) || (module, name) == ("argparse", "Namespace")
}

/// Reads a file.
///
/// # Errors
/// If it is something else, or damaged; the error is a sentence.
pub(super) fn read(bytes: &[u8], file: &TorchFile<'_>) -> Result<Described, String> {
    let root = file.pickle.root();
    let member = |name: &str| file.pickle.member(root, name);
    let average = match member("latent_avg") {
        None | Some(Value::None) => None,
        Some(value) => file.tensor(value, &NAMES)?.map(|tensor| tensor.squeezed(1)),
    };
    let ema = tensors(file, member("g_ema").ok_or("it has no network g_ema")?)?;
    let size = generator_size(&ema)?;
    let mut parts = BTreeMap::new();
    for (name, part) in NETWORKS {
        let Some(value) = member(name) else { continue };
        let found = tensors(file, value)?;
        let mut renamed = Tensors::new();
        for (theirs, tensor) in found {
            let ours = match part {
                "discriminator" => discriminator_name(&theirs, size).map(|name| (name, None)),
                _ => generator_name(&theirs),
            };
            let (ours, axes) = ours.unwrap_or_else(|| (theirs.clone(), None));
            let tensor = axes.into_iter().fold(tensor, |tensor, axes| tensor.squeezed(axes));
            if renamed.insert(ours, tensor).is_some() {
                return Err(format!("{name} has two tensors for {theirs}"));
            }
        }
        if let (Some(average), true) = (&average, part != "discriminator") {
            renamed.insert(AVERAGE.to_owned(), average.clone());
        }
        parts.insert(part, renamed);
    }
    let facts = facts(size, &parts)?;
    Described::new(bytes, facts, parts)
}

/// The tensors of a state dict by their names.
fn tensors(file: &TorchFile<'_>, value: &Value) -> Result<Tensors, String> {
    let members = file.pickle.members(value).ok_or("a network is no state dict")?;
    let mut tensors = Tensors::new();
    for (name, value) in members {
        let name = file.pickle.text(name).ok_or("a tensor has no name")?;
        let name = String::from_utf8_lossy(name).into_owned();
        let tensor = file.tensor(value, &NAMES).map_err(|e| format!("{name}: {e}"))?;
        let tensor = tensor.ok_or_else(|| format!("{name} is no tensor of numbers"))?;
        tensors.insert(name, tensor);
    }
    Ok(tensors)
}

/// Height and width of the pictures: every extent above 4×4 has its own layer to colours.
fn generator_size(ema: &Tensors) -> Result<usize, String> {
    let layers = ema.keys().filter(|name| {
        name.starts_with("to_rgbs.") && name.ends_with(".bias") && name.matches('.').count() == 2
    });
    match layers.count() {
        count @ 1..16 => Ok(4 << count),
        _ => Err("g_ema has no layers to_rgbs of a StyleGAN2".into()),
    }
}

fn facts(size: usize, parts: &BTreeMap<&'static str, Tensors>) -> Result<Facts, String> {
    let ema = parts.get("ema").ok_or("it has no network g_ema")?;
    let extent = |name: &str, axis: usize| {
        let tensor = ema.get(name);
        let extent = tensor.and_then(|tensor| tensor.shape.get(axis)).copied();
        extent.ok_or_else(|| format!("g_ema lacks {name}, or an axis of it"))
    };
    let name = |extent: usize| format!("synthesis.b{extent}.conv1.weight");
    let Widths { base, most } = Widths::of(None, size, ema, name);
    let mapping_layers =
        ema.keys().filter(|n| n.starts_with("mapping.fc") && n.ends_with(".weight")).count();
    let first = "mapping.fc0.weight";
    let generator = GeneratorConfig {
        latent: extent(first, 1)?,
        styles: extent(first, 0)?,
        mapping_layers,
        channel_base: base,
        channel_max: most,
        clamp: 0.0,
        ..GeneratorConfig::default()
    };
    let judged = parts.get("discriminator");
    let mut discriminator = DiscriminatorConfig {
        channel_base: base,
        channel_max: most,
        clamp: 0.0,
        minibatch_stddev: GROUP,
        ..DiscriminatorConfig::default()
    };
    if let Some(tensors) = judged {
        let name = |extent: usize| match extent {
            4 => "b4.conv.weight".to_owned(),
            _ => format!("b{extent}.conv0.weight"),
        };
        let Widths { base, most } = Widths::of(None, size, tensors, name);
        (discriminator.channel_base, discriminator.channel_max) = (base, most);
    }
    let channels = extent("synthesis.b4.torgb.bias", 0)?;
    Ok(Facts::Stylegan2(StyleFacts {
        size,
        channels,
        classes: 0,
        mirror: false,
        generator,
        discriminator,
    }))
}

/// Our name of a generator's tensor, and the number of its axes where theirs has more of extent 1.
fn generator_name(theirs: &str) -> Option<(String, Option<usize>)> {
    let (layer, rest) = theirs.split_once('.')?;
    let numbered = |rest: &'_ str| -> Option<(usize, String)> {
        let (number, rest) = rest.split_once('.')?;
        Some((number.parse().ok().filter(|n| *n < LAYERS)?, rest.to_owned()))
    };
    match layer {
        "input" => (rest == "input").then(|| ("synthesis.b4.const".into(), Some(3))),
        // The first is the normalisation of z.
        "style" => {
            let (number, rest) = numbered(rest)?;
            Some((format!("mapping.fc{}.{rest}", number.checked_sub(1)?), None))
        }
        "noises" => {
            let number = rest.strip_prefix("noise_")?.parse().ok().filter(|n| *n < LAYERS)?;
            Some((format!("{}.noise_const", convolution(number)), Some(2)))
        }
        "conv1" => modulated(&convolution(0), rest),
        "convs" => {
            let (number, rest) = numbered(rest)?;
            modulated(&convolution(number + 1), &rest)
        }
        "to_rgb1" => modulated("synthesis.b4.torgb", rest),
        "to_rgbs" => {
            let (number, rest) = numbered(rest)?;
            modulated(&format!("synthesis.b{}.torgb", 8u128 << number), &rest)
        }
        _ => None,
    }
}

/// Our name of their convolution `number`, from the smallest extent up.
fn convolution(number: usize) -> String {
    match number.checked_sub(1) {
        None => "synthesis.b4.conv1".into(),
        Some(number) => format!("synthesis.b{}.conv{}", 8u128 << (number / 2), number % 2),
    }
}

/// Our name of the tensor `rest` of a modulated convolution.
fn modulated(ours: &str, rest: &str) -> Option<(String, Option<usize>)> {
    let (name, axes) = match rest {
        "conv.weight" => ("weight", Some(4)),
        "conv.modulation.weight" => ("affine.weight", None),
        "conv.modulation.bias" => ("affine.bias", None),
        "noise.weight" => ("noise_strength", Some(0)),
        "activate.bias" => ("bias", None),
        "bias" => ("bias", Some(1)),
        "conv.blur.kernel" | "upsample.kernel" => (FILTER, None),
        _ => return None,
    };
    Some((format!("{ours}.{name}"), axes))
}

/// Our name of a discriminator's tensor.
fn discriminator_name(theirs: &str, size: usize) -> Option<String> {
    let fixed = match theirs {
        "convs.0.0.weight" => format!("b{size}.fromrgb.weight"),
        "convs.0.1.bias" => format!("b{size}.fromrgb.bias"),
        "final_conv.0.weight" => "b4.conv.weight".into(),
        "final_conv.1.bias" => "b4.conv.bias".into(),
        "final_linear.0.weight" => "b4.fc.weight".into(),
        "final_linear.0.bias" => "b4.fc.bias".into(),
        "final_linear.1.weight" => "b4.out.weight".into(),
        "final_linear.1.bias" => "b4.out.bias".into(),
        _ => String::new(),
    };
    if !fixed.is_empty() {
        return Some(fixed);
    }
    let (number, rest) = theirs.strip_prefix("convs.")?.split_once('.')?;
    let number = number.parse::<u32>().ok()?.checked_sub(1)?;
    let extent = size.checked_shr(number)?;
    let name = match rest {
        "conv1.0.weight" => "conv0.weight",
        "conv1.1.bias" => "conv0.bias",
        "conv2.1.weight" => "conv1.weight",
        "conv2.2.bias" => "conv1.bias",
        "skip.1.weight" => "skip.weight",
        "conv2.0.kernel" => "conv1.resample_filter",
        "skip.0.kernel" => "skip.resample_filter",
        _ => return None,
    };
    Some(format!("b{extent}.{name}"))
}
