//! The files are written by `tools/golden_stylegan2_pickle.py`, the pictures by the original.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use fledge_base::rng;
use fledge_models::networks::stylegan2::Architecture;
use fledge_models::networks::{self, Generator, Input};
use safetensors::SafeTensors;

use super::*;
use crate::run::Which;
use crate::sampler::{Sampler, Weights};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/stylegan2").join(name)
}

fn bytes_of(name: &str) -> Vec<u8> {
    fs::read(golden(name)).expect(name)
}

/// The error of opening a file with these bytes.
fn refusal(name: &str, bytes: &[u8]) -> String {
    let file = std::env::temp_dir().join(format!("fledge-foreign-{}-{name}", std::process::id()));
    fs::write(&file, bytes).expect("write");
    let opened = open(&file);
    fs::remove(&file).expect("clear");
    let error = opened.err().unwrap_or_else(|| panic!("{name} was accepted")).to_string();
    assert!(error.contains(name), "{error}");
    error
}

fn sampler(name: &str, weights: Weights) -> (Sampler, RunConfig) {
    let opened =
        Sampler::open_weights(&golden(name), Which::Best, weights, &Device::flex()).expect(name);
    (opened.0, opened.1.config)
}

/// The values [16, C, 16, 16] that the generator makes of the seeds 0 to 15 at truncation `psi`.
fn values(sampler: &Sampler, psi: f64) -> Vec<f32> {
    let device = Device::flex();
    let z: Vec<f32> = (0..16).flat_map(|seed| sampler.latent(seed)).collect();
    let length = z.len() / 16;
    let z = burn::tensor::Tensor::<2>::from_data(
        burn::tensor::TensorData::new(z, [16, length]),
        &device,
    );
    let indices: Vec<u32> = (0..16).map(|seed| sampler.class(seed)).collect();
    let classes = fledge_models::layers::Classes::new(&indices, &device);
    let classes = (!sampler.classes().is_empty()).then_some(&classes);
    let mut masks = Masks::None;
    let mut pass = Pass::new(Mode::Infer, classes, &mut masks);
    let generator = sampler.generator();
    let stylegan2 = generator.stylegan2().expect("the family");
    let ws = stylegan2.styles(z.into(), &mut pass).value();
    let ws = stylegan2.truncated(ws, psi, None);
    let made = generator.forward(Input::from(ws), &mut pass);
    made.into_data().iter::<f32>().collect()
}

fn level(value: f32) -> u8 {
    (value * 127.5 + 128.0).clamp(0.0, 255.0) as u8
}

#[test]
fn pictures_of_the_originals_files_are_the_originals() {
    let file = bytes_of("pictures.safetensors");
    let file = SafeTensors::deserialize(&file).expect("golden");
    for (name, stored) in
        [("plain.pkl", "plain"), ("labels.pkl", "labels"), ("rosinality.pt", "plain")]
    {
        let (sampler, _) = sampler(name, Weights::Averaged);
        for (psi, text) in [(1.0, "1"), (0.7, "0.7")] {
            let found = values(&sampler, psi);
            let view = file.tensor(&format!("{stored}.{text}.values")).expect("values");
            let exact = checkpoint::values(&view);
            let pictures = file.tensor(&format!("{stored}.{text}.pictures")).expect("pictures");
            assert_eq!(found.len(), exact.len());
            let off = found.iter().zip(&exact).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            // Rounding in f32, of which the trainers differ by the order of sums.
            assert!(off < 2e-5, "{name}, psi {psi}: {off:.1e}");
            println!("{name}, psi {psi}: {off:.1e}");
            for (value, level_there) in found.iter().zip(pictures.data()) {
                assert!(level(*value).abs_diff(*level_there) <= 1, "{name}, psi {psi}");
            }
        }
    }
}

#[test]
fn pictures_by_seed_are_those_of_generate_py() {
    let file = bytes_of("pictures.safetensors");
    let file = SafeTensors::deserialize(&file).expect("golden");
    for name in ["plain", "labels"] {
        let (sampler, config) = sampler(&format!("{name}.pkl"), Weights::Averaged);
        let seeds: Vec<u64> = (0..16).collect();
        let pictures = sampler.pictures(&seeds);
        let stored = file.tensor(&format!("{name}.1.pictures")).expect("pictures");
        let channels = config.data.channels;
        for (picture, stored) in pictures.iter().zip(stored.data().chunks(channels * 256)) {
            for (i, found) in picture.pixels.iter().enumerate() {
                let there = stored[i % channels * 256 + i / channels];
                assert!(found.abs_diff(there) <= 1, "{name}: {found}, {there}");
            }
        }
    }
}

