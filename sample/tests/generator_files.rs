//! Exported generators reproduce the sampler's pictures. `tools/golden_export.py` runs the ONNX
//! files of the networks below in onnxruntime.
//!
//! With FLEDGE_EXPORT=FOLDER, `cases_for_the_scripts` writes the input of
//! `tools/golden_export.py` and `tools/check_export.py`.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use burn::tensor::Device;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use sample::export::{facts, onnx, safetensors as file};
use serde_json::{Value, json};
use shared::fs;
use shared::nn::checkpoint::{CHECKPOINT_VERSION, Meta};
use shared::nn::config::{DataConfig, RunConfig, Settings};
use shared::nn::graph::Part;
use shared::nn::networks::Generator;
use shared::nn::parameter::{Parameter, Parameters, Purpose};
use shared::nn::preset::PRESETS;
use shared::nn::run::Which;
use shared::nn::sampler::{Sampler, Weights, Wish};
use shared::rng;
use shared::testing::{Scratch, largest_difference};

use crate::common::skipped;

/// Tolerance of pixels in [0, 1]: both sides sum a few hundred f32 products in different orders,
/// through at most six layers.
const TOLERANCE: f64 = 1e-5;
/// Promised tolerance for trained networks of any width.
const PROMISE: f64 = 1e-4;

/// A network with pictures in the golden file.
struct Case {
    name: &'static str,
    preset: &'static str,
    settings: &'static [&'static str],
    size: usize,
    classes: usize,
    /// Of the first three layers.
    psi: Option<f64>,
}

