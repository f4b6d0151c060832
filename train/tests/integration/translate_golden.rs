//! The networks and one step of pix2pix, CycleGAN, CUT and FastCUT against their original code in f64,
//! on the numbers of `tools/golden_translate.py`.

use crate::util;

use burn::tensor::{Device, Tensor, TensorData};
use shared::nn::config::{DataConfig, RateConfig, RateSchedule, RunConfig, Settings};
use shared::nn::layers::{Masks, Mode, Pass};
use shared::nn::parameter::{Parameters, Purpose};
use shared::nn::run::Which;
use shared::nn::sampler::Sampler;
use shared::testing::relative_difference;
use train::step::gradient::flat_gradients;
use train::step::measured::Measured;
use train::step::pool::Pool;
use train::step::rate;
use train::step::trainer::Trainer;
use train::step::turn::Batch;
use util::network::{assert_gradients, tensor, values, zero};
use util::{Golden, committed, golden};

/// f32 against f64.
const VALUES: f64 = 2e-5;
const GRADIENTS: f64 = 1e-4;
/// Of a network's largest gradient: what may be left of one that is zero in theory.
const ZERO: f64 = 1e-5;

fn settings(preset: &str, size: usize, flags: &[&str]) -> Settings {
    let width = if preset == "pix2pix" { "generator.width=2" } else { "generator.width=4" };
    let widths = [width, "discriminator.width=4"];
    let flags: Vec<String> = widths.iter().chain(flags).map(|flag| (*flag).to_owned()).collect();
    Settings::resolve_for(preset, Some(size), None, &flags).expect("settings")
}

/// Gives every weight the file's value.
fn load(network: &mut dyn Parameters, file: &Golden, prefix: &str) {
    let stored = file.keys().filter(|key| key.starts_with(&format!("{prefix}."))).count();
    let mut found = 0;
    for (name, parameter) in network.parameters_mut() {
        if parameter.purpose() != Purpose::Weight {
            continue;
        }
        let key = format!("{prefix}.{name}");
        let (shape, values) = file.get(&key).unwrap_or_else(|| panic!("{key} is not in the file"));
        assert_eq!(parameter.shape(), shape, "{key}");
        let values: Vec<f32> = values.iter().map(|v| *v as f32).collect();
        let value = TensorData::new(values, [parameter.count()]);
        parameter.set(Tensor::from_data(value, &Device::flex()));
        found += 1;
    }
    assert_eq!(found, stored, "{prefix}: as many weights as the file has");
}

fn stored<const D: usize>(file: &Golden, key: &str) -> Tensor<D> {
    let (shape, values) = file.get(key).unwrap_or_else(|| panic!("{key} is not in the file"));
    let values = values.iter().map(|v| *v as f32).collect();
    tensor(values, shape.clone().try_into().expect(key), &Device::flex())
}

fn assert_values<const D: usize>(file: &Golden, key: &str, found: Tensor<D>, tolerance: f64) {
    assert_eq!(found.dims().to_vec(), file[key].0, "{key}");
    let off = relative_difference(values(found), file[key].1.iter().copied());
    println!("{key}: {off:.1e}");
    assert!(off < tolerance, "{key}: {off:.2e}");
}

/// Compares what `forward` makes of the file's input, and all gradients of its product with the probe.
fn assert_network<N: Parameters + Clone, const D: usize>(
    file: &Golden,
    zero: &[String],
    name: &str,
    mut network: N,
    forward: impl Fn(&N, Tensor<4>) -> Tensor<D>,
) -> N {
    load(&mut network, file, &format!("{name}.weight"));
    let tracked = network.tracked();
    let x = stored::<4>(file, &format!("{name}.x")).autodiff().require_grad();
    let y = forward(&tracked, x.clone());
    assert_values(file, &format!("{name}.y"), y.clone().inner(), VALUES);
    let probe = stored::<D>(file, &format!("{name}.probe")).autodiff();
    let grads = (y * probe).sum().backward();
    let of_x = x.grad(&grads).expect("of x");
    assert_values(file, &format!("{name}.grad_x"), of_x, GRADIENTS);
    let found = flat_gradients(&tracked, &grads);
    let prefix = format!("{name}.grad");
    let bounds = [GRADIENTS, ZERO];
    let [worst, zeros] = assert_gradients(&network, found, file, &prefix, zero, bounds);
    println!("{name}: worst gradient {worst:.1e}, of those that are zero {zeros:.1e}");
    network
}

