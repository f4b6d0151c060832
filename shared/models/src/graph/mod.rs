//! A generator as a graph of ONNX operations, for other programs to run.
//!
//! | module | holds |
//! |---|---|
//! | [`computation`] | a computation as a list of operations |
//! | [`lowering`] | layers → operations; each family builds its graph with them |

pub mod computation;
pub mod lowering;

pub use self::computation::{Attribute, Constant, Element, Graph, Node, OPSET, Port, Tensor};
pub use self::lowering::Lowering;
