//! The presets dcgan-anime, dcgan-tf, wgan and wgan-gp at narrow widths, from latents and pictures
//! to D's weights after one step of their own optimizer, against PyTorch in f64 (which equals
//! Keras' own layers in f64 where the preset comes from Keras), on the numbers of
//! `tools/golden_presets.py`.

use crate::util;

use burn::tensor::{Device, Tensor};
use serde_json::Value;
use shared::nn::config::{DataConfig, RunConfig, Settings};
use shared::nn::layers::Masks;
use shared::nn::parameter::{Parameters, Purpose};
use shared::testing::relative_difference;
use train::step::gradient::{flat_gradients, generate};
use train::step::optimizer::Optimizer;
use train::step::penalty::{self, Kind, Points};
use train::step::tasks::adversarial::{self, D, G};
use train::step::trainer::Trainer;
use train::step::turn::{Batch, Turn, Whose};
use util::network::{
    assert_gradients, assert_statistics, count, fill, json, key, tensor, values, zero,
};
use util::{committed, first_of, golden, normal, signed_pictures, uniform};

/// PyTorch in f32 lies within 9e-6 of f64 (metadata `noise_floor`); our sums run in another order.
const TOLERANCE: f64 = 1e-4;
/// Of the largest gradient of a network: what may be left of one that is zero in theory.
const ZERO: f64 = 1e-5;
/// Of the furthest that a weight of a tensor moves in a step: f32 holds weights near 1 to 6e-8, and
/// the smallest step is 5e-5.
const MOVE: f64 = 2e-3;

/// A preset at the golden file's width, its networks at the golden weights, with one batch.
struct Narrow {
    preset: &'static str,
    file: util::Golden,
    zero: Vec<String>,
    config: RunConfig,
    trainer: Trainer,
    batch: Batch,
}

impl Narrow {
    fn open(preset: &'static str) -> Self {
        let (file, metadata) = golden(&committed(&format!("preset-{preset}.safetensors")));
        let c: Value = json(&metadata, "settings");
        let [width, size, channels, batch, latent] =
            ["width", "size", "channels", "batch", "latent"].map(|k| count(&c, k));
        let assignments = [
            format!("generator.width={width}"),
            format!("generator.latent={latent}"),
            format!("discriminator.width={width}"),
            "discriminator.dropout=0.0".to_owned(),
            "augment.pipeline=none".to_owned(),
            // Its random points are the file's here, see below.
            "penalty.gradient=0.0".to_owned(),
            format!("schedule.batch={batch}"),
            "schedule.discriminator_steps=1".to_owned(),
        ];
        let settings = Settings::resolve(preset, None, &assignments).expect("settings");
        settings.check_size(size).expect("size");
        let device = Device::flex();
        let config = RunConfig::new(preset, settings, 0, DataConfig::of_extent(size, channels));
        let mut trainer = Trainer::new(&config, 1, &device);
        fill(trainer.game.network_mut(G), &device, |name| key("g", name));
        fill(trainer.game.network_mut(D), &device, |name| key("d", name));
        let (start, shape) = (&metadata["start"], [batch, channels, size, size]);
        let real = tensor(signed_pictures(&format!("real.{start}"), shape), shape, &device);
        let latents =
            tensor(normal(&format!("latents.{start}"), batch * latent), [batch, latent], &device);
        let batch = Batch { real, source: None, classes: None, latents: Some(latents) };
        Self { preset, zero: zero(&metadata), file, config, trainer, batch }
    }

    fn assert(&self, what: &str, found: Vec<f32>) {
        let off = relative_difference(found, self.file[what].1.iter().copied());
        assert!(off < TOLERANCE, "{} {what}: {off:.2e}", self.preset);
    }

