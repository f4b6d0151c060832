//! The directions of latent space along which pictures change most: those that the generator's
//! first layer amplifies most.
//!
//! With A the matrix of the first layer, they are the eigenvectors of AᵀA (Shen & Zhou 2021,
//! "Closed-Form Factorization of Latent Semantics in GANs", arXiv:2007.06600, equation 6). For
//! independent latent values of equal variance, A·v are the principal components of the layer's
//! output, which Härkönen et al. (2020, "GANSpace", arXiv:2004.02546, section 2.2) estimate from
//! samples. The normalisation after the layer is included, as it acts in sampling.
//!
//! In the w of a generator with styles, A is the stack of the matrices that make the styles of its
//! layers, and GANSpace's directions are the principal components of many w.

use anyhow::{Result, anyhow};
use burn::tensor::Tensor;
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par, Side};
use shared::nn::config::StemNorm;
use shared::nn::networks::dcgan::Generator;
use shared::nn::networks::stylegan2;
use shared::nn::parameter::Parameter;

/// A direction of length 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Direction {
    /// `[latent]`; the value farthest from 0 is positive.
    pub vector: Vec<f64>,
    /// Its share of the variance of the layer's output.
    pub share: f64,
}

/// All directions of the generator's first layer for pictures of `class`, by descending share.
///
/// # Errors
/// When the layer's weights are not finite.
pub fn of(generator: &Generator, class: u32) -> Result<Vec<Direction>> {
    let latent = generator.config().latent;
    let weight = generator.dense.effective_weight(); // [features, latent + embedding]
    let [features, inputs] = weight.dims();
    let weight: Vec<f32> = weight.into_data().iter::<f32>().collect();
    let gains = gains(generator, class, features);
    let matrix =
        Mat::from_fn(features, latent, |i, j| f64::from(weight[i * inputs + j]) * gains[i]);
    principal(matrix.as_ref()).ok_or_else(|| {
        anyhow!("the weights of the generator's first layer have no principal directions")
    })
}

/// All directions of the first layer of a mapping network, in latent vectors. The mapping takes
/// their direction alone.
///
/// # Errors
/// When the layer's weights are not finite.
pub fn of_mapping(generator: &stylegan2::Generator) -> Result<Vec<Direction>> {
    let latent = generator.config().latent;
    let Some(first) = generator.mapping.layers.first() else { return Ok(Vec::new()) };
    let weight = first.effective_weight().narrow(1, 0, latent); // [styles, latent]
    stacked(&[weight])
}

/// All directions of w, by what the `layers` of a generator make of them (SeFa).
///
/// # Errors
/// When their weights are not finite.
pub fn of_layers(generator: &stylegan2::Generator, layers: &[usize]) -> Result<Vec<Direction>> {
    let affines = generator.affines();
    let weights: Vec<Tensor<2>> =
        layers.iter().map(|&layer| affines[layer].effective_weight()).collect(); // [Cin, styles]
    stacked(&weights)
}

/// The directions of matrices over the same inputs, one below the other.
fn stacked(weights: &[Tensor<2>]) -> Result<Vec<Direction>> {
    let all = Tensor::cat(weights.to_vec(), 0);
    let [rows, columns] = all.dims();
    let all: Vec<f32> = all.into_data().iter::<f32>().collect();
    let matrix = Mat::from_fn(rows, columns, |i, j| f64::from(all[i * columns + j]));
    principal(matrix.as_ref())
        .ok_or_else(|| anyhow!("the weights that make styles have no principal directions"))
}

/// The principal components of `samples`, at least one (GANSpace).
///
/// # Errors
/// When they are not finite.
pub fn of_samples(samples: &[Vec<f32>]) -> Result<Vec<Direction>> {
    let columns = samples[0].len();
    let mean: Vec<f64> = (0..columns)
        .map(|j| samples.iter().map(|w| f64::from(w[j])).sum::<f64>() / samples.len() as f64)
        .collect();
    let matrix = Mat::from_fn(samples.len(), columns, |i, j| f64::from(samples[i][j]) - mean[j]);
    principal(matrix.as_ref()).ok_or_else(|| anyhow!("styles have no principal components"))
}

/// The standard deviation of `samples` along `direction`.
#[must_use]
pub fn deviation(samples: &[Vec<f32>], direction: &Direction) -> f64 {
    let along = |w: &Vec<f32>| -> f64 {
        w.iter().zip(&direction.vector).map(|(w, v)| f64::from(*w) * v).sum()
    };
    let count = samples.len() as f64;
    let (sum, squares) = samples
        .iter()
        .map(along)
        .fold((0.0, 0.0), |(sum, squares), value| (sum + value, squares + value * value));
    (squares / count - (sum / count).powi(2)).max(0.0).sqrt()
}

