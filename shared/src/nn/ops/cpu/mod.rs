//! Operations of our own on the CPU backend, with hand-written backward passes. Nothing above [`super`] knows of them.

mod conv;
mod norm;

use burn::backend::tensor::FloatTensor;
use burn::backend::{AutodiffBackend, Backend, Flex, TensorMetadata, backend_extension};
use burn::tensor::TensorData;
use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::base::Checkpointer;
use burn_autodiff::checkpoint::strategy::CheckpointStrategy;
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};
use burn_flex::FlexTensor;

use conv::Geometry;
use norm::Planes;

/// The operations; each is documented where [`super`] offers it.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait CpuOps: Backend {
    /// [`super::conv2d`] without bias.
    fn fast_conv2d(x: FloatTensor<Self>, weight: FloatTensor<Self>, stride: usize, padding: [usize; 2]) -> FloatTensor<Self>;

    /// [`super::conv_transpose2d`] without bias: the input gradient of the convolution whose input is [B, Cout, h, w].
    fn fast_conv_transpose2d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
        padding: [usize; 2],
        output: [usize; 2],
    ) -> FloatTensor<Self>;

    /// Gradient of a convolution's weight from its input `x` and its output's gradient `g`. Not differentiable.
    fn conv2d_weight_gradient(
        x: FloatTensor<Self>,
        g: FloatTensor<Self>,
        kernel: [usize; 2],
        stride: usize,
        padding: [usize; 2],
    ) -> FloatTensor<Self>;

    /// Mean and biased variance of every channel, [2, C]. Not differentiable: [`CpuOps::norm_act`] accounts for it.
    fn channel_moments(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Normalisation by the moments of `x` and leaky ReLU.
    fn norm_act(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        epsilon: f32,
        slope: f32,
    ) -> FloatTensor<Self>;

    /// Gradients of x, gamma and beta of [`CpuOps::norm_act`]. Not differentiable.
    fn norm_act_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        epsilon: f32,
        slope: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

fn dims<const D: usize>(tensor: &FlexTensor) -> [usize; D] {
    tensor.layout().shape().dims()
}

fn tensor(values: Vec<f32>, shape: impl Into<Vec<usize>>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape.into()))
}

/// The values of a tensor in row-major order.
struct Values(FlexTensor);

impl Values {
    fn of(tensor: FlexTensor) -> Self {
        Self(if tensor.is_contiguous() { tensor } else { tensor.to_contiguous() })
    }

    fn slice(&self) -> &[f32] {
        let (from, len) = (self.0.layout().start_offset(), self.0.layout().num_elements());
        &self.0.storage::<f32>()[from..from + len]
    }
}

fn planes(x: &FlexTensor) -> Planes {
    let [batch, channels, h, w] = dims(x);
    Planes { batch, channels, positions: h * w }
}

impl CpuOps for Flex {
    fn fast_conv2d(x: FlexTensor, weight: FlexTensor, stride: usize, padding: [usize; 2]) -> FlexTensor {
        let ([batch, cin, h, w], [cout, _, kh, kw]) = (dims(&x), dims(&weight));
        let (oh, ow) = ((h + 2 * padding[0] - kh) / stride + 1, (w + 2 * padding[1] - kw) / stride + 1);
        let geometry = Geometry { batch, cin, h, w, cout, kernel: [kh, kw], stride, padding, oh, ow };
        tensor(geometry.forward(Values::of(x).slice(), Values::of(weight).slice()), [batch, cout, oh, ow])
    }

    fn fast_conv_transpose2d(
        x: FlexTensor,
        weight: FlexTensor,
        stride: usize,
        padding: [usize; 2],
        output: [usize; 2],
    ) -> FlexTensor {
        let ([batch, cout, oh, ow], [_, cin, kh, kw]) = (dims(&x), dims(&weight));
        let [h, w] = output;
        let geometry = Geometry { batch, cin, h, w, cout, kernel: [kh, kw], stride, padding, oh, ow };
        tensor(geometry.input_gradient(Values::of(x).slice(), Values::of(weight).slice()), [batch, cin, h, w])
    }

    fn conv2d_weight_gradient(
        x: FlexTensor,
        g: FlexTensor,
        kernel: [usize; 2],
        stride: usize,
        padding: [usize; 2],
    ) -> FlexTensor {
        let ([batch, cin, h, w], [_, cout, oh, ow]) = (dims(&x), dims(&g));
        let geometry = Geometry { batch, cin, h, w, cout, kernel, stride, padding, oh, ow };
        let gradient = geometry.weight_gradient(Values::of(x).slice(), Values::of(g).slice());
        tensor(gradient, [cout, cin, kernel[0], kernel[1]])
    }

    fn channel_moments(x: FlexTensor) -> FlexTensor {
        let planes = planes(&x);
        tensor(planes.moments(Values::of(x).slice()), [2, planes.channels])
    }

