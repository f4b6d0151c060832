//! Thin layers over [`super::ops`]. A layer owns its parameters and computes; what a layer is called and how it is drawn is the
//! network's business.

mod conv;
mod dropout;
mod linear;
mod norm;

pub use conv::{Conv2d, ConvTranspose2d};
pub use dropout::dropout;
pub use linear::Linear;
pub use norm::{BatchNorm, Mode};
