//! Operations that are fused on the CPU and compositions of burn's on other devices: linear filters
//! along both axes, instance normalisation, joined channels, and the scaling, noise, bias and
//! activation of a style-based generator's layer (Karras et al. 2020, "Analyzing and improving the
//! image quality of StyleGAN", arXiv:1912.04958, section 2.2).

use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::tensor::FloatTensor;
use burn::backend::{AutodiffBackend, Backend, Dispatch, TensorMetadata, backend_extension};
use burn::tensor::{Tensor, TensorData};
use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::base::Checkpointer;
use burn_autodiff::checkpoint::strategy::CheckpointStrategy;
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

use crate::activation::{Activation, Rectifier};
use crate::cpu::on_cpu;
use crate::functions::{bias_act, channel_moments, full, matmul, normalize_train};
use crate::resample::Fir;

/// What [`style`] does to the channels of pictures; a part that is `None` is left out.
#[derive(Clone, Debug, Default)]
pub struct Style {
    /// Factors of each picture's channels, [B, C].
    pub scale: Option<Tensor<2>>,
    /// Added to each pixel of every channel, [B or 1, 1, H, W].
    pub noise: Option<Tensor<4>>,
    /// Added to each channel, `[C]`.
    pub bias: Option<Tensor<1>>,
}

/// rectifier(scale·x + noise + bias).
///
/// # Shapes
/// `x` [B, C, H, W] gives the same.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use fledge_kernels::{Rectifier, Style, style};
///
/// let device = Device::flex();
/// let scale = Some(Tensor::full([2, 3], -2.0, &device));
/// let rectifier = Rectifier { slope: 0.2, gain: 10.0, bound: 3.0 };
/// let y = style(Tensor::ones([2, 3, 4, 4], &device), Style { scale, ..Style::default() }, rectifier);
/// assert_eq!(y.into_data().iter::<f32>().next(), Some(-3.0));
/// ```
#[must_use]
pub fn style(x: Tensor<4>, style: Style, rectifier: Rectifier) -> Tensor<4> {
    let Style { scale, noise, bias } = style;
    let [batch, channels, height, width] = x.dims();
    if on_cpu(&x) {
        let device = x.device().inner();
        let scale = scale.unwrap_or_else(|| Tensor::zeros([0, channels], &device));
        let noise = noise.unwrap_or_else(|| Tensor::zeros([0, 1, height, width], &device));
        let bias = bias.unwrap_or_else(|| Tensor::zeros([0], &device));
        return Tensor::from_dispatch(Dispatch::style(
            x.into_dispatch(),
            scale.into_dispatch(),
            noise.into_dispatch(),
            bias.into_dispatch(),
            rectifier,
        ));
    }
    let mut x = x;
    if let Some(scale) = scale {
        x = x.clone() * scale.reshape([batch, channels, 1, 1]).cast(x.dtype());
    }
    if let Some(noise) = noise {
        x = x.clone() + noise.cast(x.dtype());
    }
    if bias.is_none() && rectifier == Rectifier::NONE {
        return x;
    }
    let bias = bias.unwrap_or_else(|| Tensor::zeros([channels], &x.device().inner()));
    bias_act(x, bias, Activation::Rectify(rectifier))
}

