//! The generators of pytorch-CycleGAN-and-pix2pix and contrastive-unpaired-translation: state dicts
//! of `UnetGenerator` and `ResnetGenerator` (`networks.py` of both), the files `latest_net_G.pth`,
//! `latest_net_G_A.pth` and so on. A file says nothing but its tensors; which network it is, its
//! widths and its normalisation follow from their names and shapes.

use std::collections::BTreeMap;

use fledge_archives::torch::{Tensor, TorchFile};
use fledge_models::layers::FeatureNormName;
use fledge_models::networks::{GeneratorConfig, resnet_translator, unet};

use super::described::{Described, Facts, Tensors, TranslatorFacts};
use super::rosinality;

/// The size at which a network of any size is shown.
const USUAL_SIZE: usize = 256;
/// Convolutions before the blocks, and behind them.
const AROUND: [usize; 2] = [3, 3];

/// A module of the source: the path to it, its number within its parent, and its tensors.
#[derive(Debug, Default)]
struct Module {
    tensors: BTreeMap<String, Tensor>,
}

impl Module {
    fn is_convolution(&self) -> bool {
        self.tensors.get("weight").is_some_and(|weight| weight.shape.len() == 4)
    }
}

/// Modules by their paths, of which a path's numbers sort as numbers.
type Modules = BTreeMap<Vec<usize>, Module>;

/// Returns true if the tensors at the root of a file are named as these networks' are.
pub(super) fn is_one(file: &TorchFile<'_>) -> bool {
    let members = file.pickle.members(file.pickle.root()).into_iter().flatten();
    let mut names = members.filter_map(|(name, _)| file.pickle.text(name));
    names.any(|name| name.starts_with(b"model."))
}

/// Reads a file.
///
/// # Errors
/// If its tensors are not those of such a network; the error is a sentence.
pub(super) fn read(bytes: &[u8], file: &TorchFile<'_>) -> Result<Described, String> {
    let (mut modules, mut antialias) = (Modules::new(), false);
    let members = file.pickle.members(file.pickle.root()).ok_or("it is no state dict")?;
    for (name, value) in members {
        let name = file.pickle.text(name).ok_or("a tensor has no name")?;
        let name = String::from_utf8_lossy(name).into_owned();
        let (path, leaf) = name.rsplit_once('.').ok_or_else(|| format!("{name} has no module"))?;
        match leaf {
            // The filters of anti-aliased changes of extent, which are fixed.
            "filt" => antialias = true,
            "num_batches_tracked" => {}
            _ => {
                let tensor =
                    file.tensor(value, &rosinality::NAMES).map_err(|e| format!("{name}: {e}"))?;
                let tensor = tensor.ok_or_else(|| format!("{name} is no tensor of numbers"))?;
                let numbers = path.split('.').filter_map(|part| part.parse().ok()).collect();
                let module = modules.entry(numbers).or_default();
                module.tensors.insert(leaf.to_owned(), tensor);
            }
        }
    }
    let is_unet = modules.keys().any(|path| path.len() > 2);
    let (named, config, size) = match is_unet {
        true => of_unet(modules)?,
        false => of_resnet(modules, antialias)?,
    };
    let channels = |name: &str, axis: usize| {
        let weight = named.get(name).and_then(|tensor| tensor.shape.get(axis));
        weight.copied().ok_or_else(|| format!("it has no {name}"))
    };
    let (first, last) =
        ("down.0.conv.weight", if is_unet { "up.0.conv.weight" } else { "out.weight" });
    let [inputs, outputs] = [channels(first, 1)?, channels(last, usize::from(is_unet))?];
    if inputs != outputs {
        return Err(format!(
            "it translates {inputs} channels into {outputs}; known are equal ones"
        ));
    }
    let facts = Facts::Translator(TranslatorFacts { size, channels: inputs, generator: config });
    Described::new(bytes, facts, BTreeMap::from([("ema", named)]))
}

