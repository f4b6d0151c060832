//! The tensors of a file of another program.

use std::collections::BTreeMap;

use fledge_archives::torch::Tensor;

/// The tensors of a network by our names.
pub(super) type Tensors = BTreeMap<String, Tensor>;

/// The name of the average of w.
pub(super) const AVERAGE: &str = "mapping.w_avg";
