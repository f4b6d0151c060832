//! The optimisation of w and noise.

use std::f64::consts::PI;

use burn::tensor::{Device, Tensor, TensorData};
use shared::cli::UsageError;
use shared::log::Progress;
use shared::mt19937::RandomState;
use shared::nn::device::on_workers;
use shared::nn::layers::{Masks, Mode, Noise, Pass};
use shared::nn::ops::{self, Precision};
use shared::nn::sampler::{Sampler, Wish, pictures};
use shared::picture::Picture;
use shared::rng;
use shared::signal::Stop;

use super::distance::Distances;

/// Latent vectors whose w give the mean and the deviation, and the seed of numpy's generator that
/// draws them.
const STATISTICS: (usize, u32) = (10_000, 123);
/// The learning rate at its highest.
const RATE: f64 = 0.1;
/// Share of the steps in which the rate rises, and of those in which it falls.
const RISE: f64 = 0.05;
const FALL: f64 = 0.25;
/// Noise of w at first, as a share of its deviation, and the share of the steps in which it ends.
const SHAKE: f64 = 0.05;
const SHAKEN: f64 = 0.75;
/// Weight of the regularisation of noise maps.
const REGULARISATION: f64 = 1e5;
/// The extent at which it ends.
const COARSEST: usize = 8;

/// The learning rate at the fraction `t` of the steps.
fn rate(t: f64) -> f64 {
    let fall = ((1.0 - t) / FALL).min(1.0);
    RATE * (0.5 - 0.5 * (PI * fall).cos()) * (t / RISE).min(1.0)
}

/// The noise of w at the fraction `t` of the steps, as a share of its deviation.
fn shake(t: f64) -> f64 {
    SHAKE * (1.0 - t / SHAKEN).max(0.0).powi(2)
}

/// Adam (Kingma & Ba 2015) for one tensor, with β = (0.9, 0.999) and ε = 1e-8.
struct Adam<const D: usize> {
    moments: [Tensor<D>; 2],
}

impl<const D: usize> Adam<D> {
    fn new(like: &Tensor<D>) -> Self {
        Self { moments: [like.zeros_like(), like.zeros_like()] }
    }

    /// `x` after the step `number`, from 1.
    fn moved(&mut self, x: Tensor<D>, slope: Tensor<D>, rate: f64, number: i32) -> Tensor<D> {
        const BETA: [f64; 2] = [0.9, 0.999];
        let [first, second] = self.moments.clone();
        let first = first * BETA[0] + slope.clone() * (1.0 - BETA[0]);
        let second = second * BETA[1] + slope.square() * (1.0 - BETA[1]);
        self.moments = [first.clone(), second.clone()];
        let [bias, square] = BETA.map(|beta| 1.0 - beta.powi(number));
        x - first / bias / ((second / square).sqrt() + 1e-8) * rate
    }
}

/// The result.
#[derive(Debug)]
pub struct Projection {
    /// The w of all layers, `[styles]`.
    pub w: Vec<f32>,
    /// w after each step.
    pub way: Vec<Vec<f32>>,
    /// Distance of the picture of the mean w, and of the result's.
    pub distances: [f64; 2],
    /// The noise of each layer that has some, [1, 1, H, W].
    noise: Vec<Tensor<4>>,
}

/// A generator and the picture that it is to make.
#[derive(Debug)]
pub struct Projector<'a> {
    sampler: &'a Sampler,
    distances: &'a Distances,
    target: Vec<Tensor<4>>,
    layers: usize,
    mean: Vec<f32>,
    deviation: f64,
    seed: u64,
}

impl<'a> Projector<'a> {
    /// Prepares to project `target`, which has the extent and channels of the generator's pictures,
    /// into the class of `sampler`.
    ///
    /// # Errors
    /// When the generator has no styles.
    pub fn new(
        sampler: &'a Sampler,
        target: &Picture,
        distances: &'a Distances,
        seed: u64,
    ) -> Result<Self, UsageError> {
        let [layers, styles] = sampler.style_shape("project")?;
        let (mean, deviation) = statistics(sampler, styles)?;
        let (height, width) = (target.height as usize, target.width as usize);
        let values = target.pixels.iter().map(|&v| f32::from(v)).collect();
        let shape = [1, height, width, target.channels as usize];
        let x = Tensor::<4>::from_data(TensorData::new::<f32, _>(values, shape), sampler.device())
            .permute([0, 3, 1, 2]);
        let target = on_workers(|| Precision::F32.during(|| distances.features(x)));
        Ok(Self { sampler, distances, target, layers, mean, deviation, seed })
    }

