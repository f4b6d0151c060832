//! Every recipe and every knob takes a step, is finite, and goes on after a checkpoint as if there had been none, bit by bit.

use burn::tensor::{Device, Tensor, TensorData};
use shared::nn::checkpoint::{self, CHECKPOINT_VERSION, Checkpoint, Meta};
use shared::nn::config::{DataConfig, RunConfig, Settings};
use shared::nn::parameter::{Parameters, Role};
use shared::rng;
use train::trainer::Trainer;
use train::turn::Batch;

/// A preset, the extent and channels of its pictures, and what is set besides.
type Case = (&'static str, usize, usize, &'static [&'static str]);

const NARROW: &[&str] =
    &["generator.width=4", "generator.latent=6", "discriminator.width=4", "schedule.batch=4", "schedule.accumulate=1"];

/// A critic that gradient penalties allow.
const SMOOTH: &[&str] = &["discriminator.norm=none", "discriminator.bias=true", "schedule.order=alternating"];

const CASES: &[Case] = &[
    ("gan-ada", 16, 3, &[]),
    ("dcgan-anime", 96, 3, &[]),
    ("dcgan-tf", 32, 3, &[]),
    ("wgan", 32, 1, &[]),
    ("wgan-gp", 32, 1, &[]),
    ("gan-ada", 16, 3, &["cond=embedding+projection"]),
    ("gan-ada", 16, 3, &["cond=batch-norm+auxiliary", "loss.name=hinge"]),
    ("gan-ada", 16, 3, &["augment.pipeline=bgcfnc", "augment.probability=0.5"]),
    ("dcgan-tf", 16, 1, &["augment.pipeline=bgc", "augment.probability=0.5", "augment.interval=3"]),
    ("wgan-gp", 16, 3, &["augment.pipeline=diffaugment", "penalty.interval=2", "penalty.r1=1", "penalty.r2=1"]),
    ("gan-ada", 16, 3, &["generator.block=residual", "discriminator.block=residual", "discriminator.spectral_norm=true"]),
    ("gan-ada", 16, 3, &["generator.upsample=nearest", "generator.attention=8", "discriminator.attention=8"]),
    ("gan-ada", 32, 3, &["generator.spectral_norm=true", "generator.multipliers=[2,1]", "generator.block=residual"]),
    ("gan-ada", 16, 3, &["generator.dropout=0.2", "generator.dropout_sampling=true", "generator.norm=none"]),
    ("gan-ada", 16, 3, &["generator.activation=silu", "discriminator.activation=tanh", "initializer.name=orthogonal"]),
    ("gan-ada", 16, 3, &["loss.name=relativistic-average-hinge", "optimizer.name=rmsprop", "optimizer.momentum=0.5"]),
    ("gan-ada", 16, 3, &["loss.real_label=0.9", "loss.label_noise=0.1", "loss.label_flip=0.2", "loss.instance_noise=0.1"]),
    ("gan-ada", 16, 3, &["schedule.accumulate=2", "optimizer.clip_norm=0.5", "rate.schedule=cosine", "rate.warmup_steps=3"]),
    ("gan-ada", 16, 3, &["optimizer.name=adamw", "optimizer.weight_decay=0.1", "schedule.ema_half_life_kimg=1"]),
    ("gan-ada", 16, 3, &["optimizer.name=sgd", "optimizer.momentum=0.9", "optimizer.nesterov=true", "schedule.ema_ramp_up=0.05"]),
    ("gan-ada", 16, 3, &["schedule.order=alternating", "schedule.generator_steps=2", "generator.distribution=truncated"]),
    ("gan-ada", 16, 3, &["generator.output=tanh", "generator.distribution=sphere", "generator.stem_norm=channels"]),
];

const CLASSES: u32 = 3;
const STEPS: u64 = 4;

fn trainer(case: &Case) -> (Trainer, RunConfig) {
    let (preset, size, channels, settings) = *case;
    let mut all: Vec<String> = NARROW.iter().chain(settings).map(|s| (*s).to_owned()).collect();
    if settings.iter().any(|s| s.starts_with("penalty.")) {
        all.extend(SMOOTH.iter().map(|s| (*s).to_owned()));
    }
    let settings = Settings::resolve(preset, None, &all).unwrap_or_else(|e| panic!("{case:?}: {e}"));
    settings.check_size(size).unwrap_or_else(|e| panic!("{case:?}: {e}"));
    let classes = if settings.cond.is_on() { (0..CLASSES).map(|c| format!("class {c}")).collect() } else { Vec::new() };
    let config = RunConfig::new(preset, settings, 5, DataConfig { classes, ..DataConfig::of_extent(size, channels) });
    (Trainer::new(&config, STEPS, &Device::flex()), config)
}

fn step(trainer: &mut Trainer, config: &RunConfig) {
    let (batch, channels, size) = (config.settings.schedule.batch, config.data.channels, config.data.size);
    let per_step = config.settings.schedule.discriminator_steps as u64;
    let batches: Vec<Batch> = (trainer.step * per_step..(trainer.step + 1) * per_step)
        .map(|number| {
            let mut stream = rng::stream(2, "test pictures", number);
            let values: Vec<f32> = (0..batch * channels * size * size).map(|_| stream.uniform() as f32).collect();
            let real = Tensor::from_data(TensorData::new(values, [batch, channels, size, size]), &Device::flex());
            let classes = config.settings.cond.is_on().then(|| (0..batch as u32).map(|i| i % CLASSES).collect());
            Batch { real: config.settings.range().from_unit(real), classes, latents: None }
        })
        .collect();
    let metrics = trainer.step(&batches);
    assert!(metrics.g_loss.is_finite() && metrics.d_loss.is_finite() && metrics.penalty.is_finite(), "{metrics:?}");
}

fn bits(trainer: &Trainer) -> Vec<u32> {
    let values = trainer.parts().iter().flat_map(|(_, part)| part.parameters()).flat_map(|(_, p)| p.to_vec()).collect::<Vec<_>>();
    assert!(values.iter().all(|v| v.is_finite()));
    values.into_iter().map(f32::to_bits).collect()
}

#[test]
fn every_recipe_and_knob_goes_on_from_a_checkpoint_as_if_there_had_been_none() {
    for (i, case) in CASES.iter().enumerate() {
        let (mut whole, config) = trainer(case);
        let untrained = bits(&whole);
        for _ in 0..STEPS {
            step(&mut whole, &config);
        }
        let (mut first, _) = trainer(case);
        step(&mut first, &config);
        step(&mut first, &config);
        let folder = std::env::temp_dir().join(format!("fledge-recipes-{}-{i}", std::process::id()));
        shared::fs::remove(&folder).unwrap();
        let state = serde_json::to_value(first.controller).unwrap();
        let meta =
            Meta { version: CHECKPOINT_VERSION, step: 2, epoch: 0, config: config.clone(), state, files: Default::default() };
        checkpoint::save(&folder, meta, &first.parts()).unwrap();
        let saved = Checkpoint::open(&folder).unwrap();
        assert_eq!(saved.meta.config, config, "{case:?}");
        let (mut second, _) = trainer(case);
        second.load(&saved).unwrap();
        second.controller = serde_json::from_value(saved.meta.state).unwrap();
        step(&mut second, &config);
        step(&mut second, &config);
        assert!(bits(&second) == bits(&whole), "{case:?}");
        let moved = untrained.iter().zip(bits(&whole)).filter(|(a, b)| **a != *b).count();
        assert!(moved * 2 > untrained.len(), "{case:?}: {moved} of {} numbers moved", untrained.len());
        shared::fs::remove(&folder).unwrap();
    }
}

/// Without BatchNorm the mean over a batch is the mean over its parts' means.
#[test]
fn a_batch_in_two_parts_moves_the_weights_as_a_whole_one_does() {
    let moved = |accumulate: &'static str| {
        let settings = [
            "generator.norm=none",
            "discriminator.norm=none",
            "discriminator.dropout=0",
            "augment.pipeline=none",
            "optimizer.name=sgd",
            "optimizer.learning_rate=0.1",
            accumulate,
        ];
        let case: Case = ("gan-ada", 16, 3, Box::leak(Box::new(settings)));
        let (mut trainer, _) = trainer(&case);
        let draw = |name, count: usize| rng::stream(1, name, 0).normals(count);
        let real = Tensor::from_data(TensorData::new(draw("real", 4 * 3 * 16 * 16), [4, 3, 16, 16]), &Device::flex());
        let latents = Tensor::from_data(TensorData::new(draw("latents", 4 * 6), [4, 6]), &Device::flex());
        trainer.step(&[Batch { real, classes: None, latents: Some(latents) }]);
        let parts = [&trainer.generator as &dyn Parameters, &trainer.discriminator];
        parts.iter().flat_map(|part| part.parameters()).flat_map(|(_, p)| p.to_vec()).collect::<Vec<f32>>()
    };
    let (whole, parts) = (moved("schedule.accumulate=1"), moved("schedule.accumulate=2"));
    let off = whole.iter().zip(&parts).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    // One step of f32 sums in another order.
    assert!(off < 1e-6, "{off}");
    assert_ne!(whole, parts, "the parts were not taken");
}

#[test]
fn clipped_weights_stay_within_their_bound() {
    let (mut trainer, config) = trainer(&("wgan", 32, 1, &["optimizer.learning_rate=0.05"]));
    step(&mut trainer, &config);
    let weights = trainer.discriminator.parameters().into_iter().filter(|(_, p)| p.role() == Role::Weight);
    let values: Vec<f32> = weights.flat_map(|(_, p)| p.to_vec()).collect();
    assert!(values.iter().all(|v| v.abs() <= 0.01));
    assert!(values.iter().filter(|v| v.abs() == 0.01).count() * 10 > values.len(), "nothing was cut");
}
