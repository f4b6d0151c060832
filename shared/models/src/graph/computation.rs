//! A computation as a list of operations, with the operators, attributes and layouts of ONNX
//! (onnx.ai/onnx/operators, opset [`OPSET`]), independent of the file format.
//!
//! ```
//! use fledge_models::graph::computation::{Constant, Element, Graph, Port};
//!
//! let port = |name| Port { name, element: Element::Float32, shape: vec![64] };
//! let mut graph = Graph {
//!     inputs: vec![port("z")],
//!     output: port("half"),
//!     tensors: Vec::new(),
//!     constants: Vec::new(),
//!     nodes: Vec::new(),
//! };
//! let factor = graph.constant("factor", Constant::Number(0.5));
//! graph.push("Mul", &["z", &factor], "half", Vec::new());
//! assert_eq!(graph.nodes.len(), 1);
//! ```

use serde::{Serialize, Serializer};

/// Operator set version: the first that has all attributes used here; supported by onnxruntime 1.12
/// (2022) and later.
pub const OPSET: u64 = 17;

/// The part of a generator that becomes a graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// From latent vectors to pictures.
    #[default]
    All,
    /// From latent vectors to the w of each layer, of a generator with styles.
    Mapping,
    /// From the w of each layer to pictures.
    Synthesis,
}

/// What a graph computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GraphOptions {
    /// The part of the generator.
    pub part: Part,
    /// Distance of w from its average, as a share of the trained one.
    pub psi: f64,
    /// Number of first layers that `psi` applies to; `None` = all.
    pub cutoff: Option<usize>,
    /// Whether layers add their constant noise.
    pub noise: bool,
}

impl Default for GraphOptions {
    fn default() -> Self {
        Self { part: Part::All, psi: 1.0, cutoff: None, noise: true }
    }
}

/// Element type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Element {
    /// f32.
    Float32,
    /// i64.
    Int64,
}

/// An input or output of a graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Port {
    /// Its name.
    pub name: &'static str,
    /// Its element type.
    pub element: Element,
    /// Its shape without the first axis, the number of pictures, which is dynamic.
    pub shape: Vec<usize>,
}

/// A tensor of the network.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its name, the same as in checkpoints.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values in row-major order.
    pub values: Vec<f32>,
    /// Whether training updates it by gradient.
    pub trained: bool,
}

/// An operator input that is the same in every network of this shape.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Constant {
    /// One number.
    Number(f32),
    /// A list of numbers.
    Numbers(Vec<f32>),
    /// A shape.
    Integers(Vec<i64>),
}

/// An attribute of an operator.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Attribute {
    /// A whole number.
    Integer(i64),
    /// A number.
    Float(f32),
    /// A word.
    Text(&'static str),
    /// Whole numbers.
    Integers(Vec<i64>),
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Node {
    /// ONNX name of the operator.
    pub operator: &'static str,
    /// Names of its inputs: graph inputs, tensors, constants or results; empty for an omitted
    /// input.
    pub inputs: Vec<String>,
    /// Name of its result.
    pub output: String,
    /// Its attributes.
    #[serde(serialize_with = "as_object")]
    pub attributes: Vec<(&'static str, Attribute)>,
}

/// A computation: nodes in topological order.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// The graph's inputs.
    pub inputs: Vec<Port>,
    /// The graph's output.
    pub output: Port,
    /// The network's tensors.
    pub tensors: Vec<Tensor>,
    /// The constant inputs of its operators, by name.
    pub constants: Vec<(String, Constant)>,
    /// The operations, in order.
    pub nodes: Vec<Node>,
}

fn as_object<S: Serializer>(
    list: &[(&'static str, Attribute)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(list.iter().map(|(name, value)| (name, value)))
}

impl Graph {
    /// Adds a node and returns the name of its result.
    pub fn push(
        &mut self,
        operator: &'static str,
        inputs: &[&str],
        output: impl Into<String>,
        attributes: Vec<(&'static str, Attribute)>,
    ) -> String {
        let output = output.into();
        let inputs = inputs.iter().map(|&name| name.to_owned()).collect();
        self.nodes.push(Node { operator, inputs, output: output.clone(), attributes });
        output
    }

    /// Adds a tensor and returns its name.
    pub fn tensor(
        &mut self,
        name: String,
        shape: &[usize],
        values: Vec<f32>,
        trained: bool,
    ) -> String {
        self.tensors.push(Tensor { name: name.clone(), shape: shape.to_vec(), values, trained });
        name
    }

    /// Returns the name of a constant, adding it if it does not exist yet.
    pub fn constant(&mut self, name: impl Into<String>, constant: Constant) -> String {
        let name = name.into();
        if !self.constants.iter().any(|(known, _)| *known == name) {
            self.constants.push((name.clone(), constant));
        }
        name
    }

    /// Number of trainable values.
    #[must_use]
    pub fn weights(&self) -> usize {
        self.tensors.iter().filter(|t| t.trained).map(|t| t.values.len()).sum()
    }
}
