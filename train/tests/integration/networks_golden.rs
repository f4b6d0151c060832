//! Generators and discriminators of every part that settings offer, each in training mode against
//! PyTorch in f64, on the numbers of `tools/golden_parts.py`; and the power iteration of the
//! spectral norm against its formula.

use crate::util;

use std::collections::HashMap;

use burn::tensor::{Device, Tensor};
use serde_json::Value;
use shared::nn::config::Settings;
use shared::nn::layers::{Classes, Masks, Mode, Pass};
use shared::nn::networks::Discriminator;
use shared::nn::networks::Generator;
use shared::nn::parameter::{Parameter, Parameters};
use shared::testing::relative_difference;
use train::step::gradient::{cross_entropy, flat_gradients};
use util::network::{
    assert_gradients, assert_statistics, count, discriminator_settings, fill, generator_settings,
    json, key, tensor, values, zero,
};
use util::{Golden, committed, first_of, golden, normal, signed, signed_pictures};

/// PyTorch in f32 lies within 2e-6 of f64 (metadata `noise_floor`); our sums run in another order.
const TOLERANCE: f64 = 1e-4;
/// Of the largest gradient of a network: what may be left of one that is zero in theory.
const ZERO: f64 = 1e-5;
const CLASSES: usize = 3;

/// The golden file of all networks.
struct Parts {
    file: Golden,
    metadata: HashMap<String, String>,
    device: Device,
}

impl Parts {
    fn open() -> Self {
        let (file, metadata) = golden(&committed("parts.safetensors"));
        Self { file, metadata, device: Device::flex() }
    }

    fn number(&self, key: &str) -> usize {
        self.metadata[key].parse().expect("a number")
    }

    /// The settings of the networks whose names begin with `side`.
    fn of(&self, side: char) -> Vec<(String, Value)> {
        let Value::Object(all) = json(&self.metadata, "networks") else { panic!("an object") };
        all.into_iter().filter(|(name, _)| name.starts_with(side)).collect()
    }

    fn start(&self, name: &str) -> usize {
        count(&json(&self.metadata, "starts"), name)
    }

    fn classes(&self) -> Classes {
        let labels: Vec<u32> = serde_json::from_str(&self.metadata["labels"]).expect("labels");
        Classes::new(&labels, &self.device)
    }

    fn settings(c: &Value, assignments: &[String]) -> Settings {
        let settings = Settings::resolve("gan-ada", None, assignments).expect("settings");
        settings.check_size(count(c, "size")).expect("size");
        settings
    }

    fn generator(&self, c: &Value) -> Generator {
        let settings = Self::settings(c, &generator_settings(c, self.number("latent")));
        let mut generator = settings.generator(count(c, "size"), 3, CLASSES, 0, &self.device);
        fill(&mut generator, &self.device, |name| key("g", name));
        generator
    }

    fn discriminator(&self, c: &Value) -> Discriminator {
        let settings = Self::settings(c, &discriminator_settings(c));
        let mut discriminator =
            settings.discriminator(count(c, "size"), 3, CLASSES, 0, &self.device);
        fill(&mut discriminator, &self.device, |name| key("d", name));
        discriminator
    }

    fn assert(&self, name: &str, what: &str, found: Vec<f32>) {
        let off =
            relative_difference(found, self.file[&format!("{name}.{what}")].1.iter().copied());
        assert!(off < TOLERANCE, "{name}.{what}: {off:.2e}");
    }

    /// Loss, gradients and statistics of a tracked network.
    fn assert_pass(&self, name: &str, network: &dyn Parameters, loss: Tensor<1>) {
        self.assert(name, "loss", values(loss.clone().inner()));
        let gradients = flat_gradients(network, &loss.backward());
        let side = &name[..1];
        let prefix = format!("{name}.grad.{side}");
        let [worst, zeros] = assert_gradients(
            network,
            gradients,
            &self.file,
            &prefix,
            &zero(&self.metadata),
            [TOLERANCE, ZERO],
        );
        println!("{name}: worst gradient {worst:.1e}, those that are zero in theory {zeros:.1e}");
        assert_statistics(network, &self.file, &format!("{name}.statistics.{side}"), TOLERANCE);
    }
}