#[test]
fn seeds_are_numpys() {
    let file = bytes_of("pictures.safetensors");
    let file = SafeTensors::deserialize(&file).expect("golden");
    let read = |name: &str| -> Vec<f64> {
        let view = file.tensor(name).expect(name);
        view.data().as_chunks().0.iter().map(|&b| f64::from_le_bytes(b)).collect()
    };
    let drawn = |mut state: RandomState| -> Vec<f64> { (0..5).map(|_| state.normal()).collect() };
    let seeds = [0, 7, 4_294_967_295].map(|seed| drawn(RandomState::of_seed(seed)));
    assert_eq!(seeds.concat(), read("latents"));
    assert_eq!(drawn(RandomState::of_seed((1 << 32) + 5)), read("latents.array"));
    let (sampler, _) = sampler("plain.pkl", Weights::Averaged);
    let latent = sampler.latent(7);
    assert_eq!(latent.len(), 8);
    let expected = drawn(RandomState::of_seed(7));
    assert!(latent.iter().zip(expected).all(|(a, b)| *a == b as f32));
}

#[test]
fn the_settings_are_those_of_the_file() {
    let of = |name: &str| {
        let config = sampler(name, Weights::Averaged).1;
        match (config.settings.generator.clone(), config.settings.discriminator.clone()) {
            (
                networks::GeneratorConfig::Stylegan2(g),
                networks::DiscriminatorConfig::Stylegan2(d),
            ) => (config, g, d),
            _ => panic!("another family"),
        }
    };
    let (config, g, d) = of("plain.pkl");
    let data = &config.data;
    assert_eq!((data.size, data.channels, data.classes.len(), data.mirror), (16, 3, 0, true));
    assert_eq!((g.latent, g.styles, g.mapping_layers, g.mapping_rate), (8, 8, 2, 0.01));
    assert_eq!((g.channel_base, g.channel_max, g.clamp), (128, 10, 256.0));
    assert_eq!((g.architecture, d.architecture), (Architecture::Skip, Architecture::Resnet));
    assert_eq!((d.minibatch_stddev, d.clamp, d.freeze), (8, 256.0, 0));
    let (config, g, d) = of("labels.pkl");
    let data = &config.data;
    assert_eq!((data.size, data.channels, data.mirror), (16, 1, false));
    assert_eq!(data.classes, ["0", "1", "2"]);
    // No multiple of the extents: it does not follow from the shapes.
    assert_eq!((g.channel_base, g.channel_max, g.clamp), (60, 9, 2.0));
    assert_eq!((g.architecture, d.architecture), (Architecture::Resnet, Architecture::Skip));
    assert_eq!((g.mapping_layers, d.mapping_layers, d.minibatch_stddev), (3, 2, 4));
    let (_, g, d) = of("rosinality.pt");
    assert_eq!((g.latent, g.mapping_layers, g.clamp, d.clamp), (8, 2, 0.0, 0.0));
    assert_eq!([4, 8, 16].map(|n| (g.channels(n), d.channels(n))), [(10, 10), (10, 10), (8, 8)]);
}

#[test]
fn each_network_has_its_own_weights_and_all_files_those_of_the_first() {
    let constant = |generator: &Generator| {
        let stylegan2 = generator.stylegan2().expect("the family");
        stylegan2.synthesis.blocks[0].constant.as_ref().expect("constant").to_vec()
    };
    let [ema, trained] =
        [Weights::Averaged, Weights::Trained].map(|weights| sampler("plain.pkl", weights).0);
    assert_ne!(constant(ema.generator()), constant(trained.generator()));
    for (weights, plain) in [(Weights::Averaged, ema), (Weights::Trained, trained)] {
        let other = sampler("rosinality.pt", weights).0;
        assert_eq!(constant(plain.generator()), constant(other.generator()));
    }
    let judges = ["plain.pkl", "rosinality.pt"].map(|name| {
        let checkpoint = open(&golden(name)).expect(name);
        let mut network = checkpoint.meta.config.discriminator(&Device::flex());
        checkpoint.load("discriminator", &mut network).expect(name);
        network.parameters().into_iter().map(|(name, p)| (name, p.to_vec())).collect::<Vec<_>>()
    });
    assert_eq!(judges[0], judges[1]);
}

