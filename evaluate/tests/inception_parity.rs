//! The Inception and the metrics against torch-fidelity on real pictures. Without test data
//! (`FLEDGE_TEST_DATA`, or `../shared/data` beside the checkout) the tests are skipped.

use std::path::PathBuf;

use burn::tensor::Device;
use evaluate::metrics::fid::{Divisor, fid};
use evaluate::metrics::isc::{Order, inception_score};
use safetensors::SafeTensors;
use shared::archive::Archive;
use shared::metrics::cache::FeatureCache;
use shared::metrics::extract::{DEFAULT_BATCH, Extractor};
use shared::metrics::features::Features;
use shared::metrics::inception::{self, Inception};
use shared::metrics::kid::{Subsets, over_subsets};
use shared::metrics::network::{FeatureNetwork, Layer};
use shared::metrics::resize::{Preprocessing, RgbPicture};
use shared::metrics::source::InMemory;
use shared::picture::{Limits, Picture};
use shared::testing::relative_difference;

use crate::common::data::{data, skipped};

fn network(data: &std::path::Path) -> Inception {
    Inception::load(&data.join("weights/inception-fid-partial-fp16.pth"), &Device::flex())
        .expect("weights")
}

fn pictures(zip: PathBuf, count: usize) -> Vec<RgbPicture> {
    let archive = Archive::open(zip).expect("zip");
    let decode = |i| {
        RgbPicture::from(
            Picture::decode(&archive.read(i, 1 << 20).expect("entry"), &Limits::default())
                .expect("picture"),
        )
    };
    archive.pictures().take(count).map(decode).collect()
}

const TAPS: [(Layer, &str); 5] = [
    (inception::POOL_64, "tap64"),
    (inception::POOL_192, "tap192"),
    (inception::POOL_768, "tap768"),
    (inception::POOL_2048, "pool2048"),
    (inception::LOGITS_UNBIASED, "logits_unbiased"),
];

#[test]
fn features_at_every_tap_equal_torch_fidelitys() {
    let Some(data) = data() else { return };
    let bytes = shared::fs::read(data.join("golden/birds-first8-features.safetensors"))
        .expect("golden features");
    let golden = SafeTensors::deserialize(&bytes).expect("golden features");
    let birds = pictures(data.join("golden/birds.zip"), 8);
    let ours = network(&data).features(&birds, Preprocessing::TORCH_FIDELITY, &TAPS.map(|t| t.0));
    for ((_, name), ours) in TAPS.iter().zip(&ours) {
        let theirs: Vec<f32> = golden
            .tensor(name)
            .expect("tap")
            .data()
            .as_chunks()
            .0
            .iter()
            .map(|&b| f32::from_le_bytes(b))
            .collect();
        let worst = relative_difference(ours.values().iter().copied(), theirs);
        println!("{name}: largest difference {worst:.1e} of the largest value");
        assert!(worst < 1e-4, "{name}: {worst}");
    }
}

/// All pairs of sets of 300 pictures: minutes on a small machine, so only on request.
#[test]
fn all_pairs_of_sets_agree_with_torch_fidelity() {
    if std::env::var_os("FLEDGE_FULL_PARITY").is_none() {
        skipped("it takes minutes; FLEDGE_FULL_PARITY=1 runs it");
        return;
    }
    let Some(data) = data() else { return };
    let inception = network(&data);
    let extractor = Extractor {
        network: &inception,
        preprocessing: Preprocessing::TORCH_FIDELITY,
        batch: DEFAULT_BATCH,
    };
    let sets: Vec<(String, Vec<Features>)> = ["faces-a", "faces-b", "birds"]
        .map(|name| {
            let source = InMemory {
                origin: name.into(),
                pictures: pictures(data.join(format!("golden/{name}.zip")), usize::MAX),
            };
            let start = std::time::Instant::now();
            let taps = [inception::POOL_2048, inception::LOGITS_UNBIASED, inception::POOL_768];
            let features =
                extractor.features(&source, &taps, &FeatureCache::off()).expect("features");
            println!(
                "{name}: {:.1} pictures/s",
                source.pictures.len() as f64 / start.elapsed().as_secs_f64()
            );
            (name.to_owned(), features)
        })
        .into();
    let golden: serde_json::Value = serde_json::from_slice(
        &shared::fs::read(data.join("golden/metrics.json")).expect("metrics.json"),
    )
    .expect("metrics.json");
    let set = |name: &str| &sets.iter().find(|s| s.0 == name).expect("a set").1;
    let pairs = golden["pairs"].as_object().expect("pairs");
    assert!(!pairs.is_empty(), "no golden pairs");
    for (pair, values) in pairs {
        let (generated, real) = pair.split_once(" vs ").expect("a pair");
        let (generated, real) = (set(generated), set(real));
        let theirs = &values["torch-fidelity"];
        let subsets = Subsets {
            count: theirs["kid_subsets"]
                .as_u64()
                .or(values["kid_subsets"].as_u64())
                .expect("subsets") as usize,
            size: theirs["kid_subset_size"]
                .as_u64()
                .or(values["kid_subset_size"].as_u64())
                .expect("size") as usize,
            ..Subsets::default()
        };
        let kid = over_subsets(&generated[0], &real[0], subsets).expect("kid");
        let score = inception_score(&generated[1], Order::Permuted(2020)).expect("is");
        let check = |name: &str, ours: f64, relative: f64, absolute: f64| {
            let golden = theirs[name].as_f64().expect("a number");
            let difference = (ours - golden).abs();
            println!(
                "{pair}: {name} {ours:.9} against {golden:.9}: difference {difference:.1e}, relative {:.1e}",
                difference / golden.abs()
            );
            assert!(difference <= relative * golden.abs() + absolute, "{pair}: {name}");
        };
        check("kernel_inception_distance_mean", kid.mean, 0.0, 1e-7);
        check("kernel_inception_distance_std", kid.std, 0.0, 1e-7);
        check(
            "frechet_inception_distance",
            fid(&generated[0], &real[0], Divisor::Unbiased).expect("fid"),
            1e-5,
            0.0,
        );
        check("inception_score_mean", score.mean, 1e-4, 0.0);
        check("inception_score_std", score.std, 1e-3, 0.0);
    }
}
