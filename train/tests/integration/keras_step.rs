//! gan-ada's networks, losses, gradients, Adam, running statistics and EMA against Keras, on the
//! numbers of `tools/golden_gan_ada.py`. The file committed here has narrow layers;
//! `FLEDGE_GOLDEN_STEP` names another one, for example at the published width.

use crate::util;

use burn::tensor::{Device, Tensor, TensorData};
use shared::nn::config::{DataConfig, RunConfig, Settings};
use shared::nn::layers::{Masks, Mode, Pass};
use shared::nn::networks::Generator;
use shared::nn::parameter::{Parameters, Purpose};
use shared::testing::relative_difference;
use train::step::tasks::adversarial::{self, D, G};
use train::step::trainer::Trainer;
use train::step::turn::{Batch, Turn, Whose};
use util::network::fill;
use util::{Golden, committed, first_of, golden, normal, pictures};

/// Keras in f32 differs from Keras in f64 by 2.1e-5 at most (metadata `noise_floor`), and so may
/// we.
const GRADIENT: f64 = 1e-4;
/// Two correct f32 implementations drift apart by about 1e-4 in 20 steps.
const LOSS_AFTER_20: f64 = 1e-2;

/// Our name of a parameter → that of the golden file.
fn keras_name(prefix: &str, name: &str) -> String {
    let parts: Vec<&str> = name.split('.').collect();
    let statistic = |k: usize, leaf: &str| format!("{prefix}.bn{k}.{leaf}");
    match parts[..] {
        ["norm", leaf] => statistic(0, leaf),
        [block, i, "norm", leaf] => {
            assert!(block == "up" || block == "down");
            statistic(i.parse::<usize>().expect("index") + 1, leaf)
        }
        [block, i, "conv", leaf] => {
            format!("{prefix}.{block}{}.{leaf}", i.parse::<usize>().expect("index") + 1)
        }
        _ => format!("{prefix}.{name}"),
    }
}

fn compare(
    what: &str,
    network: &dyn Parameters,
    prefix: &str,
    of: &str,
    file: &Golden,
    roles: &[Purpose],
    tolerance: f64,
) {
    for (name, parameter) in network.parameters() {
        if roles.contains(&parameter.purpose()) {
            let key = format!("{what}{}", keras_name(prefix, &name));
            let (_, expected) =
                file.get(&key).unwrap_or_else(|| panic!("{key} is not in the file ({of})"));
            let d = relative_difference(parameter.to_vec(), expected.iter().copied());
            assert!(d < tolerance, "{key}: {d:.2e}");
        }
    }
}