const fn case(name: &'static str, settings: &'static [&'static str]) -> Case {
    Case { name, preset: "gan-ada", settings, size: 16, classes: 0, psi: None }
}

const fn preset(name: &'static str, settings: &'static [&'static str], size: usize) -> Case {
    Case { name, preset: name, settings, size, classes: 0, psi: None }
}

const fn told(name: &'static str, settings: &'static [&'static str]) -> Case {
    Case { name, preset: "gan-ada", settings, size: 16, classes: 3, psi: None }
}

const fn styled(name: &'static str, settings: &'static [&'static str]) -> Case {
    Case { name, preset: "stylegan2-config-f", settings, size: 16, classes: 0, psi: None }
}

/// The presets at narrow widths, and every part of a generator.
const CASES: &[Case] = &[
    preset("gan-ada", &["generator.width=6"], 32),
    preset("dcgan-anime", &["generator.width=2"], 96),
    preset("dcgan-tf", &["generator.width=2"], 32),
    preset("wgan", &["generator.width=4"], 32),
    preset("wgan-gp", &["generator.width=4"], 32),
    case("nearest", &["generator.upsample=nearest", "generator.kernel=4", "generator.bias=true"]),
    case(
        "bilinear-k3",
        &[
            "generator.upsample=bilinear",
            "generator.kernel=3",
            "generator.norm=none",
            "generator.activation=silu",
        ],
    ),
    case(
        "transposed-k3",
        &["generator.kernel=3", "generator.stem_norm=channels", "batch_norm.scale=true"],
    ),
    case(
        "silu",
        &["generator.activation=silu", "generator.output=tanh", "generator.out_bias=false"],
    ),
    case("tanh", &["generator.activation=tanh", "generator.norm=none", "generator.bias=true"]),
    case(
        "leaky",
        &["generator.activation=leaky-relu", "generator.slope=0.1", "generator.norm=none"],
    ),
    case(
        "residual",
        &["generator.block=residual", "generator.multipliers=[2,1,1]", "batch_norm.epsilon=1e-5"],
    ),
    case(
        "residual-nearest",
        &["generator.block=residual", "generator.upsample=nearest", "generator.norm=none"],
    ),
    case("attention", &["generator.attention=8", "generator.multipliers=[2]"]),
    case(
        "spectral",
        &[
            "generator.spectral_norm=true",
            "generator.block=residual",
            "generator.multipliers=[2,1]",
            "generator.attention=8",
        ],
    ),
    told("by-class", &["cond=batch-norm+projection", "generator.activation=leaky-relu"]),
    told(
        "by-class-channels",
        &["cond=batch-norm+auxiliary", "generator.stem_norm=channels", "generator.activation=silu"],
    ),
    told(
        "embedding",
        &["cond=embedding+projection", "cond.embedding=5", "generator.distribution=truncated"],
    ),
    styled("stylegan2-skip", &[]),
    styled("stylegan2-resnet", &["generator.architecture=resnet", "generator.clamp=0"]),
    styled("stylegan2-orig", &["generator.architecture=orig", "generator.noise=false"]),
    Case { classes: 3, ..styled("stylegan2-classes", &["cond=embedding+projection"]) },
    Case { psi: Some(0.6), ..styled("stylegan2-truncated", &[]) },
];

/// Narrow enough for a small file.
const NARROW: [&str; 2] = ["generator.width=4", "generator.latent=8"];
/// The same for generators with styles.
const NARROW_STYLES: [&str; 5] = [
    "generator.latent=8",
    "generator.styles=10",
    "generator.mapping_layers=2",
    "generator.channel_base=64",
    "generator.channel_max=6",
];

impl Case {
    fn has_styles(&self) -> bool {
        self.preset.starts_with("stylegan2")
    }

    fn narrow(&self) -> RunConfig {
        self.config(if self.has_styles() { &NARROW_STYLES } else { &NARROW })
    }

    /// The run's generator with every parameter drawn.
    fn sampler(&self, config: &RunConfig) -> Sampler {
        let device = Device::flex();
        let mut generator = config.generator(&device);
        fill(&mut generator, &device);
        let sampler = Sampler::new(generator, config, device);
        match self.psi {
            None => sampler,
            Some(psi) => sampler.truncated(psi).unwrap().cut_off(3).unwrap(),
        }
    }

    fn config(&self, narrow: &[&str]) -> RunConfig {
        let settings: Vec<String> =
            narrow.iter().chain(self.settings).map(|s| (*s).to_owned()).collect();
        let settings = Settings::resolve(self.preset, None, &settings).unwrap();
        settings.check_size(self.size).unwrap();
        let channels = PRESETS.iter().find(|p| p.name == self.preset).unwrap().extent.1;
        let classes =
            ["gull", "owl", "hawk"].iter().take(self.classes).map(|c| (*c).to_owned()).collect();
        RunConfig::new(
            self.preset,
            settings,
            3,
            DataConfig { classes, ..DataConfig::of_extent(self.size, channels) },
        )
    }
}

/// Draws every parameter, as after training, so that no operation vanishes because of a zero or
/// one.
fn fill(generator: &mut Generator, device: &Device) {
    for (name, parameter) in generator.parameters_mut() {
        let (shape, count) = (parameter.shape().to_vec(), parameter.count());
        let drawn = rng::stream(0, &format!("export {name}"), 0).normals(count);
        let values: Vec<f32> = match name.rsplit('.').next().unwrap() {
            // A unit vector already.
            "u" => continue,
            "gamma" => drawn.iter().map(|v| 1.0 + 0.2 * v).collect(),
            "variance" => drawn.iter().map(|v| 0.3 + v.abs()).collect(),
            // The learning rate of the mapping is a factor of its weights.
            _ if name.starts_with("mapping.fc") => drawn.iter().map(|v| 100.0 * v).collect(),
            _ if name.ends_with("affine.weight") => drawn,
            // Few values beyond black and white, which are clipped.
            _ if name.ends_with("torgb.weight") => drawn.iter().map(|v| 0.2 * v).collect(),
            _ if shape.len() < 2 => drawn.iter().map(|v| 0.3 * v).collect(),
            _ => {
                let fan = (count / shape[0].max(shape[1])) as f32;
                drawn.iter().map(|v| v * (1.5 / fan).sqrt()).collect()
            }
        };
        *parameter = Parameter::new(values, &shape, parameter.purpose(), device);
    }
}

fn meta(config: RunConfig) -> Meta {
    Meta {
        version: CHECKPOINT_VERSION,
        step: 7,
        epoch: 1,
        config,
        state: Value::Null,
        files: Default::default(),
    }
}

/// The pictures of these latent vectors and classes, [N, C, H, W], and their extents.
fn pictures(sampler: &Sampler, latents: &[f32], classes: &[u32]) -> (Vec<f32>, [usize; 4]) {
    let length = sampler.latents().unwrap().length;
    let wishes: Vec<Wish> = latents
        .chunks(length)
        .zip(classes)
        .map(|(latent, &class)| Wish { latent: latent.to_vec(), class, seed: 0 })
        .collect();
    let (values, [height, width, channels]) = sampler.values_of(&wishes);
    let pixels = height * width;
    let planes = values.chunks(pixels * channels).flat_map(|picture| {
        (0..channels * pixels).map(move |i| picture[(i % pixels) * channels + i / pixels])
    });
    (planes.collect(), [wishes.len(), channels, height, width])
}

/// The golden file: values and integers of a tensor by its name, and the metadata.
struct Golden {
    bytes: Vec<u8>,
    metadata: HashMap<String, String>,
}

impl Golden {
    fn open() -> Self {
        let bytes =
            fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/export.safetensors"))
                .unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let metadata = header.metadata().clone().unwrap();
        Self { bytes, metadata }
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let view = file.tensor(name).unwrap_or_else(|_| panic!("{name} is not in the golden file"));
        assert_eq!(view.dtype(), Dtype::F32);
        view.data().chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
    }
}

/// The classes of `count` pictures, if there are classes.
fn classes_of(config: &RunConfig, count: usize) -> Vec<u32> {
    (0..count as u32).map(|i| (i + 1) % config.data.classes.len().max(1) as u32).collect()
}

#[test]
fn onnxruntime_made_the_samplers_own_pictures_of_the_exported_graph() {
    let golden = Golden::open();
    let nodes: Value = serde_json::from_str(&golden.metadata["nodes"]).unwrap();
    assert_eq!(
        nodes.as_object().unwrap().len(),
        CASES.len(),
        "as many networks as the golden file has"
    );
    for case in CASES {
        let config = case.narrow();
        let sampler = case.sampler(&config);
        let graph = sampler.graph(Part::All).unwrap();
        // The operations of onnxruntime, read from the file by the onnx library.
        let ours: Vec<Value> = graph
            .nodes
            .iter()
            .map(|n| json!([n.operator, n.inputs, n.output, attributes(n)]))
            .collect();
        assert_eq!(
            json!(ours),
            nodes[case.name],
            "{}: another graph; tools/golden_export.py makes the file anew",
            case.name
        );
        let latents = golden.floats(&format!("{}.z", case.name));
        let count = latents.len() / sampler.latents().unwrap().length;
        let (values, _) = pictures(&sampler, &latents, &classes_of(&config, count));
        let theirs = golden.floats(&format!("{}.images", case.name));
        // The file keeps every k-th value of about a thousand.
        let ours: Vec<f32> =
            values.iter().copied().step_by((values.len() / 1000).max(1) | 1).collect();
        let off = largest_difference(ours.iter().copied(), theirs.iter().copied());
        assert!(off < TOLERANCE, "{}: {off:.2e}", case.name);
    }
}

fn attributes(node: &shared::nn::graph::Node) -> Value {
    node.attributes
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

#[test]
fn every_operator_of_the_table_is_used_and_every_parameter_is_exported_once() {
    let mut used = std::collections::BTreeSet::new();
    for case in CASES {
        let sampler = case.sampler(&case.narrow());
        let graph = sampler.graph(Part::All).unwrap();
        used.extend(graph.nodes.iter().map(|n| n.operator));
        let mut names: Vec<&str> = graph.tensors.iter().map(|t| t.name.as_str()).collect();
        let parameters = sampler.generator().parameters();
        // Graphs with styles hold products of parameters, such as strength times noise.
        for (name, parameter) in parameters.into_iter().filter(|_| !case.has_styles()) {
            let direction = parameter.purpose() == Purpose::Direction;
            assert_eq!(
                names.iter().filter(|n| **n == name).count(),
                usize::from(!direction),
                "{}: {name}",
                case.name
            );
            names.retain(|n| *n != name);
        }
        assert!(
            case.has_styles()
                || names.iter().all(|n| n.ends_with(".ones") || n.ends_with(".zeros")),
            "{}: {names:?}",
            case.name
        );
        // Names are unique and defined before use.
        let mut known: Vec<&str> = graph.inputs.iter().map(|p| p.name).chain([""]).collect();
        known.extend(
            graph
                .tensors
                .iter()
                .map(|t| t.name.as_str())
                .chain(graph.constants.iter().map(|(name, _)| name.as_str())),
        );
        for node in &graph.nodes {
            assert!(
                node.inputs.iter().all(|n| known.contains(&n.as_str())),
                "{}: {node:?}",
                case.name
            );
            assert!(!known.contains(&node.output.as_str()), "{}: {node:?}", case.name);
            known.push(&node.output);
        }
        assert_eq!(graph.nodes.last().unwrap().output, graph.output.name);
    }
    let operators = [
        "Add",
        "BatchNormalization",
        "Clip",
        "Concat",
        "Conv",
        "ConvTranspose",
        "Div",
        "Gather",
        "Gemm",
        "LeakyRelu",
        "MatMul",
        "Mul",
        "ReduceMean",
        "Relu",
        "Reshape",
        "Resize",
        "Sigmoid",
        "Softmax",
        "Sqrt",
        "Tanh",
        "Transpose",
    ];
    assert_eq!(used.into_iter().collect::<Vec<_>>(), operators);
}

#[test]
fn weights_with_spectral_normalisation_are_exported_divided() {
    let case = CASES.iter().find(|c| c.name == "spectral").unwrap();
    let sampler = case.sampler(&case.narrow());
    let graph = sampler.graph(Part::All).unwrap();
    let exported = &graph.tensors.iter().find(|t| t.name == "dense.weight").unwrap().values;
    let stored = sampler.generator().dcgan().unwrap().dense.weight.to_vec();
    let factor = exported[0] / stored[0];
    assert!((factor - 1.0).abs() > 0.1, "{factor}");
    assert!(exported.iter().zip(&stored).all(|(e, s)| (e - s * factor).abs() < 1e-6));
}

/// Writes a folder for the scripts: the two files, and in `expected.safetensors` latent vectors,
/// classes and the sampler's pictures.
fn write_case(folder: &Path, sampler: &Sampler, meta: &Meta, count: u64) {
    let graph = sampler.graph(Part::All).unwrap();
    let facts = facts::facts(meta, Weights::Averaged);
    let latents: Vec<f32> = (0..count).flat_map(|seed| sampler.latent(seed)).collect();
    let classes = classes_of(&meta.config, count as usize);
    let (values, shape) = pictures(sampler, &latents, &classes);
    let raw = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let classes: Vec<u8> = classes.iter().flat_map(|&c| i64::from(c).to_le_bytes()).collect();
    let (latents, values) = (raw(&latents), raw(&values));
    let length = sampler.latents().unwrap().length;
    let view = |dtype, shape: &[usize], raw| TensorView::new(dtype, shape.to_vec(), raw).unwrap();
    let tensors = [
        ("z", view(Dtype::F32, &[count as usize, length], &latents)),
        ("class", view(Dtype::I64, &[count as usize], &classes)),
        ("images", view(Dtype::F32, &shape, &values)),
    ];
    fs::create_folder(folder).unwrap();
    fs::write(folder.join("generator.onnx"), &onnx::encode(&graph, &facts).unwrap()).unwrap();
    fs::write(folder.join("generator.safetensors"), &file::encode(&graph, &facts).unwrap())
        .unwrap();
    if sampler.has_styles() {
        for (name, part) in [("mapping.onnx", Part::Mapping), ("synthesis.onnx", Part::Synthesis)] {
            let half = onnx::encode(&sampler.graph(part).unwrap(), &facts).unwrap();
            fs::write(folder.join(name), &half).unwrap();
        }
    }
    fs::write(
        folder.join("expected.safetensors"),
        &::safetensors::serialize(tensors, None).unwrap(),
    )
    .unwrap();
}

/// Writes all networks of this file, the presets at full width, and the runs in FLEDGE_EXPORT_RUNS
/// (a list like PATH).
fn write_cases(folder: &Path) {
    for case in CASES {
        let config = case.narrow();
        let sampler = case.sampler(&config);
        write_case(&folder.join("narrow").join(case.name), &sampler, &meta(config), 3);
    }
    // Larger ones take minutes.
    for preset in PRESETS.iter().filter(|preset| preset.extent.0 <= 96) {
        let case = Case {
            name: preset.name,
            preset: preset.name,
            settings: &[],
            size: preset.extent.0,
            classes: 0,
            psi: None,
        };
        let config = case.config(&[]);
        let sampler = case.sampler(&config);
        write_case(&folder.join("presets").join(case.name), &sampler, &meta(config), 3);
    }
    for (i, run) in
        std::env::var_os("FLEDGE_EXPORT_RUNS").iter().flat_map(std::env::split_paths).enumerate()
    {
        let (sampler, meta) = Sampler::open(&run, Which::Best, &Device::flex()).unwrap();
        write_case(
            &folder.join("runs").join(format!("{i}-{}", meta.config.preset)),
            &sampler,
            &meta,
            20,
        );
    }
}

#[test]
fn cases_for_the_scripts() {
    match std::env::var_os("FLEDGE_EXPORT") {
        None => {
            skipped("FLEDGE_EXPORT names no folder for tools/golden_export.py and check_export.py")
        }
        Some(folder) => write_cases(Path::new(&folder)),
    }
}

#[test]
fn onnxruntime_and_the_loader_make_the_samplers_own_pictures_now() {
    let Some(peers) = std::env::var_os("FLEDGE_PEERS") else {
        skipped("FLEDGE_PEERS does not name a Python environment with onnxruntime and torch");
        return;
    };
    let folder = Scratch::new("export");
    write_cases(&folder);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/check_export.py");
    let mut command = Command::new(Path::new(&peers).join("bin/python"));
    let output = command
        .arg(script)
        .args(["--tolerance", &PROMISE.to_string()])
        .arg(&*folder)
        .output()
        .unwrap();
    println!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_loader_in_the_documentation_is_the_one_in_tools() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = |path: &str| String::from_utf8(fs::read(root.join(path)).unwrap()).unwrap();
    let (loader, document) = (text("tools/load_generator.py"), text("docs/EXPORT.md"));
    assert!(
        document.contains(&format!("```python\n{loader}```\n")),
        "docs/EXPORT.md shows another loader than tools/load_generator.py"
    );
    assert!(loader.lines().count() <= 80);
}