/// Applies a linear filter along each axis: `filters` along height and width.
///
/// # Shapes
/// `x` [B, C, H, W], with as many rows and columns as the filters have samples, gives [B, C, H',
/// W'] of as many as they have results.
///
/// ```
/// use std::sync::Arc;
///
/// use burn::tensor::{Device, Tensor};
/// use fledge_kernels::{Fir, filter};
///
/// let half = Fir::resampling(8, &[0.125, 0.375, 0.375, 0.125], 1, 2, [1, 1]);
/// let x = Tensor::<4>::ones([1, 3, 8, 8], &Device::flex());
/// assert_eq!(filter(x, &Arc::new([half.clone(), half])).dims(), [1, 3, 4, 4]);
/// ```
#[must_use]
pub fn filter(x: Tensor<4>, filters: &Arc<[Fir; 2]>) -> Tensor<4> {
    if on_cpu(&x) {
        let filters = Arc::clone(filters);
        return Tensor::from_dispatch(Dispatch::filter(x.into_dispatch(), filters));
    }
    let [batch, channels, height, width] = x.dims();
    let device = x.device().inner();
    let [vertical, horizontal] = [0, 1].map(|axis| {
        let fir = &filters[axis];
        let shape = [fir.results.len(), fir.samples];
        Tensor::<2>::from_data(TensorData::new(fir.dense(), shape), &device)
    });
    let [rows, columns] = [vertical.dims()[0], horizontal.dims()[0]];
    let x: Tensor<2> = full(x).reshape([batch * channels * height, width]);
    let x: Tensor<3> =
        matmul(x, horizontal.transpose()).reshape([batch * channels, height, columns]);
    matmul(vertical.unsqueeze::<3>(), x).reshape([batch, channels, rows, columns])
}

/// a + b, in f32 if either is.
#[must_use]
pub fn sum(a: Tensor<4>, b: Tensor<4>) -> Tensor<4> {
    if on_cpu(&a) {
        return Tensor::from_dispatch(Dispatch::add(a.into_dispatch(), b.into_dispatch()));
    }
    if a.dtype() == b.dtype() { a + b } else { full(a) + full(b) }
}

/// Instance normalisation (Ulyanov et al. 2016, arXiv:1607.08022): every channel of every picture by
/// its own mean and biased variance, then scale, shift and leaky ReLU with slope `slope` (0 = ReLU, 1
/// = none).
///
/// # Shapes
/// `x` [B, C, H, W]; `gamma`, `beta` `[C]`. Gives [B, C, H, W].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use fledge_kernels::normalize_each;
///
/// let device = Device::flex();
/// let x = Tensor::<4>::from_floats([[[[1.0, 3.0]]], [[[10.0, 30.0]]]], &device);
/// let y = normalize_each(x, Tensor::ones([1], &device), Tensor::zeros([1], &device), 1e-5, 1.0);
/// let y: Vec<f32> = y.into_data().iter().collect();
/// assert!(y.iter().zip([-1.0, 1.0, -1.0, 1.0]).all(|(y, e)| (y - e).abs() < 1e-4));
/// ```
#[must_use]
pub fn normalize_each(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f32,
    slope: f32,
) -> Tensor<4> {
    let [batch, channels, height, width] = x.dims();
    if on_cpu(&x) {
        let moments = Dispatch::moments_each(x.clone().inner().into_dispatch());
        let (gamma, beta) = (gamma.into_dispatch(), beta.into_dispatch());
        let x = x.into_dispatch();
        return Tensor::from_dispatch(Dispatch::norm_each(x, gamma, beta, moments, epsilon, slope));
    }
    // A channel of a picture is a channel of one large picture.
    let x = x.reshape([1, batch * channels, height, width]);
    let moments = channel_moments(&x);
    let [gamma, beta] = [gamma, beta].map(|row| row.repeat_dim(0, batch));
    normalize_train(x, gamma, beta, moments, epsilon, slope)
        .reshape([batch, channels, height, width])
}

/// Concatenates pictures of equal size along the channels.
///
/// # Shapes
/// `a` [B, C, H, W], `b` [B, D, H, W]; gives [B, C + D, H, W].
#[must_use]
pub fn beside(a: Tensor<4>, b: Tensor<4>) -> Tensor<4> {
    if on_cpu(&a) {
        return Tensor::from_dispatch(Dispatch::beside(a.into_dispatch(), b.into_dispatch()));
    }
    if a.dtype() == b.dtype() {
        return Tensor::cat(vec![a, b], 1);
    }
    Tensor::cat(vec![full(a), full(b)], 1)
}