/// The sum of all values, each times its own factor, so that no gradient is hidden in a sum.
fn weighted<const D: usize>(y: Tensor<D>, device: &Device) -> Tensor<1> {
    let shape = y.dims();
    let upstream = tensor(signed("upstream", shape.iter().product(), 1.0), shape, device);
    (y * upstream.autodiff()).sum()
}

#[test]
fn every_generator_and_its_gradients_equal_pytorch() {
    let parts = Parts::open();
    let (batch, latent) = (parts.number("batch"), parts.number("latent"));
    let networks = parts.of('g');
    assert_eq!(networks.len(), 8);
    for (name, c) in networks {
        let mut generator = parts.generator(&c).tracked();
        let z = tensor(
            normal(&format!("latents.{}", parts.start(&name)), batch * latent),
            [batch, latent],
            &parts.device,
        );
        let classes = parts.classes();
        let mut masks = Masks::None;
        let mut pass = Pass::new(Mode::Train, Some(&classes), &mut masks);
        let pictures = generator.forward(z.autodiff(), &mut pass);
        let moved = pass.moved;
        generator.adopt(moved);
        let expected = &parts.file[&format!("{name}.out")].1;
        parts.assert(&name, "out", first_of(values(pictures.clone().inner()), expected));
        parts.assert_pass(&name, &generator, weighted(pictures, &parts.device));
    }
}

#[test]
fn every_discriminator_and_its_gradients_equal_pytorch() {
    let parts = Parts::open();
    let batch = parts.number("batch");
    let networks = parts.of('d');
    assert_eq!(networks.len(), 4);
    for (name, c) in networks {
        let mut discriminator = parts.discriminator(&c).tracked();
        let shape = [batch, 3, count(&c, "size"), count(&c, "size")];
        let real = tensor(
            signed_pictures(&format!("real.{}", parts.start(&name)), shape),
            shape,
            &parts.device,
        );
        let classes = parts.classes();
        let mut masks = Masks::None;
        let mut pass = Pass::new(Mode::Train, Some(&classes), &mut masks);
        let judgement = discriminator.forward(real.autodiff(), &mut pass);
        let moved = pass.moved;
        discriminator.adopt(moved);
        parts.assert(&name, "out", values(judgement.logits.clone().inner()));
        let mut loss = weighted(judgement.logits.reshape([batch]), &parts.device);
        assert_eq!(judgement.classes.is_some(), c["auxiliary"] == true, "{name}");
        if let Some(logits) = judgement.classes {
            parts.assert(&name, "auxiliary", values(logits.clone().inner()));
            let entropy = cross_entropy(logits, &classes);
            parts.assert(&name, "cross_entropy", values(entropy.clone().inner()));
            loss = loss + entropy;
        }
        parts.assert_pass(&name, &discriminator, loss);
    }
}

/// A weight as a matrix [outputs, rest] in f64.
fn matrix(weight: &Parameter, outputs_second: bool) -> Vec<Vec<f64>> {
    let (shape, values) = (weight.shape(), weight.to_vec());
    let rest: usize = shape[2..].iter().product();
    let part = |i: usize, j: usize| {
        values[(i * shape[1] + j) * rest..][..rest].iter().map(|v| f64::from(*v))
    };
    if outputs_second {
        return (0..shape[1]).map(|j| (0..shape[0]).flat_map(|i| part(i, j)).collect()).collect();
    }
    (0..shape[0]).map(|i| (0..shape[1]).flat_map(|j| part(i, j)).collect()).collect()
}

fn unit(x: Vec<f64>) -> Vec<f64> {
    let length = x.iter().map(|v| v * v).sum::<f64>().sqrt();
    x.into_iter().map(|v| v / length).collect()
}

