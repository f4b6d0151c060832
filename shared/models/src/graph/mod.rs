//! A generator as a graph of ONNX operations, for other programs to run.
//!
//! | module | holds |
//! |---|---|
//! | [`computation`] | a computation as a list of operations |
//! | [`lowering`] | layers → operations; each family builds its graph with them |
//!
//! ```
//! use burn::tensor::Device;
//! use fledge_models::config::Settings;
//!
//! let settings = Settings::resolve("gan-ada", None, &["generator.width=8".into()])?;
//! let graph = settings.generator(32, 3, 0, 7, &Device::flex()).graph()?;
//! assert_eq!(graph.output.shape, [3, 32, 32]);
//! # Ok::<(), fledge_base::cli::UsageError>(())
//! ```

pub mod computation;
pub mod lowering;

pub use self::computation::{
    Attribute, Constant, Element, Graph, GraphOptions, Node, OPSET, Part, Port, Tensor,
};
pub use self::lowering::Lowering;