/// The factor of the normalisation for each of the layer's `features`: γ/√(σ² + ε).
fn gains(generator: &Generator, class: u32, features: usize) -> Vec<f64> {
    let Some(norm) = &generator.norm.norm else { return vec![1.0; features] };
    let variance = norm.variance.to_vec();
    let gamma = norm.gamma.as_ref().map(Parameter::to_vec);
    // A table by class has one row per class.
    let row = if norm.by_class() { class as usize * variance.len() } else { 0 };
    // All pixels of a channel are adjacent.
    let pixels = if generator.config().stem_norm == StemNorm::Features {
        1
    } else {
        features / variance.len().max(1)
    };
    let gain = |i: usize| {
        let gamma = gamma.as_ref().map_or(1.0, |values| f64::from(values[row + i]));
        gamma / (f64::from(variance[i]) + f64::from(norm.epsilon())).sqrt()
    };
    (0..features).map(|feature| gain(feature / pixels)).collect()
}

/// The eigenvectors of `matrix`ᵀ·`matrix`, by descending eigenvalue; `None` if a value is not
/// finite.
fn principal(matrix: MatRef<'_, f64>) -> Option<Vec<Direction>> {
    let n = matrix.ncols();
    let mut products = Mat::zeros(n, n);
    matmul(products.as_mut(), Accum::Replace, matrix.transpose(), matrix, 1.0, Par::Seq);
    let total: f64 = (0..n).map(|i| products[(i, i)]).sum();
    if !total.is_finite() {
        return None;
    }
    let eigen = products.self_adjoint_eigen(Side::Lower).ok()?;
    // Eigenvalues ascend.
    let direction = |j: usize| {
        let mut vector: Vec<f64> = eigen.U().col(j).iter().copied().collect();
        let largest = vector.iter().fold(0.0, |a: f64, &b| if b.abs() > a.abs() { b } else { a });
        if largest < 0.0 {
            vector.iter_mut().for_each(|v| *v = -*v);
        }
        Direction { vector, share: if total > 0.0 { eigen.S()[j].max(0.0) / total } else { 0.0 } }
    };
    Some((0..n).rev().map(direction).collect())
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};
    use shared::nn::config::{DataConfig, RunConfig, Settings};
    use shared::nn::layers::{Activator, Classes, Masks, Mode, Pass};
    use shared::nn::parameter::Parameters;

    use super::*;

    /// The layer's output for `z`, normalised, without activation.
    fn first_layer(generator: &Generator, z: &[f32], class: u32) -> Vec<f64> {
        let device = Device::flex();
        let z = Tensor::<1>::from_data(TensorData::new(z.to_vec(), [z.len()]), &device)
            .unsqueeze::<2>();
        let z = match &generator.embedding {
            None => z,
            Some(table) => {
                Tensor::cat(vec![z, Classes::new(&[class], &device).rows(table.tensor())], 1)
            }
        };
        let y = generator.dense.forward(z);
        let classes = Classes::new(&[class], &device);
        let (base, features) = (generator.config().base as i64, y.dims()[1] as i64);
        let [height, width] = match generator.config().stem_norm {
            StemNorm::Features => [1, 1],
            StemNorm::Channels => [base, base],
        };
        let mut masks = Masks::None;
        let mut pass = Pass::new(Mode::Infer, Some(&classes), &mut masks);
        let y = match &generator.norm.norm {
            None => y,
            Some(norm) => {
                let channels = features / (height * width);
                norm.forward(y.reshape([1, channels, height, width]), Activator::NONE, &mut pass)
                    .flatten(1, 3)
            }
        };
        y.into_data().iter::<f64>().collect()
    }

    #[test]
    fn a_direction_moves_the_first_layer_by_its_share_in_every_kind_of_generator() {
        for (preset, settings, classes) in [
            ("gan-ada", vec![], 0),
            ("dcgan-anime", vec![], 0),
            ("gan-ada", vec!["generator.norm=none", "generator.spectral_norm=true"], 0),
            ("gan-ada", vec!["cond=batch-norm+projection", "generator.stem_norm=channels"], 3),
            ("gan-ada", vec!["cond=embedding+projection"], 3),
        ] {
            let settings: Vec<String> = settings
                .iter()
                .chain(&["generator.width=6", "generator.latent=5"])
                .map(|s| (*s).into())
                .collect();
            let size = if preset == "dcgan-anime" { 96 } else { 16 };
            let classes = (0..classes).map(|class| class.to_string()).collect();
            let data = DataConfig { classes, ..DataConfig::of_extent(size, 3) };
            let config = RunConfig::new(
                preset,
                Settings::resolve(preset, None, &settings).expect("settings"),
                5,
                data,
            );
            let mut generator = config.generator(&Device::flex());
            for (name, parameter) in generator.parameters_mut() {
                let mut stream = shared::rng::stream(1, &name, 0);
                let values = (0..parameter.count())
                    .map(|_| stream.between(0.3, 2.0) as f32)
                    .collect::<Vec<_>>();
                if name.starts_with("norm.") {
                    parameter.set(Tensor::from_data(
                        TensorData::new(values, [parameter.count()]),
                        &Device::flex(),
                    ));
                }
            }
            let generator = generator.dcgan().expect("the presets are of one family");
            let class = 1 % config.data.classes.len().max(1) as u32;
            let directions = of(generator, class).expect("directions");
            let origin = first_layer(generator, &[0.0; 5], class);
            let moved = |direction: &Direction| {
                let z: Vec<f32> = direction.vector.iter().map(|v| *v as f32).collect();
                let at = first_layer(generator, &z, class);
                at.iter().zip(&origin).map(|(a, b)| (a - b).powi(2)).sum::<f64>()
            };
            let all: f64 = directions.iter().map(&moved).sum();
            for direction in &directions {
                // f32 in the layer.
                assert!(
                    (moved(direction) / all - direction.share).abs() < 1e-5,
                    "{preset} {settings:?} {}",
                    direction.share
                );
            }
        }
    }

    #[test]
    fn directions_are_eigenvectors_of_length_one_and_the_strongest_comes_first() {
        let mut stream = shared::rng::stream(7, "directions test", 0);
        let values: Vec<f64> =
            (0..40 * 12).map(|i| stream.normal() * f64::from(i % 12 + 1)).collect();
        let matrix = Mat::from_fn(40, 12, |i, j| values[i * 12 + j]);
        let found = principal(matrix.as_ref()).expect("finite");
        assert_eq!(found.len(), 12);
        assert!(found.windows(2).all(|w| w[0].share >= w[1].share));
        assert!((found.iter().map(|d| d.share).sum::<f64>() - 1.0).abs() < 1e-12);
        let squared: f64 = values.iter().map(|v| v * v).sum();
        for (i, a) in found.iter().enumerate() {
            for (j, b) in found.iter().enumerate() {
                let dot: f64 = a.vector.iter().zip(&b.vector).map(|(x, y)| x * y).sum();
                assert!((dot - f64::from(u8::from(i == j))).abs() < 1e-12, "{i} {j} {dot}");
            }
            // AᵀA·v = λ·v.
            let moved: Vec<f64> =
                (0..40).map(|r| (0..12).map(|c| matrix[(r, c)] * a.vector[c]).sum()).collect();
            for c in 0..12 {
                let back: f64 = (0..40).map(|r| matrix[(r, c)] * moved[r]).sum();
                assert!((back - a.share * squared * a.vector[c]).abs() < 1e-9 * squared);
            }
        }
        assert!(principal(Mat::from_fn(2, 2, |_, _| f64::NAN).as_ref()).is_none());
    }

    #[test]
    fn components_of_samples_are_the_axes_that_they_were_drawn_along() {
        let mut stream = shared::rng::stream(9, "directions test", 0);
        let scales = [0.5, 3.0, 1.0];
        let samples: Vec<Vec<f32>> = (0..4000)
            .map(|_| scales.iter().map(|s| (s * stream.normal() + 7.0) as f32).collect())
            .collect();
        let found = of_samples(&samples).expect("finite");
        for (direction, axis) in found.iter().zip([1, 2, 0]) {
            assert!(direction.vector[axis] > 0.99, "{direction:?}");
            let spread = deviation(&samples, direction);
            assert!((spread / scales[axis] - 1.0).abs() < 0.05, "{spread}");
            assert!((direction.share - scales[axis].powi(2) / 10.25).abs() < 0.03);
        }
    }

    #[test]
    fn a_direction_of_layers_moves_their_styles_by_its_share() {
        let flags = ["channel_base=64", "channel_max=8", "latent=8", "styles=5"];
        let flags: Vec<String> = flags.iter().map(|flag| format!("generator.{flag}")).collect();
        let settings = Settings::resolve("stylegan2-config-f", None, &flags).expect("settings");
        let generator = settings.generator(16, 3, 0, 7, &Device::flex());
        let generator = generator.stylegan2().expect("the family");
        let affines = generator.affines();
        assert_eq!(affines.len(), generator.style_count());
        let chosen = [1, 2, 5];
        let styles = |w: &[f64]| -> Vec<f64> {
            let w: Vec<f32> = w.iter().map(|v| *v as f32).collect();
            let w = Tensor::<2>::from_data(TensorData::new(w, [1, 5]), &Device::flex());
            let of = |&layer: &usize| affines[layer].forward(w.clone().into()).value();
            chosen
                .iter()
                .flat_map(|layer| of(layer).into_data().iter::<f64>().collect::<Vec<_>>())
                .collect()
        };
        let origin = styles(&[0.0; 5]);
        let moved = |direction: &Direction| -> f64 {
            styles(&direction.vector).iter().zip(&origin).map(|(a, b)| (a - b).powi(2)).sum()
        };
        let found = of_layers(generator, &chosen).expect("directions");
        let all: f64 = found.iter().map(&moved).sum();
        for direction in &found {
            assert!((moved(direction) / all - direction.share).abs() < 1e-5);
        }
    }
}
