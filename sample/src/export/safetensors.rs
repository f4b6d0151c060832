//! A graph as a safetensors file: the network's tensors under their names, and in the header what
//! is computed with them.

use std::collections::HashMap;

use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Map, Value, json};

use shared::nn::graph::{Graph, OPSET};

/// The entry of the header's `__metadata__` that holds the description. It is the only one: the
/// library writes several in any order, and the same checkpoint would not give the same bytes.
pub const ENTRY: &str = "fledge";

/// The bytes of the file. Its description is a JSON object of `facts`, `opset`, `inputs`, `output`,
/// `trained` (names of the tensors that a gradient changed), `constants` and `nodes`.
///
/// # Errors
/// When the library refuses a tensor, which a test rules out.
pub fn encode(graph: &Graph, facts: &[(&str, Value)]) -> Result<Vec<u8>, SafeTensorError> {
    let raw = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let tensors: Vec<_> =
        graph.tensors.iter().map(|t| (&t.name, &t.shape, raw(&t.values))).collect();
    let views: Result<Vec<_>, _> = tensors
        .iter()
        .map(|(name, shape, raw)| {
            TensorView::new(Dtype::F32, shape.to_vec(), raw).map(|view| (name.as_str(), view))
        })
        .collect();
    safetensors::serialize(
        views?,
        Some(HashMap::from([(ENTRY.to_owned(), description(graph, facts))])),
    )
}

fn description(graph: &Graph, facts: &[(&str, Value)]) -> String {
    let facts: Map<String, Value> =
        facts.iter().map(|(name, fact)| ((*name).to_owned(), fact.clone())).collect();
    let trained: Vec<&str> =
        graph.tensors.iter().filter(|t| t.trained).map(|t| t.name.as_str()).collect();
    let constants: Map<String, Value> =
        graph.constants.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let description = json!({
        "facts": facts, "opset": OPSET, "inputs": graph.inputs, "output": graph.output, "trained": trained, "constants": constants,
        "nodes": graph.nodes,
    });
    description.to_string()
}
