//! Every recipe and every knob takes a step, is finite, and goes on after a checkpoint as if there
//! had been none, bit by bit.

use burn::tensor::{Device, Tensor, TensorData};
use shared::nn::checkpoint::{self, CHECKPOINT_VERSION, Checkpoint, Meta};
use shared::nn::config::{DataConfig, RunConfig, Settings};
use shared::nn::layers::Masks;
use shared::nn::networks::Discriminator;
use shared::nn::networks::Generator;
use shared::nn::parameter::{Parameters, Purpose};
use shared::rng;
use shared::testing::Scratch;
use train::step::gradient::{Recipe, flat_gradients, generate};
use train::step::penalty::{self, Kind, Points};
use train::step::tasks::adversarial::{D, G};
use train::step::trainer::Trainer;
use train::step::turn::{Batch, Turn, Whose};

/// A preset, the extent and channels of its pictures, and what is set besides.
type Case = (&'static str, usize, usize, &'static [&'static str]);

const NARROW: &[&str] = &[
    "generator.width=4",
    "generator.latent=6",
    "discriminator.width=4",
    "schedule.batch=4",
    "schedule.accumulate=1",
];

/// A critic that gradient penalties allow.
const SMOOTH: &[&str] =
    &["discriminator.norm=none", "discriminator.bias=true", "schedule.order=alternating"];

const CASES: &[Case] = &[
    ("gan-ada", 16, 3, &[]),
    ("dcgan-anime", 96, 3, &[]),
    ("dcgan-tf", 32, 3, &[]),
    ("wgan", 32, 1, &[]),
    ("wgan-gp", 32, 1, &[]),
    ("gan-ada", 128, 3, &[]),
    ("dcgan-tf", 128, 1, &[]),
    ("wgan-gp", 64, 3, &[]),
    ("gan-ada", 16, 3, &["cond=embedding+projection"]),
    ("gan-ada", 16, 3, &["cond=batch-norm+auxiliary", "loss.name=hinge"]),
    ("gan-ada", 16, 3, &["augment.pipeline=bgcfnc", "augment.probability=0.5"]),
    ("dcgan-tf", 16, 1, &["augment.pipeline=bgc", "augment.probability=0.5", "augment.interval=3"]),
    (
        "wgan-gp",
        16,
        3,
        &["augment.pipeline=diffaugment", "penalty.interval=2", "penalty.r1=1", "penalty.r2=1"],
    ),
    (
        "gan-ada",
        16,
        3,
        &[
            "generator.block=residual",
            "discriminator.block=residual",
            "discriminator.spectral_norm=true",
        ],
    ),
    (
        "gan-ada",
        16,
        3,
        &["generator.upsample=nearest", "generator.attention=8", "discriminator.attention=8"],
    ),
    (
        "gan-ada",
        32,
        3,
        &[
            "generator.spectral_norm=true",
            "generator.multipliers=[2,1]",
            "generator.block=residual",
        ],
    ),
    (
        "gan-ada",
        16,
        3,
        &["generator.dropout=0.2", "generator.dropout_sampling=true", "generator.norm=none"],
    ),
    (
        "gan-ada",
        16,
        3,
        &[
            "generator.activation=silu",
            "discriminator.activation=tanh",
            "initializer.name=orthogonal",
        ],
    ),
    (
        "gan-ada",
        16,
        3,
        &[
            "loss.name=relativistic-average-hinge",
            "optimizer.name=rmsprop",
            "optimizer.momentum=0.5",
        ],
    ),
    (
        "gan-ada",
        16,
        3,
        &[
            "loss.real_label=0.9",
            "loss.label_noise=0.1",
            "loss.label_flip=0.2",
            "loss.instance_noise=0.1",
        ],
    ),
    (
        "gan-ada",
        16,
        3,
        &[
            "schedule.accumulate=2",
            "optimizer.clip_norm=0.5",
            "rate.schedule=cosine",
            "rate.warmup_steps=3",
        ],
    ),
    (
        "gan-ada",
        16,
        3,
        &["optimizer.name=adamw", "optimizer.weight_decay=0.1", "schedule.ema_half_life_kimg=1"],
    ),
    (
        "gan-ada",
        16,
        3,
        &[
            "optimizer.name=sgd",
            "optimizer.momentum=0.9",
            "optimizer.nesterov=true",
            "schedule.ema_ramp_up=0.05",
        ],
    ),
    (
        "gan-ada",
        16,
        3,
        &[
            "schedule.order=alternating",
            "schedule.generator_steps=2",
            "generator.distribution=truncated",
        ],
    ),
    (
        "gan-ada",
        16,
        3,
        &["generator.output=tanh", "generator.distribution=sphere", "generator.stem_norm=channels"],
    ),
    ("gan-ada", 16, 3, &["discriminator.freeze=1"]),
];

const CLASSES: u32 = 3;
const STEPS: u64 = 4;

fn trainer(case: &Case) -> (Trainer, RunConfig) {
    let (preset, size, channels, settings) = *case;
    let mut all: Vec<String> = NARROW.iter().chain(settings).map(|s| (*s).to_owned()).collect();
    if settings.iter().any(|s| s.starts_with("penalty.")) {
        all.extend(SMOOTH.iter().map(|s| (*s).to_owned()));
    }
    let settings =
        Settings::resolve(preset, None, &all).unwrap_or_else(|e| panic!("{case:?}: {e}"));
    settings.check_size(size).unwrap_or_else(|e| panic!("{case:?}: {e}"));
    let classes = if settings.cond.is_on() {
        (0..CLASSES).map(|c| format!("class {c}")).collect()
    } else {
        Vec::new()
    };
    let config = RunConfig::new(
        preset,
        settings,
        5,
        DataConfig { classes, ..DataConfig::of_extent(size, channels) },
    );
    (Trainer::new(&config, STEPS, &Device::flex()), config)
}

/// The batches of the trainer's next step.
fn batches(trainer: &Trainer, config: &RunConfig) -> Vec<Batch> {
    let (batch, channels, size) =
        (config.settings.schedule.batch, config.data.channels, config.data.size);
    let per_step = config.settings.schedule.discriminator_steps as u64;
    (trainer.game.step * per_step..(trainer.game.step + 1) * per_step)
        .map(|number| {
            let mut stream = rng::stream(2, "test pictures", number);
            let values: Vec<f32> =
                (0..batch * channels * size * size).map(|_| stream.uniform() as f32).collect();
            let real = Tensor::from_data(
                TensorData::new(values, [batch, channels, size, size]),
                &Device::flex(),
            );
            let classes = config
                .settings
                .cond
                .is_on()
                .then(|| (0..batch as u32).map(|i| i % CLASSES).collect());
            Batch {
                real: config.settings.range().from_unit(real),
                source: None,
                classes,
                latents: None,
            }
        })
        .collect()
}

fn step(trainer: &mut Trainer, config: &RunConfig) {
    let metrics = trainer.step(&batches(trainer, config));
    assert!(
        metrics.get("g_loss").is_finite()
            && metrics.get("d_loss").is_finite()
            && metrics.get("penalty").is_finite(),
        "{metrics:?}"
    );
}

fn bits(trainer: &Trainer) -> Vec<u32> {
    let values = trainer
        .parts()
        .iter()
        .flat_map(|(_, part)| part.parameters())
        .flat_map(|(_, p)| p.to_vec())
        .collect::<Vec<_>>();
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
        let scratch = Scratch::new(&format!("recipes-{i}"));
        let folder = scratch.path("checkpoint");
        let state = serde_json::to_value(first.game.controller).unwrap();
        let meta = Meta {
            version: CHECKPOINT_VERSION,
            step: 2,
            epoch: 0,
            config: config.clone(),
            state,
            files: Default::default(),
        };
        checkpoint::save(&folder, meta, &first.parts()).unwrap();
        let saved = Checkpoint::open(&folder).unwrap();
        assert_eq!(saved.meta.config, config, "{case:?}");
        let (mut second, _) = trainer(case);
        second.load(&saved).unwrap();
        second.game.controller = serde_json::from_value(saved.meta.state).unwrap();
        step(&mut second, &config);
        step(&mut second, &config);
        assert!(bits(&second) == bits(&whole), "{case:?}");
        let moved = untrained.iter().zip(bits(&whole)).filter(|(a, b)| **a != *b).count();
        assert!(
            moved * 2 > untrained.len(),
            "{case:?}: {moved} of {} numbers moved",
            untrained.len()
        );
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
        let real = Tensor::from_data(
            TensorData::new(draw("real", 4 * 3 * 16 * 16), [4, 3, 16, 16]),
            &Device::flex(),
        );
        let latents =
            Tensor::from_data(TensorData::new(draw("latents", 4 * 6), [4, 6]), &Device::flex());
        trainer.step(&[Batch { real, source: None, classes: None, latents: Some(latents) }]);
        let parts = [trainer.network(G) as &dyn Parameters, trainer.network(D)];
        parts
            .iter()
            .flat_map(|part| part.parameters())
            .flat_map(|(_, p)| p.to_vec())
            .collect::<Vec<f32>>()
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
    let weights =
        trainer.network(D).parameters().into_iter().filter(|(_, p)| p.purpose() == Purpose::Weight);
    let values: Vec<f32> = weights.flat_map(|(_, p)| p.to_vec()).collect();
    assert!(values.iter().all(|v| v.abs() <= 0.01));
    assert!(
        values.iter().filter(|v| v.abs() == 0.01).count() * 10 > values.len(),
        "nothing was cut"
    );
}

/// Settings under which a step can be written down: no statistics, no drops, no noise, and weights
/// that move by a tenth of their gradient.
const PLAIN: [&str; 7] = [
    "generator.norm=none",
    "discriminator.norm=none",
    "discriminator.bias=true",
    "discriminator.dropout=0",
    "augment.pipeline=none",
    "optimizer.name=sgd",
    "optimizer.learning_rate=0.1",
];

fn move_along(network: &mut dyn Parameters, gradients: Vec<Tensor<1>>) {
    let weights =
        network.parameters_mut().into_iter().filter(|(_, p)| p.purpose() == Purpose::Weight);
    weights.zip(gradients).for_each(|((_, p), g)| p.set(p.flat() - g * 0.1));
}

fn apart(a: &dyn Parameters, b: &dyn Parameters) -> f32 {
    let values = |n: &dyn Parameters| {
        n.parameters().into_iter().flat_map(|(_, p)| p.to_vec()).collect::<Vec<f32>>()
    };
    values(a).into_iter().zip(values(b)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Which D the generator learns from, on which latents.
#[test]
fn updates_come_in_the_order_that_the_schedule_says() {
    for (order, d_steps, reuse) in [
        ("simultaneous", 1, false),
        ("alternating", 1, false),
        ("alternating", 3, false),
        ("alternating", 2, true),
    ] {
        let more = [
            format!("schedule.order={order}"),
            format!("schedule.discriminator_steps={d_steps}"),
            format!("schedule.reuse_latents={reuse}"),
        ];
        let settings: Vec<&'static str> =
            PLAIN.into_iter().chain(more.map(|s| &*Box::leak(s.into_boxed_str()))).collect();
        let (mut moved, config) =
            trainer(&("gan-ada", 16, 3, Box::leak(settings.into_boxed_slice())));
        let before = moved.clone();
        let batches = batches(&before, &config);
        moved.step(&batches);

        // The same by hand.
        let (recipe, device) = (before.game.recipe(), Device::flex());
        let latents = config.settings.generator.takes().latents().unwrap();
        let (mut g, mut d) =
            (before.game.generator(G).clone(), before.game.discriminator(D).clone());
        let turn = |batch: &Batch, whose, index| {
            Turn::new(batch, config.seed, whose, index, Some(&latents), &device)
        };
        let learn = |g: &mut Generator, d: &Discriminator, turn: &Turn| {
            let made = generate(g, turn, true);
            g.adopt(made.moved);
            recipe.generator(d, &made.leaves.unwrap(), turn, made.pictures, &turn.real).gradients
        };
        let unmoved = d.clone();
        for (j, batch) in batches.iter().enumerate() {
            let turn = turn(batch, Whose::Discriminator, j as u64);
            let made = generate(&g, &turn, false);
            g.adopt(made.moved);
            let due = penalty::due(&config.settings.penalty, j as u64);
            let side = recipe.discriminator(&d, &turn, [&turn.real, &made.pictures], &due);
            d.adopt(side.moved);
            move_along(&mut d, side.gradients);
        }
        let last = batches.len() - 1;
        let of_d = order == "simultaneous" || reuse;
        let (whose, index) =
            if of_d { (Whose::Discriminator, last as u64) } else { (Whose::Generator, 0) };
        let seen_by = if order == "simultaneous" { &unmoved } else { &d };
        let gradients = learn(&mut g, seen_by, &turn(&batches[last], whose, index));
        move_along(&mut g, gradients);
        // f32 sums in the same order: all but equal.
        let what = format!("{order}, {d_steps} updates of D, latents taken again: {reuse}");
        assert!(apart(moved.network(D), &d) < 1e-6, "D: {what}");
        assert!(apart(moved.network(G), &g) < 1e-6, "G: {what}");
        assert!(apart(before.network(G), &g) > 1e-4, "nothing moved: {what}");
    }
}

#[test]
fn a_penalty_adds_its_own_gradient_at_its_points_every_so_often_and_so_much_more() {
    let (trainer, config) = trainer(&("wgan-gp", 32, 1, &["penalty.interval=3"]));
    let mut without = config.clone();
    without.settings.penalty.gradient = 0.0;
    let latents = config.settings.generator.takes().latents().unwrap();
    let turn = {
        let batch = &batches(&trainer, &config)[0];
        Turn::new(batch, config.seed, Whose::Discriminator, 0, Some(&latents), &Device::flex())
    };
    let fake = generate(trainer.game.generator(G), &turn, false).pictures;
    let side = |config: &RunConfig, update| {
        let recipe = Recipe { config, ..trainer.game.recipe() };
        let due = penalty::due(&config.settings.penalty, update);
        recipe.discriminator(trainer.game.discriminator(D), &turn, [&turn.real, &fake], &due)
    };
    let plain = side(&without, 0);
    // The points that the turn draws.
    let mut stream = turn.stream("penalty points");
    let epsilon = (0..turn.real.dims()[0]).map(|_| stream.uniform() as f32).collect();
    let points = Points {
        x: penalty::between(&turn.real, &fake, epsilon),
        classes: None,
        masks: &Masks::None,
        view: None,
    };
    let critic = trainer.game.discriminator(D);
    let tracked = critic.tracked();
    let alone = penalty::of(Kind::Gradient(30.0), critic, &tracked, &points);
    let alone_gradients = flat_gradients(&tracked, &alone.tangent.backward());
    for update in 0..4 {
        let found = side(&config, update);
        let due = if update % 3 == 0 { 1.0 } else { 0.0 };
        assert!(
            (found.penalty() - due * alone.value()).abs() < 1e-6 * alone.value(),
            "{update}: {}",
            found.penalty()
        );
        assert!(
            (found.loss() - plain.loss() - due * alone.value()).abs() < 1e-5 * alone.value(),
            "{update}: {}",
            found.loss()
        );
        for ((found, plain), alone) in
            found.gradients.into_iter().zip(&plain.gradients).zip(&alone_gradients)
        {
            let expected = plain.clone() + alone.clone() * due;
            let scale: f32 = expected.clone().abs().max().into_scalar();
            let off: f32 = (found - expected).abs().max().into_scalar();
            // One backward pass sums what two gave apart.
            assert!(off <= 1e-5 * scale, "{update}: {off} of {scale}");
        }
    }
}
