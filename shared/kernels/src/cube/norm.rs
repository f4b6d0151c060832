//! Batch normalisation and the leaky ReLU after it: one pass for the moments, one forward, two
//! backward.

use burn::backend::TensorMetadata;
use burn::tensor::{DType, Shape};
use burn_cubecl::ops::reshape;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::act::{leaky, leaky_slope};
use super::image::{Image, address, element, empty, flat, spread};
use super::sums::{self, BLOCK, blocks};

/// sums[i] ← [Σ (x − p), Σ (x − p)²] of the `block` positions from i·block on, where p holds the
/// first position's numbers: far from zero, squares alone would cancel. A position has `width`
/// vectors.
#[cube(launch, address_type = "dynamic")]
fn deviations<F: Float, N: Size>(
    x: &[Vector<F, N>],
    sums: &mut [Vector<f32, N>],
    positions: usize,
    width: usize,
    block: usize,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= sums.len() / 2 {
        terminate!();
    }
    let channel = ABSOLUTE_POS % width;
    let row = ABSOLUTE_POS / width;
    let first = row * block;
    let end = min(first + block, positions);
    let pivot = Vector::<f32, N>::cast_from(x[channel]);
    let mut sum = Vector::<f32, N>::new(0.0);
    let mut square = Vector::<f32, N>::new(0.0);
    for position in first..end {
        let d = Vector::<f32, N>::cast_from(x[position * width + channel]) - pivot;
        sum += d;
        square += d * d;
    }
    sums[2 * row * width + channel] = sum;
    sums[(2 * row + 1) * width + channel] = square;
}

/// moments ← mean and variance of `n` positions from their [`deviations`].
#[cube(launch, address_type = "dynamic")]
fn finish_moments<F: Float>(
    x: &[F],
    sums: &[f32],
    moments: &mut [f32],
    n: f32,
    #[define(F)] _dtype: ElemType,
) {
    let channels = sums.len() / 2;
    if ABSOLUTE_POS >= channels {
        terminate!();
    }
    let mean = sums[ABSOLUTE_POS] / n;
    moments[ABSOLUTE_POS] = f32::cast_from(x[ABSOLUTE_POS]) + mean;
    moments[channels + ABSOLUTE_POS] =
        max(sums[channels + ABSOLUTE_POS] / n - mean * mean, f32::new(0.0));
}

/// Mean and biased variance of every channel, [2, C].
pub(super) fn moments(x: &Image) -> CubeTensor {
    let (client, vector, positions) = (&x.data.client, x.vector(), x.positions());
    let (width, dtype) = (x.channels / vector, element(&x.data));
    let partial = empty(&x.data, &[blocks(positions) * 2 * x.channels], DType::F32);
    let (count, dim) = spread(client, blocks(positions) * width);
    let address = address(&[&x.data, &partial]);
    let sums = partial.clone().into_buffer_arg();
    deviations::launch(
        client,
        count,
        dim,
        address,
        vector,
        x.arg(),
        sums,
        positions,
        width,
        BLOCK,
        dtype,
    );
    let sums =
        sums::of_blocks(partial, blocks(positions), 2 * x.channels, vector).into_buffer_arg();
    let result = empty(&x.data, &[2, x.channels], DType::F32);
    let (count, dim) = spread(client, x.channels);
    finish_moments::launch(
        client,
        count,
        dim,
        address,
        x.arg(),
        sums,
        result.clone().into_buffer_arg(),
        positions as f32,
        dtype,
    );
    result
}

/// mean, variance ← kept·running + new·batch's, the batch variance times `correction`.
#[cube(launch)]
fn follow_moments(
    moments: &[f32],
    mean: &[f32],
    variance: &[f32],
    new_mean: &mut [f32],
    new_variance: &mut [f32],
    kept: f32,
    new: f32,
    corrected: f32,
) {
    if ABSOLUTE_POS >= mean.len() {
        terminate!();
    }
    new_mean[ABSOLUTE_POS] = mean[ABSOLUTE_POS] * kept + moments[ABSOLUTE_POS] * new;
    new_variance[ABSOLUTE_POS] =
        variance[ABSOLUTE_POS] * kept + moments[mean.len() + ABSOLUTE_POS] * corrected;
}