#[test]
fn translators_equal_the_original() {
    let (file, metadata) = golden(&committed("translate/networks.safetensors"));
    let zero = zero(&metadata);
    for (name, preset, size, flags, layers) in [
        ("unet", "pix2pix", 64, &["generator.dropout=0"][..], &[][..]),
        ("unet.instance", "pix2pix", 64, &["generator.dropout=0", "generator.norm=instance"], &[]),
        ("resnet", "cyclegan", 32, &["generator.blocks=5"], &[0, 2, 4, 8, 12]),
        ("resnet.antialias", "cut", 32, &["generator.blocks=5"], &[0, 4, 8, 11, 12, 16]),
    ] {
        let network = settings(preset, size, flags).generator(size, 3, 0, 0, &Device::flex());
        let network = assert_network(&file, &zero, name, network, |network, x| {
            let mut masks = Masks::None;
            network.forward(x, &mut Pass::new(Mode::Train, None, &mut masks))
        });
        let Some(encoder) = network.resnet_translator() else { continue };
        let mut masks = Masks::None;
        let mut pass = Pass::new(Mode::Train, None, &mut masks);
        let x = stored::<4>(&file, &format!("{name}.x"));
        for (layer, feature) in layers.iter().zip(encoder.features(x, layers, &mut pass)) {
            assert_values(&file, &format!("{name}.feature.{layer}"), feature, VALUES);
        }
    }
}

#[test]
fn generators_of_the_originals_files_are_the_originals() {
    let (file, _) = golden(&committed("translate/networks.safetensors"));
    for (name, size) in
        [("unet", 64), ("unet.instance", 64), ("resnet", 256), ("resnet.antialias", 256)]
    {
        let path = committed(&format!("translate/{name}.pth"));
        let device = Device::flex();
        let (sampler, meta) = Sampler::open(&path, Which::Latest, &device).expect(name);
        assert_eq!((meta.config.data.size, meta.config.data.channels), (size, 3), "{name}");
        let mut compared = 0;
        for (weight, parameter) in sampler.generator().parameters() {
            if parameter.purpose() != Purpose::Weight {
                continue;
            }
            let (shape, expected) = &file[&format!("{name}.weight.{weight}")];
            assert_eq!(parameter.shape(), shape, "{name}.{weight}");
            let found: Vec<f32> = values(parameter.flat());
            assert!(found.iter().zip(expected).all(|(f, e)| *f == *e as f32), "{name}.{weight}");
            compared += 1;
        }
        assert!(compared > 10, "{name}");
        // And what it makes of a picture.
        let mut masks = Masks::None;
        let mut pass = Pass::new(Mode::Train, None, &mut masks);
        let x = stored::<4>(&file, &format!("{name}.x"));
        let y = sampler.generator().forward(x, &mut pass);
        assert_values(&file, &format!("{name}.y"), y, VALUES);
    }
}

#[test]
fn judges_of_patches_equal_the_original() {
    let (file, metadata) = golden(&committed("translate/networks.safetensors"));
    let zero = zero(&metadata);
    for (name, preset, size, flags) in [
        ("patchgan", "pix2pix", 64, &[][..]),
        ("patchgan.instance", "cyclegan", 64, &[]),
        ("patchgan.antialias", "cut", 64, &[]),
        ("patchgan.pixel", "pix2pix", 16, &["discriminator.layers=0"]),
    ] {
        let network = settings(preset, size, flags).discriminator(size, 3, 0, 0, &Device::flex());
        assert_network(&file, &zero, name, network, |network, x| {
            let mut masks = Masks::None;
            network.forward(x, &mut Pass::new(Mode::Train, None, &mut masks)).logits
        });
    }
}

/// One step of `name` from the file's weights on the file's pictures. Compares the gradients of all
/// networks, which are in the optimizers' first moments.
fn step(name: &str, preset: &str, size: usize, flags: &[&str]) -> (Golden, Measured) {
    let (file, metadata) = golden(&committed(&format!("translate/{name}.safetensors")));
    let zero = zero(&metadata);
    let more = ["schedule.batch=2"];
    let flags: Vec<&str> = flags.iter().chain(&more).copied().collect();
    let settings = settings(preset, size, &flags);
    let kept = 1.0 - settings.optimizer.generator.beta_1;
    let config = RunConfig::new(preset, settings, 0, DataConfig::of_extent(size, 3));
    let mut trainer = Trainer::new(&config, 1000, &Device::flex());
    for player in &mut trainer.game.players {
        load(&mut player.network, &file, &format!("{}.weight", player.role.name));
    }
    let (source, real) = (Some(stored::<4>(&file, "a")), stored::<4>(&file, "b"));
    let measured = trainer.step(&[Batch { real, source, classes: None, latents: None }]);
    for player in &trainer.game.players {
        let parts = trainer.parts();
        let (_, moments) =
            parts.iter().find(|(part, _)| *part == player.role.optimizer).expect("moments");
        let moments = moments.parameters().into_iter();
        let first = moments.filter(|(weight, _)| weight.starts_with("first."));
        let gradients = first.map(|(_, moment)| moment.flat() / kept).collect();
        let prefix = format!("{}.grad", player.role.name);
        let bounds = [GRADIENTS, ZERO];
        let [worst, zeros] =
            assert_gradients(&player.network, gradients, &file, &prefix, &zero, bounds);
        let role = player.role.name;
        println!("{name}, {role}: worst gradient {worst:.1e}, of those that are zero {zeros:.1e}");
    }
    (file, measured)
}