/// Adds a convolution and the normalisation behind it under our names, and returns the kind of
/// normalisation.
fn add(
    named: &mut Tensors,
    modules: &Modules,
    at: &[usize],
    conv: &str,
    norm: &str,
) -> FeatureNormName {
    let module = &modules[at];
    for (leaf, tensor) in &module.tensors {
        named.insert(format!("{conv}.{leaf}"), tensor.clone());
    }
    let mut behind = at.to_vec();
    *behind.last_mut().unwrap_or(&mut 0) += 1;
    let Some(module) = modules.get(&behind).filter(|module| !module.is_convolution()) else {
        return FeatureNormName::Instance;
    };
    // Files from before PyTorch 0.4 have statistics of instances, which nothing reads.
    let Some(scale) = module.tensors.get("weight") else { return FeatureNormName::Instance };
    named.insert(format!("{norm}.gamma"), scale.clone());
    let rest = [("bias", "beta"), ("running_mean", "mean"), ("running_var", "variance")];
    for (theirs, ours) in rest {
        if let Some(tensor) = module.tensors.get(theirs) {
            named.insert(format!("{norm}.{ours}"), tensor.clone());
        }
    }
    match module.tensors.contains_key("running_mean") {
        true => FeatureNormName::Batch,
        false => FeatureNormName::InstanceAffine,
    }
}

/// A U-Net, whose levels lie within each other: its tensors, its settings, and its size.
fn of_unet(modules: Modules) -> Result<(Tensors, GeneratorConfig, usize), String> {
    let mut levels: BTreeMap<usize, Vec<&[usize]>> = BTreeMap::new();
    for (path, _) in modules.iter().filter(|(_, module)| module.is_convolution()) {
        // Two for the outermost: the block's place is not numbered there.
        levels.entry(path.len()).or_default().push(path);
    }
    let (mut named, mut norm) = (Tensors::new(), FeatureNormName::Instance);
    for (level, convolutions) in levels.values().enumerate() {
        let [down, up] = convolutions[..] else {
            return Err(format!(
                "level {level} has not two convolutions but {}",
                convolutions.len()
            ));
        };
        for (way, at) in [("down", down), ("up", up)] {
            let (conv, norm_name) = (format!("{way}.{level}.conv"), format!("{way}.{level}.norm"));
            let found = add(&mut named, &modules, at, &conv, &norm_name);
            if found != FeatureNormName::Instance {
                norm = found;
            }
        }
    }
    let width = named.get("down.0.conv.weight").map_or(0, |weight| weight.shape[0]);
    let generator = unet::GeneratorConfig { width, norm, ..unet::GeneratorConfig::default() };
    let size = 1usize.checked_shl(levels.len() as u32).ok_or("it has too many levels")?;
    Ok((named, GeneratorConfig::Unet(generator), size))
}

/// A network of residual blocks: its tensors, its settings, and a size.
fn of_resnet(
    modules: Modules,
    antialias: bool,
) -> Result<(Tensors, GeneratorConfig, usize), String> {
    let convolutions = || modules.iter().filter(|(_, module)| module.is_convolution());
    let outer: Vec<&Vec<usize>> =
        convolutions().map(|(path, _)| path).filter(|p| p.len() == 1).collect();
    let inner: Vec<&Vec<usize>> =
        convolutions().map(|(path, _)| path).filter(|p| p.len() == 2).collect();
    let [before, behind] = AROUND;
    if outer.len() != before + behind || !inner.len().is_multiple_of(2) {
        return Err(format!(
            "it has {} convolutions and {} within blocks, which no known generator has",
            outer.len(),
            inner.len()
        ));
    }
    let (mut named, mut norm) = (Tensors::new(), FeatureNormName::Instance);
    let places =
        (0..before).map(|i| format!("down.{i}")).chain((0..behind - 1).map(|i| format!("up.{i}")));
    let blocks =
        (0..inner.len()).map(|i| format!("blocks.{}.{}", i / 2, ["first", "second"][i % 2]));
    let all = outer.iter().zip(places).chain(inner.iter().zip(blocks));
    for (at, place) in all {
        let found =
            add(&mut named, &modules, at, &format!("{place}.conv"), &format!("{place}.norm"));
        if found != FeatureNormName::Instance {
            norm = found;
        }
    }
    add(&mut named, &modules, outer[before + behind - 1], "out", "none");
    let width = named.get("down.0.conv.weight").map_or(0, |weight| weight.shape[0]);
    let generator = resnet_translator::GeneratorConfig {
        width,
        blocks: inner.len() / 2,
        norm,
        antialias,
        dropout: 0.0,
    };
    Ok((named, GeneratorConfig::ResnetTranslator(generator), USUAL_SIZE))
}
