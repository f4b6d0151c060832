//! With `schedule.sync_batch_norm`, several devices compute what one does that has the whole batch.
//! The CPU, named several times, stands in for GPUs, as in `devices.rs`.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as expected")]

use crate::util;

use std::process::Command;
use std::thread;

use burn::tensor::{Device, Tensor, TensorData};
use shared::fs;
use shared::nn::collective::Member;
use shared::nn::config::{DataConfig, RunConfig, Settings};
use shared::nn::parameter::Parameters;
use shared::rng;
use shared::testing::Scratch;
use train::step::tasks::adversarial::{D, G};
use train::step::trainer::Trainer;
use train::step::turn::Batch;

const STEPS: u64 = 3;
const BATCH: usize = 12;
const SIDE: usize = 16;

/// Three steps in f32 whose sums go in another order; 2e-7 is what they come to. SGD, unlike Adam,
/// does not blow a small gradient's rounding up to the size of a step.
const TOLERANCE: f64 = 2e-6;

/// Nothing that is drawn for each part by itself, which several devices have more of: what differs
/// is BatchNorm alone.
const PLAIN: &[&str] = &[
    "generator.width=4",
    "generator.latent=6",
    "discriminator.width=4",
    "discriminator.dropout=0",
    "augment.pipeline=none",
    "optimizer.name=sgd",
    "optimizer.learning_rate=0.05",
    "schedule.batch=12",
];

/// Where BatchNorm stands and how often a step passes it.
const CASES: &[&[&str]] = &[
    &[],
    &["batch_norm.scale=true", "batch_norm.unbiased=true", "generator.stem_norm=channels"],
    &["schedule.order=alternating", "schedule.discriminator_steps=2", "schedule.generator_steps=2"],
    &["schedule.order=alternating", "schedule.reuse_latents=true", "loss.name=relativistic-hinge"],
    &["cond=batch-norm+auxiliary"],
    &["discriminator.norm=none", "penalty.r1=1", "generator.block=residual"],
];

/// Leaves when its thread ends, so that a test that fails does not wait for ever.
struct Leaving(Member);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.leave();
    }
}

fn config(case: &[&str], accumulate: usize, sync: bool) -> RunConfig {
    let mut all: Vec<String> = PLAIN.iter().chain(case).map(|s| (*s).to_owned()).collect();
    all.extend([
        format!("schedule.accumulate={accumulate}"),
        format!("schedule.sync_batch_norm={sync}"),
    ]);
    let settings = Settings::resolve("gan-ada", None, &all).unwrap();
    let classes = if settings.cond.is_on() { vec!["a".into(), "b".into()] } else { Vec::new() };
    RunConfig::new("gan-ada", settings, 5, DataConfig { classes, ..DataConfig::of_extent(SIDE, 3) })
}

/// The `number`-th batch with its latents, its pictures in the order that `order` names.
fn batch(config: &RunConfig, number: u64, order: &[usize]) -> Batch {
    let draw = |name, each: usize| -> Vec<f32> {
        let all = rng::stream(1, name, number).normals(BATCH * each);
        order.iter().flat_map(|i| all[i * each..(i + 1) * each].to_vec()).collect()
    };
    let device = Device::flex();
    // The pictures of a share lie apart from those of the others.
    let mut pictures = draw("pictures", 3 * SIDE * SIDE);
    let shift = |i: usize| order[i / (3 * SIDE * SIDE)] as f32 / BATCH as f32;
    pictures.iter_mut().enumerate().for_each(|(i, p)| *p = *p * 0.3 + shift(i));
    let classes = config
        .settings
        .cond
        .is_on()
        .then(|| order.iter().map(|i| u32::from(*i % 3 == 0)).collect());
    Batch {
        real: Tensor::from_data(TensorData::new(pictures, [BATCH, 3, SIDE, SIDE]), &device),
        source: None,
        classes,
        latents: Some(Tensor::from_data(TensorData::new(draw("latents", 6), [BATCH, 6]), &device)),
    }
}

