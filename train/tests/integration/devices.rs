//! Several devices train one run as one device does that takes each batch in as many parts. The
//! CPU, named several times, stands in for GPUs: the threads, the shares and the arithmetic are the
//! same, only the sum goes through the host.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as expected")]

use crate::util;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use burn::tensor::Device;
use shared::dataset::Dataset;
use shared::fs;
use shared::nn::config::{DataConfig, RunConfig, Settings, TaskName};
use shared::nn::parameter::{Parameters, Purpose};
use shared::testing::{Scratch, relative_difference};
use train::data::batches::{Batches, Share};
use train::data::feed::{DataOn, Feed};
use train::step::game::parts;
use train::step::measured::Measured;
use train::step::reading::{Reading, Values};
use train::step::replicas::{self, Replicas};
use train::step::tasks::adversarial::{self, D, G};
use train::step::trainer::Trainer;
use train::step::turn::{Turn, Whose};

const STEPS: u64 = 3;
const BATCH: usize = 12;
const SIDE: u32 = 16;

const NARROW: &[&str] =
    &["generator.width=4", "generator.latent=6", "discriminator.width=4", "schedule.batch=12"];
/// The same for StyleGAN2's networks.
const NARROW_STYLES: &[&str] = &[
    "generator.channel_max=4",
    "generator.latent=6",
    "generator.styles=6",
    "discriminator.channel_max=4",
    "schedule.batch=12",
];

/// Recipes that differ in what goes through the networks: BatchNorm and ADA, five updates of a
/// critic with its penalty, classes, phases with penalties as updates of their own.
const CASES: &[(&str, &[&str])] = &[
    (
        "gan-ada",
        &["augment.probability=0.5", "augment.integration_steps=1", "optimizer.clip_norm=0.5"],
    ),
    ("wgan-gp", &["schedule.discriminator_steps=3"]),
    (
        "gan-ada",
        &[
            "cond=embedding+projection",
            "discriminator.spectral_norm=true",
            "schedule.order=alternating",
        ],
    ),
    (
        "stylegan2-config-f",
        &[
            "augment.pipeline=bgc",
            "augment.probability=0.5",
            "penalty.interval=2",
            "penalty.path_interval=2",
            "generator.mapping_rate=1",
        ],
    ),
];

fn dataset(scratch: &Scratch) -> PathBuf {
    let folder = scratch.path("data");
    util::drawn_dataset(&folder, SIDE, &[("train", 5 * BATCH as u64 + 1), ("val", 8)]);
    folder
}

fn batches(scratch: &Scratch) -> Arc<Batches> {
    Arc::new(Batches::new(Dataset::open(&dataset(scratch)).unwrap(), "train", BATCH, 3).unwrap())
}

fn config((preset, settings): (&str, &[&str]), accumulate: usize) -> RunConfig {
    let narrow = if preset.starts_with("stylegan2") { NARROW_STYLES } else { NARROW };
    let mut all: Vec<String> = narrow.iter().chain(settings).map(|s| (*s).to_owned()).collect();
    all.push(format!("schedule.accumulate={accumulate}"));
    let settings = Settings::resolve(preset, None, &all).unwrap();
    // The drawn pictures have no class and count as the first of two.
    let classes = if settings.cond.is_on() { vec!["a".into(), "b".into()] } else { Vec::new() };
    RunConfig::new(
        preset,
        settings,
        5,
        DataConfig { classes, ..DataConfig::of_extent(SIDE as usize, 3) },
    )
}

/// What some steps lead to, and what they measured.
fn run(config: &RunConfig, devices: usize, batches: &Arc<Batches>) -> (Replicas, Vec<Measured>) {
    let settings = &config.settings;
    let mut replicas = Replicas::new(config, STEPS, &vec![Device::flex(); devices], None).unwrap();
    let form = (settings.range(), settings.cond.is_on());
    let feed = |index| {
        Feed::new(batches, DataOn::Auto, Share { index, of: devices }, form, &Device::flex(), 0)
            .unwrap()
    };
    let mut feeds: Vec<Feed> = (0..devices).map(feed).collect();
    let mut step = || {
        let updates = settings.schedule.discriminator_steps;
        let ready = feeds
            .iter_mut()
            .map(|feed| (0..updates).map(|_| feed.take().unwrap()).collect())
            .collect();
        let readings = replicas.take_step(ready);
        assert_eq!(readings.len(), devices);
        let values = Values::joined(readings.into_iter().map(Reading::read).collect());
        replicas.first.observe(values.observation());
        values.measured(TaskName::Adversarial)
    };
    let metrics = (0..STEPS).map(|_| step()).collect();
    replicas.require_equal().unwrap();
    (replicas, metrics)
}

