//! Thin layers over [`fledge_kernels`]. A layer owns its parameters and computes; its name and its
//! initialisation are the network's business. A critic's layers also propagate a direction
//! (`tangent`), from which gradient penalties are computed.
//!
//! ```
//! use fledge_models::layers::ConvConfig;
//!
//! assert_eq!(ConvConfig::halving(3, 8, 4, true).extent(32), 16);
//! assert_eq!(ConvConfig::doubling(8, 3, 4, None, true).extent(16), 32);
//! ```

mod act;
mod attention;
mod conv;
mod dropout;
mod each;
mod equalized;
mod fir;
mod layer;
mod linear;
mod modulated;
mod noise;
mod norm;
mod pad;
mod pass;
mod spectral;
mod stddev;

pub use act::{ActivationName, Activator};
pub use attention::Attention;
pub use conv::{Conv2d, ConvConfig};
pub use dropout::{Masks, dropout};
pub(crate) use each::EPSILON;
pub use each::{FeatureNorm, FeatureNormName, InstanceNorm};
pub use equalized::{EqualConv, EqualLinear, Rescale};
pub(crate) use equalized::{EqualConvConfig, rectifier};
pub(crate) use fir::{FirUse, TAPS};
pub use layer::Layer;
pub use linear::Linear;
pub(crate) use modulated::ModulatedConfig;
pub use modulated::ModulatedConv;
pub use noise::Noise;
pub use norm::{BatchNorm, NormAct};
pub(crate) use pad::BLUR;
pub use pad::Border;
pub use pass::{Classes, Mode, Pass};
pub use stddev::MinibatchStddev;
