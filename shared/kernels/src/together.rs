//! Synchronised batch normalisation over several devices with equal shares of a batch. The
//! equations are those of one device that has all of it.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use fledge_kernels::collective::Member;
//! use fledge_kernels::together;
//!
//! // One member alone has the moments of its own pictures.
//! let member = Member::of(&[Device::flex()]).remove(0);
//! let x = Tensor::<4>::ones([2, 3, 4, 4], &Device::flex());
//! let moments = together::channel_moments(&x, &member);
//! assert_eq!(moments.into_data().iter::<f32>().collect::<Vec<_>>(), [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
//! ```

use burn::tensor::Tensor;

use crate::collective::Member;
use crate::functions;

/// Mean and biased variance of every channel over the pictures of all members, [2, C]. Each passes
/// its own `x` [B, C, H, W] of the same shape. No gradient flows through them here, because
/// [`normalize`] accounts for it.
#[must_use]
pub fn channel_moments(x: &Tensor<4>, member: &Member) -> Tensor<2> {
    let (members, channels) = (member.count(), x.dims()[1]);
    let own = functions::channel_moments(x).reshape([2 * channels]);
    let all: Tensor<3> = member.gather(own).reshape([members, 2, channels]);
    let (means, variances) = (all.clone().narrow(1, 0, 1), all.narrow(1, 1, 1)); // [members, 1, C]
    let mean = means.clone().mean_dim(0); // [1, 1, C]
    // Not E[x²] − mean², which cancels if the mean is large.
    let variance = (variances + (means - mean.clone()).square()).mean_dim(0);
    Tensor::cat(vec![mean, variance], 1).reshape([2, channels])
}

/// [`crate::normalize_train`] by the moments over all members; the gradient of `x` accounts for the
/// pictures of the others. That of `gamma` and `beta` is the contribution of this member. In a
/// backward pass the members meet once for each of these.
///
/// # Shapes
/// `x` [B, C, H, W], of the same shape for each member; `gamma`, `beta` `[C]`; `moments` =
/// [`channel_moments`]`(x, member)` [2, C]. Gives [B, C, H, W].
#[must_use]
pub fn normalize(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    moments: Tensor<2>,
    epsilon: f32,
    slope: f32,
    member: &Member,
) -> Tensor<4> {
    functions::norm_act(x, [gamma, beta], moments, epsilon, slope, Some(member.clone()))
}