#[test]
fn one_step_and_twenty_equal_keras() {
    let outside = std::env::var_os("FLEDGE_GOLDEN_STEP");
    let path = outside.as_ref().map_or_else(|| committed("gan-ada-step.safetensors"), Into::into);
    let (file, metadata) = golden(&path);
    let arguments: serde_json::Value =
        serde_json::from_str(&metadata["arguments"]).expect("arguments");
    let get = |key: &str| arguments[key].as_u64().expect("a number") as usize;
    let (width, size, batch, latent, start) =
        (get("width"), get("size"), get("batch"), get("latent"), get("start"));
    let settings = [
        format!("generator.width={width}"),
        format!("generator.latent={latent}"),
        format!("discriminator.width={width}"),
        "discriminator.dropout=0.0".to_owned(),
        "augment.pipeline=none".to_owned(),
        format!("schedule.batch={batch}"),
    ];
    let device = Device::flex();
    let config = RunConfig::new(
        "gan-ada",
        Settings::resolve("gan-ada", None, &settings).expect("settings"),
        0,
        DataConfig::of_extent(size, 3),
    );
    let mut trainer = Trainer::new(&config, 20, &device);
    fill(trainer.game.network_mut(G), &device, |name| keras_name("g", name));
    fill(trainer.game.network_mut(D), &device, |name| keras_name("d", name));
    let drawn = trainer.network(G).clone();
    trainer.game.players[0].average = Some(drawn);
    let z = |k: usize| {
        Tensor::<2>::from_data(
            TensorData::new(normal(&format!("latents.{k}"), batch * latent), [batch, latent]),
            &device,
        )
    };
    let batch_of = |k: usize| {
        let values = pictures(&format!("real.{k}"), batch, size);
        let real = Tensor::<4>::from_data(TensorData::new(values, [batch, 3, size, size]), &device);
        Batch { real, source: None, classes: None, latents: Some(z(k)) }
    };
    let infer = |generator: &Generator, mode| {
        generator.forward(z(start), &mut Pass::new(mode, None, &mut Masks::None))
    };

    // Step 0: outputs, losses, every gradient, running statistics.
    let fake = infer(trainer.game.generator(G), Mode::Train);
    assert!(
        relative_difference(
            first_of(fake.into_data().iter::<f32>(), &file["fake"].1),
            file["fake"].1.iter().copied()
        ) < 1e-5
    );
    let mut probe = trainer.clone();
    let latents = config.settings.generator.takes().latents().expect("latents");
    let turn = Turn::new(&batch_of(start), 0, Whose::Discriminator, 0, Some(&latents), &device);
    let (d, g) = adversarial::gradient(&mut probe.game, &turn);
    assert!(
        relative_difference(
            d.logits_real.clone().into_data().iter::<f32>(),
            file["logits_real"].1.iter().copied()
        ) < GRADIENT
    );
    assert!(
        relative_difference(
            d.logits_fake.clone().into_data().iter::<f32>(),
            file["logits_fake"].1.iter().copied()
        ) < GRADIENT
    );
    assert!((g.loss() / file["g_loss"].1[0] - 1.0).abs() < GRADIENT);
    assert!((d.loss() / file["d_loss"].1[0] - 1.0).abs() < GRADIENT);
    let sides: [(&str, &dyn Parameters, Vec<Tensor<1>>); 2] =
        [("g", trainer.network(G), g.gradients), ("d", trainer.network(D), d.gradients)];
    let mut worst = 0.0f64;
    for (prefix, network, gradients) in sides {
        let weights =
            network.parameters().into_iter().filter(|(_, p)| p.purpose() == Purpose::Weight);
        for ((name, _), gradient) in weights.zip(gradients) {
            let key = format!("grad.{}", keras_name(prefix, &name));
            let d = relative_difference(
                gradient.into_data().iter::<f32>(),
                file[&key].1.iter().copied(),
            );
            worst = worst.max(d);
            assert!(d < GRADIENT, "{key}: {d:.2e}");
        }
    }
    println!("worst gradient: {worst:.1e} relative");
    compare("after1.", probe.network(G), "g", "statistics", &file, &[Purpose::Statistic], 1e-5);
    compare("after1.", probe.network(D), "d", "statistics", &file, &[Purpose::Statistic], 1e-5);

    // Twenty steps: losses, and at the narrow width also where they lead.
    let mut drift = 0.0f64;
    for (k, expected) in file["losses"].1.chunks(2).enumerate() {
        let metrics = trainer.step(&[batch_of(start + k)]);
        for (found, expected) in
            [(metrics.get("g_loss"), expected[0]), (metrics.get("d_loss"), expected[1])]
        {
            let d = (found / expected - 1.0).abs();
            drift = drift.max(d);
            // At the published width f32 itself drifts by more than this; there the first steps are
            // compared.
            assert!(
                d < LOSS_AFTER_20 || (width > 32 && k > 4),
                "step {k}: {found} against {expected}"
            );
        }
    }
    println!("worst loss in twenty steps: {drift:.1e} relative");
    if width <= 32 {
        let all = [Purpose::Weight, Purpose::Statistic];
        compare("final.", trainer.network(G), "g", "final", &file, &all, 1e-2);
        compare("final.", trainer.network(D), "d", "final", &file, &all, 1e-2);
        for (name, parameter) in trainer.shown().parameters() {
            let key = keras_name("ema", &name);
            let d = relative_difference(parameter.to_vec(), file[&key].1.iter().copied());
            assert!(d < 1e-2, "{key}: {d:.2e}");
        }
        let samples = infer(trainer.shown(), Mode::Infer);
        assert!(
            relative_difference(
                first_of(samples.into_data().iter::<f32>(), &file["ema_samples"].1),
                file["ema_samples"].1.iter().copied()
            ) < 1e-3
        );
    }
}
