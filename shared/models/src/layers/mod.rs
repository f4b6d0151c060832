//! Thin layers over [`fledge_kernels`]. A layer owns its parameters and computes; what a layer is
//! called and how it is drawn is the network's business. Layers that a critic may have also say how
//! a direction passes them (`tangent`), from which gradient penalties are computed.

mod act;
mod attention;
mod conv;
mod dropout;
mod layer;
mod linear;
mod norm;
mod pass;
mod spectral;
mod stddev;

pub use act::{ActivationName, Activator};
pub use attention::Attention;
pub use conv::{Conv2d, ConvConfig};
pub use dropout::{Masks, dropout};
pub use layer::Layer;
pub use linear::Linear;
pub use norm::{BatchNorm, NormAct};
pub use pass::{Classes, Mode, Pass};
pub use stddev::MinibatchStddev;
