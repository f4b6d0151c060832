//! A graph as an ONNX file (github.com/onnx/onnx, `onnx/onnx.proto3`): one `ModelProto`.

use serde_json::Value;
use shared::cli::UsageError;
use shared::protobuf::Message;

use shared::nn::graph::{Attribute, Constant, Element, Graph, Node, OPSET, Port, Tensor};

/// Version of the file format: the one that came with the operators' version.
const IR_VERSION: u64 = 8;
/// Readers of protocol buffers refuse more bytes (protobuf.dev, "Limits").
const LARGEST: usize = i32::MAX as usize;

/// `TensorProto.DataType`.
const FLOAT: u64 = 1;
/// The same.
const INT64: u64 = 7;
/// What the number of pictures is called, which may be any.
const BATCH: &str = "N";

/// The bytes of the file; `facts` become its `metadata_props`.
///
/// # Errors
/// When the file would be larger than its readers take.
pub fn encode(graph: &Graph, facts: &[(&str, Value)]) -> Result<Vec<u8>, UsageError> {
    let bytes: usize = graph.tensors.iter().map(|t| t.values.len() * size_of::<f32>()).sum();
    if bytes > LARGEST - (1 << 20) {
        let gigabytes = bytes as f64 / 1e9;
        return Err(UsageError(format!(
            "--onnx: {gigabytes:.1} GB of weights are more than the 2 GB of an ONNX file; --safetensors has no such limit"
        )));
    }
    let opset = Message::default().bytes(1, "").integer(2, OPSET);
    let mut model = Message::default()
        .integer(1, IR_VERSION)
        .bytes(2, "fledge")
        .bytes(3, env!("CARGO_PKG_VERSION"))
        .bytes(6, summary(graph))
        .message(7, &body(graph))
        .message(8, &opset);
    for (name, fact) in facts {
        // A text as it is, not in quotes.
        let value = fact.as_str().map_or_else(|| fact.to_string(), str::to_owned);
        model = model.message(14, &Message::default().bytes(1, name).bytes(2, value));
    }
    Ok(model.encoded().to_vec())
}

/// The file's description.
fn summary(graph: &Graph) -> String {
    let takes: Vec<&str> = graph.inputs.iter().map(|input| input.name).collect();
    format!("A GAN's generator: {} to {}.", takes.join(", "), graph.output.name)
}

/// `GraphProto`.
fn body(graph: &Graph) -> Message {
    let mut body = graph.nodes.iter().fold(Message::default(), |body, n| body.message(1, &node(n)));
    body = body.bytes(2, "generator");
    for tensor in &graph.tensors {
        body = body.message(5, &floats(tensor));
    }
    for (name, value) in &graph.constants {
        body = body.message(5, &constant(name, value));
    }
    for input in &graph.inputs {
        body = body.message(11, &port(input));
    }
    body.message(12, &port(&graph.output))
}

/// `NodeProto`; a node is called like what it gives.
fn node(node: &Node) -> Message {
    let message = node.inputs.iter().fold(Message::default(), |m, name| m.bytes(1, name));
    let message = message.bytes(2, &node.output).bytes(3, &node.output).bytes(4, node.operator);
    node.attributes.iter().fold(message, |m, (name, value)| m.message(5, &attribute(name, value)))
}

/// `AttributeProto`, whose field 20 says which of the others counts.
fn attribute(name: &str, value: &Attribute) -> Message {
    let message = Message::default().bytes(1, name);
    match value {
        Attribute::Float(v) => message.float(2, *v).integer(20, 1),
        Attribute::Integer(v) => message.integer(3, *v as u64).integer(20, 2),
        Attribute::Text(v) => message.bytes(4, v).integer(20, 3),
        Attribute::Integers(list) => {
            list.iter().fold(message, |m, v| m.integer(8, *v as u64)).integer(20, 7)
        }
    }
}

/// `TensorProto` with its values as they lie in memory, little-endian.
fn tensor(name: &str, shape: &[usize], data_type: u64, raw: &[u8]) -> Message {
    let message = shape.iter().fold(Message::default(), |m, extent| m.integer(1, *extent as u64));
    message.integer(2, data_type).bytes(8, name).bytes(9, raw)
}

fn floats(of: &Tensor) -> Message {
    tensor(&of.name, &of.shape, FLOAT, &little_endian(&of.values))
}

fn constant(name: &str, value: &Constant) -> Message {
    match value {
        Constant::Number(v) => tensor(name, &[], FLOAT, &v.to_le_bytes()),
        Constant::Numbers(list) => tensor(name, &[list.len()], FLOAT, &little_endian(list)),
        Constant::Integers(list) => {
            let raw: Vec<u8> = list.iter().flat_map(|v| v.to_le_bytes()).collect();
            tensor(name, &[list.len()], INT64, &raw)
        }
    }
}

fn little_endian(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// `ValueInfoProto`.
fn port(port: &Port) -> Message {
    let element = if port.element == Element::Int64 { INT64 } else { FLOAT };
    let batch = Message::default().message(1, &Message::default().bytes(2, BATCH));
    let shape = port
        .shape
        .iter()
        .fold(batch, |m, &extent| m.message(1, &Message::default().integer(1, extent as u64)));
    let tensor = Message::default().integer(1, element).message(2, &shape);
    Message::default().bytes(1, port.name).message(2, &Message::default().message(1, &tensor))
}