#[test]
fn an_average_that_is_not_there_is_that_of_drawn_latents() {
    let with = open(&golden("rosinality.pt")).expect("sound");
    let config = with.meta.config.clone();
    let described = describe(&bytes_of("rosinality.pt")).expect("sound");
    let mut parts = described.parts;
    parts.get_mut("ema").expect("ema").remove(AVERAGE);
    assert_eq!(described::problems(&config, &parts), Vec::<String>::new());
    let networks = Networks {
        path: "x.pt".into(),
        bytes: bytes_of("rosinality.pt"),
        config: config.clone(),
        parts,
    };
    let without = Checkpoint::of_parts(Arc::new(networks), with.meta.clone());
    let average = |checkpoint: &Checkpoint| {
        let mut network = config.generator(&Device::flex());
        checkpoint.load("ema", &mut network).expect("loads");
        network
    };
    let network = average(&without);
    let stylegan2 = network.stylegan2().expect("the family");
    let found = stylegan2.mapping.average.as_ref().expect("average").to_vec();
    let z = rng::stream(1, "others", 0).normals(4096 * 8);
    let mut masks = Masks::None;
    let pass = Pass::new(Mode::Infer, None, &mut masks);
    let other = described::average_of(stylegan2, z, &pass);
    // Means of 4,096 values of a deviation around 1 differ by some hundredths.
    assert!(found.iter().zip(&other).all(|(a, b)| (a - b).abs() < 0.2), "{found:?} {other:?}");
    let drawn = average(&with);
    let given =
        drawn.stylegan2().and_then(|g| g.mapping.average.clone()).expect("average").to_vec();
    assert!(found.iter().zip(&given).any(|(a, b)| (a - b).abs() > 0.2), "it was drawn in the file");
}

#[test]
fn tensors_that_are_missing_unused_or_misshapen_are_named_in_groups() {
    let Described { facts, mut parts } = nvidia::read(&bytes_of("plain.pkl")).expect("sound");
    let config = facts.config(Path::new("x.pkl"), "0").expect("valid");
    assert_eq!(described::problems(&config, &parts), Vec::<String>::new());
    let ema = parts.get_mut("ema").expect("ema");
    let taken = ema.remove("mapping.fc0.bias").expect("a tensor");
    ema.insert("mapping.fc9.bias".into(), taken);
    let judge = parts.get_mut("discriminator").expect("D");
    judge.get_mut("b4.out.weight").expect("a tensor").shape = vec![2, 5];
    assert_eq!(
        described::problems(&config, &parts),
        [
            "discriminator: b4.out.weight has shape [2, 5], expected [1, 10]",
            "ema: missing: mapping.fc0.bias",
            "ema: unused: mapping.fc9.bias",
        ]
    );
    // The same through a file: a name that occurs in all networks.
    let mut bytes = bytes_of("plain.pkl");
    let name = b"noise_strength";
    let at = bytes.windows(name.len()).position(|window| window == name).expect("there");
    bytes[at..at + name.len()].copy_from_slice(b"noise_straight");
    let error = refusal("renamed.pkl", &bytes);
    assert!(
        error.contains("ema: missing: synthesis.b16.conv0.noise_strength")
            && error.contains("ema: unused: synthesis.b16.conv0.noise_straight"),
        "{error}"
    );
}

#[test]
fn sizes_that_no_network_has_are_refused_before_anything_is_made_of_them() {
    let with = |change: &dyn Fn(&mut described::StyleFacts)| {
        let described = nvidia::read(&bytes_of("plain.pkl")).expect("sound");
        let described::Facts::Stylegan2(mut facts) = described.facts else {
            panic!("a translator")
        };
        change(&mut facts);
        described::Facts::Stylegan2(facts)
            .config(Path::new("x.pkl"), "0")
            .map(drop)
            .map_err(|e| e.to_string())
    };
    assert_eq!(with(&|_| ()), Ok(()));
    let huge = usize::MAX >> 1;
    for (change, named) in [
        (&|f: &mut described::StyleFacts| f.size = huge, "powers of two"),
        (&|f: &mut described::StyleFacts| f.size = 0, "powers of two"),
        (&|f: &mut described::StyleFacts| f.channels = 4, "4 channels"),
        (&|f: &mut described::StyleFacts| f.classes = huge, "classes"),
        (&|f: &mut described::StyleFacts| f.generator.styles = huge, "features"),
        (
            &|f: &mut described::StyleFacts| {
                (f.discriminator.channel_base, f.discriminator.channel_max) = (huge, huge)
            },
            "features",
        ),
        (&|f: &mut described::StyleFacts| f.generator.latent = 0, "generator.latent"),
        (&|f: &mut described::StyleFacts| f.generator.channel_max = 0, "generator.channel_max"),
        (&|f: &mut described::StyleFacts| f.discriminator.channel_base = 0, "channel_base"),
        (&|f: &mut described::StyleFacts| f.generator.mapping_layers = huge, "mapping_layers"),
    ] as [(&dyn Fn(&mut described::StyleFacts), &str); 10]
    {
        let error = with(change).expect_err(named);
        assert!(error.contains(named), "{error}");
    }
}

