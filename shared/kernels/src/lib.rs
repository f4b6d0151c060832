//! The operations below the layers, so that a faster one replaces burn's without changes to a
//! network.
//!
//! On the CPU they are our own (`cpu`), with channels last in memory. On GPUs, operations without a
//! good kernel in burn are our own, in CubeCL (`cube`); the matrix products below the convolutions
//! are burn's.
//!
//! ```
//! use burn::tensor::{Device, Distribution, Tensor};
//! use fledge_kernels::{Padding, conv2d};
//!
//! let device = Device::flex();
//! let x = Tensor::<4>::random([2, 3, 16, 16], Distribution::Default, &device);
//! let weight = Tensor::<4>::random([8, 3, 4, 4], Distribution::Default, &device);
//! let y = conv2d(x, weight, 2, Padding::both([1, 1]));
//! assert_eq!(y.dims(), [2, 8, 8, 8]);
//! ```

mod activation;
mod autodiff;
pub mod collective;
mod cpu;
#[cfg(feature = "cubecl")]
mod cube;
mod functions;
mod fused;
mod operations;
mod padding;
mod precision;
mod resample;
mod resize;
mod rule;
#[cfg(test)]
mod tests;
pub mod together;
mod update;
mod upsample;
mod warp;

pub use self::activation::{Activation, Rectifier};
pub use self::functions::{
    average_pool3, bias_act, channel_moments, conv_transpose2d, conv2d, conv2d_act, follow_moments,
    full, instructions, join, leaky_relu_tangent, look_up, matmul, max_pool3, normalize_train,
    normalize_with, on_workers, rectifier_tangent, release_memory, remember, resample, warp,
};
pub use self::fused::{Style, beside, filter, fork, normalize_each, style, sum};
pub use self::padding::Padding;
pub use self::precision::Precision;
pub use self::resample::{Fir, Resampling};
pub use self::resize::{average_pool2, upsample2};
pub use self::rule::{Rule, Update};
pub use self::update::{moving_average, norm, update};
pub use self::upsample::Upsample;
pub use self::warp::{Affine, Border, Lookups};
