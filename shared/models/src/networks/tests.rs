//! Tangents of generators against burn's own derivative: ⟨u, J·t⟩ = ⟨Jᵀ·u, t⟩ for any u and t, and
//! the right side is an ordinary backward pass.

use burn::tensor::{Device, Tensor, TensorData};
use fledge_base::rng;
use fledge_base::testing::relative_difference;

use super::*;
use crate::config::Settings;
use crate::dual::Dual;
use crate::layers::{Classes, Masks, Mode, Pass};

const BATCH: usize = 3;
const SIZE: usize = 16;
const LATENT: usize = 5;

/// Generators that together cover every layer.
const CASES: &[&[&str]] = &[
    &[],
    &["generator.norm=none", "generator.bias=true", "generator.output=tanh"],
    &[
        "generator.stem_norm=channels",
        "generator.activation=silu",
        "generator.upsample=bilinear",
        "batch_norm.scale=true",
    ],
    &[
        "generator.block=residual",
        "generator.multipliers=[3,2]",
        "generator.upsample=nearest",
        "generator.attention=8",
    ],
    &["cond=batch-norm+projection", "generator.activation=tanh", "generator.spectral_norm=true"],
    &["cond=embedding+projection", "generator.dropout=0.3", "generator.activation=leaky-relu"],
];