/// The running mean and variance after a batch.
pub(super) fn follow(
    moments: CubeTensor,
    mean: CubeTensor,
    variance: CubeTensor,
    [kept, new, corrected]: [f32; 3],
) -> (CubeTensor, CubeTensor) {
    let [moments, mean, variance] = [moments, mean, variance].map(flat);
    let channels = mean.shape().num_elements();
    let (a, b) = (empty(&mean, &[channels], DType::F32), empty(&mean, &[channels], DType::F32));
    let client = mean.client.clone();
    let (count, dim) = spread(&client, channels);
    let [moments, mean, variance] = [moments, mean, variance].map(CubeTensor::into_buffer_arg);
    let results = [&a, &b].map(|t| t.clone().into_buffer_arg());
    let [new_mean, new_variance] = results;
    follow_moments::launch(
        &client,
        count,
        dim,
        moments,
        mean,
        variance,
        new_mean,
        new_variance,
        kept,
        new,
        corrected,
    );
    (a, b)
}

/// y ← leaky(γ·(x − mean)/√(variance + ε) + β).
#[cube(launch, address_type = "dynamic")]
fn normalize<F: Float, N: Size>(
    x: &[Vector<F, N>],
    gamma: &[Vector<f32, N>],
    beta: &[Vector<f32, N>],
    moments: &[Vector<f32, N>],
    y: &mut [Vector<F, N>],
    epsilon: f32,
    slope: f32,
    width: usize,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= y.len() {
        terminate!();
    }
    let channel = ABSOLUTE_POS % width;
    let scale = gamma[channel] / (moments[width + channel] + Vector::new(epsilon)).sqrt();
    let pre =
        (Vector::<f32, N>::cast_from(x[ABSOLUTE_POS]) - moments[channel]) * scale + beta[channel];
    y[ABSOLUTE_POS] = Vector::cast_from(leaky::<N>(pre, slope));
}

/// sums[i] ← [Σ h, Σ h·(x − mean)] of the `block` positions from i·block on, where h is the
/// gradient before the activation.
#[cube(launch, address_type = "dynamic")]
fn gradient_sums<F: Float, N: Size>(
    x: &[Vector<F, N>],
    g: &[Vector<F, N>],
    gamma: &[Vector<f32, N>],
    beta: &[Vector<f32, N>],
    moments: &[Vector<f32, N>],
    sums: &mut [Vector<f32, N>],
    epsilon: f32,
    slope: f32,
    positions: usize,
    width: usize,
    block: usize,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= sums.len() / 2 {
        terminate!();
    }
    let channel = ABSOLUTE_POS % width;
    let row = ABSOLUTE_POS / width;
    let first = row * block;
    let end = min(first + block, positions);
    let mean = moments[channel];
    let scale = gamma[channel] / (moments[width + channel] + Vector::new(epsilon)).sqrt();
    let shift = beta[channel];
    let mut sum = Vector::<f32, N>::new(0.0);
    let mut product = Vector::<f32, N>::new(0.0);
    for position in first..end {
        let d = Vector::<f32, N>::cast_from(x[position * width + channel]) - mean;
        let h = Vector::<f32, N>::cast_from(g[position * width + channel])
            * leaky_slope::<N>(d * scale + shift, slope);
        sum += h;
        product += h * d;
    }
    sums[2 * row * width + channel] = sum;
    sums[(2 * row + 1) * width + channel] = product;
}

/// dx ← γ/σ·(h − Σh/n − (x − mean)·Σh(x − mean)/(n·σ²)), and, from the first units, dγ ← Σh(x −
/// mean)/σ and dβ ← Σh. dγ and dβ use the first two rows of `sums`; dx uses the two from row `all`
/// on, which are sums over n = `count` positions.
#[cube(launch, address_type = "dynamic")]
fn normalize_backward<F: Float, N: Size>(
    x: &[Vector<F, N>],
    g: &[Vector<F, N>],
    gamma: &[Vector<f32, N>],
    beta: &[Vector<f32, N>],
    moments: &[Vector<f32, N>],
    sums: &[Vector<f32, N>],
    dx: &mut [Vector<F, N>],
    d_gamma: &mut [Vector<f32, N>],
    d_beta: &mut [Vector<f32, N>],
    epsilon: f32,
    slope: f32,
    count: f32,
    all: usize,
    width: usize,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= dx.len() {
        terminate!();
    }
    let channel = ABSOLUTE_POS % width;
    let inverse =
        Vector::<f32, N>::new(1.0) / (moments[width + channel] + Vector::new(epsilon)).sqrt();
    let scale = gamma[channel] * inverse;
    let d = Vector::<f32, N>::cast_from(x[ABSOLUTE_POS]) - moments[channel];
    let h = Vector::<f32, N>::cast_from(g[ABSOLUTE_POS])
        * leaky_slope::<N>(d * scale + beta[channel], slope);
    let part = Vector::<f32, N>::new(1.0 / count);
    let sum = sums[all * width + channel];
    let product = sums[(all + 1) * width + channel];
    let result = scale * (h - sum * part - d * inverse * inverse * product * part);
    dx[ABSOLUTE_POS] = Vector::cast_from(result);
    if ABSOLUTE_POS < width {
        d_gamma[ABSOLUTE_POS] = sums[width + ABSOLUTE_POS] * inverse;
        d_beta[ABSOLUTE_POS] = sums[ABSOLUTE_POS];
    }
}

