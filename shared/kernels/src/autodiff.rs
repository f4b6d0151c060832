//! The backward passes: each forward operation is recorded with the tensors that its gradients
//! need.

use std::sync::Arc;

use burn::backend::tensor::FloatTensor;
use burn::backend::{AutodiffBackend, Backend, TensorMetadata};
use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::base::Checkpointer;
use burn_autodiff::checkpoint::strategy::CheckpointStrategy;
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

use super::operations::Operations;
use super::{Activation, Lookups, Padding, Precision, Rectifier, Resampling, Upsample};
use crate::collective::Member;

/// A convolution or, `transposed`, its transpose.
#[derive(Debug)]
struct ConvBackward {
    transposed: bool,
}

impl<B: Operations> Backward<B, 2> for ConvBackward {
    /// x, weight, stride, padding, precision.
    type State = (FloatTensor<B>, FloatTensor<B>, usize, Padding, Precision);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        let (x, weight, stride, padding, precision) = ops.state;
        let [x_node, weight_node] = ops.parents;
        let (kernel, extent) =
            ([weight.shape()[2], weight.shape()[3]], [x.shape()[2], x.shape()[3]]);
        if let Some(node) = x_node {
            let dx = if self.transposed {
                B::convolve(g.clone(), weight, stride, padding, precision)
            } else {
                B::convolve_transposed(g.clone(), weight, stride, padding, extent, precision)
            };
            grads.register::<B>(node.id, like::<B>(dx, &x));
        }
        if let Some(node) = weight_node {
            // A transposed convolution's large tensor, its output, is the input of the convolution
            // it is the transpose of.
            let (input, output) = if self.transposed { (g, x) } else { (x, g) };
            grads.register::<B>(
                node.id,
                B::weight_gradient(input, output, kernel, stride, padding, precision),
            );
        }
    }
}

#[derive(Debug)]
struct ProductBackward;

impl<B: Operations> Backward<B, 2> for ProductBackward {
    /// The factors, the precision.
    type State = (FloatTensor<B>, FloatTensor<B>, Precision);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        let (a, b, precision) = ops.state;
        let last = a.shape().num_dims() - 1;
        let turned = |x| B::float_swap_dims(x, last - 1, last);
        let [a_node, b_node] = ops.parents;
        if let Some(node) = a_node {
            grads.register::<B>(node.id, B::multiply(g.clone(), turned(b), precision));
        }
        if let Some(node) = b_node {
            grads.register::<B>(node.id, B::multiply(turned(a), g, precision));
        }
    }
}

#[derive(Debug)]
struct NormBackward;

impl<B: Operations> Backward<B, 3> for NormBackward {
    /// x, gamma, beta, moments; epsilon; slope; the member of the group that shares the moments.
    type State = ([FloatTensor<B>; 4], f32, f32, Option<Member>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        let ([x, gamma, beta, moments], epsilon, slope, member) = ops.state;
        let (dx, d_gamma, d_beta) = match member {
            None => B::norm_act_backward(x, gamma, beta, moments, g, epsilon, slope),
            // The order of the backward pass depends on the form of the graph alone, which is the
            // same for all members: they meet here in one order.
            Some(member) => {
                let [a, b, c, d] = [&x, &gamma, &beta, &moments].map(Clone::clone);
                let own = B::norm_act_sums(a, b, c, d, g.clone(), epsilon, slope);
                let sums = B::float_cat(vec![own.clone(), member.total::<B>(own)], 0); // [4, C]
                let shape = x.shape();
                let n = (shape[0] * shape[2] * shape[3] * member.count()) as f32;
                B::norm_act_backward_of_all(x, gamma, beta, moments, g, sums, [epsilon, slope, n])
            }
        };
        for (node, gradient) in ops.parents.into_iter().zip([dx, d_gamma, d_beta]) {
            if let Some(node) = node {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct ActBackward;

impl<B: Operations> Backward<B, 2> for ActBackward {
    /// The result.
    type State = (FloatTensor<B>, Activation);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        let (y, activation) = ops.state;
        let (dx, d_bias) = B::bias_act_backward(y, g, activation);
        for (node, gradient) in ops.parents.into_iter().zip([dx, d_bias]) {
            if let Some(node) = node {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct TangentBackward;

impl<B: Operations> Backward<B, 1> for TangentBackward {
    /// The output of the activation.
    type State = (FloatTensor<B>, Rectifier);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            grads.register::<B>(node.id, B::rectifier_tangent(g, ops.state.0, ops.state.1));
        }
    }
}

/// Doubling or, if `transposed`, its transpose.
#[derive(Debug)]
struct UpsampleBackward {
    transposed: bool,
}

impl<B: Operations> Backward<B, 1> for UpsampleBackward {
    type State = Upsample;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            grads.register::<B>(node.id, B::resize(g, ops.state, !self.transposed));
        }
    }
}

#[derive(Debug)]
struct WarpBackward;

impl<B: Operations> Backward<B, 1> for WarpBackward {
    /// The look-ups; height and width of x.
    type State = (Arc<Lookups>, [usize; 2]);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            let (lookups, extent) = ops.state;
            grads.register::<B>(node.id, B::warp_backward(g, lookups, extent));
        }
    }
}

#[derive(Debug)]
struct ResampleBackward;

impl<B: Operations> Backward<B, 1> for ResampleBackward {
    type State = Arc<Resampling>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            grads.register::<B>(node.id, B::filter_and_warp_backward(g, ops.state));
        }
    }
}