/// All numbers of both networks, running statistics included, after some steps on equal shares of
/// the batches.
fn trained(config: &RunConfig, devices: usize, order: &[usize]) -> Vec<f64> {
    let updates = config.settings.schedule.discriminator_steps as u64;
    let shares =
        move |config: &RunConfig, step: u64, index: usize, order: &[usize]| -> Vec<Batch> {
            (step * updates..(step + 1) * updates)
                .map(|k| batch(config, k, order).split(devices).remove(index))
                .collect()
        };
    let threads: Vec<_> = Member::of(&vec![Device::flex(); devices])
        .into_iter()
        .map(|member| {
            let (config, order) = (config.clone(), order.to_vec());
            thread::spawn(move || {
                let leaving = Leaving(member.clone());
                let index = member.index();
                let alone = Trainer::new(&config, STEPS, &Device::flex());
                let mut trainer = if devices == 1 { alone } else { alone.into_member(member) };
                for step in 0..STEPS {
                    trainer.step(&shares(&config, step, index, &order));
                }
                drop(leaving);
                let networks = [trainer.network(G) as &dyn Parameters, trainer.network(D)];
                networks
                    .iter()
                    .flat_map(|n| n.parameters())
                    .map(|(_, p)| p.to_vec())
                    .collect::<Vec<_>>()
            })
        })
        .collect();
    let mut found: Vec<_> = threads.into_iter().map(|t| t.join().unwrap()).collect();
    assert!(found.windows(2).all(|pair| pair[0] == pair[1]), "the replicas differ");
    found.remove(0).into_iter().flatten().map(f64::from).collect()
}

/// Largest difference relative to the largest number.
fn apart(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let scale = b.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    assert!(scale.is_finite());
    a.iter().zip(b).fold(0.0f64, |m, (a, b)| m.max((a - b).abs())) / scale
}

#[test]
fn synchronised_devices_take_the_steps_of_one_that_has_the_whole_batch() {
    let order: Vec<usize> = (0..BATCH).collect();
    for case in CASES {
        let whole = trained(&config(case, 1, true), 1, &order);
        assert_eq!(
            whole,
            trained(&config(case, 1, false), 1, &order),
            "{case:?}: one device has nothing to synchronise"
        );
        for devices in [2, 3] {
            let off = apart(&trained(&config(case, 1, true), devices, &order), &whole);
            assert!(off < TOLERANCE, "{case:?} on {devices}: {off}");
            let each = apart(&trained(&config(case, 1, false), devices, &order), &whole);
            assert!(
                each > 1000.0 * TOLERANCE,
                "{case:?} on {devices}: {each} with the statistics of each device"
            );
            println!("{case:?} on {devices}: {off:.1e} together, {each:.1e} each by itself");
        }
    }
}

#[test]
fn parts_that_are_accumulated_are_synchronised_part_by_part() {
    // Two devices take parts 0 and 1, 2 and 3, of three pictures each: 0 meets 2, and 1 meets 3.
    let order: Vec<usize> = (0..BATCH).collect();
    let met: Vec<usize> =
        [0, 2, 1, 3].into_iter().flat_map(|part| part * 3..(part + 1) * 3).collect();
    let two = trained(&config(&[], 4, true), 2, &order);
    let one = trained(&config(&[], 2, false), 1, &met);
    assert!(apart(&two, &one) < TOLERANCE, "{}", apart(&two, &one));
    assert!(
        apart(&two, &trained(&config(&[], 2, false), 1, &order)) > 1000.0 * TOLERANCE,
        "any parts do"
    );
}

#[test]
fn a_synchronised_run_goes_on_exactly_and_not_without_the_setting() {
    let folder = Scratch::new("sync");
    let data = folder.join("data");
    util::drawn_dataset(&data, SIDE as u32, &[("train", 5 * BATCH as u64), ("val", 8)]);
    let train = |out: &str, steps: u64, sync: bool| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_train"));
        command
            .arg("--data")
            .arg(&data)
            .arg("--out")
            .arg(folder.join(out))
            .args(["--steps", &steps.to_string()]);
        command.args(["--device", "cpu,cpu", "--set", &format!("schedule.sync_batch_norm={sync}")]);
        let settings = [
            "generator.width=4",
            "generator.latent=6",
            "discriminator.width=4",
            "schedule.batch=12",
        ];
        let others = [
            "samples.pictures=4",
            "samples.every=4",
            "evaluation.every=0",
            "augment.integration_steps=1",
        ];
        settings.iter().chain(&others).for_each(|s| {
            command.args(["--set", s]);
        });
        command.output().unwrap()
    };
    let saved = |out: &str| {
        let last = folder.join(out).join("checkpoints/00000006");
        let file = |name: &str| fs::read(last.join(format!("{name}.safetensors"))).unwrap();
        ["generator", "ema", "discriminator"].map(file)
    };
    for (out, steps) in [("whole", 6), ("resumed", 3), ("resumed", 6)] {
        let output = train(out, steps, true);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(saved("whole") == saved("resumed"));
    assert!(train("each", 6, false).status.success());
    assert!(saved("whole") != saved("each"), "the setting changes nothing");
    let refused = train("resumed", 9, false);
    let message = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && message.contains("schedule.sync_batch_norm"), "{message}");
}
