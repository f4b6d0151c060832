//! Tensors with the same numbers on every device, and results with their gradients.

use burn::tensor::{Device, Tensor, TensorData};
use shared::nn::ops;
use shared::nn::parameter::{Parameters, Purpose};
use shared::rng::{self, Stream};

use super::case::Outputs;

/// The stream of random numbers called `name`.
#[must_use]
pub fn stream(name: &str) -> Stream {
    rng::stream(0, &format!("check {name}"), 0)
}

/// Standard normal numbers from the stream `name`.
#[must_use]
pub fn drawn<const D: usize>(name: &str, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(stream(name).normals(shape.iter().product()), shape), device)
}

/// Pictures from the stream `name`: coarse blocks and noise, in [−1, 1].
#[must_use]
pub fn pictures(
    name: &str,
    [batch, channels, height, width]: [usize; 4],
    device: &Device,
) -> Tensor<4> {
    let mut numbers = stream(name);
    let (rows, columns) = (height.div_ceil(8), width.div_ceil(8));
    let coarse: Vec<f64> =
        (0..batch * channels * rows * columns).map(|_| numbers.between(-0.7, 0.7)).collect();
    let value = |i: usize| {
        let (plane, y, x) = (i / (height * width), i / width % height, i % width);
        (coarse[(plane * rows + y / 8) * columns + x / 8] + numbers.between(-0.3, 0.3)) as f32
    };
    let values: Vec<f32> = (0..batch * channels * height * width).map(value).collect();
    Tensor::from_data(TensorData::new(values, [batch, channels, height, width]), device)
}

/// The sum of all values, each with its own factor, so that no gradient is hidden in a sum.
#[must_use]
pub fn weighted<const D: usize>(y: &Tensor<D>) -> Tensor<1> {
    let factors = drawn("factors", y.dims(), &y.device().inner());
    (ops::full(y.clone()) * factors.autodiff()).sum()
}

/// The result of `f` for `inputs`, and its gradients with respect to each of them.
#[must_use]
pub fn differentiated<const N: usize>(
    inputs: [Tensor<4>; N],
    f: impl Fn([Tensor<4>; N]) -> Tensor<4>,
) -> Outputs {
    let inputs = inputs.map(|x| x.autodiff().require_grad());
    let y = f(inputs.clone());
    let mut outputs = Outputs::default();
    let gradients = weighted(&y).backward();
    outputs.tensor("result", y);
    for (i, x) in inputs.iter().enumerate() {
        let gradient = x.grad(&gradients).unwrap_or_else(|| x.clone().inner().zeros_like());
        outputs.tensor(&format!("gradient of input {i}"), gradient);
    }
    outputs
}

/// Perturbs every weight, so that none is exactly zero or one, where a mistake would not show.
#[must_use]
pub fn moved<N: Parameters>(mut network: N, device: &Device) -> N {
    for (name, parameter) in network.parameters_mut() {
        if parameter.purpose() == Purpose::Weight {
            let more: Tensor<1> = drawn(&format!("weight {name}"), [parameter.count()], device);
            parameter.set(parameter.flat() + more * 0.05);
        }
    }
    network
}
