//! The metrics' arithmetic against the functions of the reference libraries on drawn data
//! (`tools/golden_metrics.py`).

use evaluate::metrics::fid::{Divisor, Gaussian, fid, frechet};
use evaluate::metrics::isc::{Order, inception_score};
use serde_json::Value;
use shared::metrics::features::Features;
use shared::metrics::kid::{self, Subsets};
use shared::mt19937::RandomState;

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/metrics.json")).expect("golden file")
}

fn mix(a: u32, b: u32, c: u32) -> u32 {
    (a.wrapping_mul(73_856_093) ^ b.wrapping_mul(19_349_663) ^ c.wrapping_mul(83_492_791))
        .wrapping_mul(2_654_435_761)
}

fn features(kind: u32, count: usize, dimensions: usize) -> Features {
    let value = |i: u32, j: u32| {
        (mix(kind, i, j) >> 8) as f32 / (1 << 24) as f32 * (1.0 + kind as f32 * 0.25)
            + (j % 7) as f32 * 0.1
    };
    Features::new(
        (0..count as u32).flat_map(|i| (0..dimensions as u32).map(move |j| value(i, j))).collect(),
        dimensions,
    )
}

fn number(case: &Value, key: &str) -> f64 {
    case[key].as_f64().unwrap_or_else(|| panic!("{key} in {case}"))
}

fn count(case: &Value, key: &str) -> usize {
    number(case, key) as usize
}

fn list(value: &Value) -> Vec<u32> {
    value
        .as_array()
        .expect("a list")
        .iter()
        .map(|v| v.as_u64().expect("an integer") as u32)
        .collect()
}

#[test]
fn numpys_legacy_generator_is_reproduced() {
    let golden = &golden()["randomstate"];
    let mut random = RandomState::new(2020);
    assert_eq!((0..5).map(|_| random.bits()).collect::<Vec<_>>(), list(&golden["words"]));
    let mut random = RandomState::new(2020);
    let choices = golden["choices"].as_array().expect("cases");
    assert!(!choices.is_empty(), "no golden cases");
    for case in choices {
        let (n, size) =
            (case[0].as_u64().expect("n") as usize, case[1].as_u64().expect("size") as usize);
        assert_eq!(random.choice(n, size), list(&case[2]), "choice({n}, {size})");
    }
    assert_eq!(RandomState::new(u32::MAX).permutation(12), list(&golden["permutation"]));
}

#[test]
fn kid_fid_and_is_equal_torch_fidelitys() {
    let golden = golden();
    let cases = golden["sets"].as_array().expect("cases");
    assert_eq!(cases.len(), 4, "golden cases");
    for case in cases {
        let d = count(case, "dimensions");
        let (generated, real) =
            (features(0, count(case, "generated"), d), features(1, count(case, "real"), d));
        let near = |name: &str, ours: f64, tolerance: f64| {
            let theirs = number(case, name);
            assert!(
                (ours - theirs).abs() <= tolerance * theirs.abs().max(1.0),
                "{name}: {ours} against {theirs} in {case}"
            );
        };
        let subsets = Subsets {
            count: count(case, "subsets"),
            size: count(case, "subset_size"),
            seed: 2020,
            ..Subsets::default()
        };
        let kid = kid::over_subsets(&generated, &real, subsets).expect("kid");
        // Products of centred rows are in f32; we promise 1e-7.
        near("kernel_inception_distance_mean", kid.mean, 1e-8);
        near("kernel_inception_distance_std", kid.std, 1e-8);
        // With few pictures, the reference takes roots of zero eigenvalues up to rounding: √1e-16
        // each.
        near(
            "frechet_inception_distance",
            fid(&generated, &real, Divisor::Unbiased).expect("fid"),
            1e-6,
        );
        let logits = Features::new(generated.values().iter().map(|v| v * 4.0).collect(), d);
        let score = inception_score(&logits, Order::Permuted(2020)).expect("is");
        near("inception_score_mean", score.mean, 1e-6);
        near("inception_score_std", score.std, 1e-6);
    }
}

#[test]
fn the_two_ways_to_the_fid_agree() {
    // Fewer pictures than dimensions: singular values against covariances with noisy zero
    // eigenvalues.
    let (a, b) = (features(0, 40, 64), features(1, 50, 64));
    let gaussian = |set| Gaussian::of(set, Divisor::Unbiased);
    let (short, long) = (
        fid(&a, &b, Divisor::Unbiased).expect("fid"),
        frechet(gaussian(&a), gaussian(&b)).expect("frechet"),
    );
    assert!((short - long).abs() < 1e-6, "{short} against {long}");
}

#[test]
fn a_set_is_at_distance_zero_from_itself() {
    for (n, d) in [(20, 64), (200, 16)] {
        let a = features(3, n, d);
        let distance = fid(&a, &a, Divisor::Unbiased).expect("fid");
        assert!(distance.abs() < 1e-9, "{distance}");
    }
}

#[test]
fn a_subset_larger_than_a_set_is_shrunk_and_says_so() {
    let (a, b) = (features(0, 30, 16), features(1, 50, 16));
    let kid = kid::over_subsets(&a, &b, Subsets::default()).expect("kid");
    assert_eq!((kid.subset_size, kid.shrunk_from, kid.subsets), (30, Some(1000), 100));
    assert!(kid::over_subsets(&features(0, 1, 16), &b, Subsets::default()).is_err());
    assert!(kid::over_subsets(&features(0, 30, 15), &b, Subsets::default()).is_err());
}

#[test]
fn features_that_are_not_finite_are_named() {
    let mut values = features(0, 10, 4).values().to_vec();
    values[13] = f32::NAN;
    let error = fid(&Features::new(values, 4), &features(1, 10, 4), Divisor::Unbiased)
        .expect_err("NaN was accepted")
        .to_string();
    assert!(error.contains("generated") && error.contains("picture 3"), "{error}");
}