    /// Number of the generator's layers that take a w.
    #[must_use]
    pub fn layers(&self) -> usize {
        self.layers
    }

    fn device(&self) -> &Device {
        self.sampler.device()
    }

    /// [1, styles].
    fn row(&self, w: Vec<f32>) -> Tensor<2> {
        let styles = w.len();
        Tensor::from_data(TensorData::new(w, [1, styles]), self.device())
    }

    /// Takes `steps` steps from the mean w; `None` after a signal.
    #[must_use]
    pub fn project(&self, steps: usize, stop: &Stop) -> Option<Projection> {
        on_workers(|| Precision::F32.during(|| self.optimised(steps, stop)))
    }

    fn optimised(&self, steps: usize, stop: &Stop) -> Option<Projection> {
        let mut stream = rng::stream(self.seed, "projection noise", 0);
        let maps = self.sampler.generator().noise_extents().into_iter().map(|extent| {
            let values = stream.normals(extent * extent);
            Tensor::from_data(TensorData::new(values, [1, 1, extent, extent]), self.device())
        });
        let mut noise: Vec<Tensor<4>> = maps.collect();
        let mut w = self.row(self.mean.clone());
        let before = self.distance(&w, &noise);
        let mut adam_w = Adam::new(&w);
        let mut adams: Vec<Adam<4>> = noise.iter().map(Adam::new).collect();
        let progress = Progress::new("projection", steps as u64);
        let mut way = Vec::with_capacity(steps);
        for step in 0..steps {
            if stop.exit_code().is_some() {
                return None;
            }
            let t = step as f64 / steps as f64;
            let leaf = w.clone().autodiff().require_grad();
            let leaves: Vec<Tensor<4>> =
                noise.iter().map(|map| map.clone().autodiff().require_grad()).collect();
            let drawn = rng::stream(self.seed, "projection of w", step as u64).normals(w.dims()[1]);
            let shaken = leaf.clone() + self.row(drawn) * (shake(t) * self.deviation);
            let features = self.distances.features(self.made(shaken, leaves.clone()));
            let distance = self.distances.between(&features, &self.target);
            let loss = match leaves.iter().map(roughness).reduce(|all, one| all + one) {
                None => distance.clone(),
                Some(rough) => distance.clone() + rough * REGULARISATION,
            };
            if progress.is_shown() {
                let distance = distance.inner().into_scalar::<f32>();
                progress.describe(format!("{} {distance:.4}", self.distances.name()));
            }
            let gradients = loss.backward();
            let (rate, number) = (rate(t), step as i32 + 1);
            let slope = leaf.grad(&gradients).unwrap_or_else(|| w.zeros_like());
            w = adam_w.moved(w, slope, rate, number);
            for ((map, adam), leaf) in noise.iter_mut().zip(&mut adams).zip(&leaves) {
                let slope = leaf.grad(&gradients).unwrap_or_else(|| map.zeros_like());
                *map = standardized(adam.moved(map.clone(), slope, rate, number));
            }
            way.push(w.clone().into_data().iter::<f32>().collect());
            progress.add(1);
        }
        let after = self.distance(&w, &noise);
        let w = w.into_data().iter::<f32>().collect();
        Some(Projection { w, way, distances: [before, after], noise })
    }

    /// The pictures of `w` [B, styles] with `noise`, [B, C, H, W] on the scale of 8 bits, not
    /// clamped.
    fn made(&self, w: Tensor<2>, noise: Vec<Tensor<4>>) -> Tensor<4> {
        let ws = w.unsqueeze_dim::<3>(1).repeat_dim(1, self.layers); // [B, layers, styles]
        let mut masks = Masks::None;
        let mut pass = Pass::new(Mode::Infer, None, &mut masks);
        pass.noise = Noise::Given(noise);
        let made = self.sampler.generator().forward(ws, &mut pass);
        self.sampler.range().to_unit(made) * 255.0
    }

    fn distance(&self, w: &Tensor<2>, noise: &[Tensor<4>]) -> f64 {
        let features = self.distances.features(self.made(w.clone(), noise.to_vec()));
        f64::from(self.distances.between(&features, &self.target).into_scalar::<f32>())
    }

    /// The pictures of each w of `ws`, with the noise of `projection`.
    #[must_use]
    pub fn pictures(&self, projection: &Projection, ws: &[&[f32]]) -> Vec<Picture> {
        let (count, styles) = (ws.len(), projection.w.len());
        let values: Vec<f32> = ws.concat();
        let w = Tensor::from_data(TensorData::new(values, [count, styles]), self.device());
        let made =
            on_workers(|| Precision::F32.during(|| self.made(w, projection.noise.clone()) / 255.0));
        let [_, channels, height, width] = made.dims();
        let values: Vec<f32> = made.permute([0, 2, 3, 1]).into_data().iter::<f32>().collect();
        pictures(&values, [height, width, channels])
    }
}