/// Records `$backward` with `$state` if any of the parents is tracked.
macro_rules! record {
    ($strategy:ty, $backward:expr, $nodes:expr, $state:expr, $result:expr) => {
        match $backward.prepare::<$strategy>($nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish($state, $result),
            OpsKind::UnTracked(prep) => prep.finish($result),
        }
    };
}

impl<B: Operations, C: CheckpointStrategy> Operations for Autodiff<B, C> {
    fn convolve(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
        padding: Padding,
        precision: Precision,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node()];
        let (x, weight) = (x.into_primitive(), weight.into_primitive());
        let y = B::convolve(x.clone(), weight.clone(), stride, padding, precision);
        record!(
            C,
            ConvBackward { transposed: false },
            nodes,
            (x, weight, stride, padding, precision),
            y
        )
    }

    fn convolve_transposed(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
        padding: Padding,
        output: [usize; 2],
        precision: Precision,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node()];
        let (x, weight) = (x.into_primitive(), weight.into_primitive());
        let y =
            B::convolve_transposed(x.clone(), weight.clone(), stride, padding, output, precision);
        record!(
            C,
            ConvBackward { transposed: true },
            nodes,
            (x, weight, stride, padding, precision),
            y
        )
    }

    fn weight_gradient(
        x: FloatTensor<Self>,
        g: FloatTensor<Self>,
        kernel: [usize; 2],
        stride: usize,
        padding: Padding,
        precision: Precision,
    ) -> FloatTensor<Self> {
        constant::<B, C>(B::weight_gradient(
            x.into_primitive(),
            g.into_primitive(),
            kernel,
            stride,
            padding,
            precision,
        ))
    }

    fn multiply(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        precision: Precision,
    ) -> FloatTensor<Self> {
        let nodes = [a.node(), b.node()];
        let (a, b) = (a.into_primitive(), b.into_primitive());
        let y = B::multiply(a.clone(), b.clone(), precision);
        record!(C, ProductBackward, nodes, (a, b, precision), y)
    }

    fn moments(x: FloatTensor<Self>) -> FloatTensor<Self> {
        constant::<B, C>(B::moments(x.into_primitive()))
    }

    fn follow(
        moments: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        parts: [f32; 3],
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let [moments, mean, variance] = [moments, mean, variance].map(|t| t.into_primitive());
        let (mean, variance) = B::follow(moments, mean, variance, parts);
        (constant::<B, C>(mean), constant::<B, C>(variance))
    }

    fn norm_act(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        epsilon: f32,
        slope: f32,
        member: Option<Member>,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), gamma.node(), beta.node()];
        let state = [x, gamma, beta, moments].map(|t| t.into_primitive());
        let [x, gamma, beta, moments] = state.clone();
        let y = B::norm_act(x, gamma, beta, moments, epsilon, slope, member.clone());
        record!(C, NormBackward, nodes, (state, epsilon, slope, member), y)
    }

    fn norm_act_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        epsilon: f32,
        slope: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [x, gamma, beta, moments, grad] =
            [x, gamma, beta, moments, grad].map(|t| t.into_primitive());
        let (dx, d_gamma, d_beta) =
            B::norm_act_backward(x, gamma, beta, moments, grad, epsilon, slope);
        (constant::<B, C>(dx), constant::<B, C>(d_gamma), constant::<B, C>(d_beta))
    }

    fn norm_act_sums(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        epsilon: f32,
        slope: f32,
    ) -> FloatTensor<Self> {
        let [x, gamma, beta, moments, grad] =
            [x, gamma, beta, moments, grad].map(|t| t.into_primitive());
        constant::<B, C>(B::norm_act_sums(x, gamma, beta, moments, grad, epsilon, slope))
    }

    fn norm_act_backward_of_all(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        sums: FloatTensor<Self>,
        numbers: [f32; 3],
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [x, gamma, beta, moments, grad, sums] =
            [x, gamma, beta, moments, grad, sums].map(|t| t.into_primitive());
        let (dx, d_gamma, d_beta) =
            B::norm_act_backward_of_all(x, gamma, beta, moments, grad, sums, numbers);
        (constant::<B, C>(dx), constant::<B, C>(d_gamma), constant::<B, C>(d_beta))
    }

    fn add_bias_act(
        x: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        activation: Activation,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), bias.node()];
        let y = B::add_bias_act(x.into_primitive(), bias.into_primitive(), activation);
        record!(C, ActBackward, nodes, (y.clone(), activation), y)
    }

    fn bias_act_backward(
        y: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        activation: Activation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let (dx, d_bias) =
            B::bias_act_backward(y.into_primitive(), grad.into_primitive(), activation);
        (constant::<B, C>(dx), constant::<B, C>(d_bias))
    }

    fn rectifier_tangent(
        t: FloatTensor<Self>,
        y: FloatTensor<Self>,
        rectifier: Rectifier,
    ) -> FloatTensor<Self> {
        let node = t.node();
        let (t, y) = (t.into_primitive(), y.into_primitive());
        let result = B::rectifier_tangent(t, y.clone(), rectifier);
        record!(C, TangentBackward, [node], (y, rectifier), result)
    }

    fn resize(x: FloatTensor<Self>, mode: Upsample, transposed: bool) -> FloatTensor<Self> {
        let node = x.node();
        let y = B::resize(x.into_primitive(), mode, transposed);
        record!(C, UpsampleBackward { transposed }, [node], mode, y)
    }

    fn warp(x: FloatTensor<Self>, lookups: Arc<Lookups>) -> FloatTensor<Self> {
        let (node, x) = (x.node(), x.into_primitive());
        let extent = [x.shape()[2], x.shape()[3]];
        let y = B::warp(x, Arc::clone(&lookups));
        record!(C, WarpBackward, [node], (lookups, extent), y)
    }

    fn warp_backward(
        grad: FloatTensor<Self>,
        lookups: Arc<Lookups>,
        extent: [usize; 2],
    ) -> FloatTensor<Self> {
        constant::<B, C>(B::warp_backward(grad.into_primitive(), lookups, extent))
    }

    fn filter_and_warp(x: FloatTensor<Self>, resampling: Arc<Resampling>) -> FloatTensor<Self> {
        let node = x.node();
        let y = B::filter_and_warp(x.into_primitive(), Arc::clone(&resampling));
        record!(C, ResampleBackward, [node], resampling, y)
    }

    fn filter_and_warp_backward(
        grad: FloatTensor<Self>,
        resampling: Arc<Resampling>,
    ) -> FloatTensor<Self> {
        constant::<B, C>(B::filter_and_warp_backward(grad.into_primitive(), resampling))
    }
}

/// `gradient` in the element type of `x`.
fn like<B: Backend>(gradient: FloatTensor<B>, x: &FloatTensor<B>) -> FloatTensor<B> {
    if gradient.dtype() == x.dtype() {
        return gradient;
    }
    B::float_cast(gradient, x.dtype().into())
}

/// A tensor that no gradient flows into.
fn constant<B: Backend, C: CheckpointStrategy>(
    primitive: FloatTensor<B>,
) -> FloatTensor<Autodiff<B, C>> {
    <Autodiff<B, C> as AutodiffBackend>::from_inner(primitive)
}
