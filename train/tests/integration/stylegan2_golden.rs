//! StyleGAN2's networks, the phases of its training and sixteen steps against the original
//! stylegan2-ada-pytorch in f64, on the numbers of `tools/golden_stylegan2.py`.

use crate::util;

use burn::tensor::{Device, Tensor, TensorData};
use shared::nn::config::{DataConfig, RunConfig, Settings};
use shared::nn::layers::{Classes, Masks, Mode, Noise, Pass};
use shared::nn::networks::{Discriminator, Generator};
use shared::nn::parameter::{Parameter, Parameters, Purpose};
use shared::testing::relative_difference;
use train::step::gradient::{flat_gradients, generate};
use train::step::path_length::{self, PathMean};
use train::step::penalty::Kind;
use train::step::trainer::Trainer;
use train::step::turn::{Batch, Turn, Whose};
use util::network::{assert_gradients, tensor, values, zero};
use util::{Golden, committed, golden};

/// The original in f32 lies within 6e-6 of itself in f64 (metadata `noise_floor_max`).
const VALUES: f64 = 2e-5;
/// Within 2.3e-5, which is the factor of the last noise.
const GRADIENTS: f64 = 1e-4;
/// Of a network's largest gradient: what may be left of one that is zero in theory.
const ZERO: f64 = 1e-5;
const SIZE: usize = 16;

/// The settings of the script's networks, with `more`.
fn settings(more: &[&str]) -> Settings {
    let common = [
        "generator.latent=12",
        "generator.styles=20",
        "generator.mapping_layers=3",
        "generator.channel_base=256",
        "generator.channel_max=24",
        "generator.clamp=2",
        "discriminator.channel_base=256",
        "discriminator.channel_max=24",
        "discriminator.clamp=2",
        "augment.pipeline=none",
    ];
    let flags: Vec<String> = common.iter().chain(more).map(|flag| (*flag).to_owned()).collect();
    Settings::resolve("stylegan2-config-f", None, &flags).expect("settings")
}

/// Gives every parameter the file's value.
fn load(network: &mut dyn Parameters, file: &Golden, prefix: &str) {
    for (name, parameter) in network.parameters_mut() {
        let key = format!("{prefix}.{name}");
        let (shape, values) = file.get(&key).unwrap_or_else(|| panic!("{key} is not in the file"));
        assert_eq!(parameter.shape(), shape, "{key}");
        let values: Vec<f32> = values.iter().map(|v| *v as f32).collect();
        let value = TensorData::new(values, [parameter.count()]);
        parameter.set(Tensor::from_data(value, &Device::flex()));
    }
}

fn stored<const D: usize>(file: &Golden, key: &str) -> Tensor<D> {
    let (shape, values) = file.get(key).unwrap_or_else(|| panic!("{key} is not in the file"));
    let values = values.iter().map(|v| *v as f32).collect();
    tensor(values, shape.clone().try_into().expect(key), &Device::flex())
}

fn assert_values<const D: usize>(file: &Golden, key: &str, found: Tensor<D>) {
    let off = relative_difference(values(found), file[key].1.iter().copied());
    assert!(off < VALUES, "{key}: {off:.2e}");
    println!("{key}: {off:.1e}");
}

/// The generator of the file's `name`.
fn generator(file: &Golden, name: &str, more: &[&str], classes: usize) -> Generator {
    let device = Device::flex();
    let mut generator = settings(more).generator(SIZE, 3, classes, 0, &device);
    load(&mut generator, file, &format!("g.{name}.weight"));
    generator
}

fn classes(file: &Golden, key: &str) -> Classes {
    let classes: Vec<u32> = file[key].1.iter().map(|class| *class as u32).collect();
    Classes::new(&classes, &Device::flex())
}

/// The gradients of (pictures · probe) by every weight of a generator, and by z.
fn assert_generator_gradients(
    file: &Golden,
    name: &str,
    network: &Generator,
    classes: Option<&Classes>,
    zero: &[String],
) {
    let tracked = network.tracked();
    let mut masks = Masks::None;
    let mut pass = Pass::new(Mode::Infer, classes, &mut masks);
    let z = stored::<2>(file, &format!("g.{name}.z")).autodiff().require_grad();
    let pictures = tracked.forward(z.clone(), &mut pass);
    let grads = (pictures * stored::<4>(file, &format!("g.{name}.probe"))).sum().backward();
    let prefix = format!("g.{name}.grad");
    let found = flat_gradients(&tracked, &grads);
    let [worst, _] = assert_gradients(network, found, file, &prefix, zero, [GRADIENTS, ZERO]);
    let off = relative_difference(
        values(z.grad(&grads).expect("of z")),
        file[&format!("g.{name}.grad_z")].1.iter().copied(),
    );
    assert!(off < GRADIENTS, "{name}: z: {off:.2e}");
    println!("g.{name}: worst gradient {worst:.1e}, of z {off:.1e}");
}

