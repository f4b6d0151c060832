//! The files of NVIDIA's trainers: a pickled dictionary of `G`, `D` and `G_ema`, each a module as
//! `torch_utils/persistence.py` pickles it: its class's name, the source text of its module, which
//! is ignored here, and its attributes. Attributes and names of tensors: `training/networks.py` of
//! stylegan2-ada-pytorch, `training/networks_stylegan2.py` of stylegan3.

use fledge_archives::pickle::{Names, Value};
use fledge_archives::torch::{self, TorchFile};
use fledge_models::networks::stylegan2::{Architecture, DiscriminatorConfig, GeneratorConfig};

use super::described::{AVERAGE, Described, Facts, StyleFacts, Tensors, Widths};

/// The call that makes a module.
const MODULE: &str = "torch_utils.persistence._reconstruct_persistent_obj";
/// The most modules of a network; that of 1024×1024 pictures has about a hundred.
const MODULES: usize = 1 << 12;
/// The most modules within each other.
const DEPTH: usize = 8;
/// The names of networks in a file, and the files that they have in a checkpoint.
const NETWORKS: [(&str, &str); 3] = [("G", "generator"), ("D", "discriminator"), ("G_ema", "ema")];

const NAMES: Names<'static> = Names { known: &is_known, of: "network file" };

/// Numbers and arrays of NumPy appear among the attributes of layers.
fn is_known(module: &str, name: &str) -> bool {
    let numpy = ["numpy.core.multiarray", "numpy._core.multiarray", "numpy"].contains(&module);
    torch::is_known(module, name)
        || match name {
            "_reconstruct_persistent_obj" => module == "torch_utils.persistence",
            "EasyDict" => module == "dnnlib.util",
            "dtype" | "scalar" | "ndarray" | "_reconstruct" => numpy,
            "encode" => module == "_codecs",
            "set" => ["builtins", "__builtin__"].contains(&module),
            _ => false,
        }
}

/// Reads a file.
///
/// # Errors
/// If it is something else, or damaged; the error is a sentence.
pub(super) fn read(bytes: &[u8]) -> Result<Described, String> {
    let file = TorchFile::of_pickle(bytes, &NAMES).map_err(|what| {
        if what.contains("dnnlib.tflib") {
            format!(
                "{what}. It is one of StyleGAN2 for TensorFlow: convert it with legacy.py of \
                     stylegan2-ada-pytorch first"
            )
        } else {
            what
        }
    })?;
    let root = file.pickle.root();
    let mut described = Vec::new();
    for (name, part) in NETWORKS {
        let value = file.pickle.member(root, name).and_then(|value| Module::of(&file, value));
        let module = value.ok_or_else(|| format!("it has no network {name}"))?;
        let mut tensors = Tensors::new();
        module.collect("", DEPTH, &mut 0, &mut tensors)?;
        described.push((part, module, tensors));
    }
    let facts = {
        let [(_, _, _), (_, d, of_d), (_, g, of_g)] = &described[..] else {
            return Err("it lacks a network".into());
        };
        let (size, channels) = (g.count("img_resolution")?, g.count("img_channels")?);
        let xflip = file.pickle.member(root, "training_set_kwargs");
        let xflip = xflip.and_then(|kwargs| file.pickle.member(kwargs, "xflip"));
        Facts::Stylegan2(StyleFacts {
            size,
            channels,
            classes: g.count("c_dim")?,
            mirror: xflip == Some(&Value::Bool(true)),
            generator: generator(g, size, of_g)?,
            discriminator: discriminator(d, size, of_d)?,
        })
    };
    let parts = described.into_iter().map(|(part, _, tensors)| (part, tensors)).collect();
    Described::new(bytes, facts, parts)
}

