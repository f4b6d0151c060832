use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, TensorView};

use super::super::features::Features;
use super::super::resize::{Preprocessing, RgbPicture};
use super::load::FromStateDict;
use super::parameters::{Parameters, WeightsAndBias};
use super::*;

fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("fledge-inception-{}-{name}", std::process::id()))
}

/// Records the shapes of the network's parameters instead of reading numbers.
#[derive(Default)]
struct Shapes(Vec<(String, Vec<usize>)>);

impl Parameters for Shapes {
    fn convolution(&mut self, name: &str, shape: [usize; 4]) -> WeightsAndBias {
        self.0.push((name.to_owned(), shape.to_vec()));
        (vec![0.0; shape.iter().product()], vec![0.0; shape[0]])
    }

    fn logits(&mut self, shape: [usize; 2]) -> Vec<f32> {
        self.0.push(("fc".into(), shape.to_vec()));
        vec![0.0; shape.iter().product()]
    }
}

/// Writes a safetensors file with one byte pattern under every key, BatchNorm separate or folded;
/// `change` may damage it.
fn write_weights(
    file: &Path,
    folded: bool,
    change: impl FnOnce(&mut BTreeMap<String, Vec<usize>>),
) {
    let mut shapes = Shapes::default();
    let _ = Network::new(Variant::Fid, &mut shapes, &Device::flex());
    let mut keys = BTreeMap::new();
    for (name, shape) in shapes.0 {
        let out = vec![shape[0]];
        if name == "fc" {
            keys.insert("fc.bias".to_owned(), out);
            keys.insert("fc.weight".to_owned(), shape);
            continue;
        }
        keys.insert(format!("{name}.conv.weight"), shape);
        if folded {
            keys.insert(format!("{name}.conv.bias"), out);
        } else {
            for part in ["weight", "bias", "running_mean", "running_var"] {
                keys.insert(format!("{name}.bn.{part}"), out.clone());
            }
            keys.insert(format!("{name}.bn.num_batches_tracked"), vec![]);
        }
    }
    change(&mut keys);
    let largest = keys.values().map(|s| s.iter().product::<usize>()).max().expect("keys");
    // 0.0625 in f16.
    let bytes: Vec<u8> = [0x00, 0x2c].repeat(largest);
    let views = keys.iter().map(|(name, shape)| {
        let view = TensorView::new(
            Dtype::F16,
            shape.clone(),
            &bytes[..2 * shape.iter().product::<usize>()],
        )
        .expect("view");
        (name, view)
    });
    let file_bytes = safetensors::serialize(views, None).expect("serialize");
    fledge_base::fs::write(file, &file_bytes).expect("write");
}

#[test]
fn missing_unused_and_wrongly_shaped_tensors_are_all_named() {
    let file = scratch("spoiled.safetensors");
    write_weights(&file, false, |keys| {
        keys.remove("Mixed_6a.branch3x3.bn.running_var");
        keys.insert("AuxLogits.fc.weight".into(), vec![2]);
        keys.insert("Mixed_7c.branch_pool.conv.weight".into(), vec![192, 2047, 1, 1]);
    });
    let error = Inception::load(&file, &Device::flex()).expect_err("accepted").to_string();
    fledge_base::fs::remove(&file).expect("clear");
    for part in [
        "missing: Mixed_6a.branch3x3.bn.running_var",
        "unused: AuxLogits.fc.weight",
        "Mixed_7c.branch_pool.conv.weight has shape [192, 2047, 1, 1]",
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }
}

#[test]
fn batch_norm_is_folded_and_folded_files_are_read() {
    let (apart, folded) = (scratch("apart.safetensors"), scratch("folded.safetensors"));
    write_weights(&apart, false, |_| {});
    write_weights(&folded, true, |_| {});
    let mut apart_dict = FromStateDict::open(&apart, Variant::Fid).expect("open");
    let mut folded_dict = FromStateDict::open(&folded, Variant::Fid).expect("open");
    fledge_base::fs::remove(&apart).expect("clear");
    fledge_base::fs::remove(&folded).expect("clear");
    // Every number is v: weight v·v/√(v + 1e-3), bias v − v·v/√(v + 1e-3).
    let v = 0.0625f64;
    let scale = v / (v + 1e-3).sqrt();
    let (weight, bias) = apart_dict.convolution("Conv2d_1a_3x3", [32, 3, 3, 3]);
    assert!(
        weight.iter().all(|&w| w == (v * scale) as f32)
            && bias.iter().all(|&b| b == (v - v * scale) as f32)
    );
    let (weight, bias) = folded_dict.convolution("Conv2d_1a_3x3", [32, 3, 3, 3]);
    assert!(weight.iter().chain(&bias).all(|&w| w == 0.0625));
    let _ = Network::new(Variant::Fid, &mut RestOf(&mut folded_dict), &Device::flex());
    assert!(folded_dict.finish().is_ok());
}

/// Takes the parameters after the first convolution.
struct RestOf<'a>(&'a mut FromStateDict);

impl Parameters for RestOf<'_> {
    fn convolution(&mut self, name: &str, shape: [usize; 4]) -> WeightsAndBias {
        if name == "Conv2d_1a_3x3" {
            return (vec![0.0; shape.iter().product()], vec![0.0; shape[0]]);
        }
        self.0.convolution(name, shape)
    }

    fn logits(&mut self, shape: [usize; 2]) -> Vec<f32> {
        self.0.logits(shape)
    }
}

fn noise(seed: u64, side: usize) -> RgbPicture {
    let mut stream = fledge_base::rng::stream(seed, "noise", 0);
    RgbPicture {
        width: side,
        height: side,
        pixels: (0..side * side * 3).map(|_| stream.below(256) as u8).collect(),
    }
}

#[test]
fn the_random_network_is_seeded_and_keeps_the_size_of_activations() {
    let pictures = [noise(1, 20), noise(2, 33)];
    let taps = [LOGITS_UNBIASED, POOL_64, POOL_2048];
    let of = |seed| {
        Inception::random(seed, &Device::flex()).features(&pictures, Preprocessing::KERAS_75, &taps)
    };
    let (a, b, c) = (of(1), of(1), of(2));
    assert_eq!(a, b);
    assert_ne!(a, c);
    assert_eq!(a.iter().map(Features::dimensions).collect::<Vec<_>>(), [1008, 64, 2048]);
    for features in &a {
        let mean =
            features.values().iter().map(|v| v.abs()).sum::<f32>() / features.values().len() as f32;
        assert!((1e-3..1e3).contains(&mean), "{mean}");
    }
}

#[test]
fn a_picture_has_the_same_features_in_any_batch() {
    let inception = Inception::random(3, &Device::flex());
    let pictures: Vec<RgbPicture> = (0..3).map(|i| noise(i, 24)).collect();
    let together = &inception.features(&pictures, Preprocessing::KERAS_75, &[POOL_2048])[0];
    for (i, picture) in pictures.iter().enumerate() {
        let alone = &inception.features(
            std::slice::from_ref(picture),
            Preprocessing::KERAS_75,
            &[POOL_2048],
        )[0];
        let scale = alone.row(0).iter().fold(0f32, |m, v| m.max(v.abs()));
        assert!(
            alone.row(0).iter().zip(together.row(i)).all(|(a, b)| (a - b).abs() <= 1e-5 * scale)
        );
    }
    assert_eq!(inception.features(&[], Preprocessing::KERAS_75, &[POOL_64])[0].count(), 0);
}
