//! A generator → the operations that it consists of. The order is that of `Generator::forward`, in inference.

use shared::cli::UsageError;
use shared::nn::config::{ActivationName, Block, OutputName, StemNorm};
use shared::nn::device::on_workers;
use shared::nn::generator::{Generator, Up};
use shared::nn::layers::{Activator, Attention, BatchNorm, Conv2d, NormAct};
use shared::nn::ops::Upsample;
use shared::nn::parameter::{Parameter, Role};
use shared::nn::range::Range;

use super::graph::{Attribute, Constant, Element, Graph, Port};

/// The input that holds latent vectors, [N, latent].
const LATENT: &str = "z";
/// The input that holds classes, `[N]`.
const CLASS: &str = "class";
/// The output, [N, C, H, W] in [0, 1].
const PICTURES: &str = "images";

/// The operations that make pictures in [0, 1] of latent vectors (and classes, where the generator is told them), with
/// `generator`, whose pixels lie in `range`. Weights with spectral normalisation are those that are applied: divided.
///
/// # Errors
/// When the generator drops values while it samples: then a latent vector is not one picture.
pub fn graph_of(generator: &Generator, range: Range) -> Result<Graph, UsageError> {
    if generator.drops_when_sampling() {
        return Err(UsageError(
            "export: this generator drops values at random while it samples (generator.dropout_sampling = true), which a file of \
             fixed operations cannot; `sample images` makes its pictures"
                .into(),
        ));
    }
    Ok(on_workers(|| Lowering::new(generator).all(generator, range)))
}

/// A graph that grows, and the extent of pictures at its end.
struct Lowering {
    graph: Graph,
    extent: usize,
}

