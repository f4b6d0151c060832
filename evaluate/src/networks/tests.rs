//! The networks against the reference libraries with weights of a formula
//! (`tools/golden_networks_features.py`, `tools/golden_ppl.py`).

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use burn::tensor::{Tensor, TensorData};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use shared::metrics::features::Features;
use shared::metrics::lpips::{Backbone, Lpips};
use shared::metrics::mt19937::RandomState;
use shared::metrics::network::Weights;
use shared::metrics::parameters::Parameters;
use shared::metrics::resize::{Filter, Preprocessing, RgbPicture};
use shared::testing::{Scratch, relative_difference};

use super::*;
use crate::metrics::ppl::{Interpolation, Noise, PplSettings, ppl, summary};
use crate::metrics::stylegan_ppl::{self, PathKind};

const GOLDEN: &[u8] = include_bytes!("../../tests/golden/networks.safetensors");

fn golden(name: &str) -> Vec<f64> {
    let file = SafeTensors::deserialize(GOLDEN).expect("golden file");
    let tensor = file.tensor(name).expect(name);
    match tensor.dtype() {
        Dtype::F32 => {
            tensor.data().as_chunks().0.iter().map(|&b| f64::from(f32::from_le_bytes(b))).collect()
        }
        _ => tensor.data().as_chunks().0.iter().map(|&b| f64::from_le_bytes(b)).collect(),
    }
}

/// murmur3's finalizer.
fn hashed(h: u32, i: u32) -> u32 {
    let mut x = i.wrapping_mul(0x9e37_79b1) ^ h;
    x = (x ^ (x >> 16)).wrapping_mul(0x85eb_ca6b);
    x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35);
    x ^ (x >> 16)
}

