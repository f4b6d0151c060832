//! Lowering of layers to the operations of their inference pass.

use fledge_kernels::Upsample;

use super::computation::{Attribute, Constant, Element, Graph, Port};
use crate::layers::{
    ActivationName, Activator, Attention, BLUR, BatchNorm, Border, Conv2d, EPSILON, FeatureNorm,
    Linear, NormAct,
};
use crate::parameter::{Parameter, Purpose};
use crate::range::Range;

/// Name of the input for latent vectors, [N, latent].
pub(crate) const LATENT: &str = "z";
/// Name of a w for each layer, [N, layers, styles], between the halves of a generator with styles.
pub(crate) const STYLES: &str = "ws";
/// Name of the input for classes, `[N]`.
pub(crate) const CLASS: &str = "class";
/// Name of the input for pictures to translate, [N, C, H, W] in [0, 1].
pub(crate) const SOURCE: &str = "source";
/// Name of the output, [N, C, H, W] in [0, 1].
const PICTURES: &str = "images";

/// A graph under construction.
#[derive(Debug)]
pub struct Lowering {
    pub(crate) graph: Graph,
}

/// The values on the host.
fn values<const D: usize>(tensor: burn::tensor::Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// A list of whole numbers.
fn integers(list: impl IntoIterator<Item = usize>) -> Attribute {
    Attribute::Integers(list.into_iter().map(|n| n as i64).collect())
}

impl Lowering {
    /// A graph with one input, and with classes if the generator is class-conditional.
    pub(crate) fn new(input: &'static str, shape: Vec<usize>, classes: bool) -> Self {
        let mut inputs = vec![Port { name: input, element: Element::Float32, shape }];
        if classes {
            inputs.push(Port { name: CLASS, element: Element::Int64, shape: Vec::new() });
        }
        let output = Port { name: PICTURES, element: Element::Float32, shape: Vec::new() };
        Self {
            graph: Graph {
                inputs,
                output,
                tensors: Vec::new(),
                constants: Vec::new(),
                nodes: Vec::new(),
            },
        }
    }

    /// Finishes the graph at `x`, pixels in `range`: the output is [N, C, H, W] in [0, 1].
    pub(crate) fn finish(
        mut self,
        x: &str,
        range: Range,
        [channels, height, width]: [usize; 3],
    ) -> Graph {
        self.pixels(x, range);
        self.graph.output.shape = vec![channels, height, width];
        self.graph
    }

    /// Lowers a linear layer.
    pub(crate) fn dense(&mut self, name: &str, layer: &Linear, x: &str) -> String {
        let applied = values(layer.effective_weight());
        let weight = &layer.weight;
        let weight =
            self.graph.tensor(format!("{name}.weight"), weight.shape(), applied, trained(weight));
        let mut inputs = vec![x.to_owned(), weight];
        inputs
            .extend(layer.bias.as_ref().map(|bias| self.parameter(&format!("{name}.bias"), bias)));
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        self.graph.push("Gemm", &inputs, name, vec![("transB", Attribute::Integer(1))])
    }

    pub(crate) fn parameter(&mut self, name: &str, parameter: &Parameter) -> String {
        self.graph.tensor(
            name.to_owned(),
            parameter.shape(),
            parameter.to_vec(),
            trained(parameter),
        )
    }

    /// The input [`SOURCE`] in [−1, 1].
    pub(crate) fn signed_source(&mut self) -> String {
        let two = self.graph.constant("two", Constant::Number(2.0));
        let one = self.graph.constant("one", Constant::Number(1.0));
        let x = self.graph.push("Mul", &[SOURCE, &two], "source.doubled", Vec::new());
        self.graph.push("Sub", &[&x, &one], "source.signed", Vec::new())
    }

    /// Lowers a border or a blur of `channels` channels.
    pub(crate) fn border(
        &mut self,
        name: &str,
        border: Border,
        channels: usize,
        x: &str,
    ) -> String {
        let (width, mode) = match border {
            Border::Reflect(width) => (width, "reflect"),
            Border::Replicate(width) => (width, "edge"),
            Border::BlurHalf => (1, "reflect"),
        };
        let pads = [0, 0, width, width].repeat(2).into_iter().map(|n| n as i64).collect();
        let pads = self.graph.constant(format!("pads.{width}"), Constant::Integers(pads));
        let mode = vec![("mode", Attribute::Text(mode))];
        let label = if border == Border::BlurHalf { format!("{name}.padded") } else { name.into() };
        let x = self.graph.push("Pad", &[x, &pads], label, mode);
        if border != Border::BlurHalf {
            return x;
        }
        let filter = format!("blur.{channels}");
        if !self.graph.tensors.iter().any(|tensor| tensor.name == filter) {
            let kernel: Vec<f32> = BLUR.iter().flat_map(|a| BLUR.map(|b| a * b)).collect();
            self.graph.tensor(filter.clone(), &[channels, 1, 3, 3], kernel.repeat(channels), false);
        }
        let attributes = vec![
            ("group", Attribute::Integer(channels as i64)),
            ("kernel_shape", integers([3; 2])),
            ("strides", integers([2; 2])),
            ("pads", integers([0; 4])),
        ];
        self.graph.push("Conv", &[&x, &filter], name, attributes)
    }

    /// Lowers a normalisation of features; one of the batch takes each picture by itself.
    pub(crate) fn feature_norm(&mut self, name: &str, norm: &FeatureNorm, x: &str) -> String {
        let (parts, channels, epsilon) = match norm {
            FeatureNorm::None => return x.to_owned(),
            FeatureNorm::Batch(norm) => {
                ([norm.gamma.as_ref(), Some(&norm.beta)], norm.beta.count(), norm.epsilon())
            }
            FeatureNorm::Instance(norm) => {
                ([norm.gamma.as_ref(), norm.beta.as_ref()], norm.channels(), EPSILON)
            }
        };
        let [gamma, beta] = [("gamma", "ones", 1.0, parts[0]), ("beta", "zeros", 0.0, parts[1])]
            .map(|(leaf, otherwise, value, parameter)| match parameter {
                Some(parameter) => self.parameter(&format!("{name}.{leaf}"), parameter),
                None => {
                    let label = format!("{name}.{otherwise}");
                    self.graph.tensor(label, &[channels], vec![value; channels], false)
                }
            });
        let attributes = vec![("epsilon", Attribute::Float(epsilon))];
        self.graph.push("InstanceNormalization", &[x, &gamma, &beta], name, attributes)
    }

    pub(crate) fn doubled(&mut self, name: &str, x: &str, mode: Upsample) -> String {
        let scales =
            self.graph.constant("scales.double", Constant::Numbers(vec![1.0, 1.0, 2.0, 2.0]));
        let attributes = match mode {
            Upsample::Nearest => vec![
                ("mode", Attribute::Text("nearest")),
                ("coordinate_transformation_mode", Attribute::Text("asymmetric")),
                ("nearest_mode", Attribute::Text("floor")),
            ],
            Upsample::Bilinear => {
                vec![
                    ("mode", Attribute::Text("linear")),
                    ("coordinate_transformation_mode", Attribute::Text("half_pixel")),
                ]
            }
        };
        // The second input is a region of interest, used by other modes.
        self.graph.push("Resize", &[x, "", &scales], name, attributes)
    }

    pub(crate) fn conv(&mut self, name: &str, conv: &Conv2d, x: &str) -> String {
        let config = conv.config();
        let x = match config.upsample {
            None => x.to_owned(),
            Some(mode) => self.doubled(&format!("{name}.doubled"), x, mode),
        };
        let applied = values(conv.effective_weight());
        let weight = self.graph.tensor(
            format!("{name}.weight"),
            conv.weight.shape(),
            applied,
            trained(&conv.weight),
        );
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

    /// Lowers an optional normalisation and an activation. `pictures`: the input is [N, C, H, W],
    /// else [N, C].
    pub(crate) fn norm_act(
        &mut self,
        name: &str,
        layer: &NormAct,
        x: &str,
        pictures: bool,
    ) -> String {
        let x = layer
            .norm
            .as_ref()
            .map_or_else(|| x.to_owned(), |norm| self.norm(name, norm, x, pictures));
        self.activation(&format!("{name}.act"), layer.activator, &x)
    }

    pub(crate) fn norm(&mut self, name: &str, norm: &BatchNorm, x: &str, pictures: bool) -> String {
        let channels = norm.mean.count();
        let filled = |graph: &mut Graph, leaf: &str, value: f32| {
            graph.tensor(format!("{name}.{leaf}"), &[channels], vec![value; channels], false)
        };
        let plain = |lowering: &mut Self,
                     leaf: &str,
                     parameter: Option<&Parameter>,
                     otherwise: (&str, f32)| match parameter {
            Some(parameter) if !norm.by_class() => {
                lowering.parameter(&format!("{name}.{leaf}"), parameter)
            }
            _ => filled(&mut lowering.graph, otherwise.0, otherwise.1),
        };
        // The operator requires scale and shift: ones and zeros if the network has none, or has
        // them per class.
        let gamma = plain(self, "gamma", norm.gamma.as_ref(), ("ones", 1.0));
        let beta = plain(self, "beta", Some(&norm.beta), ("zeros", 0.0));
        let mean = self.parameter(&format!("{name}.mean"), &norm.mean);
        let variance = self.parameter(&format!("{name}.variance"), &norm.variance);
        let attributes = vec![("epsilon", Attribute::Float(norm.epsilon()))];
        let mut x = self.graph.push(
            "BatchNormalization",
            &[x, &gamma, &beta, &mean, &variance],
            name,
            attributes,
        );
        if norm.by_class() {
            for (leaf, table, operator) in
                [("gamma", norm.gamma.as_ref(), "Mul"), ("beta", Some(&norm.beta), "Add")]
            {
                let Some(table) = table else { continue };
                let row = self.row_of_class(&format!("{name}.{leaf}"), table, pictures);
                x = self.graph.push(
                    operator,
                    &[&x, &row],
                    format!("{name}.with.{leaf}"),
                    Vec::new(),
                );
            }
        }
        x
    }

    /// The rows of a table [classes, C] selected by the classes: [N, C] or, for pictures, [N, C, 1,
    /// 1].
    pub(crate) fn row_of_class(&mut self, name: &str, table: &Parameter, pictures: bool) -> String {
        let table = self.parameter(name, table);
        let row = self.graph.push(
            "Gather",
            &[&table, CLASS],
            format!("{name}.row"),
            vec![("axis", Attribute::Integer(0))],
        );
        if !pictures {
            return row;
        }
        let shape = self.graph.constant("shape.channels", Constant::Integers(vec![0, -1, 1, 1]));
        self.graph.push("Reshape", &[&row, &shape], format!("{name}.column"), Vec::new())
    }

    pub(crate) fn activation(&mut self, name: &str, activator: Activator, x: &str) -> String {
        match activator.name {
            ActivationName::Relu => self.graph.push("Relu", &[x], name, Vec::new()),
            ActivationName::LeakyRelu => self.graph.push(
                "LeakyRelu",
                &[x],
                name,
                vec![("alpha", Attribute::Float(activator.slope))],
            ),
            ActivationName::Tanh => self.graph.push("Tanh", &[x], name, Vec::new()),
            ActivationName::Silu => {
                let gate = self.graph.push("Sigmoid", &[x], format!("{name}.gate"), Vec::new());
                self.graph.push("Mul", &[x, &gate], name, Vec::new())
            }
        }
    }

    /// Lowers self-attention, x + γ·out(Σᵢ softmaxᵢ(q·kᵢ)·vᵢ); see [`Attention`].
    pub(crate) fn attention(
        &mut self,
        name: &str,
        layer: &Attention,
        x: &str,
        extent: usize,
    ) -> String {
        let flat = self.graph.constant("shape.flat", Constant::Integers(vec![0, 0, -1]));
        let swapped = || vec![("perm", integers([0, 2, 1]))];
        let [q, k, v] = [("query", &layer.query), ("key", &layer.key), ("value", &layer.value)]
            .map(|(part, conv)| {
                let y = self.conv(&format!("{name}.{part}"), conv, x);
                self.graph.push("Reshape", &[&y, &flat], format!("{name}.{part}.flat"), Vec::new())
            });
        let q = self.graph.push("Transpose", &[&q], format!("{name}.query.rows"), swapped());
        let scores = self.graph.push("MatMul", &[&q, &k], format!("{name}.scores"), Vec::new());
        let weights = self.graph.push(
            "Softmax",
            &[&scores],
            format!("{name}.weights"),
            vec![("axis", Attribute::Integer(2))],
        );
        let weights =
            self.graph.push("Transpose", &[&weights], format!("{name}.weights.columns"), swapped());
        let mixed = self.graph.push("MatMul", &[&v, &weights], format!("{name}.mixed"), Vec::new());
        let extent = extent as i64;
        let shape = self
            .graph
            .constant(format!("{name}.shape"), Constant::Integers(vec![0, -1, extent, extent]));
        let mixed = self.graph.push(
            "Reshape",
            &[&mixed, &shape],
            format!("{name}.mixed.picture"),
            Vec::new(),
        );
        let y = self.conv(&format!("{name}.out"), &layer.out, &mixed);
        let gamma = self.parameter(&format!("{name}.gamma"), &layer.gamma);
        let y = self.graph.push("Mul", &[&y, &gamma], format!("{name}.spread"), Vec::new());
        self.graph.push("Add", &[x, &y], name, Vec::new())
    }

    /// Maps pixels to [0, 1] and clips them: another library's tanh may exceed ±1 by a rounding
    /// error.
    pub(crate) fn pixels(&mut self, x: &str, range: Range) {
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

/// Returns true if training updates the parameter by gradient.
pub(crate) fn trained(parameter: &Parameter) -> bool {
    matches!(parameter.purpose(), Purpose::Weight | Purpose::Frozen)
}
