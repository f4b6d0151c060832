//! The networks of `tools/golden_networks.py`: what their weights are called, which values they
//! start from, and how they are spelled in settings.

use std::collections::HashMap;

use burn::tensor::{Device, Tensor, TensorData};
use serde_json::Value;
use shared::nn::parameter::{Parameter, Parameters, Purpose};
use shared::testing::relative_difference;

use super::{Golden, signed};

/// The file's key of a parameter: `prefix`, then the name.
pub(crate) fn key(prefix: &str, name: &str) -> String {
    // The script's embedding is a layer, ours is its tensor.
    format!("{prefix}.{}", if name == "embedding" { "embedding.weight" } else { name })
}

/// What a parameter is before training; `None` for running statistics, which have their own start.
fn first_values(key: &str, shape: &[usize]) -> Option<Vec<f32>> {
    let count = shape.iter().product();
    match key.rsplit('.').next()? {
        "mean" | "variance" => None,
        "gamma" => Some(signed(key, count, 0.1).into_iter().map(|v| 1.0 + v).collect()),
        "u" => {
            let u: Vec<f64> = signed(key, count, 1.0).into_iter().map(f64::from).collect();
            let length = u.iter().map(|v| v * v).sum::<f64>().sqrt();
            Some(u.into_iter().map(|v| (v / length) as f32).collect())
        }
        leaf if leaf == "beta" || shape.len() == 1 => Some(signed(key, count, 0.1)),
        _ => {
            let receptive: usize = shape[2..].iter().product();
            Some(signed(
                key,
                count,
                (6.0 / ((shape[0] + shape[1]) * receptive) as f64).sqrt() as f32,
            ))
        }
    }
}

/// Gives every parameter the value that follows from its key.
pub(crate) fn fill(network: &mut dyn Parameters, device: &Device, key: impl Fn(&str) -> String) {
    for (name, parameter) in network.parameters_mut() {
        let shape = parameter.shape().to_vec();
        if let Some(values) = first_values(&key(&name), &shape) {
            *parameter = Parameter::new(values, &shape, parameter.purpose(), device);
        }
    }
}

/// A tensor of these values.
pub(crate) fn tensor<const D: usize>(
    values: Vec<f32>,
    shape: [usize; D],
    device: &Device,
) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// A tensor's values.
pub(crate) fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().iter::<f32>().collect()
}

/// A metadata entry that is JSON.
pub(crate) fn json(metadata: &HashMap<String, String>, key: &str) -> Value {
    serde_json::from_str(&metadata[key]).unwrap()
}

/// Names of the gradients that are zero in theory.
pub(crate) fn zero(metadata: &HashMap<String, String>) -> Vec<String> {
    serde_json::from_str(&metadata["zero"]).unwrap()
}

/// A number of a JSON object.
pub(crate) fn count(c: &Value, key: &str) -> usize {
    c[key].as_u64().unwrap() as usize
}

/// Asserts every gradient of a network: those that are zero in theory, like that of a bias in front
/// of a norm, within `zeros` of the network's largest gradient, all others within `tolerance` of
/// their own largest value. Gives the worst of both.
pub(crate) fn assert_gradients(
    network: &dyn Parameters,
    gradients: Vec<Tensor<1>>,
    file: &Golden,
    prefix: &str,
    zero: &[String],
    [tolerance, zeros]: [f64; 2],
) -> [f64; 2] {
    let stored = file.keys().filter(|k| k.starts_with(&format!("{prefix}."))).count();
    assert_eq!(gradients.len(), stored, "{prefix}: as many gradients as the file has");
    let gradients: Vec<Vec<f32>> = gradients.into_iter().map(values).collect();
    let largest = gradients.iter().flatten().fold(0.0f64, |a, v| a.max(f64::from(v.abs())));
    let weights = network.parameters().into_iter().filter(|(_, p)| p.purpose() == Purpose::Weight);
    let mut worst = [0.0f64; 2];
    for ((name, weight), gradient) in weights.zip(gradients) {
        let key = key(prefix, &name);
        let (shape, expected) =
            file.get(&key).unwrap_or_else(|| panic!("{key} is not in the file"));
        assert_eq!(weight.shape(), shape, "{key}");
        assert!(gradient.iter().all(|v| v.is_finite()), "{key}: not all values are finite");
        let is_zero = zero.contains(&key);
        let off = if is_zero {
            gradient.iter().fold(0.0f64, |a, v| a.max(f64::from(v.abs()))) / largest
        } else {
            relative_difference(gradient, expected.iter().copied())
        };
        assert!(off < if is_zero { zeros } else { tolerance }, "{key}: {off:.2e}");
        worst[usize::from(is_zero)] = worst[usize::from(is_zero)].max(off);
    }
    worst
}