/// The arguments of normalisation besides the pictures.
pub(super) struct Norm {
    gamma: CubeTensor,
    beta: CubeTensor,
    moments: CubeTensor,
    epsilon: f32,
    slope: f32,
}

impl Norm {
    pub(super) fn new(parameters: [CubeTensor; 3], epsilon: f32, slope: f32) -> Self {
        let [gamma, beta, moments] = parameters.map(flat);
        Self { gamma, beta, moments, epsilon, slope }
    }

    /// γ, β and the moments.
    fn args(&self) -> [BufferArg; 3] {
        [&self.gamma, &self.beta, &self.moments].map(|t| t.clone().into_buffer_arg())
    }

    /// The normalised pictures after the leaky ReLU.
    pub(super) fn forward(&self, x: &Image) -> Image {
        let y = x.alike();
        let (vector, client) = (x.vector(), &x.data.client);
        let (count, dim) = spread(client, x.positions() * x.channels / vector);
        let [gamma, beta, moments] = self.args();
        normalize::launch(
            client,
            count,
            dim,
            address(&[&x.data]),
            vector,
            x.arg(),
            gamma,
            beta,
            moments,
            y.arg(),
            self.epsilon,
            self.slope,
            x.channels / vector,
            element(&x.data),
        );
        y
    }

    /// [`gradient_sums`] over all positions, [2, C].
    pub(super) fn sums(&self, x: &Image, g: &Image) -> CubeTensor {
        let (vector, client, positions) = (x.vector(), &x.data.client, x.positions());
        let (width, dtype) = (x.channels / vector, element(&x.data));
        let partial = empty(&x.data, &[blocks(positions) * 2 * x.channels], DType::F32);
        let address = address(&[&x.data, &partial]);
        let (count, dim) = spread(client, blocks(positions) * width);
        let [gamma, beta, moments] = self.args();
        gradient_sums::launch(
            client,
            count,
            dim,
            address,
            vector,
            x.arg(),
            g.arg(),
            gamma,
            beta,
            moments,
            partial.clone().into_buffer_arg(),
            self.epsilon,
            self.slope,
            positions,
            width,
            BLOCK,
            dtype,
        );
        let sums = sums::of_blocks(partial, blocks(positions), 2 * x.channels, vector);
        reshape(sums, Shape::from(vec![2, x.channels]))
    }

    /// Gradients of x, γ and β from that of the result, if the moments are those of `x`.
    pub(super) fn backward(&self, x: &Image, g: &Image) -> (Image, CubeTensor, CubeTensor) {
        self.backward_by(x, g, self.sums(x, g), 0, x.positions() as f32)
    }

    /// [`Norm::backward`] if the moments are those of `n` positions, of which `x` is a part; `sums`
    /// [4, C] are [`Norm::sums`] of `x`, then of all.
    pub(super) fn backward_of_all(
        &self,
        x: &Image,
        g: &Image,
        sums: CubeTensor,
        n: f32,
    ) -> (Image, CubeTensor, CubeTensor) {
        self.backward_by(x, g, sums, 2, n)
    }

    /// [`normalize_backward`].
    fn backward_by(
        &self,
        x: &Image,
        g: &Image,
        sums: CubeTensor,
        all: usize,
        n: f32,
    ) -> (Image, CubeTensor, CubeTensor) {
        let (vector, client, positions) = (x.vector(), &x.data.client, x.positions());
        let (width, dtype) = (x.channels / vector, element(&x.data));
        let sums = flat(sums);
        let address = address(&[&x.data, &sums]);
        let channels = || empty(&x.data, &[x.channels], DType::F32);
        let (dx, d_gamma, d_beta) = (x.alike(), channels(), channels());
        let (count, dim) = spread(client, positions * width);
        let [gamma, beta, moments] = self.args();
        normalize_backward::launch(
            client,
            count,
            dim,
            address,
            vector,
            x.arg(),
            g.arg(),
            gamma,
            beta,
            moments,
            sums.into_buffer_arg(),
            dx.arg(),
            d_gamma.clone().into_buffer_arg(),
            d_beta.clone().into_buffer_arg(),
            self.epsilon,
            self.slope,
            n,
            all,
            width,
            dtype,
        );
        (dx, d_gamma, d_beta)
    }
}