fn drawn<const D: usize>(name: &str, shape: [usize; D], device: &Device) -> Tensor<D> {
    let values = rng::stream(3, name, 0).normals(shape.iter().product());
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn number(x: Tensor<1>) -> f64 {
    f64::from(x.into_scalar::<f32>())
}

/// ⟨u, J·t⟩ by the tangent, and ⟨Jᵀ·u, t⟩ by a backward pass; both passes give the same value.
fn both_ways(generator: &Generator, mode: Mode, device: &Device) -> [f64; 2] {
    let classes = Classes::new(&[1, 0, 1], device);
    let masks = || Masks::Batch(Box::new(rng::stream(5, "masks", 0)));
    let (z, t) = (drawn("z", [BATCH, LATENT], device), drawn("t", [BATCH, LATENT], device));
    let u = drawn("u", [BATCH, 3, SIZE, SIZE], device);

    let mut same = masks();
    let mut pass = Pass::new(mode, Some(&classes), &mut same);
    let (value, tangent) =
        generator.dual(Input::Latent(Dual::along(z.clone(), t.clone())), &mut pass).parts();
    let forward = number((tangent.expect("a tangent") * u.clone()).sum());

    let mut same = masks();
    let leaf = z.autodiff().require_grad();
    let plain = generator.forward(leaf.clone(), &mut Pass::new(mode, Some(&classes), &mut same));
    let pixels = |x: Tensor<4>| x.into_data().iter::<f32>().collect::<Vec<_>>();
    let apart = relative_difference(pixels(value), pixels(plain.clone().inner()));
    // The same operations except those that are fused when there is no tangent.
    assert!(apart < 1e-5, "{apart}");
    let gradient = leaf.grad(&(plain * u.autodiff()).sum().backward()).expect("a gradient");
    [forward, number((gradient * t).sum())]
}

#[test]
fn a_generators_tangent_is_the_transpose_of_its_backward_pass() {
    let device = Device::flex();
    for case in CASES {
        let more = ["generator.width=6".to_owned(), format!("generator.latent={LATENT}")];
        let flags: Vec<String> = case.iter().map(|flag| (*flag).to_owned()).chain(more).collect();
        let settings = Settings::resolve("gan-ada", None, &flags).expect("settings");
        let generator = settings.generator(SIZE, 3, 2, 1, &device);
        for mode in [Mode::Train, Mode::Infer] {
            let [forward, backward] = both_ways(&generator, mode, &device);
            let apart = (forward - backward).abs() / backward.abs();
            // f32 sums of 2304 products.
            assert!(apart < 1e-4 && forward != 0.0, "{case:?}, {mode:?}: {forward} {backward}");
        }
    }
}

/// Translators and judges of patches that together cover every layer, for pictures of 16×16.
const TRANSLATORS: &[(&str, &[&str])] = &[
    ("pix2pix", &["generator.norm=none"]),
    ("pix2pix", &["generator.norm=instance-affine", "discriminator.norm=instance-affine"]),
    ("pix2pix", &["discriminator.layers=0"]),
    ("pix2pix", &[]),
    ("cyclegan", &["generator.blocks=1"]),
    ("cyclegan", &["generator.blocks=1", "generator.norm=batch", "generator.dropout=0.3"]),
    ("cut", &["generator.blocks=5", "discriminator.norm=none"]),
];

/// ⟨u, J·t⟩ by the tangent of `forward`, and ⟨Jᵀ·u, t⟩ by its backward pass.
fn of_pictures<const D: usize>(
    channels: usize,
    forward: impl Fn(Dual<4>) -> Dual<D>,
    device: &Device,
) -> [f64; 2] {
    let shape = [2, channels, SIZE, SIZE];
    let (x, t) = (drawn("x", shape, device), drawn("t", shape, device));
    let (value, tangent) = forward(Dual::along(x.clone(), t.clone())).parts();
    let u = drawn("u", value.dims(), device);
    let along = number((tangent.expect("a tangent") * u.clone()).sum());
    let leaf = x.autodiff().require_grad();
    let plain = forward(leaf.clone().into()).value();
    let numbers = |x: Tensor<D>| x.into_data().iter::<f32>().collect::<Vec<_>>();
    let apart = relative_difference(numbers(value), numbers(plain.clone().inner()));
    assert!(apart < 1e-5, "{apart}");
    let gradient = leaf.grad(&(plain * u.autodiff()).sum().backward()).expect("a gradient");
    [along, number((gradient * t).sum())]
}

#[test]
fn the_tangents_of_translators_and_judges_are_the_transposes_of_their_backward_passes() {
    let device = Device::flex();
    for (preset, case) in TRANSLATORS {
        let more = ["generator.width=4", "discriminator.width=4"];
        let mut flags: Vec<String> = more.iter().chain(*case).map(|f| (*f).to_owned()).collect();
        if !case.iter().any(|flag| flag.starts_with("discriminator.layers")) {
            flags.push("discriminator.layers=2".into());
        }
        let settings = Settings::resolve_for(preset, Some(SIZE), None, &flags).expect("settings");
        let generator = settings.generator(SIZE, 3, 0, 1, &device);
        let discriminator = settings.discriminator(SIZE, 3, 0, 1, &device);
        let channels = if settings.discriminator.judges_pairs() { 6 } else { 3 };
        for mode in [Mode::Train, Mode::Infer] {
            let masks = || Masks::Batch(Box::new(rng::stream(5, "masks", 0)));
            let translate = |x: Dual<4>| {
                let mut masks = masks();
                generator.dual(Input::Picture(x), &mut Pass::new(mode, None, &mut masks))
            };
            let judge = |x: Dual<4>| {
                let (mut masks, (x, t)) = (masks(), x.parts());
                let mut pass = Pass::new(mode, None, &mut masks);
                match t {
                    None => discriminator.forward(x, &mut pass).logits.into(),
                    Some(t) => {
                        let Judgement { logits, tangent, .. } =
                            discriminator.tangent(x, t, &mut pass);
                        Dual::along(logits, tangent.expect("a tangent"))
                    }
                }
            };
            for [forward, backward] in
                [of_pictures(3, translate, &device), of_pictures(channels, judge, &device)]
            {
                let apart = (forward - backward).abs() / backward.abs();
                assert!(
                    apart < 1e-3 && forward != 0.0,
                    "{preset} {case:?}, {mode:?}: {forward} {backward}"
                );
            }
        }
    }
}

#[test]
fn a_pass_in_training_leaves_the_network_as_it_is_and_a_second_one_goes_on_from_the_first() {
    use crate::parameter::Parameters;
    let device = Device::flex();
    let settings =
        Settings::resolve("gan-ada", None, &["discriminator.width=4".into()]).expect("settings");
    let mut discriminator = settings.discriminator(SIZE, 3, 0, 1, &device);
    let statistics = |d: &Discriminator| -> Vec<f32> {
        d.parameters()
            .into_iter()
            .filter(|(name, _)| name.ends_with("mean"))
            .flat_map(|(_, p)| p.to_vec())
            .collect()
    };
    let drawn_first = statistics(&discriminator);
    let x = |name: &str| drawn(name, [BATCH, 3, SIZE, SIZE], &device);
    // One pass per batch, statistics adopted in between.
    let mut one = discriminator.clone();
    for name in ["first", "second"] {
        let mut masks = Masks::None;
        let mut pass = Pass::new(Mode::Train, None, &mut masks);
        let _ = one.forward(x(name), &mut pass);
        let moved = pass.moved;
        one.adopt(moved);
    }
    // Both batches in one pass, statistics adopted at its end.
    let mut masks = Masks::None;
    let mut pass = Pass::new(Mode::Train, None, &mut masks);
    let _ = (
        discriminator.forward(x("first"), &mut pass),
        discriminator.forward(x("second"), &mut pass),
    );
    let moved = pass.moved;
    assert_eq!(statistics(&discriminator), drawn_first);
    discriminator.adopt(moved);
    assert_eq!(statistics(&discriminator), statistics(&one));
    assert_ne!(statistics(&discriminator), drawn_first);
}