#[test]
fn a_file_that_calls_anything_else_is_refused_with_that_name_and_runs_nothing() {
    let sound = bytes_of("plain.pkl");
    let name = b"_reconstruct_persistent_obj";
    let at = sound.windows(name.len()).position(|window| window == name).expect("there");
    let mut other = sound.clone();
    other[at..at + name.len()].copy_from_slice(b"_construct_persistent_obj()");
    let error = refusal("call.pkl", &other);
    assert!(
        error.contains("torch_utils.persistence._construct")
            && error.contains("nothing was executed")
    );
    // In the file of a storage, within the string that holds it.
    let name = b"ctorch\nFloatStorage\n";
    let at = sound.windows(name.len()).position(|window| window == name).expect("there");
    let mut other = sound.clone();
    other[at..at + name.len()].copy_from_slice(b"cposix\nsystem123456\n");
    assert!(refusal("storage.pkl", &other).contains("posix.system123456"));
    let error = refusal("tf.pkl", b"\x80\x02cdnnlib.tflib.network\nNetwork\n)\x81.");
    assert!(error.contains("legacy.py"), "{error}");
    for (i, bytes) in
        [&b""[..], b"no pickle", b"\x80\x04}.", b"\x80\x04N.", b"PK\x03\x04"].iter().enumerate()
    {
        refusal(&format!("nothing-{i}.pkl"), bytes);
    }
}

#[test]
fn a_file_that_was_cut_off_is_refused_wherever_that_was() {
    for name in ["plain.pkl", "rosinality.pt"] {
        let whole = bytes_of(name);
        for cut in (0..whole.len()).step_by(whole.len() / 61) {
            refusal(&format!("cut-{cut}-{name}"), &whole[..cut]);
        }
    }
}

#[test]
fn damaged_bytes_are_an_error_or_other_weights_but_never_a_panic() {
    let mut stream = rng::stream(3, "damage", 0);
    for name in ["plain.pkl", "labels.pkl", "rosinality.pt"] {
        let whole = bytes_of(name);
        let file =
            std::env::temp_dir().join(format!("fledge-foreign-{}-damaged", std::process::id()));
        for _ in 0..60 {
            let mut bytes = whole.clone();
            for _ in 0..=stream.below(8) {
                let at = stream.below(bytes.len() as u64) as usize;
                bytes[at] = stream.bits() as u8;
            }
            fs::write(&file, &bytes).expect("write");
            if let Ok(checkpoint) = open(&file) {
                let mut network = checkpoint.meta.config.generator(&Device::flex());
                drop(checkpoint.load("ema", &mut network));
            }
        }
        fs::remove(&file).expect("clear");
    }
}

#[test]
fn numbers_that_are_not_finite_are_refused_by_name() {
    let described = nvidia::read(&bytes_of("plain.pkl")).expect("sound");
    let tensor = described.parts["ema"]["mapping.w_avg"].clone();
    let mut bytes = bytes_of("plain.pkl");
    let values = tensor.read(&bytes);
    let at = bytes.windows(values.len()).position(|window| window == values).expect("there");
    bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    let file = std::env::temp_dir().join(format!("fledge-foreign-{}-nan.pkl", std::process::id()));
    fs::write(&file, &bytes).expect("write");
    let checkpoint = open(&file).expect("sound");
    let mut network = checkpoint.meta.config.generator(&Device::flex());
    let error = checkpoint.load("ema", &mut network).expect_err("not finite").to_string();
    fs::remove(&file).expect("clear");
    assert!(error.contains("nan.pkl") && error.contains("mapping.w_avg"), "{error}");
}

#[test]
fn a_file_is_its_only_checkpoint() {
    let path = golden("plain.pkl");
    for which in [Which::Best, Which::Latest, Which::Step(0)] {
        let checkpoint = crate::run::open_checkpoint(&path, which).expect("there");
        assert!(checkpoint.is_foreign() && checkpoint.has("ema") && !checkpoint.has("optimizer"));
        checkpoint.verify().expect("whole");
    }
    let error =
        crate::run::open_checkpoint(&path, Which::Step(7)).expect_err("no such").to_string();
    assert!(error.contains("plain.pkl has no checkpoint 7; available: 0"), "{error}");
}