    /// Everything up to the gradients; gives D's.
    fn pass(&self) -> Vec<Tensor<1>> {
        let mut trainer = self.trainer.clone();
        let latents = self.config.settings.generator.takes().latents().expect("latents");
        let turn =
            Turn::new(&self.batch, 0, Whose::Discriminator, 0, Some(&latents), &Device::flex());
        let fake = generate(trainer.game.generator(G), &turn, false).pictures;
        self.assert("fake", first_of(values(fake.clone()), &self.file["fake"].1));
        let (d, g) = adversarial::gradient(&mut trainer.game, &turn);
        self.assert("logits_real", values(d.logits_real.clone()));
        self.assert("logits_fake", values(d.logits_fake.clone()));
        self.assert("logits_fake", values(g.logits_fake.clone()));
        self.assert("d_loss", vec![d.loss() as f32]);
        self.assert("g_loss", vec![g.loss() as f32]);
        assert_statistics(trainer.network(G), &self.file, "statistics.g", TOLERANCE);
        assert_statistics(trainer.network(D), &self.file, "statistics.d", TOLERANCE);
        let mut of_d = d.gradients;
        if self.preset == "wgan-gp" {
            let epsilon = uniform("epsilon", fake.dims()[0]);
            let critic = trainer.game.discriminator(D);
            let tracked = critic.tracked();
            let points = Points {
                x: penalty::between(&turn.real, &fake, epsilon),
                classes: None,
                masks: &Masks::None,
                view: None,
            };
            let penalty = penalty::of(Kind::Gradient(10.0), critic, &tracked, &points);
            self.assert("penalty", vec![penalty.value() as f32]);
            self.assert("gradient_norms", penalty.norms().iter().map(|n| *n as f32).collect());
            let more = flat_gradients(&tracked, &penalty.tangent.backward());
            of_d = of_d.into_iter().zip(more).map(|(a, b)| a + b).collect();
        }
        let tolerances = [TOLERANCE, ZERO];
        let sides: [(&str, &dyn Parameters, _); 2] = [
            ("g", self.trainer.network(G), g.gradients),
            ("d", self.trainer.network(D), of_d.clone()),
        ];
        for (side, network, gradients) in sides {
            let [worst, zeros] = assert_gradients(
                network,
                gradients,
                &self.file,
                &format!("grad.{side}"),
                &self.zero,
                tolerances,
            );
            println!(
                "{} {side}: worst gradient {worst:.1e}, those that are zero in theory {zeros:.1e}",
                self.preset
            );
        }
        of_d
    }

    /// D's weights after its first step, cut to ±`clip`.
    fn assert_moved(&self, moved: &dyn Parameters, clip: f64) {
        let rate = self.config.settings.optimizer.discriminator.learning_rate;
        let mut furthest = 0.0f64;
        for ((name, first), (_, moved)) in
            self.trainer.network(D).parameters().into_iter().zip(moved.parameters())
        {
            if first.purpose() == Purpose::Statistic {
                continue;
            }
            let (first, found) = (first.to_vec(), moved.to_vec());
            assert!(found.iter().all(|v| v.is_finite()), "{name}: not all values are finite");
            let expected: Vec<f64> =
                self.file[&key("after1.d", &name)].1.iter().map(|v| v.clamp(-clip, clip)).collect();
            let apart = |a: &[f32], b: &[f64]| {
                a.iter().zip(b).fold(0.0f64, |worst, (a, b)| worst.max((f64::from(*a) - b).abs()))
            };
            let off = if self.zero.contains(&key("grad.d", &name)) {
                // Rounding alone decides where such a weight goes, but no further than a step.
                let first: Vec<f64> =
                    first.iter().map(|v| f64::from(*v).clamp(-clip, clip)).collect();
                assert!(apart(&found, &first) < 4.0 * rate, "{name}");
                0.0
            } else {
                apart(&found, &expected) / apart(&first, &self.file[&key("after1.d", &name)].1)
            };
            furthest = furthest.max(off);
            assert!(off < MOVE, "{} {name}: {off:.1e} of a step", self.preset);
        }
        println!("{}: worst move {furthest:.1e} of a step", self.preset);
    }

    /// One step of the preset's optimizer alone.
    fn assert_optimizer(&self, gradients: Vec<Tensor<1>>) {
        let mut discriminator = self.trainer.network(D).clone();
        let mut optimizer =
            Optimizer::new(&self.config.settings.optimizer.discriminator, &discriminator);
        let norm = optimizer.step(1, 1.0, &mut discriminator, gradients);
        assert!(norm.is_none());
        self.assert_moved(&discriminator, f64::INFINITY);
    }

    /// One step of the trainer, in the preset's order; `clip` is where it cuts weights.
    fn assert_step(&self, clip: f64) {
        let mut trainer = self.trainer.clone();
        trainer.step(std::slice::from_ref(&self.batch));
        self.assert_moved(trainer.network(D), clip);
        assert_eq!(trainer.game.step, 1);
    }
}

#[test]
fn one_step_of_dcgan_anime_equals_pytorch() {
    let narrow = Narrow::open("dcgan-anime");
    narrow.assert_optimizer(narrow.pass());
    narrow.assert_step(f64::INFINITY);
}

#[test]
fn one_step_of_dcgan_tf_equals_keras() {
    let narrow = Narrow::open("dcgan-tf");
    narrow.assert_optimizer(narrow.pass());
    narrow.assert_step(f64::INFINITY);
}

#[test]
fn one_step_of_wgan_equals_keras_and_its_weights_are_clipped() {
    let narrow = Narrow::open("wgan");
    narrow.assert_optimizer(narrow.pass());
    narrow.assert_step(0.01);
}

#[test]
fn one_step_of_wgan_gp_equals_keras_differentiating_twice() {
    let narrow = Narrow::open("wgan-gp");
    narrow.assert_optimizer(narrow.pass());
}
