//! Named sets of conventions, and the choices that a user makes within them.
//!
//! | module | holds |
//! |---|---|
//! | [`metric`] | the metrics by name, and the pictures each needs |
//! | [`protocol`] | the protocols as one table of facts |
//! | [`named`] | NVIDIA's names of metrics, each with its number of pictures |
//! | [`conventions`] | protocols, network, weights and seed of a command |

pub mod conventions;
pub mod metric;
pub mod named;
pub mod protocol;

pub use self::conventions::Conventions;
pub use self::metric::{Metric, Needs};
pub use self::protocol::{FeatureLayer, Protocol};