fn generator(g: &Module<'_>, size: usize, tensors: &Tensors) -> Result<GeneratorConfig, String> {
    let (mapping, synthesis) = (g.child("mapping")?, g.child("synthesis")?);
    let block = synthesis.child(&format!("b{size}")).map_err(|_| {
        "its generator has no layers of StyleGAN2; stylegan3's own configurations are not known here"
            .to_owned()
    })?;
    let layer = block.child("conv1")?;
    let first = mapping.child("fc0")?;
    layer.check("activation", "lrelu")?;
    first.check("activation", "lrelu")?;
    let name = |extent: usize| format!("synthesis.b{extent}.conv1.weight");
    let Widths { base, most } = Widths::of(Some(g.widths()), size, tensors, name);
    let default = GeneratorConfig::default();
    let average_decay = mapping.number("w_avg_beta")?.filter(|_| tensors.contains_key(AVERAGE));
    Ok(GeneratorConfig {
        latent: g.count("z_dim")?,
        styles: g.count("w_dim")?,
        mapping_layers: mapping.count("num_layers")?,
        mapping_rate: first.number("bias_gain")?.unwrap_or(default.mapping_rate),
        channel_base: base,
        channel_max: most,
        architecture: block.architecture()?,
        clamp: layer.number("conv_clamp")?.unwrap_or_default(),
        noise: layer.attribute("use_noise") != Some(&Value::Bool(false)),
        average_decay: average_decay
            .ok_or_else(|| format!("its generator has no average of w, {AVERAGE}"))?,
        ..default
    })
}

fn discriminator(
    d: &Module<'_>,
    size: usize,
    tensors: &Tensors,
) -> Result<DiscriminatorConfig, String> {
    let (block, epilogue) = (d.child(&format!("b{size}"))?, d.child("b4")?);
    let layer = block.child("conv0")?;
    layer.check("activation", "lrelu")?;
    let name = |extent: usize| match extent {
        4 => "b4.conv.weight".to_owned(),
        _ => format!("b{extent}.conv0.weight"),
    };
    let Widths { base, most } = Widths::of(Some(d.widths()), size, tensors, name);
    let default = DiscriminatorConfig::default();
    let mapping_layers = match d.child("mapping") {
        Ok(mapping) => {
            let rate = mapping.child("fc0")?.number("bias_gain")?;
            if rate.is_some_and(|rate| rate != 0.01) {
                return Err(
                    "the classes of its discriminator have a learning rate of their own".into()
                );
            }
            mapping.count("num_layers")?
        }
        Err(_) => default.mapping_layers,
    };
    Ok(DiscriminatorConfig {
        channel_base: base,
        channel_max: most,
        architecture: block.architecture()?,
        clamp: layer.number("conv_clamp")?.unwrap_or_default(),
        minibatch_stddev: match epilogue.child("mbstd") {
            // `None` is the whole batch, which no group exceeds.
            Ok(layer) => layer.number("group_size")?.map_or(usize::from(u16::MAX), |n| n as usize),
            Err(_) => 0,
        },
        mapping_layers,
        ..default
    })
}

/// A module: its attributes.
#[derive(Clone, Copy)]
struct Module<'f> {
    file: &'f TorchFile<'f>,
    state: &'f Value,
}

impl<'f> Module<'f> {
    /// The module that `value` is.
    fn of(file: &'f TorchFile<'f>, value: &'f Value) -> Option<Self> {
        let meta = *file.pickle.call(value, MODULE)?.first()?;
        Some(Self { file, state: file.pickle.member(meta, "state")? })
    }