/// `x` for two uses whose gradients are added in one pass over memory. Both results must lead to
/// what is differentiated.
#[must_use]
pub fn fork(x: Tensor<4>) -> [Tensor<4>; 2] {
    if on_cpu(&x) && x.is_autodiff() {
        let (a, b) = Dispatch::fork(x.into_dispatch());
        return [a, b].map(Tensor::from_dispatch);
    }
    [x.clone(), x]
}

/// The operations as a trait of backends; those without a fused form are never asked.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait Fused: Backend {
    /// [`super::filter`].
    fn filter(x: FloatTensor<Self>, filters: Arc<[Fir; 2]>) -> FloatTensor<Self>;

    /// [`super::style`]; a part without rows is left out.
    fn style(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        noise: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        rectifier: Rectifier,
    ) -> FloatTensor<Self>;

    /// [`super::sum`].
    fn add(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self>;

    /// [`super::fork`].
    fn fork(x: FloatTensor<Self>) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// Mean and biased variance of every channel of every picture, [B, 2, C]. Not differentiable:
    /// [`Fused::norm_each`] accounts for it.
    fn moments_each(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// [`super::normalize_each`] with the moments of `x`.
    fn norm_each(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        epsilon: f32,
        slope: f32,
    ) -> FloatTensor<Self>;

    /// Gradients of x, gamma and beta of [`Fused::norm_each`]. Not differentiable.
    fn norm_each_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        numbers: [f32; 2],
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// [`super::beside`].
    fn beside(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The first `channels` of `x`, and the others. Not differentiable.
    fn apart(x: FloatTensor<Self>, channels: usize) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// Gradients of x, scale, noise and bias from the result `y` and its gradient `g`. Not
    /// differentiable.
    fn style_backward(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        y: FloatTensor<Self>,
        g: FloatTensor<Self>,
        rectifier: Rectifier,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

#[derive(Debug)]
struct FilterBackward;

impl<B: Fused> Backward<B, 1> for FilterBackward {
    type State = Arc<[Fir; 2]>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            let [vertical, horizontal] = &*ops.state;
            let transposed = Arc::new([vertical.transposed(), horizontal.transposed()]);
            grads.register::<B>(node.id, B::filter(g, transposed));
        }
    }
}

#[derive(Debug)]
struct AddBackward;

impl<B: Fused> Backward<B, 2> for AddBackward {
    type State = ();

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        for node in ops.parents.into_iter().flatten() {
            grads.register::<B>(node.id, g.clone());
        }
    }
}

#[derive(Debug)]
struct ForkBackward;

impl<B: Fused> Backward<B, 1> for ForkBackward {
    /// The gradient of the use that came first.
    type State = Arc<Mutex<Option<FloatTensor<B>>>>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        let [Some(node)] = ops.parents else { return };
        let mut first = ops.state.lock().unwrap_or_else(PoisonError::into_inner);
        match first.take() {
            None => *first = Some(g),
            Some(other) => grads.register::<B>(node.id, B::add(g, other)),
        }
    }
}

#[derive(Debug)]
struct StyleBackward;

impl<B: Fused> Backward<B, 4> for StyleBackward {
    /// x, scale and y; the rectifier; the pictures of the noise.
    type State = ([FloatTensor<B>; 3], Rectifier, usize);