#[test]
fn generators_of_all_architectures_equal_the_original() {
    let (file, metadata) = golden(&committed("stylegan2/networks.safetensors"));
    let zero = zero(&metadata);
    for name in ["skip", "resnet", "orig"] {
        let architecture = format!("generator.architecture={name}");
        let network = generator(&file, name, &[&architecture], 0);
        let key = |of: &str| format!("g.{name}.{of}");
        let z = stored::<2>(&file, &key("z"));
        let mut masks = Masks::None;
        let mut pass = Pass::new(Mode::Infer, None, &mut masks);
        let ws = network.styles(z.clone(), &mut pass).expect("styles");
        assert_values(&file, &key("ws"), ws.clone());
        assert_values(&file, &key("const"), network.forward(z, &mut pass));
        let pictures = |ws: Tensor<3>, noise: Noise| {
            let mut masks = Masks::None;
            let mut pass = Pass::new(Mode::Infer, None, &mut masks);
            pass.noise = noise;
            network.forward(ws, &mut pass)
        };
        assert_values(&file, &key("none"), pictures(ws.clone(), Noise::Off));
        let maps = (0..5).map(|i| stored::<4>(&file, &key(&format!("noise.{i}")))).collect();
        assert_values(&file, &key("random"), pictures(ws.clone(), Noise::Given(maps)));
        let stylegan2 = network.stylegan2().expect("the family");
        let truncated = |cutoff| stylegan2.truncated(ws.clone(), 0.7, cutoff);
        assert_values(&file, &key("psi"), pictures(truncated(None), Noise::Constant));
        assert_values(&file, &key("psi_cutoff"), pictures(truncated(Some(3)), Noise::Constant));
        // Layers 3 to 5 from the picture before.
        let before = Tensor::cat(vec![ws.clone().narrow(0, 3, 1), ws.clone().narrow(0, 0, 3)], 0);
        let mixed = Tensor::cat(vec![ws.narrow(1, 0, 3), before.narrow(1, 3, 3)], 1);
        assert_values(&file, &key("mixed"), pictures(mixed, Noise::Constant));
        assert_generator_gradients(&file, name, &network, None, &zero);
    }
    let unclamped = settings(&["generator.clamp=0"]);
    let mut network = unclamped.generator(SIZE, 3, 0, 0, &Device::flex());
    load(&mut network, &file, "g.skip.weight");
    let mut masks = Masks::None;
    let mut pass = Pass::new(Mode::Infer, None, &mut masks);
    let pictures = network.forward(stored::<2>(&file, "g.skip.z"), &mut pass);
    assert_values(&file, "g.clampless.const", pictures);
}

#[test]
fn a_generator_with_classes_equals_the_original() {
    let (file, metadata) = golden(&committed("stylegan2/networks.safetensors"));
    let network = generator(&file, "labels", &["cond=embedding+projection"], 5);
    let classes = classes(&file, "g.labels.classes");
    let mut masks = Masks::None;
    let mut pass = Pass::new(Mode::Infer, Some(&classes), &mut masks);
    let z = stored::<2>(&file, "g.labels.z");
    let ws = network.styles(z.clone(), &mut pass).expect("styles");
    assert_values(&file, "g.labels.ws", ws);
    assert_values(&file, "g.labels.const", network.forward(z, &mut pass));
    assert_generator_gradients(&file, "labels", &network, Some(&classes), &zero(&metadata));
}

/// A discriminator with the file's weights of `name`.
fn discriminator(file: &Golden, name: &str, more: &[&str], classes: usize) -> Discriminator {
    let mut network = settings(more).discriminator(SIZE, 3, classes, 0, &Device::flex());
    load(&mut network, file, &format!("d.{name}.weight"));
    network
}

fn logits(network: &Discriminator, x: Tensor<4>, classes: Option<&Classes>) -> Tensor<2> {
    let mut masks = Masks::None;
    network.forward(x, &mut Pass::new(Mode::Train, classes, &mut masks)).logits
}