/// Asserts every running mean and variance.
pub(crate) fn assert_statistics(
    network: &dyn Parameters,
    file: &Golden,
    prefix: &str,
    tolerance: f64,
) {
    let stored = file.keys().filter(|k| k.starts_with(&format!("{prefix}."))).count();
    let statistics = network
        .parameters()
        .into_iter()
        .filter(|(name, p)| p.purpose() == Purpose::Statistic && !name.ends_with(".u"));
    let mut found = 0;
    for (name, parameter) in statistics {
        let key = key(prefix, &name);
        let off = relative_difference(parameter.to_vec(), file[&key].1.iter().copied());
        assert!(off < tolerance, "{key}: {off:.2e}");
        found += 1;
    }
    assert_eq!(found, stored, "{prefix}: as many statistics as the file has");
}

fn block(c: &Value) -> &'static str {
    if c["residual"] == true { "residual" } else { "plain" }
}

fn norm(c: &Value) -> &'static str {
    if c["norm"].is_string() { "batch" } else { "none" }
}

/// The kernel that all convolutions share.
fn kernel(c: &Value) -> u64 {
    let kernels: Vec<u64> = serde_json::from_value(c["kernels"].clone()).unwrap();
    assert!(kernels.iter().all(|k| *k == kernels[0]) && c["padding"] == "same");
    kernels[0]
}

/// A generator's settings, as they stand over those of gan-ada.
pub(crate) fn generator_settings(c: &Value, latent: usize) -> Vec<String> {
    let (embedding, classes) = (count(c, "embedding"), c["conditional"] == true);
    let cond = match (embedding, classes) {
        (0, false) => "none",
        (0, true) => "batch-norm",
        _ => "embedding",
    };
    vec![
        format!("generator.latent={latent}"),
        "generator.width=1".to_owned(),
        format!("generator.multipliers={}", c["channels"]),
        format!("generator.base={}", c["base"]),
        format!("generator.upsample={}", c["upsample"]),
        format!("generator.kernel={}", kernel(c)),
        format!("generator.block={}", block(c)),
        format!("generator.norm={}", norm(c)),
        format!("generator.stem_norm={}", c["dense_norm"]),
        format!("generator.spectral_norm={}", c["spectral"]),
        format!("generator.attention={}", c["attention"]),
        format!("generator.activation={}", if c["slope"] == 0.0 { "relu" } else { "leaky-relu" }),
        format!("generator.slope={}", c["slope"]),
        format!("generator.bias={}", c["bias"]),
        format!("generator.out_bias={}", c["out_bias"]),
        "generator.output=tanh".to_owned(),
        "batch_norm.scale=true".to_owned(),
        format!("cond.generator={cond}"),
        // Both networks are told, or none; only this one is built.
        format!("cond.discriminator={}", if cond == "none" { "none" } else { "projection" }),
        format!("cond.embedding={}", embedding.max(1)),
    ]
}

/// A discriminator's settings, as they stand over those of gan-ada.
pub(crate) fn discriminator_settings(c: &Value) -> Vec<String> {
    let cond = match (c["projection"] == true, c["auxiliary"] == true) {
        (true, _) => "projection",
        (_, true) => "auxiliary",
        _ => "none",
    };
    vec![
        "discriminator.width=1".to_owned(),
        format!("discriminator.multipliers={}", c["channels"]),
        format!("discriminator.kernel={}", kernel(c)),
        format!("discriminator.block={}", block(c)),
        format!("discriminator.norm={}", norm(c)),
        format!("discriminator.norm_first={}", c["first_norm"]),
        format!("discriminator.spectral_norm={}", c["spectral"]),
        format!("discriminator.attention={}", c["attention"]),
        format!("discriminator.slope={}", c["slope"]),
        format!("discriminator.bias={}", c["bias"]),
        format!("discriminator.minibatch_stddev={}", c["stddev"]),
        "discriminator.dropout=0.0".to_owned(),
        "batch_norm.scale=true".to_owned(),
        format!("cond.discriminator={cond}"),
        format!("cond.generator={}", if cond == "none" { "none" } else { "embedding" }),
    ]
}
