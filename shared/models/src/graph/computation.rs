//! A computation as a list of operations, with the operators, attributes and layouts of ONNX
//! (onnx.ai/onnx/operators, opset [`OPSET`]), independent of the file it is written to.

use serde::{Serialize, Serializer};

/// Version of the operators: the first that has all attributes used here; onnxruntime reads it from
/// 1.12 (2022) on.
pub const OPSET: u64 = 17;

/// What a value consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Element {
    /// f32.
    Float32,
    /// i64.
    Int64,
}

/// What goes into a graph or comes out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Port {
    /// Its name.
    pub name: &'static str,
    /// What it consists of.
    pub element: Element,
    /// Its extents behind the first, which is the number of pictures and may be any.
    pub shape: Vec<usize>,
}

/// A tensor of the network.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its name, that of the checkpoint's files.
    pub name: String,
    /// Its extents.
    pub shape: Vec<usize>,
    /// Its values in row-major order.
    pub values: Vec<f32>,
    /// Whether training changes it along a gradient.
    pub trained: bool,
}

/// What an operator takes as an input but is the same in every network of this shape.
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

/// How an operator works.
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
    /// ONNX' name of the operator.
    pub operator: &'static str,
    /// Names of what it takes: inputs of the graph, tensors, constants, results; empty where an
    /// input is left out.
    pub inputs: Vec<String>,
    /// Name of what it gives.
    pub output: String,
    /// How it works.
    #[serde(serialize_with = "as_object")]
    pub attributes: Vec<(&'static str, Attribute)>,
}

/// A computation: nodes in the order in which they can be carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// What goes in.
    pub inputs: Vec<Port>,
    /// What comes out.
    pub output: Port,
    /// The network's tensors.
    pub tensors: Vec<Tensor>,
    /// The other inputs of its operators, by name.
    pub constants: Vec<(String, Constant)>,
    /// The operations.
    pub nodes: Vec<Node>,
}

fn as_object<S: Serializer>(
    list: &[(&'static str, Attribute)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(list.iter().map(|(name, value)| (name, value)))
}

impl Graph {
    /// Adds a node and gives the name of its result.
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

    /// Adds a tensor and gives its name.
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

    /// The name of a constant, which is added where there is none of this name yet.
    pub fn constant(&mut self, name: impl Into<String>, constant: Constant) -> String {
        let name = name.into();
        if !self.constants.iter().any(|(known, _)| *known == name) {
            self.constants.push((name.clone(), constant));
        }
        name
    }

    /// How many values training changes.
    #[must_use]
    pub fn weights(&self) -> usize {
        self.tensors.iter().filter(|t| t.trained).map(|t| t.values.len()).sum()
    }
}