/// Largest difference of all tensors that are no running statistics, relative to the largest value.
fn apart(a: &Trainer, b: &Trainer) -> f64 {
    let values = |t: &Trainer| {
        let of = |part: &dyn Parameters| -> Vec<f32> {
            part.parameters()
                .into_iter()
                .filter(|(_, p)| p.purpose() != Purpose::Statistic)
                .flat_map(|(_, p)| p.to_vec())
                .collect()
        };
        [of(t.network(G)), of(t.network(D))].concat()
    };
    let (a, b) = (values(a), values(b));
    relative_difference(a, b)
}

#[test]
fn two_and_three_devices_move_the_weights_as_one_does_that_takes_as_many_parts() {
    let scratch = Scratch::new("devices-parts");
    let batches = batches(&scratch);
    for case in CASES {
        for devices in [2, 3] {
            let (one, metrics) = run(&config(*case, devices), 1, &batches);
            let (several, of_several) = run(&config(*case, 1), devices, &batches);
            let off = apart(&one.first, &several.first);
            // The same sums in the same order.
            assert_eq!(off, 0.0, "{case:?} on {devices}");
            assert_eq!(
                one.first.game.controller, several.first.game.controller,
                "{case:?} on {devices}"
            );
            for (one, several) in metrics.iter().zip(&of_several) {
                assert!(one.iter().map(|(key, _)| key).eq(several.iter().map(|(key, _)| key)));
                assert!(one.get("g_loss").is_finite() && one.get("penalty").is_finite());
                for ((key, one), (_, several)) in one.iter().zip(several.iter()) {
                    assert!(
                        (one - several).abs() < 1e-4 * one.abs().max(1e-3),
                        "{case:?} on {devices}: {key} {one} {several}"
                    );
                }
            }
            let (whole, _) = run(&config(*case, 1), 1, &batches);
            assert!(
                apart(&one.first, &whole.first) > 1e-4,
                "{case:?}: parts make no difference here"
            );
        }
    }
}

#[test]
fn running_statistics_are_the_mean_of_what_the_devices_saw() {
    let scratch = Scratch::new("devices-statistics");
    let batches = batches(&scratch);
    let config = config(("gan-ada", &[]), 1);
    let statistics = |t: &Trainer| -> Vec<f32> {
        let of = |part: &dyn Parameters| -> Vec<f32> {
            part.parameters()
                .into_iter()
                .filter(|(_, p)| p.purpose() == Purpose::Statistic)
                .flat_map(|(_, p)| p.to_vec())
                .collect()
        };
        [of(t.network(G)), of(t.network(D))].concat()
    };
    let alone = |index| {
        let mut trainer = Trainer::new(&config, STEPS, &Device::flex());
        let choice = batches.choice(0, Share { index, of: 2 }).unwrap();
        let batch =
            batches.batch(&choice, config.settings.range(), false, &Device::flex()).unwrap();
        let latents = config.settings.generator.takes().latents().unwrap();
        let turn = Turn::new(
            &batch,
            config.seed,
            Whose::Discriminator,
            index as u64,
            Some(&latents),
            &Device::flex(),
        );
        let _ = adversarial::gradient(&mut trainer.game, &turn);
        statistics(&trainer)
    };
    let (first, second) = (alone(0), alone(1));
    assert_ne!(first, second);
    let mut replicas =
        Replicas::new(&config, STEPS, &[Device::flex(), Device::flex()], None).unwrap();
    let form = (config.settings.range(), false);
    let ready = |index| {
        let mut feed =
            Feed::new(&batches, DataOn::Auto, Share { index, of: 2 }, form, &Device::flex(), 0)
                .unwrap();
        vec![feed.take().unwrap()]
    };
    let _ = replicas.take_step(vec![ready(0), ready(1)]);
    for ((a, b), found) in first.into_iter().zip(second).zip(statistics(&replicas.first)) {
        assert!(
            (f32::midpoint(a, b) - found).abs() < 1e-6 * found.abs().max(1.0),
            "{a} {b} {found}"
        );
    }
}