/// Wᵀu.
fn back(w: &[Vec<f64>], u: &[f64]) -> Vec<f64> {
    (0..w[0].len()).map(|k| w.iter().zip(u).map(|(row, u)| row[k] * u).sum()).collect()
}

/// u ← W·v/‖W·v‖ with v = Wᵀu/‖Wᵀu‖ (Miyato et al. 2018, arXiv:1802.05957, algorithm 1).
fn iterated(w: &[Vec<f64>], u: &[f64]) -> Vec<f64> {
    let v = unit(back(w, u));
    unit(w.iter().map(|row| row.iter().zip(&v).map(|(a, b)| a * b).sum()).collect())
}

/// ‖Wᵀu‖.
fn sigma(w: &[Vec<f64>], u: &[f64]) -> f64 {
    back(w, u).iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// Every weight that has a left vector, as a matrix, with that vector.
fn normalized(network: &dyn Parameters) -> Vec<(String, Vec<Vec<f64>>, Vec<f64>)> {
    let all: HashMap<String, &Parameter> = network.parameters().into_iter().collect();
    let layers = all.keys().filter_map(|name| name.strip_suffix(".u"));
    let one = |layer: &str| {
        // Transposed convolutions, which only the generator has, count their outputs along the
        // second axis.
        let transposed = layer == "out" || layer.starts_with("up.");
        let u = all[&format!("{layer}.u")].to_vec().into_iter().map(f64::from).collect();
        (layer.to_owned(), matrix(all[&format!("{layer}.weight")], transposed), u)
    };
    layers.map(one).collect()
}

/// The largest singular value, by as many iterations as it takes.
fn largest(w: &[Vec<f64>]) -> f64 {
    sigma(w, &(0..20_000).fold(unit(vec![1.0; w.len()]), |u, _| iterated(w, &u)))
}

/// Left vectors after one iteration, and after many, of a network with so many normalised weights.
fn assert_iterations<N: Parameters>(network: &mut N, layers: usize, iterate: fn(&mut N)) {
    let before = normalized(network);
    assert_eq!(before.len(), layers);
    iterate(network);
    let once: HashMap<_, _> =
        normalized(network).into_iter().map(|(name, _, u)| (name, u)).collect();
    for (name, w, u) in &before {
        let off = relative_difference(once[name].iter().map(|v| *v as f32), iterated(w, u));
        assert!(off < 1e-6, "{name}: {off:.1e}");
    }
    (0..300).for_each(|_| iterate(network));
    for (name, w, u) in normalized(network) {
        let off = (sigma(&w, &u) / largest(&w) - 1.0).abs();
        assert!(off < 1e-5, "{name}: {off:.1e}");
    }
}

#[test]
fn power_iterations_lead_every_weight_to_its_largest_singular_value() {
    let parts = Parts::open();
    let networks: HashMap<_, _> = parts.of('g').into_iter().chain(parts.of('d')).collect();
    // Dense layer, block, last convolution.
    assert_iterations(&mut parts.generator(&networks["g_spectral"]), 3, Generator::iterate);
    // Two blocks, a skip, the four convolutions of attention, head, projection.
    let mut discriminator = parts.discriminator(&networks["d_all"]);
    assert_iterations(&mut discriminator, 9, Discriminator::iterate);
    // The layer divides by it: what is left has the norm 1.
    let Discriminator::Dcgan(discriminator) = discriminator else {
        unreachable!("the presets are of one family")
    };
    let projection = discriminator.projection.as_ref().expect("projection");
    let [classes, features] = [0, 1].map(|axis| projection.weight.shape()[axis]);
    let divided = values(projection.linear(Tensor::eye(features, &parts.device)).transpose());
    let rows: Vec<Vec<f64>> =
        divided.chunks(features).map(|row| row.iter().map(|v| f64::from(*v)).collect()).collect();
    assert_eq!(rows.len(), classes);
    assert!((largest(&rows) - 1.0).abs() < 1e-5, "{}", largest(&rows));
}
