//! The path length penalty (Karras et al. 2020, "Analyzing and improving the image quality of
//! StyleGAN", arXiv:1912.04958, section 3.2, as in stylegan2-ada-pytorch's `loss.py`): a step in the
//! styles should change the picture equally much everywhere.
//!
//! With J the derivative of a picture by its K styles and y noise, ℓ = √(|Jᵀy|²/K) is compared with
//! its running mean a: the penalty is the mean of (ℓ − a)². The new a, which contains the batch's
//! mean ℓ, takes part in the derivative, as in the source.
//!
//! burn differentiates once. The gradient of the penalty is that of ⟨u, Jᵀy⟩ = ⟨J·u, y⟩ with u, the
//! derivative of the penalty by Jᵀy, held constant: one pass with u as the tangent of the styles.

use burn::tensor::{Device, Tensor, TensorData};
use shared::nn::dual::Dual;
use shared::nn::layers::{Mode, Pass};
use shared::nn::networks::{Generator, Input};
use shared::nn::parameter::{Moved, Parameter, Parameters, Purpose};

use crate::step::gradient::flat_gradients;
use crate::step::turn::Turn;

/// Share of the running mean that a batch replaces.
const DECAY: f64 = 0.01;

/// The running mean of path lengths.
#[derive(Clone, Debug)]
pub struct PathMean(Parameter);

impl PathMean {
    /// 0, on `device`.
    #[must_use]
    pub fn new(device: &Device) -> Self {
        Self(Parameter::filled(0.0, &[1], Purpose::Buffer, device))
    }

    /// The mean, `[1]`.
    #[must_use]
    pub fn value(&self) -> Tensor<1> {
        self.0.flat()
    }

    /// Replaces the mean, `[1]`.
    pub fn set(&mut self, mean: Tensor<1>) {
        self.0.set(mean);
    }
}

impl Parameters for PathMean {
    fn collect<'a>(&'a self, prefix: &str, list: &mut Vec<(String, &'a Parameter)>) {
        list.push((format!("{prefix}mean"), &self.0));
    }

    fn collect_mut<'a>(&'a mut self, prefix: &str, list: &mut Vec<(String, &'a mut Parameter)>) {
        list.push((format!("{prefix}mean"), &mut self.0));
    }
}

/// The penalty of a turn.
#[derive(Clone, Debug)]
pub struct PathSide {
    /// Flat gradients in the order of the generator's weights.
    pub gradients: Vec<Tensor<1>>,
    /// The weighted penalty of each picture, `[B]`.
    pub penalties: Tensor<1>,
    /// The running mean after the turn, `[1]`.
    pub mean: Tensor<1>,
    /// The generator's running values, moved by the pass.
    pub moved: Moved,
}

/// The path length penalty times `weight` over the pictures of `turn`, with `before`, `[1]`, as the
/// running mean.
///
/// # Panics
/// If the generator has no styles: settings that ask for it are refused.
#[must_use]
pub fn penalty(generator: &Generator, turn: &Turn, before: &Tensor<1>, weight: f64) -> PathSide {
    let styles = |network: &Generator, z: Tensor<2>, pass: &mut Pass<'_>| {
        network.styles(z, pass).unwrap_or_else(|| unreachable!("a generator without styles"))
    };
    let mut masks = turn.masks("generator");
    let mut pass = Pass::new(Mode::Train, turn.classes.as_ref(), &mut masks);
    let ws = styles(generator, turn.latents(), &mut pass);
    let moved = std::mem::take(&mut pass.moved);
    let leaf = ws.clone().autodiff().require_grad();
    let pictures = generator.forward(leaf.clone(), &mut pass); // [B, C, H, W]
    let [batch, channels, height, width] = pictures.dims();
    let pixels = turn.stream("path length").normals(batch * channels * height * width);
    let y = Tensor::<4>::from_data(
        TensorData::new(pixels, [batch, channels, height, width]),
        &pictures.device().inner(),
    ) / ((height * width) as f64).sqrt();
    let along = (pictures * y.clone()).sum().backward();
    let g = leaf.grad(&along).unwrap_or_else(|| ws.zeros_like()); // Jᵀy, [B, K, styles]
    let count = g.dims()[1] as f64;
    let squares: Tensor<1> =
        g.clone().square().sum_dim(2).sum_dim(1).reshape([batch as i64]) / count;
    let lengths = squares.sqrt();
    let mean = before.clone() + (lengths.clone().mean() - before.clone()) * DECAY;
    let off = lengths.clone() - mean.clone();
    // The batch's mean is a part of the running one.
    let slope = (off.clone() - off.clone().mean() * DECAY) * (2.0 * weight / batch as f64)
        / (lengths.clone() * count);
    let u = g * slope.reshape([batch, 1, 1]);
    let mut masks = turn.masks("generator");
    let mut pass = Pass::new(Mode::Train, turn.classes.as_ref(), &mut masks);
    let tracked = generator.tracked();
    let ws = styles(&tracked, turn.latents().autodiff(), &mut pass);
    let along = Input::Styles(Dual::along(ws, u.autodiff()));
    let (_, tangent) = tracked.dual(along, &mut pass).parts();
    let tangent = tangent.unwrap_or_else(|| unreachable!("styles with a direction"));
    let gradients = flat_gradients(&tracked, &(tangent * y).sum().backward());
    PathSide { gradients, penalties: off.square() * weight, mean, moved }
}