#[test]
fn replicas_that_have_come_apart_are_refused_before_anything_is_saved() {
    let config = config(("gan-ada", &[]), 1);
    let mut replicas =
        Replicas::new(&config, STEPS, &[Device::flex(), Device::flex()], None).unwrap();
    replicas.require_equal().unwrap();
    let (_, weight) =
        replicas.first.game.network_mut(D).parameters_mut().into_iter().next().unwrap();
    weight.set(weight.flat() * 1.000_001);
    let error = replicas.require_equal().unwrap_err().to_string();
    assert!(error.contains("step 0") && error.contains("--device"), "{error}");
}

#[test]
fn the_order_of_the_data_is_the_same_for_any_number_of_devices() {
    let scratch = Scratch::new("devices-order");
    let batches = batches(&scratch);
    // Over the border of an epoch.
    for number in 0..12 {
        let whole = batches.choice(number, Share::default()).unwrap();
        for of in [2, 3, 6] {
            let shares: Vec<_> =
                (0..of).map(|index| batches.choice(number, Share { index, of }).unwrap()).collect();
            assert_eq!(
                shares.iter().flat_map(|s| s.pictures.clone()).collect::<Vec<_>>(),
                whole.pictures
            );
            assert_eq!(
                shares.iter().flat_map(|s| s.corners.clone()).collect::<Vec<_>>(),
                whole.corners
            );
        }
    }
}

#[test]
fn parts_are_as_many_as_accumulated_or_as_the_devices_need() {
    let schedule = |accumulate| config(("gan-ada", &[]), accumulate).settings.schedule;
    for (accumulate, devices, expected) in
        [(1, 1, 1), (1, 3, 3), (2, 2, 2), (4, 2, 4), (2, 3, 6), (3, 2, 6)]
    {
        assert_eq!(parts(&schedule(accumulate), devices), expected);
    }
    assert!(replicas::check(&schedule(2), 2, 3).is_ok());
    let error = replicas::check(&schedule(1), 2, 5).unwrap_err().to_string();
    assert!(
        error.contains("5 devices")
            && error.contains("schedule.batch = 12")
            && error.contains("schedule.batch=15"),
        "{error}"
    );
    // Twelve parts would leave one picture each.
    assert!(replicas::check(&schedule(4), 2, 3).is_err());
}

fn train(data: &Path, out: &Path, steps: u64, device: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_train"));
    command.arg("--data").arg(data).arg("--out").arg(out).args([
        "--steps",
        &steps.to_string(),
        "--device",
        device,
    ]);
    let settings = [
        "samples.pictures=4",
        "samples.every=4",
        "evaluation.every=0",
        "augment.integration_steps=1",
    ];
    NARROW.iter().chain(&settings).for_each(|s| {
        command.args(["--set", s]);
    });
    command.output().unwrap()
}

fn succeed(data: &Path, out: &Path, steps: u64, device: &str) {
    let output = train(data, out, steps, device);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn saved(run: &Path, step: u64) -> Vec<Vec<u8>> {
    let folder = run.join("checkpoints").join(format!("{step:08}"));
    ["generator", "ema", "discriminator", "optimizer.generator", "optimizer.discriminator"]
        .map(|name| fs::read(folder.join(format!("{name}.safetensors"))).unwrap())
        .to_vec()
}

#[test]
fn a_run_on_two_devices_goes_on_exactly_and_one_begun_on_one_goes_on_with_two() {
    let scratch = Scratch::new("devices-resume");
    let data = dataset(&scratch);
    let [whole, resumed, begun] = ["whole", "resumed", "begun"].map(|name| scratch.path(name));
    succeed(&data, &whole, 7, "cpu,cpu");
    succeed(&data, &resumed, 4, "cpu,cpu");
    let parted = saved(&resumed, 4);
    succeed(&data, &resumed, 7, "cpu,cpu");
    assert!(saved(&whole, 7) == saved(&resumed, 7));
    succeed(&data, &begun, 4, "cpu");
    assert!(saved(&begun, 4) != parted, "two devices took parts");
    succeed(&data, &begun, 7, "cpu,cpu");
    assert_eq!(saved(&begun, 7).len(), 5);
    let refused = train(&data, &scratch.path("five"), 1, "cpu,cpu,cpu,cpu,cpu");
    assert_eq!(refused.status.code(), Some(2));
    assert!(!scratch.path("five").exists(), "a refusal leaves nothing behind");
}