    fn attribute(&self, name: &str) -> Option<&'f Value> {
        self.file.pickle.member(self.state, name)
    }

    /// The members of one of torch's dictionaries of a module; what is `None` is left out.
    fn registered(&self, kind: &str) -> impl Iterator<Item = (String, &'f Value)> + use<'f> {
        let pickle = &self.file.pickle;
        let members = self.attribute(kind).and_then(|value| pickle.members(value));
        members.into_iter().flatten().filter_map(|(name, value)| {
            let name = String::from_utf8(pickle.text(name)?.to_vec()).ok()?;
            (*value != Value::None).then_some((name, value))
        })
    }

    fn child(&self, name: &str) -> Result<Self, String> {
        let found = self.registered("_modules").find(|(known, _)| known == name);
        let module = found.and_then(|(_, value)| Self::of(self.file, value));
        module.ok_or_else(|| format!("a network has no layer {name}"))
    }

    /// A whole number.
    fn count(&self, name: &str) -> Result<usize, String> {
        let count = match self.attribute(name) {
            Some(Value::Int(n)) => usize::try_from(*n).ok(),
            _ => None,
        };
        count.ok_or_else(|| format!("a network has no number {name}"))
    }

    /// A number; `None` if it is `None`.
    fn number(&self, name: &str) -> Result<Option<f64>, String> {
        match self.attribute(name) {
            Some(Value::Int(n)) => Ok(Some(*n as f64)),
            Some(Value::Float(n)) => Ok(Some(*n)),
            Some(Value::None) => Ok(None),
            _ => Err(format!("a layer has no number {name}")),
        }
    }

    fn check(&self, name: &str, expected: &str) -> Result<(), String> {
        let found = self.attribute(name).and_then(|value| self.file.pickle.text(value));
        match found.map(String::from_utf8_lossy) {
            Some(found) if found == expected => Ok(()),
            found => {
                let found = found.unwrap_or("nothing".into());
                Err(format!("{name} of a layer is {found}, not {expected}"))
            }
        }
    }

    fn architecture(&self) -> Result<Architecture, String> {
        let found = self.attribute("architecture");
        match found.and_then(|value| self.file.pickle.text(value)) {
            Some(b"orig") => Ok(Architecture::Orig),
            Some(b"skip") => Ok(Architecture::Skip),
            Some(b"resnet") => Ok(Architecture::Resnet),
            _ => Err("a block's architecture is none of orig, skip, resnet".into()),
        }
    }

    /// `channel_base` and `channel_max` as they were given to the network, by stylegan2-ada-pytorch
    /// for a generator in `synthesis_kwargs`; the defaults of `training/networks.py` otherwise.
    fn widths(&self) -> Widths {
        let pickle = &self.file.pickle;
        let kwargs = self.attribute("_init_kwargs");
        let synthesis = kwargs.and_then(|kwargs| pickle.member(kwargs, "synthesis_kwargs"));
        let kwargs = synthesis.or(kwargs);
        let given = |name: &str, default: usize| match kwargs.and_then(|k| pickle.member(k, name)) {
            Some(Value::Int(n)) => usize::try_from(*n).unwrap_or(default),
            _ => default,
        };
        Widths { base: given("channel_base", 32768), most: given("channel_max", 512) }
    }

    /// Adds the tensors of the module and of all within it.
    fn collect(
        &self,
        prefix: &str,
        depth: usize,
        modules: &mut usize,
        into: &mut Tensors,
    ) -> Result<(), String> {
        *modules += 1;
        if depth == 0 || *modules > MODULES {
            return Err("its modules lie within each other too often".into());
        }
        let join = |name: &str| {
            if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
        };
        for (name, value) in self.registered("_parameters").chain(self.registered("_buffers")) {
            let tensor =
                self.file.tensor(value, &NAMES).map_err(|e| format!("{}: {e}", join(&name)))?;
            let tensor = tensor.ok_or_else(|| format!("{} is no tensor", join(&name)))?;
            if into.insert(join(&name), tensor).is_some() {
                return Err(format!("it has two tensors {}", join(&name)));
            }
        }
        for (name, value) in self.registered("_modules") {
            let child = Self::of(self.file, value);
            let child =
                child.ok_or_else(|| format!("{} is no module of the trainer", join(&name)))?;
            child.collect(&join(&name), depth - 1, modules, into)?;
        }
        Ok(())
    }
}
