//! Frozen blocks of D keep every bit, and everything else learns as if they were not frozen.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as expected")]

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use shared::nn::config::{DataConfig, RunConfig, Settings};
use shared::nn::networks::{Discriminator, Network};
use shared::nn::parameter::{Parameters, Purpose};
use shared::rng;
use train::step::tasks::adversarial::{self, D, G};
use train::step::trainer::Trainer;
use train::step::turn::{Batch, Turn, Whose};

const SIZE: usize = 16;
const BATCH: usize = 4;

/// Values of tensors by name.
type Values = BTreeMap<String, Vec<f32>>;

/// With BatchNorm and dropout; with a gradient penalty, which differentiates a derivative; with
/// everything a block can hold.
const CASES: [(&str, &[&str]); 3] = [
    ("gan-ada", &[]),
    ("wgan-gp", &["schedule.discriminator_steps=1", "penalty.r1=1"]),
    (
        "gan-ada",
        &[
            "discriminator.block=residual",
            "discriminator.multipliers=[1,2]",
            "discriminator.spectral_norm=true",
            "discriminator.attention=8",
            "batch_norm.scale=true",
        ],
    ),
];

fn trainer(
    (preset, settings): (&str, &[&str]),
    freeze: usize,
    more: &[&str],
) -> (Trainer, RunConfig) {
    let narrow = [
        "generator.width=4",
        "generator.latent=6",
        "discriminator.width=8",
        "augment.probability=0.5",
    ];
    let mut all: Vec<String> =
        narrow.iter().chain(settings).chain(more).map(|s| (*s).to_owned()).collect();
    all.extend([format!("schedule.batch={BATCH}"), format!("discriminator.freeze={freeze}")]);
    let settings = Settings::resolve(preset, None, &all).unwrap();
    settings.check_size(SIZE).unwrap();
    let config = RunConfig::new(preset, settings, 5, DataConfig::of_extent(SIZE, 3));
    (Trainer::new(&config, 100, &Device::flex()), config)
}

fn batch(number: u64) -> Batch {
    let mut stream = rng::stream(2, "test pictures", number);
    let values: Vec<f32> = (0..BATCH * 3 * SIZE * SIZE).map(|_| stream.uniform() as f32).collect();
    let real = Tensor::from_data(TensorData::new(values, [BATCH, 3, SIZE, SIZE]), &Device::flex());
    Batch { real, source: None, classes: None, latents: None }
}

fn of_role(network: &dyn Parameters, role: Purpose) -> Values {
    network
        .parameters()
        .into_iter()
        .filter(|(_, p)| p.purpose() == role)
        .map(|(name, p)| (name, p.to_vec()))
        .collect()
}

/// Both networks' gradients at the first weights.
fn gradients(mut trainer: Trainer, config: &RunConfig) -> (Values, Values) {
    let latents = config.settings.generator.takes().latents().unwrap();
    let turn =
        Turn::new(&batch(0), config.seed, Whose::Discriminator, 0, Some(&latents), &Device::flex());
    let (d, g) = adversarial::gradient(&mut trainer.game, &turn);
    let named = |network: &dyn Parameters, gradients: Vec<Tensor<1>>| {
        let names: Vec<String> = of_role(network, Purpose::Weight).into_keys().collect();
        let in_order = network
            .parameters()
            .into_iter()
            .filter(|(_, p)| p.purpose() == Purpose::Weight)
            .map(|(name, _)| name);
        let found: Values = in_order
            .zip(gradients)
            .map(|(name, g)| (name, g.into_data().iter::<f32>().collect()))
            .collect();
        assert!(
            found.keys().eq(names.iter()),
            "a gradient for every weight that learns and for no other"
        );
        found
    };
    (named(trainer.network(D), d.gradients), named(trainer.network(G), g.gradients))
}

fn blocks_of(network: &Network) -> usize {
    match network.discriminator() {
        Discriminator::Dcgan(discriminator) => discriminator.down.len(),
        _ => unreachable!("the presets are of one family"),
    }
}

#[test]
fn gradients_of_the_rest_are_those_of_a_network_that_learns_whole() {
    for case in CASES {
        let (whole, config) = trainer(case, 0, &[]);
        let blocks = blocks_of(whole.network(D));
        let (d, g) = gradients(whole, &config);
        for freeze in 1..=blocks {
            let (frozen, config) = trainer(case, freeze, &[]);
            let (of_d, of_g) = gradients(frozen, &config);
            let is_frozen =
                |name: &str| (0..freeze).any(|i| name.starts_with(&format!("down.{i}.")));
            let mut rest = d.clone();
            rest.retain(|name, _| !is_frozen(name));
            assert!(rest.len() < d.len() && rest.values().flatten().any(|g| *g != 0.0));
            assert!(of_d == rest, "{case:?}, {freeze} blocks");
            assert!(of_g == g, "{case:?}, {freeze} blocks: G learns through them");
        }
    }
}

#[test]
fn frozen_weights_keep_every_bit_and_their_statistics_move() {
    // What pulls at every weight, with or without a gradient.
    let pulls =
        ["optimizer.weight_decay=0.1", "penalty.weight_clip=0.001", "optimizer.clip_norm=0.5"];
    for case in CASES {
        let (mut trainer, _) = trainer(case, 1, &pulls);
        let of = |trainer: &Trainer, role| of_role(trainer.network(D), role);
        let (frozen, weights) = (of(&trainer, Purpose::Frozen), of(&trainer, Purpose::Weight));
        let statistics = of(&trainer, Purpose::Statistic);
        for step in 0..3 {
            trainer.step(&[batch(step)]);
        }
        assert!(!frozen.is_empty() && frozen.keys().all(|name| name.starts_with("down.0.")));
        assert!(of(&trainer, Purpose::Frozen) == frozen, "{case:?}");
        let now = of(&trainer, Purpose::Weight);
        for name in ["down.1.conv.weight", "head.weight"] {
            assert!(now[name] != weights[name], "{case:?}: {name}");
        }
        let moments = trainer
            .parts()
            .into_iter()
            .find(|(name, _)| *name == "optimizer.discriminator")
            .unwrap()
            .1;
        assert!(
            moments.parameters().iter().all(|(name, _)| !name.contains(".down.0.")),
            "nothing is kept for what does not learn"
        );
        for (name, value) in of(&trainer, Purpose::Statistic) {
            assert!(value != statistics[&name], "{case:?}: {name}");
        }
    }
}