/// The mean w, and the root of the mean squared distance from it.
fn statistics(sampler: &Sampler, styles: usize) -> Result<(Vec<f32>, f64), UsageError> {
    let (count, seed) = STATISTICS;
    let length = sampler.latents()?.length;
    let mut random = RandomState::new(seed);
    let mut wish = |_| Wish {
        latent: (0..length).map(|_| random.normal() as f32).collect(),
        class: sampler.class(0),
        seed: 0,
    };
    let wishes: Vec<Wish> = (0..count).map(&mut wish).collect();
    let all = sampler.mapped("project", &wishes)?;
    let mut mean = vec![0.0; styles];
    all.iter().flat_map(|w| w.iter().enumerate()).for_each(|(i, v)| mean[i] += f64::from(*v));
    mean.iter_mut().for_each(|sum| *sum /= count as f64);
    let squares = all.iter().flat_map(|w| w.iter().zip(&mean));
    let squares: f64 = squares.map(|(v, mean)| (f64::from(*v) - mean).powi(2)).sum();
    Ok((mean.iter().map(|v| *v as f32).collect(), (squares / count as f64).sqrt()))
}

/// The correlation of a noise map with itself one pixel aside, at every extent: noise must not
/// carry the picture.
fn roughness(map: &Tensor<4>) -> Tensor<1> {
    let mut map = map.clone();
    let mut sum: Option<Tensor<1>> = None;
    loop {
        for axis in [2, 3] {
            let extent = map.dims()[axis];
            let last = map.clone().narrow(axis, extent - 1, 1);
            let rest = map.clone().narrow(axis, 0, extent - 1);
            let aside = Tensor::cat(vec![last, rest], axis);
            let square = (map.clone() * aside).mean().square();
            sum = Some(sum.map_or(square.clone(), |sum| sum + square));
        }
        if map.dims()[2] <= COARSEST {
            return sum.unwrap_or_else(|| unreachable!("both axes"));
        }
        map = ops::average_pool2(map);
    }
}

/// A noise map with mean 0 and mean square 1.
fn standardized(map: Tensor<4>) -> Tensor<4> {
    let centred = map.clone() - map.mean().reshape([1, 1, 1, 1]);
    let square = centred.clone().square().mean().reshape([1, 1, 1, 1]);
    centred / square.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_those_of_the_projector() {
        // numpy, from the formulas of projector.py at 1000 steps.
        for (step, expected) in [(0, 0.0), (25, 0.05), (50, 0.1), (750, 0.1), (875, 0.05)] {
            assert!((rate(f64::from(step) / 1000.0) - expected).abs() < 1e-12, "{step}");
        }
        assert!(rate(0.999) < 1e-5);
        for (t, expected) in [(0.0, 0.05), (0.375, 0.0125), (0.75, 0.0), (0.9, 0.0)] {
            assert!((shake(t) - expected).abs() < 1e-12, "{t}");
        }
    }

    #[test]
    fn even_noise_is_rough_and_drawn_noise_is_not_and_is_kept_standard() {
        let device = Device::flex();
        let drawn = rng::stream(1, "roughness", 0).normals(64 * 64);
        let drawn = Tensor::<4>::from_data(TensorData::new(drawn, [1, 1, 64, 64]), &device);
        let of = |map: &Tensor<4>| roughness(map).into_scalar::<f32>();
        // Four extents, two axes each.
        assert!((of(&Tensor::ones([1, 1, 64, 64], &device)) - 8.0).abs() < 1e-5);
        assert!(of(&drawn) < 0.01, "{}", of(&drawn));
        let standard = standardized(drawn * 3.0 + 2.0);
        let mean = standard.clone().mean().into_scalar::<f32>();
        let square = standard.square().mean().into_scalar::<f32>();
        assert!(mean.abs() < 1e-5 && (square - 1.0).abs() < 1e-5, "{mean} {square}");
    }

    #[test]
    fn adam_takes_whole_steps_against_the_sign_of_a_first_gradient() {
        let device = Device::flex();
        let x = Tensor::<2>::from_data([[1.0, -2.0]], &device);
        let slope = Tensor::<2>::from_data([[0.3, -40.0]], &device);
        let moved = Adam::new(&x).moved(x, slope, 0.1, 1);
        let values: Vec<f32> = moved.into_data().iter::<f32>().collect();
        assert!((values[0] - 0.9).abs() < 1e-5 && (values[1] + 1.9).abs() < 1e-5, "{values:?}");
    }
}