#[test]
fn discriminators_of_all_architectures_equal_the_original() {
    let (file, metadata) = golden(&committed("stylegan2/networks.safetensors"));
    let zero = zero(&metadata);
    for (name, flag, count) in [
        ("resnet", "discriminator.architecture=resnet", 0),
        ("skip", "discriminator.architecture=skip", 0),
        ("orig", "discriminator.architecture=orig", 0),
        ("labels", "cond=embedding+projection", 5),
    ] {
        let network = discriminator(&file, name, &[flag], count);
        let classes = (count > 0).then(|| classes(&file, "d.labels.classes"));
        let tracked = network.tracked();
        let x = stored::<4>(&file, &format!("d.{name}.x")).autodiff().require_grad();
        let y = logits(&tracked, x.clone(), classes.as_ref());
        assert_values(&file, &format!("d.{name}.logits"), y.clone().inner());
        let grads = (y * stored::<2>(&file, &format!("d.{name}.probe"))).sum().backward();
        let found = flat_gradients(&tracked, &grads);
        let prefix = format!("d.{name}.grad");
        let [worst, _] =
            assert_gradients(&network, found, &file, &prefix, &zero, [GRADIENTS, ZERO]);
        let of_x = values(x.grad(&grads).expect("of x"));
        let off = relative_difference(of_x, file[&format!("d.{name}.grad_x")].1.iter().copied());
        assert!(off < GRADIENTS, "{name}: x: {off:.2e}");
        println!("d.{name}: worst gradient {worst:.1e}, of x {off:.1e}");
    }
    let x = || stored::<4>(&file, "d.resnet.x");
    let pairs = discriminator(&file, "resnet", &["discriminator.minibatch_stddev=2"], 0);
    assert_values(&file, "d.group2.logits", logits(&pairs, x(), None));
    let unclamped = discriminator(&file, "resnet", &["discriminator.clamp=0"], 0);
    assert_values(&file, "d.clampless.logits", logits(&unclamped, x(), None));
}

/// A run of the script's networks with their weights under `prefix`.
fn trainer(file: &Golden, more: &[&str], prefix: [&str; 2]) -> Trainer {
    let config =
        RunConfig::new("stylegan2-config-f", settings(more), 0, DataConfig::of_extent(SIZE, 3));
    let mut trainer = Trainer::new(&config, u64::MAX, &Device::flex());
    for (player, prefix) in trainer.game.players.iter_mut().zip(prefix) {
        load(&mut player.network, file, prefix);
        player.average.iter_mut().for_each(|average| load(average, file, prefix));
    }
    trainer
}

fn assert_loss(file: &Golden, key: &str, found: f64) {
    let off = relative_difference([found as f32], file[key].1.iter().copied());
    assert!(off < VALUES, "{key}: {off:.2e}");
}

#[test]
fn the_gradients_of_every_phase_equal_the_original() {
    let (file, metadata) = golden(&committed("stylegan2/phases.safetensors"));
    let zero = zero(&metadata);
    let flags = ["penalty.r1=0.7", "schedule.batch=8", "discriminator.minibatch_stddev=4"];
    let trainer = trainer(&file, &flags, ["g.weight", "d.weight"]);
    let (game, recipe) = (&trainer.game, trainer.game.recipe());
    let (g, d) = (game.generator("generator"), game.discriminator("discriminator"));
    let settings = &game.config.settings;
    let real = stored::<4>(&file, "real");
    let batch = Batch { real: real.clone(), source: None, classes: None, latents: None };
    let latents = settings.generator.takes().latents().expect("latents");
    let turn = |whose| Turn::new(&batch, 0, whose, 0, Some(&latents), &Device::flex());
    let check = |phase: &str, network: &dyn Parameters, gradients: Vec<Tensor<1>>| {
        let bounds = [GRADIENTS, ZERO];
        let [worst, zeros] = assert_gradients(network, gradients, &file, phase, &zero, bounds);
        println!("{phase}: worst gradient {worst:.1e}, of those that are zero {zeros:.1e}");
    };
    let moved = |phase: &str, moved| {
        let mut network = g.clone();
        network.adopt(moved);
        let found = network.stylegan2().and_then(|g| g.mapping.average.clone()).expect("average");
        assert_values(&file, &format!("{phase}.w_avg"), found.flat());
    };

    let of_g = turn(Whose::Generator);
    let made = generate(g, &of_g, true);
    let side =
        recipe.generator(d, made.leaves.as_ref().expect("leaves"), &of_g, made.pictures, &real);
    assert_loss(&file, "gmain.loss", side.loss());
    check("gmain.grad.g", g, side.gradients);
    moved("gmain", made.moved);

    let mut mean = PathMean::new(&Device::flex());
    mean.set(Tensor::from_floats([0.3], &Device::flex()));
    let of_path = turn(Whose::GeneratorPenalty).half();
    let side = path_length::penalty(g, &of_path, &mean.value(), 2.0 * 4.0);
    assert_values(&file, "gpl.mean", side.mean);
    assert_loss(&file, "gpl.loss", f64::from((side.penalties / 4.0).mean().into_scalar::<f32>()));
    check("gpl.grad.g", g, side.gradients);
    moved("gpl", side.moved);

    let of_d = turn(Whose::Discriminator);
    let made = generate(g, &of_d, false);
    let side = recipe.discriminator(d, &of_d, [&real, &made.pictures], &[]);
    assert_loss(&file, "dmain.loss", side.loss());
    check("dmain.grad.d", d, side.gradients);
    moved("dmain", made.moved);

    let kind = Kind::Square(0.7 * 16.0);
    let (gradients, found) = recipe.penalty(d, &turn(Whose::DiscriminatorPenalty), kind);
    assert_loss(&file, "dr1.loss", found.value() / 16.0);
    check("dr1.grad.d", d, gradients);
}