/// The values on the host.
fn values<const D: usize>(tensor: burn::tensor::Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

fn integers(list: impl IntoIterator<Item = usize>) -> Attribute {
    Attribute::Integers(list.into_iter().map(|n| n as i64).collect())
}

impl Lowering {
    fn new(generator: &Generator) -> Self {
        let config = generator.config();
        let norms = std::iter::once(&generator.norm).chain(generator.up.iter().map(|up| &up.norm));
        let by_class = norms.filter_map(|norm| norm.norm.as_ref()).any(BatchNorm::by_class);
        let mut inputs = vec![Port { name: LATENT, element: Element::Float32, shape: vec![config.latent] }];
        if generator.embedding.is_some() || by_class {
            inputs.push(Port { name: CLASS, element: Element::Int64, shape: Vec::new() });
        }
        let output = Port { name: PICTURES, element: Element::Float32, shape: Vec::new() };
        let graph = Graph { inputs, output, tensors: Vec::new(), constants: Vec::new(), nodes: Vec::new() };
        Self { graph, extent: config.base }
    }

    fn all(mut self, generator: &Generator, range: Range) -> Graph {
        let residual = generator.config().block == Block::Residual;
        let (mut skip, mut x) = self.stem(generator);
        for (i, up) in generator.up.iter().enumerate() {
            (skip, x) = self.block(&format!("up.{i}"), up, residual, &skip, &x);
        }
        let x = self.conv("out", &generator.out, &x);
        let x = match generator.config().output {
            OutputName::Sigmoid => self.graph.push("Sigmoid", &[&x], "out.sigmoid", Vec::new()),
            OutputName::Tanh => self.graph.push("Tanh", &[&x], "out.tanh", Vec::new()),
        };
        self.pixels(&x, range);
        let (channels, extent) = (generator.out.config().outputs, generator.out.config().extent(self.extent));
        self.graph.output.shape = vec![channels, extent, extent];
        self.graph
    }

    /// The dense layer with what follows: what a residual block is added to, and what a convolution sees.
    fn stem(&mut self, generator: &Generator) -> (String, String) {
        let base = generator.config().base as i64;
        let mut z = LATENT.to_owned();
        if let Some(table) = &generator.embedding {
            let table = self.parameter("embedding", table);
            let row = self.graph.push("Gather", &[&table, CLASS], "embedding.row", vec![("axis", Attribute::Integer(0))]);
            z = self.graph.push("Concat", &[LATENT, &row], "embedding.behind", vec![("axis", Attribute::Integer(1))]);
        }
        let weight = &generator.dense.weight;
        let applied = values(generator.dense.effective_weight());
        let mut inputs = vec![z, self.graph.tensor("dense.weight".into(), weight.shape(), applied, trained(weight))];
        inputs.extend(generator.dense.bias.as_ref().map(|bias| self.parameter("dense.bias", bias)));
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let y = self.graph.push("Gemm", &inputs, "dense", vec![("transB", Attribute::Integer(1))]);
        let shape = self.graph.constant("shape.base", Constant::Integers(vec![0, -1, base, base]));
        let picture = |graph: &mut Graph, y: &str, name: &str| graph.push("Reshape", &[y, &shape], name, Vec::new());
        let features = generator.norm.norm.is_some() && generator.config().stem_norm == StemNorm::Features;
        let residual = generator.config().block == Block::Residual;
        let before = if !features || residual { picture(&mut self.graph, &y, "dense.picture") } else { String::new() };
        let x = if features {
            let y = self.norm_act("norm", &generator.norm, &y, false);
            picture(&mut self.graph, &y, "norm.picture")
        } else {
            self.norm_act("norm", &generator.norm, &before, true)
        };
        (before, x)
    }

    /// One enlarging block: as [`Lowering::stem`].
    fn block(&mut self, name: &str, up: &Up, residual: bool, before: &str, x: &str) -> (String, String) {
        let mut y = self.conv(&format!("{name}.conv"), &up.conv, x);
        if residual {
            let mut before = self.doubled(&format!("{name}.skip.doubled"), before, Upsample::Bilinear);
            if let Some(skip) = &up.skip {
                before = self.conv(&format!("{name}.skip"), skip, &before);
            }
            let sum = self.graph.push("Add", &[&before, &y], format!("{name}.sum"), Vec::new());
            let half = self.graph.constant("root.half", Constant::Number(std::f32::consts::FRAC_1_SQRT_2));
            y = self.graph.push("Mul", &[&sum, &half], format!("{name}.mean"), Vec::new());
        }
        self.extent = up.conv.config().extent(self.extent);
        let mut x = self.norm_act(&format!("{name}.norm"), &up.norm, &y, true);
        if let Some(attention) = &up.attention {
            x = self.attention(&format!("{name}.attention"), attention, &x);
        }
        (y, x)
    }

    fn parameter(&mut self, name: &str, parameter: &Parameter) -> String {
        self.graph.tensor(name.to_owned(), parameter.shape(), parameter.to_vec(), trained(parameter))
    }

    fn doubled(&mut self, name: &str, x: &str, mode: Upsample) -> String {
        let scales = self.graph.constant("scales.double", Constant::Numbers(vec![1.0, 1.0, 2.0, 2.0]));
        let attributes = match mode {
            Upsample::Nearest => vec![
                ("mode", Attribute::Text("nearest")),
                ("coordinate_transformation_mode", Attribute::Text("asymmetric")),
                ("nearest_mode", Attribute::Text("floor")),
            ],
            Upsample::Bilinear => {
                vec![("mode", Attribute::Text("linear")), ("coordinate_transformation_mode", Attribute::Text("half_pixel"))]
            }
        };
        // The second input is a region of interest, which other modes have.
        self.graph.push("Resize", &[x, "", &scales], name, attributes)
    }

    fn conv(&mut self, name: &str, conv: &Conv2d, x: &str) -> String {
        let config = conv.config();
        let x = match config.upsample {
            None => x.to_owned(),
            Some(mode) => self.doubled(&format!("{name}.doubled"), x, mode),
        };
        let applied = values(conv.effective_weight());
        let weight = self.graph.tensor(format!("{name}.weight"), conv.weight.shape(), applied, trained(&conv.weight));
        let mut inputs = vec![x, weight];
        inputs.extend(conv.bias.as_ref().map(|bias| self.parameter(&format!("{name}.bias"), bias)));
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let operator = if config.transposed { "ConvTranspose" } else { "Conv" };
        let attributes = vec![
            ("kernel_shape", integers([config.kernel; 2])),
            ("strides", integers([config.stride; 2])),
            ("pads", integers(config.padding.before.into_iter().chain(config.padding.after))),
        ];
        self.graph.push(operator, &inputs, name, attributes)
    }

    /// Normalisation, where there is one, and activation. `pictures`: of [N, C, H, W], else of [N, C].
    fn norm_act(&mut self, name: &str, layer: &NormAct, x: &str, pictures: bool) -> String {
        let x = layer.norm.as_ref().map_or_else(|| x.to_owned(), |norm| self.norm(name, norm, x, pictures));
        self.activation(&format!("{name}.act"), layer.activator, &x)
    }

    fn norm(&mut self, name: &str, norm: &BatchNorm, x: &str, pictures: bool) -> String {
        let channels = norm.mean.count();
        let filled = |graph: &mut Graph, leaf: &str, value: f32| {
            graph.tensor(format!("{name}.{leaf}"), &[channels], vec![value; channels], false)
        };
        let plain = |lowering: &mut Self, leaf: &str, parameter: Option<&Parameter>, otherwise: (&str, f32)| match parameter {
            Some(parameter) if !norm.by_class() => lowering.parameter(&format!("{name}.{leaf}"), parameter),
            _ => filled(&mut lowering.graph, otherwise.0, otherwise.1),
        };
        // The operator has both factor and shift: ones and zeros where the network has none, or has them by class.
        let gamma = plain(self, "gamma", norm.gamma.as_ref(), ("ones", 1.0));
        let beta = plain(self, "beta", Some(&norm.beta), ("zeros", 0.0));
        let mean = self.parameter(&format!("{name}.mean"), &norm.mean);
        let variance = self.parameter(&format!("{name}.variance"), &norm.variance);
        let attributes = vec![("epsilon", Attribute::Float(norm.epsilon()))];
        let mut x = self.graph.push("BatchNormalization", &[x, &gamma, &beta, &mean, &variance], name, attributes);
        if norm.by_class() {
            for (leaf, table, operator) in [("gamma", norm.gamma.as_ref(), "Mul"), ("beta", Some(&norm.beta), "Add")] {
                let Some(table) = table else { continue };
                let row = self.row_of_class(&format!("{name}.{leaf}"), table, pictures);
                x = self.graph.push(operator, &[&x, &row], format!("{name}.with.{leaf}"), Vec::new());
            }
        }
        x
    }

    /// The rows of a table [classes, C] that the classes name, [N, C] or, for pictures, [N, C, 1, 1].
    fn row_of_class(&mut self, name: &str, table: &Parameter, pictures: bool) -> String {
        let table = self.parameter(name, table);
        let row = self.graph.push("Gather", &[&table, CLASS], format!("{name}.row"), vec![("axis", Attribute::Integer(0))]);
        if !pictures {
            return row;
        }
        let shape = self.graph.constant("shape.channels", Constant::Integers(vec![0, -1, 1, 1]));
        self.graph.push("Reshape", &[&row, &shape], format!("{name}.column"), Vec::new())
    }

    fn activation(&mut self, name: &str, activator: Activator, x: &str) -> String {
        match activator.name {
            ActivationName::Relu => self.graph.push("Relu", &[x], name, Vec::new()),
            ActivationName::LeakyRelu => {
                self.graph.push("LeakyRelu", &[x], name, vec![("alpha", Attribute::Float(activator.slope))])
            }
            ActivationName::Tanh => self.graph.push("Tanh", &[x], name, Vec::new()),
            ActivationName::Silu => {
                let gate = self.graph.push("Sigmoid", &[x], format!("{name}.gate"), Vec::new());
                self.graph.push("Mul", &[x, &gate], name, Vec::new())
            }
        }
    }

    /// x + γ·out(Σᵢ softmaxᵢ(q·kᵢ)·vᵢ), see [`Attention`].
    fn attention(&mut self, name: &str, layer: &Attention, x: &str) -> String {
        let flat = self.graph.constant("shape.flat", Constant::Integers(vec![0, 0, -1]));
        let swapped = || vec![("perm", integers([0, 2, 1]))];
        let [q, k, v] = [("query", &layer.query), ("key", &layer.key), ("value", &layer.value)].map(|(part, conv)| {
            let y = self.conv(&format!("{name}.{part}"), conv, x);
            self.graph.push("Reshape", &[&y, &flat], format!("{name}.{part}.flat"), Vec::new())
        });
        let q = self.graph.push("Transpose", &[&q], format!("{name}.query.rows"), swapped());
        let scores = self.graph.push("MatMul", &[&q, &k], format!("{name}.scores"), Vec::new());
        let weights = self.graph.push("Softmax", &[&scores], format!("{name}.weights"), vec![("axis", Attribute::Integer(2))]);
        let weights = self.graph.push("Transpose", &[&weights], format!("{name}.weights.columns"), swapped());
        let mixed = self.graph.push("MatMul", &[&v, &weights], format!("{name}.mixed"), Vec::new());
        let extent = self.extent as i64;
        let shape = self.graph.constant(format!("{name}.shape"), Constant::Integers(vec![0, -1, extent, extent]));
        let mixed = self.graph.push("Reshape", &[&mixed, &shape], format!("{name}.mixed.picture"), Vec::new());
        let y = self.conv(&format!("{name}.out"), &layer.out, &mixed);
        let gamma = self.parameter(&format!("{name}.gamma"), &layer.gamma);
        let y = self.graph.push("Mul", &[&y, &gamma], format!("{name}.spread"), Vec::new());
        self.graph.push("Add", &[x, &y], name, Vec::new())
    }

    /// To [0, 1], for good: another library's tanh may end a rounding beyond ±1.
    fn pixels(&mut self, x: &str, range: Range) {
        let mut x = x.to_owned();
        if range == Range::Signed {
            let half = self.graph.constant("half", Constant::Number(0.5));
            x = self.graph.push("Mul", &[&x, &half], "images.halved", Vec::new());
            x = self.graph.push("Add", &[&x, &half], "images.shifted", Vec::new());
        }
        let black = self.graph.constant("black", Constant::Number(0.0));
        let white = self.graph.constant("white", Constant::Number(1.0));
        self.graph.push("Clip", &[&x, &black, &white], PICTURES, Vec::new());
    }
}

/// Whether training changes it along a gradient.
fn trained(parameter: &Parameter) -> bool {
    matches!(parameter.role(), Role::Weight | Role::Frozen)
}