    fn backward(self, ops: Ops<Self::State, 4>, grads: &mut Gradients, _: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        let ([x, scale, y], rectifier, noises) = ops.state;
        let (dx, d_scale, d_noise, d_bias) = B::style_backward(x, scale, y, g, rectifier);
        let d_noise = if noises == 1 { B::float_sum_dim(d_noise, 0) } else { d_noise };
        for (node, gradient) in ops.parents.into_iter().zip([dx, d_scale, d_noise, d_bias]) {
            if let Some(node) = node {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct NormEachBackward;

impl<B: Fused> Backward<B, 3> for NormEachBackward {
    /// x, gamma, beta, moments; epsilon and slope.
    type State = ([FloatTensor<B>; 4], [f32; 2]);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        let ([x, gamma, beta, moments], numbers) = ops.state;
        let (dx, d_gamma, d_beta) = B::norm_each_backward(x, gamma, beta, moments, g, numbers);
        for (node, gradient) in ops.parents.into_iter().zip([dx, d_gamma, d_beta]) {
            if let Some(node) = node {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct BesideBackward;

impl<B: Fused> Backward<B, 2> for BesideBackward {
    /// Channels of the first.
    type State = usize;

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        let (a, b) = B::apart(g, ops.state);
        for (node, gradient) in ops.parents.into_iter().zip([a, b]) {
            if let Some(node) = node {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

impl<B: Fused, C: CheckpointStrategy> Fused for Autodiff<B, C> {
    fn filter(x: FloatTensor<Self>, filters: Arc<[Fir; 2]>) -> FloatTensor<Self> {
        let node = x.node();
        let y = B::filter(x.into_primitive(), Arc::clone(&filters));
        match FilterBackward.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(filters, y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn style(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        noise: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        rectifier: Rectifier,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), scale.node(), noise.node(), bias.node()];
        let [x, scale, noise, bias] = [x, scale, noise, bias].map(|t| t.into_primitive());
        let noises = noise.shape()[0];
        match StyleBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let y = B::style(x.clone(), scale.clone(), noise, bias, rectifier);
                prep.finish(([x, scale, y.clone()], rectifier, noises), y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::style(x, scale, noise, bias, rectifier)),
        }
    }

    fn add(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [a.node(), b.node()];
        let y = B::add(a.into_primitive(), b.into_primitive());
        match AddBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn fork(x: FloatTensor<Self>) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let (nodes, x) = ([x.node(), x.node()], x.into_primitive());
        let first = Arc::new(Mutex::new(None));
        let [a, b] =
            nodes.map(|node| match ForkBackward.prepare::<C>([node]).compute_bound().stateful() {
                OpsKind::Tracked(prep) => prep.finish(Arc::clone(&first), x.clone()),
                OpsKind::UnTracked(prep) => prep.finish(x.clone()),
            });
        (a, b)
    }

    fn moments_each(x: FloatTensor<Self>) -> FloatTensor<Self> {
        <Self as AutodiffBackend>::from_inner(B::moments_each(x.into_primitive()))
    }

    fn norm_each(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        epsilon: f32,
        slope: f32,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), gamma.node(), beta.node()];
        let parts = [x, gamma, beta, moments].map(|t| t.into_primitive());
        let [x, gamma, beta, moments] = parts.clone();
        let y = B::norm_each(x, gamma, beta, moments, epsilon, slope);
        match NormEachBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((parts, [epsilon, slope]), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn norm_each_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        numbers: [f32; 2],
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [x, gamma, beta, moments, grad] =
            [x, gamma, beta, moments, grad].map(|t| t.into_primitive());
        let (dx, d_gamma, d_beta) = B::norm_each_backward(x, gamma, beta, moments, grad, numbers);
        let constant = <Self as AutodiffBackend>::from_inner;
        (constant(dx), constant(d_gamma), constant(d_beta))
    }

    fn beside(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [a.node(), b.node()];
        let channels = a.shape()[1];
        let y = B::beside(a.into_primitive(), b.into_primitive());
        match BesideBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(channels, y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn apart(x: FloatTensor<Self>, channels: usize) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let (a, b) = B::apart(x.into_primitive(), channels);
        let constant = <Self as AutodiffBackend>::from_inner;
        (constant(a), constant(b))
    }

    fn style_backward(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        y: FloatTensor<Self>,
        g: FloatTensor<Self>,
        rectifier: Rectifier,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [x, scale, y, g] = [x, scale, y, g].map(|t| t.into_primitive());
        let (dx, d_scale, d_noise, d_bias) = B::style_backward(x, scale, y, g, rectifier);
        let constant = <Self as AutodiffBackend>::from_inner;
        (constant(dx), constant(d_scale), constant(d_noise), constant(d_bias))
    }
}