fn fnv1a(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |h, byte| (h ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

fn uniform(name: &str, count: usize) -> impl Iterator<Item = f64> {
    let h = fnv1a(name);
    (0..count as u32).map(move |i| f64::from(hashed(h, i) >> 8) / f64::from(1 << 24))
}

/// The tensor of a name, equal on both sides.
fn tensor(name: &str, shape: &[usize]) -> Vec<f32> {
    let u = uniform(name, shape.iter().product());
    let limit = (6.0 / shape[1..].iter().product::<usize>() as f64).sqrt();
    if let [_] = shape {
        let small = name.ends_with("bias") || name.ends_with("running_mean");
        return u.map(|u| (if small { (2.0 * u - 1.0) * 0.2 } else { u + 0.5 }) as f32).collect();
    }
    if name.starts_with("lin") {
        return u.map(|u| (u * limit) as f32).collect();
    }
    let limit = if name.starts_with("embeddings.") && shape.len() == 3 { 1.0 } else { limit };
    u.map(|u| ((2.0 * u - 1.0) * limit) as f32).collect()
}

/// Weights of the formula.
struct Formula;

impl Parameters for Formula {
    fn tensor(&mut self, name: &str, shape: &[usize]) -> TensorData {
        TensorData::new(tensor(name, shape), shape.to_vec())
    }
}

fn picture(kind: usize, height: usize, width: usize) -> RgbPicture {
    let level = |i: usize| {
        let (y, x, c) = (i / 3 / width, i / 3 % width, i % 3);
        ((y * 5 + x * 3 * (c + 1) + kind * 40) / 2 % 192) as u8
            + (hashed(kind as u32, i as u32) >> 26) as u8
    };
    RgbPicture { width, height, pixels: (0..height * width * 3).map(level).collect() }
}

fn pictures() -> [RgbPicture; 2] {
    [picture(1, 32, 32), picture(2, 70, 51)]
}

/// Prepared for this network in the convention of torch-fidelity.
fn prepared(name: &str) -> Preprocessing {
    let known = find(name).expect(name);
    Preprocessing { filter: Filter::Tf1Bilinear, side: known.side, scale: known.scale }
}

/// Libraries differ by up to 1e-4 of the largest value: they sum thousands of f32 numbers in other
/// orders.
fn near(name: &str, ours: &Features, golden_name: &str) {
    let apart = relative_difference(ours.values().iter().copied(), golden(golden_name));
    assert!(apart < 1e-4, "{name}: {apart}");
}

#[test]
fn vgg16_equals_torch_fidelitys() {
    let device = Device::flex();
    let network = Vgg16::new(&mut Formula, &device);
    let [fc2, fc2_relu] = [0, 1].map(|i| network.layers()[i]);
    let features = network.features(&pictures(), prepared("vgg16"), &[fc2_relu, fc2]);
    near("vgg16 fc2_relu", &features[0], "vgg16.fc2_relu");
    near("vgg16 fc2", &features[1], "vgg16.fc2");
}

#[test]
fn dinov2_equals_the_hub_code() {
    for (size, pictures) in [(Size::Small, &pictures()[..]), (Size::Base, &pictures()[..1])] {
        let network = DinoV2::new(size, &mut Formula, &Device::flex());
        let features = network.features(pictures, prepared(size.name()), &[size.layer()]);
        near(size.name(), &features[0], size.name());
    }
}

fn similarity(backbone: Backbone) -> Lpips {
    Lpips::new(backbone, &mut Formula, &mut Formula, &Device::flex())
}

/// Squares of differences of f32 features: 1e-4 relative.
fn near_distance(what: &str, ours: f64, theirs: f64) {
    assert!(relative_difference([ours], [theirs]) <= 1e-4, "{what}: {ours} against {theirs}");
}

#[test]
fn lpips_equals_torch_fidelitys_and_the_package() {
    let of = |lpips: &Lpips, height, width, resize| {
        lpips.distance(&[picture(3, height, width)], &[picture(4, height, width)], resize)[0]
    };
    let vgg16 = similarity(Backbone::Vgg16);
    let cases = [
        (100, 80, Some(64)),
        (40, 48, Some(64)),
        (100, 40, Some(64)),
        (64, 64, Some(64)),
        (48, 57, None),
    ];
    let theirs = golden("lpips-vgg16");
    assert_eq!(theirs.len(), cases.len());
    for ((height, width, resize), theirs) in cases.into_iter().zip(theirs) {
        near_distance(
            &format!("{height}×{width} to {resize:?}"),
            of(&vgg16, height, width, resize),
            theirs,
        );
    }
    near_distance("package, VGG16", of(&vgg16, 48, 57, None), golden("lpips.vgg")[0]);
    let squeezenet = similarity(Backbone::SqueezeNet);
    let (sizes, theirs) = ([(64, 64), (65, 50), (96, 67)], golden("lpips.squeeze"));
    assert_eq!(theirs.len(), sizes.len());
    for ((height, width), theirs) in sizes.into_iter().zip(theirs) {
        near_distance(
            &format!("package, SqueezeNet {height}×{width}"),
            of(&squeezenet, height, width, None),
            theirs,
        );
    }
}

#[test]
fn a_picture_is_at_distance_zero_from_itself_and_batches_change_nothing() {
    let lpips = similarity(Backbone::SqueezeNet);
    // Mixed sizes, more than one batch.
    let sizes = [(40, 40), (64, 64), (90, 70)];
    let a: Vec<RgbPicture> = (0..20).map(|i| picture(i, sizes[i % 3].0, sizes[i % 3].1)).collect();
    let b: Vec<RgbPicture> =
        (0..20).map(|i| picture(i + 7, sizes[i % 3].0, sizes[i % 3].1)).collect();
    assert!(lpips.distance(&a, &a, Some(64)).iter().all(|&d| d == 0.0));
    for resize in [Some(64), None] {
        let together = lpips.distance(&a, &b, resize);
        for (i, &d) in together.iter().enumerate() {
            let alone = lpips.distance(&a[i..=i], &b[i..=i], resize)[0];
            assert!((alone - d).abs() <= 1e-5 * alone, "{i}: {alone} against {d}");
        }
    }
    assert!(lpips.distance(&[], &[], None).is_empty());
}

/// The generator of the golden file: level = floor(128 + 50 Σ wⱼ zⱼ), clamped.
fn generator(latents: &[Vec<f32>]) -> Result<Vec<RgbPicture>, std::convert::Infallible> {
    const SIDE: usize = 40;
    let latent = latents[0].len();
    let weight: Vec<f64> =
        uniform("generator", 3 * SIDE * SIDE * latent).map(|u| 2.0 * u - 1.0).collect();
    let picture = |z: &Vec<f32>| {
        let level = |w: &[f64]| w.iter().zip(z).map(|(w, &z)| w * f64::from(z)).sum::<f64>();
        let planes: Vec<u8> = weight
            .chunks(latent)
            .map(|w| (128.0 + 50.0 * level(w)).floor().clamp(0.0, 255.0) as u8)
            .collect();
        let pixels =
            (0..SIDE * SIDE).flat_map(|i| [0, 1, 2].map(|c| planes[c * SIDE * SIDE + i])).collect();
        RgbPicture { width: SIDE, height: SIDE, pixels }
    };
    Ok(latents.iter().map(picture).collect())
}

#[test]
fn path_lengths_equal_torch_fidelitys() {
    let lpips = similarity(Backbone::Vgg16);
    let settings = PplSettings { count: 30, ..PplSettings::new(6) };
    let cases = [
        // Distances of pictures in which some pixels differ by one level: the f32 noise of features
        // is part of them.
        ("ppl.lerp", PplSettings { count: 110, ..settings }, 1e-3),
        (
            "ppl.slerp",
            PplSettings { interpolation: Interpolation::Slerp, epsilon: 0.1, ..settings },
            1e-3,
        ),
        (
            "ppl.unit",
            PplSettings {
                noise: Noise::Unit,
                interpolation: Interpolation::SlerpUnit,
                epsilon: 0.1,
                ..settings
            },
            1e-3,
        ),
    ];
    for (name, settings, tolerance) in cases {
        let ours = ppl(&lpips, &settings, generator).expect("pictures");
        let theirs = golden(name);
        assert!(
            (ours.mean / theirs[0] - 1.0).abs() <= tolerance
                && (ours.std / theirs[1] - 1.0).abs() <= tolerance,
            "{name}"
        );
        assert_eq!(ours.kept as f64, theirs[2], "{name}");
    }
}

#[test]
fn numpys_normal_and_uniform_numbers_are_reproduced() {
    let mut random = RandomState::new(2020);
    let normal: Vec<f64> = (0..7).map(|_| random.normal()).collect();
    let uniform: Vec<f64> = (0..5).map(|_| random.uniform()).collect();
    // The second of the fourth pair comes after the uniform numbers.
    let after: Vec<f64> = (0..4).map(|_| random.normal()).collect();
    assert_eq!(uniform, golden("rand"));
    for (ours, name) in [(normal, "randn"), (after, "randn.after")] {
        // The logarithm may differ by its last bit between C libraries.
        assert_eq!(ours.len(), golden(name).len(), "{name}");
        assert!(
            ours.iter().zip(golden(name)).all(|(a, b)| (a - b).abs() <= 4e-16 * b.abs()),
            "{name}"
        );
    }
}

/// Writes a safetensors file of the formula's numbers in these shapes.
fn write(
    scratch: &Scratch,
    name: &str,
    shapes: &BTreeMap<String, Vec<usize>>,
    metadata: Option<(&str, &str)>,
) -> PathBuf {
    let numbers = |(name, shape): (&String, &Vec<usize>)| -> Vec<u8> {
        tensor(name, shape).iter().flat_map(|v| v.to_le_bytes()).collect()
    };
    let bytes: Vec<Vec<u8>> = shapes.iter().map(numbers).collect();
    let views = shapes.iter().zip(&bytes).map(|((name, shape), bytes)| {
        (name, TensorView::new(Dtype::F32, shape.clone(), bytes).expect("view"))
    });
    let metadata = metadata.map(|(key, value)| HashMap::from([(key.to_owned(), value.to_owned())]));
    let file = scratch.path(name);
    shared::fs::write(&file, &safetensors::serialize(views, metadata).expect("serialize"))
        .expect("write");
    file
}

#[test]
fn keras_inception_equals_keras_and_is_told_from_that_of_fid() {
    let scratch = Scratch::new("keras");
    let golden: serde_json::Value =
        serde_json::from_str(include_str!("../../tests/golden/keras-inception.json"))
            .expect("golden file");
    let mut shapes = BTreeMap::new();
    for (name, shape) in golden["shapes"].as_object().expect("shapes") {
        let shape: Vec<usize> = serde_json::from_value(shape.clone()).expect("a shape");
        for part in ["bias", "running_mean", "running_var"] {
            shapes.insert(format!("{name}.bn.{part}"), shape[..1].to_vec());
        }
        shapes.insert(format!("{name}.conv.weight"), shape);
    }
    let device = Device::flex();
    let file =
        write(&scratch, "keras.safetensors", &shapes, Some(("network", "keras-inception-v3")));
    let network = find("inception-v3-keras").expect("known").load(&file, &device).expect("weights");
    let other = find("inception-v3-compat")
        .expect("known")
        .load(&file, &device)
        .err()
        .expect("taken for the FID InceptionV3")
        .to_string();
    assert!(other.contains("inception-v3-keras"), "{other}");
    assert!(matches!(network.weights(), Weights::File { .. }));
    let features = network.features(
        &pictures(),
        Preprocessing::KERAS_75,
        &[find("inception-v3-keras").expect("known").layer],
    );
    near("inception-v3-keras", &features[0], "keras");

    let nameless =
        write(&scratch, "nameless.safetensors", &BTreeMap::from([("a".to_owned(), vec![2])]), None);
    let error = find("inception-v3-keras")
        .expect("known")
        .load(&nameless, &device)
        .err()
        .expect("accepted")
        .to_string();
    assert!(error.contains("tools/keras_inception.py") && error.contains("nameless"), "{error}");
}

/// Records shapes instead of returning numbers.
#[derive(Default)]
struct Shapes(BTreeMap<String, Vec<usize>>);

impl Parameters for Shapes {
    fn tensor(&mut self, name: &str, shape: &[usize]) -> TensorData {
        self.0.insert(name.to_owned(), shape.to_vec());
        TensorData::new(vec![0.0f32; shape.iter().product()], shape.to_vec())
    }
}

#[test]
fn a_file_gives_the_network_and_errors_name_it_and_the_tensors() {
    let scratch = Scratch::new("networks");
    let device = Device::flex();
    let mut shapes = Shapes::default();
    drop(DinoV2::new(Size::Small, &mut shapes, &device));
    let Shapes(mut shapes) = shapes;
    shapes.insert("embeddings.mask_token".into(), vec![1, 384]);
    let file = write(&scratch, "dinov2.safetensors", &shapes, None);
    let network = find(Size::Small.name()).expect("known").load(&file, &device).expect("weights");
    let wrong = find(Size::Base.name())
        .expect("known")
        .load(&file, &device)
        .err()
        .expect("accepted")
        .to_string();
    let features =
        network.features(&pictures(), prepared(Size::Small.name()), &[Size::Small.layer()]);
    near("from a file", &features[0], Size::Small.name());
    for part in ["facebook/dinov2-base", "has shape [384]"] {
        assert!(wrong.contains(part), "{part} in {wrong}");
    }

    let linear = write(
        &scratch,
        "linear.safetensors",
        &BTreeMap::from([("lin0.model.1.weight".to_owned(), vec![1, 64, 1, 1])]),
        None,
    );
    let error = Lpips::load(Backbone::SqueezeNet, &linear, &linear, &device)
        .expect_err("accepted")
        .to_string();
    assert!(
        error.contains("SqueezeNet 1.1 in torchvision's names") && error.contains("unused: lin0"),
        "{error}"
    );
}

#[test]
fn every_network_can_be_drawn_by_its_name_and_is_seeded() {
    let device = Device::flex();
    let pictures = pictures();
    // VGG16's 138 million numbers are drawn in the test below.
    for known in NETWORKS.iter().filter(|known| known.name != vgg16::NAME) {
        let preprocessing = Preprocessing { side: known.side.min(224), ..prepared(known.name) };
        let of = |seed| {
            let network = known.draw(seed, &device);
            assert!(
                network.layers().contains(&known.layer)
                    && network.weights() == &Weights::Random { seed }
            );
            network.features(&pictures[..1], preprocessing, &[known.layer]).remove(0)
        };
        let (a, b) = (of(1), of(2));
        assert_eq!((a.count(), a.dimensions()), (1, known.layer.dimensions), "{}", known.name);
        assert!(a.values().iter().all(|v| v.is_finite() && v.abs() < 1e4), "{}", known.name);
        assert_ne!(a, b, "{}", known.name);
    }
    assert!(find("alexnet").expect_err("unknown").to_string().contains("dinov2-vit-b-14"));
    assert!(find("random").expect("known").is_untrained());
}

#[test]
fn a_drawn_vgg16_gives_features_of_the_size_of_its_input() {
    let network = VGG16.draw(1, &Device::flex());
    let features = &network.features(&pictures()[..1], prepared(vgg16::NAME), &[vgg16::FC2])[0];
    let mean = features.values().iter().map(|v| v.abs()).sum::<f32>() / 4096.0;
    assert!((1e-2..1e2).contains(&mean), "{mean}");
}

#[test]
fn path_lengths_equal_stylegans() {
    const FILE: &[u8] = include_bytes!("../../tests/golden/stylegan-ppl.safetensors");
    let file = SafeTensors::deserialize(FILE).expect("golden file");
    let expected = |name: &str| -> Vec<f64> {
        let data = file.tensor(name).expect(name);
        data.data().as_chunks().0.iter().map(|&b| f64::from_le_bytes(b)).collect()
    };
    let device = Device::flex();
    let lpips = similarity(Backbone::Vgg16);
    for (kind, side, channels) in
        [(PathKind::Wend2, 64, 3), (PathKind::Wend, 64, 3), (PathKind::Zfull, 512, 1)]
    {
        let name = kind.name();
        let shape = [2, channels, side, side];
        let drawn = |end: &str, scale: f64, shift: f64| {
            let label = format!("{end} {name} {side}");
            let values = uniform(&label, shape.iter().product());
            let values: Vec<f32> = values.map(|u| (scale * u + shift) as f32).collect();
            Tensor::<4>::from_data(TensorData::new(values, shape), &device)
        };
        let first = drawn("first", 2.6, -1.3);
        let second = first.clone() + drawn("second", 0.02, 0.0);
        let ours = stylegan_ppl::distances(&lpips, kind, first, second);
        let theirs = expected(&format!("distances.{name}.{side}.{channels}"));
        let apart = relative_difference(ours.iter().copied(), theirs.iter().copied());
        assert!(apart < 1e-4, "{name}: {ours:?} against {theirs:?}");
    }
    let end = |name: &str| -> Vec<f32> {
        uniform(&format!("arc {name}"), 8).map(|u| (2.0 * u - 1.0) as f32).collect()
    };
    for (t, name) in [(0.0, "arc.0.0"), (1e-4, "arc.0.0001"), (0.3, "arc.0.3")] {
        let ours = stylegan_ppl::arc(&end("a"), &end("b"), t);
        let apart = relative_difference(ours.iter().map(|v| f64::from(*v)), expected(name));
        assert!(apart < 1e-6, "{name}: {apart}");
    }
    let distances = uniform("distances", 250).collect();
    let mean = summary::<std::convert::Infallible>(distances, [1.0, 99.0]).expect("a mean").mean;
    assert!((mean - expected("mean")[0]).abs() < 1e-12);
}
