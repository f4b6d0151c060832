//! Bias and activation in one pass; the gradient is computed from the result alone.

use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::image::{Image, address, element, flat, spread};
use super::sums;
use crate::{Activation, Rectifier};

/// The activation as a kernel argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Rectify,
    Sigmoid,
    Tanh,
}

impl Activation {
    fn kind(self) -> Kind {
        match self {
            Self::LeakyRelu(_) | Self::Rectify(_) => Kind::Rectify,
            Self::Sigmoid => Kind::Sigmoid,
            Self::Tanh => Kind::Tanh,
        }
    }

    /// Slope, gain and bound of a rectifier; meaningless for the others.
    fn rectifier(self) -> Rectifier {
        match self {
            Self::LeakyRelu(slope) => Rectifier::leaky(slope),
            Self::Rectify(rectifier) => rectifier,
            Self::Sigmoid | Self::Tanh => Rectifier::NONE,
        }
    }
}

/// x if positive, else slope·x.
#[cube]
pub(super) fn leaky<N: Size>(x: Vector<f32, N>, slope: f32) -> Vector<f32, N> {
    select_many(x.greater_than(&Vector::new(0.0)), x, x * Vector::new(slope))
}

/// The factor that `leaky` applied to x.
#[cube]
pub(super) fn leaky_slope<N: Size>(y: Vector<f32, N>, slope: f32) -> Vector<f32, N> {
    select_many(y.greater_than(&Vector::new(0.0)), Vector::new(1.0), Vector::new(slope))
}

/// `leaky` times a gain, clamped to ±bound.
#[cube]
fn rectified<N: Size>(x: Vector<f32, N>, slope: f32, gain: f32, bound: f32) -> Vector<f32, N> {
    let y = leaky::<N>(x, slope) * Vector::new(gain);
    let high = Vector::<f32, N>::new(bound);
    let low = Vector::<f32, N>::new(-bound);
    let y = select_many(y.greater_than(&high), high, y);
    select_many(low.greater_than(&y), low, y)
}

/// The factor that `rectified` applied to x: 0 at the bound.
#[cube]
fn rectified_slope<N: Size>(
    y: Vector<f32, N>,
    slope: f32,
    gain: f32,
    bound: f32,
) -> Vector<f32, N> {
    let factor = leaky_slope::<N>(y, slope) * Vector::new(gain);
    select_many(Vector::new(bound).greater_than(&y.abs()), factor, Vector::new(0.0))
}

/// y ← activation(x + bias); a row has `width` vectors.
#[cube(launch, address_type = "dynamic")]
fn bias_act<F: Float, N: Size>(
    x: &[Vector<F, N>],
    bias: &[Vector<f32, N>],
    y: &mut [Vector<F, N>],
    slope: f32,
    gain: f32,
    bound: f32,
    width: usize,
    #[comptime] kind: Kind,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= y.len() {
        terminate!();
    }
    let pre = Vector::<f32, N>::cast_from(x[ABSOLUTE_POS]) + bias[ABSOLUTE_POS % width];
    let result = match comptime!(kind) {
        Kind::Rectify => rectified::<N>(pre, slope, gain, bound),
        Kind::Sigmoid => Vector::new(1.0) / (Vector::new(1.0) + (-pre).exp()),
        Kind::Tanh => pre.tanh(),
    };
    y[ABSOLUTE_POS] = Vector::cast_from(result);
}

/// dx ← g times the derivative of the activation that gave y.
#[cube(launch, address_type = "dynamic")]
fn act_backward<F: Float, N: Size>(
    y: &[Vector<F, N>],
    g: &[Vector<F, N>],
    dx: &mut [Vector<F, N>],
    slope: f32,
    gain: f32,
    bound: f32,
    #[comptime] kind: Kind,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= dx.len() {
        terminate!();
    }
    let y = Vector::<f32, N>::cast_from(y[ABSOLUTE_POS]);
    let g = Vector::<f32, N>::cast_from(g[ABSOLUTE_POS]);
    let derivative = match comptime!(kind) {
        Kind::Rectify => rectified_slope::<N>(y, slope, gain, bound),
        Kind::Sigmoid => y * (Vector::new(1.0) - y),
        Kind::Tanh => Vector::new(1.0) - y * y,
    };
    dx[ABSOLUTE_POS] = Vector::cast_from(g * derivative);
}

/// activation(x + bias), `bias` `[C]`.
pub(super) fn forward(x: &Image, bias: CubeTensor, activation: Activation) -> Image {
    let y = x.alike();
    let (vector, client) = (x.vector(), &x.data.client);
    let (count, dim) = spread(client, x.positions() * x.channels / vector);
    let Rectifier { slope, gain, bound } = activation.rectifier();
    bias_act::launch(
        client,
        count,
        dim,
        address(&[&x.data]),
        vector,
        x.arg(),
        flat(bias).into_buffer_arg(),
        y.arg(),
        slope,
        gain,
        bound,
        x.channels / vector,
        activation.kind(),
        element(&x.data),
    );
    y
}

/// `g` times the derivative of the activation that gave `y`.
pub(super) fn scaled(y: &Image, g: &Image, activation: Activation) -> Image {
    let dx = g.alike();
    let (vector, client) = (y.vector(), &y.data.client);
    let (count, dim) = spread(client, y.positions() * y.channels / vector);
    let Rectifier { slope, gain, bound } = activation.rectifier();
    act_backward::launch(
        client,
        count,
        dim,
        address(&[&y.data]),
        vector,
        y.arg(),
        g.arg(),
        dx.arg(),
        slope,
        gain,
        bound,
        activation.kind(),
        element(&y.data),
    );
    dx
}

/// Gradients of x and of the bias from the result `y` and its gradient `g`.
pub(super) fn backward(y: &Image, g: &Image, activation: Activation) -> (Image, CubeTensor) {
    let dx = scaled(y, g, activation);
    let d_bias = sums::of_channels(&dx);
    (dx, d_bias)
}