/// Compares measurements with losses of the file, each the sum of some, with a factor.
fn assert_losses(file: &Golden, measured: &Measured, losses: &[(&str, &[(&str, f64)])]) {
    for (key, parts) in losses {
        let expected: f64 =
            parts.iter().map(|(part, factor)| file[&format!("loss.{part}")].1[0] * factor).sum();
        let off = (measured.get(key) - expected).abs() / expected.abs();
        assert!(off < VALUES, "{key}: {} {expected}", measured.get(key));
    }
}

#[test]
fn a_step_of_pix2pix_equals_the_original() {
    let (file, measured) = step("pix2pix", "pix2pix", 64, &[]);
    let losses: [(&str, &[(&str, f64)]); 4] = [
        ("g_loss", &[("g", 1.0)]),
        ("d_loss", &[("d", 1.0)]),
        ("gan", &[("gan", 1.0)]),
        ("l1", &[("l1", 0.01)]),
    ];
    assert_losses(&file, &measured, &losses);
}

#[test]
fn a_step_of_cyclegan_equals_the_original() {
    let flags = ["generator.blocks=2", "translate.cycle_b=7"];
    let (file, measured) = step("cyclegan", "cyclegan", 32, &flags);
    let losses: [(&str, &[(&str, f64)]); 7] = [
        ("g_loss", &[("g", 1.0)]),
        ("d_a_loss", &[("d_a", 1.0)]),
        ("d_b_loss", &[("d_b", 1.0)]),
        ("gan_ab", &[("gan_ab", 1.0)]),
        ("gan_ba", &[("gan_ba", 1.0)]),
        ("cycle", &[("cycle_a", 0.1), ("cycle_b", 1.0 / 7.0)]),
        ("identity", &[("identity_a", 0.2), ("identity_b", 1.0 / 3.5)]),
    ];
    assert_losses(&file, &measured, &losses);
}

/// The script's encoder and projector.
const CONTRAST: [&str; 3] =
    ["generator.blocks=5", "translate.nce_width=8", "translate.nce_patches=16"];

#[test]
fn a_step_of_cut_equals_the_original() {
    let (file, measured) = step("cut", "cut", 32, &CONTRAST);
    let losses: [(&str, &[(&str, f64)]); 5] = [
        ("g_loss", &[("g", 1.0)]),
        ("d_loss", &[("d", 1.0)]),
        ("gan", &[("gan", 1.0)]),
        ("nce", &[("nce", 1.0)]),
        ("identity", &[("identity", 1.0)]),
    ];
    assert_losses(&file, &measured, &losses);
}

#[test]
fn a_step_of_fastcut_equals_the_original() {
    let (file, measured) = step("fastcut", "fastcut", 32, &CONTRAST);
    assert_eq!(file["mirrored"].1, [1.0], "a step that mirrors its sources");
    let losses: [(&str, &[(&str, f64)]); 4] = [
        ("g_loss", &[("g", 1.0)]),
        ("d_loss", &[("d", 1.0)]),
        ("gan", &[("gan", 1.0)]),
        ("nce", &[("nce", 0.1)]),
    ];
    assert_losses(&file, &measured, &losses);
}

#[test]
fn pools_exchange_as_the_original_does() {
    let (file, _) = golden(&committed("translate/pool.safetensors"));
    let device = Device::flex();
    for size in [5, 50] {
        let mut pool = Pool::new(size, [1, 2, 2], &device);
        for (i, expected) in file[&format!("given.{size}")].1.iter().enumerate() {
            let new = Tensor::full([1, 1, 2, 2], i as f32, &device);
            let mut stream = shared::rng::stream(0, "pool", i as u64);
            let given = values(pool.query(new, i as u64, &mut stream));
            assert_eq!(f64::from(given[0]), *expected, "pool of {size}, query {i}");
        }
    }
}

#[test]
fn rates_fall_as_the_originals_do() {
    let (file, _) = golden(&committed("translate/pool.safetensors"));
    for (constant, falling) in [(100, 100), (3, 4), (150, 50)] {
        let config = RateConfig {
            schedule: RateSchedule::LinearEpochs,
            start_epoch: constant,
            ..RateConfig::default()
        };
        let last = (constant + falling) * 7;
        for (epoch, expected) in file[&format!("rate.{constant}.{falling}")].1.iter().enumerate() {
            for step in [0, 6] {
                let found = rate::factor(&config, epoch as u64 * 7 + step, last, 7);
                // The file holds f32.
                assert!((found - expected).abs() < 1e-6, "{epoch}: {found} {expected}");
            }
        }
    }
}
