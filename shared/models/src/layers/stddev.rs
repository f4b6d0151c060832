//! The minibatch standard deviation (Karras et al. 2018, "Progressive growing", section 3, in the
//! form of stylegan2-ada-pytorch's `MinibatchStdLayer` with one feature): the variation within a
//! group of pictures, as an extra channel.

use burn::tensor::Tensor;

use super::layer::Layer;
use fledge_kernels as ops;

/// Keeps the root differentiable at 0.
const EPSILON: f32 = 1e-8;

/// Group size: the largest divisor of the batch up to `group`.
fn group_of(batch: usize, group: usize) -> usize {
    (1..=group.min(batch)).rev().find(|g| batch.is_multiple_of(*g)).unwrap_or(1)
}

/// [B, C, H, W] → deviations from the mean over the group [G, M, C·H·W].
fn deviations(x: &Tensor<4>, group: usize) -> Tensor<3> {
    let [batch, c, h, w] = x.dims();
    let x: Tensor<3> = x.clone().reshape([group, batch / group, c * h * w]);
    x.clone() - x.mean_dim(0)
}

/// Appends one number for each of M groups, [1, M, 1], as a channel to `x`.
fn append(x: Tensor<4>, number: Tensor<3>, group: usize) -> Tensor<4> {
    let [batch, _, h, w] = x.dims();
    let channel =
        number.repeat_dim(0, group).reshape([batch, 1, 1, 1]).repeat_dim(2, h).repeat_dim(3, w);
    Tensor::cat(vec![x, channel], 1)
}

/// The layer, for groups of this size, or of the batch's largest divisor below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinibatchStddev(pub usize);

impl Layer for MinibatchStddev {
    /// # Shapes
    /// `x` [B, C, H, W] gives [B, C + 1, H, W].
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = ops::full(x);
        let group = group_of(x.dims()[0], self.0);
        let deviation = (deviations(&x, group).square().mean_dim(0) + EPSILON).sqrt(); // [1, M, CHW]
        append(x, deviation.mean_dim(2), group)
    }

    fn tangent(&self, x: Tensor<4>, t: Tensor<4>) -> (Tensor<4>, Tensor<4>) {
        let (x, t) = (ops::full(x), ops::full(t));
        let group = group_of(x.dims()[0], self.0);
        let (d, moved) = (deviations(&x, group), deviations(&t, group));
        let deviation = (d.clone().square().mean_dim(0) + EPSILON).sqrt();
        let tangent = (d * moved).mean_dim(0) / deviation.clone();
        (append(x, deviation.mean_dim(2), group), append(t, tangent.mean_dim(2), group))
    }
}