/// The largest difference of a tensor from the original's, relative to how far the steps moved it.
fn off(found: &Parameter, start: &[f64], end: &[f64]) -> f64 {
    let found: Vec<f64> = found.to_vec().into_iter().map(f64::from).collect();
    assert!(found.iter().all(|v| v.is_finite()) && found.len() == end.len());
    let most = |list: &mut dyn Iterator<Item = f64>| list.fold(0.0f64, |most, v| most.max(v.abs()));
    let moved = most(&mut start.iter().zip(end).map(|(a, b)| a - b));
    let off = most(&mut found.iter().zip(end).map(|(a, b)| a - b));
    if off == 0.0 { 0.0 } else { off / moved }
}

#[test]
fn sixteen_steps_equal_the_original() {
    let (file, _) = golden(&committed("stylegan2/cycle.safetensors"));
    let flags = [
        "generator.clamp=0",
        "discriminator.clamp=0",
        "penalty.r1=0.7",
        "optimizer.learning_rate=0.0025",
        "schedule.batch=4",
        "schedule.ema_half_life_kimg=0.5",
    ];
    let mut trainer = trainer(&file, &flags, ["g.start", "d.start"]);
    for i in 0..16 {
        let real = stored::<4>(&file, &format!("real.{i}"));
        let measured = trainer.step(&[Batch { real, source: None, classes: None, latents: None }]);
        assert!(measured.get("g_loss").is_finite() && measured.get("path_penalty").is_finite());
    }
    let game = &trainer.game;
    let networks: [(&str, &str, &dyn Parameters); 3] = [
        ("g.start", "g.end", &game.player("generator").network),
        ("d.start", "d.end", &game.player("discriminator").network),
        ("g.start", "ema.end", game.player("generator").shown()),
    ];
    for (start, end, network) in networks {
        let mut worst = (0.0f64, String::new());
        for (name, parameter) in network.parameters() {
            if parameter.purpose() == Purpose::Buffer && !name.ends_with("w_avg") {
                continue;
            }
            let at = |prefix: &str| file[&format!("{prefix}.{name}")].1.as_slice();
            let off = off(parameter, at(start), at(end));
            // The mapping's weights are around 100, where f32 is as coarse as a hundredth of a
            // step, and a tenth of what the average moves: the original in f32 is that far off.
            let bound = if end == "ema.end" && name.starts_with("mapping.fc") { 0.2 } else { 1e-2 };
            assert!(off < bound, "{end}.{name}: {off:.2e}");
            worst = if off > worst.0 { (off, name) } else { worst };
        }
        println!("{end}: worst {:.1e} ({})", worst.0, worst.1);
    }
    let (_, mean) =
        trainer.parts().into_iter().find(|(name, _)| *name == "path_length").expect("mean");
    let mean = mean.parameters()[0].1.to_vec();
    let off = relative_difference(mean, file["pl_mean"].1.iter().copied());
    assert!(off < 1e-3, "pl_mean: {off:.2e}");
}