    fn norm_act(x: FlexTensor, gamma: FlexTensor, beta: FlexTensor, moments: FlexTensor, epsilon: f32, slope: f32) -> FlexTensor {
        let (planes, shape) = (planes(&x), dims::<4>(&x));
        let [x, gamma, beta, moments] = [x, gamma, beta, moments].map(Values::of);
        tensor(planes.forward(x.slice(), gamma.slice(), beta.slice(), moments.slice(), epsilon, slope), shape)
    }

    fn norm_act_backward(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        moments: FlexTensor,
        grad: FlexTensor,
        epsilon: f32,
        slope: f32,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let (planes, shape) = (planes(&x), dims::<4>(&x));
        let values = [x, gamma, beta, moments, grad].map(Values::of);
        let (dx, d_gamma, d_beta) = planes.backward(values.each_ref().map(Values::slice), epsilon, slope);
        (tensor(dx, shape), tensor(d_gamma, [planes.channels]), tensor(d_beta, [planes.channels]))
    }
}

/// What a convolution's backward pass needs: input, weight, stride, padding.
type ConvState<B> = (FloatTensor<B>, FloatTensor<B>, usize, [usize; 2]);

/// Of a convolution, or of the transpose of one.
#[derive(Debug)]
struct ConvBackward {
    transposed: bool,
}

impl<B: CpuOps> Backward<B, 2> for ConvBackward {
    type State = ConvState<B>;

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        let (x, weight, stride, padding) = ops.state;
        let [x_node, weight_node] = ops.parents;
        let (kernel, extent) = ([weight.shape()[2], weight.shape()[3]], [x.shape()[2], x.shape()[3]]);
        if let Some(node) = x_node {
            let dx = if self.transposed {
                B::fast_conv2d(g.clone(), weight, stride, padding)
            } else {
                B::fast_conv_transpose2d(g.clone(), weight, stride, padding, extent)
            };
            grads.register::<B>(node.id, dx);
        }
        if let Some(node) = weight_node {
            // A transposed convolution's large tensor, its output, is the input of the convolution it is the transpose of.
            let (input, output) = if self.transposed { (g, x) } else { (x, g) };
            grads.register::<B>(node.id, B::conv2d_weight_gradient(input, output, kernel, stride, padding));
        }
    }
}

#[derive(Debug)]
struct NormBackward;

impl<B: CpuOps> Backward<B, 3> for NormBackward {
    type State = ([FloatTensor<B>; 4], f32, f32);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        let ([x, gamma, beta, moments], epsilon, slope) = ops.state;
        let (dx, d_gamma, d_beta) = B::norm_act_backward(x, gamma, beta, moments, g, epsilon, slope);
        for (node, gradient) in ops.parents.into_iter().zip([dx, d_gamma, d_beta]) {
            if let Some(node) = node {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

impl<B: CpuOps, C: CheckpointStrategy> CpuOps for Autodiff<B, C> {
    fn fast_conv2d(x: FloatTensor<Self>, weight: FloatTensor<Self>, stride: usize, padding: [usize; 2]) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node()];
        let (x, weight) = (x.into_primitive(), weight.into_primitive());
        let y = B::fast_conv2d(x.clone(), weight.clone(), stride, padding);
        match (ConvBackward { transposed: false }).prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((x, weight, stride, padding), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn fast_conv_transpose2d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
        padding: [usize; 2],
        output: [usize; 2],
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node()];
        let (x, weight) = (x.into_primitive(), weight.into_primitive());
        let y = B::fast_conv_transpose2d(x.clone(), weight.clone(), stride, padding, output);
        match (ConvBackward { transposed: true }).prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((x, weight, stride, padding), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn conv2d_weight_gradient(
        x: FloatTensor<Self>,
        g: FloatTensor<Self>,
        kernel: [usize; 2],
        stride: usize,
        padding: [usize; 2],
    ) -> FloatTensor<Self> {
        constant::<B, C>(B::conv2d_weight_gradient(x.into_primitive(), g.into_primitive(), kernel, stride, padding))
    }

    fn channel_moments(x: FloatTensor<Self>) -> FloatTensor<Self> {
        constant::<B, C>(B::channel_moments(x.into_primitive()))
    }

    fn norm_act(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        epsilon: f32,
        slope: f32,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), gamma.node(), beta.node()];
        let state = [x, gamma, beta, moments].map(|t| t.into_primitive());
        let [x, gamma, beta, moments] = state.clone();
        let y = B::norm_act(x, gamma, beta, moments, epsilon, slope);
        match NormBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((state, epsilon, slope), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
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
        let [x, gamma, beta, moments, grad] = [x, gamma, beta, moments, grad].map(|t| t.into_primitive());
        let (dx, d_gamma, d_beta) = B::norm_act_backward(x, gamma, beta, moments, grad, epsilon, slope);
        (constant::<B, C>(dx), constant::<B, C>(d_gamma), constant::<B, C>(d_beta))
    }
}

/// A tensor that no gradient flows into.
fn constant<B: Backend, C: CheckpointStrategy>(primitive: FloatTensor<B>) -> FloatTensor<Autodiff<B, C>> {
    <Autodiff<B, C> as AutodiffBackend>::from_inner(primitive)
}
